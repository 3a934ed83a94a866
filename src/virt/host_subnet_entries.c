/* Who gets which address in a subnet, as files that its dnsmasq watches; see host_subnet.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_subnet.h"

enum { VALUE_MOST = 1000 }; /* of an option; characters */

static const char *const folders[] = { "hosts", "names", "gone" };

static char *
place(const char *directory, const char *folder, const char *name)
{
	return g_strdup_printf("%s/%s/%s", directory, folder, name);
}

int
subnet_prepare(const char *directory, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_build_filename(directory, folders[i], NULL);
		/* dnsmasq is not root. */
		if (g_mkdir_with_parents(path, 0755) != 0 || chmod(directory, 0755) != 0 || chmod(path, 0755) != 0)
			return error_errno(err, "cannot make %s", path);
	}
	return 0;
}

/* --- options --------------------------------------------------------------------------------------------------------- */

/* Nothing that would end its line, open quotes or begin a comment; in quotes all but the first, as dnsmasq(8) reads them. */
static bool
is_value(const char *value)
{
	return strlen(value) <= VALUE_MOST && g_regex_match_simple("^([ !$-\\[\\]-~]*|\"([^\"\\\\\\x00-\\x1f\\x7f]|\\\\[\"\\\\])*\")$", value, G_REGEX_DOLLAR_ENDONLY | G_REGEX_RAW, 0);
}

int
subnet_options_check(json_t *options, struct error *err)
{
	size_t i;
	json_t *option;

	json_array_foreach (options, i, option) {
		const char *name = json_string_value(json_array_get(option, 0)), *value = json_string_value(json_array_get(option, 1));

		if (name == NULL || value == NULL)
			return error_set(err, EINVAL, "options: each is a pair of a name and a value");
		if (!g_regex_match_simple("^(option6:)?([a-z][a-z0-9-]{0,63}|[0-9]{1,3})$", name, G_REGEX_DOLLAR_ENDONLY, 0))
			return error_set(err, EINVAL, "a DHCP option is known by its name in dnsmasq (--help dhcp) or its number");
		if (!is_value(value))
			return error_set(err, EINVAL, "DHCP option %s: its value has a character that cannot be passed on", name);
	}
	return 0;
}

void
subnet_option_add(GString *text, const char *before, json_t *option)
{
	const char *name = json_string_value(json_array_get(option, 0)), *value = json_string_value(json_array_get(option, 1));
	bool plain = g_str_has_prefix(name, "option6:") || g_ascii_isdigit(*name);

	g_string_append_printf(text, "%s%s%s%s%s\n", before, plain ? "" : "option:", name, *value != '\0' ? "," : "", value);
}

/* --- entries --------------------------------------------------------------------------------------------------------- */

int
subnet_entry_read(json_t *host, struct subnet_entry *entry, struct error *err)
{
	*entry = (struct subnet_entry){ 0 };
	return service_args(host, err, "{s:s,s?:s,s?:s,s?:s,s?:o,s?:b,s?:b,s?:I}", "mac", &entry->mac, "ip", &entry->ip, "ip6", &entry->ip6, "name",
	    &entry->name, "options", &entry->options, "own4", &entry->own4, "own6", &entry->own6, "leaseSeconds", &entry->lease_seconds);
}

static bool
is_address(int family, const char *text)
{
	char binary[sizeof(struct in6_addr)];

	return text == NULL || inet_pton(family, text, binary) == 1;
}

int
subnet_entry_check(struct subnet_entry *entry, struct error *err)
{
	const char **all[] = { &entry->ip, &entry->ip6, &entry->name };

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (*all[i] != NULL && **all[i] == '\0')
			*all[i] = NULL;
	if (host_dhcp_check_mac(entry->mac, err) < 0)
		return -1;
	if (entry->ip == NULL && entry->ip6 == NULL)
		return error_set(err, EINVAL, "%s has no address: ip or ip6 is needed", entry->mac);
	if (!is_address(AF_INET, entry->ip))
		return error_set(err, EINVAL, "the ip of %s is not an IPv4 address", entry->mac);
	if (!is_address(AF_INET6, entry->ip6))
		return error_set(err, EINVAL, "the ip6 of %s is not an IPv6 address", entry->mac);
	if (entry->lease_seconds < 0 || entry->lease_seconds > G_MAXINT32)
		return error_set(err, EINVAL, "the leaseSeconds of %s are not between 0 and %d", entry->mac, G_MAXINT32);
	return subnet_options_check(entry->options, err);
}

/* --- lines ----------------------------------------------------------------------------------------------------------- */

static bool
is_domain_name(const char *name)
{
	return name != NULL && g_regex_match_simple("^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$", name, G_REGEX_DOLLAR_ENDONLY, 0);
}

/* By which a guest's own options are known to be for it. */
static char *
guest_tag(const char *mac)
{
	g_auto(GStrv) parts = g_strsplit(mac, ":", -1);
	g_autofree char *joined = g_strjoinv("", parts);

	return g_strconcat("g", joined, NULL);
}

static char *
host_line(const struct subnet_entry *entry)
{
	g_autofree char *mac = g_ascii_strdown(entry->mac, -1), *label = entry->name == NULL ? NULL : g_strdup(entry->name);
	g_autofree char *tag = guest_tag(mac);
	GString *line = g_string_new(mac);

	if (entry->own4 || entry->own6)
		g_string_append_printf(line, ",set:%s%s%s", tag, entry->own4 ? ",set:own4" : "", entry->own6 ? ",set:own6" : "");
	if (entry->ip != NULL)
		g_string_append_printf(line, ",%s", entry->ip);
	if (entry->ip6 != NULL)
		g_string_append_printf(line, ",[%s]", entry->ip6);
	if (is_domain_name(label) && host_dhcp_is_safe_name(strtok_r(label, ".", &(char *){ NULL })))
		g_string_append_printf(line, ",%s", label);
	if (entry->lease_seconds > 0)
		g_string_append_printf(line, ",%" PRId64, entry->lease_seconds);
	g_string_append_c(line, '\n');
	return g_string_free(line, FALSE);
}

void
subnet_entry_add_options(GString *text, const struct subnet_entry *entry, bool v6)
{
	g_autofree char *mac = g_ascii_strdown(entry->mac, -1), *tag = guest_tag(mac), *before = g_strdup_printf("dhcp-option=tag:%s,", tag);
	size_t i;
	json_t *option;

	json_array_foreach (entry->options, i, option)
		if (g_str_has_prefix(json_string_value(json_array_get(option, 0)), "option6:") == v6)
			subnet_option_add(text, before, option);
}

/* For DNS: empty when there is no name. */
static char *
name_lines(const struct subnet_entry *entry, const char *domain)
{
	const char *const addresses[] = { entry->ip, entry->ip6 };
	GString *lines = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(addresses) && is_domain_name(entry->name); i++) {
		if (addresses[i] == NULL)
			continue;
		g_string_append_printf(lines, "%s %s", addresses[i], entry->name);
		if (domain != NULL)
			g_string_append_printf(lines, " %s.%s", entry->name, domain);
		g_string_append_c(lines, '\n');
	}
	return g_string_free(lines, FALSE);
}

/* The addresses of a line, "" for none. */
static void
read_line(const char *path, char ip[INET_ADDRSTRLEN], char ip6[INET6_ADDRSTRLEN])
{
	g_autofree char *line = NULL;

	*ip = *ip6 = '\0';
	if (!g_file_get_contents(path, &line, NULL, NULL))
		return;
	g_auto(GStrv) parts = g_strsplit(g_strchomp(line), ",", -1);
	for (char **part = parts; *part != NULL; part++) {
		size_t length = strlen(*part);
		if (**part == '[' && length > 2)
			g_strlcpy(ip6, *part + 1, MIN(length - 1, INET6_ADDRSTRLEN));
		else if (is_address(AF_INET, *part))
			g_strlcpy(ip, *part, INET_ADDRSTRLEN);
	}
}

/* --- changes --------------------------------------------------------------------------------------------------------- */

static GPtrArray *
names_in(const char *directory, const char *folder)
{
	g_autofree char *path = g_build_filename(directory, folder, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *dir = opendir(path);

	for (const struct dirent *item; dir != NULL && (item = readdir(dir)) != NULL;)
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			g_ptr_array_add(names, g_strdup(item->d_name));
	if (dir != NULL)
		closedir(dir);
	return names;
}

static void
raise_news(enum subnet_news *news, enum subnet_news to)
{
	*news = MAX(*news, to);
}

/* Notes that somebody had an address. */
static int
note_gone(const char *directory, const char *address, const char *mac, struct error *err)
{
	g_autofree char *path = place(directory, "gone", address);

	return *address == '\0' ? 0 : host_dhcp_write(path, mac, err);
}

/* An address that another one had since the server's start is refused by that for as long as a lease is; one of IPv6 also to the same MAC, when
 * its guest was made anew: DHCPv6 knows clients by an identity of their own. */
static void
look_gone(const char *directory, const char *address, const char *mac, enum subnet_news *news)
{
	g_autofree char *path = address == NULL ? NULL : place(directory, "gone", address), *had = NULL;

	if (path != NULL && g_file_get_contents(path, &had, NULL, NULL) && (strchr(address, ':') != NULL || strcmp(had, mac) != 0))
		raise_news(news, SUBNET_RESTART);
}

/* By the name of its file. */
static int
drop(const char *directory, const char *mac, enum subnet_news *news, struct error *err)
{
	g_autofree char *host = place(directory, "hosts", mac), *name = place(directory, "names", mac);
	char ip[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

	read_line(host, ip, ip6);
	if (note_gone(directory, ip, mac, err) < 0 || note_gone(directory, ip6, mac, err) < 0)
		return -1;
	if ((unlink(host) != 0 && errno != ENOENT) || (unlink(name) != 0 && errno != ENOENT))
		return error_errno(err, "cannot remove %s", host);
	raise_news(news, SUBNET_RELOAD);
	return 0;
}

/* --- who has which address -------------------------------------------------------------------------------------------- */

static void
hold(GHashTable *holders, const char *address, const char *mac)
{
	GPtrArray *names = *address == '\0' ? NULL : g_hash_table_lookup(holders, address);

	if (*address != '\0' && names == NULL)
		g_hash_table_insert(holders, g_strdup(address), names = g_ptr_array_new_with_free_func(g_free));
	if (names != NULL)
		g_ptr_array_add(names, g_strdup(mac));
}

static void
free_names(void *names)
{
	g_ptr_array_unref(names);
}

/* Address -> names of the files (GPtrArray of char *) that had it when they were read; read once for many changes, and only those that
 * are not remembered. */
static GHashTable *
read_holders(const char *directory, const struct subnet_memory *memory)
{
	GHashTable *holders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_names);
	g_autoptr(GPtrArray) names = names_in(directory, "hosts");

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = place(directory, "hosts", names->pdata[i]);
		char ip[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

		if (!subnet_memory_addresses(memory, names->pdata[i], ip, ip6))
			read_line(path, ip, ip6);
		hold(holders, ip, names->pdata[i]);
		hold(holders, ip6, names->pdata[i]);
	}
	return holders;
}

/* Others that still have an address. */
static int
drop_rivals(const char *directory, GHashTable *holders, const char *address, const char *mac, enum subnet_news *news, struct error *err)
{
	const GPtrArray *names = address == NULL ? NULL : g_hash_table_lookup(holders, address);

	for (guint i = 0; names != NULL && i < names->len; i++) {
		g_autofree char *path = place(directory, "hosts", names->pdata[i]);
		char ip[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

		if (strcmp(names->pdata[i], mac) == 0)
			continue;
		read_line(path, ip, ip6);
		if ((strcmp(ip, address) == 0 || strcmp(ip6, address) == 0) && drop(directory, names->pdata[i], news, err) < 0)
			return -1;
	}
	return 0;
}

/* --- lines, written ---------------------------------------------------------------------------------------------------- */

/* A file that says this already is left alone. */
static int
write_changed(const char *path, const char *text, struct error *err)
{
	g_autofree char *old = NULL;

	if (g_file_get_contents(path, &old, NULL, NULL) && strcmp(old, text) == 0)
		return 0;
	return host_dhcp_write(path, text, err);
}

/* What dnsmasq read before it forgets only when it reads all anew. */
static int
write_told(const char *path, const char *text, enum subnet_news *news, struct error *err)
{
	g_autofree char *old = NULL;

	if (!g_file_get_contents(path, &old, NULL, NULL))
		return host_dhcp_write(path, text, err);
	if (strcmp(old, text) == 0)
		return 0;
	raise_news(news, SUBNET_RELOAD);
	return host_dhcp_write(path, text, err);
}

static int
set(const char *directory, const char *domain, GHashTable *holders, const struct subnet_entry *entry, enum subnet_news *news,
    struct error *err)
{
	g_autofree char *mac = g_ascii_strdown(entry->mac, -1), *host = place(directory, "hosts", mac), *name = place(directory, "names", mac);
	g_autofree char *line = host_line(entry), *lines = name_lines(entry, domain);
	char ip[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

	if (drop_rivals(directory, holders, entry->ip, mac, news, err) < 0 || drop_rivals(directory, holders, entry->ip6, mac, news, err) < 0)
		return -1;
	look_gone(directory, entry->ip, mac, news);
	look_gone(directory, entry->ip6, mac, news);
	read_line(host, ip, ip6);
	if ((g_strcmp0(ip, entry->ip) != 0 && note_gone(directory, ip, mac, err) < 0) ||
	    (g_strcmp0(ip6, entry->ip6) != 0 && note_gone(directory, ip6, mac, err) < 0))
		return -1;
	if (write_told(host, line, news, err) < 0 || write_changed(name, lines, err) < 0)
		return -1;
	hold(holders, entry->ip == NULL ? "" : entry->ip, mac);
	hold(holders, entry->ip6 == NULL ? "" : entry->ip6, mac);
	return 0;
}

int
subnet_entry_set(const char *directory, const char *domain, const struct subnet_entry *entry, enum subnet_news *news, struct error *err)
{
	g_autoptr(GHashTable) holders = read_holders(directory, NULL);

	return set(directory, domain, holders, entry, news, err);
}

int
subnet_entry_remove(const char *directory, const char *mac, enum subnet_news *news, struct error *err)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1), *path = place(directory, "hosts", lower);

	return access(path, F_OK) == 0 ? drop(directory, lower, news, err) : 0;
}

int
subnet_entries_sync(const char *directory, const char *domain, json_t *hosts, enum subnet_news *news, struct error *err)
{
	g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) names = names_in(directory, "hosts");
	struct subnet_memory *memory = subnet_memory_open(directory, domain);
	g_autoptr(GHashTable) holders = NULL;
	struct subnet_entry entry;
	size_t i;
	json_t *host;

	json_array_foreach (hosts, i, host)
		g_hash_table_add(wanted, g_ascii_strdown(json_string_value(json_object_get(host, "mac")), -1));
	for (guint j = 0; j < names->len; j++)
		if (!g_hash_table_contains(wanted, names->pdata[j]) && drop(directory, names->pdata[j], news, err) < 0)
			return -1;
	subnet_memory_keep(memory, wanted);
	json_array_foreach (hosts, i, host) {
		if (subnet_memory_has(memory, host))
			continue;
		if (holders == NULL)
			holders = read_holders(directory, memory);
		if (subnet_entry_read(host, &entry, err) < 0 || subnet_entry_check(&entry, err) < 0 ||
		    set(directory, domain, holders, &entry, news, err) < 0)
			return -1;
		subnet_memory_add(memory, host);
	}
	subnet_memory_close(memory);
	return 0;
}

static int
empty(const char *directory, const char *folder, struct error *err)
{
	g_autoptr(GPtrArray) names = names_in(directory, folder);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = place(directory, folder, names->pdata[i]);
		if (unlink(path) != 0 && errno != ENOENT)
			return error_errno(err, "cannot remove %s", path);
	}
	return 0;
}

void
subnet_forget_gone(const char *directory, bool v6)
{
	g_autoptr(GPtrArray) names = names_in(directory, "gone");

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = place(directory, "gone", names->pdata[i]);
		if ((strchr(names->pdata[i], ':') != NULL) == v6)
			unlink(path);
	}
}

int
subnet_remove_files(const char *directory, struct error *err)
{
	g_autoptr(GPtrArray) names = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_build_filename(directory, folders[i], NULL);
		if (empty(directory, folders[i], err) < 0 || (rmdir(path) != 0 && errno != ENOENT))
			return error_errno(err, "cannot remove %s", path);
	}
	names = names_in(directory, ".");
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);
		unlink(path);
	}
	return rmdir(directory) == 0 || errno == ENOENT ? 0 : error_errno(err, "cannot remove %s", directory);
}
