/* Looking at real directories: names, links, limits, what changed. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/spool_scan.h"

static char *directory;
static GHashTable *known;
static struct spool_scan *scan;

static void
setup(void)
{
	umask(022);
	directory = g_dir_make_tmp("spool-XXXXXX", NULL);
	known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	scan = NULL;
}

static void
remove_tree(const char *path)
{
	struct stat st;
	g_autoptr(GDir) dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? g_dir_open(path, 0, NULL) : NULL;
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
	spool_scan_free(scan);
	g_hash_table_destroy(known);
	remove_tree(directory);
	g_free(directory);
}

static char *
inside(const char *path)
{
	return g_build_filename(directory, path, NULL);
}

static void
make(const char *path, const char *text)
{
	g_autofree char *full = inside(path), *folder = g_path_get_dirname(full);

	g_mkdir_with_parents(folder, 0755);
	ck_assert(g_file_set_contents(full, text, -1, NULL));
	g_chmod(full, 0644);
}

static void
make_link(const char *target, const char *path)
{
	g_autofree char *full = inside(path);

	ck_assert_int_eq(symlink(target, full), 0);
}

/* "a.yaml=text b/c.json! d.yaml." : read, refused, same, ~ moving. */
static void
expect(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	spool_scan_free(scan);
	g_usleep((SPOOL_FRESH_MS + 10) * 1000); /* the file-system's clock cannot be warped */
	scan = spool_scan_new(directory, known, NULL, SPOOL_FRESH_MS);
	for (guint i = 0; i < scan->entries->len; i++) {
		const struct spool_entry *entry = scan->entries->pdata[i];
		g_string_append_printf(out, "%s%s%c", out->len == 0 ? "" : " ", entry->path, ".=~!"[entry->state]);
		if (entry->state == SPOOL_READ)
			g_string_append(out, entry->text);
	}
	ck_assert_str_eq(out->str, text);
}

static const struct spool_entry *
entry_of(const char *path)
{
	for (guint i = 0; i < scan->entries->len; i++) {
		const struct spool_entry *entry = scan->entries->pdata[i];
		if (strcmp(entry->path, path) == 0)
			return entry;
	}
	ck_abort_msg("%s was not seen", path);
}

static void
know_all(void)
{
	for (guint i = 0; i < scan->entries->len; i++) {
		const struct spool_entry *entry = scan->entries->pdata[i];
		g_hash_table_insert(known, g_strdup(entry->path), g_memdup2(&entry->stamp, sizeof(entry->stamp)));
	}
}

START_TEST(takes_the_right_names)
{
	static const char *const names[] = { "a.yaml", "b.yml", "c.json", "d.txt", ".e.yaml", "f.yaml~", "#g.yaml#", "#h.yaml",
		"i.yaml.swp", "j.YAML", ".git/k.yaml", "sub/l.yaml", "sub/.m.yaml", "..data/n.yaml" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		make(names[i], "x");
	expect("a.yaml=x b.yml=x c.json=x sub/l.yaml=x");
	ck_assert_uint_eq(scan->folders->len, 2);
	ck_assert_ptr_null(scan->incomplete);
}
END_TEST

START_TEST(reads_only_what_changed)
{
	make("a.yaml", "one");
	make("b.yaml", "two");
	expect("a.yaml=one b.yaml=two");
	know_all();
	expect("a.yaml. b.yaml.");
	make("b.yaml", "six"); /* the same size */
	expect("a.yaml. b.yaml=six");
	g_autofree char *from = inside("a.yaml"), *to = inside("c.yaml");
	ck_assert_int_eq(rename(from, to), 0);
	expect("b.yaml=six c.yaml=one");
}
END_TEST

START_TEST(follows_links_inside_only)
{
	make("..2026_01/web.yaml", "old");
	make("..2026_02/web.yaml", "new");
	make_link("..2026_01", "..data");
	make_link("..data/web.yaml", "web.yaml");
	make_link("/etc/hostname", "absolute.yaml");
	make_link("../../../../etc/hostname", "escape.yaml");
	make_link("nowhere", "dangling.yaml");
	make_link("loop.yaml", "loop.yaml");
	expect("absolute.yaml! dangling.yaml! escape.yaml! loop.yaml! web.yaml=old");
	ck_assert(strstr(entry_of("escape.yaml")->error, "leads out of the spool") != NULL);
	know_all();
	g_autofree char *temporary = inside("..tmp"), *data = inside("..data");
	make_link("..2026_02", "..tmp");
	ck_assert_int_eq(rename(temporary, data), 0); /* what a ConfigMap volume does */
	expect("absolute.yaml! dangling.yaml! escape.yaml! loop.yaml! web.yaml=new");
}
END_TEST

START_TEST(a_linked_folder_is_walked_once)
{
	make(".worktrees/1/a.yaml", "x");
	make_link(".worktrees/1", "current");
	make_link("..", ".worktrees/1/up");
	make_link("/etc", "outside");
	make_link(".", "self");
	expect("current/a.yaml=x");
	ck_assert_ptr_null(scan->incomplete);
}
END_TEST

START_TEST(refuses_what_is_no_file_or_too_large)
{
	g_autofree char *pipe = inside("pipe.yaml"), *large = inside("large.yaml"), *folder = inside("folder.yaml");

	ck_assert_int_eq(mkfifo(pipe, 0644), 0);
	make("large.yaml", "");
	ck_assert_int_eq(truncate(large, (1 << 20) + 1), 0);
	g_mkdir(folder, 0755);
	make("limit.yaml", "");
	g_autofree char *limit = inside("limit.yaml");
	ck_assert_int_eq(truncate(limit, 1 << 20), 0);
	expect("large.yaml! limit.yaml= pipe.yaml!");
	ck_assert_uint_eq(entry_of("limit.yaml")->length, 1 << 20);
}
END_TEST

START_TEST(refuses_what_strangers_may_write)
{
	make("a.yaml", "x");
	make("b.yaml", "x");
	g_autofree char *a = inside("a.yaml"), *b = inside("b.yaml");
	g_chmod(a, 0666);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(b, 12345, 0), 0);
	expect(geteuid() == 0 ? "a.yaml! b.yaml!" : "a.yaml! b.yaml=x");
}
END_TEST

START_TEST(tells_names_that_cannot_be_told)
{
	make("bad\nname.yaml", "x");
	make("bad\xff.yaml", "x");
	make("g\xc3\xbcltig.yaml", "x");
	expect("bad\\377.yaml! bad\\nname.yaml! g\xc3\xbcltig.yaml=x");
}
END_TEST

START_TEST(does_not_go_too_deep)
{
	make("1/2/3/4/5/6/7/8/a.yaml", "x");
	make("1/2/3/4/5/6/7/8/9/b.yaml", "x");
	expect("1/2/3/4/5/6/7/8/a.yaml=x");
	ck_assert(strstr(scan->incomplete, "too deep") != NULL);
}
END_TEST

START_TEST(knows_its_directory_again)
{
	expect("");
	ck_assert(!scan->missing && scan->marker == NULL && scan->inode != 0);
	uint64_t inode = scan->inode;
	spool_scan_mark(directory);
	spool_scan_mark(directory);
	expect("");
	ck_assert(scan->marker != NULL && scan->inode == inode);
	g_autofree char *aside = g_strconcat(directory, ".aside", NULL);
	ck_assert_int_eq(rename(directory, aside), 0);
	expect("");
	ck_assert(scan->missing && scan->incomplete != NULL);
	g_mkdir(directory, 0755);
	expect("");
	ck_assert(!scan->missing && scan->marker == NULL && scan->inode != inode);
	remove_tree(aside);
}
END_TEST

START_TEST(leaves_a_file_in_motion_alone)
{
	make("a.yaml", "one");
	scan = spool_scan_new(directory, known, NULL, SPOOL_FRESH_MS);
	ck_assert_int_eq(entry_of("a.yaml")->state, SPOOL_MOVING);
	ck_assert_ptr_null(entry_of("a.yaml")->text);
	expect("a.yaml=one");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("spool scan");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, takes_the_right_names);
	tcase_add_test(all, reads_only_what_changed);
	tcase_add_test(all, follows_links_inside_only);
	tcase_add_test(all, a_linked_folder_is_walked_once);
	tcase_add_test(all, refuses_what_is_no_file_or_too_large);
	tcase_add_test(all, refuses_what_strangers_may_write);
	tcase_add_test(all, tells_names_that_cannot_be_told);
	tcase_add_test(all, does_not_go_too_deep);
	tcase_add_test(all, knows_its_directory_again);
	tcase_add_test(all, leaves_a_file_in_motion_alone);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
