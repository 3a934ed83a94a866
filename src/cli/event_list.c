/* Events as people read them; see event_list.h. */
#include "config.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/cli/event_list.h"
#include "src/document/path.h"

static int64_t last_seen(const json_t *event);
static gint by_time(gconstpointer a, gconstpointer b);

GPtrArray *
event_list_sorted(const json_t *list)
{
	const json_t *items = json_object_get(list, "items");
	GPtrArray *events = g_ptr_array_new();

	for (size_t i = 0; i < json_array_size(items); i++)
		g_ptr_array_add(events, json_array_get(items, i));
	g_ptr_array_sort(events, by_time);
	return events;
}

char *
event_list_age(const json_t *event, int64_t now)
{
	const char *first = path_string(event, "firstTimestamp");
	int64_t count = json_integer_value(json_object_get(event, "count")), last = last_seen(event);
	char age[CLOCK_TEXT_SIZE], over[CLOCK_TEXT_SIZE];

	if (last < 0)
		return g_strdup("<unknown>");
	clock_age(MAX(now - last, 0), age);
	if (count < 2 || first == NULL || clock_parse(first) < 0)
		return g_strdup(age);
	clock_age(MAX(now - clock_parse(first), 0), over);
	return g_strdup_printf("%s (x%" G_GINT64_FORMAT " over %s)", age, count, over);
}

char *
event_list_object(const json_t *event)
{
	const char *kind = path_string(event, "involvedObject.kind"), *name = path_string(event, "involvedObject.name");

	return g_strdup_printf("%s/%s", kind != NULL ? kind : "", name != NULL ? name : "");
}

const char *
event_list_source(const json_t *event)
{
	const char *component = path_string(event, "source.component");

	return component != NULL ? component : path_string(event, "reportingComponent");
}

char *
event_list_selector(const char *kind, const char *name, const char *uid)
{
	return g_strconcat("involvedObject.kind=", kind, ",involvedObject.name=", name,
	    uid != NULL ? ",involvedObject.uid=" : NULL, uid, NULL);
}

static int64_t
last_seen(const json_t *event)
{
	static const char *const members[] = { "lastTimestamp", "eventTime", "firstTimestamp",
		"metadata.creationTimestamp" };

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		const char *text = path_string(event, members[i]);

		if (text != NULL && clock_parse(text) >= 0)
			return clock_parse(text);
	}
	return -1;
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
	int64_t left = last_seen(*(const json_t *const *)a), right = last_seen(*(const json_t *const *)b);

	return left < right ? -1 : left > right;
}
