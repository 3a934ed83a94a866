/* Status objects; see rest_internal.h.  Wording: k8s.io/apimachinery/pkg/api/errors. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/rest_internal.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{ 400, "BadRequest" },           { 401, "Unauthorized" },     { 403, "Forbidden" },
	{ 404, "NotFound" },             { 405, "MethodNotAllowed" }, { 406, "NotAcceptable" },
	{ 409, "Conflict" },             { 410, "Expired" },          { 413, "RequestEntityTooLarge" },
	{ 415, "UnsupportedMediaType" }, { 422, "Invalid" },          { 429, "TooManyRequests" },
	{ 500, "InternalError" },        { 501, "NotImplemented" },   { 503, "ServiceUnavailable" },
	{ 504, "Timeout" },              { 507, "InsufficientStorage" },
};

static const struct {
	int error, code;
} errors[] = {
	{ EINVAL, 400 }, { ERANGE, 400 },     { EACCES, 403 },    { EPERM, 403 },  { ENOENT, 404 }, { EOPNOTSUPP, 405 },
	{ EEXIST, 409 }, { ESTALE, 409 },     { EBUSY, 409 },     { E2BIG, 413 },  { EROFS, 503 },  { EIO, 503 },
	{ EAGAIN, 503 }, { ECANCELED, 503 },  { EHOSTDOWN, 503 }, { ENOMEM, 503 }, { ENOSPC, 507 }, { ETIMEDOUT, 504 },
};

json_t *
rest_status(int code, const char *reason, const char *message)
{
	/* It may quote a header, which need not be UTF-8. */
	g_autofree char *text = g_utf8_make_valid(message, -1);

	for (size_t i = 0; i < G_N_ELEMENTS(reasons) && reason == NULL; i++)
		if (reasons[i].code == code)
			reason = reasons[i].reason;
	return json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:{}, s:i}", "kind", "Status", "apiVersion", "v1", "metadata",
	    "status", code < 400 ? "Success" : "Failure", "message", text, "reason", reason == NULL ? "" : reason,
	    "details", "code", code);
}

int
rest_status_code(const json_t *status)
{
	return (int)json_integer_value(json_object_get(status, "code"));
}

/* Details as Kubernetes gives them: "kind" is the plural, except in Invalid. */
static json_t *
with_details(json_t *status, const char *group, const char *kind, const char *name)
{
	json_t *details = json_object_get(status, "details");

	if (name != NULL)
		json_object_set_new(details, "name", json_string(name));
	if (group[0] != '\0')
		json_object_set_new(details, "group", json_string(group));
	json_object_set_new(details, "kind", json_string(kind));
	return status;
}

json_t *
rest_status_not_found(const char *resource, const char *group, const char *plural, const char *name)
{
	g_autofree char *message = g_strdup_printf("%s \"%s\" not found", resource, name);

	return with_details(rest_status(404, NULL, message), group, plural, name);
}

json_t *
rest_status_deleted(const struct object *object)
{
	json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:{}}", "kind", "Status", "apiVersion", "v1", "metadata",
	    "status", "Success", "details");

	with_details(status, object->kind->group, object->kind->plural, object->name);
	json_object_set_new(json_object_get(status, "details"), "uid", json_string(object->uid));
	return status;
}

/* --- Invalid -------------------------------------------------------------------------------------------------- */

static void
add_cause(json_t *status, const char *reason, const char *field, const char *message)
{
	json_t *details = json_object_get(status, "details"), *causes = json_object_get(details, "causes");

	if (causes == NULL) {
		causes = json_array();
		json_object_set_new(details, "causes", causes);
	}
	json_array_append_new(causes,
	    json_pack("{s:s, s:s, s:s}", "reason", reason, "message", message, "field", field));
}

/* 'VirtualMachine.kubevirt.io "x" is invalid: a.b: why', or '[a.b: why, c: why]' for several. */
static json_t *
invalid(const struct kind *kind, const char *name, const char *what, bool several)
{
	g_autofree char *message =
	    g_strdup_printf("%s%s%s \"%s\" is invalid: %s%s%s", kind->name, kind->group[0] == '\0' ? "" : ".",
		kind->group, name == NULL ? "" : name, several ? "[" : "", what, several ? "]" : "");

	return with_details(rest_status(422, NULL, message), kind->group, kind->name, name);
}

json_t *
rest_status_invalid(const struct kind *kind, const char *name, const char *field, const char *message)
{
	g_autofree char *what = g_strdup_printf("%s: %s", field, message);
	json_t *status = invalid(kind, name, what, false);

	add_cause(status, cause_names[CAUSE_INVALID], field, message);
	return status;
}

/* All errors in one sentence: kubectl shows either this or the causes. */
static char *
joined(const struct diagnostics *diagnostics, bool *only_unknown)
{
	GString *what = g_string_new(NULL);

	*only_unknown = true;
	for (guint i = 0; i < diagnostics->items->len; i++) {
		const struct diagnostic *item = diagnostics->items->pdata[i];
		if (item->severity != SEVERITY_ERROR)
			continue;
		*only_unknown = *only_unknown && item->cause == CAUSE_UNKNOWN;
		if (what->len > 0)
			g_string_append(what, ", ");
		if (item->field != NULL && item->field[0] != '\0')
			g_string_append_printf(what, "%s: ", item->field);
		else if (item->line > 0)
			g_string_append_printf(what, "line %u column %u: ", item->line, item->column);
		g_string_append(what, item->message);
	}
	return g_string_free(what, FALSE);
}

static json_t *
of_diagnostics(const struct kind *kind, const char *name, const struct diagnostics *diagnostics)
{
	bool only_unknown;
	g_autofree char *what = joined(diagnostics, &only_unknown);
	json_t *status;

	if (kind == NULL || only_unknown) { /* as a real server's decoder says it, before any validation */
		g_autofree char *message = g_strconcat(only_unknown ? "strict decoding error: " : "", what, NULL);
		return rest_status(400, NULL, message);
	}
	status = invalid(kind, name, what, diagnostics->errors > 1);
	for (guint i = 0; i < diagnostics->items->len; i++) {
		const struct diagnostic *item = diagnostics->items->pdata[i];
		if (item->severity == SEVERITY_ERROR)
			add_cause(
			    status, cause_names[item->cause], item->field == NULL ? "" : item->field, item->message);
	}
	return status;
}

/* --- errors --------------------------------------------------------------------------------------------------- */

static int
code_of(int error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
		if (errors[i].error == error)
			return errors[i].code;
	return 500;
}

json_t *
rest_status_of(
    const struct kind *kind, const char *name, const struct error *error, const struct diagnostics *diagnostics)
{
	const char *resource = kind == NULL ? "" : kind_resource(kind), *shown = name == NULL ? "" : name;
	g_autofree char *message = NULL;

	if (diagnostics != NULL && diagnostics->errors > 0)
		return of_diagnostics(kind, name, diagnostics);
	if (kind == NULL)
		return rest_status(code_of(error->code), NULL, error->text);
	switch (error->code) {
	case EEXIST:
		message = g_strdup_printf("%s \"%s\" already exists", resource, shown);
		return with_details(rest_status(409, "AlreadyExists", message), kind->group, kind->plural, name);
	case ESTALE:
		message = g_strdup_printf(
		    "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply your "
		    "changes to the latest version and try again",
		    resource, shown);
		return with_details(rest_status(409, NULL, message), kind->group, kind->plural, name);
	case EBUSY:
		message =
		    g_strdup_printf("Operation cannot be fulfilled on %s \"%s\": %s", resource, shown, error->text);
		return with_details(rest_status(409, NULL, message), kind->group, kind->plural, name);
	case EACCES:
		message = g_strdup_printf("%s \"%s\" is forbidden: %s", resource, shown, error->text);
		return with_details(rest_status(403, NULL, message), kind->group, kind->plural, name);
	default:
		return with_details(
		    rest_status(code_of(error->code), NULL, error->text), kind->group, kind->plural, name);
	}
}

void
rest_warn(struct rest_call *call, const struct diagnostics *diagnostics)
{
	for (guint i = 0; i < diagnostics->items->len; i++) {
		const struct diagnostic *item = diagnostics->items->pdata[i];
		bool field = item->field != NULL && item->field[0] != '\0';
		if (item->severity != SEVERITY_WARNING)
			continue;
		g_autoptr(GString) text = g_string_new("299 - \"");
		g_autofree char *said = g_strconcat(field ? item->field : "", field ? ": " : "", item->message, NULL);
		for (const char *p = said; *p != '\0'; p++) { /* a quoted-string of RFC 9110 */
			if (*p == '"' || *p == '\\')
				g_string_append_c(text, '\\');
			g_string_append_c(text, *p);
		}
		g_string_append_c(text, '"');
		http_add_header(call->request, "Warning", text->str);
	}
}
