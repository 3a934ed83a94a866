/* Objects of the store: immutable, counted, one block of memory for their texts and one decoded struct. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/store_private.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

struct counted {
	struct object object; /* first: pointers to it are pointers to us */
	unsigned references;
	bool has_looked; /* for its status: it lies in the text between these, which are NULL without one */
	const char *status, *status_end;
	char bytes[]; /* text, namespace, name, uid, each with its end */
};

static const char *find_member(const char *text, const char *name, const char **end);

const struct object *
object_ref(const struct object *object)
{
	((struct counted *)object)->references++;
	return object;
}

void
object_unref(const struct object *object)
{
	struct counted *counted = (struct counted *)object;

	if (counted == NULL || --counted->references > 0)
		return;
	if (object->value != NULL)
		schema_free(object->kind->schema, (void *)object->value);
	g_free(counted);
}

json_t *
object_tree(const struct object *object)
{
	json_t *tree = json_read(object->text, object->length, NULL);

	g_assert(tree != NULL); /* we wrote it, and its checksum was right */
	return tree;
}

json_t *
object_member(const struct object *object, const char *name)
{
	const char *end, *value = find_member(object->text, name, &end);
	json_t *tree = value == NULL ? NULL : json_read(value, (size_t)(end - value), NULL);

	g_assert(value == NULL || tree != NULL);
	return tree;
}

static const char *
append(char **end, const char *text, size_t length)
{
	const char *start = memcpy(*end, text, length);

	(*end)[length] = '\0';
	*end += length + 1;
	return start;
}

static struct object *
counted_new(const struct kind *kind, const char *namespace, const char *name, const char *uid, int64_t version,
    const char *text)
{
	size_t length = strlen(text);
	struct counted *counted =
	    g_malloc0(sizeof(*counted) + length + strlen(namespace) + strlen(name) + strlen(uid) + 4);
	char *end = counted->bytes;

	counted->references = 1;
	counted->object.kind = kind;
	counted->object.version = version;
	counted->object.length = length;
	counted->object.text = append(&end, text, length);
	counted->object.namespace = append(&end, namespace, strlen(namespace));
	counted->object.name = append(&end, name, strlen(name));
	counted->object.uid = append(&end, uid, strlen(uid));
	return &counted->object;
}

static int
decode(const struct schema *schema, const struct object *object, const json_t *tree, void *value, struct error *err)
{
	struct diagnostics diagnostics;
	int rc = 0;

	diagnostics_init(&diagnostics);
	if (schema_decode(schema, tree, NULL, "", value, &diagnostics) < 0) {
		g_autofree char *all = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		rc = error_set(err, EINVAL, "%s %s/%s: %s", object->kind->name, object->namespace, object->name,
		    g_strdelimit(all, "\n", ' '));
	}
	diagnostics_clear(&diagnostics);
	return rc;
}

static int
take_tree(struct object *object, const json_t *tree, struct error *err)
{
	void *value = g_malloc0(object->kind->schema->size);

	object->value = value;
	return decode(object->kind->schema, object, tree, value, err);
}

/* The tree with another resourceVersion; shares all else with it. */
static json_t *
with_version(const json_t *tree, int64_t version)
{
	json_t *copy = json_copy((json_t *)tree), *meta = json_copy(json_object_get(tree, "metadata"));
	char text[24];

	g_snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, version);
	json_object_set_new(meta, "resourceVersion", json_string(text));
	json_object_set_new(copy, "metadata", meta);
	return copy;
}

const struct object *
store_object_new(const struct kind *kind, const json_t *tree, int64_t version, struct error *err)
{
	const char *name = path_string(tree, "metadata.name"), *uid = path_string(tree, "metadata.uid");
	const char *namespace = kind->namespaced ? path_string(tree, "metadata.namespace") : "";

	if (name == NULL || uid == NULL || namespace == NULL) {
		error_set(err, EINVAL, "a %s needs metadata.name, uid%s to be stored", kind->name,
		    kind->namespaced ? " and namespace" : "");
		return NULL;
	}
	json_t *versioned = with_version(tree, version);
	g_autofree char *text = json_write(versioned);
	struct object *object = counted_new(kind, namespace, name, uid, version, text);
	int rc = take_tree(object, versioned, err);
	json_decref(versioned);
	if (rc == 0)
		return object;
	object_unref(object);
	return NULL;
}

const struct object *
object_new(const struct kind *kind, const json_t *tree, int64_t version, struct error *err)
{
	return store_object_new(kind, tree, version, err);
}

const struct object *
store_object_load(const struct kind *kind, const char *namespace, const char *name, const char *uid, int64_t version,
    const char *text, bool want_value, struct error *err)
{
	struct object *object = counted_new(kind, namespace, name, uid, version, text);

	if (!want_value)
		return object;
	json_t *tree = json_read(text, strlen(text), err);
	int rc = tree == NULL ? -1 : take_tree(object, tree, err);
	json_decref(tree);
	if (rc == 0)
		return object;
	object_unref(object);
	return NULL;
}

bool
store_object_equals(const struct object *object, const json_t *tree)
{
	json_t *versioned = with_version(tree, object->version);
	g_autofree char *text = json_write(versioned);
	bool equal = strcmp(text, object->text) == 0;

	/* The same members in another order take the same room; only then is it worth reading the old text. */
	if (!equal && strlen(text) == object->length) {
		json_t *current = object_tree(object);
		equal = json_equal(current, versioned);
		json_decref(current);
	}
	json_decref(versioned);
	return equal;
}

/* --- another status, by its place in the text ------------------------------------------------------------------- */

static const char *
skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static const char *
skip_value(const char *p)
{
	int depth = 0;

	do {
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p = *p == '"' ? skip_string(p) : p + 1;
	} while (depth > 0 || strchr(",}]", *p) == NULL);
	return p;
}

/* Where the value of a member begins in the text of an object, which is ours and compact; *end: behind it.  NULL: there is
 * none. */
static const char *
find_member(const char *text, const char *name, const char **end)
{
	size_t length = strlen(name);

	for (const char *p = text; *p != '}' && p[1] != '}'; p = *end) {
		const char *value = skip_string(p + 1) + 1;

		*end = skip_value(value);
		if (strncmp(p + 2, name, length) == 0 && p[2 + length] == '"')
			return value;
	}
	return NULL;
}

/* Sets a member of the object that begins at a position of the text, and has other members. */
static void
set_member(GString *text, gsize at, const char *name, const char *value)
{
	const char *end, *old = find_member(text->str + at, name, &end);
	gssize place = (old != NULL ? old : skip_value(text->str + at) - 1) - text->str;

	if (old != NULL)
		g_string_erase(text, place, end - old);
	g_autofree char *new = old != NULL ? g_strdup(value) : g_strconcat(",\"", name, "\":", value, NULL);
	g_string_insert(text, place, new);
}

/* Where the status of an object begins in its text; the way there leads past all of the spec, and is gone only once. */
static const char *
find_status(const struct object *object, const char **end)
{
	struct counted *counted = (struct counted *)object;

	if (!counted->has_looked) {
		counted->status = find_member(object->text, "status", &counted->status_end);
		counted->has_looked = true;
	}
	*end = counted->status_end;
	return counted->status;
}

bool
store_object_has_status(const struct object *object, const char *status)
{
	const char *end, *is = find_status(object, &end);

	return is == NULL ? strcmp(status, "{}") == 0 : strlen(status) == (size_t)(end - is) && memcmp(status, is, strlen(status)) == 0;
}

static char *
text_with_status(const struct object *object, const char *status, const char *version)
{
	GString *text = g_string_sized_new(object->length + strlen(status) + 64);
	g_autofree char *quoted = g_strdup_printf("\"%s\"", version);
	const char *end, *was = find_status(object, &end), *last = object->text + object->length - 1;

	g_string_append_len(text, object->text, (was != NULL ? was : last) - object->text);
	if (was == NULL)
		g_string_append(text, ",\"status\":");
	g_string_append(text, status);
	g_string_append(text, was != NULL ? end : last);
	set_member(text, (gsize)(find_member(text->str, "metadata", &end) - text->str), "resourceVersion", quoted);
	return g_string_free(text, FALSE);
}

/* The struct with another status in it. */
static int
take_status(struct object *object, const struct object *from, const json_t *status, const char *version, struct error *err)
{
	const struct kind *kind = from->kind;
	struct object_head *head = schema_copy(kind->schema, from->value);
	void **own = (void **)(void *)((char *)head + schema_find(kind->schema, "status", NULL)->offset);

	object->value = head;
	g_free(head->meta->resource_version);
	head->meta->resource_version = g_strdup(version);
	schema_free(kind->status_schema, *own);
	*own = g_malloc0(kind->status_schema->size);
	return decode(kind->status_schema, object, status, *own, err);
}

const struct object *
store_object_with_status(const struct object *object, const json_t *status, const char *written, int64_t version,
    struct error *err)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, version);
	g_autofree char *text = text_with_status(object, written, number);
	struct object *next = counted_new(object->kind, object->namespace, object->name, object->uid, version, text);

	if (take_status(next, object, status, number, err) == 0)
		return next;
	object_unref(next);
	return NULL;
}

const struct meta *
store_object_meta(const struct object *object)
{
	const struct object_head *head = object->value;

	return head == NULL ? NULL : head->meta;
}
