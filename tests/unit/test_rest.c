/* The API as clients use it: objects, discovery, access. */
#include "config.h"

#include "tests/unit/rest_fixture.h"

START_TEST(test_create_and_get)
{
	ANSWER made = call("POST", MAPS "?fieldManager=kubectl-create&fieldValidation=Strict",
	    "Content-Type: application/json\r\n",
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
	{ MAPS, "Content-Type: application/vnd.kubernetes.protobuf\r\n", "k8s", 415, "UnsupportedMediaType",
	    "application/json" },
	{ MAPS, "Content-Type: k8s/\x81\r\n", "k8s", 415, "UnsupportedMediaType", "application/json" },
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
	assert_status(
	    &stale, 409, "Conflict", "Operation cannot be fulfilled on configmaps \"a\": the object has been modified");
	assert_code(&blind, 200);
	assert_status(&other, 404, "NotFound", "configmaps \"b\" not found");
	assert_status(&wrong, 400, "BadRequest", "does not match the name in the path");
}
END_TEST

START_TEST(test_custom_kinds_need_a_version_to_update)
{
	create_vm("x");
	ANSWER blind = call("PUT", VMS "/x", "",
	    "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"runStrategy\":\"Always\",\"template\":{\"spec\":{" INSTANCE
	    "}}}}");

	assert_status(&blind, 422, "Invalid", "metadata.resourceVersion: must be specified for an update");
}
END_TEST

START_TEST(test_patches)
{
	create_map("a", "\"app\":\"web\"", "1");
	ANSWER merge = call("PATCH", MAPS "/a", MERGE, "{\"metadata\":{\"labels\":{\"app\":null,\"x\":\"y\"}}}");
	ANSWER json =
	    call("PATCH", MAPS "/a", JSON_PATCH, "[{\"op\":\"add\",\"path\":\"/data/more\",\"value\":\"2\"}]");
	ANSWER test =
	    call("PATCH", MAPS "/a", JSON_PATCH, "[{\"op\":\"test\",\"path\":\"/data/key\",\"value\":\"9\"}]");
	ANSWER python = call("PATCH", MAPS "/a", JSON_PATCH, "{\"data\":{\"key\":\"3\"}}");
	ANSWER strategic = call("PATCH", MAPS "/a", STRATEGIC, "{\"$setElementOrder/x\":[],\"data\":{\"key\":\"4\"}}");
	ANSWER stale =
	    call("PATCH", MAPS "/a", MERGE, "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"key\":\"5\"}}");
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

#define SETS "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancereplicasets"
#define SCALE SETS "/s/scale"

START_TEST(test_replica_sets_and_pools_are_scaled)
{
	create(SETS, "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"replicas\":0,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{" INSTANCE "}}}}");
	ANSWER got = get(SCALE);
	ANSWER patched = call("PATCH", SCALE, MERGE, "{\"spec\":{\"replicas\":2}}");
	ANSWER put = call("PUT", SCALE, "", "{\"kind\":\"Scale\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":{\"name\":\"s\"},\"spec\":{\"replicas\":3}}");
	ANSWER dry = call("PATCH", SCALE "?dryRun=All", MERGE, "{\"spec\":{\"replicas\":9}}");
	ANSWER stale = call("PUT", SCALE, "", "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"replicas\":4}}");
	ANSWER bad = call("PATCH", SCALE, MERGE, "{\"spec\":{\"replicas\":-1}}");
	ANSWER other = call("PUT", SCALE, "", "{\"kind\":\"ConfigMap\"}");
	ANSWER set = get(SETS "/s");
	ANSWER machine = get(VMS "/x/scale");

	assert_at(&got, "kind", "Scale");
	assert_at(&got, "apiVersion", "autoscaling/v1");
	ck_assert_int_eq(json_integer_value(path_find(got.json, "spec.replicas")), 0);
	assert_code(&patched, 200);
	ck_assert_int_eq(json_integer_value(path_find(patched.json, "spec.replicas")), 2);
	ck_assert_int_eq(json_integer_value(path_find(put.json, "spec.replicas")), 3);
	ck_assert_int_eq(json_integer_value(path_find(dry.json, "spec.replicas")), 9);
	assert_status(&stale, 409, "Conflict", "has been modified");
	assert_status(&bad, 422, "Invalid", "spec.replicas");
	assert_status(&other, 400, "BadRequest", "must be a Scale");
	ck_assert_int_eq(json_integer_value(path_find(set.json, "spec.replicas")), 3);
	assert_code(&machine, 404);
}
END_TEST

START_TEST(test_expansion)
{
	create("/apis/instancetype.kubevirt.io/v1beta1/namespaces/default/virtualmachineinstancetypes",
	    "{\"metadata\":{\"name\":\"small\"},\"spec\":{\"cpu\":{\"guest\":3},\"memory\":{\"guest\":\"64Mi\"}}}");
	create(VMS, "{\"metadata\":{\"name\":\"e\"},\"spec\":{\"runStrategy\":\"Halted\",\"instancetype\":{\"name\":\"small\","
	    "\"kind\":\"virtualmachineinstancetype\"},\"template\":{\"spec\":{\"domain\":{\"devices\":{}}}}}}");
	ANSWER known = get(SUB "/virtualmachines/e/expand-spec");
	ANSWER sent = call("PUT", SUB "/expand-vm-spec", "", "{\"metadata\":{\"name\":\"f\"},\"spec\":{\"runStrategy\":\"Halted\","
	    "\"instancetype\":{\"name\":\"small\",\"kind\":\"virtualmachineinstancetype\"},\"template\":{\"spec\":{\"domain\":{\"devices\":{}}}}}}");
	ANSWER missing = call("PUT", SUB "/expand-vm-spec", "", "{\"metadata\":{\"name\":\"f\"},\"spec\":{\"runStrategy\":\"Halted\","
	    "\"instancetype\":{\"name\":\"none\"},\"template\":{\"spec\":{\"domain\":{\"devices\":{}}}}}}");
	ANSWER bad = call("PUT", SUB "/expand-vm-spec", "", "{\"metadata\":{\"name\":\"f\"},\"spec\":{\"x\":1}}");

	assert_code(&known, 200);
	assert_at(&known, "spec.template.spec.domain.memory.guest", "64Mi");
	ck_assert_ptr_null(path_find(known.json, "spec.instancetype"));
	assert_code(&sent, 200);
	assert_at(&sent, "spec.template.spec.domain.memory.guest", "64Mi");
	ck_assert_int_eq(missing.code, 404);
	ck_assert_int_eq(bad.code, 422);
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
	ANSWER gone =
	    call("DELETE", MAPS "/a", "", "{\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}");
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

/* --- access --------------------------------------------------------------------------------------------------- */

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
	create(SECRETS,
	    "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":"
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
	assert_status(&stranger, 403, "Forbidden",
	    "user 4711 may not do this: it needs membership in the group games or "
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

/* --- discovery ------------------------------------------------------------------------------------------------ */

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
	ck_assert_ptr_nonnull(
	    strstr(openapi.text, "Content-Type: application/com.github.proto-openapi.spec.v2.v1.0+protobuf\r\n"));
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

int
main(void)
{
	Suite *suite = suite_create("rest");
	TCase *refused = tcase_create("refused");

	add_tests(suite, "objects",
	    (const TTest *const[]){ test_create_and_get, test_create_from_yaml, test_invalid_has_causes,
		test_exists_and_not_found, test_unknown_paths_and_methods, test_lists, test_tables, test_update,
		test_custom_kinds_need_a_version_to_update, test_patches, test_strategic_patch_is_for_core_kinds,
		test_status_is_a_part_of_its_own, test_replica_sets_and_pools_are_scaled, test_expansion,
		test_dry_run_changes_nothing, test_delete, test_delete_collection,
		test_warnings_are_headers, test_a_write_that_cannot_be_stored_is_not_acknowledged, NULL });
	add_tests(suite, "access", (const TTest *const[]){ test_access, test_a_viewers_watch_is_redacted, NULL });
	add_tests(
	    suite, "discovery", (const TTest *const[]){ test_discovery, test_version_and_health, test_spool, NULL });
	tcase_add_checked_fixture(refused, setup, teardown);
	tcase_add_loop_test(refused, test_refused_bodies, 0, (int)G_N_ELEMENTS(refusals));
	suite_add_tcase(suite, refused);
	return run_suite(suite);
}
