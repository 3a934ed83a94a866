/* Waiting until an object is as it should be; see until.h. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/cli/resource.h"
#include "src/cli/until.h"
#include "src/document/path.h"

enum {
	RETRY_US = 300 * 1000,  /* between attempts while the daemon restarts */
	WATCH_MS = 3600 * 1000, /* then it is listed again */
};

/* A watch under way. */
struct watch {
	until_met *met;
	const void *arg;
	bool done;
};

static bool on_event(void *arg, const json_t *event);
static enum exit_code once(
    struct cli *cli, const char *path, struct watch *watch, int64_t deadline_ms, struct answer *answer);

enum exit_code
until(struct cli *cli, const struct kind *kind, const char *ns, const char *name, until_met *met, const void *arg,
    int64_t deadline_ms, struct answer *answer)
{
	g_autofree char *selector = g_strconcat("metadata.name=", name, NULL);
	g_autofree char *path = resource_query(resource_path(kind, ns, NULL), "fieldSelector", selector);
	struct watch watch = { .met = met, .arg = arg };
	bool reached = false;
	enum exit_code code;

	for (;;) {
		code = once(cli, path, &watch, deadline_ms, answer);
		if (watch.done)
			return EXIT_DONE;
		/* a daemon that was there a moment ago is being restarted; a 410 means: list again */
		if (code != EXIT_DONE && code != EXIT_TIMEOUT && answer->status != 410 &&
		    !(code == EXIT_UNREACHABLE && reached))
			return code;
		if (clock_monotonic_ms() >= deadline_ms)
			return EXIT_TIMEOUT;
		reached = reached || code == EXIT_DONE;
		usleep(RETRY_US);
	}
}

/* Lists, asks, watches from there on. */
static enum exit_code
once(struct cli *cli, const char *path, struct watch *watch, int64_t deadline_ms, struct answer *answer)
{
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, answer);
	g_autofree char *from = NULL;
	int64_t left;

	if (code != EXIT_DONE)
		return code;
	watch->done = watch->met(watch->arg, json_array_get(json_object_get(answer->body, "items"), 0));
	left = deadline_ms - clock_monotonic_ms();
	if (watch->done || left <= 0)
		return EXIT_DONE;
	from = resource_query(g_strconcat(path, "&watch=true", NULL), "resourceVersion",
	    path_string(answer->body, "metadata.resourceVersion"));
	client_call(cli->client,
	    &(struct request){ .path = from, .timeout_ms = MIN(left, WATCH_MS), .event = on_event, .arg = watch },
	    answer);
	/* however the watch ended, the list before it succeeded: the caller lists again */
	return EXIT_DONE;
}

static bool
on_event(void *arg, const json_t *event)
{
	struct watch *watch = arg;
	const char *type = json_string_value(json_object_get(event, "type"));
	const json_t *object = json_object_get(event, "object");

	if (type == NULL || strcmp(type, "BOOKMARK") == 0)
		return true;
	if (strcmp(type, "ERROR") == 0)
		return false;
	watch->done = watch->met(watch->arg, strcmp(type, "DELETED") == 0 ? NULL : object);
	return !watch->done;
}
