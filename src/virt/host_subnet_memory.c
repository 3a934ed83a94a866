/* What was written of a subnet's hosts; see host_subnet.h. */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/clock.h"
#include "src/virt/host_subnet.h"

enum { PORT_MS = 2000 };

/* Where files are added and removed. */
static const char *const folders[] = { "hosts", "names" };

struct subnet_memory {
	char *directory, *domain;                      /* domain may be NULL */
	struct timespec changed[G_N_ELEMENTS(folders)]; /* the folders, when it was closed; 0: it is open */
	GHashTable *hosts;                             /* MAC in lower case -> json_t * */
	char *port;                                    /* what its port was when it was looked at, or NULL */
	int64_t port_ms;                               /* when that was, monotonic */
};

/* One for each directory, as long as the process lives: struct subnet_memory *. */
static GPtrArray *memories;

static struct subnet_memory *
memory_of(const char *directory)
{
	struct subnet_memory *memory;

	if (memories == NULL)
		memories = g_ptr_array_new();
	for (guint i = 0; i < memories->len; i++) {
		memory = memories->pdata[i];
		if (strcmp(memory->directory, directory) == 0)
			return memory;
	}
	memory = g_new0(struct subnet_memory, 1);
	memory->directory = g_strdup(directory);
	memory->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
	g_ptr_array_add(memories, memory);
	return memory;
}

/* When a folder was changed last; 0: it is not there. */
static struct timespec
changed(const struct subnet_memory *memory, size_t folder)
{
	g_autofree char *path = g_build_filename(memory->directory, folders[folder], NULL);
	struct stat st = { 0 };

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

struct subnet_memory *
subnet_memory_open(const char *directory, const char *domain)
{
	struct subnet_memory *memory = memory_of(directory);
	bool same = g_strcmp0(memory->domain, domain) == 0;

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		struct timespec now = changed(memory, i), *then = &memory->changed[i];
		same &= then->tv_sec != 0 && then->tv_sec == now.tv_sec && then->tv_nsec == now.tv_nsec;
		*then = (struct timespec){ 0 };
	}
	if (!same)
		g_hash_table_remove_all(memory->hosts);
	g_free(memory->domain);
	memory->domain = g_strdup(domain);
	return memory;
}

void
subnet_memory_close(struct subnet_memory *memory)
{
	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
		memory->changed[i] = changed(memory, i);
}

static gboolean
is_missing(void *mac, void *host, void *macs)
{
	(void)host;
	return !g_hash_table_contains(macs, mac);
}

void
subnet_memory_keep(struct subnet_memory *memory, GHashTable *macs)
{
	g_hash_table_foreach_remove(memory->hosts, is_missing, macs);
}

static char *
mac_of(json_t *host)
{
	return g_ascii_strdown(json_string_value(json_object_get(host, "mac")), -1);
}

void
subnet_memory_add(struct subnet_memory *memory, json_t *host)
{
	g_hash_table_insert(memory->hosts, mac_of(host), json_incref(host));
}

bool
subnet_memory_has(const struct subnet_memory *memory, json_t *host)
{
	g_autofree char *mac = mac_of(host);
	json_t *known = g_hash_table_lookup(memory->hosts, mac);

	return known != NULL && json_equal(known, host);
}

bool
subnet_memory_addresses(const struct subnet_memory *memory, const char *mac, char ip[INET_ADDRSTRLEN], char ip6[INET6_ADDRSTRLEN])
{
	json_t *known = memory == NULL ? NULL : g_hash_table_lookup(memory->hosts, mac);
	const char *v4 = json_string_value(json_object_get(known, "ip")), *v6 = json_string_value(json_object_get(known, "ip6"));

	g_strlcpy(ip, v4 == NULL ? "" : v4, INET_ADDRSTRLEN);
	g_strlcpy(ip6, v6 == NULL ? "" : v6, INET6_ADDRSTRLEN);
	return known != NULL;
}

/* --- ports ------------------------------------------------------------------------------------------------------------- */

static char *
port_text(const struct subnet *subnet)
{
	return g_strdup_printf("%u %s %" PRId64 " %" PRId64, if_nametoindex(subnet->port), subnet->bridge, subnet->vlan, subnet->mtu);
}

void
subnet_memory_saw_port(const struct subnet *subnet)
{
	struct subnet_memory *memory = memory_of(subnet->directory);

	g_free(memory->port);
	memory->port = port_text(subnet);
	memory->port_ms = clock_monotonic_ms();
}

bool
subnet_memory_knows_port(const struct subnet *subnet)
{
	const struct subnet_memory *memory = memory_of(subnet->directory);
	g_autofree char *text = port_text(subnet);

	return if_nametoindex(subnet->port) != 0 && g_strcmp0(memory->port, text) == 0 && clock_monotonic_ms() < memory->port_ms + PORT_MS;
}
