/*
 * Uploads over HTTP, as CDI's API server and upload proxy have them: a token for a claim, then the image itself, whose Authorization
 * says the token.  upload.h has what happens to it.
 *
 *   begun --(bytes)--> whole --(the worker's word, durable)--> answered
 *     |                  +--(async: answered at once; the DataVolume tells the rest)
 *     +--(client leaves)--> broken: ready for another one
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/multipart.h"
#include "daemon/rest_internal.h"
#include "daemon/upload.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

struct receiving {
	struct daemon *daemon;
	struct http_upload *http; /* NULL: the client was answered, or has left */
	struct upload *upload;    /* NULL: it is over */
	struct multipart *form;   /* that the image is in, or NULL */
	struct error why;         /* code 0, or what is wrong with the form */
	bool async, whole;
};

static void
receiving_free(struct receiving *r)
{
	multipart_free(r->form);
	g_free(r);
}

/* --- the token -------------------------------------------------------------------------------------------------------- */

void
rest_upload_token(struct rest_call *call)
{
	bool bad;
	json_auto_t *body = rest_body_tree(call, &bad);
	const char *name = body == NULL ? NULL : path_string(body, "spec.pvcName");
	const struct object *claim;
	struct error err = { 0 };
	char now[CLOCK_TEXT_SIZE];

	if (bad)
		return;
	if (name == NULL || call->namespace == NULL) {
		rest_refuse(call, 422, "spec.pvcName: is missing; name the claim that is uploaded to");
		return;
	}
	claim = store_get(call->rest->daemon->store, KIND_CLAIM, call->namespace, name);
	if (claim == NULL) {
		rest_answer_status(call, rest_status_not_found(kind_resource(&kinds[KIND_CLAIM]), "", kinds[KIND_CLAIM].plural, name));
		return;
	}
	g_autofree char *token = upload_token_new(call->rest->daemon, claim, &err);
	if (token == NULL) {
		rest_refuse(call, err.code == EAGAIN ? 503 : 500, "%s", err.text);
		return;
	}
	const char *own = path_string(body, "metadata.name");
	rest_answer_tree(call, 201, json_pack("{s:s,s:s,s:{s:s,s:s,s:s},s:{s:s},s:{s:s}}", "apiVersion", REST_UPLOADS "/v1beta1", "kind",
	    "UploadTokenRequest", "metadata", "name", own == NULL ? name : own, "namespace", call->namespace, "creationTimestamp",
	    clock_format(daemon_now(call->rest->daemon), now), "spec", "pvcName", name, "status", "token", token));
}

/* virtctl asks for it to learn whether there is the asynchronous way. */
void
rest_upload_probe(struct rest_call *call)
{
	rest_answer_plain(call, 200, NULL, "", 0);
}

/* --- the answer ------------------------------------------------------------------------------------------------------- */

static void
answer(struct receiving *r, int code, const char *message)
{
	struct http_upload *http = r->http;
	json_t *status = code == 200 ? json_pack("{s:s,s:s,s:s}", "apiVersion", "v1", "kind", "Status", "status", "Success")
	                             : rest_status(code, NULL, message);
	g_autofree char *text = json_write(status);

	json_decref(status);
	r->http = NULL;
	if (http != NULL)
		http_upload_answer(http, code, "application/json", text, strlen(text));
}

static const struct {
	int error, code;
} codes[] = {
	{ EACCES, 401 }, { ENOENT, 404 }, { EALREADY, 409 }, { EBUSY, 503 }, { EAGAIN, 503 }, { EHOSTDOWN, 503 }, { EINVAL, 400 },
};

static void
refuse(struct receiving *r, const struct error *error)
{
	g_autofree char *text = g_strdup_printf("Saving stream failed: %s", error->text);

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (codes[i].error == error->code) {
			answer(r, codes[i].code, error->text);
			return;
		}
	answer(r, 500, text);
}

static void
on_durable(void *arg, const struct error *error)
{
	struct receiving *r = arg;

	if (error != NULL)
		refuse(r, error);
	else
		answer(r, 200, NULL);
	receiving_free(r);
}

/* --- what the upload tells -------------------------------------------------------------------------------------------- */

static void
on_full(void *arg, bool full)
{
	struct receiving *r = arg;

	if (r->http != NULL)
		http_upload_pause(r->http, full);
}

static void
on_done(void *arg, const struct error *error)
{
	struct receiving *r = arg;

	r->upload = NULL;
	if (error == NULL && r->http != NULL) {
		store_when_durable(r->daemon->store, on_durable, r);
		return;
	}
	if (error != NULL)
		refuse(r, error);
	receiving_free(r);
}

static const struct upload_class upload_class = { on_full, on_done };

/* --- what the connection tells ---------------------------------------------------------------------------------------- */

/* Bytes of the image, and its end. */
static void
on_image(void *arg, const unsigned char *bytes, size_t length)
{
	struct receiving *r = arg;

	if (r->upload != NULL)
		upload_write(r->upload, bytes, length);
}

static void
on_image_end(void *arg)
{
	struct receiving *r = arg;

	r->whole = true;
	if (r->upload != NULL)
		upload_end(r->upload);
}

static const struct multipart_class form_class = { on_image, on_image_end };

/* A form that is damaged is refused at its end: not from inside of what hands over its bytes. */
static void
on_data(void *arg, const unsigned char *bytes, size_t length)
{
	struct receiving *r = arg;

	if (r->form == NULL)
		on_image(arg, bytes, length);
	else if (r->why.code == 0 && !r->whole)
		multipart_feed(r->form, bytes, length, &r->why);
}

static void
on_end(void *arg)
{
	struct receiving *r = arg;

	if (r->form == NULL)
		on_image_end(r);
	else if (r->why.code == 0)
		multipart_finish(r->form, &r->why);
	if (r->why.code != 0) {
		answer(r, 400, r->why.text);
		if (r->upload != NULL && !r->whole)
			upload_break(r->upload); /* and r is gone, perhaps */
	} else if (r->async) {
		answer(r, 200, NULL);
	}
}

static void
on_gone(void *arg)
{
	struct receiving *r = arg;

	http_upload_free(g_steal_pointer(&r->http));
	if (r->upload != NULL && !r->whole)
		upload_break(r->upload);
}

static const struct http_upload_class http_class = { on_data, on_end, on_gone };

/* --- the request ------------------------------------------------------------------------------------------------------ */

/* What stands behind "Bearer", or NULL. */
static const char *
token_of(const struct http_request *request)
{
	const char *header = http_header(request, "Authorization");

	if (header == NULL || g_ascii_strncasecmp(header, "Bearer ", 7) != 0 || header[7] == '\0')
		return NULL;
	return header + 7;
}

/* Of "upload-form" the body is a form, with the image as its field "file". */
static int
take_form(struct receiving *r, const struct rest_call *call, struct error *err)
{
	if (strstr(call->route->pattern, "upload-form") == NULL)
		return 0;
	r->form = multipart_new(http_header(call->request, "Content-Type"), "file", &form_class, r, err);
	return r->form == NULL ? -1 : 0;
}

void
rest_upload(struct rest_call *call)
{
	g_autofree char *token = g_strdup(token_of(call->request));
	int64_t total = http_body_length(call->request);
	struct error err = { 0 };
	struct receiving *r;

	if (token == NULL || !http_has_body(call->request)) {
		rest_refuse(call, 400, token == NULL ? "the header Authorization is missing or is not \"Bearer TOKEN\"" : "the body is empty");
		return;
	}
	r = g_new0(struct receiving, 1);
	r->daemon = call->rest->daemon;
	r->async = g_str_has_suffix(call->route->pattern, "-async");
	if (take_form(r, call, &err) != 0) {
		g_free(r);
		rest_refuse(call, 400, "%s", err.text);
		return;
	}
	if (r->form != NULL)
		total = 0; /* that of the form is not that of the image */
	r->http = http_upload_start(call->request, &http_class, r);
	if (r->http == NULL) {
		receiving_free(r);
		rest_refuse(call, 503, "too many connections are streams: try again later");
		return;
	}
	rest_call_free(call);
	r->upload = upload_begin(r->daemon, token, total, &upload_class, r, &err);
	if (r->upload != NULL)
		return;
	refuse(r, &err);
	receiving_free(r);
}
