/* solovirt-host URI: serves the verbs of host_verbs.h for one libvirt, on the socket that the daemon left it (3). */
#include "config.h"

#include <libxml/parser.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/virt/host.h"

/* virConnectOpen() knows no deadline: a mute socket would hold it for ever. */
enum { OPEN_SECONDS = 20 };

static void
ignore_error(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static void *
event_loop_run(void *arg)
{
	(void)arg;
	while (virEventRunDefaultImpl() == 0)
		;
	host_die("libvirt's event loop failed: %s", virGetLastErrorMessage());
}

static void
on_alarm(int number)
{
	static const char text[] = "solovirt-host: libvirt does not answer: the connection took too long to open\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

/* The loop has to run before the first open: keep-alive and events are its work. */
static void
start_libvirt(void)
{
	struct error err = { 0 };
	virConnectPtr connection;
	pthread_t thread;

	virSetErrorFunc(NULL, ignore_error);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		host_die("libvirt cannot start: %s", virGetLastErrorMessage());
	if (pthread_create(&thread, NULL, event_loop_run, NULL) != 0)
		host_die("cannot start a thread");
	alarm(OPEN_SECONDS);
	connection = host_connect(&err);
	if (connection == NULL || host_events_start(connection, &err) < 0)
		host_die("%s", err.text);
	alarm(0);
}

/* Reads until the daemon is gone.  Returns the process's exit status. */
static int
read_channel(void)
{
	for (;;) {
		struct error err = { 0 };
		json_t *message = NULL;
		int fd = -1;
		int got = channel_read(HOST_CHANNEL, &message, &fd, &err);

		if (got == 0)
			return 0;
		if (got < 0)
			host_die("%s", err.text);
		host_lanes_push(message, fd);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: solovirt-host URI (started by solovirtd, its socket on descriptor %d)\n",
		    HOST_CHANNEL);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	xmlInitParser();
	host_init(argv[1]);
	start_libvirt();
	host_lanes_start();
	_exit(read_channel()); /* consoles and lanes end with the process */
}
