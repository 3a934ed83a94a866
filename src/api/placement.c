/* Rows of affinity, tolerations, topologySpreadConstraints and dnsConfig, and label selectors. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/placement.h"
#include "src/api/rows.h"
#include "src/base/error.h"

/* Labels of hosts can be compared as numbers, those of objects cannot. */
static const char *const node_operators[] = { "", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", NULL };
static const char *const label_operators[] = { "", "In", "NotIn", "Exists", "DoesNotExist", NULL };
static const char *const field_operators[] = { "", "In", "NotIn", NULL };

/* In and NotIn need values, Exists and DoesNotExist take none (Kubernetes' validation of selectors). */
static void
requirement_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct label_requirement *r = object;
	g_autofree char *where = g_strconcat(path, ".values", NULL);
	bool wants = r->operator == LABEL_IN || r->operator == LABEL_NOT_IN, one = r->operator == LABEL_GT || r->operator == LABEL_LT;
	guint count = r->values == NULL ? 0 : g_strv_length(r->values);

	if (wants && count == 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, where, "is required with In and NotIn");
	else if (one && count != 1)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, where, "must be one number with Gt and Lt");
	else if (!wants && !one && count > 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, where, "may not be given with Exists and DoesNotExist");
}
/* Values of labels of objects are labels' values; those of hosts may be anything. */
static void
label_requirement_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct label_requirement *r = object;
	struct error err = { 0 };

	requirement_check(object, document, path, diagnostics);
	for (size_t i = 0; r->values != NULL && r->values[i] != NULL; i++) {
		g_autofree char *where = g_strdup_printf("%s.values[%zu]", path, i);
		if (check_label_value(r->values[i], &err) != 0)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where, "%s", err.text);
	}
}

/* The one field of a host that can be asked for is its name. */
static void
field_requirement_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct label_requirement *r = object;
	g_autofree char *key = g_strconcat(path, ".key", NULL), *values = g_strconcat(path, ".values", NULL);

	if (r->key != NULL && strcmp(r->key, "metadata.name") != 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, key, "must be metadata.name");
	if (r->values == NULL || g_strv_length(r->values) != 1)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, values, "must be one name");
}

static void
label_selector_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct label_selector *s = object;
	g_autofree char *where = g_strconcat(path, ".matchLabels", NULL);
	struct error err = { 0 };

	for (size_t i = 0; i < s->match_labels.count; i++)
		if (check_label_value(s->match_labels.entries[i].value, &err) != 0)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where, "%s", err.text);
}

#define REQUIREMENT_ROWS(operators)                                                                                        \
	{ STRING("key", struct label_requirement, key), .flags = FIELD_REQUIRED, .check = check_label_name,                    \
	  .doc = "Name of the label or field." },                                                                              \
	{ ENUM("operator", struct label_requirement, operator, operators), .flags = FIELD_REQUIRED, .doc = "How it compares." }, \
	{ STRINGS("values", struct label_requirement, values), .doc = "Values that it compares with." }, { 0 }
static const struct schema_field requirement_rows[] = { REQUIREMENT_ROWS(label_operators) };
static const struct schema_field node_requirement_rows[] = { REQUIREMENT_ROWS(node_operators) };
static const struct schema_field field_requirement_rows[] = { REQUIREMENT_ROWS(field_operators) };
static SCHEMA(requirement_schema, struct label_requirement, "LabelSelectorRequirement", "A condition on a label.", requirement_rows, .check = label_requirement_check);
static SCHEMA(node_requirement_schema, struct label_requirement, "NodeSelectorRequirement", "A condition on a host's label.", node_requirement_rows, .check = requirement_check);
static SCHEMA(field_requirement_schema, struct label_requirement, "NodeFieldRequirement", "A condition on a host's field.", field_requirement_rows, .check = field_requirement_check);
static const struct schema_field label_selector_rows[] = {
	{ MAP("matchLabels", struct label_selector, match_labels), .check = check_label_name, .doc = "Labels that must be so." },
	{ LIST("matchExpressions", struct label_selector, match_expressions, &requirement_schema), .max = 256, .doc = "Conditions, all of which must hold." },
	{ 0 },
};
SCHEMA(label_selector_schema, struct label_selector, "LabelSelector", "Selects objects by their labels.", label_selector_rows, .check = label_selector_check);

static const struct schema_field node_term_rows[] = {
	{ LIST("matchExpressions", struct node_selector_term, match_expressions, &node_requirement_schema), .max = 256, .doc = "Conditions on the host's labels." },
	{ LIST("matchFields", struct node_selector_term, match_fields, &field_requirement_schema), .max = 256, .doc = "Conditions on the host's fields: metadata.name." },
	{ 0 },
};
static SCHEMA(node_term_schema, struct node_selector_term, "NodeSelectorTerm", "Conditions on a host, all of which must hold.", node_term_rows);
static const struct schema_field node_selector_rows[] = {
	{ LIST("nodeSelectorTerms", struct node_selector, node_selector_terms, &node_term_schema), .max = 256, .doc = "Terms, any of which must hold." },
	{ 0 },
};
static void
node_selector_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct node_selector *s = object;
	g_autofree char *where = g_strconcat(path, ".nodeSelectorTerms", NULL);

	if (s->node_selector_terms.count == 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, where, "needs at least one term");
}
static SCHEMA(node_selector_schema, struct node_selector, "NodeSelector", "Which hosts may run it.", node_selector_rows, .check = node_selector_check);
static const struct schema_field preferred_term_rows[] = {
	{ INT("weight", struct preferred_term, weight), .flags = FIELD_REQUIRED, .min = 1, .max = 100, .doc = "How much it counts." },
	{ OBJECT("preference", struct preferred_term, preference, struct node_selector_term, &node_term_schema), .flags = FIELD_PRESENT, .doc = "Which hosts are better." },
	{ 0 },
};
static SCHEMA(preferred_term_schema, struct preferred_term, "PreferredSchedulingTerm", "Which hosts are better.", preferred_term_rows);
static const struct schema_field node_affinity_rows[] = {
	{ OBJECT("requiredDuringSchedulingIgnoredDuringExecution", struct node_affinity, required, struct node_selector, &node_selector_schema), .doc = "Hosts that may run it." },
	{ LIST("preferredDuringSchedulingIgnoredDuringExecution", struct node_affinity, preferred, &preferred_term_schema), .max = 256, .doc = "Hosts that are better." },
	{ 0 },
};
static SCHEMA(node_affinity_schema, struct node_affinity, "NodeAffinity", "Which hosts.", node_affinity_rows);
static const struct schema_field pod_term_rows[] = {
	{ OBJECT("labelSelector", struct pod_affinity_term, label_selector, struct label_selector, &label_selector_schema), .doc = "Which machines." },
	{ STRING("topologyKey", struct pod_affinity_term, topology_key), .flags = FIELD_REQUIRED, .check = check_label_name, .doc = "Label of hosts that makes two of them one place." },
	{ STRINGS("namespaces", struct pod_affinity_term, namespaces), .check = check_dns_label, .doc = "Namespaces of the machines; its own when not given." },
	{ OBJECT("namespaceSelector", struct pod_affinity_term, namespace_selector, struct label_selector, &label_selector_schema), .doc = "Namespaces by their labels." },
	{ IGNORED("matchLabelKeys", STRINGS, "Write the labels into labelSelector.") },
	{ IGNORED("mismatchLabelKeys", STRINGS, "Write the labels into labelSelector.") },
	{ 0 },
};
static SCHEMA(pod_term_schema, struct pod_affinity_term, "PodAffinityTerm", "Machines that are near or far.", pod_term_rows);
static const struct schema_field weighted_pod_term_rows[] = {
	{ INT("weight", struct weighted_pod_affinity_term, weight), .flags = FIELD_REQUIRED, .min = 1, .max = 100, .doc = "How much it counts." },
	{ OBJECT("podAffinityTerm", struct weighted_pod_affinity_term, pod_affinity_term, struct pod_affinity_term, &pod_term_schema), .flags = FIELD_REQUIRED, .doc = "Machines that are near or far." },
	{ 0 },
};
static SCHEMA(weighted_pod_term_schema, struct weighted_pod_affinity_term, "WeightedPodAffinityTerm", "Which places are better.", weighted_pod_term_rows);
static const struct schema_field pod_affinity_rows[] = {
	{ LIST("requiredDuringSchedulingIgnoredDuringExecution", struct pod_affinity, required, &pod_term_schema), .max = 256, .doc = "What must hold." },
	{ LIST("preferredDuringSchedulingIgnoredDuringExecution", struct pod_affinity, preferred, &weighted_pod_term_schema), .max = 256, .doc = "What is better." },
	{ 0 },
};
static SCHEMA(pod_affinity_schema, struct pod_affinity, "PodAffinity", "Near to or far from other machines.", pod_affinity_rows);
static const struct schema_field affinity_rows[] = {
	{ OBJECT("nodeAffinity", struct affinity, node_affinity, struct node_affinity, &node_affinity_schema), .doc = "Which hosts." },
	{ OBJECT("podAffinity", struct affinity, pod_affinity, struct pod_affinity, &pod_affinity_schema), .doc = "Near to which machines." },
	{ OBJECT("podAntiAffinity", struct affinity, pod_anti_affinity, struct pod_affinity, &pod_affinity_schema), .doc = "Far from which machines." },
	{ 0 },
};
SCHEMA(affinity_schema, struct affinity, "Affinity", "Where it may run.", affinity_rows);

static CHECK_WORD(check_toleration_operator, "Exists", "Equal")
static CHECK_WORD(check_taint_effect, "NoSchedule", "PreferNoSchedule", "NoExecute")
static CHECK_WORD(check_unsatisfiable, "DoNotSchedule", "ScheduleAnyway")
static const struct schema_field toleration_rows[] = {
	{ STRING("key", struct toleration, key), .flags = FIELD_LENIENT, .check = check_label_name, .doc = "Name of the taint." },
	{ STRING("operator", struct toleration, operator), .flags = FIELD_LENIENT, .check = check_toleration_operator, .doc = "Exists or Equal." },
	{ STRING("value", struct toleration, value), .doc = "Value of the taint." },
	{ STRING("effect", struct toleration, effect), .flags = FIELD_LENIENT, .check = check_taint_effect, .doc = "What the taint does." },
	{ INT("tolerationSeconds", struct toleration, toleration_seconds), .doc = "How long." },
	{ 0 },
};
SCHEMA(toleration_schema, struct toleration, "Toleration", "A taint that it bears.", toleration_rows);
static const struct schema_field topology_spread_rows[] = {
	{ INT("maxSkew", struct topology_spread, max_skew), .flags = FIELD_REQUIRED, .min = 1, .max = INT32_MAX, .doc = "How uneven it may be." },
	{ STRING("topologyKey", struct topology_spread, topology_key), .flags = FIELD_REQUIRED, .check = check_label_name, .doc = "Label of hosts that makes two of them one place." },
	{ STRING("whenUnsatisfiable", struct topology_spread, when_unsatisfiable), .flags = FIELD_REQUIRED, .check = check_unsatisfiable, .doc = "DoNotSchedule or ScheduleAnyway." },
	{ OBJECT("labelSelector", struct topology_spread, label_selector, struct label_selector, &label_selector_schema), .doc = "Which machines." },
	{ IGNORED("minDomains", INT, "Placement follows capacity and nodeSelector.") },
	{ IGNORED("nodeAffinityPolicy", STRING, "Placement follows capacity and nodeSelector.") },
	{ IGNORED("nodeTaintsPolicy", STRING, "Placement follows capacity and nodeSelector.") },
	{ IGNORED("matchLabelKeys", STRINGS, "Placement follows capacity and nodeSelector.") },
	{ 0 },
};
SCHEMA(topology_spread_schema, struct topology_spread, "TopologySpreadConstraint", "Machines are spread evenly.", topology_spread_rows);

static const struct schema_field dns_option_rows[] = {
	{ STRING("name", struct dns_option, name), .max = 253, .doc = "Name of the option." },
	{ STRING("value", struct dns_option, value), .max = 253, .doc = "Its value." },
	{ 0 },
};
static SCHEMA(dns_option_schema, struct dns_option, "PodDNSConfigOption", "An option of the resolver.", dns_option_rows);
static const struct schema_field dns_config_rows[] = {
	{ STRINGS("nameservers", struct dns_config, nameservers), .doc = "Addresses of name servers, at most three." },
	{ STRINGS("searches", struct dns_config, searches), .doc = "Domains in which short names are looked up, at most six." },
	{ LIST("options", struct dns_config, options, &dns_option_schema), .max = 64, .doc = "Options of the resolver." },
	{ 0 },
};
SCHEMA(dns_config_schema, struct dns_config, "PodDNSConfig", "The guest's resolver.", dns_config_rows);

/* --- label selectors ------------------------------------------------------------------------------------------------ */

static bool
requirement_holds(const struct label_requirement *r, const struct schema_map *labels)
{
	const char *value = schema_map_get(labels, r->key);
	bool listed = value != NULL && r->values != NULL && g_strv_contains((const char *const *)r->values, value);

	switch (r->operator) {
	case LABEL_IN:
		return listed;
	case LABEL_NOT_IN:
		return !listed;
	case LABEL_EXISTS:
		return value != NULL;
	case LABEL_DOES_NOT_EXIST:
		return value == NULL;
	default:
		return false;
	}
}

bool
label_selector_matches(const struct label_selector *selector, const struct schema_map *labels)
{
	if (selector == NULL)
		return false;
	for (size_t i = 0; i < selector->match_labels.count; i++)
		if (g_strcmp0(schema_map_get(labels, selector->match_labels.entries[i].name), selector->match_labels.entries[i].value) != 0)
			return false;
	SCHEMA_EACH (struct label_requirement, r, &selector->match_expressions)
		if (!requirement_holds(r, labels))
			return false;
	return true;
}
