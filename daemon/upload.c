/* Uploads; see upload.h. */
#include "config.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/store.h"
#include "daemon/upload.h"
#include "src/base/clock.h"
#include "src/base/error.h"

enum { TOKEN_BYTES = 32, TOKENS_MOST = 1000, PIPE_BYTES = 1 << 20 };

struct token {
	char *namespace, *name, *uid; /* of the claim */
	int64_t until;                /* monotonic ms */
};

struct uploads {
	GHashTable *tokens; /* text -> struct token */
};

struct upload {
	struct filling *filling; /* NULL: it is over */
	const struct upload_class *class;
	void *arg;
	struct evbuffer *pending; /* what the pipe had no room for */
	struct event *writable;
	int pipe;                 /* the end that is written to; -1: closed */
	bool whole, full;
};

/* --- tokens ----------------------------------------------------------------------------------------------------------- */

static void
token_free(void *arg)
{
	struct token *token = arg;

	g_free(token->namespace);
	g_free(token->name);
	g_free(token->uid);
	g_free(token);
}

static gboolean
is_over(gpointer key, gpointer value, gpointer arg)
{
	(void)key;
	return ((const struct token *)value)->until <= *(const int64_t *)arg;
}

static GHashTable *
tokens(struct daemon *daemon)
{
	int64_t now = clock_monotonic_ms();

	if (daemon->uploads == NULL) {
		daemon->uploads = g_new0(struct uploads, 1);
		daemon->uploads->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, token_free);
	}
	g_hash_table_foreach_remove(daemon->uploads->tokens, is_over, &now);
	return daemon->uploads->tokens;
}

char *
upload_token_new(struct daemon *daemon, const struct object *claim, struct error *err)
{
	GHashTable *all = tokens(daemon);
	unsigned char bytes[TOKEN_BYTES];
	struct token *token;
	char *text;

	if (g_hash_table_size(all) >= TOKENS_MOST) {
		error_set(err, EAGAIN, "%d upload tokens are valid: more cannot be at a time", TOKENS_MOST);
		return NULL;
	}
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		error_errno(err, "cannot make a token");
		return NULL;
	}
	text = g_malloc(2 * TOKEN_BYTES + 1);
	for (size_t i = 0; i < TOKEN_BYTES; i++)
		g_snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	token = g_new0(struct token, 1);
	*token = (struct token){ g_strdup(claim->namespace), g_strdup(claim->name), g_strdup(claim->uid), clock_monotonic_ms() + UPLOAD_TOKEN_MS };
	g_hash_table_insert(all, g_strdup(text), token);
	return text;
}

void
uploads_stop(struct daemon *daemon)
{
	if (daemon->uploads == NULL)
		return;
	g_hash_table_unref(daemon->uploads->tokens);
	g_clear_pointer(&daemon->uploads, g_free);
}

/* --- whether it may be ------------------------------------------------------------------------------------------------ */

static const struct object *
find_claim(struct daemon *daemon, const char *text, struct error *err)
{
	const struct token *token = g_hash_table_lookup(tokens(daemon), text);
	const struct object *claim = token == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, token->namespace, token->name);

	if (token == NULL)
		error_set(err, EACCES, "the token is unknown or expired: ask for another one");
	else if (claim == NULL || strcmp(claim->uid, token->uid) != 0)
		error_set(err, ENOENT, "the claim of the token is gone");
	else
		return claim;
	return NULL;
}

/* The DataVolume that waits for an upload to this claim. */
static const struct object *
find_data_volume(struct daemon *daemon, const struct object *claim, struct error *err)
{
	const struct claim *value = claim->value;
	const struct object *object = store_get(daemon->store, KIND_DATA_VOLUME, claim->namespace, claim->name);
	const struct data_volume *dv = object == NULL ? NULL : object->value;

	if (dv == NULL || !data_volume_is_upload(object))
		error_set(err, ENOENT, "no DataVolume with the source upload has the claim %s/%s", claim->namespace, claim->name);
	else if (g_strcmp0(schema_map_get(&value->head.meta->annotations, CLAIM_POPULATED), "true") == 0 ||
	    dv->status->phase == DATA_VOLUME_SUCCEEDED)
		error_set(err, EALREADY, "an upload to DataVolume %s/%s has finished already", claim->namespace, claim->name);
	else if (dv->status->phase != DATA_VOLUME_UPLOAD_READY)
		error_set(err, EAGAIN, "DataVolume %s/%s is not ready for an upload: its phase is %s", claim->namespace, claim->name,
		    data_volume_phase_words[dv->status->phase]);
	else
		return object;
	return NULL;
}

/* --- the bytes -------------------------------------------------------------------------------------------------------- */

static void
close_pipe(struct upload *upload)
{
	if (upload->pipe >= 0)
		close(upload->pipe);
	upload->pipe = -1;
}

static void
set_full(struct upload *upload, bool full)
{
	if (upload->full == full)
		return;
	upload->full = full;
	upload->class->full(upload->arg, full);
}

/* Writes what the pipe takes.  When the worker has closed its end it has told why, or will: nothing more is taken until then. */
static void
push(struct upload *upload)
{
	while (upload->pipe >= 0 && evbuffer_get_length(upload->pending) > 0) {
		int n = evbuffer_write(upload->pending, upload->pipe);
		bool waits = n < 0 && (errno == EAGAIN || errno == EINTR);

		if (n > 0)
			continue;
		if (waits)
			event_add(upload->writable, NULL);
		set_full(upload, true);
		return;
	}
	if (upload->whole)
		close_pipe(upload);
	else
		set_full(upload, false);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	push(arg);
}

void
upload_write(struct upload *upload, const void *bytes, size_t length)
{
	evbuffer_add(upload->pending, bytes, length);
	if (!upload->full)
		push(upload);
}

void
upload_end(struct upload *upload)
{
	upload->whole = true;
	if (!upload->full)
		push(upload);
}

void
upload_break(struct upload *upload)
{
	fill_cancel(upload->filling);
}

static void
on_done(void *arg, const struct error *error)
{
	struct upload *upload = arg;
	const struct upload_class *class = upload->class;

	arg = upload->arg;
	event_free(upload->writable);
	evbuffer_free(upload->pending);
	close_pipe(upload);
	g_free(upload);
	class->done(arg, error);
}

/* A pipe whose ends we write to without waiting and the worker reads from as from a file. */
static int
make_pipe(int ends[2], struct error *err)
{
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(err, "cannot make a pipe");
	evutil_make_socket_nonblocking(ends[1]);
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one will do */
	return 0;
}

struct upload *
upload_begin(struct daemon *daemon, const char *token, int64_t total, const struct upload_class *class, void *arg, struct error *err)
{
	const struct object *claim = find_claim(daemon, token, err);
	const struct object *object = claim == NULL ? NULL : find_data_volume(daemon, claim, err);
	struct fill_upload fill = { .total = total, .done = on_done };
	struct upload *upload;
	int ends[2];

	if (object == NULL || make_pipe(ends, err) != 0)
		return NULL;
	upload = g_new0(struct upload, 1);
	upload->class = class;
	upload->arg = arg;
	upload->pipe = ends[1];
	upload->pending = evbuffer_new();
	upload->writable = event_new(daemon->base, ends[1], EV_WRITE, on_writable, upload);
	fill.stream = ends[0];
	fill.arg = upload;
	upload->filling = fill_begin_upload(daemon, object, claim, &fill, err);
	if (upload->filling != NULL)
		return upload;
	event_free(upload->writable);
	evbuffer_free(upload->pending);
	close_pipe(upload);
	g_free(upload);
	return NULL;
}
