/* Vip: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/rows.h"
#include "src/api/vip.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

int
vip_selector_parse(const char *text, char **key, char **value, struct error *err)
{
	const char *colon = strchr(text, ':');
	g_autofree char *k = g_strstrip(g_strndup(text, colon == NULL ? 0 : (gsize)(colon - text)));
	g_autofree char *v = g_strstrip(g_strdup(colon == NULL ? "" : colon + 1));

	if (colon == NULL)
		return error_set(err, EINVAL, "\"%.80s\" is no label: write \"key: value\"", text);
	if (check_label_name(k, err) != 0 || check_label_value(v, err) != 0)
		return -1;
	*key = g_steal_pointer(&k);
	*value = g_steal_pointer(&v);
	return 0;
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

static void
vip_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct vip *vip = object;
	const struct checking c = { .document = document, .path = "spec", .diagnostics = diagnostics };

	(void)path;
	if (document == NULL)
		return; /* what is stored was judged when it came */
	if (is_text(vip->spec->type))
		advise(&c, "type", "is ignored: there are no load balancers; machines that name it in an annotation aaps may use it");
	if (vip->spec->selector != NULL && vip->spec->selector[0] != NULL)
		advise(&c, "selector", "is ignored: machines that name it in an annotation aaps may use it");
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static int
check_selector(const char *text, struct error *err)
{
	g_autofree char *key = NULL, *value = NULL;

	return vip_selector_parse(text, &key, &value, err);
}

static const struct schema_field spec_rows[] = {
	{ STRING("namespace", struct vip_spec, namespace), .flags = FIELD_FIXED, .doc = "Namespace of the machines that may use it." },
	{ STRING("subnet", struct vip_spec, subnet), .flags = FIELD_REQUIRED | FIELD_FIXED, .check = check_dns_subdomain, .doc = "Subnet that the address is of." },
	{ STRING("type", struct vip_spec, type), .flags = FIELD_FIXED, .doc = "Ignored: there are no load balancers." },
	{ STRING("v4ip", struct vip_spec, v4), .flags = FIELD_FIXED, .check = check_ipv4_or_nothing, .doc = "IPv4 address; a free one when not given." },
	{ STRING("v6ip", struct vip_spec, v6), .flags = FIELD_FIXED, .check = check_ipv6_or_nothing, .doc = "IPv6 address; a free one when not given." },
	{ STRING("macAddress", struct vip_spec, mac), .flags = FIELD_FIXED, .check = check_mac_or_nothing, .doc = "MAC address that goes with it; each user's own when not given." },
	{ STRINGS("selector", struct vip_spec, selector), .check = check_selector, .doc = "Ignored, each a label as \"key: value\": machines that name it in an annotation aaps may use it." },
	{ IGNORED("attachSubnets", STRINGS, "It is of one Subnet.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct vip_spec, "VipSpec", "An address that several machines may use.", spec_rows);
static const struct schema_field status_rows[] = {
	{ BOOL("ready", struct vip_status, ready), .flags = FIELD_ZERO, .doc = "It has its addresses." },
	{ STRING("type", struct vip_status, type), .doc = "What it is for." },
	{ STRING("v4ip", struct vip_status, v4), .doc = "Its IPv4 address." },
	{ STRING("v6ip", struct vip_status, v6), .doc = "Its IPv6 address." },
	{ STRING("mac", struct vip_status, mac), .doc = "Its MAC address." },
	{ LIST("conditions", struct vip_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(vip_status_schema, struct vip_status, "VipStatus", "What is known of it.", status_rows);
static const struct schema_field vip_rows[] = {
	HEAD_ROWS(struct vip),
	{ OBJECT("spec", struct vip, spec, struct vip_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "An address that several machines may use." },
	{ OBJECT("status", struct vip, status, struct vip_status, &vip_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(vip_schema, struct vip, "Vip", "An address that several machines may use besides their own.", vip_rows, .check = vip_check);
