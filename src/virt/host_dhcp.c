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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/virt/host.h"

#define LIBVIRT_DNSMASQ "/var/lib/libvirt/dnsmasq"
#define LIBVIRT_NETWORK_PIDS "/run/libvirt/network"

/* Two lanes must not look for the same address at a time. */
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

static char *
pid_file(const char *network)
{
	return g_strdup_printf("%s/%s.pid", LIBVIRT_NETWORK_PIDS, network);
}

bool
host_dhcp_is_served(const char *network)
{
	g_autofree char *path = pid_file(network);

	return host_dnsmasq_find(path) > 0;
}

void
host_dhcp_reload(const char *network)
{
	g_autofree char *path = pid_file(network);

	host_dnsmasq_reload(path);
}

void
host_dhcp_watch(const char *network)
{
	g_autofree char *path = pid_file(network);

	host_dnsmasq_watch(path, "dhcp", network);
}

/* --- one entry ---------------------------------------------------------------------------------------------------- */

int
host_dhcp_check_mac(const char *mac, struct error *err)
{
	enum { PAIRS = 6, LENGTH = PAIRS * 3 - 1 };
	size_t i = 0;

	while (i < LENGTH && (i % 3 == 2 ? mac[i] == ':' : g_ascii_isxdigit(mac[i])))
		i++;
	if (i == LENGTH && mac[i] == '\0')
		return 0;
	g_autofree char *shown = g_strescape(mac, NULL);
	return error_set(err, EINVAL, "\"%s\" is not the address of an interface", shown);
}

/* They become the name of a file. */
static int
check(const char *mac, const char *ip, struct error *err)
{
	struct in_addr address;

	if (host_dhcp_check_mac(mac, err) < 0)
		return -1;
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

bool
host_dhcp_is_safe_name(const char *name)
{
	return name != NULL && g_ascii_isalpha(name[0]) && strcmp(name, "ignore") != 0 && strcmp(name, "infinite") != 0 &&
	    strpbrk(name, ",:# \n") == NULL;
}

static char *
line_new(const char *mac, const char *ip, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1);

	return g_strdup_printf("%s,%s%s%s\n", lower, ip, host_dhcp_is_safe_name(name) ? "," : "", host_dhcp_is_safe_name(name) ? name : "");
}

int
host_dhcp_write(const char *path, const char *line, struct error *err)
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

	if (removed < 0 || host_dhcp_prepare(directory, err) < 0 || (!same && host_dhcp_write(path, line, err) < 0))
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
