/* The scale subresource: how many members a replica set or pool has and is to have, as autoscaling/v1 says it; see
 * rest_internal.h. */
#include "config.h"

#include <string.h>

#include "daemon/objects.h"
#include "daemon/rest_internal.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/patch.h"
#include "src/document/path.h"

#define SCALE_VERSION "autoscaling/v1"

/* What the members of a Scale are in an object (KubeVirt's custom resources). */
static const struct {
	const char *scale, *object;
} members[] = {
	{ "metadata.name", "metadata.name" },
	{ "metadata.namespace", "metadata.namespace" },
	{ "metadata.uid", "metadata.uid" },
	{ "metadata.resourceVersion", "metadata.resourceVersion" },
	{ "metadata.creationTimestamp", "metadata.creationTimestamp" },
	{ "spec.replicas", "spec.replicas" },
	{ "status.replicas", "status.replicas" },
	{ "status.selector", "status.labelSelector" },
};

/* New reference. */
static json_t *
scale_of(const struct object *object)
{
	json_t *scale = json_pack("{s:s, s:s, s:{}, s:{}, s:{s:i}}", "kind", "Scale", "apiVersion", SCALE_VERSION, "metadata", "spec",
	    "status", "replicas", 0);
	json_t *tree = object_tree(object);

	path_set(scale, "spec.replicas", json_integer(1)); /* when none is given */
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		json_t *value = path_find(tree, members[i].object);
		if (value != NULL)
			path_set(scale, members[i].scale, json_deep_copy(value));
	}
	json_decref(tree);
	return scale;
}

void
rest_get_scale(struct rest_call *call)
{
	const struct object *object = rest_target(call);

	if (object != NULL)
		rest_answer_tree(call, 200, scale_of(object));
}

/* False after having answered. */
static bool
check(struct rest_call *call, const json_t *scale)
{
	const char *kind = path_string(scale, "kind"), *name = path_string(scale, "metadata.name");
	const json_t *replicas = path_find((json_t *)(uintptr_t)scale, "spec.replicas");

	if (!json_is_object(scale) || (kind != NULL && strcmp(kind, "Scale") != 0)) {
		rest_refuse(call, 400, "the body must be a Scale of " SCALE_VERSION);
		return false;
	}
	if (name != NULL && strcmp(name, call->name) != 0) {
		rest_refuse(call, 400, "the name of the object (%s) does not match the name in the path (%s)", name, call->name);
		return false;
	}
	if (replicas != NULL && (!json_is_integer(replicas) || json_integer_value(replicas) < 0)) {
		rest_answer_status(call, rest_status_invalid(call->kind, call->name, "spec.replicas", "must be a whole number, 0 or more"));
		return false;
	}
	return true;
}

/* The object with what a Scale says (reference taken; none said is none wanted), stored. */
static void
store_scale(struct rest_call *call, const struct object *object, json_t *scale)
{
	bool dry_run = rest_dry_run(call, NULL);
	const json_t *replicas = path_find(scale, "spec.replicas");
	const char *version = path_string(scale, "metadata.resourceVersion");
	struct document *document = document_take(object_tree(object));
	struct diagnostics diagnostics;
	struct error err = { 0 };

	path_set(document->root, "spec.replicas", json_integer(json_integer_value(replicas)));
	if (version != NULL && *version != '\0')
		path_set(document->root, "metadata.resourceVersion", json_string(version));
	json_decref(scale);
	diagnostics_init(&diagnostics);
	object = objects_update(call->rest->daemon, document, call->namespace, OBJECT_MAIN, dry_run, &diagnostics, &err);
	document_free(document);
	if (object == NULL) {
		rest_answer_status(call, rest_status_of(call->kind, call->name, &err, &diagnostics));
	} else {
		json_t *now = scale_of(object);
		if (dry_run)
			rest_answer_tree(call, 200, json_incref(now));
		else
			rest_answer_durable(call, 200, json_write(now));
		json_decref(now);
	}
	diagnostics_clear(&diagnostics);
}

void
rest_update_scale(struct rest_call *call)
{
	const struct object *object = rest_target(call);
	json_t *scale;
	bool bad;

	if (object == NULL)
		return;
	scale = rest_body_tree(call, &bad);
	if (bad)
		return;
	if (check(call, scale))
		store_scale(call, object, scale);
	else
		json_decref(scale);
}

void
rest_patch_scale(struct rest_call *call)
{
	const struct object *object = rest_target(call);
	json_t *before, *scale;

	if (object == NULL)
		return;
	before = scale_of(object);
	scale = rest_body_patch(call, before);
	json_decref(before);
	if (scale == NULL)
		return;
	if (check(call, scale))
		store_scale(call, object, scale);
	else
		json_decref(scale);
}
