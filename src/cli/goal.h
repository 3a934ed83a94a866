/* What "wait --for" asks for: a condition, an end, a beginning, a value. */
#ifndef SOLOVIRT_CLI_GOAL_H
#define SOLOVIRT_CLI_GOAL_H

#include <jansson.h>
#include <stdbool.h>

struct error;

enum goal_type { GOAL_CONDITION, GOAL_DELETE, GOAL_CREATE, GOAL_JSONPATH };
struct goal {
	enum goal_type type;
	char *name;      /* of the condition, or the JSONPath template */
	char *value;     /* that is wanted; NULL: any (JSONPath only) */
};

/* Reads condition=NAME[=VALUE], delete, create, jsonpath='{...}'[=VALUE].  EINVAL with what would be right.  Starts zeroed. */
int goal_parse(const char *text, struct goal *goal, struct error *err);
void goal_clear(struct goal *goal);
/* An until_met for a struct goal. */
bool goal_met(const void *goal, const json_t *object);

/* True when an object has a condition with this status ("True"); case does not count, as kubectl compares. */
bool goal_condition(const json_t *object, const char *type, const char *status);

#endif
