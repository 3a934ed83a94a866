/* Metadata and conditions: rows and small helpers. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/meta.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static const struct schema_field owner_reference_rows[] = {
	{ STRING("apiVersion", struct owner_reference, api_version), .flags = FIELD_REQUIRED, .doc = "Version of the owner's kind." },
	{ STRING("kind", struct owner_reference, kind), .flags = FIELD_REQUIRED, .doc = "Kind of the owner." },
	{ STRING("name", struct owner_reference, name), .flags = FIELD_REQUIRED, .doc = "Name of the owner, in the same namespace." },
	{ STRING("uid", struct owner_reference, uid), .flags = FIELD_REQUIRED, .doc = "The owner's uid: a namesake does not count." },
	{ BOOL("controller", struct owner_reference, controller), .doc = "The owner manages the object." },
	{ BOOL("blockOwnerDeletion", struct owner_reference, block_owner_deletion),
	  .doc = "In foreground deletion the owner waits for the object." },
	{ 0 },
};
static SCHEMA(owner_reference_schema, struct owner_reference, "OwnerReference",
    "An object whose removal takes this one along.", owner_reference_rows, .nullable = true);

/* What is added ends in letters, so that the stem may end in "-" or ".". */
static int
check_name_stem(const char *text, struct error *err)
{
	g_autofree char *name = g_strconcat(text, "x", NULL);

	if (check_dns_subdomain(name, NULL) == 0)
		return 0;
	return error_set(err, EINVAL,
	    "\"%.80s\" is not the beginning of a name: a-z, 0-9, - and ., beginning with a letter or digit", text);
}

static const struct schema_field meta_rows[] = {
	{ STRING("name", struct meta, name), .max = 253, .check = check_dns_subdomain,
	  .doc = "Name, unique among the kind's objects in the namespace." },
	{ STRING("generateName", struct meta, generate_name), .max = 253, .check = check_name_stem,
	  .doc = "Beginning of a name that is completed at random when name is not given." },
	{ STRING("namespace", struct meta, namespace), .check = check_dns_label, .doc = "Namespace; default when not given." },
	{ STRING("uid", struct meta, uid), .doc = "Identity over time and space; given at creation." },
	{ STRING("resourceVersion", struct meta, resource_version), .doc = "Version of the object; sent back, it guards a change." },
	{ INT("generation", struct meta, generation), .doc = "Grows with every change of spec." },
	{ TIME("creationTimestamp", struct meta, creation_timestamp), .doc = "When the object was made." },
	{ TIME("deletionTimestamp", struct meta, deletion_timestamp), .doc = "When its deletion was asked for." },
	{ INT("deletionGracePeriodSeconds", struct meta, deletion_grace_period_seconds), .doc = "Grace that the deletion was given." },
	{ MAP("labels", struct meta, labels), .check = check_label_name, .doc = "Words by which objects are selected." },
	{ MAP("annotations", struct meta, annotations), .check = check_label_name, .doc = "Notes for people and programs." },
	{ STRINGS("finalizers", struct meta, finalizers), .check = check_label_name, .doc = "Who still has work to do before the object may vanish." },
	{ LIST("ownerReferences", struct meta, owner_references, &owner_reference_schema), .key = "uid",
	  .doc = "Objects whose removal takes this one along." },
	{ IGNORED("managedFields", LIST, "Ownership of single fields is not tracked.") },
	{ IGNORED("selfLink", STRING, "Kubernetes dropped it, too.") },
	{ 0 },
};
SCHEMA(object_meta_schema, struct meta, "ObjectMeta", "What every object has.", meta_rows, .nullable = true);

static const struct schema_field condition_rows[] = {
	{ STRING("type", struct condition, type), .flags = FIELD_REQUIRED, .doc = "What the condition is about." },
	{ STRING("status", struct condition, status), .flags = FIELD_REQUIRED, .doc = "True, False or Unknown." },
	{ TIME("lastProbeTime", struct condition, last_probe_time), .doc = "When it was last looked at." },
	{ TIME("lastTransitionTime", struct condition, last_transition_time), .doc = "When the status last changed." },
	{ STRING("reason", struct condition, reason), .doc = "One word for programs." },
	{ STRING("message", struct condition, message), .doc = "One sentence for people." },
	{ TIME("lastHeartbeatTime", struct condition, last_probe_time), .policy = POLICY_WARN,
	  .doc = "Heartbeats are not recorded." },
	{ 0 },
};
SCHEMA(condition_schema, struct condition, "Condition", "One aspect of an object's state.", condition_rows, .nullable = true);

static const struct schema_field local_object_reference_rows[] = {
	{ STRING("name", struct local_object_reference, name),
	  .doc = "Name of the object, in the same namespace." },
	{ 0 },
};
SCHEMA(local_object_reference_schema, struct local_object_reference, "LocalObjectReference",
    "Another object in the same namespace.", local_object_reference_rows, .nullable = true);

static struct condition *
find(const struct schema_list *conditions, const char *type)
{
	SCHEMA_EACH (struct condition, c, conditions)
		if (g_strcmp0(c->type, type) == 0)
			return c;
	return NULL;
}

static bool
replace_text(char **text, const char *value)
{
	if (g_strcmp0(*text, value) == 0)
		return false;
	g_free(*text);
	*text = g_strdup(value);
	return true;
}

bool
condition_set(struct schema_list *conditions, const char *type, bool status, const char *reason, const char *message,
    int64_t now)
{
	struct condition *c = find(conditions, type);
	bool changed = c == NULL;

	if (c == NULL) {
		c = schema_list_add(conditions, &condition_schema);
		c->type = g_strdup(type);
	}
	if (replace_text(&c->status, status ? "True" : "False")) {
		c->last_transition_time = now;
		changed = true;
	}
	changed |= replace_text(&c->reason, reason);
	changed |= replace_text(&c->message, message);
	return changed;
}

bool
condition_remove(struct schema_list *conditions, const char *type)
{
	struct condition *c = find(conditions, type);

	if (c == NULL)
		return false;
	schema_list_remove(conditions, &condition_schema, (size_t)(c - (struct condition *)conditions->items));
	return true;
}

const struct condition *
condition_find(const struct schema_list *conditions, const char *type)
{
	return find(conditions, type);
}

bool
condition_is_true(const struct schema_list *conditions, const char *type)
{
	const struct condition *c = find(conditions, type);

	return c != NULL && g_strcmp0(c->status, "True") == 0;
}
