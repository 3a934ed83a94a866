/* Registries: names of images, what servers want before they answer, manifests that may be hostile. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/registry.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" SUM
#define UP_TO_16 "aaaaaaaaaaaaaaaa"
#define UP_TO_128 UP_TO_16 UP_TO_16 UP_TO_16 UP_TO_16 UP_TO_16 UP_TO_16 UP_TO_16 UP_TO_16

START_TEST(names)
{
	static const struct { const char *url, *authority, *name, *tag, *digest; } rows[] = {
		{"docker://quay.io/containerdisks/debian:12", "quay.io", "containerdisks/debian", "12", NULL},
		{"docker://quay.io/containerdisks/debian", "quay.io", "containerdisks/debian", "latest", NULL},
		{"docker://quay.io/containerdisks/debian@" DIGEST, "quay.io", "containerdisks/debian", NULL, DIGEST},
		{"docker://quay.io/containerdisks/debian:12@" DIGEST, "quay.io", "containerdisks/debian", "12", DIGEST},
		{"docker://127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", NULL},
		{"docker://registry:5000/a/b/c:V1.0_x-y", "registry:5000", "a/b/c", "V1.0_x-y", NULL},
		{"docker://[::1]:5000/a:b", "[::1]:5000", "a", "b", NULL},
		{"docker://localhost/a", "localhost", "a", "latest", NULL},
		{"docker://a.b/c__d/e.f-g--h_i", "a.b", "c__d/e.f-g--h_i", "latest", NULL},
		{"docker://debian", "registry-1.docker.io", "library/debian", "latest", NULL},
		{"docker://debian:12", "registry-1.docker.io", "library/debian", "12", NULL},
		{"docker://kubevirt/fedora", "registry-1.docker.io", "kubevirt/fedora", "latest", NULL},
		{"docker://docker.io/debian@" DIGEST, "registry-1.docker.io", "library/debian", NULL, DIGEST},
		{"docker://a.b/c:" UP_TO_128, "a.b", "c", UP_TO_128, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct registry_reference r;
		struct error err = {0};
		ck_assert_msg(registry_reference_parse(rows[i].url, &r, &err) == 0, "%s: %s", rows[i].url, err.text);
		ck_assert_str_eq(r.authority, rows[i].authority);
		ck_assert_str_eq(r.name, rows[i].name);
		ck_assert_pstr_eq(r.tag, rows[i].tag);
		ck_assert_pstr_eq(r.digest, rows[i].digest);
		ck_assert_ptr_nonnull(strstr(r.shown, rows[i].digest != NULL ? rows[i].digest : rows[i].tag));
		registry_reference_clear(&r);
	}
}
END_TEST

START_TEST(names_that_are_none)
{
	static const struct { const char *url, *text; } rows[] = {
		{"docker://", "is no name of an image"},
		{"docker:///a", "is no name of an image"},
		{"docker://a.b/", "is no name of an image"},
		{"docker://a.b/C", "is no name of an image"},
		{"docker://a.b/c/../d", "is no name of an image"},
		{"docker://a.b/c//d", "is no name of an image"},
		{"docker://a.b/c..d", "is no name of an image"},
		{"docker://a.b/c___d", "is no name of an image"},
		{"docker://a.b/c?d=e", "is no name of an image"},
		{"docker://a.b/c d", "is no name of an image"},
		{"docker://a.b\r\n/c", "is no name of an image"},
		{"docker://a.b/c:", "no valid tag"},
		{"docker://a.b/c:-d", "no valid tag"},
		{"docker://a.b/c:d/e", "is no name of an image"},
		{"docker://a.b/c:d e", "no valid tag"},
		{"docker://a.b/c:a" UP_TO_128, "no valid tag"},
		{"docker://a.b/c@sha256:0", "no digest, which is sha256: and 64"},
		{"docker://a.b/c@md5:" SUM, "no digest"},
		{"docker://a.b/c@" DIGEST "0", "no digest"},
		{"docker://user:hunter2@a.b/c", "no digest"},
		{"oci-archive:/tmp/a.tar", "/tmp/a.tar is a file of the host"},
		{"https://a.b/c", "does not begin with docker://"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct registry_reference r;
		struct error err = {0};
		ck_assert_msg(registry_reference_parse(rows[i].url, &r, &err) < 0, "%s", rows[i].url);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].url, err.text);
		ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
	}
}
END_TEST

START_TEST(loopback)
{
	static const char *const own[] = {"localhost", "LOCALHOST:5000", "127.0.0.1", "127.9.8.7:5000", "[::1]", "[::1]:5000"};
	static const char *const others[] = {"quay.io", "10.0.0.1:5000", "127.0.0.1.example.org", "localhost.example.org:5000", "[::2]", "128.0.0.1"};

	for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
		ck_assert_msg(registry_is_loopback(own[i]), "%s", own[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		ck_assert_msg(!registry_is_loopback(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(challenges)
{
	static const struct { const char *value; bool bearer; const char *realm, *service, *scope; } rows[] = {
		{"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"", true,
		 "https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull"},
		{"bearer REALM=https://a/t , service = x", true, "https://a/t", NULL, NULL},
		{"Bearer scope=\"a:b:pull,push\", realm=\"https://a/\\\"t\\\\\"", true, "https://a/\"t\\", NULL, "a:b:pull,push"},
		{"Basic realm=\"x\", Bearer realm=\"https://a/t\"", true, "https://a/t", NULL, NULL},
		{"Bearer realm=\"https://a/t\", Basic realm=\"x\"", true, "https://a/t", NULL, NULL},
		{"Digest realm=\"d\", nonce=\"n\", Basic realm=\"x\"", false, "x", NULL, NULL},
		{"Basic", false, NULL, NULL, NULL},
		{"Bearer service=\"no realm\", Basic", false, NULL, NULL, NULL},
		{"Bearer realm=\"https://a/t\", realm=\"https://b/t\"", true, "https://a/t", NULL, NULL},
		{"Bearer realm=\"never ends", true, "never ends", NULL, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct registry_challenge c = {0};
		ck_assert_msg(registry_challenge_parse(rows[i].value, &c), "%s", rows[i].value);
		ck_assert_msg(c.bearer == rows[i].bearer, "%s", rows[i].value);
		ck_assert_pstr_eq(c.realm, rows[i].realm);
		ck_assert_pstr_eq(c.service, rows[i].service);
		ck_assert_pstr_eq(c.scope, rows[i].scope);
		registry_challenge_clear(&c);
	}
}
END_TEST

START_TEST(challenges_that_cannot_be_met)
{
	static const char *const rows[] = {"", " , ", "Negotiate", "Digest realm=\"d\"", "Bearer", "Bearer service=\"x\"", "realm=\"https://a\"", "\"Basic\"", "=",
		"Bearer \xff"};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct registry_challenge c = {0};
		ck_assert_msg(!registry_challenge_parse(rows[i], &c), "%s", rows[i]);
	}
}
END_TEST

START_TEST(machines)
{
	json_t *index = json_loads("{\"manifests\": [{\"digest\": \"1\", \"platform\": {\"architecture\": \"arm64\"}}, {\"digest\": \"2\"}, 7,"
	    "{\"digest\": \"3\", \"platform\": {\"architecture\": \"amd64\"}}, {\"digest\": \"4\", \"platform\": {\"architecture\": \"amd64\"}}]}", 0, NULL);
	static const struct { const char *architecture, *digest; } rows[] = {{"arm64", "1"}, {"amd64", "3"}, {"s390x", "2"}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_str_eq(json_string_value(json_object_get(registry_choose(index, rows[i].architecture), "digest")), rows[i].digest);
	json_array_remove(json_object_get(index, "manifests"), 2);
	json_array_remove(json_object_get(index, "manifests"), 1);
	ck_assert_ptr_null(registry_choose(index, "s390x"));
	json_decref(index);
}
END_TEST

START_TEST(layers_of_a_manifest)
{
	json_t *manifest = json_loads("{\"layers\": [{\"digest\": \"" DIGEST "\", \"size\": 7}]}", 0, NULL);
	struct layer *layers = NULL;
	struct error err = {0};
	size_t count = 0;

	ck_assert_int_eq(registry_layers(manifest, &layers, &count, &err), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(layers[0].sha256, SUM);
	ck_assert_int_eq(layers[0].size, 7);
	g_free(layers);
	json_decref(manifest);
}
END_TEST

START_TEST(manifests_that_are_none)
{
	static const struct { const char *manifest, *text; } rows[] = {
		{"{}", "has 0 layers"},
		{"{\"layers\": {}}", "has 0 layers"},
		{"{\"fsLayers\": [{\"blobSum\": \"" DIGEST "\"}]}", "schema 1"},
		{"{\"layers\": [7]}", "layer number 1"},
		{"{\"layers\": [{\"digest\": \"" DIGEST "\", \"size\": 7}, {\"digest\": \"sha256:../../x\", \"size\": 7}]}", "layer number 2"},
		{"{\"layers\": [{\"digest\": \"" DIGEST "\"}]}", "no size"},
		{"{\"layers\": [{\"digest\": \"" DIGEST "\", \"size\": -1}]}", "no size"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		json_t *manifest = json_loads(rows[i].manifest, 0, NULL);
		struct layer *layers = NULL;
		struct error err = {0};
		size_t count = 0;
		ck_assert_msg(registry_layers(manifest, &layers, &count, &err) < 0, "%s", rows[i].manifest);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].manifest, err.text);
		json_decref(manifest);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry");

	tcase_add_test(t, names);
	tcase_add_test(t, names_that_are_none);
	tcase_add_test(t, loopback);
	tcase_add_test(t, challenges);
	tcase_add_test(t, challenges_that_cannot_be_met);
	tcase_add_test(t, machines);
	tcase_add_test(t, layers_of_a_manifest);
	tcase_add_test(t, manifests_that_are_none);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
