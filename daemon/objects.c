/* Objects as users change them: Kubernetes' rules for metadata, admission, deletion; see objects.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/daemon.h"
#include "daemon/devices.h"
#include "daemon/controllers/storage_profile.h"
#include "daemon/instancetypes.h"
#include "daemon/objects.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/document/patch.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* Fields of metadata that only the daemon writes. */
static const char *const own_fields[] = { "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
	"generation", "resourceVersion" };

/* What only controllers write, by kind: a user's document neither sets it nor, by leaving it out, removes it.  once: a user may set what is
 * not set yet. */
static const struct {
	enum kind_id kind;
	const char *path;
	bool once;
} own_paths[] = {
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_NODE "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_CLUSTER "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_POOL "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_NAME "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_PATH "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_FORMAT "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_BACKING "']" },
	{ KIND_CLAIM, "metadata.annotations['" VOLUME_ENCRYPTION "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_DEPTH "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_ORIGIN "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_PROTECTED "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_SEALING "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_SOURCE "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_POPULATED "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_RESTORED "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_COPY "']" },
	{ KIND_CLAIM, "metadata.annotations['" CLAIM_PROGRESS "']" },
	{ KIND_CLAIM, "spec.volumeName", true },
	{ KIND_VOLUME, "metadata.annotations['" VOLUME_PLACE "']" },
	{ KIND_SNAPSHOT, "metadata.annotations['" VOLUME_SNAPSHOT "']" },
};

/* The first error as the sentence of the whole. */
static int
invalid(const struct kind *kind, const char *name, const struct diagnostics *diagnostics, struct error *err)
{
	g_autofree char *all = diagnostics_format(diagnostics, SEVERITY_ERROR);

	return error_set(err, EINVAL, "%s \"%s\" is invalid: %s", kind == NULL ? "the object" : kind->name,
	    name == NULL ? "" : name, all);
}

/* Makes up the end of a name; the letters are Kubernetes' own: none that spell words. */
static void
complete_name(json_t *tree)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	const char *stem = path_string(tree, "metadata.generateName");
	char name[256];
	size_t length;

	if (path_string(tree, "metadata.name") != NULL || stem == NULL)
		return;
	length = (size_t)g_snprintf(name, sizeof(name) - 6, "%.58s", stem);
	for (size_t i = 0; i < 5; i++)
		name[length++] = letters[g_random_int_range(0, sizeof(letters) - 1)];
	name[length] = '\0';
	path_set(tree, "metadata.name", json_string(name));
}

static int
choose_namespace(const struct kind *kind, json_t *tree, const char *namespace, struct error *err)
{
	const char *written = path_string(tree, "metadata.namespace");

	if (!kind->namespaced)
		return 0;
	if (written != NULL && namespace != NULL && strcmp(written, namespace) != 0)
		return error_set(err, EINVAL, "the namespace of the document (%s) is not the namespace of the request (%s)", written,
		    namespace);
	if (written == NULL)
		path_set(tree, "metadata.namespace", json_string(namespace == NULL ? "default" : namespace));
	return 0;
}

/* What admission of a kind has to look up in the store or the configuration. */
static const struct {
	enum kind_id kind;
	int (*admit)(struct daemon *daemon, json_t *tree, const struct document *document, struct diagnostics *diagnostics);
} admitters[] = {
	{ KIND_VM, instancetypes_admit },
	{ KIND_VMI, presets_admit },
	{ KIND_VM, devices_admit_vm },
	{ KIND_VMI, devices_admit_instance },
	{ KIND_CLAIM, storage_profile_admit },
};

/*
 * Reads a document as the object that is to be stored: checked, in its namespace, prepared, without what only we write.
 * NULL with EINVAL; *kind_out is set when the kind is known.  The caller owns the tree; it is the document's own where that is
 * of no further use (spend), else a copy.
 */
static json_t *
admit(struct daemon *daemon, const struct document *document, bool spend, const char *namespace, const struct kind **kind_out,
    struct diagnostics *diagnostics, struct error *err)
{
	const char *name = path_string(document->root, "metadata.name");
	void *value = kind_decode(document, namespace, kind_out, diagnostics);
	json_t *tree;

	if (value == NULL) {
		invalid(*kind_out, name, diagnostics, err);
		return NULL;
	}
	schema_free((*kind_out)->schema, value);
	tree = spend ? json_incref(document->root) : json_deep_copy(document->root);
	json_object_del(tree, "status");
	path_remove(tree, "metadata.managedFields");
	path_set(tree, "apiVersion", json_string(kind_api_version(*kind_out)));
	complete_name(tree);
	if (choose_namespace(*kind_out, tree, namespace, err) != 0) {
		json_decref(tree);
		return NULL;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(own_paths); i++)
		if (own_paths[i].kind == kind_id(*kind_out) && !own_paths[i].once)
			path_remove(tree, own_paths[i].path);
	for (size_t i = 0; i < G_N_ELEMENTS(admitters); i++)
		if (admitters[i].kind == kind_id(*kind_out) && admitters[i].admit(daemon, tree, document, diagnostics) != 0) {
			invalid(*kind_out, name, diagnostics, err);
			json_decref(tree);
			return NULL;
		}
	if ((*kind_out)->prepare != NULL)
		(*kind_out)->prepare(tree);
	return tree;
}

static const struct object *
find(struct daemon *daemon, const struct kind *kind, const json_t *tree)
{
	const char *ns = kind->namespaced ? path_string(tree, "metadata.namespace") : "";

	return store_get(daemon->store, kind_id(kind), ns, path_string(tree, "metadata.name"));
}

static void
on_forget(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	g_ptr_array_set_size(daemon->answers, 0);
}

static void
on_turn_end(void *arg, const struct error *error)
{
	struct daemon *daemon = arg;
	const struct timeval next = { 0 };

	(void)error;
	event_base_once(daemon->base, -1, EV_TIMEOUT, on_forget, daemon, &next);
}

/* Keeps an object that is in no store until whoever asked for it has been answered, at the end of the turn. */
static void
keep_answer(struct daemon *daemon, const struct object *object)
{
	if (daemon->answers->len == 0)
		store_when_durable(daemon->store, on_turn_end, daemon);
	g_ptr_array_add(daemon->answers, (void *)(uintptr_t)object);
}

/* Stores, or only answers what would be stored. */
static const struct object *
finish(struct daemon *daemon, const struct kind *kind, const json_t *tree, bool dry_run, struct error *err)
{
	const struct object *object;

	if (!dry_run)
		return store_put(daemon->store, kind, tree, err);
	object = object_new(kind, tree, store_version(daemon->store), err);
	if (object != NULL)
		keep_answer(daemon, object);
	return object;
}

static void
set_time(json_t *tree, const char *path, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	path_set(tree, path, json_string(clock_format(wall_ms, text)));
}

static void
stamp_new(struct daemon *daemon, const struct kind *kind, json_t *tree)
{
	g_autofree char *uid = g_uuid_string_random();

	for (size_t i = 0; i < G_N_ELEMENTS(own_fields); i++)
		json_object_del(json_object_get(tree, "metadata"), own_fields[i]);
	path_set(tree, "metadata.uid", json_string(uid));
	path_set(tree, "metadata.generation", json_integer(1));
	set_time(tree, "metadata.creationTimestamp", daemon_now(daemon));
	if (kind->finalizer != NULL && !json_is_array(path_find(tree, "metadata.finalizers")))
		path_set(tree, "metadata.finalizers", json_pack("[s]", kind->finalizer));
	else if (kind->finalizer != NULL)
		json_array_append_new(path_find(tree, "metadata.finalizers"), json_string(kind->finalizer));
}

static const struct object *
create(struct daemon *daemon, const struct document *document, bool spend, const char *namespace, bool dry_run,
    struct diagnostics *diagnostics, struct error *err)
{
	const struct kind *kind = NULL;
	const struct object *object = NULL;
	json_t *tree = admit(daemon, document, spend, namespace, &kind, diagnostics, err);

	if (tree == NULL)
		return NULL;
	if (find(daemon, kind, tree) != NULL) {
		error_set(err, EEXIST, "%s \"%s\" already exists", kind_resource(kind), path_string(tree, "metadata.name"));
	} else {
		stamp_new(daemon, kind, tree);
		object = finish(daemon, kind, tree, dry_run, err);
	}
	json_decref(tree);
	return object;
}

const struct object *
objects_create(struct daemon *daemon, const struct document *document, const char *namespace, bool dry_run,
    struct diagnostics *diagnostics, struct error *err)
{
	return create(daemon, document, false, namespace, dry_run, diagnostics, err);
}

const struct object *
objects_create_tree(struct daemon *daemon, json_t *tree, const char *namespace, struct error *err)
{
	struct document *document = document_take(tree);
	const struct object *object;
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	object = create(daemon, document, true, namespace, false, &diagnostics, err);
	diagnostics_clear(&diagnostics);
	document_free(document);
	return object;
}

json_t *
objects_owner_reference(const struct object *owner)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:b}", "apiVersion", kind_api_version(owner->kind), "kind", owner->kind->name, "name",
	    owner->name, "uid", owner->uid, "controller", 1, "blockOwnerDeletion", 1);
}

static int
check_current(const struct object *current, const struct document *document, struct error *err)
{
	const char *version = path_string(document->root, "metadata.resourceVersion");
	const char *uid = path_string(document->root, "metadata.uid");

	if ((version != NULL && *version != '\0' && g_ascii_strtoll(version, NULL, 10) != current->version) ||
	    (uid != NULL && *uid != '\0' && strcmp(uid, current->uid) != 0))
		return error_set(err, ESTALE,
		    "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply your changes to the latest version and try again",
		    kind_resource(current->kind), current->name);
	return 0;
}

/* Everything but metadata and status counts for the generation. */
static bool
is_same_spec(const json_t *old, const json_t *new)
{
	json_t *a = json_copy((json_t *)(uintptr_t)old), *b = json_copy((json_t *)(uintptr_t)new);
	bool same;

	json_object_del(a, "metadata");
	json_object_del(b, "metadata");
	json_object_del(a, "status");
	json_object_del(b, "status");
	same = json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return same;
}

/*
 * A replacement written from a manifest does not speak of owners or of the controller's finalizer and leaves them as they
 * are.  One that was made from the object itself (it has the uid) and leaves them out means it: so a user ends the waiting.
 */
static void
carry_controllers(const struct kind *kind, const json_t *was, json_t *is)
{
	json_t *finalizers = json_object_get(was, "finalizers"), *given = json_object_get(is, "finalizers");
	size_t i;
	json_t *item;

	if (json_object_get(is, "uid") != NULL)
		return;
	if (json_object_get(is, "ownerReferences") == NULL && json_object_get(was, "ownerReferences") != NULL)
		json_object_set_new(is, "ownerReferences", json_deep_copy(json_object_get(was, "ownerReferences")));
	json_array_foreach (finalizers, i, item) {
		if (kind->finalizer == NULL || g_strcmp0(json_string_value(item), kind->finalizer) != 0 || given != NULL)
			continue;
		json_object_set_new(is, "finalizers", json_pack("[s]", kind->finalizer));
		return;
	}
}

/* What a replacement takes over from what it replaces. */
static void
carry_over(const struct kind *kind, const json_t *old, json_t *new)
{
	json_t *was = json_object_get(old, "metadata"), *is = json_object_get(new, "metadata");
	json_t *status = json_object_get(old, "status");
	json_int_t generation = json_integer_value(json_object_get(was, "generation"));

	carry_controllers(kind, was, is);
	for (size_t i = 0; i < G_N_ELEMENTS(own_fields); i++) {
		json_t *value = json_object_get(was, own_fields[i]);
		json_object_del(is, own_fields[i]);
		if (value != NULL)
			json_object_set_new(is, own_fields[i], json_deep_copy(value));
	}
	if (status != NULL)
		json_object_set_new(new, "status", json_deep_copy(status));
	for (size_t i = 0; i < G_N_ELEMENTS(own_paths); i++) {
		json_t *value = own_paths[i].kind == kind_id(kind) ? path_find(old, own_paths[i].path) : NULL;
		if (value != NULL)
			path_set(new, own_paths[i].path, json_deep_copy(value));
	}
	if (!is_same_spec(old, new))
		json_object_set_new(is, "generation", json_integer(generation + 1));
}

static int
check_change(const struct object *current, const json_t *old, const json_t *new, const struct document *document,
    struct diagnostics *diagnostics, struct error *err)
{
	const struct kind *kind = current->kind;
	const struct object *next;

	schema_check_fixed(kind->schema, old, new, document, "", diagnostics);
	if (kind->check_change != NULL && (next = object_new(kind, new, current->version, NULL)) != NULL) {
		kind->check_change(current->value, next->value, document, diagnostics);
		object_unref(next);
	}
	return diagnostics->errors == 0 ? 0 : invalid(kind, current->name, diagnostics, err);
}

static bool
is_done(const json_t *tree)
{
	return path_find(tree, "metadata.deletionTimestamp") != NULL && json_array_size(path_find(tree, "metadata.finalizers")) == 0;
}

/* Stores a changed tree; an object whose deletion waited for its last finalizer goes instead. */
static const struct object *
store_changed(struct daemon *daemon, const struct object *current, const json_t *tree, bool dry_run, struct error *err)
{
	const struct object *kept;

	if (dry_run || !is_done(tree))
		return finish(daemon, current->kind, tree, dry_run, err);
	kept = object_ref(current);
	keep_answer(daemon, kept);
	return store_remove(daemon->store, current, err) == 0 ? kept : NULL;
}

static const struct object *
update_main(struct daemon *daemon, const struct document *document, const char *namespace, bool dry_run,
    struct diagnostics *diagnostics, struct error *err)
{
	const struct kind *kind = NULL;
	const struct object *current, *object = NULL;
	json_t *tree = admit(daemon, document, false, namespace, &kind, diagnostics, err), *old;

	if (tree == NULL)
		return NULL;
	current = find(daemon, kind, tree);
	if (current == NULL) {
		error_set(err, ENOENT, "%s \"%s\" not found", kind_resource(kind), path_string(tree, "metadata.name"));
		json_decref(tree);
		return NULL;
	}
	old = object_tree(current);
	carry_over(kind, old, tree);
	if (check_current(current, document, err) == 0 && check_change(current, old, tree, document, diagnostics, err) == 0)
		object = store_changed(daemon, current, tree, dry_run, err);
	json_decref(old);
	json_decref(tree);
	return object;
}

static const struct object *
update_status(struct daemon *daemon, const struct document *document, const char *namespace, bool dry_run,
    struct diagnostics *diagnostics, struct error *err)
{
	const struct kind *kind = kind_of_document(document, diagnostics);
	const json_t *status = json_object_get(document->root, "status");
	const char *name = path_string(document->root, "metadata.name");
	const struct object *current, *object = NULL;
	json_t *tree;
	void *value;

	if (kind == NULL || kind->status_schema == NULL) {
		error_set(err, EOPNOTSUPP, "the object has no status that could be set");
		return NULL;
	}
	if (name == NULL) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "metadata.name",
		    "is required: what the %s is called", kind->name);
		invalid(kind, "", diagnostics, err);
		return NULL;
	}
	current = store_get(daemon->store, kind_id(kind), kind->namespaced ? (namespace == NULL ? "default" : namespace) : "",
	    name);
	if (current == NULL) {
		error_set(err, ENOENT, "%s \"%s\" not found", kind_resource(kind), name);
		return NULL;
	}
	value = g_malloc0(kind->status_schema->size);
	if (status != NULL)
		schema_decode(kind->status_schema, status, document, "status", value, diagnostics);
	schema_free(kind->status_schema, value);
	if (diagnostics->errors > 0) {
		invalid(kind, current->name, diagnostics, err);
		return NULL;
	}
	if (check_current(current, document, err) != 0)
		return NULL;
	tree = object_tree(current);
	json_object_set_new(tree, "status", status == NULL ? json_object() : json_deep_copy(status));
	object = finish(daemon, kind, tree, dry_run, err);
	json_decref(tree);
	return object;
}

const struct object *
objects_update(struct daemon *daemon, const struct document *document, const char *namespace, enum object_part part,
    bool dry_run, struct diagnostics *diagnostics, struct error *err)
{
	if (part == OBJECT_STATUS)
		return update_status(daemon, document, namespace, dry_run, diagnostics, err);
	return update_main(daemon, document, namespace, dry_run, diagnostics, err);
}

/* --- deletion ------------------------------------------------------------------------------------------------------ */

/* Lets go of what the object owns: the garbage collector then has no reason to take it along. */
static int
orphan_dependents(struct daemon *daemon, const struct object *owner, struct error *err)
{
	g_autoptr(GPtrArray) owned = store_owned(daemon->store, owner->uid);
	int r = 0;

	for (guint i = 0; i < owned->len && r == 0; i++) {
		const struct object *object = owned->pdata[i];
		json_t *tree = object_tree(object), *references = path_find(tree, "metadata.ownerReferences");

		for (size_t j = json_array_size(references); j-- > 0;)
			if (g_strcmp0(path_string(json_array_get(references, j), "uid"), owner->uid) == 0)
				json_array_remove(references, j);
		r = store_put(daemon->store, object->kind, tree, err) == NULL ? -1 : 0;
		json_decref(tree);
	}
	return r;
}

static int
check_preconditions(const struct object *target, const struct delete_options *options, struct error *err)
{
	if (options->uid != NULL && strcmp(options->uid, target->uid) != 0)
		return error_set(err, ESTALE, "the uid of %s \"%s\" is %s, not %s", kind_resource(target->kind), target->name,
		    target->uid, options->uid);
	if (options->version != 0 && options->version != target->version)
		return error_set(err, ESTALE, "the resourceVersion of %s \"%s\" is %lld, not %lld", kind_resource(target->kind),
		    target->name, (long long)target->version, (long long)options->version);
	return 0;
}

/* Marks the object; a later call may only shorten the grace that an earlier one gave, or that the object has by itself. */
static void
mark_deleted(struct daemon *daemon, json_t *tree, int64_t grace)
{
	json_t *given = path_find(tree, "metadata.deletionGracePeriodSeconds");

	if (given == NULL)
		given = path_find(tree, "spec.terminationGracePeriodSeconds");

	if (path_find(tree, "metadata.deletionTimestamp") == NULL) {
		set_time(tree, "metadata.deletionTimestamp", daemon_now(daemon));
		if (grace >= 0)
			path_set(tree, "metadata.deletionGracePeriodSeconds", json_integer(grace));
	} else if (grace >= 0 && (given == NULL || grace < json_integer_value(given))) {
		path_set(tree, "metadata.deletionGracePeriodSeconds", json_integer(grace));
	}
}

int
objects_delete(struct daemon *daemon, const struct object *target, const struct delete_options *options,
    const struct object **object, struct error *err)
{
	const struct object *left = NULL;
	json_t *tree;
	int r = 0;

	if (check_preconditions(target, options, err) != 0)
		return -1;
	if (options->orphan && !options->dry_run && orphan_dependents(daemon, target, err) != 0)
		return -1;
	tree = object_tree(target);
	mark_deleted(daemon, tree, options->grace_period_seconds);
	if (!is_done(tree)) {
		left = finish(daemon, target->kind, tree, options->dry_run, err);
		r = left == NULL ? -1 : 0;
	} else if (!options->dry_run) {
		r = store_remove(daemon->store, target, err);
	}
	json_decref(tree);
	if (r == 0 && object != NULL)
		*object = left;
	return r;
}

/* --- for controllers ----------------------------------------------------------------------------------------------- */

void *
objects_status_copy(const struct object *object)
{
	const struct schema_field *field = schema_find(object->kind->schema, "status", NULL);
	const void *status = *(void *const *)(const void *)((const char *)object->value + field->offset);

	return schema_copy(object->kind->status_schema, status);
}

int
objects_set_status(struct daemon *daemon, const struct object *object, const void *status, struct error *err)
{
	json_t *wanted = schema_encode(object->kind->status_schema, status);
	int r = store_put_status(daemon->store, object, wanted, err) == NULL ? -1 : 0;

	json_decref(wanted);
	return r;
}

int
objects_set_finalizer(struct daemon *daemon, const struct object *object, const char *finalizer, bool present,
    struct error *err)
{
	json_t *tree = object_tree(object), *list = path_find(tree, "metadata.finalizers");
	bool found = false;
	int r;

	for (size_t i = json_array_size(list); i-- > 0;) {
		if (g_strcmp0(json_string_value(json_array_get(list, i)), finalizer) != 0)
			continue;
		found = true;
		if (!present)
			json_array_remove(list, i);
	}
	if (present && !found) {
		if (!json_is_array(list)) {
			list = json_array();
			path_set(tree, "metadata.finalizers", list);
		}
		json_array_append_new(list, json_string(finalizer));
	}
	if (json_is_array(list) && json_array_size(list) == 0)
		path_remove(tree, "metadata.finalizers");
	r = store_changed(daemon, object, tree, false, err) == NULL ? -1 : 0;
	json_decref(tree);
	return r;
}

const struct object *
objects_patch(struct daemon *daemon, const struct object *object, const json_t *patch, struct error *err)
{
	json_t *old = object_tree(object), *tree = patch_merge(old, patch);
	json_int_t generation = json_integer_value(path_find(old, "metadata.generation"));
	const struct object *next;

	if (!is_same_spec(old, tree))
		path_set(tree, "metadata.generation", json_integer(generation + 1));
	next = store_changed(daemon, object, tree, false, err);
	json_decref(old);
	json_decref(tree);
	return next;
}
