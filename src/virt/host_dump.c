/*
 * Memory dumps: a file that gets all of a guest's memory.  That takes as long as writing it does, and nothing may wait for it:
 * each dump has a thread and a connection of its own, and domain-dump only begins it and tells how far it is.
 *
 *   domain-dump (new id) ──> thread: virDomainCoreDumpWithFormat ──> over, well or with a reason
 *   domain-dump (same id) ──> running, with its progress; done; or the reason
 *
 * What is known of dumps goes with this process.  libvirt carries one on that was begun: it is waited for, and made again, as
 * nobody saw how it ended.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/virt/host.h"

enum {
	DUMPS = 4,          /* at a time */
	REMEMBERED = 64,    /* dumps that are over are forgotten when there are more */
	STALL_MS = 120000,  /* a dump that writes nothing for so long is given up */
};

enum dump_state { DUMP_RUNNING, DUMP_DONE, DUMP_FAILED };

/* One dump; all members but those of the thread are under the lock. */
struct dump {
	char *id, *domain, *uid, *path; /* never change */
	enum dump_state state;
	struct error error;
	int64_t processed, total, moved; /* bytes, and when they last became more */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *dumps; /* uid -> struct dump, also its thread's while that runs */

static void
dump_free(void *arg)
{
	struct dump *d = arg;

	g_free(d->id);
	g_free(d->domain);
	g_free(d->uid);
	g_free(d->path);
	g_free(d);
}

/* --- the thread ----------------------------------------------------------------------------------------------------- */

static int
write_dump(virConnectPtr connection, const struct dump *d, struct error *err)
{
	g_autoptr(virDomain) domain = host_domain_get(connection, d->domain, d->uid, err);

	if (domain == NULL)
		return -1;
	if (virDomainCoreDumpWithFormat(domain, d->path, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, VIR_DUMP_MEMORY_ONLY) < 0)
		return host_error(err, "cannot write the memory of domain %s to %s", d->domain, d->path);
	return 0;
}

static void *
dump_run(void *arg)
{
	struct dump *d = arg;
	struct error err = { 0 };
	virConnectPtr connection = host_connect(&err);
	int r = connection == NULL ? -1 : write_dump(connection, d, &err);

	if (connection != NULL)
		host_disconnect(connection);
	pthread_mutex_lock(&lock);
	if (d->state == DUMP_RUNNING) { /* else it was given up */
		d->state = r == 0 ? DUMP_DONE : DUMP_FAILED;
		d->error = err;
	} else {
		dump_free(d);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* --- the verb; under the lock --------------------------------------------------------------------------------------- */

/* How much libvirt has written; false when it writes nothing of this domain. */
static bool
look_at_job(virDomainPtr domain, int64_t *processed, int64_t *total)
{
	virTypedParameterPtr parameters = NULL;
	unsigned long long done = 0, all = 0;
	int type = VIR_DOMAIN_JOB_NONE, count = 0, operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;

	if (virDomainGetJobStats(domain, &type, &parameters, &count, 0) < 0)
		return false;
	virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation);
	virTypedParamsGetULLong(parameters, count, VIR_DOMAIN_JOB_MEMORY_PROCESSED, &done);
	virTypedParamsGetULLong(parameters, count, VIR_DOMAIN_JOB_MEMORY_TOTAL, &all);
	virTypedParamsFree(parameters, count);
	*processed = (int64_t)done;
	*total = (int64_t)all;
	return type != VIR_DOMAIN_JOB_NONE && operation == VIR_DOMAIN_JOB_OPERATION_DUMP;
}

static json_t *
tell_running(int64_t processed, int64_t total)
{
	return json_pack("{s:s,s:I,s:I}", "state", "running", "processed", (json_int_t)processed, "total", (json_int_t)total);
}

/* Its thread keeps what it has of it, and frees that when libvirt lets go of it. */
static void
give_up(struct dump *d)
{
	struct dump *told = g_new0(struct dump, 1);

	*told = (struct dump){ g_strdup(d->id), g_strdup(d->domain), g_strdup(d->uid), g_strdup(d->path), DUMP_FAILED, { 0 }, 0, 0, 0 };
	error_set(&told->error, ETIMEDOUT, "the dump of domain %s to %s has come no further for %d seconds, at %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
	    " bytes", d->domain, d->path, STALL_MS / 1000, d->processed, d->total);
	d->state = DUMP_FAILED;
	g_hash_table_steal(dumps, d->uid);
	g_hash_table_insert(dumps, told->uid, told);
}

static json_t *
tell_dump(struct dump *d, virDomainPtr domain, struct error *err)
{
	int64_t processed = 0, total = 0, now = clock_monotonic_ms();

	if (d->state == DUMP_RUNNING && look_at_job(domain, &processed, &total) && processed != d->processed) {
		d->processed = processed;
		d->total = total;
		d->moved = now;
	}
	if (d->state == DUMP_RUNNING && now - d->moved > STALL_MS) {
		g_autofree char *uid = g_strdup(d->uid);
		give_up(d);
		d = g_hash_table_lookup(dumps, uid);
	}
	if (d->state == DUMP_RUNNING)
		return tell_running(d->processed, d->total);
	if (d->state == DUMP_DONE)
		return json_pack("{s:s}", "state", "done");
	*err = d->error;
	return NULL;
}

static gboolean
is_over(void *key, void *value, void *unused)
{
	(void)key;
	(void)unused;
	return ((const struct dump *)value)->state != DUMP_RUNNING;
}

/* A dump that is under way in libvirt is one that an earlier process of this program began: its end is waited for. */
static json_t *
begin(virDomainPtr domain, const char *uid, const char *path, const char *id, struct error *err)
{
	int64_t processed = 0, total = 0;
	struct dump *d;
	pthread_t thread;

	if (virDomainIsActive(domain) != 1) {
		error_set(err, ENOENT, "domain %s does not run", virDomainGetName(domain));
		return NULL;
	}
	if (look_at_job(domain, &processed, &total))
		return tell_running(processed, total);
	if (g_hash_table_size(dumps) >= REMEMBERED)
		g_hash_table_foreach_remove(dumps, is_over, NULL);
	d = g_new0(struct dump, 1);
	*d = (struct dump){ g_strdup(id), g_strdup(virDomainGetName(domain)), g_strdup(uid), g_strdup(path), DUMP_RUNNING, { 0 }, 0, 0,
		clock_monotonic_ms() };
	if (pthread_create(&thread, NULL, dump_run, d) != 0) {
		dump_free(d);
		error_set(err, EAGAIN, "cannot start a thread");
		return NULL;
	}
	pthread_detach(thread);
	g_hash_table_replace(dumps, d->uid, d);
	return tell_running(0, 0);
}

static unsigned
count_running(void)
{
	GHashTableIter iter;
	unsigned count = 0;
	struct dump *d;

	g_hash_table_iter_init(&iter, dumps);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&d))
		count += d->state == DUMP_RUNNING;
	return count;
}

static json_t *
begin_or_tell(virDomainPtr domain, const char *uid, const char *path, const char *id, struct error *err)
{
	struct dump *d;

	if (dumps == NULL)
		dumps = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, dump_free);
	d = g_hash_table_lookup(dumps, uid);
	if (d != NULL && strcmp(d->id, id) == 0)
		return tell_dump(d, domain, err);
	if ((d != NULL && d->state == DUMP_RUNNING) || count_running() >= DUMPS) {
		error_set(err, EBUSY, "another dump is being written");
		return NULL;
	}
	return begin(domain, uid, path, id, err);
}

static json_t *
run_dump(struct host_call *call, struct error *err)
{
	const char *name, *uid, *path, *id;
	json_t *answer;

	if (host_args(call, err, "{s:s,s:s,s:s,s:s}", "name", &name, "uid", &uid, "path", &path, "id", &id) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	if (domain == NULL)
		return NULL;
	pthread_mutex_lock(&lock);
	answer = begin_or_tell(domain, uid, path, id, err);
	pthread_mutex_unlock(&lock);
	return answer;
}

const struct host_verb host_dump_verbs[] = {
	{ "domain-dump", run_dump },
	{ NULL, NULL },
};
