/* Options and words of a command line; see arguments.h. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/cli/arguments.h"
#include "src/document/diagnostic.h"

enum { OPTION_BASE = 1000 /* getopt's value of a row: this plus its place, so that no letter is met */ };

static GArray *long_options(const struct arguments *arguments, GPtrArray *rows);
static GString *short_options(const GPtrArray *rows, bool stop_at_word);
static int take(struct arguments *arguments, const struct option_row *row, const char *value, struct error *err);
static int refuse(const GPtrArray *rows, int why, char **argv, struct error *err);

void
arguments_init(struct arguments *arguments, const struct option_row *global)
{
	*arguments = (struct arguments){
		.tables = { global, NULL },
		.values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref),
		.words = g_ptr_array_new(),
	};
}

void
arguments_clear(struct arguments *arguments)
{
	g_hash_table_unref(arguments->values);
	g_ptr_array_unref(arguments->words);
	*arguments = (struct arguments){ 0 };
}

int
arguments_parse(struct arguments *arguments, int argc, char **argv, bool stop_at_word, struct error *err)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new();
	g_autoptr(GArray) longs = long_options(arguments, rows);
	GString *shorts = short_options(rows, stop_at_word);
	int c, result = 0;

	opterr = 0;
	optind = 0; /* glibc: start anew */
	while (result == 0 &&
	       (c = getopt_long(argc, argv, shorts->str, (const struct option *)(void *)longs->data, NULL)) != -1) {
		const struct option_row *row = NULL;

		if (c == '?' || c == ':') {
			result = refuse(rows, c, argv, err);
			break;
		}
		for (guint i = 0; i < rows->len && row == NULL; i++) {
			const struct option_row *candidate = rows->pdata[i];

			if (c == OPTION_BASE + (int)i || (candidate->letter != 0 && c == candidate->letter))
				row = candidate;
		}
		assert(row != NULL);
		/* "-o=yaml" is what kubectl takes for "-o yaml" */
		if (c < OPTION_BASE && optarg != NULL && *optarg == '=')
			optarg++;
		result = take(arguments, row, optarg, err);
	}
	g_string_free(shorts, TRUE);
	if (result != 0)
		return -1;
	for (int i = optind; !stop_at_word && i < argc; i++)
		g_ptr_array_add(arguments->words, argv[i]);
	return optind;
}

const struct option_row *
arguments_row(const struct arguments *arguments, const char *name, char letter)
{
	for (size_t i = 0; i < G_N_ELEMENTS(arguments->tables); i++)
		for (const struct option_row *row = arguments->tables[i]; row != NULL && row->name != NULL; row++)
			if (name != NULL ? strcmp(row->name, name) == 0 : row->letter == letter)
				return row;
	return NULL;
}

bool
arguments_flag(const struct arguments *arguments, const char *name, bool otherwise)
{
	const char *value = arguments_value(arguments, name);

	return value != NULL ? strcmp(value, "true") == 0 : otherwise;
}

const char *
arguments_value(const struct arguments *arguments, const char *name)
{
	const GPtrArray *values = arguments_values(arguments, name);

	return values != NULL ? values->pdata[values->len - 1] : NULL;
}

const GPtrArray *
arguments_values(const struct arguments *arguments, const char *name)
{
	assert(arguments_row(arguments, name, 0) != NULL);
	return g_hash_table_lookup(arguments->values, name);
}

int
arguments_duration(
    const struct arguments *arguments, const char *name, int64_t otherwise, int64_t *ms, struct error *err)
{
	const char *value = arguments_value(arguments, name);
	int64_t given = otherwise;

	if (value != NULL && duration_parse(value, &given, err) < 0)
		return error_wrap(err, "--%s: ", name);
	*ms = given;
	return 0;
}

int
arguments_number(const struct arguments *arguments, const char *name, int64_t otherwise, int64_t least, int64_t *number,
    struct error *err)
{
	const char *value = arguments_value(arguments, name);
	int64_t given = otherwise;
	char *end;

	if (value != NULL) {
		errno = 0;
		given = strtoll(value, &end, 10);
		if (errno != 0 || end == value || *end != '\0' || given < least)
			return error_set(err, EINVAL, "--%s: \"%s\" is not a whole number from %" G_GINT64_FORMAT " on",
			    name, value, least);
	}
	*number = given;
	return 0;
}

/* --- getopt's tables ---------------------------------------------------------------------------------------------- */

static GArray *
long_options(const struct arguments *arguments, GPtrArray *rows)
{
	GArray *longs = g_array_new(TRUE, TRUE, sizeof(struct option));

	for (size_t i = 0; i < G_N_ELEMENTS(arguments->tables); i++)
		for (const struct option_row *row = arguments->tables[i]; row != NULL && row->name != NULL; row++) {
			struct option option = { .name = row->name, .val = OPTION_BASE + (int)rows->len };

			option.has_arg = row->argument != NULL && row->bare == NULL ? required_argument
										    : optional_argument;
			g_array_append_val(longs, option);
			g_ptr_array_add(rows, (gpointer)(uintptr_t)row);
		}
	return longs;
}

static GString *
short_options(const GPtrArray *rows, bool stop_at_word)
{
	/* ':' first: a missing value is told from an unknown option */
	GString *shorts = g_string_new(stop_at_word ? "+:" : ":");

	for (guint i = 0; i < rows->len; i++) {
		const struct option_row *row = rows->pdata[i];

		if (row->letter == 0)
			continue;
		g_string_append_c(shorts, row->letter);
		if (row->argument != NULL && row->bare == NULL)
			g_string_append_c(shorts, ':');
	}
	return shorts;
}

static int
take(struct arguments *arguments, const struct option_row *row, const char *value, struct error *err)
{
	static const char *const yes_no[] = { "true", "false", NULL };
	const char *const *words = row->argument == NULL ? yes_no : row->words;
	GPtrArray *values = g_hash_table_lookup(arguments->values, row->name);

	if (value == NULL)
		value = row->argument == NULL ? "true" : row->bare;
	if (words != NULL && !g_strv_contains(words, value)) {
		g_autofree char *list = g_strjoinv(", ", (char **)(uintptr_t)words);

		return error_set(err, EINVAL, "--%s: \"%s\" is none of %s", row->name, value, list);
	}
	if (values == NULL) {
		values = g_ptr_array_new();
		g_hash_table_insert(arguments->values, (gpointer)(uintptr_t)row->name, values);
	}
	g_ptr_array_add(values, (gpointer)(uintptr_t)value);
	return 0;
}

static int
refuse(const GPtrArray *rows, int why, char **argv, struct error *err)
{
	/* getopt has moved past the argument, unless it was in the middle of a group of letters */
	const char *written = argv[MAX(optind, 1) - 1];
	bool is_long = g_str_has_prefix(written, "--");
	g_autofree char *name = is_long ? g_strndup(written + 2, strcspn(written + 2, "=")) : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *nearest;

	if (why == ':')
		return error_set(err, EINVAL, "option %s needs a value", written);
	if (optopt > 0 && optopt < OPTION_BASE)
		return error_set(err, EINVAL, "unknown option -%c", optopt);
	for (guint i = 0; i < rows->len; i++)
		g_ptr_array_add(names, (gpointer)(uintptr_t)((const struct option_row *)rows->pdata[i])->name);
	g_ptr_array_add(names, NULL);
	nearest = name != NULL ? nearest_word(name, (const char *const *)names->pdata) : NULL;
	if (nearest != NULL)
		return error_set(err, EINVAL, "unknown option --%s; did you mean --%s?", name, nearest);
	return error_set(err, EINVAL, "unknown option %s", written);
}
