/*
 * Changes documents by the rows of their kind, so that most of what is tried is nearly right: adds a field that the rows
 * know, takes one away, gives one another value, repeats an item, or says in one place what another says.  Knows no field.
 */
#include "config.h"

#include <string.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's own changes of bytes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

enum { DEPTH = 12 };

/* Values of every form that some row may ask for; which one fits, its check says. */
static const char *const forms[] = { "a", "b", "default", "disk-0", "virtio", "true", "0", "1", "64", "65535", "1Gi", "1500m",
	"30s", "2026-01-02T03:04:05Z", "52:54:00:12:34:56", "02:00:00:00:00:01", "6f1c9c5e-0000-4000-8000-000000000001",
	"0000:81:01.0", "0000:00:02.0", "/var/lib/disk.img", "/dev/sda", "http://example.org/disk.img", "https://example.org/x.xz",
	"docker://a/b:c", "192.168.77.0/24", "10.0.0.1", "aGVsbG8=", "example.org", "app.kubernetes.io/name", "amd64", "q35",
	"pc-q35-7.2", "Europe/Berlin", "UTC", "-3600", "qcow2", "raw", "", "x y", "\xc3\xa4", "'\"<>&]]>", "a\nb", "\x01", "null",
	"-1", "9223372036854775807", "0.5", "1e3", "host-passthrough", "host-model", "IvyBridge", "vmx", "sha256:00", "#cloud-config" };
static const json_int_t numbers[] = { 0, 1, 2, 3, 4, 16, 255, 256, 512, 513, 4096, 65535, 65536, INT32_MAX, INT64_MAX, -1,
	INT64_MIN };

/* A document under change: objects with the schema of each, all texts. */
struct place {
	json_t *object;
	const struct schema *schema;
};
struct garden {
	GRand *rand;
	GArray *places;   /* struct place */
	GPtrArray *texts; /* borrowed */
	GPtrArray *lists; /* json_t *, borrowed */
};

/* A struct of no kind. */
static const struct schema_field no_fields[] = { { 0 } };
static const struct schema anything = { .name = "Anything", .fields = no_fields };

static unsigned
below(struct garden *g, unsigned limit)
{
	return (unsigned)g_rand_int_range(g->rand, 0, (gint32)limit);
}

static void
walk(struct garden *g, json_t *tree, const struct schema *schema)
{
	struct place place = { tree, schema };
	const char *name;
	json_t *value, *item;
	size_t i;

	g_array_append_val(g->places, place);
	json_object_foreach (tree, name, value) {
		const struct schema_field *row = NULL;
		for (const struct schema_field *f = schema->fields; f->name != NULL && row == NULL; f++)
			row = strcmp(f->name, name) == 0 ? f : NULL;
		if (json_is_string(value))
			g_ptr_array_add(g->texts, (gpointer)(uintptr_t)json_string_value(value));
		if (json_is_array(value))
			g_ptr_array_add(g->lists, value);
		/* Below what no row knows, everything may be. */
		if (json_is_object(value))
			walk(g, value, row == NULL || row->sub == NULL ? &anything : row->sub);
		json_array_foreach (value, i, item)
			if (json_is_object(item))
				walk(g, item, row == NULL || row->sub == NULL ? &anything : row->sub);
	}
}

static const char *
text_of(struct garden *g)
{
	return g->texts->len > 0 && below(g, 3) == 0 ? g->texts->pdata[below(g, g->texts->len)]
	                                             : forms[below(g, G_N_ELEMENTS(forms))];
}

/* A text that the row's own rule takes, if a few tries find one. */
static const char *
fitting_text(struct garden *g, const struct schema_field *f)
{
	struct error err = { 0 };
	const char *text = text_of(g);

	for (unsigned tries = 0; f->check != NULL && f->check(text, &err) != 0 && tries < 100; tries++)
		text = text_of(g);
	return text;
}

static json_t *object_of(struct garden *g, const struct schema *schema, unsigned depth);

static json_t *
list_of(struct garden *g, const struct schema_field *f, unsigned depth)
{
	json_t *list = json_array();

	for (unsigned n = below(g, 3); n > 0; n--)
		json_array_append_new(list, f->type == SCHEMA_STRINGS ? json_string(fitting_text(g, f)) : object_of(g, f->sub, depth));
	return list;
}

static json_int_t
number_of(struct garden *g, const struct schema_field *f)
{
	if (f->max > f->min && below(g, 4) != 0)
		return below(g, 3) == 0 ? f->max : f->min + (json_int_t)below(g, (unsigned)MIN(f->max - f->min, 1000) + 1);
	return numbers[below(g, G_N_ELEMENTS(numbers))];
}

static json_t *
map_of(struct garden *g, const struct schema_field *f)
{
	json_t *map = json_object();

	json_object_set_new(map, fitting_text(g, f), json_string(text_of(g)));
	return map;
}

/* How each type is written; one that is none of these is a text. */
static json_t *
value_of(struct garden *g, const struct schema_field *f, unsigned depth)
{
	guint words = 0;

	if (f->type == SCHEMA_BOOL || f->type == SCHEMA_TRISTATE)
		return json_boolean(below(g, 2));
	if (f->type == SCHEMA_INT)
		return json_integer(number_of(g, f));
	if (f->type == SCHEMA_QUANTITY || f->type == SCHEMA_MILLI)
		return below(g, 2) == 0 ? json_integer(number_of(g, f)) : json_string(below(g, 2) == 0 ? "1Gi" : text_of(g));
	if (f->type == SCHEMA_ENUM) {
		while (f->words[words] != NULL)
			words++;
		return json_string(f->words[below(g, words)]);
	}
	if (f->type == SCHEMA_MAP)
		return map_of(g, f);
	if (f->type == SCHEMA_OBJECT)
		return object_of(g, f->sub, depth);
	if (f->type == SCHEMA_STRINGS || f->type == SCHEMA_LIST)
		return list_of(g, f, depth);
	if (f->type == SCHEMA_ANY)
		return json_object();
	return json_string(f->dflt != NULL && below(g, 2) == 0 ? f->dflt : fitting_text(g, f));
}

static const struct schema_field *
row_of(struct garden *g, const struct schema *schema)
{
	unsigned count = 0;

	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		count++;
	return count == 0 ? NULL : &schema->fields[below(g, count)];
}

/* An object with what it must have, one alternative where it must have one, and sometimes more. */
static json_t *
object_of(struct garden *g, const struct schema *schema, unsigned depth)
{
	json_t *object = json_object();
	const struct schema_field *row;

	if (depth >= DEPTH)
		return object;
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		if ((f->flags & FIELD_REQUIRED) != 0)
			json_object_set_new(object, f->name, value_of(g, f, depth + 1));
	for (unsigned tries = 0; schema->exactly_one && tries < 20; tries++) {
		row = row_of(g, schema);
		if ((row->flags & FIELD_ONEOF) != 0 && row->policy == POLICY_HONOUR) {
			json_object_set_new(object, row->name, value_of(g, row, depth + 1));
			break;
		}
	}
	row = row_of(g, schema);
	if (row != NULL && (row->flags & FIELD_ONEOF) == 0 && row->policy != POLICY_REFUSE)
		json_object_set_new(object, row->name, value_of(g, row, depth + 1));
	return object;
}

/* --- changes -------------------------------------------------------------------------------------------------------- */

static struct place *
place_of(struct garden *g)
{
	return &g_array_index(g->places, struct place, below(g, g->places->len));
}

/* Another value, of any type. */
static json_t *
any_value(struct garden *g)
{
	static const char *const values[] = { "null", "true", "[]", "{}", "1.5", "[null]", "{\"a\":{}}" };
	unsigned what = below(g, G_N_ELEMENTS(values) + 3);

	if (what < G_N_ELEMENTS(values))
		return json_loads(values[what], JSON_DECODE_ANY, NULL);
	if (what == G_N_ELEMENTS(values))
		return json_integer(numbers[below(g, G_N_ELEMENTS(numbers))]);
	if (what == G_N_ELEMENTS(values) + 1)
		return json_deep_copy(place_of(g)->object);
	return json_string(text_of(g));
}

static void
add_field(struct garden *g)
{
	struct place *place = place_of(g);
	const struct schema_field *row = row_of(g, place->schema);

	for (unsigned tries = 0; row != NULL && row->policy == POLICY_REFUSE && tries < 5; tries++)
		row = row_of(g, place->schema);
	if (row != NULL)
		json_object_set_new(place->object, row->name, value_of(g, row, 0));
	else
		json_object_set_new(place->object, text_of(g), any_value(g));
}

static const char *
member_of(struct garden *g, json_t *object)
{
	size_t count = json_object_size(object);
	void *iter = json_object_iter(object);

	if (count == 0)
		return NULL;
	for (unsigned n = below(g, (unsigned)count); n > 0; n--)
		iter = json_object_iter_next(object, iter);
	return json_object_iter_key(iter);
}

static void
remove_field(struct garden *g)
{
	struct place *place = place_of(g);
	const char *name = member_of(g, place->object);

	if (name != NULL)
		json_object_del(place->object, name);
}

static void
change_text(struct garden *g)
{
	struct place *place = place_of(g);
	const char *name = member_of(g, place->object);

	if (name != NULL && json_is_string(json_object_get(place->object, name)))
		json_object_set_new(place->object, name, json_string(text_of(g)));
}

static void
change_value(struct garden *g)
{
	struct place *place = place_of(g);
	const char *name = member_of(g, place->object);

	if (name != NULL && (place->schema == &anything || below(g, 5) == 0))
		json_object_set_new(place->object, name, any_value(g));
}

static void
repeat_item(struct garden *g)
{
	json_t *list = g->lists->len == 0 ? NULL : g->lists->pdata[below(g, g->lists->len)], *item;

	if (json_array_size(list) == 0)
		return;
	item = json_deep_copy(json_array_get(list, below(g, (unsigned)json_array_size(list))));
	if (json_is_object(item) && member_of(g, item) != NULL)
		json_object_set_new(item, member_of(g, item), json_string(text_of(g)));
	json_array_append_new(list, item);
}

static void (*const changes[])(struct garden *) = { add_field, add_field, add_field, remove_field, change_text,
	change_value, repeat_item };

/* The rows of its kind; an empty document becomes one of some kind, another one stays of none. */
static const struct schema *
schema_of(struct garden *g, const struct document *document)
{
	const struct kind *kind = kind_of_document(document, NULL);

	if (kind == NULL && json_object_size(document->root) > 0)
		return &anything;
	if (kind == NULL) {
		kind = &kinds[below(g, KIND_COUNT)];
		json_object_set_new(document->root, "apiVersion", json_string(kind_api_version(kind)));
		json_object_set_new(document->root, "kind", json_string(kind->name));
		json_object_set_new(document->root, "metadata", json_pack("{s:s}", "name", "a"));
	}
	return kind->schema;
}

static void
change_document(struct garden *g, const struct document *document)
{
	const struct schema *schema = schema_of(g, document);

	for (unsigned n = 1 + below(g, 4); n > 0; n--) {
		g->places = g_array_new(FALSE, FALSE, sizeof(struct place));
		g->texts = g_ptr_array_new();
		g->lists = g_ptr_array_new();
		walk(g, document->root, schema);
		changes[below(g, G_N_ELEMENTS(changes))](g);
		g_array_unref(g->places);
		g_ptr_array_unref(g->texts);
		g_ptr_array_unref(g->lists);
	}
}

static void
write_document(struct garden *g, const struct document *document, GString *out)
{
	if (out->len > 0)
		g_string_append(out, "---\n");
	if (below(g, 4) == 0) {
		g_autofree char *json = json_write(document->root);
		g_string_append_printf(out, "%s\n", json);
	} else {
		yaml_write(document->root, out);
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct garden g = { .rand = g_rand_new_with_seed(seed) };
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	bool bytes = below(&g, 8) == 0;

	if (documents->len == 0 && !bytes)
		g_ptr_array_add(documents, document_take(json_object()));
	for (guint i = 0; i < documents->len && !bytes; i++) {
		/* Mostly one of them: the others are what it is compared with. */
		if (below(&g, documents->len) == 0)
			change_document(&g, documents->pdata[i]);
		write_document(&g, documents->pdata[i], out);
	}
	g_rand_free(g.rand);
	if (bytes || out->len > most)
		return LLVMFuzzerMutate(data, size, most);
	memcpy(data, out->str, out->len);
	return out->len;
}
