/* What the rest_*.c files share. */
#ifndef SOLOVIRT_DAEMON_REST_INTERNAL_H
#define SOLOVIRT_DAEMON_REST_INTERNAL_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/access.h"
#include "daemon/daemon.h"
#include "daemon/http.h"
#include "daemon/rest.h"
#include "daemon/store.h"

struct diagnostics;
struct document;
struct selector;
struct watch;

/* The group whose resources are verbs on objects. */
#define REST_SUBRESOURCES "subresources.kubevirt.io"

/* The group of UploadTokenRequest, which is answered and not kept. */
#define REST_UPLOADS "upload.cdi.kubevirt.io"

struct rest {
	struct daemon *daemon;
	struct access *access;
	GPtrArray *watches;      /* struct watch * */
	struct event *bookmarks; /* timer: tells quiet watches how far they are */
	int64_t durable;         /* the newest version that was published */
	unsigned references;     /* itself, and every call */
	bool stopped;
};

/* One request on its way to its answer. */
struct rest_call {
	struct rest *rest;
	struct http_request *request;
	const struct route *route;
	enum access_right right; /* of who asks */
	/* What the path says; borrowed from the request; NULL: not said. */
	const char *group, *version, *namespace, *plural, *name;
	char *verb;              /* subresource, slashes included; owned */
	const struct kind *kind;
	/* The answer that waits for its commit. */
	int code;
	char *text;
};

/* One pattern of paths: handler is called for it and a method. */
struct route {
	const char *method, *pattern;
	enum access_right right; /* what it needs */
	bool settled;            /* run between commits: it shows what is stored */
	void (*handle)(struct rest_call *call);
};

/* --- rest.c: answers; each ends the call ---------------------------------------------------------------------- */

/* JSON text (taken). */
void rest_answer(struct rest_call *call, int code, char *text);
/* A tree (reference taken). */
void rest_answer_tree(struct rest_call *call, int code, json_t *tree);
/* Text of another type (copied). */
void rest_answer_plain(struct rest_call *call, int code, const char *type, const char *text, size_t length);
/* JSON text (taken; NULL: an empty body) once everything done so far is durable, else why it is not. */
void rest_answer_durable(struct rest_call *call, int code, char *text);
/* A Status (reference taken). */
void rest_answer_status(struct rest_call *call, json_t *status);
/* A Status of a code and a sentence. */
void rest_refuse(struct rest_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Frees a call whose request was ended by a stream or tunnel. */
void rest_call_free(struct rest_call *call);

/* The object that the path names, or NULL after having answered 404. */
const struct object *rest_target(struct rest_call *call);
/* An object's JSON as the caller may see it; caller g_free()s. */
char *rest_object_text(const struct rest_call *call, const struct object *object);
/* True for a query parameter that is "true", "True" or "1". */
bool rest_query_flag(const struct rest_call *call, const char *name);
/* dryRun=All, as a parameter or in a body's "dryRun" (may be NULL). */
bool rest_dry_run(const struct rest_call *call, const json_t *body);

/* --- rest_status.c: Kubernetes' Status objects (k8s.io/apimachinery metav1.Status); all return new references
 * ------- */

json_t *rest_status(int code, const char *reason, const char *message);
/* What an error of objects.h is; kind and name are what the request was about; name and diagnostics may be NULL. */
json_t *rest_status_of(const struct kind *kind, const char *name, const struct error *error,
    const struct diagnostics *diagnostics);
json_t *rest_status_not_found(const char *resource, const char *group, const char *plural, const char *name);
json_t *rest_status_deleted(const struct object *object);
/* Adds a cause to an Invalid. */
json_t *rest_status_invalid(const struct kind *kind, const char *name, const char *field, const char *message);
/* The HTTP code in it. */
int rest_status_code(const json_t *status);
/* Sends the diagnostics' warnings as Warning headers. */
void rest_warn(struct rest_call *call, const struct diagnostics *diagnostics);

/* --- rest_body.c ---------------------------------------------------------------------------------------------- */

/* The body as JSON or YAML by its looks; NULL without one.  *bad: it cannot be read, and the call was answered. */
json_t *rest_body_tree(struct rest_call *call, bool *bad);
/* The body as the one document of the path's kind; NULL after having answered.  Free with document_free(). */
struct document *rest_body_document(struct rest_call *call);
/* The body as a patch applied to a tree, an object again; new reference; NULL after having answered. */
json_t *rest_body_patch(struct rest_call *call, const json_t *tree);
/* The body as a patch applied to the target; NULL after having answered. */
struct document *rest_body_patched(struct rest_call *call, const struct object *target);

/* --- rest_table.c --------------------------------------------------------------------------------------------- */

enum rest_include { INCLUDE_METADATA, INCLUDE_OBJECT, INCLUDE_NONE };

/* True when the client prefers a Table; *include: what its rows carry. */
bool rest_wants_table(const struct rest_call *call, enum rest_include *include);
/* A Table of objects (struct object *). */
json_t *rest_table(const struct kind *kind, const GPtrArray *objects, enum rest_include include, bool redacted,
    bool columns, int64_t version, int64_t now);

/* --- handlers, by file ---------------------------------------------------------------------------------------- */

/* rest_object.c */
void rest_get(struct rest_call *call);
void rest_list(struct rest_call *call);
void rest_create(struct rest_call *call);
void rest_update(struct rest_call *call);
void rest_update_status(struct rest_call *call);
void rest_patch(struct rest_call *call);
void rest_patch_status(struct rest_call *call);
void rest_delete(struct rest_call *call);
void rest_delete_collection(struct rest_call *call);
/* rest_scale.c: of kinds with has_scale */
void rest_get_scale(struct rest_call *call);
void rest_update_scale(struct rest_call *call);
void rest_patch_scale(struct rest_call *call);
/* rest_expand.c */
void rest_expand(struct rest_call *call);
void rest_expand_body(struct rest_call *call);
/* rest_watch.c */
void rest_watch(struct rest_call *call, struct selector *selector /* taken */);
void rest_watch_change(struct rest *rest, const struct change *change);
void rest_watch_start(struct rest *rest);
void rest_watch_stop(struct rest *rest);
/* rest_verb.c */
void rest_verb(struct rest_call *call);
void rest_log(struct rest_call *call);
void rest_domain_xml(struct rest_call *call);
void rest_trace(struct rest_call *call);
/* rest_stream.c */
void rest_console(struct rest_call *call);
/* rest_upload.c */
void rest_upload_token(struct rest_call *call);
void rest_upload_probe(struct rest_call *call);
void rest_upload(struct rest_call *call);
/* rest_discovery.c */
void rest_api_versions(struct rest_call *call);
void rest_api_groups(struct rest_call *call);
void rest_api_group(struct rest_call *call);
void rest_api_resources(struct rest_call *call);
void rest_version(struct rest_call *call);
void rest_openapi(struct rest_call *call);
void rest_health(struct rest_call *call);
void rest_ready(struct rest_call *call);
/* rest_spool.c */
void rest_spool_status(struct rest_call *call);
void rest_spool_confirm(struct rest_call *call);
void rest_spool_sync(struct rest_call *call);

#endif
