/*
 * The API on a socket and in a directory of its own: the real server, objects and store.  Only what lies behind verbs.h
 * and spool.h is made here, and time stands still.  Included once by each test program of the API, behind config.h.
 */
#ifndef SOLOVIRT_TESTS_REST_FIXTURE_H
#define SOLOVIRT_TESTS_REST_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/http.h"
#include "daemon/rest.h"
#include "daemon/spool.h"
#include "daemon/store.h"
#include "daemon/verb_trace.h"
#include "daemon/verbs.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"

static struct daemon daemon_under_test;
static struct config config;
static struct config_access access_lists;
static char *directory, *socket_path;
static int guest_fd;        /* the other end of the console that was opened */
static char *verb_said;     /* what the last verb was called with */
static unsigned confirmed;

/* --- what the API calls --------------------------------------------------------------------------------------- */

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_parse("2026-01-02T03:04:05Z");
}

static inline int
run_start(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	(void)daemon;
	(void)err;
	g_free(verb_said);
	verb_said = g_strdup_printf("%s paused=%d", object->name, json_is_true(json_object_get(body, "paused")));
	return 0;
}

static inline int
run_busy(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	(void)daemon;
	(void)object;
	(void)body;
	return error_set(err, EBUSY, "VM is not running");
}

const struct verb verbs[] = {
	{ KIND_VM, "start", "PUT", run_start },
	{ KIND_VM, "stop", "PUT", run_busy },
	{ KIND_VM, "evacuate/cancel", "PUT", run_start },
	{ KIND_VMI, "pause", "PUT", run_start },
	{ 0 },
};

/* Answers later, as the real ones do. */
struct later {
	void (*opened)(void *arg, int fd, const struct error *error);
	void (*read)(void *arg, const char *text, size_t length, const struct error *error);
	void *arg;
	char *name;
	int64_t limit;
};

static inline void
answer_later(evutil_socket_t fd, short what, void *arg)
{
	struct later *later = arg;
	struct error busy = { .code = EBUSY, .text = "VMI is not running" };
	int pair[2];

	(void)fd;
	(void)what;
	if (later->read != NULL) {
		later->read(later->arg, "boot\n\xff", (size_t)MIN(later->limit, 6), NULL);
	} else if (strcmp(later->name, "off") == 0) {
		later->opened(later->arg, -1, &busy);
	} else {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
		if (guest_fd >= 0)
			close(guest_fd);
		guest_fd = pair[1];
		later->opened(later->arg, pair[0], NULL);
	}
	g_free(later->name);
	g_free(later);
}

static inline void
soon(struct daemon *daemon, struct later later)
{
	const struct timeval now = { 0 };

	event_base_once(daemon->base, -1, EV_TIMEOUT, answer_later, g_memdup2(&later, sizeof(later)), &now);
}

void
verb_console(struct daemon *daemon, const struct object *vmi,
    void (*done)(void *arg, int fd, const struct error *error), void *arg)
{
	soon(daemon, (struct later){ .opened = done, .arg = arg, .name = g_strdup(vmi->name) });
}

void
verb_log(struct daemon *daemon, const struct object *vmi, int64_t limit,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	soon(daemon, (struct later){ .read = done, .arg = arg, .name = g_strdup(vmi->name), .limit = limit });
}

/* The first bytes of the same text stand for a domain. */
void
verb_domain_xml(struct daemon *daemon, const struct object *vmi,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	soon(daemon, (struct later){ .read = done, .arg = arg, .name = g_strdup(vmi->name), .limit = 3 });
}

void
verb_trace(struct daemon *daemon, const struct object *vmi, const struct trace_wish *wish,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	soon(daemon, (struct later){ .read = done, .arg = arg, .name = g_strdup(vmi->name), .limit = wish->to != NULL ? 2 : 0 });
}

void
spool_rescan(struct spool *spool)
{
	(void)spool;
}

void
spool_confirm(struct spool *spool)
{
	(void)spool;
	confirmed++;
}

json_t *
spool_status(struct spool *spool)
{
	(void)spool;
	return json_pack("{s:s, s:i, s:[]}", "spoolDirectory", "/spool", "held", 3, "files");
}

/* --- fixture -------------------------------------------------------------------------------------------------- */

static inline void
start(void)
{
	struct error err = { 0 };

	ck_assert_msg(rest_start(&daemon_under_test, &err) == 0, "%s", err.text);
}

static inline void
setup(void)
{
	struct error err = { 0 };

	log_open("test", LOG_LEVEL_ERROR - 1);
	directory = g_dir_make_tmp("rest-XXXXXX", NULL);
	chmod(directory, 0755);
	socket_path = g_build_filename(directory, "api.sock", NULL);
	config = (struct config){ .socket = socket_path, .access = &access_lists };
	daemon_under_test = (struct daemon){ .base = event_base_new(), .config = &config };
	event_base_priority_init(daemon_under_test.base, PRIORITY_COUNT);
	daemon_under_test.answers = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
	daemon_under_test.store = store_open(directory, daemon_under_test.base, &err);
	ck_assert_msg(daemon_under_test.store != NULL, "%s", err.text);
	guest_fd = -1;
	verb_said = NULL;
	confirmed = 0;
	start();
}

static inline void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		remove_tree(child);
	}
	g_remove(path);
}

static inline void
teardown(void)
{
	store_close(daemon_under_test.store);
	rest_stop(&daemon_under_test);
	g_ptr_array_unref(daemon_under_test.answers);
	event_base_free(daemon_under_test.base);
	remove_tree(directory);
	g_free(directory);
	g_free(socket_path);
	g_free(verb_said);
	if (guest_fd >= 0)
		close(guest_fd);
}

/* --- a client ------------------------------------------------------------------------------------------------- */

struct answer {
	int code;
	char *text;       /* all of it */
	const char *body; /* in text */
	json_t *json;     /* the body, when it is JSON */
};

static inline void
answer_clear(struct answer *answer)
{
	json_decref(answer->json);
	g_free(answer->text);
}
#define ANSWER __attribute__((cleanup(answer_clear))) struct answer

static inline int
dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, socket_path);
	ck_assert_msg(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "%s", strerror(errno));
	return fd;
}

static inline void
turn(void)
{
	event_base_loop(daemon_under_test.base, EVLOOP_NONBLOCK);
	g_ptr_array_set_size(daemon_under_test.answers, 0);
}

/* Another server on the same store; what the old one left behind has its turn between. */
static inline void
restart(void)
{
	store_unsubscribe(daemon_under_test.store, http_server_arg(daemon_under_test.http));
	rest_stop(&daemon_under_test);
	turn();
	start();
}

static inline void
say(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
		turn();
	}
}

/* Reads while the loop runs until "until" is there, or, when it is NULL, to the end. */
static inline void
hear(int fd, GString *out, const char *until)
{
	char bytes[65536];
	ssize_t n;

	for (int i = 0; i < 4000; i++) {
		turn();
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			g_string_append_len(out, bytes, n);
		if (until != NULL && memmem(out->str, out->len, until, strlen(until)) != NULL)
			return;
		if (n == 0 || errno != EAGAIN) {
			ck_assert_msg(until == NULL, "no \"%s\" in \"%s\"", until, out->str);
			return;
		}
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		poll(&pfd, 1, 1);
	}
	ck_abort_msg("nothing more came after \"%s\"", out->str);
}

static inline void
ask(int fd, const char *method, const char *target, const char *headers, const char *body)
{
	g_autofree char *text = g_strdup_printf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s", method,
	    target, strlen(body), headers, body);

	say(fd, text, strlen(text));
}

/* What comes next in the stream, until a word. */
static inline char *
next(int fd, const char *until)
{
	GString *out = g_string_new(NULL);

	hear(fd, out, until);
	return g_string_free(out, FALSE);
}

static inline struct answer
call_on(int fd, const char *method, const char *target, const char *headers, const char *body)
{
	bool upgrade = strstr(headers, "Connection: ") != NULL;
	g_autofree char *all = g_strconcat(headers, upgrade ? "" : "Connection: close\r\n", NULL);
	GString *out = g_string_new(NULL);
	struct answer answer = { 0 };

	ask(fd, method, target, all, body);
	hear(fd, out, upgrade ? "\"code\":" : NULL);
	close(fd);
	answer.text = g_string_free(out, FALSE);
	ck_assert_msg(sscanf(answer.text, "HTTP/1.1 %d ", &answer.code) == 1, "%s", answer.text);
	answer.body = strstr(answer.text, "\r\n\r\n") + 4;
	answer.json = json_loads(answer.body, 0, NULL);
	return answer;
}

static inline struct answer
call(const char *method, const char *target, const char *headers, const char *body)
{
	return call_on(dial(), method, target, headers, body);
}

static inline struct answer
get(const char *target)
{
	return call("GET", target, "", "");
}

static inline void
assert_code(const struct answer *answer, int code)
{
	ck_assert_msg(answer->code == code, "wanted %d: %s", code, answer->text);
}

static inline void
assert_at(const struct answer *answer, const char *path, const char *wanted)
{
	const char *found = path_string(answer->json, path);

	ck_assert_msg(
	    g_strcmp0(found, wanted) == 0, "%s: wanted \"%s\", got \"%s\" in %s", path, wanted, found, answer->text);
}

static inline void
assert_status(const struct answer *answer, int code, const char *reason, const char *message)
{
	assert_code(answer, code);
	assert_at(answer, "kind", "Status");
	assert_at(answer, "status", "Failure");
	assert_at(answer, "reason", reason);
	ck_assert_int_eq(json_integer_value(path_find(answer->json, "code")), code);
	ck_assert_msg(strstr(path_string(answer->json, "message"), message) != NULL, "%s", answer->body);
}

/* --- objects -------------------------------------------------------------------------------------------------- */

#define MAPS "/api/v1/namespaces/default/configmaps"
#define SECRETS "/api/v1/namespaces/default/secrets"
#define VMS "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
#define VMIS "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
#define SUB "/apis/subresources.kubevirt.io/v1/namespaces/default"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define JSON_PATCH "Content-Type: application/json-patch+json\r\n"
#define STRATEGIC "Content-Type: application/strategic-merge-patch+json\r\n"
#define TABLE "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"
#define INSTANCE "\"domain\":{\"memory\":{\"guest\":\"64Mi\"},\"devices\":{}}"

static inline void
create(const char *target, const char *body)
{
	ANSWER answer = call("POST", target, "", body);

	assert_code(&answer, 201);
}

static inline void
create_map(const char *name, const char *labels, const char *value)
{
	g_autofree char *body =
	    g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
			    "\"labels\":{%s}},\"data\":{\"key\":\"%s\"}}",
		name, labels, value);

	create(MAPS, body);
}

static inline void
create_vm(const char *name)
{
	g_autofree char *body = g_strdup_printf(
	    "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":"
	    "{\"name\":\"%s\"},\"spec\":{\"runStrategy\":\"Halted\",\"template\":{\"spec\":{" INSTANCE "}}}}",
	    name);

	create(VMS, body);
}

static inline void
create_vmi(const char *name)
{
	g_autofree char *body =
	    g_strdup_printf("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\","
			    "\"metadata\":{\"name\":\"%s\"},\"spec\":{" INSTANCE "}}",
		name);

	create(VMIS, body);
}

/* Names of a list's items, with spaces. */
static inline char *
names_of(const char *target)
{
	ANSWER answer = get(target);
	GString *names = g_string_new(NULL);
	json_t *item;
	size_t i;

	assert_code(&answer, 200);
	json_array_foreach(path_find(answer.json, "items"), i, item)
		g_string_append_printf(names, "%s%s", i == 0 ? "" : " ", path_string(item, "metadata.name"));
	return g_string_free(names, FALSE);
}

static inline void
assert_names(const char *target, const char *wanted)
{
	g_autofree char *names = names_of(target);

	ck_assert_msg(strcmp(names, wanted) == 0, "%s: wanted \"%s\", got \"%s\"", target, wanted, names);
}

/* Adds a group of tests, each of which gets a server of its own. */
static inline void
add_tests(Suite *suite, const char *name, const TTest *const *tests)
{
	TCase *group = tcase_create(name);

	tcase_add_checked_fixture(group, setup, teardown);
	tcase_set_timeout(group, 30);
	for (; *tests != NULL; tests++)
		tcase_add_test(group, *tests);
	suite_add_tcase(suite, group);
}

/* Runs a suite; the exit code of its program. */
static inline int
run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
