/* Rules across the fields of a VirtualMachine's spec. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/kinds.h"
#include "src/api/network_attachment.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/base/ip.h"

/* VM2 to VM4, W1 */
static void
check_run(const struct checking *c, const struct vm_spec *spec)
{
	const json_t *strategy = written(c, "runStrategy");

	if (spec->running != TRISTATE_UNSET && strategy != NULL)
		complain(c, CAUSE_INVALID, "running", "running and runStrategy exclude each other: keep runStrategy");
	else if (spec->running != TRISTATE_UNSET)
		advise(c, "running", "is deprecated: write runStrategy: %s", spec->running == TRISTATE_TRUE ? "Always" : "Halted");
	else if (strategy == NULL)
		complain(c, CAUSE_REQUIRED, "running", "runStrategy is required: Always, Halted, Manual, RerunOnFailure or Once");
}

/* VM7, VM8 */
static void
check_matcher(const struct checking *c, const char *field, const struct matcher *m)
{
	g_autofree char *name = g_strconcat(field, ".name", NULL), *kind = g_strconcat(field, ".kind", NULL);

	if (m == NULL)
		return;
	if (!is_text(m->name) && !is_text(m->infer_from_volume))
		complain(c, CAUSE_NOT_FOUND, field, "needs a name, or inferFromVolume");
	if (is_text(m->infer_from_volume) && is_text(m->name))
		complain(c, CAUSE_NOT_SUPPORTED, name, "name and inferFromVolume exclude each other: write one of them");
	if (is_text(m->infer_from_volume) && is_text(m->kind))
		complain(c, CAUSE_NOT_SUPPORTED, kind, "kind and inferFromVolume exclude each other: the volume says the kind");
}

static bool
is_referenced(const struct vm_spec *spec, const char *name)
{
	SCHEMA_EACH (struct volume, v, &spec->template->spec->volumes) {
		if (v->data_volume != NULL && g_strcmp0(v->data_volume->name, name) == 0)
			return true;
		if (v->persistent_volume_claim != NULL && g_strcmp0(v->persistent_volume_claim->claim_name, name) == 0)
			return true;
	}
	return false;
}

void
vm_namespace_check(const void *object, const struct document *document, struct diagnostics *diagnostics)
{
	const struct vm *vm = object;
	const char *own = vm->head.meta->namespace;
	size_t i = 0;

	SCHEMA_EACH (struct data_volume_template, t, &vm->spec->data_volume_templates) {
		g_autofree char *path = g_strdup_printf("spec.dataVolumeTemplates[%zu]", i++);
		const struct checking c = { NULL, document, path, diagnostics, false };
		const char *other = t->metadata->namespace;

		if (is_text(other) && g_strcmp0(other, own) != 0)
			complain_as(&c, CAUSE_INVALID, "", "metadata.namespace", "a DataVolume is in its machine's namespace (%s), not in \"%s\"", own, other);
	}
}

/* DV2, DV3; what the DataVolume itself must be like is told by its own rules */
static void
check_template(const struct checking *c, const struct data_volume_template *t, const struct vm_spec *spec, GHashTable *seen)
{
	const char *name = t->metadata->name;
	g_autofree char *field = g_strconcat("dataVolumeTemplate", strrchr(c->path, '['), NULL); /* as KubeVirt calls it */
	struct checking parent = *c;
	struct error err = { 0 };

	parent.path = "spec";
	if (!is_text(name)) {
		complain(c, CAUSE_REQUIRED, "metadata.name", "is required: what the DataVolume is called");
		return;
	}
	if (check_dns_subdomain(name, &err) != 0)
		advise(c, "metadata.name", "%s: the machine cannot start", err.text);
	if (!g_hash_table_add(seen, t->metadata->name))
		advise(c, "metadata.name", "\"%s\" is used by an earlier template: that one is made", name);
	if (!is_referenced(spec, name))
		complain_as(&parent, CAUSE_REQUIRED, field, c->path + strlen("spec."), "no volume of the template uses DataVolume \"%s\": add it under template.spec.volumes", name);
}

static void
check_templates(const struct checking *c, const struct vm_spec *spec)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

#define CHECK_TEMPLATE(at, item) check_template(at, item, spec, seen)
	CHECK_EACH (struct data_volume_template, t, &spec->data_volume_templates, "dataVolumeTemplates", CHECK_TEMPLATE);
#undef CHECK_TEMPLATE
}

/* G16, G17, and what the instance's own metadata would be refused for */
static void
check_metadata(const struct checking *c, const struct template_metadata *m)
{
	struct error err = { 0 };

	if (m == NULL)
		return;
	instance_metadata_check(&m->labels, &m->annotations, c->document, "spec.template.metadata", c->diagnostics);
	for (size_t i = 0; i < m->labels.count; i++)
		if (check_label_name(m->labels.entries[i].name, &err) != 0 || check_label_value(m->labels.entries[i].value, &err) != 0)
			advise(c, "template.metadata.labels", "%s: the machine cannot start", err.text);
	for (size_t i = 0; i < m->annotations.count; i++)
		if (check_label_name(m->annotations.entries[i].name, &err) != 0)
			advise(c, "template.metadata.annotations", "%s: the machine cannot start", err.text);
}

void
vm_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct vm_spec *spec = object;
	struct checking c = { spec->template->spec, document, path, diagnostics, false };

	if (document == NULL)
		return; /* what is stored was judged when it came */
	check_run(&c, spec);
	check_matcher(&c, "instancetype", spec->instancetype);
	check_matcher(&c, "preference", spec->preference);
	check_templates(&c, spec);
	check_metadata(&c, spec->template->metadata);
	vm_memory_check(spec->template->spec, document, "spec.template.spec", diagnostics);
}

/* VM10: a revision is a copy of what was named when it was made. */
static void
check_renamed(const struct checking *c, const char *field, const struct matcher *was, const struct matcher *is)
{
	g_autofree char *revision = g_strconcat(field, ".revisionName", NULL);

	if (was != NULL && is != NULL && is_text(is->revision_name) && g_strcmp0(was->revision_name, is->revision_name) == 0 &&
	    g_strcmp0(was->name, is->name) != 0)
		complain(c, CAUSE_INVALID, revision, "is of \"%s\": remove it when the name changes", was->name == NULL ? "" : was->name);
}

void
vm_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics)
{
	const struct vm_spec *was = ((const struct vm *)old)->spec, *is = ((const struct vm *)new)->spec;
	const struct checking c = { is->template->spec, document, "spec", diagnostics, false };

	check_renamed(&c, "instancetype", was->instancetype, is->instancetype);
	check_renamed(&c, "preference", was->preference, is->preference);
}

/* --- metadata of an instance ----------------------------------------------------------------------------------------- */

/* Labels that only the daemon gives. */
static const char *const reserved_labels[] = { "kubevirt.io/created-by", "kubevirt.io/migrationJobUID", "kubevirt.io/nodeName",
	"kubevirt.io/migrationTargetNodeName", "kubevirt.io/schedulable", "kubevirt.io/install-strategy", NULL };

/* Annotations whose use KubeVirt has behind a feature gate. */
static const char *const gated_annotations[] = { "kubevirt.io/ignitiondata", "hooks.kubevirt.io/hookSidecars", NULL };

static void
tell_metadata(const struct document *document, const char *path, const char *map, const char *name, const char *why,
    struct diagnostics *diagnostics)
{
	struct checking c = { NULL, document, path, diagnostics, true };
	g_autofree char *place = g_strdup_printf("%s['%s']", map, name);

	complain_as(&c, CAUSE_NOT_SUPPORTED, map, place, "%s %s", name, why);
}

static bool
is_rate(const char *text)
{
	int64_t mbit;

	return network_rate_parse(text, &mbit);
}

/* One of each version at most. */
static bool
is_addresses(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	bool seen[2] = { false, false };
	struct ip ip;

	for (char **part = parts; *part != NULL; part++) {
		if (ip_parse(g_strstrip(*part), &ip, NULL) != 0 || seen[ip_version(&ip) == 6])
			return false;
		seen[ip_version(&ip) == 6] = true;
	}
	return true;
}

static bool
is_mac(const char *text)
{
	return *text == '\0' || (check_mac(text, NULL) == 0 && strchr(text, '.') == NULL && g_ascii_xdigit_value(text[1]) % 2 == 0);
}

/* Annotations of interfaces as Kube-OVN has them, PROVIDER.kubernetes.io/KEY, that are not followed, or not with every value. */
#define RATE "must be a whole number of Mbit, at most " G_STRINGIFY(NETWORK_RATE_MOST)
static const struct network_key {
	const char *key;
	bool (*is_right)(const char *text);
	const char *why; /* it is ignored; or what would be right */
} network_keys[] = {
	{ "ip_address", is_addresses, "must be an IP address, or one of each version with a comma between them" },
	{ "mac_address", is_mac, "must be a MAC address of one card, such as 52:54:00:12:34:56" },
	{ "ingress_rate", is_rate, RATE },
	{ "egress_rate", is_rate, RATE },
	{ "ingress_burst", is_rate, RATE },
	{ "egress_burst", is_rate, RATE },
	{ "latency", NULL, "packets are not held up here; tc-netem(8) in the guest does so" },
	{ "jitter", NULL, "packets are not held up here; tc-netem(8) in the guest does so" },
	{ "limit", NULL, "packets are not held up here; tc-netem(8) in the guest does so" },
	{ "loss", NULL, "packets are not lost on purpose here; tc-netem(8) in the guest does so" },
	{ "routes", NULL, "write them into dhcp-v4-options (classless_static_route) or cloud-init" },
	{ "default_route", NULL, "the guest decides by what DHCP tells it" },
	{ "eip", NULL, "there is no router here" },
	{ "snat", NULL, "there is no router here" },
	{ "north_gateway", NULL, "there is no router here" },
	{ "activation_strategy", NULL, "a port passes frames as soon as its guest runs" },
};

static void
check_network_keys(const struct schema_map *annotations, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	struct checking c = { NULL, document, path, diagnostics, true };

	for (size_t i = 0; i < annotations->count; i++) {
		const char *name = annotations->entries[i].name, *value = annotations->entries[i].value, *end = strstr(name, ".kubernetes.io/");
		g_autofree char *place = g_strdup_printf("annotations['%s']", name);
		for (size_t k = 0; end != NULL && k < G_N_ELEMENTS(network_keys); k++) {
			const struct network_key *key = &network_keys[k];
			if (strcmp(end + strlen(".kubernetes.io/"), key->key) != 0)
				continue;
			if (key->is_right == NULL)
				advise(&c, "annotations", "%s is ignored: %s", name, key->why);
			else if (!key->is_right(value == NULL ? "" : value))
				complain_as(&c, CAUSE_INVALID, "annotations", place, "%s %s, and is \"%.40s\"", name, key->why, value);
		}
	}
}

void
instance_metadata_check(const struct schema_map *labels, const struct schema_map *annotations, const struct document *document,
    const char *path, struct diagnostics *diagnostics)
{
	for (size_t i = 0; reserved_labels[i] != NULL; i++)
		if (schema_map_get(labels, reserved_labels[i]) != NULL)
			tell_metadata(document, path, "labels", reserved_labels[i], "is reserved: only the daemon gives it", diagnostics);
	for (size_t i = 0; gated_annotations[i] != NULL; i++)
		if (is_text(schema_map_get(annotations, gated_annotations[i])))
			tell_metadata(document, path, "annotations", gated_annotations[i],
			    "is not supported: KubeVirt has it behind a feature gate, too", diagnostics);
	check_network_keys(annotations, document, path, diagnostics);
}

void
vmi_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics)
{
	const struct vmi *was = old, *is = new;

	for (size_t i = 0; reserved_labels[i] != NULL; i++)
		if (g_strcmp0(schema_map_get(&was->head.meta->labels, reserved_labels[i]),
		        schema_map_get(&is->head.meta->labels, reserved_labels[i])) != 0)
			tell_metadata(document, "metadata", "labels", reserved_labels[i], "is reserved: only the daemon changes it", diagnostics);
}
