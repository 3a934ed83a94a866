/* Paths of fields; see path.h.  JSONPath is in jsonpath.c. */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "src/document/path.h"

/* One step of a path: a list position, or else the member called name. */
struct step {
	bool is_index;
	size_t index;
	GString *name; /* the walker's, used again for every step */
};

static int step_next(const char **cursor, struct step *step);
static json_t *step_child(const json_t *node, const struct step *step);
static int set_below(json_t *node, const char *cursor, json_t *value);

void
path_member(GString *path, const char *name)
{
	if (name[0] != '\0' && strpbrk(name, ".[]'\\") == NULL) {
		if (path->len > 0)
			g_string_append_c(path, '.');
		g_string_append(path, name);
		return;
	}
	g_string_append(path, "['");
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '\'' || *p == '\\')
			g_string_append_c(path, '\\');
		g_string_append_c(path, *p);
	}
	g_string_append(path, "']");
}

void
path_index(GString *path, size_t index)
{
	char text[24], *digit = text + sizeof(text);

	/* Written for every item of every list: printf() would cost more than all else that is done with most of them. */
	*--digit = '\0';
	*--digit = ']';
	do {
		*--digit = (char)('0' + index % 10);
		index /= 10;
	} while (index > 0);
	*--digit = '[';
	g_string_append(path, digit);
}

size_t
path_parent(const char *path)
{
	g_autoptr(GString) name = g_string_new(NULL);
	struct step step = { .name = name };
	const char *cursor = path, *last = path;

	for (const char *start = path; step_next(&cursor, &step) > 0; start = cursor)
		last = start;
	return (size_t)(last - path);
}

json_t *
path_find(const json_t *root, const char *path)
{
	g_autoptr(GString) name = g_string_new(NULL);
	struct step step = { .name = name };
	const json_t *node = root;
	int rc = 0;

	while (node != NULL && (rc = step_next(&path, &step)) > 0)
		node = step_child(node, &step);
	return rc < 0 ? NULL : (json_t *)node;
}

const char *
path_string(const json_t *root, const char *path)
{
	return json_string_value(path_find(root, path));
}

int
path_set(json_t *root, const char *path, json_t *value)
{
	if (path[0] != '\0' && value != NULL && set_below(root, path, value) == 0)
		return 0;
	json_decref(value);
	return -1;
}

void
path_remove(json_t *root, const char *path)
{
	g_autoptr(GString) name = g_string_new(NULL);
	g_autofree char *parent = g_strndup(path, path_parent(path));
	struct step step = { .name = name };
	json_t *node = path_find(root, parent);

	path += strlen(parent);
	if (node == NULL || step_next(&path, &step) <= 0 || *path != '\0')
		return;
	if (step.is_index)
		json_array_remove(node, step.index);
	else
		json_object_del(node, name->str);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

/* Reads ['name'] behind its "['".  1, or -1 when it does not end. */
static int
step_quoted(const char **cursor, struct step *step)
{
	const char *p = *cursor;

	for (; *p != '\0' && *p != '\''; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		g_string_append_c(step->name, *p);
	}
	if (p[0] != '\'' || p[1] != ']')
		return -1;
	*cursor = p + 2;
	return 1;
}

/* Reads [12] behind its "[". */
static int
step_index(const char **cursor, struct step *step)
{
	char *end;
	guint64 index = g_ascii_strtoull(*cursor, &end, 10);

	if (!g_ascii_isdigit(**cursor) || *end != ']' || index >= G_MAXUINT32)
		return -1;
	step->is_index = true;
	step->index = (size_t)index;
	*cursor = end + 1;
	return 1;
}

/* Reads one step and moves behind it.  1: there was one; 0: the path is at its end; -1: it is no path. */
static int
step_next(const char **cursor, struct step *step)
{
	const char *p = *cursor;
	size_t length;

	if (*p == '\0')
		return 0;
	step->is_index = false;
	g_string_truncate(step->name, 0);
	if (p[0] == '[') {
		*cursor = p + (p[1] == '\'' ? 2 : 1);
		return p[1] == '\'' ? step_quoted(cursor, step) : step_index(cursor, step);
	}
	p += *p == '.';
	length = strcspn(p, ".[");
	if (length == 0)
		return -1;
	g_string_append_len(step->name, p, (gssize)length);
	*cursor = p + length;
	return 1;
}

static json_t *
step_child(const json_t *node, const struct step *step)
{
	return step->is_index ? json_array_get(node, step->index) : json_object_get(node, step->name->str);
}

/* Whether a node can have the child that step names: members live in objects, positions up to the next one in lists. */
static bool
step_fits(const json_t *node, const struct step *step)
{
	return step->is_index ? json_is_array(node) && step->index <= json_array_size(node) : json_is_object(node);
}

/* Hangs a child in; the reference is stolen only on success. */
static int
step_attach(json_t *node, const struct step *step, json_t *child)
{
	int rc;

	json_incref(child);
	if (!step->is_index)
		rc = json_object_set_new(node, step->name->str, child);
	else if (step->index < json_array_size(node))
		rc = json_array_set_new(node, step->index, child);
	else
		rc = json_array_append_new(node, child);
	if (rc == 0)
		json_decref(child);
	return rc;
}

/* Steals value only on success.  What is missing is built aside and attached last, so that a failure changes nothing. */
static int
set_below(json_t *node, const char *cursor, json_t *value)
{
	g_autoptr(GString) name = g_string_new(NULL);
	struct step step = { .name = name };
	json_t *child;

	if (step_next(&cursor, &step) < 0 || !step_fits(node, &step))
		return -1;
	if (*cursor == '\0')
		return step_attach(node, &step, value);
	child = step_child(node, &step);
	if (child != NULL && !json_is_null(child))
		return set_below(child, cursor, value);
	child = cursor[0] == '[' && cursor[1] != '\'' ? json_array() : json_object();
	if (set_below(child, cursor, value) != 0 || step_attach(node, &step, child) != 0) {
		json_decref(child);
		return -1;
	}
	return 0;
}

/* Lists only grow: what is at a position stays there. */
static void
lay_over_list(json_t *list, const json_t *was, const json_t *is)
{
	size_t i;
	json_t *item;

	json_array_foreach ((json_t *)(uintptr_t)is, i, item) {
		if (i >= json_array_size(list))
			json_array_append_new(list, json_deep_copy(item));
		else if (json_is_object(item))
			path_lay_over(json_array_get(list, i), json_array_get(was, i), item);
	}
}

void
path_lay_over(json_t *tree, const json_t *was, const json_t *is)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)was, name, value)
		if (json_object_get(is, name) == NULL)
			json_object_del(tree, name);
	json_object_foreach ((json_t *)(uintptr_t)is, name, value) {
		json_t *before = json_object_get(was, name), *written = json_object_get(tree, name);

		if (before != NULL && json_equal(before, value))
			continue;
		if (json_is_object(value) && json_is_object(written))
			path_lay_over(written, before, value);
		else if (json_is_array(value) && json_is_array(written))
			lay_over_list(written, before, value);
		else
			json_object_set_new(tree, name, json_deep_copy(value));
	}
}
