/* What "wait --for" asks for; see goal.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <strings.h>

#include "src/base/error.h"
#include "src/cli/goal.h"
#include "src/document/path.h"

int
goal_parse(const char *text, struct goal *goal, struct error *err)
{
	const char *rest, *end;

	if (strcmp(text, "delete") == 0 || strcmp(text, "create") == 0) {
		goal->type = *text == 'd' ? GOAL_DELETE : GOAL_CREATE;
		return 0;
	}
	if (g_str_has_prefix(text, "condition=") && text[10] != '\0' && text[10] != '=') {
		rest = text + 10;
		end = strchr(rest, '=');
		goal->type = GOAL_CONDITION;
		goal->name = end != NULL ? g_strndup(rest, (gsize)(end - rest)) : g_strdup(rest);
		goal->value = g_strdup(end != NULL && end[1] != '\0' ? end + 1 : "True");
		return 0;
	}
	if (!g_str_has_prefix(text, "jsonpath=") || text[9] == '\0')
		return error_set(err, EINVAL,
		    "--for: \"%s\" is none of condition=NAME[=VALUE], delete, create, jsonpath='{PATH}'[=VALUE]", text);
	rest = text + 9;
	/* a filter has '=' in it: the value begins behind the last brace */
	end = *rest == '{' ? strrchr(rest, '}') : NULL;
	end = strchr(end != NULL ? end : rest, '=');
	goal->type = GOAL_JSONPATH;
	goal->name = end != NULL ? g_strndup(rest, (gsize)(end - rest)) : g_strdup(rest);
	goal->value = end != NULL ? g_strdup(end + 1) : NULL;
	if (*goal->name != '{') {
		g_autofree char *bare = goal->name;

		goal->name = g_strdup_printf("{%s%s}", *bare == '.' ? "" : ".", bare);
	}
	return 0;
}

void
goal_clear(struct goal *goal)
{
	g_free(goal->name);
	g_free(goal->value);
	*goal = (struct goal){ 0 };
}

bool
goal_met(const void *arg, const json_t *object)
{
	const struct goal *goal = arg;
	g_autoptr(GString) found = g_string_new(NULL);

	if (goal->type == GOAL_DELETE || object == NULL)
		return goal->type == GOAL_DELETE && object == NULL;
	if (goal->type == GOAL_CREATE)
		return true;
	if (goal->type == GOAL_CONDITION)
		return goal_condition(object, goal->name, goal->value);
	if (jsonpath_format(goal->name, object, found, NULL) < 0)
		return false;
	return goal->value != NULL ? strcmp(found->str, goal->value) == 0 : found->len > 0;
}

bool
goal_condition(const json_t *object, const char *type, const char *status)
{
	const json_t *conditions = path_find(object, "status.conditions");

	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const char *name = json_string_value(json_object_get(json_array_get(conditions, i), "type"));
		const char *value = json_string_value(json_object_get(json_array_get(conditions, i), "status"));

		if (name != NULL && value != NULL && strcasecmp(name, type) == 0)
			return strcasecmp(value, status) == 0;
	}
	return false;
}
