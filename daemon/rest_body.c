/* Bodies of requests: documents, options, patches; see rest_internal.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/rest_internal.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/patch.h"
#include "src/document/path.h"

/* Types by their essence, without parameters. */
static bool
type_is(const char *type, const char *essence)
{
	size_t length = strlen(essence);

	return g_ascii_strncasecmp(type, essence, length) == 0 && strchr("; \t", type[length]) != NULL;
}

/* Every document of the body; NULL after having answered. */
static GPtrArray *
read_documents(struct rest_call *call)
{
	GPtrArray *documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	size_t length;
	const char *body = http_body(call->request, &length);

	diagnostics_init(&diagnostics);
	if (document_read(NULL, body, length, documents, &diagnostics) < 0) {
		struct error unused = { .code = EINVAL };
		rest_answer_status(call, rest_status_of(NULL, NULL, &unused, &diagnostics));
		g_clear_pointer(&documents, g_ptr_array_unref);
	}
	diagnostics_clear(&diagnostics);
	return documents;
}

json_t *
rest_body_tree(struct rest_call *call, bool *bad)
{
	GPtrArray *documents = read_documents(call);
	json_t *tree = NULL;

	*bad = documents == NULL;
	if (documents == NULL)
		return NULL;
	if (documents->len > 0)
		tree = json_incref(((struct document *)documents->pdata[0])->root);
	g_ptr_array_unref(documents);
	return tree;
}

/* False after having answered: a type that a document cannot have.  A missing one is JSON (kubectl, virtctl). */
static bool
check_type(struct rest_call *call)
{
	static const char *const known[] = { "application/json", "application/yaml", "application/x-yaml", "text/yaml",
		"text/x-yaml" };
	const char *type = http_header(call->request, "Content-Type");

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (type == NULL || type[0] == '\0' || type_is(type, known[i]))
			return true;
	rest_refuse(call, 415, "the body's type %s is not supported; send application/json or application/yaml", type);
	return false;
}

/* Typed clients leave out what the path says already. */
static void
fill_type(const struct kind *kind, json_t *root)
{
	if (json_object_get(root, "kind") == NULL)
		json_object_set_new(root, "kind", json_string(kind->name));
	if (json_object_get(root, "apiVersion") == NULL)
		json_object_set_new(root, "apiVersion", json_string(kind_api_version(kind)));
}

/* False after having answered: the document is of another kind or name than the path. */
static bool
check_agrees(struct rest_call *call, const struct document *document)
{
	const char *name = path_string(document->root, "metadata.name");
	struct diagnostics diagnostics;
	const struct kind *kind;

	diagnostics_init(&diagnostics);
	kind = kind_of_document(document, &diagnostics);
	if (kind == NULL) {
		struct error unused = { .code = EINVAL };
		rest_answer_status(call, rest_status_of(NULL, NULL, &unused, &diagnostics));
	} else if (kind != call->kind) {
		rest_refuse(
		    call, 400, "the object is a %s, but the path is of %s", kind->name, kind_resource(call->kind));
		kind = NULL;
	} else if (call->name != NULL && g_strcmp0(name, call->name) != 0) {
		rest_refuse(call, 400, "the name of the object (%s) does not match the name in the path (%s)",
		    name == NULL ? "" : name, call->name);
		kind = NULL;
	}
	diagnostics_clear(&diagnostics);
	return kind != NULL;
}

struct document *
rest_body_document(struct rest_call *call)
{
	GPtrArray *documents = check_type(call) ? read_documents(call) : NULL;
	struct document *document = NULL;

	if (documents == NULL)
		return NULL;
	if (documents->len != 1) {
		rest_refuse(call, 400, "the body must hold one object; it holds %u", documents->len);
	} else {
		document = g_ptr_array_steal_index(documents, 0);
		fill_type(call->kind, document->root);
		if (!check_agrees(call, document))
			g_clear_pointer(&document, document_free);
	}
	g_ptr_array_unref(documents);
	return document;
}

/* --- patches
 * ---------------------------------------------------------------------------------------------------------- */

static json_t *
apply_merge(const json_t *target, const json_t *patch, struct error *err)
{
	(void)err;
	return patch_merge(target, patch);
}

/* Clients exist that announce a JSON patch whatever they send (KubeVirt's Python SDK). */
static json_t *
apply_json(const json_t *target, const json_t *patch, struct error *err)
{
	return json_is_object(patch) ? patch_merge(target, patch) : patch_json(target, patch, err);
}

/* Takes out hints about the order of lists ("$setElementOrder/...", "$retainKeys"), which change nothing here.  -1 for
 * a directive that would. */
static int
drop_hints(json_t *patch, struct error *err)
{
	const char *key;
	json_t *value;
	void *next;
	size_t i;

	json_array_foreach (patch, i, value)
		if (drop_hints(value, err) < 0)
			return -1;
	json_object_foreach_safe (patch, next, key, value) {
		if (g_str_has_prefix(key, "$setElementOrder/") || strcmp(key, "$retainKeys") == 0)
			json_object_del(patch, key);
		else if (key[0] == '$')
			return error_set(
			    err, EINVAL, "%s in a strategic merge patch is not supported; send a merge patch", key);
		else if (drop_hints(value, err) < 0)
			return -1;
	}
	return 0;
}

static json_t *
apply_strategic(const json_t *target, const json_t *patch, struct error *err)
{
	json_t *plain = json_deep_copy(patch), *result = NULL;

	if (drop_hints(plain, err) == 0)
		result = patch_merge(target, plain);
	json_decref(plain);
	return result;
}

static const struct {
	const char *type;
	bool core_only; /* only Kubernetes' own kinds have it, as on a real server */
	json_t *(*apply)(const json_t *target, const json_t *patch, struct error *err);
} patches[] = {
	{ "application/merge-patch+json", false, apply_merge },
	{ "application/json-patch+json", false, apply_json },
	{ "application/strategic-merge-patch+json", true, apply_strategic },
};

static bool
is_core(const struct kind *kind)
{
	return kind->group[0] == '\0' || g_str_has_suffix(kind->group, ".k8s.io");
}

/* Which row; -1 after having answered. */
static int
find_patch(struct rest_call *call)
{
	const char *type = http_header(call->request, "Content-Type");

	for (size_t i = 0; i < G_N_ELEMENTS(patches); i++)
		if (type != NULL && type_is(type, patches[i].type) && (!patches[i].core_only || is_core(call->kind)))
			return (int)i;
	if (type != NULL && type_is(type, "application/apply-patch+yaml"))
		rest_refuse(call, 415, "server-side apply is not supported; apply without --server-side");
	else
		rest_refuse(call, 415, "the patch type %s is not supported by %s; send application/merge-patch+json or "
		    "application/json-patch+json", type == NULL ? "(none)" : type, kind_api_version(call->kind));
	return -1;
}

json_t *
rest_body_patch(struct rest_call *call, const json_t *tree)
{
	int row = find_patch(call);
	struct error err = { 0 };
	json_t *patch, *patched;
	size_t length;

	if (row < 0)
		return NULL;
	const char *body = http_body(call->request, &length);
	patch = json_read(body, length, &err);
	if (patch == NULL) {
		rest_refuse(call, 400, "the patch is not JSON: %s", err.text);
		return NULL;
	}
	patched = patches[row].apply(tree, patch, &err);
	json_decref(patch);
	if (patched == NULL) { /* a failed "test" too, as on a real server */
		rest_refuse(call, err.code == ESTALE ? 422 : 400, "the patch cannot be applied: %s", err.text);
		return NULL;
	}
	if (!json_is_object(patched)) {
		json_decref(patched);
		rest_refuse(call, 400, "the patch does not leave an object");
		return NULL;
	}
	return patched;
}

struct document *
rest_body_patched(struct rest_call *call, const struct object *target)
{
	json_t *tree = object_tree(target), *patched = rest_body_patch(call, tree);
	struct document *document;

	json_decref(tree);
	if (patched == NULL)
		return NULL;
	document = document_take(patched);
	if (check_agrees(call, document))
		return document;
	document_free(document);
	return NULL;
}
