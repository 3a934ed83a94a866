/*
 * What the fuzz targets share.  A target is one file with LLVMFuzzerTestOneInput(); it is linked with libFuzzer under
 * --enable-fuzzers, else with replay.c, which feeds it the inputs that were kept.
 */
#ifndef SOLOVIRT_TESTS_FUZZ_H
#define SOLOVIRT_TESTS_FUZZ_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diagnostics;

/* One input: returns 0; what is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* Changes an input; returns its new size, at most "most". */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

/* An invariant does not hold: says which and ends the process. */
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define fuzz_check(condition)                                                                                              \
	do {                                                                                                               \
		if (!(condition))                                                                                          \
			fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                            \
	} while (0)

/* An input as a row of decisions; behind its end everything is zero. */
struct bytes {
	const uint8_t *at;
	size_t left;
};
/* The next byte. */
unsigned bytes_take(struct bytes *bytes);
/* A number from 0 to limit - 1. */
unsigned bytes_below(struct bytes *bytes, unsigned limit);
/* Text up to the next newline or NUL, or the end; caller g_free()s. */
char *bytes_line(struct bytes *bytes);

/* The documents of an input (struct document *), those that can be read; free with g_ptr_array_unref().  diagnostics may
 * be NULL. */
GPtrArray *fuzz_documents(const uint8_t *data, size_t size, struct diagnostics *diagnostics);

/* Descriptors that this process has open. */
unsigned fuzz_descriptors(void);

#endif
