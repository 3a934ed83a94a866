/* Finding instancetypes and preferences for a machine that is in a file; see expansion.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/api/expand.h"
#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/expansion.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

static json_t *
find_in_documents(const GPtrArray *documents, const struct kind *kind, const char *namespace, const char *name, const struct cli *cli)
{
	for (guint i = 0; documents != NULL && i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		const char *ns = path_string(document->root, "metadata.namespace");

		if (kind_of_document(document, NULL) == kind && g_strcmp0(path_string(document->root, "metadata.name"), name) == 0 &&
		    (!kind->namespaced || strcmp(ns == NULL ? cli->namespace : ns, namespace) == 0))
			return json_incref(document->root);
	}
	return NULL;
}

static json_t *
ask_for(struct cli *cli, const struct kind *kind, const char *namespace, const char *name, struct error *err)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(kind, namespace, name);
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, &answer);

	if (code == EXIT_DONE)
		return json_incref(answer.body);
	if (code == EXIT_UNREACHABLE)
		error_set(err, ENOENT, "%s \"%s\" is not among the files, and no daemon can be asked for it", kind->name, name);
	else
		error_set(err, ENOENT, "%s \"%s\" is neither among the files nor known to the daemon", kind->name, name);
	return NULL;
}

/* The spec that a matcher means as a fresh struct; NULL when there is no matcher, or with err. */
static void *
load(struct cli *cli, const GPtrArray *documents, const struct matcher *matcher, bool preference, const char *namespace,
    struct error *err)
{
	const struct schema *schema = preference ? &preference_spec_schema : &instancetype_spec_schema;
	const struct kind *kind = matcher == NULL ? NULL : expand_kind(matcher, preference);
	struct diagnostics unused;
	json_t *tree;
	void *value;

	if (matcher == NULL || matcher->name == NULL)
		return NULL;
	if (kind == NULL) {
		error_set(err, ENOENT, "\"%s\" is not a kind of %s", matcher->kind, preference ? "preference" : "instancetype");
		return NULL;
	}
	tree = find_in_documents(documents, kind, namespace, matcher->name, cli);
	if (tree == NULL && (tree = ask_for(cli, kind, namespace, matcher->name, err)) == NULL)
		return NULL;
	value = g_malloc0(schema->size);
	diagnostics_init(&unused);
	schema_decode(schema, json_object_get(tree, "spec"), NULL, "spec", value, &unused);
	diagnostics_clear(&unused);
	json_decref(tree);
	return value;
}

static int
apply(struct cli *cli, const GPtrArray *documents, const struct vm *vm, const struct document *document, json_t *spec,
    json_t *annotations, struct diagnostics *diagnostics, struct error *err)
{
	const char *namespace = vm->head.meta->namespace == NULL ? cli->namespace : vm->head.meta->namespace;
	struct instancetype_spec *instancetype = load(cli, documents, vm->spec->instancetype, false, namespace, err);
	struct preference_spec *preference = err->code != 0 ? NULL : load(cli, documents, vm->spec->preference, true, namespace, err);
	const struct expand_input input = { instancetype, preference, document, "spec.template.spec", diagnostics };
	int r = err->code != 0 ? -1 : instancetype == NULL && preference == NULL ? 0 : expand_tree(spec, annotations, &input);

	if (instancetype != NULL)
		schema_free(&instancetype_spec_schema, instancetype);
	if (preference != NULL)
		schema_free(&preference_spec_schema, preference);
	return r;
}

int
expansion_apply(struct cli *cli, const GPtrArray *documents, const struct document *vm, json_t *spec, json_t *annotations,
    struct diagnostics *diagnostics, struct error *err)
{
	struct vm *value = g_malloc0(sizeof(*value));
	struct diagnostics unused;
	int r;

	diagnostics_init(&unused);
	schema_decode(&vm_schema, vm->root, NULL, "", value, &unused);
	diagnostics_clear(&unused);
	r = apply(cli, documents, value, vm, spec, annotations, diagnostics, err);
	schema_free(&vm_schema, value);
	return r;
}
