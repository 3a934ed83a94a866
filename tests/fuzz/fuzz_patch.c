/*
 * Patches.  The first two documents of an input are "from" and "to", the third has a JSON patch under "patch".  Merge
 * patches keep their laws; JSON patches do what RFC 6902 says, as a small and slow model of it does.
 */
#include "config.h"

#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/patch.h"
#include "tests/fuzz/fuzz.h"

/* --- merge patches ------------------------------------------------------------------------------------------------ */

/* Merge patches cannot write a null into an object. */
static bool
has_null_member(const json_t *value)
{
	const char *name;
	json_t *child;

	json_object_foreach ((json_t *)(uintptr_t)value, name, child)
		if (json_is_null(child) || has_null_member(child))
			return true;
	return false;
}

static void
check_equal(const char *law, json_t *got /* taken */, const json_t *wanted)
{
	if (!json_equal(got, wanted)) {
		g_autofree char *one = json_write(got), *two = json_write(wanted);
		fuzz_fail("%s: got\n%s\nwanted\n%s", law, one, two);
	}
	json_decref(got);
}

static void
check_merge(const json_t *from, const json_t *to)
{
	json_t *diff = patch_diff(from, to), *nothing = json_object(), *merged = patch_merge(from, to);

	check_equal("a merge patch applied twice", patch_merge(merged, to), merged);
	check_equal("the difference to itself", patch_diff(from, from), nothing);
	if (!has_null_member(from) && !has_null_member(to)) {
		check_equal("the difference, merged", patch_merge(from, diff), to);
		check_equal("said anew, nothing else changed", patch_three_way(from, to, from), to);
		check_equal("said anew, and so it is already", patch_three_way(from, to, to), to);
	}
	json_decref(merged);
	json_decref(nothing);
	json_decref(diff);
}

/* --- a model of JSON patches: every step makes a new tree ------------------------------------------------------------ */

/* "~1" becomes "/", "~0" becomes "~"; false when another ~ is there. */
static bool
unescape(char **token)
{
	GString *text = g_string_new(*token);
	bool good = true;

	for (const char *p = *token; (p = strchr(p, '~')) != NULL; p++)
		good = good && (p[1] == '0' || p[1] == '1');
	g_string_replace(text, "~1", "/", 0);
	g_string_replace(text, "~0", "~", 0);
	g_free(*token);
	*token = g_string_free(text, FALSE);
	return good;
}

/* The tokens of a pointer, or NULL when it is malformed. */
static char **
tokens_of(const char *pointer)
{
	char **tokens = g_strsplit(pointer, "/", -1);

	/* An empty text splits into nothing: the whole document. */
	if (*pointer == '\0')
		return tokens;
	for (char **t = tokens; *t != NULL; t++)
		if (!unescape(t) || (t == tokens && **t != '\0')) {
			g_strfreev(tokens);
			return NULL;
		}
	return tokens;
}

/* A position from 0 to most, or -1. */
static int
position_of(const char *token, size_t most)
{
	g_autofree char *again = NULL;
	guint64 number = g_ascii_strtoull(token, NULL, 10);

	again = g_strdup_printf("%" G_GUINT64_FORMAT, number);
	return strcmp(again, token) == 0 && number <= most ? (int)number : -1;
}

static json_t *
step(const json_t *node, const char *token)
{
	int at;

	if (!json_is_array(node))
		return json_object_get(node, token);
	at = position_of(token, json_array_size(node));
	return at < 0 ? NULL : json_array_get(node, (size_t)at);
}

/* What an operation does to the value at the end of its path, value being what was there or NULL. */
enum deed { DEED_ADD, DEED_REMOVE, DEED_REPLACE };

/* node with the member or item called token changed; new reference, NULL when that cannot be. */
static json_t *
change_child(const json_t *node, const char *token, enum deed deed, const json_t *value)
{
	json_t *copy = json_deep_copy(node);
	int at = json_is_array(node) ? position_of(token, json_array_size(node)) : -1, rc = -1;
	bool there = step(node, token) != NULL;

	if (json_is_array(node) && deed == DEED_ADD && strcmp(token, "-") == 0)
		rc = json_array_append_new(copy, json_deep_copy(value));
	else if (json_is_array(node) && deed == DEED_ADD && at >= 0)
		rc = json_array_insert_new(copy, (size_t)at, json_deep_copy(value));
	else if (json_is_array(node) && there && deed == DEED_REMOVE)
		rc = json_array_remove(copy, (size_t)at);
	else if (json_is_array(node) && there)
		rc = json_array_set_new(copy, (size_t)at, json_deep_copy(value));
	else if (json_is_object(node) && there && deed == DEED_REMOVE)
		rc = json_object_del(copy, token);
	else if (json_is_object(node) && (there || deed == DEED_ADD))
		rc = json_object_set_new(copy, token, json_deep_copy(value));
	if (rc == 0)
		return copy;
	json_decref(copy);
	return NULL;
}

/* node with what lies below it at the tokens changed. */
static json_t *
change(const json_t *node, char **tokens, enum deed deed, const json_t *value)
{
	json_t *child, *changed, *result;

	if (*tokens == NULL)
		return deed == DEED_REMOVE ? NULL : json_deep_copy(value);
	if (tokens[1] == NULL)
		return change_child(node, *tokens, deed, value);
	child = step(node, *tokens);
	changed = child == NULL ? NULL : change(child, tokens + 1, deed, value);
	result = changed == NULL ? NULL : change_child(node, *tokens, DEED_REPLACE, changed);
	json_decref(changed);
	return result;
}

static json_t *
change_at(const json_t *root, const char *pointer, enum deed deed, const json_t *value)
{
	g_auto(GStrv) tokens = tokens_of(pointer);

	/* Before the first slash there is nothing. */
	return tokens == NULL ? NULL : change(root, tokens + (*tokens != NULL), deed, value);
}

static const json_t *
value_at(const json_t *root, const char *pointer)
{
	g_auto(GStrv) tokens = tokens_of(pointer);

	for (char **t = tokens; tokens != NULL && *t != NULL; t++)
		if (t != tokens)
			root = step(root, *t);
	return tokens == NULL ? NULL : root;
}

static bool
is_inside(const char *path, const char *from)
{
	return g_str_has_prefix(path, from) && path[strlen(from)] == '/';
}

/* The model's tree behind one operation; new reference, NULL when it fails. */
static json_t *
apply(const json_t *root, const json_t *operation)
{
	const char *op = json_string_value(json_object_get(operation, "op"));
	const char *path = json_string_value(json_object_get(operation, "path"));
	const char *from = json_string_value(json_object_get(operation, "from"));
	const json_t *value = json_object_get(operation, "value"), *source = NULL;
	json_t *without, *result;

	if (op == NULL || path == NULL)
		return NULL;
	if (strcmp(op, "remove") == 0)
		return change_at(root, path, DEED_REMOVE, NULL);
	if (strcmp(op, "add") == 0)
		return value == NULL ? NULL : change_at(root, path, DEED_ADD, value);
	if (strcmp(op, "replace") == 0)
		return value == NULL ? NULL : change_at(root, path, DEED_REPLACE, value);
	if (strcmp(op, "test") == 0)
		return value != NULL && value_at(root, path) != NULL && json_equal(value, value_at(root, path)) ? json_deep_copy(root)
		                                                                                                : NULL;
	source = from == NULL ? NULL : value_at(root, from);
	if (source == NULL || (strcmp(op, "move") != 0 && strcmp(op, "copy") != 0))
		return NULL;
	if (strcmp(op, "copy") == 0)
		return change_at(root, path, DEED_ADD, source);
	if (strcmp(from, path) == 0)
		return json_deep_copy(root);
	without = is_inside(path, from) ? NULL : change_at(root, from, DEED_REMOVE, NULL);
	result = without == NULL ? NULL : change_at(without, path, DEED_ADD, source);
	json_decref(without);
	return result;
}

static json_t *
apply_all(const json_t *root, const json_t *operations)
{
	json_t *tree = json_deep_copy(root), *operation;
	size_t i;

	json_array_foreach (operations, i, operation) {
		json_t *next = tree == NULL ? NULL : apply(tree, operation);
		json_decref(tree);
		tree = next;
	}
	return tree;
}

/* The model has no limits: what breaks one is not compared. */
static bool
is_limit(const struct error *err)
{
	return strstr(err->text, "the patch copies more than") != NULL || strstr(err->text, "are nested more than") != NULL ||
	    strstr(err->text, "must be a list of at most") != NULL;
}

static void
check_json_patch(const json_t *root, const json_t *operations)
{
	struct error err = { 0 };
	json_t *got = patch_json(root, operations, &err), *wanted;

	if (json_array_size(operations) > 100 || (got == NULL && is_limit(&err))) {
		json_decref(got);
		return;
	}
	wanted = apply_all(root, operations);
	if ((got == NULL) != (wanted == NULL) || (got != NULL && !json_equal(got, wanted))) {
		g_autofree char *one = got == NULL ? g_strdup(err.text) : json_write(got);
		g_autofree char *two = wanted == NULL ? g_strdup("an error") : json_write(wanted);
		fuzz_fail("JSON patch: got\n%s\nwanted\n%s", one, two);
	}
	json_decref(wanted);
	json_decref(got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, NULL);
	const json_t *from, *to;
	json_t *from_before, *to_before;

	if (documents->len < 2)
		return 0;
	from = ((const struct document *)documents->pdata[0])->root;
	to = ((const struct document *)documents->pdata[1])->root;
	from_before = json_deep_copy(from);
	to_before = json_deep_copy(to);
	check_merge(from, to);
	if (documents->len > 2)
		check_json_patch(from, json_object_get(((const struct document *)documents->pdata[2])->root, "patch"));
	fuzz_check(json_equal(from, from_before) && json_equal(to, to_before));
	json_decref(from_before);
	json_decref(to_before);
	return 0;
}
