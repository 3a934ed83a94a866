/* Changes to trees; see patch.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/patch.h"
#include "src/document/reader.h"

/* A document under change and what "copy" may still add to it: otherwise 30 copies of the whole fill any memory. */
struct patching {
	json_t *root;
	size_t copy_left; /* bytes, as tree_size() counts them */
};

enum { COPY_MOST = 3 << 20, VALUE_SIZE = 64 /* what one value costs beside its text */ };

typedef int operation_fn(struct patching *patching, const json_t *operation, const char *path, struct error *err);
static operation_fn do_add, do_remove, do_replace, do_move, do_copy, do_test;

/* RFC 6902, 4. */
static const struct {
	const char *name;
	operation_fn *run;
} operations_known[] = {
	{ "add", do_add },   { "remove", do_remove }, { "replace", do_replace },
	{ "move", do_move }, { "copy", do_copy },     { "test", do_test },
};

static int run_operation(struct patching *patching, const json_t *operation, struct error *err);

/* --- merge patches ------------------------------------------------------------------------------------------------ */

json_t *
patch_merge(const json_t *target, const json_t *patch)
{
	const char *name;
	json_t *result, *value;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	result = json_object();
	json_object_foreach((json_t *)target, name, value) {
		const json_t *change = json_object_get(patch, name);
		if (!json_is_null(change))
			json_object_set_new(result, name,
			    change == NULL ? json_deep_copy(value) : patch_merge(value, change));
	}
	json_object_foreach((json_t *)patch, name, value) {
		if (!json_is_null(value) && json_object_get(target, name) == NULL)
			json_object_set_new(result, name, patch_merge(NULL, value));
	}
	return result;
}

json_t *
patch_diff(const json_t *from, const json_t *to)
{
	const char *name;
	json_t *patch, *value;

	if (!json_is_object(from) || !json_is_object(to))
		return json_deep_copy(to);
	patch = json_object();
	json_object_foreach((json_t *)from, name, value) {
		if (json_object_get(to, name) == NULL)
			json_object_set_new(patch, name, json_null());
	}
	json_object_foreach((json_t *)to, name, value) {
		const json_t *old = json_object_get(from, name);
		if (old == NULL || !json_equal(old, value))
			json_object_set_new(patch, name, patch_diff(old, value));
	}
	return patch;
}

/* One member of what is applied; NULL when the author takes it away. */
static json_t *
three_way_member(const json_t *last, const json_t *wanted, const json_t *current)
{
	if (json_is_array(wanted) && json_is_array(current) && last != NULL && json_equal(last, wanted))
		return json_deep_copy(current);
	if (json_is_object(wanted))
		return patch_three_way(last, wanted, current);
	return json_is_null(wanted) ? NULL : json_deep_copy(wanted);
}

json_t *
patch_three_way(const json_t *last, const json_t *wanted, const json_t *current)
{
	const char *name;
	json_t *result = json_object(), *value;

	json_object_foreach((json_t *)current, name, value) {
		const json_t *now = json_object_get(wanted, name), *before = json_object_get(last, name);
		if (now != NULL)
			json_object_set_new(result, name, three_way_member(before, now, value));
		else if (before == NULL || json_is_null(before))
			json_object_set_new(result, name, json_deep_copy(value));
	}
	json_object_foreach((json_t *)wanted, name, value) {
		if (json_object_get(current, name) == NULL)
			json_object_set_new(result, name, three_way_member(json_object_get(last, name), value, NULL));
	}
	return result;
}

/* --- JSON patches ------------------------------------------------------------------------------------------------- */

json_t *
patch_json(const json_t *target, const json_t *operations, struct error *err)
{
	struct patching patching = { .copy_left = COPY_MOST };
	json_t *operation;
	size_t i;

	if (!json_is_array(operations) || json_array_size(operations) > PATCH_OPERATIONS) {
		error_set(err, EINVAL, "a JSON patch must be a list of at most %d operations", PATCH_OPERATIONS);
		return NULL;
	}
	patching.root = json_deep_copy(target);
	json_array_foreach(operations, i, operation) {
		if (run_operation(&patching, operation, err) == 0)
			continue;
		error_wrap(err, "operation %zu: ", i);
		json_decref(patching.root);
		return NULL;
	}
	return patching.root;
}

static int
run_operation(struct patching *patching, const json_t *operation, struct error *err)
{
	const char *name = json_string_value(json_object_get(operation, "op"));
	const char *path = json_string_value(json_object_get(operation, "path"));

	if (name == NULL || path == NULL)
		return error_set(err, EINVAL, "op and path must be texts");
	for (size_t i = 0; i < G_N_ELEMENTS(operations_known); i++) {
		if (strcmp(operations_known[i].name, name) == 0)
			return operations_known[i].run(patching, operation, path, err);
	}
	return error_set(err, EINVAL, "op \"%.40s\" is not one of add, remove, replace, move, copy, test", name);
}

/* --- pointers (RFC 6901) ------------------------------------------------------------------------------------------ */

/* Decodes the token at *pointer ("/a~1b" -> "a/b") and moves behind it.  NULL when it is malformed. */
static char *
next_token(const char **pointer)
{
	g_autoptr(GString) token = g_string_new(NULL);
	const char *p = *pointer;

	if (*p++ != '/')
		return NULL;
	for (; *p != '\0' && *p != '/'; p++) {
		if (*p != '~') {
			g_string_append_c(token, *p);
			continue;
		}
		p++;
		if (*p != '0' && *p != '1')
			return NULL;
		g_string_append_c(token, *p == '0' ? '~' : '/');
	}
	*pointer = p;
	return g_string_free(g_steal_pointer(&token), FALSE);
}

/* A position in a list of count items: digits without a leading zero.  -1 when it is none. */
static gint64
list_position(const char *token, size_t count)
{
	char *end;
	guint64 position = g_ascii_strtoull(token, &end, 10);

	if (!g_ascii_isdigit(token[0]) || *end != '\0' || (token[0] == '0' && token[1] != '\0') || position >= count)
		return -1;
	return (gint64)position;
}

static json_t *
child_of(const json_t *node, const char *token)
{
	gint64 position;

	if (!json_is_array(node))
		return json_object_get(node, token);
	position = list_position(token, json_array_size(node));
	return position < 0 ? NULL : json_array_get(node, (size_t)position);
}

/*
 * Finds the container of what a pointer names, and the last token (caller g_free()s).  The whole document has no
 * container: *container and *token are NULL then.
 */
static int
find_container(const struct patching *patching, const char *pointer, json_t **container, char **token, struct error *err)
{
	const char *p = pointer;
	json_t *node = NULL, *next = patching->root;
	g_autofree char *last = NULL;

	while (*p != '\0') {
		node = next;
		g_free(last);
		last = next_token(&p);
		if (last == NULL)
			return error_set(err, EINVAL, "\"%.200s\" is not a JSON pointer", pointer);
		if (!json_is_object(node) && !json_is_array(node))
			return error_set(err, EINVAL, "there is nothing at \"%.200s\"", pointer);
		next = child_of(node, last);
	}
	*container = node;
	*token = g_steal_pointer(&last);
	return 0;
}

/* The value at a pointer, borrowed. */
static json_t *
find_value(const struct patching *patching, const char *pointer, struct error *err)
{
	g_autofree char *token = NULL;
	json_t *container, *value;

	if (find_container(patching, pointer, &container, &token, err) != 0)
		return NULL;
	value = container == NULL ? patching->root : child_of(container, token);
	if (value == NULL)
		error_set(err, EINVAL, "there is nothing at \"%.200s\"", pointer);
	return value;
}

/* What a patch makes must be readable again, so a value may hang only so deep. */
static int
check_depth(const char *path, const json_t *value, struct error *err)
{
	unsigned depth = json_depth(value);

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth <= DOCUMENT_DEPTH ? 0 : error_set(err, EINVAL, TOO_DEEP, DOCUMENT_DEPTH);
}

/* --- operations; what they take over, they own even when they fail ------------------------------------------------ */

static int
put_in_list(json_t *list, const char *token, json_t *value)
{
	gint64 position;

	if (strcmp(token, "-") == 0)
		return json_array_append_new(list, value);
	position = list_position(token, json_array_size(list) + 1);
	if (position >= 0)
		return json_array_insert_new(list, (size_t)position, value);
	json_decref(value);
	return -1;
}

static int
add_value(struct patching *patching, const char *path, json_t *value, struct error *err)
{
	g_autofree char *token = NULL;
	json_t *container;

	if (check_depth(path, value, err) != 0 || find_container(patching, path, &container, &token, err) != 0) {
		json_decref(value);
		return -1;
	}
	if (container == NULL) {
		json_decref(patching->root);
		patching->root = value;
		return 0;
	}
	if (json_is_object(container))
		return json_object_set_new(container, token, value);
	if (put_in_list(container, token, value) != 0)
		return error_set(err, EINVAL, "\"%.200s\" is not a position in the list", path);
	return 0;
}

static int
remove_value(struct patching *patching, const char *path, struct error *err)
{
	g_autofree char *token = NULL;
	json_t *container;

	if (find_container(patching, path, &container, &token, err) != 0)
		return -1;
	if (container == NULL)
		return error_set(err, EINVAL, "the whole document cannot be removed");
	if (child_of(container, token) == NULL)
		return error_set(err, EINVAL, "there is nothing at \"%.200s\"", path);
	if (json_is_array(container))
		return json_array_remove(container, (size_t)list_position(token, json_array_size(container)));
	return json_object_del(container, token);
}

static const json_t *
operand(const json_t *operation, struct error *err)
{
	const json_t *value = json_object_get(operation, "value");

	if (value == NULL)
		error_set(err, EINVAL, "value is missing");
	return value;
}

static const char *
source(const json_t *operation, struct error *err)
{
	const char *from = json_string_value(json_object_get(operation, "from"));

	if (from == NULL)
		error_set(err, EINVAL, "from must be a text");
	return from;
}

static int
do_add(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	const json_t *value = operand(operation, err);

	return value == NULL ? -1 : add_value(patching, path, json_deep_copy(value), err);
}

static int
do_remove(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	(void)operation;
	return remove_value(patching, path, err);
}

static int
do_replace(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	const json_t *value = operand(operation, err);
	g_autofree char *token = NULL;
	json_t *container;

	if (value == NULL || find_value(patching, path, err) == NULL ||
	    find_container(patching, path, &container, &token, err) != 0)
		return -1;
	/* Not removed and added: the member keeps its place. */
	if (json_is_array(container))
		return json_array_set_new(container, (size_t)list_position(token, json_array_size(container)),
		    json_deep_copy(value));
	return add_value(patching, path, json_deep_copy(value), err);
}

static int
do_move(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	const char *from = source(operation, err);
	json_t *value = from == NULL ? NULL : find_value(patching, from, err);
	size_t length = from == NULL ? 0 : strlen(from);

	if (value == NULL)
		return -1;
	if (strcmp(from, path) == 0)
		return 0;
	if (strncmp(from, path, length) == 0 && path[length] == '/')
		return error_set(err, EINVAL, "\"%.200s\" cannot be moved into itself", from);
	json_incref(value);
	if (remove_value(patching, from, err) != 0) {
		json_decref(value);
		return -1;
	}
	return add_value(patching, path, value, err);
}

/* Roughly what a copy costs, or more than "most" when it is too much. */
static size_t
tree_size(const json_t *value, size_t most)
{
	size_t size = VALUE_SIZE + json_string_length(value), i;
	const char *name;
	json_t *child;

	json_object_foreach((json_t *)value, name, child) {
		if (size > most)
			return size;
		size += strlen(name) + tree_size(child, most - size);
	}
	json_array_foreach(value, i, child) {
		if (size > most)
			return size;
		size += tree_size(child, most - size);
	}
	return size;
}

static int
do_copy(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	const char *from = source(operation, err);
	const json_t *value = from == NULL ? NULL : find_value(patching, from, err);
	size_t size = tree_size(value, patching->copy_left);

	if (value == NULL)
		return -1;
	if (size > patching->copy_left)
		return error_set(err, EINVAL, "the patch copies more than %d bytes", COPY_MOST);
	patching->copy_left -= size;
	return add_value(patching, path, json_deep_copy(value), err);
}

static int
do_test(struct patching *patching, const json_t *operation, const char *path, struct error *err)
{
	const json_t *wanted = operand(operation, err), *value;

	if (wanted == NULL)
		return -1;
	value = find_value(patching, path, err);
	if (value != NULL && json_equal(wanted, value))
		return 0;
	return error_set(err, ESTALE, "test failed: \"%.200s\" has another value", path);
}
