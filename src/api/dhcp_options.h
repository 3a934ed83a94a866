/* DHCP options and router advertisements as a Subnet writes them: OVN's "name=value,name={a,b}". */
#ifndef SOLOVIRT_API_DHCP_OPTIONS_H
#define SOLOVIRT_API_DHCP_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

struct dhcp_options;
struct error;

enum { DHCP_OPTION_MOST = 255 }; /* bytes of a value: its length is one byte (RFC 2132) */

struct dhcp_option {
	const char *name; /* as OVN calls it: "dns_server" */
	int number;       /* of the option in the protocol; 0: it is none, such as lease_time, which is a lease's own */
	char *value;      /* as dnsmasq reads it: members of a list joined by ",", bytes as "62:6c" or "98b"; checked; owned */
};

/*
 * Reads options of DHCPv4 (version 4) or DHCPv6 (6) into a new array of struct dhcp_option, in the order of the text; NULL text is empty.
 * Names of options that mean nothing here are added to ignored (const char *), which may be NULL.  EINVAL names the option and
 * says what would be right.  The caller g_array_unref()s.
 */
GArray *dhcp_options_parse(int version, const char *text, GPtrArray *ignored, struct error *err);
/* Puts what an interface's dhcpOptions say into options of DHCPv4, in the place of those with the same numbers.  EINVAL names the field and says
 * what would be right; some may be there then. */
int dhcp_options_put(GArray *options, const struct dhcp_options *own, struct error *err);
/* No character in it would end a line, or move a terminal's cursor. */
bool dhcp_option_is_text(const char *text);
/* Why an option that is ignored means nothing here. */
const char *dhcp_option_why(int version, const char *name);
/* The value of an option by its name, or NULL; borrowed. */
const char *dhcp_options_find(const GArray *options, const char *name);

/* spec.ipv6RAConfigs; what is not said is Kube-OVN's default. */
struct ra_configs {
	enum { RA_DHCPV6_STATEFUL, RA_DHCPV6_STATELESS, RA_SLAAC } address_mode;
	unsigned max_interval, min_interval; /* seconds */
	bool send_periodic;
	unsigned mtu; /* 0: not told */
	char *dns_servers, *domains; /* rdnss, dnssl: members joined by ","; NULL: none; owned */
};
/* Names from which nothing follows are added to ignored (const char *), which may be NULL.  EINVAL names what is wrong and says what would
 * be right; *configs is written on success only, and to be cleared then. */
int ra_configs_parse(const char *text, struct ra_configs *configs, GPtrArray *ignored, struct error *err);
void ra_configs_clear(struct ra_configs *configs);
#define RA_CONFIGS_AUTO __attribute__((cleanup(ra_configs_clear))) struct ra_configs
/* Why one that is ignored means nothing here. */
const char *ra_config_why(const char *name);

#endif
