/* What the fuzz targets share; see fuzz.h. */
#include "config.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "tests/fuzz/fuzz.h"

static void
on_trap(int number)
{
	(void)number;
	abort();
}

/* GLib's fatal messages trap, which libFuzzer would not see; an abort it keeps as an input that crashes. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	signal(SIGTRAP, on_trap);
	log_open("fuzz", LOG_LEVEL_ERROR - 1);
	return 0;
}

void
fuzz_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

unsigned
bytes_take(struct bytes *bytes)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->at++;
}

unsigned
bytes_below(struct bytes *bytes, unsigned limit)
{
	return bytes_take(bytes) % limit;
}

char *
bytes_line(struct bytes *bytes)
{
	GString *line = g_string_new(NULL);

	while (bytes->left > 0) {
		unsigned byte = bytes_take(bytes);
		if (byte == '\n' || byte == '\0')
			break;
		g_string_append_c(line, (char)byte);
	}
	return g_string_free(line, FALSE);
}

GPtrArray *
fuzz_documents(const uint8_t *data, size_t size, struct diagnostics *diagnostics)
{
	GPtrArray *documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	/* A copy of exactly this size: what reads beyond it is seen. */
	g_autofree char *text = g_memdup2(data, size);
	struct diagnostics ours;

	diagnostics_init(&ours);
	document_read("fuzz", text == NULL ? "" : text, size, documents, diagnostics == NULL ? &ours : diagnostics);
	diagnostics_clear(&ours);
	return documents;
}

unsigned
fuzz_descriptors(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	unsigned count = 0;

	fuzz_check(dir != NULL);
	while (g_dir_read_name(dir) != NULL)
		count++;
	return count - 1;
}
