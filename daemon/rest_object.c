/* Reading and writing objects, for every kind alike; see rest_internal.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/objects.h"
#include "daemon/redact.h"
#include "daemon/rest_internal.h"
#include "daemon/selector.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* --- reading -------------------------------------------------------------------------------------------------- */

void
rest_get(struct rest_call *call)
{
	const struct object *object = rest_target(call);
	enum rest_include include;

	if (object == NULL)
		return;
	if (!rest_wants_table(call, &include)) {
		rest_answer(call, 200, rest_object_text(call, object));
		return;
	}
	g_autoptr(GPtrArray) one = g_ptr_array_new();
	g_ptr_array_add(one, (void *)object);
	rest_answer_tree(call, 200,
	    rest_table(call->kind, one, include, call->right < ACCESS_ADMIN, true, object->version,
		daemon_now(call->rest->daemon)));
}

/* As the caller sees it: nobody may learn by a selector what he may not read. */
static bool
selected(const struct rest_call *call, const struct selector *selector, const struct object *object)
{
	json_t *tree;
	bool match;

	if (selector_is_empty(selector))
		return true;
	tree = object_tree(object);
	if (call->right < ACCESS_ADMIN)
		redact_tree(object->kind, tree);
	match = selector_matches(selector, tree);
	json_decref(tree);
	return match;
}

static struct selector *
read_selector(struct rest_call *call)
{
	struct error err = { 0 };
	struct selector *selector = selector_new(http_query(call->request, "labelSelector"),
	    http_query(call->request, "fieldSelector"), &err);

	if (selector == NULL)
		rest_refuse(call, 400, "%s", err.text);
	return selector;
}

static GPtrArray *
list_selected(const struct rest_call *call, const struct selector *selector)
{
	GPtrArray *objects = store_list(call->rest->daemon->store, kind_id(call->kind), call->namespace);
	guint kept = 0;

	for (guint i = 0; i < objects->len; i++) {
		void *object = objects->pdata[i];
		if (!selected(call, selector, object))
			continue;
		objects->pdata[i] = objects->pdata[kept];
		objects->pdata[kept++] = object;
	}
	g_ptr_array_set_size(objects, (gint)kept);
	return objects;
}

/* Without parsing anything: the objects' texts in one frame. */
static char *
list_text(const struct rest_call *call, const GPtrArray *objects, int64_t version)
{
	GString *out = g_string_new(NULL);

	g_string_printf(out,
	    "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%" G_GINT64_FORMAT
	    "\"},\"items\":[",
	    call->kind->name, kind_api_version(call->kind), version);
	for (guint i = 0; i < objects->len; i++) {
		g_autofree char *text = rest_object_text(call, objects->pdata[i]);
		if (i > 0)
			g_string_append_c(out, ',');
		g_string_append(out, text);
	}
	g_string_append(out, "]}");
	return g_string_free(out, FALSE);
}

void
rest_list(struct rest_call *call)
{
	struct daemon *daemon = call->rest->daemon;
	struct selector *selector = read_selector(call);
	int64_t version = store_version(daemon->store);
	enum rest_include include;

	if (selector == NULL)
		return;
	if (rest_query_flag(call, "watch")) {
		rest_watch(call, selector);
		return;
	}
	g_autoptr(GPtrArray) objects = list_selected(call, selector);
	selector_free(selector);
	if (rest_wants_table(call, &include))
		rest_answer_tree(call, 200,
		    rest_table(
			call->kind, objects, include, call->right < ACCESS_ADMIN, true, version, daemon_now(daemon)));
	else
		rest_answer(call, 200, list_text(call, objects, version));
}

/* --- writing -------------------------------------------------------------------------------------------------- */

/* Ends a write: the object as it is now, or why not.  Takes the document. */
static void
finish(struct rest_call *call, int code, const struct object *object, struct document *document, bool dry_run,
    struct diagnostics *diagnostics, const struct error *err)
{
	const char *name = path_string(document->root, "metadata.name");

	rest_warn(call, diagnostics);
	if (object == NULL)
		rest_answer_status(call, rest_status_of(call->kind, name, err, diagnostics));
	else if (dry_run)
		rest_answer(call, code, rest_object_text(call, object));
	else
		rest_answer_durable(call, code, rest_object_text(call, object));
	diagnostics_clear(diagnostics);
	document_free(document);
}

void
rest_create(struct rest_call *call)
{
	bool dry_run = rest_dry_run(call, NULL);
	struct document *document = rest_body_document(call);
	struct diagnostics diagnostics;
	struct error err = { 0 };

	if (document == NULL)
		return;
	diagnostics_init(&diagnostics);
	const struct object *object =
	    objects_create(call->rest->daemon, document, call->namespace, dry_run, &diagnostics, &err);
	finish(call, 201, object, document, dry_run, &diagnostics, &err);
}

/* Replaces the part with the document (taken). */
static void
replace(struct rest_call *call, struct document *document, enum object_part part)
{
	bool dry_run = rest_dry_run(call, NULL);
	struct diagnostics diagnostics;
	struct error err = { 0 };

	diagnostics_init(&diagnostics);
	const struct object *object =
	    objects_update(call->rest->daemon, document, call->namespace, part, dry_run, &diagnostics, &err);
	finish(call, 200, object, document, dry_run, &diagnostics, &err);
}

static void
update(struct rest_call *call, enum object_part part)
{
	struct document *document;
	bool custom = call->kind->group[0] != '\0' && !g_str_has_suffix(call->kind->group, ".k8s.io");

	if (rest_target(call) == NULL || (document = rest_body_document(call)) == NULL)
		return;
	/* Custom resources have no unconditional update (apiextensions-apiserver). */
	if (custom && path_string(document->root, "metadata.resourceVersion") == NULL) {
		rest_answer_status(call, rest_status_invalid(call->kind, call->name, "metadata.resourceVersion",
		    "must be specified for an update: send back the one that you read"));
		document_free(document);
		return;
	}
	replace(call, document, part);
}

void
rest_update(struct rest_call *call)
{
	update(call, OBJECT_MAIN);
}

void
rest_update_status(struct rest_call *call)
{
	update(call, OBJECT_STATUS);
}

static void
patch(struct rest_call *call, enum object_part part)
{
	const struct object *target = rest_target(call);
	struct document *document = target == NULL ? NULL : rest_body_patched(call, target);

	if (document != NULL)
		replace(call, document, part);
}

void
rest_patch(struct rest_call *call)
{
	patch(call, OBJECT_MAIN);
}

void
rest_patch_status(struct rest_call *call)
{
	patch(call, OBJECT_STATUS);
}

/* --- deleting ------------------------------------------------------------------------------------------------- */

/* From the body and, over it, from the query, as SDKs send them.  body is borrowed and must outlive options. */
static void
read_options(const struct rest_call *call, const json_t *body, struct delete_options *options)
{
	const char *policy = http_query(call->request, "propagationPolicy");
	const char *grace = http_query(call->request, "gracePeriodSeconds");
	const char *version = path_string(body, "preconditions.resourceVersion");
	const json_t *seconds = json_object_get(body, "gracePeriodSeconds");

	if (policy == NULL)
		policy = path_string(body, "propagationPolicy");
	options->grace_period_seconds = json_is_integer(seconds) ? json_integer_value(seconds) : -1;
	if (grace != NULL)
		options->grace_period_seconds = g_ascii_strtoll(grace, NULL, 10);
	options->orphan = g_strcmp0(policy, "Orphan") == 0 || rest_query_flag(call, "orphanDependents") ||
	    json_is_true(json_object_get(body, "orphanDependents"));
	options->uid = path_string(body, "preconditions.uid");
	options->version = version == NULL ? 0 : g_ascii_strtoll(version, NULL, 10);
	options->dry_run = rest_dry_run(call, body);
}

static void
delete_one(struct rest_call *call, const struct object *target, const struct delete_options *options)
{
	const struct object *left = NULL;
	struct error err = { 0 };
	char *text;

	if (objects_delete(call->rest->daemon, target, options, &left, &err) < 0) {
		rest_answer_status(call, rest_status_of(call->kind, call->name, &err, NULL));
		return;
	}
	if (left != NULL) {
		text = rest_object_text(call, left);
	} else {
		json_t *status = rest_status_deleted(target);
		text = json_write(status);
		json_decref(status);
	}
	if (options->dry_run)
		rest_answer(call, 200, text);
	else
		rest_answer_durable(call, 200, text);
}

void
rest_delete(struct rest_call *call)
{
	const struct object *target = rest_target(call);
	struct delete_options options;
	json_t *body;
	bool bad;

	if (target == NULL)
		return;
	body = rest_body_tree(call, &bad);
	if (bad)
		return;
	read_options(call, body, &options);
	object_ref(target);
	delete_one(call, target, &options);
	object_unref(target);
	json_decref(body);
}

void
rest_delete_collection(struct rest_call *call)
{
	struct selector *selector = read_selector(call);
	struct delete_options options;
	struct error err = { 0 };
	json_t *body, *status;
	bool bad;

	if (selector == NULL)
		return;
	body = rest_body_tree(call, &bad);
	if (bad) {
		selector_free(selector);
		return;
	}
	read_options(call, body, &options);
	g_autoptr(GPtrArray) objects = list_selected(call, selector);
	selector_free(selector);
	for (guint i = 0; i < objects->len && err.code == 0; i++) {
		const struct object *left = NULL;
		/* One that an earlier deletion took along is no error. */
		if (objects_delete(call->rest->daemon, objects->pdata[i], &options, &left, &err) < 0 &&
		    err.code == ENOENT)
			err.code = 0;
	}
	json_decref(body);
	if (err.code != 0) {
		rest_answer_status(call, rest_status_of(call->kind, NULL, &err, NULL));
		return;
	}
	status =
	    json_pack("{s:s, s:s, s:{}, s:s}", "kind", "Status", "apiVersion", "v1", "metadata", "status", "Success");
	rest_answer_durable(call, 200, json_write(status));
	json_decref(status);
}
