/* The API's frame: routes, access, answers; see rest.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/redact.h"
#include "daemon/rest_internal.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"

/*
 * Paths: %g group, %v version, %n namespace, %p plural, %i name of an object; %* the rest, slashes included.
 * The first row whose pattern matches decides; rows of one pattern stand together, one for each method.
 */
static const struct route fixed_routes[] = {
	{ "GET", "healthz", ACCESS_NONE, false, rest_health },
	{ "GET", "livez", ACCESS_NONE, false, rest_health },
	{ "GET", "readyz", ACCESS_NONE, false, rest_ready },
	{ "GET", "version", ACCESS_NONE, false, rest_version },
	{ "GET", "openapi/v2", ACCESS_VIEW, false, rest_openapi },
	{ "GET", "api", ACCESS_VIEW, false, rest_api_versions },
	{ "GET", "apis", ACCESS_VIEW, false, rest_api_groups },
	{ "GET", "apis/%g", ACCESS_VIEW, false, rest_api_group },
	{ "GET", "api/%v", ACCESS_VIEW, false, rest_api_resources },
	{ "GET", "apis/%g/%v", ACCESS_VIEW, false, rest_api_resources },
	{ "GET", "apis/" REST_SUBRESOURCES "/%v/version", ACCESS_NONE, false, rest_version },
	{ "GET", "apis/" REST_SUBRESOURCES "/%v/healthz", ACCESS_NONE, false, rest_health },
	{ "GET", "solovirt/v1/spool", ACCESS_VIEW, true, rest_spool_status },
	{ "POST", "solovirt/v1/spool/confirm", ACCESS_ADMIN, false, rest_spool_confirm },
	{ "POST", "solovirt/v1/spool/sync", ACCESS_ADMIN, false, rest_spool_sync },
	/* The token is what gives the right. */
	{ "HEAD", "v1beta1/upload-async", ACCESS_NONE, false, rest_upload_probe },
	{ "POST", "v1beta1/upload-async", ACCESS_NONE, false, rest_upload },
	{ "POST", "v1beta1/upload", ACCESS_NONE, false, rest_upload },
	{ "POST", "v1beta1/upload-form", ACCESS_NONE, false, rest_upload },
	{ "POST", "v1beta1/upload-form-async", ACCESS_NONE, false, rest_upload },
	{ "HEAD", "v1alpha1/upload-async", ACCESS_NONE, false, rest_upload_probe },
	{ "POST", "v1alpha1/upload-async", ACCESS_NONE, false, rest_upload },
	{ "POST", "v1alpha1/upload", ACCESS_NONE, false, rest_upload },
};

static const struct route upload_routes[] = {
	{ "POST", "uploadtokenrequests", ACCESS_ADMIN, false, rest_upload_token },
};

static const struct route subresource_routes[] = {
	{ "GET", "%p/%i/console", ACCESS_ADMIN, false, rest_console },
	{ "GET", "%p/%i/expand-spec", ACCESS_VIEW, false, rest_expand },
	{ "PUT", "expand-vm-spec", ACCESS_VIEW, false, rest_expand_body },
	{ "GET", "%p/%i/log", ACCESS_VIEW, false, rest_log },
	{ "GET", "%p/%i/domainxml", ACCESS_VIEW, false, rest_domain_xml },
	{ "GET", "%p/%i/trace", ACCESS_VIEW, false, rest_trace },
	{ "GET", "%p/%i/%*", ACCESS_VIEW, false, rest_verb },
	{ "PUT", "%p/%i/%*", ACCESS_ADMIN, false, rest_verb },
};

static const struct route object_routes[] = {
	{ "GET", "%p", ACCESS_VIEW, true, rest_list },
	{ "POST", "%p", ACCESS_ADMIN, false, rest_create },
	{ "DELETE", "%p", ACCESS_ADMIN, true, rest_delete_collection },
	{ "GET", "%p/%i", ACCESS_VIEW, true, rest_get },
	{ "PUT", "%p/%i", ACCESS_ADMIN, false, rest_update },
	{ "PATCH", "%p/%i", ACCESS_ADMIN, false, rest_patch },
	{ "DELETE", "%p/%i", ACCESS_ADMIN, false, rest_delete },
	{ "GET", "%p/%i/status", ACCESS_VIEW, true, rest_get },
	{ "PUT", "%p/%i/status", ACCESS_ADMIN, false, rest_update_status },
	{ "PATCH", "%p/%i/status", ACCESS_ADMIN, false, rest_patch_status },
	{ "GET", "%p/%i/scale", ACCESS_VIEW, true, rest_get_scale },
	{ "PUT", "%p/%i/scale", ACCESS_ADMIN, false, rest_update_scale },
	{ "PATCH", "%p/%i/scale", ACCESS_ADMIN, false, rest_patch_scale },
};

static void on_request(void *arg, struct http_request *request);
static void on_change(void *arg, const struct change *change);
static void rest_unref(struct rest *rest);

int
rest_start(struct daemon *daemon, struct error *err)
{
	struct rest *rest = g_new0(struct rest, 1);

	rest->daemon = daemon;
	rest->references = 1;
	rest->access = access_new(daemon->config->access);
	rest->durable = store_version(daemon->store);
	rest->watches = g_ptr_array_new();
	daemon->http = http_server_new(daemon->base, daemon->config->socket, on_request, rest, err);
	if (daemon->http == NULL) {
		g_ptr_array_unref(rest->watches);
		rest_unref(rest);
		return -1;
	}
	rest_watch_start(rest);
	store_subscribe(daemon->store, on_change, rest);
	return 0;
}

void
rest_reload(struct daemon *daemon)
{
	struct rest *rest = http_server_arg(daemon->http);

	access_free(rest->access);
	rest->access = access_new(daemon->config->access);
}

void
rest_stop(struct daemon *daemon)
{
	struct rest *rest;

	if (daemon->http == NULL)
		return;
	rest = http_server_arg(daemon->http);
	rest->stopped = true;
	rest_watch_stop(rest);
	http_server_free(daemon->http);
	daemon->http = NULL;
	g_ptr_array_unref(rest->watches);
	rest_unref(rest);
}

/* Calls that wait for a worker or a commit may end after the server. */
static void
rest_unref(struct rest *rest)
{
	if (--rest->references > 0)
		return;
	access_free(rest->access);
	g_free(rest);
}

static void
on_change(void *arg, const struct change *change)
{
	struct rest *rest = arg;

	rest_watch_change(rest, change);
	rest->durable = change->version;
}

/* --- routing -------------------------------------------------------------------------------------------------- */

static const char **
capture_of(struct rest_call *call, char letter)
{
	switch (letter) {
	case 'g':
		return &call->group;
	case 'v':
		return &call->version;
	case 'p':
		return &call->plural;
	default:
		return &call->name;
	}
}

/* Walks a pattern along the segments; captures only when all of it fits. */
static bool
matches(struct rest_call *call, const char *pattern, const char *const *segments, bool capture)
{
	const char *p = pattern;

	for (; *segments != NULL && *p != '\0'; segments++) {
		size_t length = strcspn(p, "/");
		if (p[0] == '%' && p[1] == '*') {
			if (capture)
				call->verb = g_strjoinv("/", (char **)segments);
			return true;
		}
		if (p[0] == '%') {
			if (capture)
				*capture_of(call, p[1]) = *segments;
		} else if (strlen(*segments) != length || strncmp(*segments, p, length) != 0) {
			return false;
		}
		p += length + (p[length] == '/');
	}
	return *segments == NULL && *p == '\0';
}

/* The row for a request; NULL with *known telling whether the path exists for another method. */
static const struct route *
find_route(struct rest_call *call, const struct route *routes, size_t count, const char *const *segments, bool *known)
{
	for (size_t i = 0; i < count; i++) {
		if (!matches(call, routes[i].pattern, segments, false))
			continue;
		*known = true;
		if (strcmp(routes[i].method, http_method(call->request)) != 0)
			continue;
		matches(call, routes[i].pattern, segments, true);
		return &routes[i];
	}
	return NULL;
}

/* Routes below a group and version: takes these and the namespace off the path first. */
static const struct route *
find_resource_route(struct rest_call *call, const char *const *segments, bool *known)
{
	bool core = strcmp(segments[0], "api") == 0, subresource;

	if (!core && strcmp(segments[0], "apis") != 0)
		return NULL;
	call->group = core ? "" : segments[1];
	if (call->group == NULL)
		return NULL;
	segments += core ? 1 : 2;
	call->version = segments[0];
	if (call->version == NULL)
		return NULL;
	segments++;
	if (segments[0] != NULL && strcmp(segments[0], "namespaces") == 0 && segments[1] != NULL &&
	    segments[2] != NULL) {
		call->namespace = segments[1];
		segments += 2;
	}
	subresource = strcmp(call->group, REST_SUBRESOURCES) == 0;
	if (subresource)
		return find_route(call, subresource_routes, G_N_ELEMENTS(subresource_routes), segments, known);
	if (strcmp(call->group, REST_UPLOADS) == 0)
		return find_route(call, upload_routes, G_N_ELEMENTS(upload_routes), segments, known);
	return find_route(call, object_routes, G_N_ELEMENTS(object_routes), segments, known);
}

/* Subresources say the version of their own group. */
static const struct kind *
kind_of_plural(const char *plural)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].plural, plural) == 0)
			return &kinds[i];
	return NULL;
}

/* False after having answered: the path names no kind, or one that is not used so. */
static bool
find_kind(struct rest_call *call)
{
	const struct route *route = call->route;

	if (call->plural == NULL)
		return true;
	if (strcmp(call->group, REST_SUBRESOURCES) == 0)
		call->kind = kind_of_plural(call->plural);
	else
		call->kind = kind_of_path(call->group, call->version, call->plural);
	if (call->kind == NULL || (call->namespace != NULL && !call->kind->namespaced) ||
	    (call->namespace == NULL && call->kind->namespaced && call->name != NULL) ||
	    (g_str_has_suffix(route->pattern, "/status") && !call->kind->has_status) ||
	    (g_str_has_suffix(route->pattern, "/scale") && !call->kind->has_scale)) {
		rest_refuse(call, 404, "the server could not find the requested resource");
		return false;
	}
	if (call->namespace == NULL && call->kind->namespaced && strcmp(route->method, "GET") != 0) {
		rest_refuse(call, 405, "%s live in namespaces: name one in the path", call->kind->plural);
		return false;
	}
	return true;
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

static void
run(struct rest_call *call)
{
	if (call->rest->stopped)
		rest_refuse(call, 503, "the daemon is stopping");
	else
		call->route->handle(call);
}

/* A failed commit was undone: what is in memory now is what is stored. */
static void
on_settled(void *arg, const struct error *error)
{
	(void)error;
	run(arg);
}

static bool
allowed(struct rest_call *call)
{
	const struct http_peer *peer = http_peer(call->request);

	call->right = access_of(call->rest->access, peer->uid, peer->gid, peer->groups, peer->group_count);
	if (call->right >= call->route->right)
		return true;
	g_autofree char *why = access_refusal(call->rest->access, peer->uid, call->route->right);
	log_info("refused %s %s: %s", http_method(call->request), http_path(call->request), why);
	rest_refuse(call, 403, "%s", why);
	return false;
}

static void
on_request(void *arg, struct http_request *request)
{
	struct rest *rest = arg;
	struct rest_call *call = g_new0(struct rest_call, 1);
	const char *const *segments = http_segments(request);
	bool known = false;

	call->rest = rest;
	rest->references++;
	call->request = request;
	if (http_problem(request) != NULL) {
		rest_refuse(call, 400, "%s", http_problem(request));
		return;
	}
	call->route = find_route(call, fixed_routes, G_N_ELEMENTS(fixed_routes), segments, &known);
	if (call->route == NULL && !known && segments[0] != NULL)
		call->route = find_resource_route(call, segments, &known);
	if (call->route == NULL && known)
		rest_refuse(call, 405, "the server does not allow %s on this path", http_method(request));
	else if (call->route == NULL)
		rest_refuse(call, 404, "the server could not find the requested resource");
	else if (allowed(call) && find_kind(call)) {
		if (call->route->settled)
			store_when_durable(rest->daemon->store, on_settled, call);
		else
			run(call);
	}
}

void
rest_call_free(struct rest_call *call)
{
	rest_unref(call->rest);
	g_free(call->verb);
	g_free(call->text);
	g_free(call);
}

/* --- answers -------------------------------------------------------------------------------------------------- */

void
rest_answer_plain(struct rest_call *call, int code, const char *type, const char *text, size_t length)
{
	http_reply(call->request, code, type, text, length);
	rest_call_free(call);
}

void
rest_answer(struct rest_call *call, int code, char *text)
{
	call->text = text;
	rest_answer_plain(call, code, "application/json", text, strlen(text));
}

void
rest_answer_tree(struct rest_call *call, int code, json_t *tree)
{
	char *text = json_write(tree);

	json_decref(tree);
	rest_answer(call, code, text);
}

void
rest_answer_status(struct rest_call *call, json_t *status)
{
	if (rest_status_code(status) == 429)
		http_add_header(call->request, "Retry-After", "1");
	rest_answer_tree(call, rest_status_code(status), status);
}

void
rest_refuse(struct rest_call *call, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	rest_answer_status(call, rest_status(code, NULL, text));
}

static void
on_durable(void *arg, const struct error *error)
{
	struct rest_call *call = arg;
	char *text = g_steal_pointer(&call->text);

	if (error != NULL)
		rest_answer_status(call, rest_status_of(call->kind, call->name, error, NULL));
	else if (text == NULL)
		rest_answer_plain(call, call->code, NULL, "", 0);
	else
		rest_answer(call, call->code, g_steal_pointer(&text));
	g_free(text);
}

void
rest_answer_durable(struct rest_call *call, int code, char *text)
{
	call->code = code;
	call->text = text;
	store_when_durable(call->rest->daemon->store, on_durable, call);
}

/* --- what handlers need --------------------------------------------------------------------------------------- */

const struct object *
rest_target(struct rest_call *call)
{
	const struct kind *kind = call->kind;
	const char *namespace = call->namespace == NULL ? "" : call->namespace;
	const struct object *object = store_get(call->rest->daemon->store, kind_id(kind), namespace, call->name);

	if (object == NULL)
		rest_answer_status(
		    call, rest_status_not_found(kind_resource(kind), kind->group, kind->plural, call->name));
	return object;
}

char *
rest_object_text(const struct rest_call *call, const struct object *object)
{
	if (call->right >= ACCESS_ADMIN || !redact_needed(object->kind))
		return g_strndup(object->text, object->length);
	json_t *tree = object_tree(object);
	redact_tree(object->kind, tree);
	char *text = json_write(tree);
	json_decref(tree);
	return text;
}

bool
rest_query_flag(const struct rest_call *call, const char *name)
{
	const char *value = http_query(call->request, name);

	return value != NULL && (g_ascii_strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

bool
rest_dry_run(const struct rest_call *call, const json_t *body)
{
	const char *first = json_string_value(json_array_get(json_object_get(body, "dryRun"), 0));

	return g_strcmp0(http_query(call->request, "dryRun"), "All") == 0 || g_strcmp0(first, "All") == 0;
}
