/*
 * Who gets which address, as files that the network's dnsmasq watches: adding one costs a rename, where libvirt's own way
 * (virNetworkUpdate) runs some forty times iptables.  Only where libvirt is on this machine.
 *
 *   /var/lib/libvirt/dnsmasq/<network>.solovirt/52:54:00:12:34:56_192.168.77.5     "52:54:00:12:34:56,192.168.77.5,web"
 *
 * dnsmasq learns of a new file by itself; to forget one it needs a SIGHUP (dnsmasq(8), --dhcp-hostsdir).
 */
#include "config.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/virt/host.h"

#define LIBVIRT_DNSMASQ "/var/lib/libvirt/dnsmasq"
#define LIBVIRT_NETWORK_PIDS "/run/libvirt/network"

/* Two lanes must not look for the same address, nor begin to await the same server, at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

char *
host_dhcp_directory(const char *network)
{
	if (!host_is_local() || strchr(network, '/') != NULL)
		return NULL;
	mkdir(LIBVIRT_DNSMASQ, 0755); /* libvirt makes it with the first network */
	if (access(LIBVIRT_DNSMASQ, W_OK) != 0)
		return NULL;
	return g_strdup_printf("%s/%s.solovirt", LIBVIRT_DNSMASQ, network);
}

int
host_dhcp_prepare(const char *directory, struct error *err)
{
	/* dnsmasq is not root. */
	if ((mkdir(directory, 0755) != 0 && errno != EEXIST) || chmod(directory, 0755) != 0)
		return error_errno(err, "cannot make %s", directory);
	return 0;
}

/* --- dnsmasq ------------------------------------------------------------------------------------------------------ */

/* A pid file may outlive its process: the name must fit, too.  One that nobody has waited for yet (Z) has ended. */
static bool
is_dnsmasq(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid), *start = g_strdup_printf("%s (dnsmasq) ", pid), *stat = NULL;

	return g_file_get_contents(path, &stat, NULL, NULL) && g_str_has_prefix(stat, start) && strchr("ZX", stat[strlen(start)]) == NULL;
}

/* The process that serves a network, or -1. */
static pid_t
server_of(const char *network)
{
	g_autofree char *path = g_strdup_printf("%s/%s.pid", LIBVIRT_NETWORK_PIDS, network), *pid = NULL;
	guint64 number;

	if (g_file_get_contents(path, &pid, NULL, NULL) && g_ascii_string_to_unsigned(g_strstrip(pid), 10, 2, G_MAXINT, &number, NULL) &&
	    is_dnsmasq(pid))
		return (pid_t)number;
	return -1;
}

bool
host_dhcp_is_served(const char *network)
{
	return server_of(network) > 0;
}

void
host_dhcp_reload(const char *network)
{
	pid_t pid = server_of(network);

	if (pid > 0)
		kill(pid, SIGHUP);
}

/* A server whose end is awaited. */
struct server {
	char *network;
	pid_t pid;
};

static pid_t watched; /* the newest; under lock */

static void
server_free(void *pointer)
{
	struct server *server = pointer;

	g_free(server->network);
	g_free(server);
}

static void
on_end(int watch, int fd, int events, void *opaque)
{
	const struct server *server = opaque;

	(void)events;
	host_events_loss("dhcp", server->network);
	pthread_mutex_lock(&lock);
	if (watched == server->pid)
		watched = 0;
	pthread_mutex_unlock(&lock);
	virEventRemoveHandle(watch); /* frees the server, later */
	close(fd);
}

/* Its number may be another process's once it has ended: only what still serves when it is held is awaited. */
static void
watch_server(const char *network, pid_t pid)
{
	int fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	struct server *server;

	if (fd < 0 || server_of(network) != pid) {
		if (fd >= 0)
			close(fd);
		return;
	}
	server = g_new(struct server, 1);
	*server = (struct server){ g_strdup(network), pid };
	if (virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_end, server, server_free) < 0) {
		server_free(server);
		close(fd);
		return;
	}
	watched = pid;
}

void
host_dhcp_watch(const char *network)
{
	pid_t pid = server_of(network);

	pthread_mutex_lock(&lock);
	if (pid != watched)
		watch_server(network, pid);
	pthread_mutex_unlock(&lock);
}

/* --- one entry ---------------------------------------------------------------------------------------------------- */

/* They become the name of a file. */
static int
check(const char *mac, const char *ip, struct error *err)
{
	static const char pattern[] = "^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$";
	struct in_addr address;

	if (!g_regex_match_simple(pattern, mac, 0, 0))
		return error_set(err, EINVAL, "\"%s\" is not the address of an interface", mac);
	if (inet_pton(AF_INET, ip, &address) != 1)
		return error_set(err, EINVAL, "\"%s\" is not an IPv4 address", ip);
	return 0;
}

static char *
file_name(const char *mac, const char *ip)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1);

	return g_strdup_printf("%s_%s", lower, ip);
}

/* In a line of dnsmasq a number is a time and some words are orders; a guest called so goes without a name. */
static bool
is_safe_name(const char *name)
{
	return name != NULL && g_ascii_isalpha(name[0]) && strcmp(name, "ignore") != 0 && strcmp(name, "infinite") != 0 &&
	    strpbrk(name, ",:# \n") == NULL;
}

static char *
line_new(const char *mac, const char *ip, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1);

	return g_strdup_printf("%s,%s%s%s\n", lower, ip, is_safe_name(name) ? "," : "", is_safe_name(name) ? name : "");
}

/* By a name that dnsmasq does not look at, then a rename: it never sees half a line. */
static int
write_line(const char *path, const char *line, struct error *err)
{
	g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
	g_autofree char *temporary = g_strdup_printf("%s/.%s", folder, name);
	size_t length = strlen(line);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return error_errno(err, "cannot make %s", temporary);
	if (write(fd, line, length) != (ssize_t)length || fchmod(fd, 0644) != 0 || rename(temporary, path) != 0) {
		error_errno(err, "cannot write %s", path);
		unlink(temporary);
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* Names of all entries; never NULL but for an error. */
static GPtrArray *
names_of(const char *directory, struct error *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	DIR *dir = opendir(directory);

	if (dir == NULL && errno == ENOENT)
		return g_steal_pointer(&names);
	if (dir == NULL) {
		error_errno(err, "cannot read %s", directory);
		return NULL;
	}
	for (const struct dirent *item; (item = readdir(dir)) != NULL;)
		if (item->d_name[0] != '.' && strchr(item->d_name, '_') != NULL)
			g_ptr_array_add(names, g_strdup(item->d_name));
	closedir(dir);
	return g_steal_pointer(&names);
}

/* Removes what has the same mac or the same ip, but not both.  1 when there was something, 0, or -1. */
static int
remove_rivals(const char *directory, const char *wanted, struct error *err)
{
	g_autoptr(GPtrArray) names = names_of(directory, err);
	size_t mac = strcspn(wanted, "_");
	int removed = 0;

	for (guint i = 0; names != NULL && i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = g_build_filename(directory, name, NULL);
		if (strcmp(name, wanted) == 0 || (strncmp(name, wanted, mac + 1) != 0 && strcmp(strchr(name, '_'), wanted + mac) != 0))
			continue;
		if (unlink(path) != 0 && errno != ENOENT)
			return error_errno(err, "cannot remove %s", path);
		removed = 1;
	}
	return names == NULL ? -1 : removed;
}

/* --- public ------------------------------------------------------------------------------------------------------- */

static int
set(const char *directory, const char *network, const char *path, const char *line, struct error *err)
{
	g_autofree char *name = g_path_get_basename(path), *old = NULL;
	int removed = remove_rivals(directory, name, err);
	bool same = g_file_get_contents(path, &old, NULL, NULL) && strcmp(old, line) == 0;

	if (removed < 0 || host_dhcp_prepare(directory, err) < 0 || (!same && write_line(path, line, err) < 0))
		return -1;
	if (removed > 0)
		host_dhcp_reload(network);
	return 0;
}

int
host_dhcp_set(const char *directory, const char *network, const char *mac, const char *ip, const char *name,
    struct error *err)
{
	int rc = check(mac, ip, err);

	if (rc < 0)
		return -1;
	g_autofree char *file = file_name(mac, ip), *path = g_build_filename(directory, file, NULL), *line = line_new(mac, ip, name);
	pthread_mutex_lock(&lock);
	rc = set(directory, network, path, line, err);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
host_dhcp_remove(const char *directory, const char *network, const char *mac, const char *ip, struct error *err)
{
	if (check(mac, ip, err) < 0)
		return -1;
	g_autofree char *file = file_name(mac, ip), *path = g_build_filename(directory, file, NULL);
	if (unlink(path) == 0)
		host_dhcp_reload(network);
	else if (errno != ENOENT)
		return error_errno(err, "cannot remove %s", path);
	return 0;
}

json_t *
host_dhcp_list(const char *directory, struct error *err)
{
	g_autoptr(GPtrArray) names = names_of(directory, err);
	json_t *list = names == NULL ? NULL : json_array();

	for (guint i = 0; names != NULL && i < names->len; i++) {
		g_auto(GStrv) key = g_strsplit(names->pdata[i], "_", 2);
		g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL), *line = NULL;
		/* One that a power cut left empty serves nobody: it is not there. */
		if (!g_file_get_contents(path, &line, NULL, NULL))
			continue;
		g_auto(GStrv) parts = g_strsplit(g_strchomp(line), ",", 3);
		if (g_strv_length(parts) < 2 || strcmp(parts[0], key[0]) != 0 || strcmp(parts[1], key[1]) != 0)
			continue;
		json_array_append_new(list,
		    json_pack("{s:s,s:s,s:s}", "mac", key[0], "ip", key[1], "name", parts[2] != NULL ? parts[2] : ""));
	}
	return list;
}
