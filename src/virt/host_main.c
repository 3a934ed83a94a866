/*
 * solovirt-host URI [NAME=VALUE...]: serves the verbs of host_verbs.h for one libvirt, on the socket that the daemon left it (3).  The
 * words are those of ovs_place_set(): where Open vSwitch of another machine is.
 */
#include "config.h"

#include <libxml/parser.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/virt/host.h"
#include "src/virt/host_guard.h"
#include "src/virt/host_ovs.h"

/* virConnectOpen() knows no deadline: a mute socket would hold it for ever. */
enum { OPEN_SECONDS = 20 };

static GMutex opening; /* around opened */
static GCond opening_over;
static bool opened;

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
	service_die("libvirt's event loop failed: %s", virGetLastErrorMessage());
}

/* Nothing but the end of the process frees a thread that hangs in an open. */
static void *
patience_run(void *uri)
{
	gint64 until = clock_monotonic_ms() * 1000 + OPEN_SECONDS * G_USEC_PER_SEC;
	bool over = false;

	g_mutex_lock(&opening);
	while (!opened && !over)
		over = !g_cond_wait_until(&opening_over, &opening, until);
	g_mutex_unlock(&opening);
	if (over)
		service_die("cannot reach libvirt at %s: the connection did not open within %d s", (const char *)uri, OPEN_SECONDS);
	return NULL;
}

static void
patience_begin(const char *uri)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, patience_run, (void *)(uintptr_t)uri) != 0)
		service_die("cannot start a thread");
	pthread_detach(thread);
}

static void
patience_end(void)
{
	g_mutex_lock(&opening);
	opened = true;
	g_cond_signal(&opening_over);
	g_mutex_unlock(&opening);
}

/* The loop has to run before the first open: keep-alive and events are its work. */
static void
start_libvirt(const char *uri)
{
	struct error err = { 0 };
	virConnectPtr connection;
	pthread_t thread;

	virSetErrorFunc(NULL, ignore_error);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		service_die("libvirt cannot start: %s", virGetLastErrorMessage());
	if (pthread_create(&thread, NULL, event_loop_run, NULL) != 0)
		service_die("cannot start a thread");
	patience_begin(uri);
	connection = host_connect(&err);
	if (connection == NULL || host_events_start(connection, &err) < 0)
		service_die("%s", err.text);
	host_keep_alive(connection);
	guard_watch();
	patience_end();
}

static const struct service service = {
	.program = "solovirt-host",
	.lanes = HOST_LANES,
	.run = host_run,
};

int
main(int argc, char **argv)
{
	bool known = argc >= 2;

	for (int i = 2; known && i < argc; i++)
		known = ovs_place_set(argv[i]);
	if (!known) {
		fprintf(stderr, "usage: solovirt-host URI [NAME=VALUE...] (started by solovirtd, its socket on descriptor %d)\n",
		    SERVICE_CHANNEL);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	xmlInitParser();
	service_init(&service);
	host_init(argv[1]);
	start_libvirt(argv[1]);
	_exit(service_run()); /* consoles and lanes end with the process */
}
