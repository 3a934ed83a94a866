/*
 * Feeds a fuzz target the inputs that were kept, without libFuzzer: the files and folders of the command line, else
 * tests/fuzz/inputs/TARGET of the build and tests/fuzz/regressions/TARGET of the source.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static unsigned replayed;

static void
replay_file(const char *path)
{
	g_autofree char *text = NULL;
	gsize length;

	if (!g_file_get_contents(path, &text, &length, NULL))
		fuzz_fail("cannot read %s", path);
	/* The last one that is told is the one that ended the process. */
	puts(path);
	fflush(stdout);
	/* A copy of exactly this size: GLib ends its own with a NUL. */
	g_autofree uint8_t *data = g_memdup2(text, length);
	LLVMFuzzerTestOneInput(data == NULL ? (const uint8_t *)"" : data, length);
	replayed++;
}

static int
compare(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* A file, or the files of a folder in the order of their names; nothing when it is not there. */
static void
replay(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	if (dir == NULL && g_file_test(path, G_FILE_TEST_IS_REGULAR))
		replay_file(path);
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_build_filename(path, name, NULL));
	g_ptr_array_sort(names, compare);
	for (guint i = 0; i < names->len; i++)
		replay_file(names->pdata[i]);
}

static void
replay_kept(const char *program, const char *variable, const char *folder)
{
	const char *top = g_getenv(variable);
	g_autofree char *base = g_path_get_basename(program);
	const char *target = g_str_has_prefix(base, "fuzz_") ? base + strlen("fuzz_") : base;
	g_autofree char *path = g_build_filename(top != NULL ? top : ".", "tests", "fuzz", folder, target, NULL);

	replay(path);
}

int
main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc == 1) {
		replay_kept(argv[0], "SOLOVIRT_BUILD", "inputs");
		replay_kept(argv[0], "SOLOVIRT_SOURCE", "regressions");
	}
	printf("%u inputs\n", replayed);
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
