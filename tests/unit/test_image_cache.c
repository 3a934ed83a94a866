/* What images are known by: the same for the same source, never for what another one may not be shown. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/image_cache.h"
#include "src/api/volume_source.h"

#define URL "https://example.org/a.qcow2"

static char header[] = "X-Token: 1", empty_url[] = URL;
static char *headers[] = { header, NULL };

START_TEST(images_in_registries_by_digest)
{
	static const char *const rows[][2] = {
		{ "docker://quay.io/disks/a:1", "docker://quay.io/disks/a@sha256:0" },
		{ "docker://quay.io/disks/a", "docker://quay.io/disks/a@sha256:0" },
		{ "docker://127.0.0.1:5000/a", "docker://127.0.0.1:5000/a@sha256:0" },
		{ "docker://127.0.0.1:5000/a:b", "docker://127.0.0.1:5000/a@sha256:0" },
		{ "docker://quay.io/a:1@sha256:9", "docker://quay.io/a@sha256:0" },
		{ "docker://a:1", "docker://a@sha256:0" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *pinned = source_registry_pinned(rows[i][0], "sha256:0");
		ck_assert_str_eq(pinned, rows[i][1]);
	}
}
END_TEST

START_TEST(private_sources)
{
	struct { struct source_http http; bool is_private; } rows[] = {
		{ { .url = empty_url }, false },
		{ { .url = (char *)"https://me:secret@example.org/a" }, true },
		{ { .url = (char *)"https://example.org/a@b" }, false },
		{ { .url = (char *)"https://example.org/a?X-Amz-Signature=1" }, true },
		{ { .url = empty_url, .secret_ref = (char *)"s" }, true },
		{ { .url = empty_url, .cert_config_map = (char *)"s" }, true },
		{ { .url = empty_url, .extra_headers = headers }, true },
		{ { .url = empty_url, .secret_extra_headers = headers }, true },
		{ { .url = empty_url, .checksum = (char *)"md5:0", .insecure_skip_verify = true }, false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct data_volume_source source = { .http = &rows[i].http };
		ck_assert_msg(source_is_private(&source) == rows[i].is_private, "%zu", i);
	}
}
END_TEST

static char *
name_of(struct source_http http, const char *digest, const char *class, const char *namespace)
{
	const struct data_volume_source source = { .http = &http };

	return image_cache_name(&source, digest, class, NULL, namespace);
}

/* Who names a checksum gets what he could have fetched himself, and nothing else. */
START_TEST(names_of_images)
{
	const struct source_http plain = { .url = empty_url };
	struct source_http secret = plain, insecure = plain, elsewhere = plain;
	secret.secret_ref = (char *)"s";
	insecure.insecure_skip_verify = true;
	elsewhere.url = (char *)"https://example.com/a.qcow2";
	g_autofree char *name = name_of(plain, "sha256:0", "local", "a"), *again = name_of(plain, "sha256:0", "local", "b");
	g_autofree char *digest = name_of(plain, "sha256:1", "local", "a"), *class = name_of(plain, "sha256:0", "other", "a");
	g_autofree char *mine = name_of(secret, "sha256:0", "local", "a"), *yours = name_of(secret, "sha256:0", "local", "b");
	g_autofree char *trusting = name_of(insecure, "sha256:0", "local", "a"), *other = name_of(elsewhere, "sha256:0", "local", "a");
	const char *const different[] = { name, digest, class, mine, yours, trusting, other };

	ck_assert_str_eq(name, again);
	for (size_t i = 0; i < G_N_ELEMENTS(different); i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(strcmp(different[i], different[k]) != 0, "%zu %zu", i, k);
}
END_TEST

START_TEST(tags_of_one_image)
{
	struct source_registry one = { .url = (char *)"docker://a/b:1" }, two = { .url = (char *)"docker://a/b@sha256:0" };
	const struct data_volume_source first = { .registry = &one }, second = { .registry = &two };
	g_autofree char *x = image_cache_name(&first, "sha256:0", "local", "node", "a"), *y = image_cache_name(&second, "sha256:0", "local", "node", "b");
	g_autofree char *there = image_cache_name(&first, "sha256:0", "local", "other", "a"), *shared = image_cache_name(&first, "sha256:0", "local", NULL, "a");

	ck_assert_str_eq(x, y);
	ck_assert_str_ne(x, there);
	ck_assert_str_ne(x, shared);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("image_cache");
	TCase *t = tcase_create("names");

	tcase_add_test(t, images_in_registries_by_digest);
	tcase_add_test(t, private_sources);
	tcase_add_test(t, names_of_images);
	tcase_add_test(t, tags_of_one_image);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
