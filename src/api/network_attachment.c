/* NetworkAttachmentDefinition: rows, and the CNI configuration in it (ovs-cni, docs/cni-plugin.md; CNI plugin "bridge"). */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "src/api/network_attachment.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

/* A plugin, and the key that names what its ports belong to. */
static const struct {
	const char *word, *key;
	enum network_type type;
} plugins[] = {
	{ "ovs", "bridge", NETWORK_OVS },
	{ "bridge", "bridge", NETWORK_BRIDGE },
	{ "cnv-bridge", "bridge", NETWORK_BRIDGE },
	{ "libvirt", "network", NETWORK_LIBVIRT },
	{ "kube-ovn", "provider", NETWORK_KUBE_OVN },
};
#define PLUGINS "ovs (a bridge of Open vSwitch), bridge (one of Linux), libvirt (a network of libvirt) or kube-ovn (what a Subnet says)"

enum { BRIDGE_NAME_MOST = 15, NETWORK_NAME_MOST = 80 };

/* --- the configuration ---------------------------------------------------------------------------------------------- */

bool
network_rate_parse(const char *text, int64_t *mbit)
{
	guint64 number = 0;

	if (*text != '\0' && !g_ascii_string_to_unsigned(text, 10, 0, NETWORK_RATE_MOST, &number, NULL))
		return false;
	*mbit = (int64_t)number;
	return true;
}

void
network_config_clear(struct network_config *config)
{
	g_free(config->name);
	if (config->trunks != NULL)
		g_array_unref(config->trunks);
	memset(config, 0, sizeof(*config));
}

static int
read_number(const json_t *value, const char *name, int least, int most, int *number, struct error *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
		return error_set(err, EINVAL, "%s must be a number from %d to %d", name, least, most);
	*number = (int)json_integer_value(value);
	return 0;
}

static int
read_vlan(const json_t *value, struct network_config *config, struct error *err)
{
	return read_number(value, "vlan", 0, VLAN_MOST, &config->vlan, err);
}

/* {id}, or {minID, maxID} */
static int
read_range(const json_t *item, struct vlan_range *range, struct error *err)
{
	const json_t *id = json_object_get(item, "id"), *first = json_object_get(item, "minID"), *last = json_object_get(item, "maxID");

	if ((id == NULL) == (first == NULL && last == NULL))
		return error_set(err, EINVAL, "trunk must be a list of {\"id\": 7} or {\"minID\": 10, \"maxID\": 20}");
	if (read_number(id != NULL ? id : first, id != NULL ? "trunk.id" : "trunk.minID", 0, VLAN_MOST, &range->first, err) < 0 ||
	    read_number(id != NULL ? id : last, id != NULL ? "trunk.id" : "trunk.maxID", 0, VLAN_MOST, &range->last, err) < 0)
		return -1;
	return range->first <= range->last ? 0 :
	    error_set(err, EINVAL, "trunk.maxID (%d) is less than trunk.minID (%d)", range->last, range->first);
}

static int
read_trunk(const json_t *value, struct network_config *config, struct error *err)
{
	int tags = 0;
	size_t i;
	json_t *item;

	if (json_array_size(value) == 0)
		return error_set(err, EINVAL, "trunk must be a list of {\"id\": 7} or {\"minID\": 10, \"maxID\": 20}");
	config->trunks = g_array_new(FALSE, FALSE, sizeof(struct vlan_range));
	json_array_foreach (value, i, item) {
		struct vlan_range range;
		if (read_range(item, &range, err) < 0)
			return -1;
		tags += range.last - range.first + 1;
		if (tags > VLAN_MOST + 1) /* each becomes an element of the domain */
			return error_set(err, EINVAL, "trunk names more than the %d tags that there are: write each once", VLAN_MOST + 1);
		g_array_append_val(config->trunks, range);
	}
	return 0;
}

static int
read_mtu(const json_t *value, struct network_config *config, struct error *err)
{
	return read_number(value, "mtu", 68, 65535, &config->mtu, err); /* RFC 791: the least that IPv4 works with */
}

static const struct {
	const char *name;
	int (*read)(const json_t *value, struct network_config *config, struct error *err);
} settings[] = {
	{ "vlan", read_vlan },
	{ "trunk", read_trunk },
	{ "mtu", read_mtu },
};

/* The name of a network of libvirt may have no space, nor may that of a device. */
static int
read_name(const json_t *plugin, const char *key, struct network_config *config, struct error *err)
{
	const char *name = json_string_value(json_object_get(plugin, key));
	int most = config->type == NETWORK_LIBVIRT ? NETWORK_NAME_MOST : BRIDGE_NAME_MOST;

	if (config->type == NETWORK_KUBE_OVN)
		return 0; /* Subnets name it, by what it is called */
	if (name == NULL || *name == '\0' || strlen(name) > (size_t)most || strpbrk(name, "/ \t\r\n") != NULL)
		return error_set(err, EINVAL, "%s must be a name of at most %d characters, without slash and space", key, most);
	config->name = g_strdup(name);
	return 0;
}

static void
note_ignored(const json_t *plugin, const char *key, GPtrArray *ignored)
{
	const char *const known[] = { "type", "name", "cniVersion", "server_socket", key, NULL };
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)plugin, name, value) {
		bool means = g_strv_contains(known, name) || (json_is_object(value) && json_object_size(value) == 0) || /* "ipam": {} */
		    g_strcmp0(json_string_value(json_object_get(value, "type")), "kube-ovn") == 0;                     /* by a Subnet */
		for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
			means |= strcmp(settings[i].name, name) == 0;
		if (!means && ignored != NULL)
			g_ptr_array_add(ignored, g_strdup(name));
	}
}

static int
check_type(const struct network_config *config, struct error *err)
{
	if (config->type == NETWORK_KUBE_OVN && (config->mtu > 0 || config->vlan > 0 || config->trunks != NULL))
		return error_set(err, EINVAL, "%s is said by the Subnet and its Vlan", config->mtu > 0 ? "mtu" : config->vlan > 0 ? "vlan" : "trunk");
	if (config->type == NETWORK_LIBVIRT && config->mtu > 0)
		return error_set(err, EINVAL, "mtu is said by libvirt's network itself (<mtu size='...'/>)");
	if (config->type == NETWORK_OVS || (config->vlan == 0 && config->trunks == NULL) || (config->type == NETWORK_LIBVIRT && config->trunks == NULL))
		return 0;
	return error_set(err, EINVAL, "%s is for the type ovs: other ports are not tagged here; make a bridge on a VLAN interface such as eth0.100",
	    config->vlan > 0 ? "vlan" : "trunk");
}

static int
read_plugin(const json_t *plugin, struct network_config *config, GPtrArray *ignored, struct error *err)
{
	const char *type = json_string_value(json_object_get(plugin, "type"));
	size_t at = 0;

	while (at < G_N_ELEMENTS(plugins) && g_strcmp0(plugins[at].word, type) != 0)
		at++;
	if (at == G_N_ELEMENTS(plugins))
		return error_set(err, EINVAL, "type must be " PLUGINS "%s%.40s", type == NULL ? "" : ", but is ", type == NULL ? "" : type);
	config->type = plugins[at].type;
	if (read_name(plugin, plugins[at].key, config, err) < 0)
		return -1;
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		const json_t *value = json_object_get(plugin, settings[i].name);
		if (value != NULL && settings[i].read(value, config, err) < 0)
			return -1;
	}
	note_ignored(plugin, plugins[at].key, ignored);
	return check_type(config, err);
}

/* Of a chain, the first plugin makes the port; the others (tuning, sbr ...) change it. */
int
network_config_parse(const char *text, struct network_config *config, GPtrArray *ignored, struct error *err)
{
	json_error_t wrong;
	json_t *root = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, &wrong), *chain;
	int r;

	memset(config, 0, sizeof(*config));
	if (text == NULL || *text == '\0')
		return error_set(err, EINVAL, "is needed: a CNI configuration such as '{\"type\": \"ovs\", \"bridge\": \"br1\", \"vlan\": 100}'");
	if (!json_is_object(root)) {
		r = root != NULL ? error_set(err, EINVAL, "must be a JSON object, a CNI configuration") :
		    error_set(err, EINVAL, "is no JSON: line %d, column %d: %s", wrong.line, wrong.column, wrong.text);
		json_decref(root);
		return r;
	}
	chain = json_object_get(root, "plugins");
	for (size_t i = 1; i < json_array_size(chain) && ignored != NULL; i++)
		g_ptr_array_add(ignored, g_strdup_printf("plugins[%zu]", i));
	r = read_plugin(json_array_size(chain) > 0 ? json_array_get(chain, 0) : root, config, ignored, err);
	json_decref(root);
	return r;
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static void
attachment_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct network_attachment *attachment = object;
	g_autoptr(GPtrArray) ignored = g_ptr_array_new_with_free_func(g_free);
	struct network_config config;
	struct error err = { 0 };

	(void)path;
	if (network_config_parse(attachment->spec->config, &config, ignored, &err) < 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, "spec.config", "%s", err.text);
	for (guint i = 0; err.code == 0 && i < ignored->len; i++)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_SUPPORTED, document, "spec.config", "%s is ignored: guests get port, tag and MTU; "
		    "their addresses come from the network", (const char *)ignored->pdata[i]);
	network_config_clear(&config);
}

static const struct schema_field spec_rows[] = {
	{ STRING("config", struct network_attachment_spec, config), .doc = "CNI configuration as JSON: type (ovs, bridge or libvirt), bridge or network, and of ovs vlan or trunk; of libvirt vlan; mtu." },
	{ 0 },
};
static SCHEMA(spec_schema, struct network_attachment_spec, "NetworkAttachmentDefinitionSpec", "A network.", spec_rows);
static const struct schema_field attachment_rows[] = {
	HEAD_ROWS(struct network_attachment),
	{ OBJECT("spec", struct network_attachment, spec, struct network_attachment_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The network." },
	{ 0 },
};
SCHEMA(network_attachment_schema, struct network_attachment, "NetworkAttachmentDefinition", "A network that machines name as multus.networkName.",
    attachment_rows, .check = attachment_check);
