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
	char bytes[]; /* text, namespace, name, uid, each with its end */
};

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
decode(struct object *object, const json_t *tree, struct error *err)
{
	struct diagnostics diagnostics;
	void *value = g_malloc0(object->kind->schema->size);
	int rc = 0;

	diagnostics_init(&diagnostics);
	if (schema_decode(object->kind->schema, tree, NULL, "", value, &diagnostics) < 0) {
		g_autofree char *all = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		rc = error_set(err, EINVAL, "%s %s/%s: %s", object->kind->name, object->namespace, object->name,
		    g_strdelimit(all, "\n", ' '));
	}
	diagnostics_clear(&diagnostics);
	object->value = value;
	return rc;
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
	int rc = decode(object, versioned, err);
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
	int rc = tree == NULL ? -1 : decode(object, tree, err);
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

const struct meta *
store_object_meta(const struct object *object)
{
	const struct object_head *head = object->value;

	return head == NULL ? NULL : head->meta;
}

void
store_object_sum(const char *text, size_t length, uint8_t sum[32])
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize size = 32;

	g_checksum_update(checksum, (const guchar *)text, (gssize)length);
	g_checksum_get_digest(checksum, sum, &size);
}
