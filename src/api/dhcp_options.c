/* DHCP options and router advertisements as a Subnet writes them; see dhcp_options.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/dhcp_options.h"
#include "src/api/vmi.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/document/diagnostic.h"

/* --- values ----------------------------------------------------------------------------------------------------------- */

static int
check_number(const char *text, int64_t least, int64_t most, struct error *err)
{
	gint64 number;

	if (g_ascii_string_to_signed(text, 10, least, most, &number, NULL))
		return 0;
	return error_set(err, EINVAL, "must be a number from %lld to %lld, and is \"%.40s\"", (long long)least, (long long)most, text);
}

static int
check_address(const char *text, int version, struct error *err)
{
	struct ip ip;

	if (ip_parse(text, &ip, err) != 0)
		return -1;
	return ip_version(&ip) == version ? 0 : error_set(err, EINVAL, "must be an address of IPv%d, and is %s", version, text);
}

static int
check_ip4(const char *text, struct error *err)
{
	return check_address(text, 4, err);
}

static int
check_ip6(const char *text, struct error *err)
{
	return check_address(text, 6, err);
}

/* It becomes a line of a server's configuration: neither its ends nor its separators may be in it. */
static int
check_text(const char *text, struct error *err)
{
	for (const char *c = text; *c != '\0'; c++)
		if (!g_ascii_isgraph(*c) || strchr(",\"'\\{}", *c) != NULL)
			return error_set(err, EINVAL, "has a character that cannot be in it: letters, digits and the likes of . - _ / : = can");
	return *text != '\0' && strlen(text) <= DHCP_OPTION_MOST ? 0 : error_set(err, EINVAL, "must have from 1 to 255 characters");
}

static int
check_lease(const char *text, struct error *err)
{
	return check_number(text, 120, UINT32_MAX, err); /* two minutes: the least that dnsmasq gives */
}

static int
check_mtu4(const char *text, struct error *err)
{
	return check_number(text, 68, 65535, err);
}

static int
check_byte(const char *text, struct error *err)
{
	return check_number(text, 0, 255, err);
}

static int
check_seconds(const char *text, struct error *err)
{
	return check_number(text, 0, UINT32_MAX, err);
}

/* "subnet,router" pairs, as RFC 3442 has them; a member of the list is one of both. */
static int
check_route(const char *text, struct error *err)
{
	struct ip_range range;
	unsigned prefix;

	if (strchr(text, '/') == NULL)
		return check_ip4(text, err);
	if (ip_subnet_parse(text, &range, &prefix, err) != 0)
		return -1;
	return ip_version(&range.first) == 4 ? 0 : error_set(err, EINVAL, "must be a subnet of IPv4, and is %s", text);
}

/* --- options ---------------------------------------------------------------------------------------------------------- */

/* Source: ovn-nb(5), DHCP options; the numbers are IANA's. */
struct option_kind {
	const char *name;
	int number;
	bool list;                                         /* {a,b} is possible */
	int (*check)(const char *text, struct error *err); /* of a member; NULL: it means nothing here */
	const char *why;                                   /* that is so */
};
enum { NTP_SERVERS = 42, TFTP_SERVER_NAME = 66, BOOT_FILE_NAME = 67 }; /* RFC 2132 */
#define BY_ITSELF "the DHCP server says it by itself"
static const struct option_kind v4_kinds[] = {
	{ "lease_time", 0, false, check_lease },
	{ "router", 3, true, check_ip4 },
	{ "netmask", 1, false, check_ip4 },
	{ "dns_server", 6, true, check_ip4 },
	{ "log_server", 7, true, check_ip4 },
	{ "hostname", 12, false, check_text },
	{ "domain_name", 15, false, check_text },
	{ "default_ttl", 23, false, check_byte },
	{ "mtu", 26, false, check_mtu4 },
	{ "broadcast_address", 28, false, check_ip4 },
	{ "nis_server", 41, true, check_ip4 },
	{ "ntp_server", NTP_SERVERS, true, check_ip4 },
	{ "T1", 58, false, check_seconds },
	{ "T2", 59, false, check_seconds },
	{ "tftp_server", TFTP_SERVER_NAME, false, check_text },
	{ "bootfile_name", BOOT_FILE_NAME, false, check_text },
	{ "domain_search_list", 119, true, check_text },
	{ "classless_static_route", 121, true, check_route },
	{ "tftp_server_address", 150, true, check_ip4 },
	{ "path_prefix", 210, false, check_text },
	{ "wpad", 252, false, check_text },
	{ "next_server", 0, false, NULL, BY_ITSELF },
	{ "server_id", 0, false, NULL, BY_ITSELF },
	{ "server_mac", 0, false, NULL, BY_ITSELF },
	{ "offerip", 0, false, NULL, BY_ITSELF },
	{ NULL },
};
static const struct option_kind v6_kinds[] = {
	{ "lease_time", 0, false, check_lease },
	{ "dns_server", 23, true, check_ip6 },
	{ "domain_search", 24, true, check_text },
	{ "ntp_server", 31, true, check_ip6 },
	{ "fqdn", 0, false, NULL, "guests are told their own names" },
	{ "bootfile_name", 59, false, check_text },
	{ "server_id", 0, false, NULL, BY_ITSELF },
	{ "ia_addr", 0, false, NULL, "each guest is given its own address" },
	{ "dhcpv6_stateless", 0, false, NULL, "address_mode of ipv6RAConfigs says it" },
	{ NULL },
};

/* --- "name=value,name={a,b}" ------------------------------------------------------------------------------------------- */

/* One setting, cut out of the text. */
struct setting {
	char *name, *value;
	bool list;
};

static void
setting_clear(struct setting *setting)
{
	g_free(setting->name);
	g_free(setting->value);
}
#define SETTING_AUTO __attribute__((cleanup(setting_clear))) struct setting

enum { TEXT_MOST = 4096 }; /* characters of all settings: what is in an argument of a server must not grow without bounds */

/* Cuts the next setting off; *at moves behind it and its comma.  0: there is none. */
static int
next_setting(const char **at, struct setting *setting, struct error *err)
{
	const char *text = *at + strspn(*at, " ,"), *equals = strchr(text, '='), *end;

	if (*text == '\0')
		return 0;
	if (equals == NULL || equals == text || (size_t)(equals - text) != strcspn(text, ",{}="))
		return error_set(err, EINVAL, "\"%.60s\" is no setting: write name=value, or name={a,b} for a list, with commas between them", text);
	setting->list = equals[1] == '{';
	end = setting->list ? strchr(equals, '}') : equals + strcspn(equals, ",");
	if (end == NULL || (setting->list && end[1] != ',' && end[1] != '\0' && end[1] != ' '))
		return error_set(err, EINVAL, "\"%.60s\" has no } behind its list, or something else behind that", text);
	setting->name = g_strstrip(g_strndup(text, (gsize)(equals - text)));
	equals += setting->list ? 2 : 1;
	setting->value = g_strstrip(g_strndup(equals, (gsize)(end - equals)));
	*at = end + (setting->list ? 1 : 0);
	return 1;
}

/* Calls take() for each setting of a text. */
static int
each_setting(const char *text, int (*take)(void *arg, const struct setting *setting, struct error *err), void *arg, struct error *err)
{
	if (text != NULL && strlen(text) > TEXT_MOST)
		return error_set(err, EINVAL, "has more than %d characters", TEXT_MOST);
	for (const char *at = text == NULL ? "" : text;;) {
		SETTING_AUTO setting = { 0 };
		int r = next_setting(&at, &setting, err);
		if (r <= 0)
			return r;
		if (take(arg, &setting, err) != 0)
			return error_wrap(err, "%.40s ", setting.name);
	}
}

/* Calls check() for a value, or for each member of a list, whose members become joined by "," alone. */
static int
check_members(struct setting *setting, bool list, int (*check)(const char *text, struct error *err), struct error *err)
{
	g_auto(GStrv) members = g_strsplit(setting->value, ",", -1);

	if (setting->list && !list)
		return error_set(err, EINVAL, "is one value: write it without { and }");
	if (*setting->value == '\0')
		return error_set(err, EINVAL, "has no value");
	for (char **member = members; *member != NULL; member++)
		if (check(g_strstrip(*member), err) != 0)
			return -1;
	g_free(setting->value);
	setting->value = g_strjoinv(",", members);
	return 0;
}

/* The name in a table whose rows begin with it, or an error that names the nearest. */
static int
unknown_setting(const char *name, const char *const *names, struct error *err)
{
	const char *near = nearest_word(name, names);
	g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)names);

	if (near != NULL)
		return error_set(err, EINVAL, "is not known; did you mean %s?", near);
	return error_set(err, EINVAL, "is not one of %s", all);
}

struct reading {
	const struct option_kind *kinds;
	GArray *options;
	GPtrArray *ignored;
};

static int
unknown_option(const struct option_kind *kinds, const char *name, struct error *err)
{
	const char *names[G_N_ELEMENTS(v4_kinds)] = { NULL };

	for (size_t i = 0; kinds[i].name != NULL; i++)
		names[i] = kinds[i].name;
	return unknown_setting(name, names, err);
}

static int
take_option(void *arg, const struct setting *setting, struct error *err)
{
	struct reading *r = arg;
	const struct option_kind *kind = r->kinds;
	SETTING_AUTO copy = { g_strdup(setting->name), g_strdup(setting->value), setting->list };

	while (kind->name != NULL && strcmp(kind->name, setting->name) != 0)
		kind++;
	if (kind->name == NULL)
		return unknown_option(r->kinds, setting->name, err);
	if (dhcp_options_find(r->options, kind->name) != NULL)
		return error_set(err, EINVAL, "is there twice: write a list, {a,b}");
	if (kind->check == NULL) {
		if (r->ignored != NULL)
			g_ptr_array_add(r->ignored, (char *)(uintptr_t)kind->name);
		return 0;
	}
	if (check_members(&copy, kind->list, kind->check, err) != 0)
		return -1;
	struct dhcp_option option = { kind->name, kind->number, g_steal_pointer(&copy.value) };
	g_array_append_val(r->options, option);
	return 0;
}

static void
option_clear(void *option)
{
	g_free(((struct dhcp_option *)option)->value);
}

GArray *
dhcp_options_parse(int version, const char *text, GPtrArray *ignored, struct error *err)
{
	g_autoptr(GArray) options = g_array_new(FALSE, FALSE, sizeof(struct dhcp_option));
	struct reading reading = { version == 4 ? v4_kinds : v6_kinds, options, ignored };

	g_array_set_clear_func(options, option_clear);
	return each_setting(text, take_option, &reading, err) == 0 ? g_steal_pointer(&options) : NULL;
}

/* Takes the value. */
static void
replace_option(GArray *options, const char *name, int number, char *value)
{
	struct dhcp_option option = { name, number, value };

	for (guint i = options->len; i-- > 0;)
		if (g_array_index(options, struct dhcp_option, i).number == number)
			g_array_remove_index(options, i);
	g_array_append_val(options, option);
}

static int
put_servers(GArray *options, char **servers, struct error *err)
{
	for (char **server = servers; *server != NULL; server++)
		if (check_ip4(*server, err) != 0)
			return -1;
	replace_option(options, "ntp_server", NTP_SERVERS, g_strjoinv(",", servers));
	return 0;
}

/* Its bytes are whatever they are: as numbers none of them is taken for a separator, an address or a number. */
static int
put_private(GArray *options, int number, const char *bytes, struct error *err)
{
	size_t length = strlen(bytes);
	GString *text = g_string_new(NULL);

	if (length > DHCP_OPTION_MOST) {
		g_string_free(text, TRUE);
		return error_set(err, EINVAL, "has a value of %zu bytes: the most that DHCP can carry is %d", length, DHCP_OPTION_MOST);
	}
	if (length == 1)
		g_string_printf(text, "%ub", (unsigned char)*bytes); /* two digits alone would be a decimal number */
	for (size_t i = 0; length > 1 && i < length; i++)
		g_string_append_printf(text, i == 0 ? "%02x" : ":%02x", (unsigned char)bytes[i]);
	replace_option(options, "", number, g_string_free(text, FALSE));
	return 0;
}

bool
dhcp_option_is_text(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (g_ascii_iscntrl(*c))
			return false;
	return true;
}

/* In quotes where a server's configuration would take it for something else (dnsmasq(8) reads \" and \\ within). */
static int
put_text(GArray *options, const char *name, int number, const char *text, struct error *err)
{
	struct error unfit;

	if (check_text(text, &unfit) == 0) {
		replace_option(options, name, number, g_strdup(text));
		return 0;
	}
	if (!dhcp_option_is_text(text) || strlen(text) > DHCP_OPTION_MOST)
		return error_set(err, EINVAL, "must have at most %d bytes, and no character that ends a line or moves a cursor", DHCP_OPTION_MOST);
	GString *quoted = g_string_new("\"");
	for (const char *c = text; *c != '\0'; c++)
		g_string_append_printf(quoted, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	g_string_append_c(quoted, '"');
	replace_option(options, name, number, g_string_free(quoted, FALSE));
	return 0;
}

int
dhcp_options_put(GArray *options, const struct dhcp_options *own, struct error *err)
{
	if (is_text(own->boot_file_name) && put_text(options, "bootfile_name", BOOT_FILE_NAME, own->boot_file_name, err) != 0)
		return error_wrap(err, "bootFileName ");
	if (is_text(own->tftp_server_name) && put_text(options, "tftp_server", TFTP_SERVER_NAME, own->tftp_server_name, err) != 0)
		return error_wrap(err, "tftpServerName ");
	if (own->ntp_servers != NULL && own->ntp_servers[0] != NULL && put_servers(options, own->ntp_servers, err) != 0)
		return error_wrap(err, "ntpServers: ");
	SCHEMA_EACH (struct dhcp_private_option, o, &own->private_options)
		if (put_private(options, (int)o->option, o->value, err) != 0)
			return error_wrap(err, "the private option %d ", (int)o->option);
	return 0;
}

const char *
dhcp_option_why(int version, const char *name)
{
	const struct option_kind *kind = version == 4 ? v4_kinds : v6_kinds;

	while (kind->name != NULL && strcmp(kind->name, name) != 0)
		kind++;
	return kind->why;
}

const char *
dhcp_options_find(const GArray *options, const char *name)
{
	for (guint i = 0; i < options->len; i++) {
		const struct dhcp_option *option = &g_array_index(options, struct dhcp_option, i);
		if (strcmp(option->name, name) == 0)
			return option->value;
	}
	return NULL;
}

/* --- router advertisements ---------------------------------------------------------------------------------------------- */

static int
take_mode(struct ra_configs *configs, const char *value, struct error *err)
{
	static const char *const words[] = { "dhcpv6_stateful", "dhcpv6_stateless", "slaac", NULL };

	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0) {
			configs->address_mode = (unsigned)i;
			return 0;
		}
	return error_set(err, EINVAL, "must be dhcpv6_stateful, dhcpv6_stateless or slaac, and is \"%.40s\"", value);
}

static int
take_unsigned(unsigned *number, const char *value, int64_t least, int64_t most, struct error *err)
{
	if (check_number(value, least, most, err) != 0)
		return -1;
	*number = (unsigned)g_ascii_strtoull(value, NULL, 10);
	return 0;
}

/* RFC 4861, section 6.2.1: the limits of both intervals. */
static int
take_most(struct ra_configs *configs, const char *value, struct error *err)
{
	return take_unsigned(&configs->max_interval, value, 4, 1800, err);
}

static int
take_least(struct ra_configs *configs, const char *value, struct error *err)
{
	return take_unsigned(&configs->min_interval, value, 3, 1350, err);
}

static int
take_mtu(struct ra_configs *configs, const char *value, struct error *err)
{
	return take_unsigned(&configs->mtu, value, 1280, 65535, err); /* RFC 8200: the least that IPv6 works with */
}

static int
take_periodic(struct ra_configs *configs, const char *value, struct error *err)
{
	configs->send_periodic = strcmp(value, "true") == 0;
	return configs->send_periodic || strcmp(value, "false") == 0 ? 0 : error_set(err, EINVAL, "must be true or false, and is \"%.40s\"", value);
}

static int
take_list(char **list, const char *value, int (*check)(const char *text, struct error *err), struct error *err)
{
	SETTING_AUTO copy = { NULL, g_strdup(value), true };

	if (check_members(&copy, true, check, err) != 0)
		return -1;
	g_free(*list);
	*list = g_steal_pointer(&copy.value);
	return 0;
}

static int
take_servers(struct ra_configs *configs, const char *value, struct error *err)
{
	return take_list(&configs->dns_servers, value, check_ip6, err);
}

static int
take_domains(struct ra_configs *configs, const char *value, struct error *err)
{
	return take_list(&configs->domains, value, check_text, err);
}

/* Source: ovn-nb(5), ipv6_ra_configs. */
static const struct {
	const char *name;
	int (*take)(struct ra_configs *configs, const char *value, struct error *err); /* NULL: its value is not looked at */
	const char *why; /* nothing follows from it; NULL: something does */
} ra_settings[] = {
	{ "address_mode", take_mode, NULL },
	{ "max_interval", take_most, NULL },
	{ "min_interval", take_least, "the server waits at least three quarters of max_interval" },
	{ "send_periodic", take_periodic, NULL },
	{ "mtu", take_mtu, NULL },
	{ "rdnss", take_servers, NULL },
	{ "dnssl", take_domains, NULL },
	{ "router_preference", NULL, "the router of the network outside advertises itself" },
	{ "route_info", NULL, "the router of the network outside advertises its routes" },
};

const char *
ra_config_why(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ra_settings); i++)
		if (strcmp(ra_settings[i].name, name) == 0)
			return ra_settings[i].why;
	return NULL;
}

void
ra_configs_clear(struct ra_configs *configs)
{
	g_clear_pointer(&configs->dns_servers, g_free);
	g_clear_pointer(&configs->domains, g_free);
}

struct ra_reading {
	struct ra_configs configs;
	GPtrArray *ignored;
};

static int
take_ra(void *arg, const struct setting *setting, struct error *err)
{
	const char *names[G_N_ELEMENTS(ra_settings) + 1] = { NULL };
	struct ra_reading *r = arg;

	for (size_t i = 0; i < G_N_ELEMENTS(ra_settings); i++) {
		names[i] = ra_settings[i].name;
		if (strcmp(names[i], setting->name) != 0)
			continue;
		if (ra_settings[i].why != NULL && r->ignored != NULL)
			g_ptr_array_add(r->ignored, (char *)(uintptr_t)names[i]);
		return ra_settings[i].take == NULL ? 0 : ra_settings[i].take(&r->configs, setting->value, err);
	}
	return unknown_setting(setting->name, names, err);
}

/* RFC 4861: at most three quarters of the other. */
static int
check_intervals(const struct ra_configs *configs, struct error *err)
{
	if (configs->min_interval * 4 <= configs->max_interval * 3)
		return 0;
	return error_set(err, EINVAL, "min_interval (%u) must be at most three quarters of max_interval (%u)", configs->min_interval, configs->max_interval);
}

int
ra_configs_parse(const char *text, struct ra_configs *configs, GPtrArray *ignored, struct error *err)
{
	struct ra_reading reading = { { RA_DHCPV6_STATEFUL, 30, 5, true, 0, NULL, NULL }, ignored };

	if (each_setting(text, take_ra, &reading, err) != 0 || check_intervals(&reading.configs, err) != 0) {
		ra_configs_clear(&reading.configs);
		return -1;
	}
	*configs = reading.configs;
	return 0;
}
