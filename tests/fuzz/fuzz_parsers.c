/*
 * Small parsers of text; the first byte of an input chooses one.  Each may refuse, with a sentence; what it takes, it
 * takes again when it has written it.
 */
#include "config.h"

#include <string.h>

#include "daemon/selector.h"
#include "net/ledger.h"
#include "src/api/kinds.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/document/scalar.h"
#include "tests/fuzz/fuzz.h"

/* A refusal is a sentence of valid text. */
static void
check_error(const struct error *err)
{
	fuzz_check(err->code != 0 && err->text[0] != '\0');
}

static void
fuzz_quantity(struct bytes *input)
{
	static const int64_t scales[] = { 1, 1000 };
	int64_t scale = scales[bytes_below(input, 2)], value, again;
	g_autofree char *text = bytes_line(input), *written = NULL, *human = NULL;
	struct error err = { 0 };

	if (quantity_parse(text, scale, &value, &err) != 0) {
		check_error(&err);
		return;
	}
	written = scale == 1 ? quantity_format_bytes(value) : quantity_format_milli(value);
	human = quantity_format_human(value);
	if (quantity_parse(written, scale, &again, &err) != 0 || again != value)
		fuzz_fail("%s is written as %s", text, written);
}

static void
fuzz_duration(struct bytes *input)
{
	g_autofree char *text = bytes_line(input), *written = NULL;
	struct error err = { 0 };
	int64_t ms, again;

	if (duration_parse(text, &ms, &err) != 0) {
		check_error(&err);
		return;
	}
	written = duration_format(ms);
	if (duration_parse(written, &again, &err) != 0 || again != ms)
		fuzz_fail("%s is written as %s", text, written);
}

static void
fuzz_clock(struct bytes *input)
{
	g_autofree char *text = bytes_line(input);
	char written[CLOCK_TEXT_SIZE], age[CLOCK_TEXT_SIZE];
	int64_t ms = clock_parse(text);

	clock_age(ms, age);
	if (ms >= 0 && clock_parse(clock_format(ms, written)) != ms / 1000 * 1000)
		fuzz_fail("%s is written as %s", text, written);
}

static void
fuzz_scalar(struct bytes *input)
{
	g_autofree char *text = bytes_line(input), *key = NULL;
	char real[REAL_TEXT_SIZE];
	struct scalar scalar, again;

	scalar_resolve(text, &scalar);
	key = scalar_key(text, &scalar);
	if (scalar.type != SCALAR_REAL)
		return;
	scalar_resolve(real_format(scalar.real, real), &again);
	fuzz_check(again.type == SCALAR_REAL ? again.real == scalar.real
	                                     : again.type == SCALAR_INTEGER && (double)again.integer == scalar.real);
}

/* What a document says at paths and through templates: a template in the first line, a document behind it. */
static void
fuzz_jsonpath(struct bytes *input)
{
	g_autofree char *template = bytes_line(input);
	g_autoptr(GPtrArray) documents = fuzz_documents(input->at, input->left, NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *nothing = json_object();
	struct error err = { 0 };

	if (jsonpath_format(template, documents->len > 0 ? ((struct document *)documents->pdata[0])->root : nothing, out,
	    &err) != 0)
		check_error(&err);
	json_decref(nothing);
}

/* What is set at a path is found there, and gone when it was removed. */
static void
fuzz_path(struct bytes *input)
{
	g_autofree char *path = bytes_line(input), *name = bytes_line(input);
	g_autoptr(GString) built = g_string_new(NULL);
	json_t *root = json_object();

	fuzz_check(path_parent(path) <= strlen(path));
	path_find(root, path);
	if (path_set(root, path, json_true()) == 0) {
		fuzz_check(json_is_true(path_find(root, path)));
		path_remove(root, path);
		/* The last item of a list moves up when one before it goes. */
		fuzz_check(path_find(root, path) == NULL);
	}
	json_object_clear(root);
	path_member(built, name);
	path_member(built, path);
	path_index(built, 0);
	if (g_utf8_validate(name, -1, NULL) && g_utf8_validate(path, -1, NULL)) {
		fuzz_check(path_set(root, built->str, json_integer(7)) == 0);
		fuzz_check(json_integer_value(json_array_get(json_object_get(json_object_get(root, name), path), 0)) == 7);
	}
	json_decref(root);
}

static void
fuzz_selector(struct bytes *input)
{
	g_autofree char *labels = bytes_line(input), *fields = bytes_line(input);
	g_autoptr(GPtrArray) documents = fuzz_documents(input->at, input->left, NULL);
	struct error err = { 0 };
	struct selector *selector = selector_new(labels, fields, &err);

	if (selector == NULL)
		check_error(&err);
	for (guint i = 0; selector != NULL && i < documents->len; i++) {
		bool matches = selector_matches(selector, ((struct document *)documents->pdata[i])->root);
		fuzz_check(matches || !selector_is_empty(selector));
	}
	selector_free(selector);
}

static void
fuzz_subnet(struct bytes *input)
{
	g_autofree char *text = bytes_line(input);
	struct error err = { 0 };
	struct subnet subnet;

	if (subnet_parse(text, &subnet, &err) != 0)
		check_error(&err);
	else
		fuzz_check(subnet.families[IPV4].gateway == subnet.families[IPV4].network + 1 && subnet_guests(&subnet.families[IPV4]) >= 1);
}

static void
fuzz_names(struct bytes *input)
{
	static int (*const checks[])(const char *, struct error *) = { check_dns_label, check_dns_subdomain, check_label_name,
		check_label_value, check_base64, check_config_key, check_mac, check_uuid, check_absolute_path, check_subnet };
	g_autofree char *text = bytes_line(input);

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		struct error err = { 0 };
		if (checks[i](text, &err) != 0)
			check_error(&err);
		else
			fuzz_check(strchr(text, '\n') == NULL);
	}
	kind_of_word(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct bytes *) = { fuzz_quantity, fuzz_duration, fuzz_clock, fuzz_scalar, fuzz_jsonpath,
		fuzz_path, fuzz_selector, fuzz_subnet, fuzz_names };
	struct bytes input = { data, size };

	parsers[bytes_below(&input, G_N_ELEMENTS(parsers))](&input);
	return 0;
}
