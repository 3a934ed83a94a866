/* Label and field selectors (kubernetes.io/docs/concepts/overview/working-with-objects/labels, field-selectors). */
#ifndef SOLOVIRT_DAEMON_SELECTOR_H
#define SOLOVIRT_DAEMON_SELECTOR_H

#include <jansson.h>
#include <stdbool.h>

struct error;
struct selector;

/*
 * labels: "a=b,c!=d,e in (f,g),h notin (i),j,!k".  fields: "metadata.name=x,status.phase!=Running"; the path of any
 * scalar; an absent field is "".  Either may be NULL.  NULL with EINVAL when one cannot be read.
 */
struct selector *selector_new(const char *labels, const char *fields, struct error *err);
void selector_free(struct selector *selector);
/* True when it asks for nothing: then trees need not be made. */
bool selector_is_empty(const struct selector *selector);
bool selector_matches(const struct selector *selector, const json_t *object);

#endif
