/* Image headers made by hand: what is told apart, what is let through, what is refused and how that reads. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/image.h"

#define GIB ((int64_t)1 << 30)

static struct error err;

static void
put(uint8_t *head, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		head[at + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* --- magic numbers --------------------------------------------------------------------------------------------------- */

START_TEST(compressions)
{
	static const struct { const char *bytes; size_t length; enum image_compression found; } rows[] = {
		{"\x1f\x8b\x08", 3, IMAGE_GZ}, {"\xfd" "7zXZ\0", 6, IMAGE_XZ}, {"\x28\xb5\x2f\xfd", 4, IMAGE_ZST},
		{"\xfd" "7zXZ", 5, IMAGE_PLAIN}, {"\x1f", 1, IMAGE_PLAIN}, {"", 0, IMAGE_PLAIN}, {"QFI\xfb", 4, IMAGE_PLAIN},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_int_eq(image_compression((const uint8_t *)rows[i].bytes, rows[i].length), rows[i].found);
}
END_TEST

static int
detect(const char *bytes, size_t length, size_t at, enum image_format *format)
{
	uint8_t head[IMAGE_MAGIC] = {0};

	memcpy(head + at, bytes, length);
	return image_detect(head, sizeof(head), format, &err);
}

START_TEST(formats)
{
	static const struct { const char *bytes; size_t length, at; enum image_format found; } rows[] = {
		{"QFI\xfb\0\0\0\3", 8, 0, IMAGE_QCOW2}, {"KDMV", 4, 0, IMAGE_VMDK}, {"\x7f\x10\xda\xbe", 4, 0x40, IMAGE_VDI},
		{"conectix", 8, 0, IMAGE_VHD}, {"vhdxfile", 8, 0, IMAGE_VHDX}, {"", 0, 0, IMAGE_RAW}, {"\x55\xaa", 2, 510, IMAGE_RAW},
	};
	enum image_format format;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_int_eq(detect(rows[i].bytes, rows[i].length, rows[i].at, &format), 0);
		ck_assert_int_eq(format, rows[i].found);
	}
}
END_TEST

START_TEST(refused_formats)
{
	static const struct { const char *bytes; size_t length, at; const char *text; } rows[] = {
		{"COWD", 4, 0, "a VMDK image of ESX; supported are raw (also ISO), qcow2, VMDK, VDI, VHD and VHDX, plain or as gz, xz or zst"},
		{"# Disk DescriptorFile\nversion=1", 31, 0, "VMDK descriptor"},
		{"LUKS\xba\xbe\0\1", 8, 0, "LUKS"},
		{"QED\0", 4, 0, "QED"},
		{"QFI\xfb\0\0\0\1", 8, 0, "version 1"},
		{"\x1f\x8b\x08\0", 4, 0, "compressed twice"},
		{"BZh9", 4, 0, "bzip2"},
		{"PK\3\4", 4, 0, "zip"},
		{"ustar", 5, 257, "tar"},
		{"\n <!DOCTYPE HTML>", 17, 0, "web page"},
		{"\xef\xbb\xbf<html>", 9, 0, "web page"},
	};
	enum image_format format;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_msg(detect(rows[i].bytes, rows[i].length, rows[i].at, &format) == -1, "%s", rows[i].text);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "\"%s\" is not in \"%s\"", rows[i].text, err.text);
	}
	ck_assert_int_eq(image_detect(NULL, 0, &format, &err), -1);
	ck_assert_str_eq(err.text, "the image is empty");
	ck_assert_int_eq(image_detect((const uint8_t *)"not found\n", 10, &format, &err), -1);
	ck_assert_str_eq(err.text, "the image has only 10 bytes: no disk is so small");
}
END_TEST

/* --- qcow2 ------------------------------------------------------------------------------------------------------------- */

enum { HEAD = 4096, FILE_SIZE = 1 << 20 };

/* A good header: version 3, 64 KiB clusters, 1 GiB, L1 table in cluster 3. */
static void
good_head(uint8_t head[HEAD])
{
	static const struct { size_t at; unsigned bytes; uint64_t value; } fields[] = {
		{0, 4, 0x514649fb}, {4, 4, 3}, {20, 4, 16}, {24, 8, (uint64_t)GIB}, {36, 4, 2}, {40, 8, 3 << 16}, {48, 8, 1 << 16},
		{56, 4, 1}, {96, 4, 4}, {100, 4, 112},
	};

	memset(head, 0, HEAD);
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		put(head, fields[i].at, fields[i].bytes, fields[i].value);
}

START_TEST(good_headers)
{
	static const struct { size_t at; unsigned bytes; uint64_t value; } changes[] = {
		{72, 8, 0},                 /* nothing */
		{72, 8, 1},                 /* dirty */
		{4, 4, 2},                  /* version 2 */
		{60, 4, 16},                /* snapshots */
		{80, 8, UINT64_MAX},        /* compatible features may be anything */
		{88, 8, UINT64_MAX},
		{36, 4, 1000},              /* an L1 table with room to grow */
		{24, 8, (uint64_t)GIB - 1},
	};
	uint8_t head[HEAD];
	struct image_qcow2 image;

	for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
		good_head(head);
		put(head, changes[i].at, changes[i].bytes, changes[i].value);
		ck_assert_msg(image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err) == 0, "%zu: %s", i, err.text);
		ck_assert_int_eq(image.l1_offset, 3 << 16);
		ck_assert_uint_eq(image.cluster_bits, 16);
	}
}
END_TEST

START_TEST(compression_and_subclusters)
{
	uint8_t head[HEAD];
	struct image_qcow2 image;

	good_head(head);
	put(head, 72, 8, 1 << 3 | 1 << 4);
	put(head, 36, 4, 4);
	head[104] = 1;
	ck_assert_msg(image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err) == 0, "%s", err.text);
	ck_assert_int_eq(image.compression, IMAGE_ZSTD);
	ck_assert(image.extended);
}
END_TEST

START_TEST(hostile_headers)
{
	static const struct { size_t at; unsigned bytes; uint64_t value; const char *text; } rows[] = {
		{4, 4, 4, "version 4; 2 and 3"},
		{4, 4, 0, "version 0"},
		{8, 8, 512, "backing file"},
		{16, 4, 9, "backing file"},
		{20, 4, 8, "clusters of 2^8"},
		{20, 4, 22, "clusters of 2^22"},
		{20, 4, UINT32_MAX, "clusters of 2^4294967295"},
		{24, 8, 0, "virtual size of 0"},
		{24, 8, (uint64_t)GIB + 512, "virtual image size 1073742336 (1GiB) is larger than the reported available storage 1073741824 "
		    "(1GiB). A larger PVC is required"},
		{24, 8, (uint64_t)1 << 50, "(1PiB)"},
		{24, 8, UINT64_MAX - 511, "cannot be"},
		{24, 8, (uint64_t)1 << 63, "cannot be"},
		{32, 4, 1, "encrypted"},
		{32, 4, 2, "encrypted"},
		{36, 4, 1, "L1 table of 1 entries; its size needs 2"},
		{36, 4, 0, "L1 table of 0"},
		{36, 4, (32 << 20) / 8 + 1, "L1 table"},
		{40, 8, 0, "no L1 table"},
		{40, 8, (3 << 16) + 8, "L1 table at"},
		{40, 8, (uint64_t)1 << 60, "truncated: its L1 table"},
		{40, 8, UINT64_MAX << 16, "L1 table at"},
		{48, 8, 1, "refcount table at"},
		{48, 8, (uint64_t)1 << 40, "truncated: its refcount table"},
		{60, 4, 17, "17 snapshots"},
		{60, 4, UINT32_MAX, "4294967295 snapshots"},
		{72, 8, 2, "corrupt"},
		{72, 8, 4, "external data file"},
		{72, 8, 8, "compression"},
		{72, 8, 32, "not known here (bits 0x20)"},
		{72, 8, (uint64_t)1 << 63, "not known here"},
		{100, 4, 72, "header has 72 bytes"},
		{100, 4, UINT32_MAX, "header has"},
		{100, 4, 108, "header has 108"},
		{104, 1, 1, "compression of kind 1"},
		{104, 1, 9, "compression of kind 9"},
		{112, 8, (uint64_t)0x44415441 << 32 | 8, "external data file"},
		{112, 8, (uint64_t)0x0537be77 << 32 | 16, "encrypted"},
		{112, 8, (uint64_t)0x6803f857 << 32 | 0xffffffff, "too long"},
	};
	uint8_t head[HEAD];
	struct image_qcow2 image;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		good_head(head);
		put(head, rows[i].at, rows[i].bytes, rows[i].value);
		ck_assert_msg(image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err) == -1, "%s", rows[i].text);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "\"%s\" is not in \"%s\"", rows[i].text, err.text);
	}
}
END_TEST

/* The header can end anywhere. */
START_TEST(short_headers)
{
	struct image_qcow2 image;

	for (size_t length = 8; length < 112; length++) {
		uint8_t *head = g_malloc(HEAD);
		good_head(head);
		uint8_t *exact = g_memdup2(head, length); /* so that a sanitizer sees what is read behind it */
		ck_assert_int_eq(image_check_qcow2(exact, length, (int64_t)length, GIB, &image, &err), -1);
		g_free(exact);
		g_free(head);
	}
}
END_TEST

/* A second extension hides behind a harmless one. */
START_TEST(extensions)
{
	uint8_t head[HEAD];
	struct image_qcow2 image;

	good_head(head);
	put(head, 112, 4, 0x6803f857); /* feature names */
	put(head, 116, 4, 5);
	ck_assert_int_eq(image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err), 0);
	put(head, 128, 4, 0x44415441);
	ck_assert_int_eq(image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "external data file"));
}
END_TEST

/* Any damage to a header ends in a decision. */
START_TEST(noise)
{
	GRand *random = g_rand_new_with_seed((guint32)_i);
	uint8_t head[HEAD];
	struct image_qcow2 image;

	for (int i = 0; i < 20000; i++) {
		good_head(head);
		for (int k = g_rand_int_range(random, 1, 6); k > 0; k--)
			head[g_rand_int_range(random, 4, 160)] = (uint8_t)g_rand_int(random);
		if (image_check_qcow2(head, HEAD, FILE_SIZE, GIB, &image, &err) < 0)
			continue;
		if (image.virtual_size <= 0 || image.virtual_size > GIB || image.l1_offset <= 0 ||
		    image.l1_offset + 8 * (int64_t)image.l1_size > FILE_SIZE)
			ck_abort_msg("let through: size %lld", (long long)image.virtual_size);
	}
	g_rand_free(random);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("image");
	TCase *t = tcase_create("image");

	tcase_add_test(t, compressions);
	tcase_add_test(t, formats);
	tcase_add_test(t, refused_formats);
	tcase_add_test(t, good_headers);
	tcase_add_test(t, compression_and_subclusters);
	tcase_add_test(t, hostile_headers);
	tcase_add_test(t, short_headers);
	tcase_add_test(t, extensions);
	tcase_add_loop_test(t, noise, 0, 4);
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
