/* Subresources: verbs by their table, and the console's log; see rest_internal.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/rest_internal.h"
#include "daemon/verb_trace.h"
#include "daemon/verbs.h"
#include "src/base/error.h"
#include "src/document/document.h"

static const struct verb *
find_verb(const struct rest_call *call, bool *known)
{
	*known = false;
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (verb->kind != kind_id(call->kind) || strcmp(verb->name, call->verb) != 0)
			continue;
		*known = true;
		if (strcmp(verb->method, http_method(call->request)) == 0)
			return verb;
	}
	return NULL;
}

/* As rest_target(), in virt-api's words: it names the singular. */
static const struct object *
target(struct rest_call *call)
{
	const struct kind *kind = call->kind;
	g_autofree char *resource = g_strdup_printf("%s.%s", kind->singular, kind->group);
	const struct object *object = store_get(
	    call->rest->daemon->store, kind_id(kind), call->namespace == NULL ? "" : call->namespace, call->name);

	if (object == NULL)
		rest_answer_status(call, rest_status_not_found(resource, kind->group, kind->plural, call->name));
	return object;
}

static void
refuse(struct rest_call *call, const struct error *err)
{
	const struct kind *kind = call->kind;

	if (err->code == EBUSY)
		rest_refuse(call, 409, "Operation cannot be fulfilled on %s.%s \"%s\": %s", kind->singular, kind->group,
		    call->name, err->text);
	else
		rest_answer_status(call, rest_status_of(kind, call->name, err, NULL));
}

/* Success is an empty 202 for a VirtualMachine, which is on its way only, and 200 for an instance (virt-api). */
void
rest_verb(struct rest_call *call)
{
	bool known, bad;
	const struct verb *verb = find_verb(call, &known);
	const struct object *object;
	struct error err = { 0 };
	json_t *body;
	int rc;

	if (verb == NULL) {
		rest_refuse(call, known ? 405 : 404,
		    known ? "the server does not allow %s on %s" : "%s: there is no subresource %s",
		    http_method(call->request), call->verb);
		return;
	}
	body = rest_body_tree(call, &bad);
	if (bad)
		return;
	object = target(call);
	if (object != NULL) {
		if (rest_dry_run(call, body) && body == NULL)
			body = json_pack("{s:[s]}", "dryRun", "All");
		rc = verb->run(call->rest->daemon, object, body, &err);
		if (rc < 0)
			refuse(call, &err);
		else
			rest_answer_durable(call, verb->code != 0 ? verb->code : kind_id(call->kind) == KIND_VMI ? 200 : 202, NULL);
	}
	json_decref(body);
}

static void
answer_text(struct rest_call *call, const char *type, const char *text, size_t length, const struct error *error)
{
	if (error != NULL)
		refuse(call, error);
	else
		rest_answer_plain(call, 200, type, text, length);
}

static void
on_log(void *arg, const char *text, size_t length, const struct error *error)
{
	answer_text(arg, "text/plain", text, length, error);
}

void
rest_log(struct rest_call *call)
{
	const char *text = http_query(call->request, "limit");
	const struct object *object;
	guint64 limit = 0;

	if (kind_id(call->kind) != KIND_VMI) {
		rest_refuse(call, 404, "only running instances have a log: ask for %s", kinds[KIND_VMI].plural);
		return;
	}
	if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &limit, NULL)) {
		rest_refuse(call, 400, "limit \"%s\" is not a number of bytes", text);
		return;
	}
	object = target(call);
	if (object != NULL)
		verb_log(call->rest->daemon, object, (int64_t)limit, on_log, call);
}

static void
on_xml(void *arg, const char *text, size_t length, const struct error *error)
{
	answer_text(arg, "application/xml", text, length, error);
}

void
rest_domain_xml(struct rest_call *call)
{
	const struct object *object;

	if (kind_id(call->kind) != KIND_VMI) {
		rest_refuse(call, 404, "only running instances have a domain: ask for %s", kinds[KIND_VMI].plural);
		return;
	}
	object = target(call);
	if (object != NULL)
		verb_domain_xml(call->rest->daemon, object, on_xml, call);
}

static void
on_trace(void *arg, const char *text, size_t length, const struct error *error)
{
	answer_text(arg, "application/json", text, length, error);
}

void
rest_trace(struct rest_call *call)
{
	const struct trace_wish wish = { http_query(call->request, "interface"), http_query(call->request, "to"),
		http_query(call->request, "protocol"), http_query(call->request, "port") };
	const struct object *object;

	if (kind_id(call->kind) != KIND_VMI) {
		rest_refuse(call, 404, "only running instances have ports: ask for %s", kinds[KIND_VMI].plural);
		return;
	}
	object = target(call);
	if (object != NULL)
		verb_trace(call->rest->daemon, object, &wish, on_trace, call);
}
