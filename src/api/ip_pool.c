/* IPPool: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/ip_pool.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/document/diagnostic.h"

/* --- rules ---------------------------------------------------------------------------------------------------------- */

static void
check_ranges(const struct checking *c, char **ips)
{
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(struct ip_range));

	for (size_t i = 0; ips != NULL && ips[i] != NULL; i++) {
		g_autofree char *field = g_strdup_printf("spec.ips[%zu]", i);
		struct error err = { 0 };
		struct ip_range range;
		if (ip_range_parse(ips[i], &range, &err) != 0) {
			complain(c, CAUSE_INVALID, field, "%s", err.text);
			continue;
		}
		for (guint k = 0; k < seen->len; k++)
			if (ip_ranges_meet(&range, &g_array_index(seen, struct ip_range, k))) {
				complain(c, CAUSE_DUPLICATE, field, "%s has addresses that are in the list before: write each once", ips[i]);
				break;
			}
		g_array_append_val(seen, range);
	}
}

static void
ip_pool_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct ip_pool *pool = object;
	const struct checking c = { .document = document, .path = "", .diagnostics = diagnostics };
	const char *name = pool->head.meta->name;
	struct ip ip;

	(void)path;
	if (document == NULL)
		return; /* what is stored was judged when it came */
	/* Where a pool is asked for, a list of addresses is possible, too. */
	if (name != NULL && ip_parse(name, &ip, NULL) == 0)
		complain(&c, CAUSE_INVALID, "metadata.name", "must not look like an address: an annotation ip_pool could mean either");
	if (pool->spec->ips == NULL || pool->spec->ips[0] == NULL)
		complain(&c, CAUSE_REQUIRED, "spec.ips", "is required: addresses, ranges such as 10.6.0.10..10.6.0.19, or subnets");
	check_ranges(&c, pool->spec->ips);
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static const struct schema_field spec_rows[] = {
	{ STRING("subnet", struct ip_pool_spec, subnet), .flags = FIELD_REQUIRED | FIELD_FIXED, .check = check_dns_subdomain, .doc = "Subnet that the addresses are of." },
	{ STRINGS("ips", struct ip_pool_spec, ips), .doc = "Addresses, ranges such as 10.6.0.10..10.6.0.19, and subnets." },
	{ STRINGS("namespaces", struct ip_pool_spec, namespaces), .doc = "Namespaces whose machines get an address of it unasked." },
	{ IGNORED("enableAddressSet", BOOL, "There are no address sets.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct ip_pool_spec, "IPPoolSpec", "Addresses of a Subnet.", spec_rows);
static const struct schema_field status_rows[] = {
	{ INT("v4AvailableIPs", struct ip_pool_status, v4.free), .flags = FIELD_ZERO, .doc = "How many IPv4 addresses are free." },
	{ INT("v4UsingIPs", struct ip_pool_status, v4.used), .flags = FIELD_ZERO, .doc = "How many IPv4 addresses guests have." },
	{ STRING("v4AvailableIPRange", struct ip_pool_status, v4.free_range), .doc = "Which are free." },
	{ STRING("v4UsingIPRange", struct ip_pool_status, v4.used_range), .doc = "Which guests have." },
	{ INT("v6AvailableIPs", struct ip_pool_status, v6.free), .flags = FIELD_ZERO, .doc = "How many IPv6 addresses are free; at most 9223372036854775807 are told." },
	{ INT("v6UsingIPs", struct ip_pool_status, v6.used), .flags = FIELD_ZERO, .doc = "How many IPv6 addresses guests have." },
	{ STRING("v6AvailableIPRange", struct ip_pool_status, v6.free_range), .doc = "Which are free." },
	{ STRING("v6UsingIPRange", struct ip_pool_status, v6.used_range), .doc = "Which guests have." },
	{ LIST("conditions", struct ip_pool_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(ip_pool_status_schema, struct ip_pool_status, "IPPoolStatus", "What is known of it.", status_rows);
static const struct schema_field ip_pool_rows[] = {
	HEAD_ROWS(struct ip_pool),
	{ OBJECT("spec", struct ip_pool, spec, struct ip_pool_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Addresses of a Subnet." },
	{ OBJECT("status", struct ip_pool, status, struct ip_pool_status, &ip_pool_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(ip_pool_schema, struct ip_pool, "IPPool", "Addresses of a Subnet that only those get who ask for the pool.", ip_pool_rows, .check = ip_pool_check);
