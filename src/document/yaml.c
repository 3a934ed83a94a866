/* YAML as Kubernetes reads it, from libyaml's events; see document.h. */
#include "config.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "src/document/document.h"
#include "src/document/path.h"
#include "src/document/reader.h"
#include "src/document/scalar.h"

/* A value with a name; it can be used when it is complete, and never inside itself. */
struct anchor {
	json_t *value;   /* NULL while it is being read */
	unsigned serial; /* tells it from a later one of the same name */
	unsigned nodes;  /* its cost, */
	size_t bytes;    /* for every use */
};

struct yaml {
	struct reader *reader;
	yaml_parser_t parser;
	GHashTable *anchors; /* name -> struct anchor */
	unsigned depth;      /* collections around the value being read */
	unsigned serial;     /* of the document's last anchor */
};

#define EVENT_CLEANUP __attribute__((cleanup(yaml_event_delete)))
#define LINE(mark) ((unsigned)(mark).line + 1)
#define COLUMN(mark) ((unsigned)(mark).column + 1)
#define PLACE(event) LINE((event)->start_mark), COLUMN((event)->start_mark)

static bool read_document(struct yaml *yaml);
static json_t *read_node(struct yaml *yaml, const yaml_event_t *event);
static json_t *read_alias(struct yaml *yaml, const yaml_event_t *event);
static json_t *read_scalar(struct yaml *yaml, const yaml_event_t *event);
static json_t *read_sequence(struct yaml *yaml, const yaml_event_t *event);
static json_t *read_mapping(struct yaml *yaml, const yaml_event_t *event);
static void report_syntax(struct yaml *yaml);

static bool
next_event(struct yaml *yaml, yaml_event_t *event)
{
	if (yaml_parser_parse(&yaml->parser, event) != 0)
		return true;
	report_syntax(yaml);
	return false;
}

static void
anchor_free(void *item)
{
	struct anchor *anchor = item;

	json_decref(anchor->value);
	g_free(anchor);
}

void
yaml_read(struct reader *reader)
{
	struct yaml yaml = { .reader = reader };
	bool go_on = yaml_parser_initialize(&yaml.parser) != 0;

	if (!go_on)
		g_error("out of memory");
	yaml.anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, anchor_free);
	yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)reader->text, reader->length);
	while (go_on) {
		EVENT_CLEANUP yaml_event_t event = { 0 };
		g_string_truncate(reader->path, 0);
		go_on = next_event(&yaml, &event) && event.type != YAML_STREAM_END_EVENT;
		if (go_on && event.type == YAML_DOCUMENT_START_EVENT)
			go_on = read_document(&yaml);
	}
	g_hash_table_unref(yaml.anchors);
	yaml_parser_delete(&yaml.parser);
}

/* False when nothing more can be read.  A document with an error in it is dropped, the next ones are still checked. */
static bool
read_document(struct yaml *yaml)
{
	EVENT_CLEANUP yaml_event_t event = { 0 };
	unsigned errors = yaml->reader->diagnostics->errors;
	json_t *root;

	reader_begin(yaml->reader);
	g_hash_table_remove_all(yaml->anchors);
	yaml->serial = 0;
	if (!next_event(yaml, &event))
		return false;
	reader_mark(yaml->reader, PLACE(&event), 0);
	root = read_node(yaml, &event);
	if (root == NULL)
		return false;
	if (yaml->reader->diagnostics->errors == errors && !json_is_null(root))
		return reader_emit(yaml->reader, root);
	json_decref(root);
	return true;
}

/* --- values; each returns a new reference, or NULL when reading must stop ----------------------------------------- */

static const yaml_char_t *
node_tag(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.tag;
	if (event->type == YAML_MAPPING_START_EVENT)
		return event->data.mapping_start.tag;
	return event->data.sequence_start.tag;
}

/*
 * Tags that say what the value is anyway mean nothing.  Nor do those of an application (!word), but they are mostly the mark of a
 * tool that has not been run over the file.  All others ask for types that JSON does not have.
 */
static void
check_tag(struct yaml *yaml, const yaml_event_t *event, const char *what)
{
	const char *tag = (const char *)node_tag(event);
	const char *known = event->type == YAML_SCALAR_EVENT ? YAML_STR_TAG
	    : event->type == YAML_MAPPING_START_EVENT ? YAML_MAP_TAG : YAML_SEQ_TAG;

	if (tag == NULL || strcmp(tag, known) == 0)
		return;
	if (*tag == '!')
		reader_warning(yaml->reader, PLACE(event), "the tag %.40s is ignored; is the file a template for some tool?", tag);
	else
		reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "the tag %.40s is not understood; write the %s alone", tag, what);
}

static const yaml_char_t *
anchor_name(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.anchor;
	if (event->type == YAML_MAPPING_START_EVENT)
		return event->data.mapping_start.anchor;
	return event->data.sequence_start.anchor;
}

/* Opens the anchor of a value, if it has one.  False when there are too many. */
static bool
open_anchor(struct yaml *yaml, const yaml_event_t *event)
{
	const char *name = (const char *)anchor_name(event);
	struct anchor *anchor;

	if (name == NULL)
		return true;
	if (yaml->serial >= DOCUMENT_ANCHORS)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "a document may have %d anchors",
		    DOCUMENT_ANCHORS) != NULL;
	anchor = g_new0(struct anchor, 1);
	anchor->serial = ++yaml->serial;
	anchor->nodes = yaml->reader->nodes;
	anchor->bytes = yaml->reader->bytes;
	g_hash_table_replace(yaml->anchors, g_strdup(name), anchor);
	return true;
}

/* Completes it, unless another of the same name was opened inside. */
static void
close_anchor(struct yaml *yaml, const yaml_event_t *event, unsigned serial, json_t *value)
{
	const char *name = (const char *)anchor_name(event);
	struct anchor *anchor = name == NULL ? NULL : g_hash_table_lookup(yaml->anchors, name);

	if (anchor == NULL || anchor->serial != serial)
		return;
	anchor->value = json_incref(value);
	anchor->nodes = yaml->reader->nodes - anchor->nodes;
	anchor->bytes = yaml->reader->bytes - anchor->bytes;
}

static json_t *
read_node(struct yaml *yaml, const yaml_event_t *event)
{
	json_t *value;
	unsigned serial;

	if (event->type == YAML_ALIAS_EVENT)
		return read_alias(yaml, event);
	if (!open_anchor(yaml, event) || !reader_count(yaml->reader, 1, 0, PLACE(event)))
		return NULL;
	serial = yaml->serial;
	check_tag(yaml, event, "value");
	if (event->type == YAML_SCALAR_EVENT)
		value = read_scalar(yaml, event);
	else if (yaml->depth >= DOCUMENT_DEPTH)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), TOO_DEEP, DOCUMENT_DEPTH);
	else
		value = event->type == YAML_MAPPING_START_EVENT ? read_mapping(yaml, event) : read_sequence(yaml, event);
	if (value != NULL)
		close_anchor(yaml, event, serial, value);
	return value;
}

/* Each use is a copy of its own: a tree shares nothing within itself.  What that costs was counted with the anchor. */
static json_t *
read_alias(struct yaml *yaml, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = g_hash_table_lookup(yaml->anchors, name);

	if (anchor == NULL)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "nothing before *%.64s is called &%.64s", name,
		    name);
	if (anchor->value == NULL)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "*%.64s stands inside &%.64s itself", name, name);
	if (!reader_count(yaml->reader, anchor->nodes, anchor->bytes, PLACE(event)))
		return NULL;
	if (yaml->depth + json_depth(anchor->value) > DOCUMENT_DEPTH)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), TOO_DEEP, DOCUMENT_DEPTH);
	return json_deep_copy(anchor->value);
}

static void
warn_of_slip(struct yaml *yaml, const yaml_event_t *event, const char *text, enum scalar_hint hint, const char *means)
{
	if (hint != HINT_NONE)
		reader_warning(yaml->reader, PLACE(event),
		    "%.64s without quotes means %s%s; write %s, or \"%.64s\" when it is a text", text,
		    hint == HINT_WORD ? "" : "the number ", means, means, text);
}

/* A plain scalar's value. */
static json_t *
resolved_value(struct yaml *yaml, const yaml_event_t *event, const char *text, size_t length)
{
	struct scalar scalar;

	scalar_resolve(text, &scalar);
	if (scalar.hint != HINT_NONE) {
		g_autofree char *means = scalar_key(text, &scalar);
		if (means != NULL)
			warn_of_slip(yaml, event, text, scalar.hint, means);
	}
	switch (scalar.type) {
	case SCALAR_NULL:
		return json_null();
	case SCALAR_BOOL:
		return json_boolean(scalar.integer);
	case SCALAR_INTEGER:
		return json_integer(scalar.integer);
	case SCALAR_REAL:
		return json_real(scalar.real);
	case SCALAR_SPECIAL:
		reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "%s is not a number that can be kept", text);
		return json_null();
	case SCALAR_TOO_LARGE:
		reader_error(yaml->reader, CAUSE_INVALID, PLACE(event),
		    "%.64s does not fit 64 bits; quote it when it is a text", text);
		return json_null();
	case SCALAR_STRING:
	default:
		return json_stringn_nocheck(text, length);
	}
}

static json_t *
read_scalar(struct yaml *yaml, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;

	if (!reader_count(yaml->reader, 0, length, PLACE(event)))
		return NULL;
	if (strlen(text) != length) {
		reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "a text cannot hold a NUL byte");
		return json_null();
	}
	if (event->data.scalar.plain_implicit && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return resolved_value(yaml, event, text, length);
	return json_stringn_nocheck(text, length);
}

static json_t *
read_sequence(struct yaml *yaml, const yaml_event_t *start)
{
	GString *path = yaml->reader->path;
	size_t length = path->len;
	json_t *array = json_array();

	(void)start;
	yaml->depth++;
	for (;;) {
		EVENT_CLEANUP yaml_event_t event = { 0 };
		json_t *item = NULL;
		bool more = next_event(yaml, &event);
		if (more && event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (more) {
			path_index(path, json_array_size(array));
			reader_mark(yaml->reader, PLACE(&event), 0);
			item = read_node(yaml, &event);
			g_string_truncate(path, length);
		}
		if (item == NULL) {
			json_decref(array);
			return NULL;
		}
		json_array_append_new(array, item);
	}
	yaml->depth--;
	return array;
}

/* --- mappings ----------------------------------------------------------------------------------------------------- */

/* A key's name: plain ones are typed and turned back into text, as "on: 1" has the key "true".  NULL: no key. */
static char *
key_name(struct yaml *yaml, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	g_autofree char *name = NULL;
	struct scalar scalar = { .type = SCALAR_STRING };

	if (event->type != YAML_SCALAR_EVENT)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event),
		    "a key must be a word; a text that begins with { or [ needs quotes");
	if (event->data.scalar.plain_implicit && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		scalar_resolve(text, &scalar);
	name = scalar_key(text, &scalar);
	if (name == NULL)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "a key is missing or is not a word");
	if (strlen(text) != event->data.scalar.length)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "a key cannot hold a NUL byte");
	if (strlen(name) > DOCUMENT_KEY)
		return reader_error(yaml->reader, CAUSE_INVALID, PLACE(event), "a key may have %d bytes", DOCUMENT_KEY);
	check_tag(yaml, event, "key");
	warn_of_slip(yaml, event, text, scalar.hint, name);
	return g_steal_pointer(&name);
}

/* A member is where its value is; where that begins on a later line or is empty, the member is where its key is. */
static void
mark_member(struct reader *reader, const yaml_event_t *key, const yaml_event_t *value)
{
	bool empty = value->type == YAML_SCALAR_EVENT && value->data.scalar.length == 0 &&
	    value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	const yaml_event_t *place = empty || value->start_mark.line > key->start_mark.line ? key : value;

	reader_mark(reader, PLACE(place), COLUMN(key->start_mark));
}

/* Reads the value of a key whose name is already on the path. */
static json_t *
read_value(struct yaml *yaml, const yaml_event_t *key)
{
	EVENT_CLEANUP yaml_event_t event = { 0 };

	if (!next_event(yaml, &event))
		return NULL;
	mark_member(yaml->reader, key, &event);
	return read_node(yaml, &event);
}

static void
report_duplicate(struct yaml *yaml, const yaml_event_t *key)
{
	struct document document = { .marks = yaml->reader->marks };
	unsigned line = 0, column;

	document_mark(&document, yaml->reader->path->str, &line, &column);
	reader_error(yaml->reader, CAUSE_DUPLICATE, PLACE(key), "is written twice; the first is in line %u", line);
}

static bool
read_member(struct yaml *yaml, json_t *object, const yaml_event_t *key)
{
	GString *path = yaml->reader->path;
	size_t length = path->len;
	g_autofree char *name = key_name(yaml, key);
	json_t *value;

	if (name == NULL || !open_anchor(yaml, key) || !reader_count(yaml->reader, 0, strlen(name), PLACE(key)))
		return false;
	if (anchor_name(key) != NULL) {
		json_t *text = json_string_nocheck(name);
		close_anchor(yaml, key, yaml->serial, text);
		json_decref(text);
	}
	path_member(path, name);
	if (json_object_get(object, name) != NULL)
		report_duplicate(yaml, key);
	value = read_value(yaml, key);
	g_string_truncate(path, length);
	/* Of duplicates the document is refused anyway; the last one stays. */
	return value != NULL && json_object_set_new_nocheck(object, name, value) == 0;
}

static bool
is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
	    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp((char *)event->data.scalar.value, "<<") == 0;
}

static bool
can_merge(const json_t *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(value, i, item) {
		if (!json_is_object(item))
			return false;
	}
	return json_is_array(value) || json_is_object(value);
}

/* "<<: *defaults" or "<<: [*first, *second]".  Keeps what it read in *merge. */
static bool
read_merge(struct yaml *yaml, const yaml_event_t *key, json_t **merge)
{
	GString *path = yaml->reader->path;
	size_t length = path->len;
	json_t *value;

	path_member(path, "<<");
	if (*merge != NULL)
		reader_error(yaml->reader, CAUSE_DUPLICATE, PLACE(key), "is written twice; write <<: [*first, *second]");
	json_decref(*merge);
	*merge = value = read_value(yaml, key);
	if (value != NULL && !can_merge(value))
		reader_error(yaml->reader, CAUSE_INVALID, PLACE(key), "<< takes a mapping or a list of mappings");
	g_string_truncate(path, length);
	return value != NULL;
}

/* Adds the members that object does not have; they stand where the "<<" stands. */
static void
apply_merge(struct yaml *yaml, json_t *object, const json_t *merge, const yaml_event_t *start)
{
	struct document document = { .marks = yaml->reader->marks };
	GString *path = yaml->reader->path;
	size_t length = path->len;
	unsigned line = LINE(start->start_mark), column = COLUMN(start->start_mark);
	const char *name;
	json_t *value;

	path_member(path, "<<");
	document_mark(&document, path->str, &line, &column);
	g_string_truncate(path, length);
	json_object_foreach((json_t *)merge, name, value) {
		if (json_object_get(object, name) != NULL)
			continue;
		path_member(path, name);
		reader_mark(yaml->reader, line, column, 0);
		g_string_truncate(path, length);
		json_object_set_nocheck(object, name, value);
	}
}

/* Keys that are written win over merged ones, the first merged mapping wins over later ones. */
static void
apply_merges(struct yaml *yaml, json_t *object, const json_t *merge, const yaml_event_t *start)
{
	if (!json_is_array(merge))
		apply_merge(yaml, object, merge, start);
	for (size_t i = 0; i < json_array_size(merge); i++)
		apply_merge(yaml, object, json_array_get(merge, i), start);
}

static json_t *
read_mapping(struct yaml *yaml, const yaml_event_t *start)
{
	json_t *object = json_object(), *merge = NULL;
	bool more = true;

	yaml->depth++;
	while (more) {
		EVENT_CLEANUP yaml_event_t key = { 0 };
		more = next_event(yaml, &key);
		if (more && key.type == YAML_MAPPING_END_EVENT)
			break;
		if (more)
			more = is_merge_key(&key) ? read_merge(yaml, &key, &merge) : read_member(yaml, object, &key);
	}
	yaml->depth--;
	if (more && merge != NULL)
		apply_merges(yaml, object, merge, start);
	json_decref(merge);
	if (more)
		return object;
	json_decref(object);
	return NULL;
}

/* --- what libyaml found ------------------------------------------------------------------------------------------- */

/* libyaml says what it saw; this says what the author probably did. */
static const struct {
	const char *problem, *advice;
} advices[] = {
	{ "mapping values are not allowed in this context",
	    "is the indentation right? A text that holds \": \" needs quotes" },
	{ "found character that cannot start any token", "a text that begins with @ ` or % needs quotes" },
	{ "could not find expected ':'", "is a \":\" or a closing quote missing?" },
	{ "found unexpected end of stream", "is the closing quote missing?" },
	{ "did not find expected key", "is the indentation right, or a quote missing?" },
	{ "did not find expected '-' indicator", "is the indentation right?" },
	{ "did not find expected ',' or '}'", "is a comma or a brace missing?" },
	{ "did not find expected ',' or ']'", "is a comma or a bracket missing?" },
	{ "did not find expected alphabetic or numeric character", "a text that begins with * or & needs quotes" },
};

static bool
line_is_tabbed(const struct reader *reader, size_t line)
{
	const char *p = reader->text, *end = reader->text + reader->length;

	for (; line > 0 && p != NULL; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p == NULL ? NULL : p + 1;
	}
	while (p != NULL && p < end && *p == ' ')
		p++;
	return p != NULL && p < end && *p == '\t';
}

/* Bytes that are UTF-8 but no text come without a mark. */
static void
report_character(struct yaml *yaml)
{
	const char *text = yaml->reader->text;
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < yaml->parser.problem_offset && i < yaml->reader->length; i++) {
		column = text[i] == '\n' ? 1 : column + (((unsigned char)text[i] & 0xc0) != 0x80);
		line += text[i] == '\n';
	}
	reader_error(yaml->reader, CAUSE_INVALID, line, column, "the character U+%04X is not allowed in a text",
	    (unsigned)yaml->parser.problem_value);
}

static void
report_syntax(struct yaml *yaml)
{
	const yaml_parser_t *parser = &yaml->parser;
	const char *advice = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_truncate(yaml->reader->path, 0);
	if (parser->error == YAML_READER_ERROR) {
		report_character(yaml);
		return;
	}
	if (parser->error == YAML_MEMORY_ERROR || parser->problem == NULL)
		g_error("out of memory");
	for (size_t i = 0; i < G_N_ELEMENTS(advices) && advice == NULL; i++)
		advice = strcmp(advices[i].problem, parser->problem) == 0 ? advices[i].advice : NULL;
	if (line_is_tabbed(yaml->reader, parser->problem_mark.line))
		advice = "indent with spaces, not with tabs";
	g_string_append_printf(text, "syntax: %s", parser->problem);
	if (parser->context != NULL)
		g_string_append_printf(text, " %s of line %u", parser->context, LINE(parser->context_mark));
	if (advice != NULL)
		g_string_append_printf(text, "; %s", advice);
	reader_error(yaml->reader, CAUSE_INVALID, LINE(parser->problem_mark), COLUMN(parser->problem_mark), "%s", text->str);
}
