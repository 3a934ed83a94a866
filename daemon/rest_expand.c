/* A machine with what its instancetype and preference give it: of one that is there, and of one that is only sent; see
 * rest_internal.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/instancetypes.h"
#include "daemon/rest_internal.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* Answers with the machine (tree: reference taken). */
static void
answer(struct rest_call *call, const struct vm *vm, json_t *tree, const struct document *document)
{
	json_t *template = path_find(tree, "spec.template"), *spec = json_object_get(template, "spec"), *annotations;
	struct diagnostics diagnostics;
	struct error err = { 0 };
	int r;

	if (path_find(template, "metadata.annotations") == NULL)
		path_set(template, "metadata.annotations", json_object());
	annotations = path_find(template, "metadata.annotations");
	diagnostics_init(&diagnostics);
	r = instancetypes_expand(call->rest->daemon, vm, spec, annotations, document, &diagnostics, &err);
	if (r == 0) {
		if (json_object_size(annotations) == 0)
			json_object_del(json_object_get(template, "metadata"), "annotations");
		json_object_del(json_object_get(tree, "spec"), "instancetype");
		json_object_del(json_object_get(tree, "spec"), "preference");
		rest_answer_tree(call, 200, tree);
	} else {
		json_decref(tree);
		rest_answer_status(call, rest_status_of(&kinds[KIND_VM], vm->head.meta->name, &err, &diagnostics));
	}
	diagnostics_clear(&diagnostics);
}

void
rest_expand(struct rest_call *call)
{
	const struct object *object;

	if (kind_id(call->kind) != KIND_VM) {
		rest_refuse(call, 404, "only machines are expanded: ask for %s", kinds[KIND_VM].plural);
		return;
	}
	object = rest_target(call);
	if (object != NULL)
		answer(call, object->value, object_tree(object), NULL);
}

void
rest_expand_body(struct rest_call *call)
{
	struct document *document;
	struct diagnostics diagnostics;
	struct error err = { .code = EINVAL };
	struct vm *vm;

	call->kind = &kinds[KIND_VM];
	document = rest_body_document(call);
	if (document == NULL)
		return;
	diagnostics_init(&diagnostics);
	vm = kind_decode(document, call->namespace, NULL, &diagnostics);
	if (vm == NULL) {
		rest_answer_status(call, rest_status_of(call->kind, path_string(document->root, "metadata.name"), &err, &diagnostics));
	} else {
		rest_warn(call, &diagnostics);
		answer(call, vm, json_deep_copy(document->root), document);
		schema_free(kinds[KIND_VM].schema, vm);
	}
	diagnostics_clear(&diagnostics);
	document_free(document);
}
