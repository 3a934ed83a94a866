/* solovirt-import: fetches one image for the daemon; see import_verbs.h.  Channel on descriptor 3. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "storage/confine.h"
#include "storage/import.h"

enum {
	CHANNEL = 3,
	PROGRESS_MS = 250,        /* between two events */
	SMOOTH_SECONDS = 4,       /* that the speed is smoothed over */
	ARENAS = 2,               /* of malloc(): each reserves address space */
	MEMORY = 1 << 30,         /* bytes */
	CPU_SECONDS = 600,        /* and one for every SLOWEST bytes */
	SLOWEST = 4 << 20,        /* xz on an old machine, bytes a second */
};

#ifdef __SANITIZE_ADDRESS__
/* The leak checker wants to look into /proc, where the confined worker may not. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* What was told last, and how fast it has been going. */
static struct {
	const char *phase;
	int64_t ms, done;
	double rate; /* bytes a second */
} last;

/* The new speed counts the more the longer it lasted: what is shown neither jumps nor lags behind by more than some seconds. */
static double
smooth_rate(const struct import_progress *progress, int64_t now)
{
	double seconds = (double)(now - last.ms) / 1000, speed;

	if (last.phase == NULL || strcmp(last.phase, progress->phase) != 0)
		return 0;
	if (seconds <= 0)
		return last.rate;
	speed = (double)MAX(progress->done - last.done, 0) / seconds;
	return last.rate <= 0 ? speed : last.rate + (speed - last.rate) * seconds / (seconds + SMOOTH_SECONDS);
}

static void
tell_progress(void *arg, const struct import_progress *progress)
{
	int64_t now = clock_monotonic_ms();

	(void)arg;
	if (last.phase != NULL && now - last.ms < PROGRESS_MS && progress->durable < 0)
		return;
	last.rate = smooth_rate(progress, now);
	last.phase = progress->phase;
	last.ms = now;
	last.done = progress->done;
	json_t *event = json_pack("{s:s, s:{s:s, s:I, s:I, s:I}}", "event", "progress", "args", "phase", progress->phase, "done",
	    (json_int_t)progress->done, "total", (json_int_t)progress->total, "rate", (json_int_t)last.rate);
	if (progress->durable >= 0)
		json_object_set_new(json_object_get(event, "args"), "durable", json_pack("{s:I, s:s}", "offset", (json_int_t)progress->durable,
		    "validator", progress->validator));
	int rc = channel_write(CHANNEL, event, -1, NULL);
	json_decref(event);
	if (rc < 0)
		exit(EXIT_FAILURE); /* the daemon is gone: nobody wants this image any more */
}

static int
answer(const json_t *id, json_t *result, const struct error *error)
{
	json_t *message = result != NULL ? json_pack("{s:O?, s:o}", "id", id, "result", result) :
	    json_pack("{s:O?, s:{s:i, s:s}}", "id", id, "error", "code", error->code, "text", error->text);

	if (message == NULL) /* a text that is not UTF-8 */
		message = json_pack(
		    "{s:O?, s:{s:i, s:s}}", "id", id, "error", "code", error->code, "text", "the import failed");
	int rc = channel_write(CHANNEL, message, -1, NULL);
	json_decref(message);
	return rc;
}

static json_t *
result_tree(const struct import_result *result)
{
	json_t *tree = json_pack("{s:I, s:I, s:s, s:s}", "virtualSize", (json_int_t)result->virtual_size, "bytes",
	    (json_int_t)result->bytes, "format", image_format_words[result->format], "compression",
	    image_compression_words[result->compression]), *others;

	if (result->others == NULL || result->other_count == 0)
		return tree;
	others = json_array();
	for (guint i = 0; i < result->others->len; i++)
		json_array_append_new(others, json_string(result->others->pdata[i]));
	json_object_set_new(tree, "others", others);
	json_object_set_new(tree, "otherCount", json_integer(result->other_count));
	return tree;
}

/* --- the import --------------------------------------------------------------------------------------------------- */

/* A file without a name: nothing is left behind, whatever happens. */
static int
open_scratch(const char *directory, struct error *err)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd >= 0 ? fd : error_errno(err, "cannot make a scratch file in %s", directory);
	g_autofree char *path = g_strdup_printf("%s/import.XXXXXX", directory);
	fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, "cannot make a scratch file in %s", directory);
	unlink(path);
	return fd;
}

static int
run_confined(const struct import_job *job, int target, int scratch, struct import_result *result, struct error *err)
{
	struct confine_limits limits = {
		.file_size = import_scratch_limit(job->capacity),
		.cpu_seconds = CPU_SECONDS + job->capacity / SLOWEST,
		.memory = MEMORY,
	};

	if (confine(&limits, err) < 0)
		return -1;
	return import_run(job, target, scratch, tell_progress, NULL, result, err);
}

/* Handed over before the request; -1: not. */
struct descriptors {
	int stream, under;
};

static int
serve(json_t *args, int target, const struct descriptors *with, struct import_result *result, struct error *err)
{
	struct import_job job;

	if (target < 0)
		return error_set(err, EINVAL, "the request of an import brought no descriptor of its target");
	if (import_job_init(&job, args, err) < 0)
		return -1;
	job.stream = with->stream;
	job.under = with->under;
	int scratch = layers_open(job.layers, job.layer_count, err) < 0 ? -1 : open_scratch(job.scratch, err);
	int rc = scratch < 0 ? -1 : run_confined(&job, target, scratch, result, err);
	if (scratch >= 0)
		close(scratch);
	import_job_clear(&job);
	return rc;
}

static int
serve_import(json_t *args, int target, const struct descriptors *with, json_t **answer, struct error *err)
{
	struct import_result result;

	if (serve(args, target, with, &result, err) < 0)
		return -1;
	*answer = result_tree(&result);
	if (result.others != NULL)
		g_ptr_array_unref(result.others);
	return 0;
}

static int
serve_probe(json_t *args, int target, const struct descriptors *with, json_t **answer, struct error *err)
{
	static const struct confine_limits limits = {.file_size = 1 << 20, .cpu_seconds = CPU_SECONDS, .memory = MEMORY};
	struct import_known known = {0};
	struct import_job job;

	(void)target, (void)with;
	if (import_job_init_probe(&job, args, err) < 0)
		return -1;
	int rc = confine(&limits, err) < 0 ? -1 : import_probe(&job, &known, err);
	if (rc == 0)
		*answer = json_pack("{s:s*, s:s*}", "digest", known.digest, "validator", known.validator);
	if (rc == 0 && known.length > 0)
		json_object_set_new(*answer, "length", json_integer(known.length));
	import_known_clear(&known);
	import_job_clear(&job);
	return rc;
}

static const struct {
	const char *verb;
	int (*serve)(json_t *args, int target, const struct descriptors *with, json_t **answer, struct error *err);
} verbs[] = {{"import", serve_import}, {"probe", serve_probe}};

static bool
is_verb(const json_t *message, const char *verb)
{
	return g_strcmp0(json_string_value(json_object_get(message, "verb")), verb) == 0 &&
	    json_is_object(json_object_get(message, "args"));
}

static int
serve_verb(const json_t *message, int target, const struct descriptors *with, json_t **answer, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
		if (is_verb(message, verbs[i].verb))
			return verbs[i].serve(json_object_get(message, "args"), target, with, answer, err);
	return error_set(err, EINVAL, "solovirt-import knows the verbs \"import\" and \"probe\", and \"stream\" and \"under\" before the first");
}

/* 1: a request, with its descriptor or -1; 0: the daemon is gone; -1. */
static int
next_request(json_t **message, int *fd)
{
	struct error err = {0};
	int rc = channel_read(CHANNEL, message, fd, &err);

	if (rc < 0)
		log_error("%s", err.text);
	return rc;
}

/* The descriptor of "stream" or "under" is kept for the request behind it, which is read in its place.  As next_request(). */
static int
keep_descriptor(json_t **message, int *fd, int *kept)
{
	*kept = *fd;
	*fd = -1;
	int rc = answer(json_object_get(*message, "id"), json_object(), NULL);
	json_decref(*message);
	*message = NULL;
	return rc < 0 ? 0 : next_request(message, fd);
}

/* Reads the one request and answers it; the exit status says whether it could. */
static int
serve_one(void)
{
	struct error err = {0};
	json_t *message = NULL, *result = NULL;
	struct descriptors with = {-1, -1};
	int target = -1;

	int rc = next_request(&message, &target);
	if (rc > 0 && is_verb(message, "stream"))
		rc = keep_descriptor(&message, &target, &with.stream);
	if (rc > 0 && is_verb(message, "under"))
		rc = keep_descriptor(&message, &target, &with.under);
	if (rc <= 0)
		return rc;
	if (serve_verb(message, target, &with, &result, &err) == 0 && result == NULL)
		error_set(&err, EIO, "what the server said of the image cannot be told");
	if (target >= 0)
		close(target);
	if (with.stream >= 0)
		close(with.stream);
	if (with.under >= 0)
		close(with.under);
	rc = answer(json_object_get(message, "id"), result, &err);
	json_decref(message);
	return rc;
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	mallopt(M_ARENA_MAX, ARENAS);
	log_open("solovirt-import", LOG_LEVEL_INFO);
	if (fcntl(CHANNEL, F_SETFD, FD_CLOEXEC) < 0) {
		log_error("solovirt-import is started by solovirtd, which hands it descriptor %d", CHANNEL);
		return EXIT_FAILURE;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return EXIT_FAILURE;
	int rc = serve_one();
	curl_global_cleanup();
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
