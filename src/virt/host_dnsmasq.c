/* Processes of dnsmasq, libvirt's and our own: known by their pid file, awaited so that their end can be told. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/virt/host.h"

enum { STOP_MS = 3000 };

/* A pid file may outlive its process: the name must fit, too.  One that nobody has waited for yet (Z) has ended. */
static bool
is_dnsmasq(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid), *start = g_strdup_printf("%s (dnsmasq) ", pid), *stat = NULL;

	return g_file_get_contents(path, &stat, NULL, NULL) && g_str_has_prefix(stat, start) && strchr("ZX", stat[strlen(start)]) == NULL;
}

pid_t
host_dnsmasq_find(const char *pid_file)
{
	g_autofree char *pid = NULL;
	guint64 number;

	if (g_file_get_contents(pid_file, &pid, NULL, NULL) && g_ascii_string_to_unsigned(g_strstrip(pid), 10, 2, G_MAXINT, &number, NULL) &&
	    is_dnsmasq(pid))
		return (pid_t)number;
	return -1;
}

void
host_dnsmasq_reload(const char *pid_file)
{
	pid_t pid = host_dnsmasq_find(pid_file);

	if (pid > 0)
		kill(pid, SIGHUP);
}

/* Its number may be another process's once it has ended: only what is still there when it is held is meant.  -1: it has ended. */
static int
hold(const char *pid_file, pid_t pid)
{
	int fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 && host_dnsmasq_find(pid_file) != pid) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int
host_dnsmasq_stop(const char *pid_file, struct error *err)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	struct pollfd end = { .fd = hold(pid_file, host_dnsmasq_find(pid_file)), .events = POLLIN };
	int ended = end.fd < 0;

	for (size_t i = 0; i < G_N_ELEMENTS(signals) && ended <= 0; i++) {
		syscall(SYS_pidfd_send_signal, end.fd, signals[i], NULL, 0);
		ended = poll(&end, 1, STOP_MS);
	}
	if (end.fd >= 0)
		close(end.fd);
	return ended > 0 ? 0 : error_set(err, ETIMEDOUT, "the DHCP server (dnsmasq) of %s does not end", pid_file);
}

/* --- their end ------------------------------------------------------------------------------------------------------- */

/* A server whose end is awaited. */
struct server {
	const char *noun;
	char *name;
	pid_t pid;
};

/* Two lanes must not begin to await the same server at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *watched; /* their pids; under lock */

static void
server_free(void *pointer)
{
	struct server *server = pointer;

	g_free(server->name);
	g_free(server);
}

static void
on_end(int watch, int fd, int events, void *opaque)
{
	const struct server *server = opaque;

	(void)events;
	host_events_loss(server->noun, server->name);
	pthread_mutex_lock(&lock);
	g_hash_table_remove(watched, GINT_TO_POINTER(server->pid));
	pthread_mutex_unlock(&lock);
	virEventRemoveHandle(watch); /* frees the server, later */
	close(fd);
}

static void
watch_server(const char *pid_file, const char *noun, const char *name, pid_t pid)
{
	int fd = hold(pid_file, pid);
	struct server *server;

	if (fd < 0)
		return;
	server = g_new(struct server, 1);
	*server = (struct server){ noun, g_strdup(name), pid };
	if (virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_end, server, server_free) < 0) {
		server_free(server);
		close(fd);
		return;
	}
	g_hash_table_add(watched, GINT_TO_POINTER(pid));
}

void
host_dnsmasq_watch(const char *pid_file, const char *noun, const char *name)
{
	pid_t pid = host_dnsmasq_find(pid_file);

	pthread_mutex_lock(&lock);
	if (watched == NULL)
		watched = g_hash_table_new(NULL, NULL);
	if (pid > 0 && !g_hash_table_contains(watched, GINT_TO_POINTER(pid)))
		watch_server(pid_file, noun, name, pid);
	pthread_mutex_unlock(&lock);
}
