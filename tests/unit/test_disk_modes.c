/* Disks as the host's file systems allow; on whatever file system the temporary directory is. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/virt/disk_modes.h"

static char *directory;

static char *
make_file(const char *name, off_t size, bool allocated)
{
	char *path = g_build_filename(directory, name, NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	if (allocated)
		ck_assert_int_eq(posix_fallocate(fd, 0, size), 0);
	close(fd);
	return path;
}

/* Does the file system here know O_DIRECT?  Asked in another way than the code under test does. */
static bool
direct_here(const char *path)
{
	int fd = open(path, O_RDONLY), r;

	r = fcntl(fd, F_SETFL, O_DIRECT);
	close(fd);
	return r == 0;
}

/* A domain with one disk, completed; an attribute of what an XPath finds, "" when there is none. */
static char *
filled(const char *path, const char *driver, const char *more, bool here, const char *xpath, int wanted)
{
	g_autofree char *xml = g_strdup_printf(
	    "<domain><devices><disk><driver type='raw' %s/><source file='%s'/>%s</disk></devices></domain>", driver, path, more);
	xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), "domain.xml", NULL, 0);
	struct error err = { 0 };
	xmlXPathContextPtr context;
	xmlXPathObjectPtr found;
	xmlChar *text;
	char *copy;

	ck_assert_int_eq(disk_modes_fill(doc, here, &err), wanted);
	context = xmlXPathNewContext(doc);
	found = xmlXPathEval((const xmlChar *)xpath, context);
	text = xmlXPathCastToString(found);
	copy = g_strdup(wanted == 0 ? (const char *)text : err.text);
	xmlFree(text);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return copy;
}

START_TEST(cache_follows_the_file_system)
{
	g_autofree char *path = make_file("sparse", 1 << 20, false);
	g_autofree char *cache = filled(path, "", "", true, "concat(//driver/@cache, ' ', //driver/@io)", 0);

	ck_assert_str_eq(cache, direct_here(path) ? "none " : "writethrough ");
}
END_TEST

START_TEST(allocated_files_have_native_io)
{
	g_autofree char *path = make_file("full", 1 << 20, true);
	g_autofree char *io = filled(path, "", "", true, "//driver/@io", 0);
	g_autofree char *asked = filled(path, "io='threads'", "", true, "//driver/@io", 0);
	g_autofree char *cached = filled(path, "cache='writeback'", "", true, "concat(//driver/@cache, //driver/@io)", 0);

	ck_assert_str_eq(io, direct_here(path) ? "native" : "");
	ck_assert_str_eq(asked, "threads");
	ck_assert_str_eq(cached, "writeback");
}
END_TEST

/* /proc knows no O_DIRECT anywhere. */
START_TEST(file_systems_without_o_direct)
{
	g_autofree char *path = make_file("image", 1 << 20, false);
	g_autofree char *own = filled("/proc/version", "", "", true, "//driver/@cache", 0);
	g_autofree char *below = filled(path, "", "<backingStore><source file='/proc/version'/></backingStore>", true, "//driver/@cache", 0);
	g_autofree char *asked = filled("/proc/version", "cache='none'", "", true, "1", -1);

	ck_assert_str_eq(own, "writethrough");
	ck_assert_str_eq(below, "writethrough");
	ck_assert_str_eq(asked, "disk /proc/version cannot have the cache mode none: its file system does not know O_DIRECT");
}
END_TEST

START_TEST(what_is_not_here)
{
	g_autofree char *later = filled("/nonexistent/disk.img", "", "", true, "//driver/@cache", 0);
	g_autofree char *remote = filled("/proc/version", "", "", false, "//driver/@cache", 0);

	ck_assert_str_eq(later, "none");
	ck_assert_str_eq(remote, "");
}
END_TEST

START_TEST(sizes_of_the_file_system)
{
	g_autofree char *path = make_file("sized", 1 << 20, false), *wanted = NULL;
	g_autofree char *sizes = filled(path, "", "<blockio/>", true,
	    "concat(//blockio/@logical_block_size, ' ', //blockio/@physical_block_size, ' ', //blockio/@discard_granularity)", 0);
	g_autofree char *none = filled("/nonexistent/disk.img", "", "<blockio/>", true, "count(//blockio)", 0);
	g_autofree char *own = filled(path, "", "<blockio logical_block_size='512'/>", true, "//blockio/@logical_block_size", 0);
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	wanted = g_strdup_printf("%ld %ld %ld", (long)st.st_blksize, (long)st.st_blksize, (long)st.st_blksize);
	ck_assert_str_eq(sizes, wanted);
	ck_assert_str_eq(none, "0");
	ck_assert_str_eq(own, "512");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("disk_modes");
	TCase *tc = tcase_create("disk_modes");
	SRunner *runner = srunner_create(suite);
	static const char *const files[] = { "sparse", "full", "image", "sized" };
	int failed;

	directory = g_dir_make_tmp("disk-modes-XXXXXX", NULL);
	tcase_add_test(tc, cache_follows_the_file_system);
	tcase_add_test(tc, allocated_files_have_native_io);
	tcase_add_test(tc, file_systems_without_o_direct);
	tcase_add_test(tc, what_is_not_here);
	tcase_add_test(tc, sizes_of_the_file_system);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, files[i], NULL);
		g_unlink(path);
	}
	g_rmdir(directory);
	g_free(directory);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
