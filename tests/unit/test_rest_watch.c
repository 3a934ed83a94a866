/* Watches: from nothing, since a version, by selector, as tables, and their ends. */
#include "config.h"

#include "tests/unit/rest_fixture.h"

static int
watch(const char *target, const char *headers)
{
	int fd = dial();

	ask(fd, "GET", target, headers, "");
	return fd;
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
	    next(watch(MAPS "?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true", ""),
		"\r\n0\r\n\r\n");
	const char *mark =
	    strstr(text, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");

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
	restart();
	create_map("a", "", "1");
	close(fd);
	close(writer);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rest_watch");

	add_tests(suite, "watches",
	    (const TTest *const[]){ test_watch_from_nothing, test_watch_since_a_version,
		test_watch_of_a_version_that_never_was, test_watch_with_a_selector, test_watch_as_table,
		test_watch_ends_in_time, test_a_large_beginning_is_not_too_slow, test_the_daemon_stops_under_a_watch,
		NULL });
	return run_suite(suite);
}
