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
static char *answer;     /* to be told; NULL: nothing new */

/* "" when all is well, else the summaries of what is wrong. */
static char *
read_health(const char *text)
{
	json_t *tree = json_loads(text, 0, NULL), *check;
	g_autoptr(GString) words = g_string_new(NULL);
	const char *status = json_string_value(json_object_get(tree, "status")), *name;

	json_object_foreach(json_object_get(tree, "checks"), name, check) {
		const char *message = json_string_value(json_object_get(json_object_get(check, "summary"), "message"));
		if (words->len < WORDS_MOST)
			g_string_append_printf(words, "%s%s", words->len > 0 ? "; " : "", message != NULL ? message : name);
	}
	if (words->len == 0 && g_strcmp0(status, "HEALTH_OK") != 0)
		g_string_append(words, status != NULL ? status : "the cluster tells nothing of its health");
	if (g_strcmp0(status, "HEALTH_OK") == 0)
		g_string_truncate(words, 0); /* what was muted */
	json_decref(tree);
	return g_string_free(g_steal_pointer(&words), FALSE);
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
		char *words = text != NULL ? read_health(text) : g_strdup(err.text);
		g_mutex_lock(&lock);
		asked = 0;
		g_free(answer);
		answer = words;
		g_cond_signal(&news);
		gint64 until = (clock_monotonic_ms() + ASK_EVERY_MS) * 1000;
		while (g_cond_wait_until(&news, &lock, until))
			;
	}
	return NULL;
}

static void
tell(char **told, char *words)
{
	bool same = g_strcmp0(*told, words) == 0;

	g_free(*told);
	*told = words;
	if (!same)
		service_tell("cluster", json_pack("{s:b,s:s}", "healthy", *words == '\0', "reason", words));
}

static void *
tell_run(void *arg)
{
	char *told = NULL;

	(void)arg;
	g_mutex_lock(&lock);
	for (;;) {
		bool silent = asked != 0 && clock_monotonic_ms() - asked >= SILENCE_MS;
		char *words = answer != NULL ? g_steal_pointer(&answer) : silent ? g_strdup("no monitor answers") : NULL;
		if (words != NULL) {
			g_mutex_unlock(&lock);
			tell(&told, words);
			g_mutex_lock(&lock);
		}
		if (answer == NULL)
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
