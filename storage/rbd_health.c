/*
 * What the cluster says of itself, told when it changes.  The question may stay without an answer for as long as no monitor runs, so
 * one thread asks and another one has the clock.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "src/base/clock.h"
#include "storage/rbd.h"

enum { ASK_EVERY_MS = 3000, SILENCE_MS = 8000, WORDS_MOST = 500 };

static GMutex lock; /* around all below */
static GCond news;
static int64_t asked;    /* when, on the monotonic clock; 0: nothing is asked now */
static struct answer {
	GString *checks; /* names of what is wrong: while these stay, numbers in the words change all the time; NULL: nothing new */
	GString *words;  /* "" when all is well, else what is wrong, and what would help */
} answer;                /* to be told */

/* Source: Ceph's documentation, "Health checks". */
static const struct {
	const char *check, *remedy;
} remedies[] = {
	{ "MON_CLOCK_SKEW", "have the clocks of all its monitors set by the same NTP servers" },
	{ "MON_DOWN", "start the monitor again" },
	{ "OSD_DOWN", "start the OSD again, or replace its disk" },
	{ "OSD_FULL", "nothing can be written: delete volumes or add OSDs" },
	{ "OSD_NEARFULL", "delete volumes or add OSDs" },
	{ "PG_AVAILABILITY", "its data cannot be reached before enough OSDs run" },
	{ "POOL_FULL", "nothing can be written: delete volumes, or raise the quota of the pool" },
	{ "POOL_NEAR_FULL", "delete volumes, or raise the quota of the pool" },
	{ "SLOW_OPS", "look at disk, load and network of the daemons that it names" },
};

static const char *
remedy_of(const char *check)
{
	for (size_t i = 0; i < G_N_ELEMENTS(remedies); i++)
		if (strcmp(remedies[i].check, check) == 0)
			return remedies[i].remedy;
	return NULL;
}

static void
add_check(struct answer *a, const char *name, const char *message)
{
	const char *remedy = remedy_of(name);

	g_string_append_printf(a->checks, "%s ", name);
	if (a->words->len < WORDS_MOST)
		g_string_append_printf(a->words, "%s%s%s%s", a->words->len > 0 ? "; " : "", message != NULL ? message : name, remedy != NULL ? ": " : "",
		    remedy != NULL ? remedy : "");
}

/* What is muted counts for nothing. */
static void
read_health(const char *text, struct answer *a)
{
	json_t *tree = json_loads(text, 0, NULL), *check;
	const char *status = json_string_value(json_object_get(tree, "status")), *name;

	if (g_strcmp0(status, "HEALTH_OK") != 0) {
		json_object_foreach(json_object_get(tree, "checks"), name, check)
			add_check(a, name, json_string_value(json_object_get(json_object_get(check, "summary"), "message")));
		if (a->words->len == 0)
			add_check(a, status != NULL ? status : "the cluster tells nothing of its health", NULL);
	}
	json_decref(tree);
}

static struct answer
answer_new(void)
{
	return (struct answer){ g_string_new(NULL), g_string_new(NULL) };
}

static void
answer_clear(struct answer *a)
{
	if (a->checks != NULL)
		g_string_free(a->checks, TRUE);
	if (a->words != NULL)
		g_string_free(a->words, TRUE);
	*a = (struct answer){ 0 };
}

static void *
ask_run(void *arg)
{
	(void)arg;
	g_mutex_lock(&lock);
	for (;;) {
		struct error err = { 0 };
		asked = clock_monotonic_ms();
		g_cond_signal(&news);
		g_mutex_unlock(&lock);
		g_autofree char *text = cluster_ask("{\"prefix\":\"health\",\"format\":\"json\"}", &err);
		struct answer a = answer_new();
		if (text != NULL)
			read_health(text, &a);
		else
			add_check(&a, err.text, NULL);
		g_mutex_lock(&lock);
		asked = 0;
		answer_clear(&answer);
		answer = a;
		g_cond_signal(&news);
		gint64 until = (clock_monotonic_ms() + ASK_EVERY_MS) * 1000;
		while (g_cond_wait_until(&news, &lock, until))
			;
	}
	return NULL;
}

static void
tell(char **told, struct answer *a)
{
	if (g_strcmp0(*told, a->checks->str) != 0)
		service_tell("cluster", json_pack("{s:b,s:s}", "healthy", a->words->len == 0, "reason", a->words->str));
	g_free(*told);
	*told = g_strdup(a->checks->str);
	answer_clear(a);
}

static void *
tell_run(void *arg)
{
	char *told = NULL;

	(void)arg;
	g_mutex_lock(&lock);
	for (;;) {
		bool silent = asked != 0 && clock_monotonic_ms() - asked >= SILENCE_MS;
		struct answer a = answer;
		answer = (struct answer){ 0 };
		if (a.checks == NULL && silent) {
			a = answer_new();
			add_check(&a, "no monitor answers", NULL);
		}
		if (a.checks != NULL) {
			g_mutex_unlock(&lock);
			tell(&told, &a);
			g_mutex_lock(&lock);
		}
		if (answer.checks == NULL)
			g_cond_wait_until(&news, &lock, (clock_monotonic_ms() + 1000) * 1000);
	}
	return NULL;
}

void
health_start(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, ask_run, NULL) != 0 || pthread_create(&thread, NULL, tell_run, NULL) != 0)
		service_die("cannot start a thread");
}
