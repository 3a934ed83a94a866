/* Seed media, read back with isoinfo (genisoimage) where that is installed, and by hand where bytes count. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "storage/iso.h"
#include "storage/seed.h"

enum { LABEL_AT = 32808 /* where guests look for a label: sector 16, byte 40 */ };

static struct error err;

/* --- objects from JSON --------------------------------------------------------------------------------------------------- */

static void *
decode(const struct schema *schema, const char *text)
{
	struct diagnostics diagnostics;
	json_t *tree = json_loads(text, 0, NULL);
	void *object = g_malloc0(schema->size);

	ck_assert_ptr_nonnull(tree);
	diagnostics_init(&diagnostics);
	int rc = schema_decode(schema, tree, NULL, "", object, &diagnostics);
	g_autofree char *wrong = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_msg(rc == 0, "%s: %s", text, wrong);
	diagnostics_clear(&diagnostics);
	json_decref(tree);
	return object;
}

static const char vmi_text[] = "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\","
    "\"metadata\":{\"name\":\"demo.example\",\"namespace\":\"prod\",\"uid\":\"11111111-1111-1111-1111-111111111111\","
    "\"labels\":{\"tier\":\"web\",\"app\":\"shop\"},\"annotations\":{\"note\":\"a \\\"b\\\"\\n\"}},"
    "\"spec\":{\"domain\":{\"devices\":{},\"memory\":{\"guest\":\"1Gi\"},\"firmware\":{\"uuid\":\"5d307ca9-b3ef-428c-8861-06e72d69f223\"}}}}";
static const char secret_text[] = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\",\"namespace\":\"prod\"},"
    "\"data\":{\"userData\":\"I2Nsb3VkLWNvbmZpZw==\",\"networkdata\":\"dmVyc2lvbjogMg==\"}}";
static const char map_text[] = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\",\"namespace\":\"prod\"},"
    "\"data\":{\"app.conf\":\"listen = 8080\\n\"},\"binaryData\":{\"blob\":\"AAEC\"}}";

static void *vmi, *secret, *map;

static void
make_objects(void)
{
	vmi = decode(&vmi_schema, vmi_text);
	secret = decode(&secret_schema, secret_text);
	map = decode(&config_map_schema, map_text);
}

static void
free_objects(void)
{
	schema_free(&vmi_schema, vmi);
	schema_free(&secret_schema, secret);
	schema_free(&config_map_schema, map);
}

static const struct secret *
find_secret(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "s") == 0 ? secret : NULL;
}

static const struct config_map *
find_map(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "m") == 0 ? map : NULL;
}

static GByteArray *
build(const char *volume_text)
{
	const struct seed_lookup lookup = {find_secret, find_map, NULL};
	struct volume *volume = decode(&volume_schema, volume_text);

	ck_assert(seed_is_needed(volume));
	GByteArray *image = seed_build(vmi, volume, &lookup, &err);
	schema_free(&volume_schema, volume);
	return image;
}

/* --- reading back ---------------------------------------------------------------------------------------------------------- */

static char *
isoinfo(const GByteArray *image, const char *arguments)
{
	char path[] = "/tmp/solovirt-test-seed-XXXXXX", *output = NULL;
	int fd = g_mkstemp(path);
	g_autofree char *command = g_strdup_printf("isoinfo -i %s %s", path, arguments);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, image->data, image->len), (ssize_t)image->len);
	close(fd);
	ck_assert(g_spawn_command_line_sync(command, &output, NULL, NULL, NULL));
	g_unlink(path);
	return output;
}

static bool
has_isoinfo(void)
{
	g_autofree char *path = g_find_program_in_path("isoinfo");

	return path != NULL;
}

/* The content of a file by its Rock Ridge name. */
static void
expect_file(const GByteArray *image, const char *path, const char *content)
{
	if (!has_isoinfo())
		return;
	g_autofree char *arguments = g_strdup_printf("-R -x /%s", path), *found = isoinfo(image, arguments);
	ck_assert_str_eq(found, content);
}

static void
expect_listing(const GByteArray *image, const char *text, bool there)
{
	if (!has_isoinfo())
		return;
	g_autofree char *found = isoinfo(image, "-l -R");
	ck_assert_msg((strstr(found, text) != NULL) == there, "%s: %s", text, found);
}

static void
expect_label(const GByteArray *image, const char *label)
{
	g_autofree char *padded = g_strdup_printf("%-32s", label);

	ck_assert_uint_ge(image->len, LABEL_AT + 32);
	ck_assert_mem_eq(image->data + LABEL_AT, padded, 32);
}

/* --- cloud-init -------------------------------------------------------------------------------------------------------------- */

START_TEST(keys_are_in_the_metadata)
{
	free_objects();
	map = decode(&config_map_schema, map_text);
	vmi = decode(&vmi_schema, "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\","
	    "\"metadata\":{\"name\":\"a\",\"namespace\":\"prod\",\"uid\":\"u\"},\"spec\":{\"domain\":{\"devices\":{}},\"accessCredentials\":["
	    "{\"sshPublicKey\":{\"source\":{\"secret\":{\"secretName\":\"s\"}},\"propagationMethod\":{\"noCloud\":{}}}},"
	    "{\"sshPublicKey\":{\"source\":{\"secret\":{\"secretName\":\"s\"}},\"propagationMethod\":{\"configDrive\":{}}}}]}}");

	/* "# two\n ssh-rsa A me\n\nssh-rsa \"B\"\n" */
	secret = decode(&secret_schema, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\",\"namespace\":\"prod\"},"
	    "\"data\":{\"k\":\"IyB0d28KIHNzaC1yc2EgQSBtZQoKc3NoLXJzYSAiQiIK\"}}");
	g_autoptr(GByteArray) no_cloud = build("{\"name\":\"a\",\"cloudInitNoCloud\":{\"userData\":\"x\"}}");
	ck_assert_ptr_nonnull(no_cloud);
	expect_file(no_cloud, "meta-data", "instance-id: u\nlocal-hostname: a\npublic-keys:\n  - \"ssh-rsa A me\"\n  - \"ssh-rsa \\\"B\\\"\"\n");
	g_autoptr(GByteArray) drive = build("{\"name\":\"a\",\"cloudInitConfigDrive\":{\"userData\":\"x\"}}");
	ck_assert_ptr_nonnull(drive);
	expect_file(drive, "openstack/latest/meta_data.json", "{\"instance_id\":\"a.prod\",\"hostname\":\"a\",\"uuid\":\"u\","
	    "\"public_keys\":{\"0\":\"ssh-rsa A me\",\"1\":\"ssh-rsa \\\"B\\\"\"}}");
}
END_TEST

START_TEST(no_cloud)
{
	g_autoptr(GByteArray) image = build("{\"name\":\"ci\",\"cloudInitNoCloud\":{\"userData\":\"#!/bin/sh\\necho hi\\n\","
	    "\"networkDataBase64\":\"dmVyc2lvbjogMg==\"}}");

	ck_assert_msg(image != NULL, "%s", err.text);
	expect_label(image, "cidata");
	expect_file(image, "meta-data", "instance-id: 5d307ca9-b3ef-428c-8861-06e72d69f223\nlocal-hostname: demo\n");
	expect_file(image, "user-data", "#!/bin/sh\necho hi\n");
	expect_file(image, "network-config", "version: 2");
	expect_listing(image, "-r--------", true);
	expect_listing(image, "-rw-r--r--", true);
}
END_TEST

START_TEST(config_drive)
{
	g_autoptr(GByteArray) image = build("{\"name\":\"ci\",\"cloudInitConfigDrive\":{\"userDataBase64\":\"I2Nsb3VkLWNv\\nbmZpZw==\\n\","
	    "\"networkData\":\"{}\"}}");

	ck_assert_msg(image != NULL, "%s", err.text);
	expect_label(image, "config-2");
	expect_file(image, "openstack/latest/meta_data.json", "{\"instance_id\":\"demo.example.prod\",\"hostname\":\"demo\","
	    "\"uuid\":\"5d307ca9-b3ef-428c-8861-06e72d69f223\"}");
	expect_file(image, "openstack/latest/user_data", "#cloud-config");
	expect_file(image, "openstack/latest/network_data.json", "{}");
}
END_TEST

/* Both spellings of the keys; no network data, no file. */
START_TEST(from_secrets)
{
	g_autoptr(GByteArray) both = build("{\"name\":\"ci\",\"cloudInitNoCloud\":{\"secretRef\":{\"name\":\"s\"},"
	    "\"networkDataSecretRef\":{\"name\":\"s\"}}}");
	g_autoptr(GByteArray) one = build("{\"name\":\"ci\",\"cloudInitNoCloud\":{\"secretRef\":{\"name\":\"s\"}}}");
	g_autoptr(GByteArray) network = build("{\"name\":\"ci\",\"cloudInitNoCloud\":{\"networkData\":\"version: 1\"}}");

	ck_assert(both != NULL && one != NULL && network != NULL);
	expect_file(both, "user-data", "#cloud-config");
	expect_file(both, "network-config", "version: 2");
	expect_listing(one, "network-config", false);
	expect_file(network, "user-data", "");
	expect_listing(network, "user-data", true);
}
END_TEST

START_TEST(what_is_missing)
{
	static const struct { const char *volume; int code; const char *text; } rows[] = {
		{"{\"name\":\"ci\",\"cloudInitNoCloud\":{\"secretRef\":{\"name\":\"none\"}}}", ENOENT,
		    "the Secret \"none\" that the volume \"ci\" refers to does not exist"},
		{"{\"name\":\"c\",\"configMap\":{\"name\":\"none\"}}", ENOENT,
		    "the ConfigMap \"none\" that the volume \"c\" refers to does not exist"},
		{"{\"name\":\"c\",\"secret\":{\"secretName\":\"none\"}}", ENOENT,
		    "the Secret \"none\" that the volume \"c\" refers to does not exist"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_ptr_null(build(rows[i].volume));
		ck_assert_int_eq(err.code, rows[i].code);
		ck_assert_str_eq(err.text, rows[i].text);
	}
}
END_TEST

/* The row check of the kind may refuse it first; what was stored by an older version must be refused here. */
START_TEST(bad_base64)
{
	static const char *const rows[] = {"abc", "ab=c", "a===", "ab!d", "\303\244bc"};
	const struct seed_lookup lookup = {find_secret, find_map, NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct cloud_init source = {.user_data_base64 = (char *)(uintptr_t)rows[i]};
		struct volume volume = {.name = (char *)(uintptr_t)"ci", .cloud_init_no_cloud = &source};
		ck_assert_msg(seed_build(vmi, &volume, &lookup, &err) == NULL, "%s", rows[i]);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_str_eq(err.text, "userDataBase64 of the volume \"ci\" is not base64");
	}
}
END_TEST

START_TEST(a_secret_without_the_key)
{
	schema_map_set(&((struct secret *)secret)->data, "userData", NULL);
	ck_assert_ptr_null(build("{\"name\":\"ci\",\"cloudInitNoCloud\":{\"secretRef\":{\"name\":\"s\"}}}"));
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.text, "the Secret \"s\" that the volume \"ci\" refers to has neither a key \"userdata\" nor \"userData\"");
}
END_TEST

/* --- Secrets and ConfigMaps ---------------------------------------------------------------------------------------------------- */

START_TEST(files_of_keys)
{
	g_autoptr(GByteArray) of_secret = build("{\"name\":\"v\",\"secret\":{\"secretName\":\"s\",\"volumeLabel\":\"keys\"}}");
	g_autoptr(GByteArray) of_map = build("{\"name\":\"v\",\"configMap\":{\"name\":\"m\"}}");

	ck_assert(of_secret != NULL && of_map != NULL);
	expect_label(of_secret, "keys");
	expect_label(of_map, "cfgdata");
	expect_file(of_secret, "userData", "#cloud-config");
	expect_listing(of_secret, "-rw-r--r--", false);
	expect_file(of_map, "app.conf", "listen = 8080\n");
	expect_listing(of_map, "blob", true);
}
END_TEST

START_TEST(optional_ones)
{
	g_autoptr(GByteArray) of_secret = build("{\"name\":\"v\",\"secret\":{\"secretName\":\"none\",\"optional\":true}}");
	g_autoptr(GByteArray) of_map = build("{\"name\":\"v\",\"configMap\":{\"name\":\"none\",\"optional\":true}}");

	ck_assert(of_secret != NULL && of_map != NULL);
	expect_label(of_map, "cfgdata");
	expect_listing(of_map, "-r", false);
}
END_TEST

/* --- the instance's own metadata, answers for Windows Setup, service accounts ---------------------------------------------------- */

#define FIELD(file, field) "{\"path\":\"" file "\",\"fieldRef\":{\"fieldPath\":\"" field "\"}}"

START_TEST(metadata_as_files)
{
	g_autoptr(GByteArray) image = build("{\"name\":\"d\",\"downwardAPI\":{\"volumeLabel\":\"about\",\"fields\":["
	    FIELD("labels", "metadata.labels") "," FIELD("etc/notes", "metadata.annotations") "," FIELD("name", "metadata.name") ","
	    FIELD("tier", "metadata.labels['tier']") "," FIELD("none", "metadata.labels['none']") "," FIELD("uid", "metadata.uid")
	    ",{\"path\":\"nothing\"}]}}");

	ck_assert_msg(image != NULL, "%s", err.text);
	expect_label(image, "about");
	expect_file(image, "labels", "app=\"shop\"\ntier=\"web\"");
	expect_file(image, "etc/notes", "note=\"a \\\"b\\\"\\n\"");
	expect_file(image, "name", "demo.example");
	expect_file(image, "tier", "web");
	expect_file(image, "none", "");
	expect_file(image, "uid", "11111111-1111-1111-1111-111111111111");
	expect_listing(image, "nothing", false);
}
END_TEST

START_TEST(metadata_that_cannot_be_told)
{
	static const char *const rows[] = {FIELD("x", "spec.domain"), FIELD("x", "metadata.labels['a"), FIELD("x", "metadata.labelsx")};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup_printf("{\"name\":\"d\",\"downwardAPI\":{\"fields\":[%s]}}", rows[i]);
		ck_assert_ptr_null(build(text));
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, "the volume \"d\" cannot tell the field \"") != NULL, "%s", err.text);
	}
}
END_TEST

START_TEST(answers_for_windows_setup)
{
	static const char of_map[] = "{\"name\":\"w\",\"sysprep\":{\"configMap\":{\"name\":\"m\"}}}";
	static const char of_secret[] = "{\"name\":\"w\",\"sysprep\":{\"secret\":{\"name\":\"s\"}}}";

	ck_assert_ptr_null(build(of_map));
	ck_assert_str_eq(err.text, "\"m\", to which sysprep of the volume \"w\" refers, has neither a key autounattend.xml nor unattend.xml");
	schema_map_set(&((struct config_map *)map)->data, "AutoUnattend.XML", "<unattend/>");
	schema_map_set(&((struct secret *)secret)->data, "unattend.xml", "PHUvPg==");
	g_autoptr(GByteArray) first = build(of_map), second = build(of_secret);
	ck_assert(first != NULL && second != NULL);
	expect_label(first, "unattendCD");
	expect_file(first, "AutoUnattend.XML", "<unattend/>");
	expect_file(second, "unattend.xml", "<u/>");
}
END_TEST

START_TEST(a_service_account_has_nothing_to_tell)
{
	g_autoptr(GByteArray) image = build("{\"name\":\"t\",\"serviceAccount\":{\"serviceAccountName\":\"default\"}}");

	ck_assert_msg(image != NULL, "%s", err.text);
	expect_label(image, "cfgdata");
	expect_listing(image, "-r", false);
}
END_TEST

START_TEST(needed)
{
	struct empty_disk empty = {0};
	struct volume volume = {.empty_disk = &empty};

	ck_assert(!seed_is_needed(&volume));
}
END_TEST

/* --- the image format ------------------------------------------------------------------------------------------------------------ */

START_TEST(equal_input_gives_equal_bytes)
{
	static const char text[] = "{\"name\":\"ci\",\"cloudInitNoCloud\":{\"userData\":\"#cloud-config\"}}";
	g_autoptr(GByteArray) first = build(text), second = build(text);

	ck_assert_uint_eq(first->len, second->len);
	ck_assert_mem_eq(first->data, second->data, first->len);
}
END_TEST

/* Names that need a continuation, directories of several sectors, files of none and of many. */
START_TEST(large_images)
{
	char names[2][254];
	struct iso_file files[200];
	g_autofree char *big = g_malloc(300000);
	g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);

	memset(big, 'z', 300000);
	for (int i = 0; i < 2; i++) {
		memset(names[i], 'x', 253);
		names[i][252] = (char)('a' + i);
		names[i][253] = '\0';
		files[i] = (struct iso_file){names[i], 0400, names[i] + 250, 3};
	}
	files[2] = (struct iso_file){"empty", 0644, NULL, 0};
	files[3] = (struct iso_file){"big", 0644, big, 300000};
	for (unsigned i = 4; i < 200; i++) {
		g_ptr_array_add(made, g_strdup_printf("folder-%u/key-number-%u", i % 10, i));
		files[i] = (struct iso_file){made->pdata[i - 4], 0644, made->pdata[i - 4], strlen(made->pdata[i - 4])};
	}
	g_autoptr(GByteArray) image = iso_build("0123456789abcdef0123456789ABCDEF", files, 200, &err);
	ck_assert_msg(image != NULL, "%s", err.text);
	expect_label(image, "0123456789abcdef0123456789ABCDEF");
	expect_file(image, "folder-7/key-number-197", "folder-7/key-number-197");
	expect_file(image, names[0], "xxa");
	expect_file(image, names[1], "xxb");
	expect_file(image, "empty", "");
	if (has_isoinfo()) {
		g_autofree char *found = isoinfo(image, "-R -x /big"), *joliet = isoinfo(image, "-J -x /folder-9/key-number-9");
		ck_assert_uint_eq(strlen(found), 300000);
		ck_assert_str_eq(joliet, "folder-9/key-number-9");
	}
}
END_TEST

START_TEST(refused_images)
{
	static const struct { const char *label, *first, *second; const char *text; } rows[] = {
		{"", "a", "b", "cannot label"},
		{"0123456789abcdef0123456789ABCDEFx", "a", "b", "cannot label"},
		{"x", "a", "a", "given twice"},
		{"x", "a", "a/b", "given twice"},
		{"x", "a/b", "a", "given twice"},
		{"x", "a//b", "c", "cannot be the name"},
		{"x", "/a", "c", "cannot be the name"},
		{"x", "\xff", "c", "cannot be the name"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct iso_file files[] = {{rows[i].first, 0644, "1", 1}, {rows[i].second, 0644, "2", 1}};
		ck_assert_msg(iso_build(rows[i].label, files, 2, &err) == NULL, "%s %s", rows[i].first, rows[i].second);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s", err.text);
	}
	struct iso_file huge = {"huge", 0644, "", (size_t)1 << 40};
	ck_assert_ptr_null(iso_build("x", &huge, 1, &err));
	ck_assert_int_eq(err.code, EFBIG);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("seed");
	TCase *t = tcase_create("seed");

	tcase_add_checked_fixture(t, make_objects, free_objects);
	tcase_add_test(t, keys_are_in_the_metadata);
	tcase_add_test(t, no_cloud);
	tcase_add_test(t, config_drive);
	tcase_add_test(t, from_secrets);
	tcase_add_test(t, what_is_missing);
	tcase_add_test(t, bad_base64);
	tcase_add_test(t, a_secret_without_the_key);
	tcase_add_test(t, files_of_keys);
	tcase_add_test(t, optional_ones);
	tcase_add_test(t, metadata_as_files);
	tcase_add_test(t, metadata_that_cannot_be_told);
	tcase_add_test(t, answers_for_windows_setup);
	tcase_add_test(t, a_service_account_has_nothing_to_tell);
	tcase_add_test(t, needed);
	tcase_add_test(t, equal_input_gives_equal_bytes);
	tcase_add_test(t, large_images);
	tcase_add_test(t, refused_images);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
