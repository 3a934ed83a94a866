/*
 * The API as clients use it: the real server, objects and store on a socket and a directory of their own.  Only what lies
 * behind verbs.h and spool.h is made here, and time stands still.
 */
#include "config.h"

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
#include "daemon/rest.h"
#include "daemon/spool.h"
#include "daemon/store.h"
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

/* --- what the API calls ---------------------------------------------------------------------------------------------- */

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_parse("2026-01-02T03:04:05Z");
}

static int
run_start(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	(void)daemon;
	(void)err;
	g_free(verb_said);
	verb_said = g_strdup_printf("%s paused=%d", object->name, json_is_true(json_object_get(body, "paused")));
	return 0;
}

static int
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

static void
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
		guest_fd = pair[1];
		later->opened(later->arg, pair[0], NULL);
	}
	g_free(later->name);
	g_free(later);
}

static void
soon(struct daemon *daemon, struct later later)
{
	const struct timeval now = { 0 };

	event_base_once(daemon->base, -1, EV_TIMEOUT, answer_later, g_memdup2(&later, sizeof(later)), &now);
}

void
verb_console(struct daemon *daemon, const struct object *vmi, void (*done)(void *arg, int fd, const struct error *error),
    void *arg)
{
	soon(daemon, (struct later){ .opened = done, .arg = arg, .name = g_strdup(vmi->name) });
}

void
verb_log(struct daemon *daemon, const struct object *vmi, int64_t limit,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	soon(daemon, (struct later){ .read = done, .arg = arg, .name = g_strdup(vmi->name), .limit = limit });
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

/* --- fixture --------------------------------------------------------------------------------------------------------- */

static void
start(void)
{
	struct error err = { 0 };

	ck_assert_msg(rest_start(&daemon_under_test, &err) == 0, "%s", err.text);
}

static void
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

static void
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

static void
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

/* --- a client -------------------------------------------------------------------------------------------------------- */

struct answer {
	int code;
	char *text;       /* all of it */
	const char *body; /* in text */
	json_t *json;     /* the body, when it is JSON */
};

static void
answer_clear(struct answer *answer)
{
	json_decref(answer->json);
	g_free(answer->text);
}
#define ANSWER __attribute__((cleanup(answer_clear))) struct answer

static int
dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, socket_path);
	ck_assert_msg(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "%s", strerror(errno));
	return fd;
}

static void
turn(void)
{
	event_base_loop(daemon_under_test.base, EVLOOP_NONBLOCK);
	g_ptr_array_set_size(daemon_under_test.answers, 0);
}

static void
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
static void
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

static void
ask(int fd, const char *method, const char *target, const char *headers, const char *body)
{
	g_autofree char *text = g_strdup_printf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s", method, target,
	    strlen(body), headers, body);

	say(fd, text, strlen(text));
}

static struct answer
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

static struct answer
call(const char *method, const char *target, const char *headers, const char *body)
{
	return call_on(dial(), method, target, headers, body);
}

static struct answer
get(const char *target)
{
	return call("GET", target, "", "");
}

static void
assert_code(const struct answer *answer, int code)
{
	ck_assert_msg(answer->code == code, "wanted %d: %s", code, answer->text);
}

static void
assert_at(const struct answer *answer, const char *path, const char *wanted)
{
	const char *found = path_string(answer->json, path);

	ck_assert_msg(g_strcmp0(found, wanted) == 0, "%s: wanted \"%s\", got \"%s\" in %s", path, wanted, found, answer->text);
}

static void
assert_status(const struct answer *answer, int code, const char *reason, const char *message)
{
	assert_code(answer, code);
	assert_at(answer, "kind", "Status");
	assert_at(answer, "status", "Failure");
	assert_at(answer, "reason", reason);
	ck_assert_int_eq(json_integer_value(path_find(answer->json, "code")), code);
	ck_assert_msg(strstr(path_string(answer->json, "message"), message) != NULL, "%s", answer->body);
}

/* --- objects --------------------------------------------------------------------------------------------------------- */

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

static void
create(const char *target, const char *body)
{
	ANSWER answer = call("POST", target, "", body);

	assert_code(&answer, 201);
}

static void
create_map(const char *name, const char *labels, const char *value)
{
	g_autofree char *body = g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
	    "\"labels\":{%s}},\"data\":{\"key\":\"%s\"}}", name, labels, value);

	create(MAPS, body);
}

static void
create_vm(const char *name)
{
	g_autofree char *body = g_strdup_printf("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":"
	    "{\"name\":\"%s\"},\"spec\":{\"runStrategy\":\"Halted\",\"template\":{\"spec\":{" INSTANCE "}}}}", name);

	create(VMS, body);
}

static void
create_vmi(const char *name)
{
	g_autofree char *body = g_strdup_printf("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\","
	    "\"metadata\":{\"name\":\"%s\"},\"spec\":{" INSTANCE "}}", name);

	create(VMIS, body);
}

/* Names of a list's items, with spaces. */
static char *
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

static void
assert_names(const char *target, const char *wanted)
{
	g_autofree char *names = names_of(target);

	ck_assert_msg(strcmp(names, wanted) == 0, "%s: wanted \"%s\", got \"%s\"", target, wanted, names);
}

START_TEST(test_create_and_get)
{
	ANSWER made = call("POST", MAPS "?fieldManager=kubectl-create&fieldValidation=Strict", "Content-Type: application/json\r\n",
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"creationTimestamp\":null},"
	    "\"data\":{\"key\":\"1\"}}");
	ANSWER got = get(MAPS "/a");

	assert_code(&made, 201);
	assert_code(&got, 200);
	assert_at(&got, "kind", "ConfigMap");
	assert_at(&got, "metadata.namespace", "default");
	assert_at(&got, "metadata.creationTimestamp", "2026-01-02T03:04:05Z");
	assert_at(&got, "data.key", "1");
	ck_assert(json_equal(made.json, got.json));
	ck_assert_ptr_nonnull(strstr(got.text, "Content-Type: application/json\r\n"));
}
END_TEST

START_TEST(test_create_from_yaml)
{
	ANSWER made = call("POST", MAPS, "Content-Type: application/yaml; charset=utf-8\r\n",
	    "# a comment\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: a-\ndata:\n  key: \"1\"\n");

	assert_code(&made, 201);
	ck_assert_uint_eq(strlen(path_string(made.json, "metadata.name")), 7);
}
END_TEST

/* Bodies that are refused, and what is said. */
static const struct {
	const char *target, *type, *body;
	int code;
	const char *reason, *message;
} refusals[] = {
	{ MAPS, "", "{\"kind\":", 400, "BadRequest", "" },
	{ MAPS, "", "", 400, "BadRequest", "one object" },
	{ MAPS, "", "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"}}", 400, "BadRequest", "is a Secret" },
	{ MAPS, "", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"other\"}}", 400, "BadRequest", "namespace" },
	{ MAPS, "Content-Type: application/vnd.kubernetes.protobuf\r\n", "k8s", 415, "UnsupportedMediaType", "application/json" },
	{ MAPS, "", "{\"metadata\":{\"name\":\"a\"},\"dtaa\":{}}", 400, "BadRequest", "strict decoding error: " },
	{ MAPS, "", "{\"metadata\":{\"name\":\"A!\"}}", 422, "Invalid", "ConfigMap \"A!\" is invalid: " },
	{ VMS, "", "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"running\":\"maybe\"}}", 422, "Invalid",
	  "VirtualMachine.kubevirt.io \"a\" is invalid: [" },
	{ "/api/v1/configmaps", "", "{\"metadata\":{\"name\":\"a\"}}", 405, "MethodNotAllowed", "namespace" },
	{ "/apis/kubevirt.io/v9/namespaces/default/virtualmachines", "", "{}", 404, "NotFound", "could not find" },
	{ "/api/v1/namespaces/default/nodes", "", "{}", 404, "NotFound", "could not find" },
};

START_TEST(test_refused_bodies)
{
	ANSWER answer = call("POST", refusals[_i].target, refusals[_i].type, refusals[_i].body);

	assert_status(&answer, refusals[_i].code, refusals[_i].reason, refusals[_i].message);
}
END_TEST

START_TEST(test_invalid_has_causes)
{
	ANSWER answer = call("POST", MAPS, "", "{\"metadata\":{\"name\":\"A!\"}}");

	assert_at(&answer, "details.name", "A!");
	assert_at(&answer, "details.kind", "ConfigMap");
	assert_at(&answer, "details.causes[0].field", "metadata.name");
	assert_at(&answer, "details.causes[0].reason", "FieldValueInvalid");
}
END_TEST

START_TEST(test_exists_and_not_found)
{
	create_map("a", "", "1");
	ANSWER again = call("POST", MAPS, "", "{\"metadata\":{\"name\":\"a\"}}");
	ANSWER missing = get(VMS "/none");

	assert_status(&again, 409, "AlreadyExists", "configmaps \"a\" already exists");
	assert_status(&missing, 404, "NotFound", "virtualmachines.kubevirt.io \"none\" not found");
	assert_at(&missing, "details.group", "kubevirt.io");
	assert_at(&missing, "details.kind", "virtualmachines");
	assert_at(&missing, "details.name", "none");
}
END_TEST

START_TEST(test_unknown_paths_and_methods)
{
	ANSWER nowhere = get("/nowhere");
	ANSWER root = get("/");
	ANSWER method = call("OPTIONS", MAPS, "", "");
	ANSWER status = get(MAPS "/a/status");
	ANSWER subresource = get(MAPS "/a/b/c");

	assert_status(&nowhere, 404, "NotFound", "could not find");
	assert_status(&root, 404, "NotFound", "could not find");
	assert_status(&method, 405, "MethodNotAllowed", "OPTIONS");
	assert_status(&status, 404, "NotFound", "could not find");
	assert_status(&subresource, 404, "NotFound", "could not find");
}
END_TEST

START_TEST(test_lists)
{
	create_map("a", "\"app\":\"web\",\"tier\":\"front\"", "1");
	create_map("b", "\"app\":\"db\"", "2");
	create_map("c", "", "1");
	create("/api/v1/namespaces/other/configmaps", "{\"metadata\":{\"name\":\"d\"}}");
	assert_names(MAPS "?limit=500", "a b c");
	assert_names("/api/v1/configmaps", "a b c d");
	assert_names(MAPS "?labelSelector=app", "a b");
	assert_names(MAPS "?labelSelector=%21app", "c");
	assert_names(MAPS "?labelSelector=app%3Dweb", "a");
	assert_names(MAPS "?labelSelector=app%3D%3Dweb,tier%20in%20(back,%20front)", "a");
	assert_names(MAPS "?labelSelector=app!%3Dweb", "b c");
	assert_names(MAPS "?labelSelector=app+notin+(web,db)", "c");
	assert_names(MAPS "?fieldSelector=metadata.name%3Db", "b");
	assert_names(MAPS "?fieldSelector=data.key%3D1,metadata.name!%3Da", "c");
	assert_names("/api/v1/configmaps?fieldSelector=metadata.namespace%3Dother", "d");
	ANSWER list = get(MAPS);
	ANSWER labels = get(MAPS "?labelSelector=app%3D%3D%3Dx");
	ANSWER fields = get(MAPS "?fieldSelector=metadata.name");
	assert_at(&list, "kind", "ConfigMapList");
	assert_at(&list, "apiVersion", "v1");
	assert_at(&list, "items[0].kind", "ConfigMap");
	ck_assert_ptr_nonnull(path_string(list.json, "metadata.resourceVersion"));
	assert_status(&labels, 400, "BadRequest", "labelSelector");
	assert_status(&fields, 400, "BadRequest", "fieldSelector");
}
END_TEST

START_TEST(test_tables)
{
	create_vm("x");
	ANSWER list = call("GET", VMS "?limit=500", TABLE, "");
	ANSWER one = call("GET", VMS "/x?includeObject=Object", TABLE, "");
	ANSWER none = call("GET", VMS "/x?includeObject=None", TABLE, "");
	ANSWER missing = call("GET", VMS "/y", TABLE, "");

	assert_at(&list, "kind", "Table");
	assert_at(&list, "apiVersion", "meta.k8s.io/v1");
	assert_at(&list, "columnDefinitions[0].name", "Name");
	assert_at(&list, "columnDefinitions[1].name", "Age");
	assert_at(&list, "columnDefinitions[2].name", "Status");
	assert_at(&list, "rows[0].cells[0]", "x");
	assert_at(&list, "rows[0].cells[1]", "0s");
	assert_at(&list, "rows[0].object.kind", "PartialObjectMetadata");
	assert_at(&list, "rows[0].object.metadata.namespace", "default");
	assert_at(&one, "rows[0].object.spec.runStrategy", "Halted");
	ck_assert_ptr_null(path_find(none.json, "rows[0].object"));
	assert_status(&missing, 404, "NotFound", "not found");
}
END_TEST

START_TEST(test_update)
{
	create_map("a", "", "1");
	ANSWER got = get(MAPS "/a");
	ck_assert_int_eq(path_set(got.json, "data.key", json_string("2")), 0);
	g_autofree char *body = json_write(got.json);
	ANSWER updated = call("PUT", MAPS "/a", "", body);
	ANSWER stale = call("PUT", MAPS "/a", "", body);
	ANSWER blind = call("PUT", MAPS "/a", "", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"key\":\"3\"}}");
	ANSWER other = call("PUT", MAPS "/b", "", body);
	ANSWER wrong = call("PUT", MAPS "/a", "", "{\"metadata\":{\"name\":\"b\"}}");

	assert_code(&updated, 200);
	assert_at(&updated, "data.key", "2");
	assert_status(&stale, 409, "Conflict", "Operation cannot be fulfilled on configmaps \"a\": the object has been modified");
	assert_code(&blind, 200);
	assert_status(&other, 404, "NotFound", "configmaps \"b\" not found");
	assert_status(&wrong, 400, "BadRequest", "does not match the name in the path");
}
END_TEST

START_TEST(test_custom_kinds_need_a_version_to_update)
{
	create_vm("x");
	ANSWER blind = call("PUT", VMS "/x", "",
	    "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"runStrategy\":\"Always\",\"template\":{\"spec\":{" INSTANCE "}}}}");

	assert_status(&blind, 422, "Invalid", "metadata.resourceVersion: must be specified for an update");
}
END_TEST

START_TEST(test_patches)
{
	create_map("a", "\"app\":\"web\"", "1");
	ANSWER merge = call("PATCH", MAPS "/a", MERGE, "{\"metadata\":{\"labels\":{\"app\":null,\"x\":\"y\"}}}");
	ANSWER json = call("PATCH", MAPS "/a", JSON_PATCH, "[{\"op\":\"add\",\"path\":\"/data/more\",\"value\":\"2\"}]");
	ANSWER test = call("PATCH", MAPS "/a", JSON_PATCH, "[{\"op\":\"test\",\"path\":\"/data/key\",\"value\":\"9\"}]");
	ANSWER python = call("PATCH", MAPS "/a", JSON_PATCH, "{\"data\":{\"key\":\"3\"}}");
	ANSWER strategic = call("PATCH", MAPS "/a", STRATEGIC, "{\"$setElementOrder/x\":[],\"data\":{\"key\":\"4\"}}");
	ANSWER stale = call("PATCH", MAPS "/a", MERGE, "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"key\":\"5\"}}");
	ANSWER bad = call("PATCH", MAPS "/a", MERGE, "{");
	ANSWER renamed = call("PATCH", MAPS "/a", MERGE, "{\"metadata\":{\"name\":\"b\"}}");
	ANSWER apply = call("PATCH", MAPS "/a", "Content-Type: application/apply-patch+yaml\r\n", "{}");
	ANSWER none = call("PATCH", MAPS "/a", "", "{}");

	assert_code(&merge, 200);
	ck_assert_ptr_null(path_find(merge.json, "metadata.labels.app"));
	assert_at(&merge, "metadata.labels.x", "y");
	assert_at(&json, "data.more", "2");
	assert_status(&test, 422, "Invalid", "");
	assert_at(&python, "data.key", "3");
	assert_at(&strategic, "data.key", "4");
	assert_status(&stale, 409, "Conflict", "has been modified");
	assert_status(&bad, 400, "BadRequest", "not JSON");
	assert_status(&renamed, 400, "BadRequest", "does not match");
	assert_status(&apply, 415, "UnsupportedMediaType", "without --server-side");
	assert_status(&none, 415, "UnsupportedMediaType", "merge-patch+json");
}
END_TEST

START_TEST(test_strategic_patch_is_for_core_kinds)
{
	create_vm("x");
	ANSWER answer = call("PATCH", VMS "/x", STRATEGIC, "{\"spec\":{\"runStrategy\":\"Always\"}}");

	assert_status(&answer, 415, "UnsupportedMediaType", "is not supported by kubevirt.io/v1");
}
END_TEST

START_TEST(test_status_is_a_part_of_its_own)
{
	create_vm("x");
	ANSWER main = call("PATCH", VMS "/x", MERGE, "{\"status\":{\"printableStatus\":\"Running\"}}");
	ANSWER status = call("PATCH", VMS "/x/status", MERGE, "{\"status\":{\"printableStatus\":\"Paused\"},"
	    "\"spec\":{\"runStrategy\":\"Always\"}}");
	ANSWER got = get(VMS "/x/status");

	assert_code(&main, 200);
	ck_assert_ptr_null(path_find(main.json, "status.printableStatus"));
	assert_code(&status, 200);
	assert_at(&got, "status.printableStatus", "Paused");
	assert_at(&got, "spec.runStrategy", "Halted");
}
END_TEST

START_TEST(test_dry_run_changes_nothing)
{
	ANSWER made = call("POST", MAPS "?dryRun=All", "", "{\"metadata\":{\"name\":\"a\"}}");
	ANSWER got = get(MAPS "/a");

	assert_code(&made, 201);
	assert_at(&made, "metadata.name", "a");
	assert_code(&got, 404);
	create_map("a", "", "1");
	ANSWER patched = call("PATCH", MAPS "/a?dryRun=All", MERGE, "{\"data\":{\"key\":\"2\"}}");
	ANSWER deleted = call("DELETE", MAPS "/a", "", "{\"dryRun\":[\"All\"]}");
	ANSWER still = get(MAPS "/a");
	assert_at(&patched, "data.key", "2");
	assert_code(&deleted, 200);
	assert_at(&still, "data.key", "1");
}
END_TEST

START_TEST(test_delete)
{
	create_map("a", "", "1");
	create("/api/v1/namespaces/default/configmaps",
	    "{\"metadata\":{\"name\":\"b\",\"finalizers\":[\"example.org/wait\"]}}");
	ANSWER wrong = call("DELETE", MAPS "/a", "", "{\"preconditions\":{\"uid\":\"no\"}}");
	ANSWER gone = call("DELETE", MAPS "/a", "", "{\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}");
	ANSWER again = call("DELETE", MAPS "/a", "", "");
	ANSWER waits = call("DELETE", MAPS "/b", "", "{}");

	assert_status(&wrong, 409, "Conflict", "");
	assert_code(&gone, 200);
	assert_at(&gone, "status", "Success");
	assert_at(&gone, "details.name", "a");
	assert_at(&gone, "details.kind", "configmaps");
	assert_status(&again, 404, "NotFound", "");
	assert_code(&waits, 200);
	assert_at(&waits, "kind", "ConfigMap");
	assert_at(&waits, "metadata.deletionTimestamp", "2026-01-02T03:04:05Z");
	assert_names(MAPS, "b");
}
END_TEST

START_TEST(test_delete_collection)
{
	create_map("a", "\"app\":\"web\"", "1");
	create_map("b", "\"app\":\"web\"", "1");
	create_map("c", "", "1");
	ANSWER answer = call("DELETE", MAPS "?labelSelector=app", "", "");

	assert_code(&answer, 200);
	assert_names(MAPS, "c");
}
END_TEST

START_TEST(test_warnings_are_headers)
{
	ANSWER answer = call("POST", VMS, "", "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"running\":false,"
	    "\"template\":{\"spec\":{" INSTANCE "}}}}");

	assert_code(&answer, 201);
	ck_assert_msg(strstr(answer.text, "Warning: 299 - \"spec.running: ") != NULL, "%s", answer.text);
}
END_TEST

START_TEST(test_a_write_that_cannot_be_stored_is_not_acknowledged)
{
	struct rlimit none = { 0, 0 };

	create_map("a", "", "1");
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	ANSWER refused = call("POST", MAPS, "", "{\"metadata\":{\"name\":\"b\"}}");
	ANSWER ready = get("/readyz");
	ANSWER health = get("/healthz");

	ck_assert_msg(refused.code == 503 || refused.code == 507, "%s", refused.text);
	assert_at(&refused, "kind", "Status");
	assert_names(MAPS, "a");
	assert_status(&ready, 503, "ServiceUnavailable", "");
	assert_code(&health, 200);
}
END_TEST

/* --- watches --------------------------------------------------------------------------------------------------------- */

static int
watch(const char *target, const char *headers)
{
	int fd = dial();

	ask(fd, "GET", target, headers, "");
	return fd;
}

/* What comes next in the stream, until a word. */
static char *
next(int fd, const char *until)
{
	GString *out = g_string_new(NULL);

	hear(fd, out, until);
	return g_string_free(out, FALSE);
}

static char *
version_now(const char *target)
{
	ANSWER answer = get(target);

	return g_strdup(path_string(answer.json, "metadata.resourceVersion"));
}

static void
expect(int fd, const char *type, const char *name)
{
	g_autofree char *until = g_strdup_printf("\"name\":\"%s\"", name), *text = next(fd, until);
	g_autofree char *event = g_strdup_printf("{\"type\":\"%s\",\"object\":{", type);

	ck_assert_msg(strstr(text, event) != NULL, "wanted %s of %s: %s", type, name, text);
}

START_TEST(test_watch_from_nothing)
{
	create_map("a", "", "1");
	int fd = watch(MAPS "?watch=true", "");
	expect(fd, "ADDED", "a");
	create_map("b", "", "1");
	expect(fd, "ADDED", "b");
	ANSWER patched = call("PATCH", MAPS "/a", MERGE, "{\"data\":{\"key\":\"2\"}}");
	expect(fd, "MODIFIED", "a");
	ANSWER deleted = call("DELETE", MAPS "/a", "", "");
	expect(fd, "DELETED", "a");
	create("/api/v1/namespaces/other/configmaps", "{\"metadata\":{\"name\":\"elsewhere\"}}");
	create_map("c", "", "1");
	g_autofree char *text = next(fd, "\"name\":\"c\"");
	ck_assert_ptr_null(strstr(text, "elsewhere"));
	close(fd);
	turn();
}
END_TEST

START_TEST(test_watch_since_a_version)
{
	create_map("a", "", "1");
	g_autofree char *version = version_now(MAPS);
	g_autofree char *target = g_strdup_printf(MAPS "?watch=1&resourceVersion=%s", version);
	create_map("b", "", "1");
	int fd = watch(target, "");
	g_autofree char *text = next(fd, "\"name\":\"b\"");
	ck_assert_ptr_null(strstr(text, "\"name\":\"a\""));
	create_map("c", "", "1");
	expect(fd, "ADDED", "c");
	close(fd);
}
END_TEST

START_TEST(test_watch_of_a_version_that_never_was)
{
	g_autofree char *text = next(watch(MAPS "?watch=True&resourceVersion=999999", ""), "\r\n0\r\n\r\n");
	ANSWER bad = get(MAPS "?watch=true&resourceVersion=abc");

	ck_assert_msg(strstr(text, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\"") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"reason\":\"Expired\""));
	ck_assert_ptr_nonnull(strstr(text, "\"code\":410"));
	assert_status(&bad, 400, "BadRequest", "resourceVersion");
}
END_TEST

START_TEST(test_watch_with_a_selector)
{
	create_map("a", "\"app\":\"web\"", "1");
	create_map("b", "", "1");
	int fd = watch(MAPS "?watch=true&labelSelector=app", "");
	expect(fd, "ADDED", "a");
	ANSWER in = call("PATCH", MAPS "/b", MERGE, "{\"metadata\":{\"labels\":{\"app\":\"x\"}}}");
	expect(fd, "ADDED", "b");
	ANSWER stays = call("PATCH", MAPS "/b", MERGE, "{\"data\":{\"key\":\"2\"}}");
	expect(fd, "MODIFIED", "b");
	ANSWER out = call("PATCH", MAPS "/b", MERGE, "{\"metadata\":{\"labels\":null}}");
	expect(fd, "DELETED", "b");
	close(fd);
}
END_TEST

START_TEST(test_watch_as_table)
{
	int fd = watch(VMS "?watch=true", TABLE);
	create_vm("x");
	g_autofree char *first = next(fd, "PartialObjectMetadata");
	ck_assert_ptr_nonnull(strstr(first, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Table\""));
	ck_assert_ptr_nonnull(strstr(first, "\"columnDefinitions\":[{\"name\":\"Name\""));
	create_vm("y");
	g_autofree char *second = next(fd, "\"name\":\"y\"");
	ck_assert_ptr_nonnull(strstr(second, "\"columnDefinitions\":null"));
	close(fd);
}
END_TEST

START_TEST(test_watch_ends_in_time)
{
	create_map("a", "", "1");
	g_autofree char *text =
	    next(watch(MAPS "?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true", ""), "\r\n0\r\n\r\n");
	const char *mark = strstr(text, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");

	ck_assert_msg(mark != NULL && strstr(mark, "k8s.io/initial-events-end") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(mark + 1, "\"BOOKMARK\""));
}
END_TEST

START_TEST(test_a_large_beginning_is_not_too_slow)
{
	g_autofree char *value = g_strnfill(100 << 10, 'v');
	GString *out = g_string_new(NULL);

	for (int i = 0; i < 30; i++) {
		g_autofree char *name = g_strdup_printf("m%d", i);
		create_map(name, "", value);
	}
	int fd = watch(MAPS "?watch=true", "");
	create_map("last", "", "1");
	hear(fd, out, "\"name\":\"last\"");
	ck_assert_uint_gt(out->len, 30 * 100 << 10);
	g_string_free(out, TRUE);
	close(fd);
}
END_TEST

START_TEST(test_the_daemon_stops_under_a_watch)
{
	int fd = watch(MAPS "?watch=true", "");
	int writer = dial();

	/* A request whose commit is still to come, too. */
	ask(writer, "GET", MAPS, "", "");
	rest_stop(&daemon_under_test);
	turn();
	start();
	close(fd);
	close(writer);
}
END_TEST

/* --- access ---------------------------------------------------------------------------------------------------------- */

/* A connection as somebody else: the kernel notes who we are at connect(). */
static int
dial_as(uid_t uid, gid_t gid, gid_t supplementary)
{
	int fd;

	ck_assert_int_eq(setgroups(1, &supplementary), 0);
	ck_assert_int_eq(setegid(gid), 0);
	ck_assert_int_eq(seteuid(uid), 0);
	fd = dial();
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
	return fd;
}

/* 0 when there is none. */
static gid_t
group_id(const char *name)
{
	const struct group *group = getgrnam(name);

	return group == NULL ? 0 : group->gr_gid;
}

#define CALL_AS(gid, method, target, headers, body) call_on(dial_as(4711, 4712, gid), method, target, headers, body)

START_TEST(test_access)
{
	gid_t viewer = group_id("games"), writer = group_id("staff");
	char *view[] = { (char *)"games", (char *)"no-such-group", NULL }, *admin[] = { (char *)"staff", NULL };

	if (geteuid() != 0 || viewer == 0 || writer == 0)
		return;
	access_lists = (struct config_access){ .view_groups = view, .admin_groups = admin };
	rest_reload(&daemon_under_test);
	create(SECRETS, "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":"
	    "\"c2VjcmV0\",\"note\":\"n\"}},\"data\":{\"password\":\"c2VjcmV0\"}}");
	ANSWER health = CALL_AS(4713, "GET", "/healthz", "", "");
	ANSWER version = CALL_AS(4713, "GET", "/version", "", "");
	ANSWER stranger = CALL_AS(4713, "GET", MAPS, "", "");
	ANSWER got = CALL_AS(viewer, "GET", SECRETS "/s", "", "");
	ANSWER list = CALL_AS(viewer, "GET", SECRETS, "", "");
	ANSWER table = CALL_AS(viewer, "GET", SECRETS "?includeObject=Object", TABLE, "");
	ANSWER guess = CALL_AS(viewer, "GET", SECRETS "?fieldSelector=data.password%3Dc2VjcmV0", "", "");
	ANSWER refused = CALL_AS(viewer, "DELETE", SECRETS "/s", "", "");
	ANSWER all = CALL_AS(writer, "GET", SECRETS "/s", "", "");
	ANSWER deleted = CALL_AS(writer, "DELETE", SECRETS "/s", "", "");

	assert_code(&health, 200);
	assert_code(&version, 200);
	assert_status(&stranger, 403, "Forbidden", "user 4711 may not do this: it needs membership in the group games or "
	    "no-such-group or staff");
	assert_code(&got, 200);
	assert_at(&got, "metadata.annotations.note", "n");
	assert_code(&list, 200);
	assert_code(&table, 200);
	ck_assert_ptr_null(strstr(got.text, "c2VjcmV0"));
	ck_assert_ptr_null(strstr(list.text, "c2VjcmV0"));
	ck_assert_ptr_null(strstr(table.text, "c2VjcmV0"));
	ck_assert_uint_eq(json_array_size(path_find(guess.json, "items")), 0);
	assert_status(&refused, 403, "Forbidden", "the group staff");
	assert_at(&all, "data.password", "c2VjcmV0");
	assert_code(&deleted, 200);
	access_lists = (struct config_access){ 0 };
}
END_TEST

START_TEST(test_a_viewers_watch_is_redacted)
{
	gid_t viewer = group_id("games");
	char *view[] = { (char *)"games", NULL };

	if (geteuid() != 0 || viewer == 0)
		return;
	access_lists = (struct config_access){ .view_groups = view };
	rest_reload(&daemon_under_test);
	int fd = dial_as(4711, 4712, viewer);
	ask(fd, "GET", SECRETS "?watch=true", "", "");
	create(SECRETS, "{\"metadata\":{\"name\":\"s\"},\"data\":{\"password\":\"c2VjcmV0\"}}");
	create(SECRETS, "{\"metadata\":{\"name\":\"t\"}}");
	g_autofree char *text = next(fd, "\"name\":\"t\"");
	ck_assert_ptr_null(strstr(text, "c2VjcmV0"));
	close(fd);
	access_lists = (struct config_access){ 0 };
}
END_TEST

/* --- subresources ---------------------------------------------------------------------------------------------------- */

START_TEST(test_verbs)
{
	create_vm("x");
	create_vmi("y");
	ANSWER started = call("PUT", SUB "/virtualmachines/x/start", "", "{\"paused\":true}");
	assert_code(&started, 202);
	ck_assert_str_eq(started.body, "");
	ck_assert_str_eq(verb_said, "x paused=1");
	ANSWER paused = call("PUT", SUB "/virtualmachineinstances/y/pause", "", "");
	assert_code(&paused, 200);
	ck_assert_str_eq(verb_said, "y paused=0");
	ANSWER slashes = call("PUT", SUB "/virtualmachines/x/evacuate/cancel", "Accept: */*\r\n", "{}");
	assert_code(&slashes, 202);
	ANSWER busy = call("PUT", SUB "/virtualmachines/x/stop", "", "{}");
	assert_status(&busy, 409, "Conflict",
	    "Operation cannot be fulfilled on virtualmachine.kubevirt.io \"x\": VM is not running");
	ANSWER missing = call("PUT", SUB "/virtualmachines/z/start", "", "");
	assert_status(&missing, 404, "NotFound", "virtualmachine.kubevirt.io \"z\" not found");
	ANSWER unknown = call("PUT", SUB "/virtualmachines/x/fly", "", "");
	assert_status(&unknown, 404, "NotFound", "fly");
	ANSWER method = get(SUB "/virtualmachines/x/start");
	assert_status(&method, 405, "MethodNotAllowed", "GET");
	ANSWER body = call("PUT", SUB "/virtualmachines/x/start", "", "{\"paused\":");
	assert_status(&body, 400, "BadRequest", "");
}
END_TEST

START_TEST(test_log)
{
	create_vmi("y");
	ANSWER log = get(SUB "/virtualmachineinstances/y/log?limit=4");
	ANSWER bad = get(SUB "/virtualmachineinstances/y/log?limit=-1");

	assert_code(&log, 200);
	ck_assert_str_eq(log.body, "boot");
	ck_assert_ptr_nonnull(strstr(log.text, "Content-Type: text/plain\r\n"));
	assert_status(&bad, 400, "BadRequest", "limit");
}
END_TEST

#define HANDSHAKE "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: plain.kubevirt.io\r\n"

static int
open_console(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	create_vmi("y");
	ask(fd, "GET", SUB "/virtualmachineinstances/y/console", HANDSHAKE, "");
	hear(fd, out, "\r\n\r\n");
	ck_assert_msg(g_str_has_prefix(out->str, "HTTP/1.1 101 "), "%s", out->str);
	ck_assert_ptr_nonnull(strstr(out->str, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	ck_assert_ptr_nonnull(strstr(out->str, "Sec-WebSocket-Protocol: plain.kubevirt.io\r\n"));
	return fd;
}

START_TEST(test_console)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) typed = g_string_new(NULL);
	int fd = open_console();

	ck_assert_int_eq(write(guest_fd, "login: ", 7), 7);
	hear(fd, out, "login: ");
	ck_assert_mem_eq(out->str, "\x82\x07login: ", 9);
	say(fd, "\x82\x85\0\0\0\0root\r", 11); /* a mask of zeros leaves the bytes as they are */
	hear(guest_fd, typed, "root\r");
	say(fd, "\x89\x82\0\0\0\0hi", 8);
	hear(fd, out, "\x8a\x02hi");
	say(fd, "\x88\x80\0\0\0\0", 6);
	hear(fd, out, NULL);
	ck_assert_mem_eq(out->str + out->len - 4, "\x88\x02\x03\xe8", 4);
	hear(guest_fd, typed, NULL);
	close(fd);
}
END_TEST

START_TEST(test_console_ends_with_the_guest)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = open_console();

	ck_assert_int_eq(write(guest_fd, "bye", 3), 3);
	close(guest_fd);
	guest_fd = -1;
	hear(fd, out, NULL);
	ck_assert_mem_eq(out->str, "\x82\x03" "bye\x88\x02\x03\xe8", 9);
	close(fd);
}
END_TEST

START_TEST(test_console_ends_with_the_client)
{
	g_autoptr(GString) typed = g_string_new(NULL);

	close(open_console());
	hear(guest_fd, typed, NULL);
}
END_TEST

START_TEST(test_console_moves_much_both_ways)
{
	g_autofree char *block = g_strnfill(1000, 'k');
	g_autoptr(GByteArray) frame = g_byte_array_new();
	size_t given = 0, taken = 0, typed = 0, asked = 0;
	int fd = open_console();
	char bytes[65536];
	ssize_t n;

	g_byte_array_append(frame, (const guint8 *)"\x82\xfe\x03\xe8\0\0\0\0", 8);
	g_byte_array_append(frame, (const guint8 *)block, 1000);
	/* Nobody reads at first: neither side may pile up without end. */
	for (int i = 0; i < 5000; i++) {
		if ((n = write(guest_fd, block, 1000)) > 0)
			given += (size_t)n;
		if (send(fd, frame->data, frame->len, MSG_NOSIGNAL) == (ssize_t)frame->len)
			asked += 1000;
		turn();
	}
	ck_assert_uint_lt(given, 3 << 20);
	ck_assert_uint_lt(asked, 3 << 20);
	for (int i = 0; i < 100000 && (taken < given || typed < asked); i++) {
		turn();
		while ((n = recv(guest_fd, bytes, sizeof(bytes), 0)) > 0)
			typed += (size_t)n;
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			for (ssize_t j = 0; j < n; j++)
				taken += bytes[j] == 'k';
	}
	ck_assert_uint_eq(taken, given);
	ck_assert_uint_ge(typed, asked);
	close(fd);
}
END_TEST

START_TEST(test_console_refusals)
{
	create_vmi("off");
	ANSWER off = call("GET", SUB "/virtualmachineinstances/off/console", HANDSHAKE, "");
	ANSWER plain = get(SUB "/virtualmachineinstances/off/console");
	ANSWER missing = call("GET", SUB "/virtualmachineinstances/z/console", HANDSHAKE, "");

	assert_status(&off, 400, "BadRequest", "VMI is not running");
	assert_status(&plain, 400, "BadRequest", "WebSocket");
	assert_status(&missing, 404, "NotFound", "not found");
}
END_TEST

START_TEST(test_the_daemon_stops_under_a_console)
{
	g_autoptr(GString) typed = g_string_new(NULL);
	int fd = open_console();

	rest_stop(&daemon_under_test);
	turn();
	hear(guest_fd, typed, NULL);
	start();
	close(fd);
}
END_TEST

/* --- discovery ------------------------------------------------------------------------------------------------------- */

START_TEST(test_discovery)
{
	ANSWER api = get("/api?timeout=32s");
	ANSWER apis = get("/apis?timeout=32s");
	ANSWER group = get("/apis/kubevirt.io/");
	ANSWER kubevirt = get("/apis/kubevirt.io/v1/");
	ANSWER core = get("/api/v1");
	ANSWER sub = get("/apis/subresources.kubevirt.io");
	ANSWER verbs_list = get("/apis/subresources.kubevirt.io/v1");
	ANSWER nothing = get("/apis/example.org/v1");

	assert_at(&api, "versions[0]", "v1");
	assert_at(&apis, "kind", "APIGroupList");
	ck_assert_ptr_nonnull(strstr(apis.body, "\"cdi.kubevirt.io/v1beta1\""));
	assert_at(&group, "preferredVersion.groupVersion", "kubevirt.io/v1");
	assert_at(&kubevirt, "kind", "APIResourceList");
	assert_at(&kubevirt, "groupVersion", "kubevirt.io/v1");
	assert_at(&kubevirt, "resources[0].name", "virtualmachines");
	assert_at(&kubevirt, "resources[0].singularName", "virtualmachine");
	assert_at(&kubevirt, "resources[0].shortNames[0]", "vm");
	ck_assert_ptr_nonnull(strstr(kubevirt.body, "\"virtualmachines/status\""));
	ck_assert_ptr_nonnull(strstr(core.body, "\"persistentvolumeclaims\""));
	assert_at(&sub, "name", "subresources.kubevirt.io");
	ck_assert_ptr_nonnull(strstr(verbs_list.body, "\"virtualmachines/start\""));
	ck_assert_ptr_nonnull(strstr(verbs_list.body, "\"virtualmachineinstances/console\""));
	assert_status(&nothing, 404, "NotFound", "could not find");
}
END_TEST

START_TEST(test_version_and_health)
{
	ANSWER version = get("/version");
	ANSWER kubevirt = get("/apis/subresources.kubevirt.io/v1/version");
	ANSWER openapi = get("/openapi/v2?timeout=32s");
	ANSWER health = get("/healthz");
	ANSWER ready = get("/readyz");

	ck_assert(g_str_has_prefix(path_string(version.json, "gitVersion"), "v1."));
	assert_at(&version, "solovirtVersion", PACKAGE_VERSION);
	ck_assert(g_str_has_prefix(path_string(kubevirt.json, "gitVersion"), "v1.9"));
	assert_code(&openapi, 200);
	ck_assert_str_eq(openapi.body, "");
	ck_assert_ptr_nonnull(strstr(openapi.text, "Content-Type: application/com.github.proto-openapi.spec.v2.v1.0+protobuf\r\n"));
	ck_assert_str_eq(health.body, "ok");
	ck_assert_str_eq(ready.body, "ok");
}
END_TEST

START_TEST(test_spool)
{
	ANSWER without = get("/solovirt/v1/spool");
	assert_status(&without, 503, "ServiceUnavailable", "spool");
	daemon_under_test.spool = (struct spool *)&confirmed;
	ANSWER status = get("/solovirt/v1/spool");
	ANSWER confirm = call("POST", "/solovirt/v1/spool/confirm", "", "");
	ANSWER sync = call("POST", "/solovirt/v1/spool/sync", "", "");
	ANSWER wrong = get("/solovirt/v1/spool/confirm");

	assert_at(&status, "spoolDirectory", "/spool");
	assert_code(&confirm, 202);
	ck_assert_uint_eq(confirmed, 1);
	assert_code(&sync, 202);
	assert_status(&wrong, 405, "MethodNotAllowed", "GET");
}
END_TEST

static void
add(Suite *suite, const char *name, const TTest *const *tests)
{
	TCase *group = tcase_create(name);

	tcase_add_checked_fixture(group, setup, teardown);
	tcase_set_timeout(group, 30);
	for (; *tests != NULL; tests++)
		tcase_add_test(group, *tests);
	suite_add_tcase(suite, group);
}

int
main(void)
{
	Suite *suite = suite_create("rest");
	TCase *refused = tcase_create("refused");

	add(suite, "objects", (const TTest *const[]){ test_create_and_get, test_create_from_yaml, test_invalid_has_causes,
	    test_exists_and_not_found, test_unknown_paths_and_methods, test_lists, test_tables, test_update,
	    test_custom_kinds_need_a_version_to_update, test_patches, test_strategic_patch_is_for_core_kinds,
	    test_status_is_a_part_of_its_own, test_dry_run_changes_nothing, test_delete, test_delete_collection,
	    test_warnings_are_headers, test_a_write_that_cannot_be_stored_is_not_acknowledged, NULL });
	tcase_add_checked_fixture(refused, setup, teardown);
	tcase_add_loop_test(refused, test_refused_bodies, 0, (int)G_N_ELEMENTS(refusals));
	suite_add_tcase(suite, refused);
	add(suite, "watches", (const TTest *const[]){ test_watch_from_nothing, test_watch_since_a_version,
	    test_watch_of_a_version_that_never_was, test_watch_with_a_selector, test_watch_as_table, test_watch_ends_in_time,
	    test_a_large_beginning_is_not_too_slow, test_the_daemon_stops_under_a_watch, NULL });
	add(suite, "access", (const TTest *const[]){ test_access, test_a_viewers_watch_is_redacted, NULL });
	add(suite, "subresources", (const TTest *const[]){ test_verbs, test_log, test_console, test_console_ends_with_the_guest,
	    test_console_ends_with_the_client, test_console_moves_much_both_ways, test_console_refusals,
	    test_the_daemon_stops_under_a_console, NULL });
	add(suite, "discovery", (const TTest *const[]){ test_discovery, test_version_and_health, test_spool, NULL });
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
