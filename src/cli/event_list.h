/* Events as people read them: oldest first, with ages and counts. */
#ifndef SOLOVIRT_CLI_EVENT_LIST_H
#define SOLOVIRT_CLI_EVENT_LIST_H

#include <glib.h>
#include <jansson.h>

/* The items of an EventList, sorted by when they were last seen: const json_t *, borrowed from list. */
GPtrArray *event_list_sorted(const json_t *list);

/* "3m", or "3m (x5 over 10m)" when it was counted.  Caller g_free()s. */
char *event_list_age(const json_t *event, int64_t now);
/* "VirtualMachine/x": what it is about, as "kubectl events" writes it.  Caller g_free()s. */
char *event_list_object(const json_t *event);
/* Who reports it, or NULL; borrowed. */
const char *event_list_source(const json_t *event);

/* Field selector for the events about an object; uid may be NULL.  Caller g_free()s. */
char *event_list_selector(const char *kind, const char *name, const char *uid);

#endif
