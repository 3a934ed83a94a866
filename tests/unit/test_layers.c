/* Container images: what a name means in a directory of OCI layouts, and one file out of layers that may be hostile. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/archive.h"
#include "storage/layers.h"
#include "storage/oci.h"
#include "storage/tar.h"

static struct error err;
static char *root;

static void
set_up(void)
{
	root = g_dir_make_tmp("solovirt-test-layers-XXXXXX", NULL);
	ck_assert_ptr_nonnull(root);
}

static void
tear_down(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", root);

	ck_assert_int_eq(system(command), 0);
	g_clear_pointer(&root, g_free);
}

/* --- archives, by hand --------------------------------------------------------------------------------------------------- */

static void
add_header(GByteArray *tar, const char *name, char type, size_t size)
{
	char block[512] = {0};
	unsigned sum = 0;

	g_strlcpy(block, name, 100);
	g_snprintf(block + 124, 12, "%011zo", size);
	memcpy(block + 257, "ustar\00000", 8);
	block[156] = type;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	g_snprintf(block + 148, 8, "%06o", sum);
	g_byte_array_append(tar, (const guint8 *)block, sizeof(block));
}

static void
add_body(GByteArray *tar, const char *body, size_t size)
{
	static const guint8 zeros[512];

	g_byte_array_append(tar, (const guint8 *)body, (guint)size);
	g_byte_array_append(tar, zeros, (512 - size % 512) % 512);
}

static void
add_entry(GByteArray *tar, const char *name, char type, const char *body)
{
	add_header(tar, name, type, strlen(body));
	add_body(tar, body, strlen(body));
}

/* An archive of "name=body" words; "name>" is a symbolic link, "name/" a directory. */
static GByteArray *
archive(const char *const *words)
{
	GByteArray *tar = g_byte_array_new();
	static const guint8 end[1024];

	for (; *words != NULL; words++) {
		g_auto(GStrv) parts = g_strsplit(*words, "=", 2);
		size_t length = strlen(parts[0]);
		char last = parts[0][length - 1], type = last == '>' ? '2' : last == '/' ? '5' : '0';
		if (type == '2')
			parts[0][length - 1] = '\0';
		add_entry(tar, parts[0], type, parts[1] == NULL ? "" : parts[1]);
	}
	g_byte_array_append(tar, end, sizeof(end));
	return tar;
}

/* --- reading an archive --------------------------------------------------------------------------------------------------- */

static int
note_entry(void *arg, const char *name, enum tar_kind kind, int64_t size, struct error *e)
{
	(void)e;
	g_string_append_printf(arg, "[%s%s %d]", tar_relative(name), kind == TAR_FILE ? "" : "!", (int)size);
	return kind == TAR_FILE;
}

static int
note_data(void *arg, const uint8_t *data, size_t length, struct error *e)
{
	(void)e;
	g_string_append_len(arg, (const char *)data, (gssize)length);
	return 0;
}

/* What is read of an archive that comes in pieces of a size; NULL when it is refused. */
static char *
read_archive(const GByteArray *tar, size_t size)
{
	GString *seen = g_string_new(NULL);
	struct tar *t = tar_new("the layer", note_entry, note_data, seen);
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < tar->len; at += size)
		rc = tar_feed(t, tar->data + at, MIN(size, tar->len - at), &err);
	if (rc == 0)
		rc = tar_end(t, &err);
	tar_free(t);
	return g_string_free(seen, rc != 0);
}

START_TEST(archives_in_pieces_of_any_size)
{
	static const char *const words[] = {"./disk/", "/disk/a.img=hello", "b>", "empty", NULL};
	static const size_t sizes[] = {1, 7, 511, 512, 513, 100000};
	g_autoptr(GByteArray) tar = archive(words);

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *seen = read_archive(tar, sizes[i]);
		ck_assert_str_eq(seen, "[disk/! 0][disk/a.img 5]hello[b! 0][empty 0]");
	}
}
END_TEST

START_TEST(long_names_and_pax_records)
{
	g_autoptr(GByteArray) tar = g_byte_array_new();

	add_entry(tar, "././@LongLink", 'L', "a/very/long/name");
	add_entry(tar, "short", '0', "x");
	add_entry(tar, "pax", 'x', "18 path=disk/name\n10 size=3\n");
	add_header(tar, "other", '0', 0);
	add_body(tar, "abc", 3);
	add_entry(tar, "pax", 'x', "22 GNU.sparse.major=1\n");
	add_entry(tar, "sparse", '0', "zz");
	add_entry(tar, "plain", '0', "p");
	g_autofree char *seen = read_archive(tar, 100);
	ck_assert_msg(seen != NULL, "%s", err.text);
	ck_assert_str_eq(seen, "[a/very/long/name 1]x[disk/name 3]abc[sparse! 2][plain 1]p");
}
END_TEST

START_TEST(damaged_archives)
{
	static const char *const words[] = {"disk/a.img=hello", NULL};
	g_autoptr(GByteArray) tar = archive(words), cut = archive(words), pax = g_byte_array_new(), text = g_byte_array_new(),
	    huge = g_byte_array_new();

	tar->data[0] ^= 1; /* the checksum of its header */
	g_byte_array_set_size(cut, 514);
	add_entry(pax, "pax", 'x', "99 path=disk/name\n");
	add_header(huge, "x", 'L', 1 << 20);
	for (int i = 0; i < 600; i++)
		g_byte_array_append(text, (const guint8 *)"<", 1);
	const GByteArray *const rows[] = {tar, cut, pax, text, huge};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *seen = read_archive(rows[i], 512);
		ck_assert_msg(seen == NULL, "%zu: %s", i, seen);
		ck_assert_int_eq(err.code, EINVAL);
	}
}
END_TEST

/* --- a file out of layers ------------------------------------------------------------------------------------------------- */

struct stack {
	struct layer layers[4];
	size_t count;
};

static void
push(struct stack *stack, const char *const *words)
{
	g_autoptr(GByteArray) tar = archive(words);
	g_autofree char *path = g_strdup_printf("%s/layer%zu", root, stack->count);

	ck_assert(g_file_set_contents(path, (const char *)tar->data, tar->len, NULL));
	stack->layers[stack->count++] = (struct layer){g_steal_pointer(&path),
	    g_compute_checksum_for_data(G_CHECKSUM_SHA256, tar->data, tar->len), -1};
}

static void
no_progress(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
}

/* The bytes of the file, or the error's text. */
static char *
take_file(struct stack *stack, const char *file, int64_t limit)
{
	GString *seen = g_string_new(NULL);
	int rc = layers_open(stack->layers, stack->count, &err);

	if (rc == 0)
		rc = layers_read(stack->layers, stack->count, file, limit, note_data, no_progress, seen, &err);
	layers_close(stack->layers, stack->count);
	if (rc != 0)
		g_string_assign(seen, err.text);
	return g_string_free(seen, FALSE);
}

static void
drop_stack(struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		g_free((char *)(uintptr_t)stack->layers[i].path);
		g_free((char *)(uintptr_t)stack->layers[i].sha256);
	}
}

START_TEST(a_file_of_the_topmost_layer_that_has_it)
{
	static const struct {
		const char *lower[4], *upper[4], *file, *seen;
	} rows[] = {
		{{"disk/a=low"}, {"etc/x=1"}, NULL, "low"},
		{{"disk/a=low"}, {"./disk/a=high"}, NULL, "high"},
		{{"disk/a=low"}, {"disk/.wh.a", "disk/b=high"}, NULL, "high"},
		{{"disk/a=low"}, {"disk/.wh..wh..opq", "disk/b=high"}, NULL, "high"},
		{{"disk/a=low"}, {".wh.disk"}, NULL, "the image has no file in /disk"},
		{{"disk/a=low"}, {"disk/b=high"}, NULL, "the image has both /disk/b and /disk/a: name one of them by path"},
		{{"disk/a=low"}, {"disk/b=high"}, "/disk/a", "low"},
		{{"boot/vmlinuz=kernel"}, {"disk/a=1"}, "/boot/vmlinuz", "kernel"},
		{{"disk/sub/a=low"}, {"../disk/a=1"}, NULL, "the image has no file in /disk"},
		{{"disk/a>"}, {"x=1"}, NULL, "/disk/a in the image is not a plain file"},
		{{"x=1"}, {"disk/a=1", "disk/a=2"}, NULL, "the image has the file /disk/a twice"},
		{{"x=1"}, {"y=1"}, "/z", "the image has no file /z"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct stack stack = {0};
		push(&stack, rows[i].lower);
		push(&stack, rows[i].upper);
		g_autofree char *seen = take_file(&stack, rows[i].file, 1 << 20);
		ck_assert_msg(strcmp(seen, rows[i].seen) == 0, "row %zu: %s", i, seen);
		drop_stack(&stack);
	}
}
END_TEST

START_TEST(layers_that_are_not_what_they_should_be)
{
	static const char *const words[] = {"disk/a=hello", NULL};
	struct stack stack = {0};

	push(&stack, words);
	g_autofree char *large = take_file(&stack, NULL, 1000);
	ck_assert_str_eq(large, "a layer of the image has more bytes than can be unpacked");
	g_free((char *)(uintptr_t)stack.layers[0].sha256);
	stack.layers[0].sha256 = g_strdup("00");
	g_autofree char *changed = take_file(&stack, NULL, 1 << 20);
	ck_assert_msg(strstr(changed, "is damaged: its bytes have sha256:") != NULL, "%s", changed);
	g_unlink(stack.layers[0].path);
	g_autofree char *gone = take_file(&stack, NULL, 1 << 20);
	ck_assert_msg(strstr(gone, "cannot open the layer ") != NULL, "%s", gone);
	drop_stack(&stack);
}
END_TEST

/* --- names and layouts ---------------------------------------------------------------------------------------------------- */

/* Writes a blob below a layout; returns its digits. */
static char *
put_blob(const char *layout, const char *text)
{
	char *digits = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	g_autofree char *folder = g_build_filename(root, layout, "blobs", "sha256", NULL);
	g_autofree char *path = g_build_filename(folder, digits, NULL);

	ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
	ck_assert(g_file_set_contents(path, text, -1, NULL));
	return digits;
}

/* A layout with a manifest of one layer under the tag "v1", and for two machines under "multi"; returns the manifest's digits. */
static char *
put_layout(const char *layout)
{
	g_autofree char *layer = put_blob(layout, "layer");
	g_autofree char *text = g_strdup_printf("{\"layers\":[{\"digest\":\"sha256:%s\"}]}", layer);
	char *manifest = put_blob(layout, text);
	g_autofree char *machines = g_strdup_printf("{\"manifests\":[{\"digest\":\"sha256:%s\",\"platform\":{\"architecture\":\"amd64\"}}]}", manifest);
	g_autofree char *index = put_blob(layout, machines);
	g_autofree char *top = g_strdup_printf("{\"manifests\":["
	    "{\"digest\":\"sha256:%s\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}},"
	    "{\"digest\":\"sha256:%s\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi\"}},"
	    "{\"digest\":\"sha256:../../../etc/passwd\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"evil\"}}]}", manifest, index);
	g_autofree char *path = g_build_filename(root, layout, "index.json", NULL);

	ck_assert(g_file_set_contents(path, top, -1, NULL));
	return manifest;
}

START_TEST(disks_in_archives)
{
	static const struct {
		const char *name, *text; /* text: of the disk, or of the refusal */
		const char *words[6];
		const char *others;
	} rows[] = {
		{ "plain", "disk", { "disk.img=disk" }, "" },
		{ "as tar -C . writes it", "disk", { "./", "./disk.img=disk" }, "" },
		{ "beside others", "disk", { "notes=a", "deep/", "deep/disk.img=no", "disk.img=disk", "z=b" }, "notes deep/disk.img z " },
		{ "no disk", "!no file disk.img", { "disk.raw=disk" }, NULL },
		{ "twice", "!twice", { "disk.img=a", "./disk.img=b" }, NULL },
		{ "empty", "!empty", { "disk.img" }, NULL },
		{ "too large", "!larger", { "disk.img=123456789" }, NULL },
		{ "a link as the disk", "!is a link", { "disk.img>=disk" }, NULL },
		{ "a link beside it", "!is a link", { "disk.img=disk", "etc>" }, NULL },
		{ "absolute", "!outside", { "/disk.img=disk" }, NULL },
		{ "above", "!outside", { "../disk.img=disk" }, NULL },
		{ "above, within", "!outside", { "disk.img=disk", "a/../../b=x" }, NULL },
		{ "above, at the end", "!outside", { "disk.img=disk", "a/.." }, NULL },
		{ "no directory", "disk", { "disk.img=disk", "..a=x" }, "..a " },
		{ "too much beside it", "!more bytes", { "disk.img=disk", "a=x", "b=x", "c=x", "d=x" }, NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GByteArray) tar = archive(rows[i].words);
		g_autoptr(GString) disk = g_string_new(NULL), others = g_string_new(NULL);
		struct archive *a = archive_new(8, 5632, note_data, disk);
		int64_t count;
		int rc = 0;

		for (size_t at = 0; rc == 0 && at < tar->len; at += 100)
			rc = archive_feed(a, tar->data + at, MIN(100, tar->len - at), &err);
		if (rc == 0)
			rc = archive_end(a, &err);
		for (guint n = 0; n < archive_others(a, &count)->len; n++)
			g_string_append_printf(others, "%s ", (const char *)archive_others(a, &count)->pdata[n]);
		ck_assert_msg((rc < 0) == (rows[i].text[0] == '!'), "%s: %s", rows[i].name, rc < 0 ? err.text : disk->str);
		if (rc < 0)
			ck_assert_msg(err.code == EINVAL && strstr(err.text, rows[i].text + 1) != NULL, "%s: %s", rows[i].name, err.text);
		else
			ck_assert_msg(strcmp(disk->str, rows[i].text) == 0 && strcmp(others->str, rows[i].others) == 0, "%s: %s, %s", rows[i].name, disk->str, others->str);
		archive_free(a);
	}
}
END_TEST

START_TEST(odd_kinds_in_archives)
{
	static const struct {
		char type;
		const char *why;
	} rows[] = { { '1', "is a link" }, { '3', "is a device" }, { '4', "is a device" }, { '6', "is a device" }, { 'S', "sparse" }, { 'Z', "no kind" } };

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GByteArray) tar = g_byte_array_new();
		g_autoptr(GString) disk = g_string_new(NULL);
		struct archive *a = archive_new(1 << 20, 1 << 20, note_data, disk);

		add_entry(tar, "disk.img", rows[i].type, "");
		ck_assert_int_eq(archive_feed(a, tar->data, tar->len, &err), -1);
		ck_assert_msg(strstr(err.text, rows[i].why) != NULL, "%s", err.text);
		archive_free(a);
	}
}
END_TEST

START_TEST(names_of_images)
{
	g_autofree char *manifest = put_layout("quay.io/disks/debian");
	g_autofree char *by_digest = g_strdup_printf("quay.io/disks/debian@sha256:%s", manifest);
	g_autofree char *by_both = g_strdup_printf("quay.io/disks/debian:v1@sha256:%s", manifest);
	const char *const names[] = {"quay.io/disks/debian:v1", "quay.io/disks/debian:multi", by_digest, by_both};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct oci_image image = {0};
		ck_assert_msg(oci_find(root, names[i], "amd64", &image, &err) == 0, "%s: %s", names[i], err.text);
		ck_assert_str_eq(image.digest, manifest);
		ck_assert_uint_eq(image.layers->len, 1);
		g_autofree char *path = oci_layer_path(&image, image.layers->pdata[0]);
		ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
		oci_image_clear(&image);
	}
}
END_TEST

START_TEST(images_that_cannot_be_found)
{
	g_autofree char *manifest = put_layout("disks/x");
	static const struct {
		const char *name, *architecture;
		int code;
		const char *text;
	} rows[] = {
		{"disks/x:v2", "amd64", ENOENT, "has no manifest of this name"},
		{"disks/x", "amd64", ENOENT, "has no manifest of this name"},
		{"disks/y:v1", "amd64", ENOENT, "has no OCI layout (index.json)"},
		{"disks/x:multi", "arm64", ENOENT, "is not for arm64"},
		{"disks/x:evil", "amd64", EINVAL, "without a sha256 digest"},
		{"../x:v1", "amd64", EINVAL, "is no name of an image"},
		{"disks/../x:v1", "amd64", EINVAL, "is no name of an image"},
		{"/etc", "amd64", EINVAL, "is no name of an image"},
		{"", "amd64", EINVAL, "is no name of an image"},
		{"disks/x@sha256:12", "amd64", EINVAL, "is no name of an image"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct oci_image image = {0};
		ck_assert_msg(oci_find(root, rows[i].name, rows[i].architecture, &image, &err) < 0, "%s", rows[i].name);
		ck_assert_msg(err.code == rows[i].code && strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].name, err.text);
	}
}
END_TEST

START_TEST(a_manifest_that_was_changed)
{
	g_autofree char *manifest = put_layout("disks/x");
	g_autofree char *path = g_build_filename(root, "disks/x/blobs/sha256", manifest, NULL);
	struct oci_image image = {0};

	ck_assert(g_file_set_contents(path, "{}", -1, NULL));
	ck_assert_int_lt(oci_find(root, "disks/x:v1", "amd64", &image, &err), 0);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_msg(strstr(err.text, "is damaged") != NULL, "%s", err.text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layers");
	TCase *t = tcase_create("layers");
	SRunner *runner = srunner_create(s);

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, archives_in_pieces_of_any_size);
	tcase_add_test(t, long_names_and_pax_records);
	tcase_add_test(t, damaged_archives);
	tcase_add_test(t, a_file_of_the_topmost_layer_that_has_it);
	tcase_add_test(t, layers_that_are_not_what_they_should_be);
	tcase_add_test(t, disks_in_archives);
	tcase_add_test(t, odd_kinds_in_archives);
	tcase_add_test(t, names_of_images);
	tcase_add_test(t, images_that_cannot_be_found);
	tcase_add_test(t, a_manifest_that_was_changed);
	suite_add_tcase(s, t);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
