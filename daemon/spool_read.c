/* From the bytes of a file to what it says: documents, their keys, their mistakes. */
#include "config.h"

#include <string.h>

#include "daemon/spool_private.h"
#include "src/base/clock.h"
#include "src/base/digest.h"
#include "src/document/path.h"

/* Kinds that only the daemon makes. */
static const enum kind_id refused_kinds[] = { KIND_NODE, KIND_EVENT, KIND_CONTROLLER_REVISION, KIND_VOLUME, KIND_SNAPSHOT_CONTENT };

/* What a document from "get -o yaml" has and a file cannot mean. */
static const char *const dropped[] = { "status", "metadata.uid", "metadata.resourceVersion", "metadata.generation",
	"metadata.creationTimestamp", "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds",
	"metadata.managedFields", "metadata.selfLink" };

/* --- keys ------------------------------------------------------------------------------------------------------- */

static char *
key_of(const struct kind *kind, const struct document *document)
{
	const char *namespace = path_string(document->root, "metadata.namespace");

	if (!kind->namespaced)
		namespace = "";
	else if (namespace == NULL)
		namespace = "default";
	return g_strdup_printf("%s/%s/%s", kind->name, namespace, path_string(document->root, "metadata.name"));
}

const struct kind *
spool_key_split(const char *key, char **copy, const char **namespace, const char **name)
{
	char *end;

	*copy = g_strdup(key);
	end = strchr(*copy, '/');
	*end++ = '\0';
	*namespace = end;
	end = strchr(end, '/');
	*end++ = '\0';
	*name = end;
	for (int i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].name, *copy) == 0)
			return &kinds[i];
	return NULL; /* a record of another release */
}

const struct object *
spool_key_object(struct spool *spool, const char *key)
{
	g_autofree char *copy = NULL;
	const char *namespace, *name;
	const struct kind *kind = spool_key_split(key, &copy, &namespace, &name);

	return kind == NULL ? NULL : store_get(spool->daemon->store, kind_id(kind), namespace, name);
}

/* --- documents -------------------------------------------------------------------------------------------------- */

static bool
is_refused(const struct kind *kind)
{
	for (size_t i = 0; i < G_N_ELEMENTS(refused_kinds); i++)
		if (kind_id(kind) == refused_kinds[i])
			return true;
	return false;
}

static void
take_document(struct spool_known *known, struct spool_file *file, const struct document *document)
{
	const struct kind *kind = NULL;
	void *value = kind_decode(document, "default", &kind, &known->diagnostics);

	if (value == NULL)
		return;
	schema_free(kind->schema, value);
	if (is_refused(kind)) {
		diagnostics_add(&known->diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "kind",
		    "a %s is made by the daemon, not by a file", kind->name);
		return;
	}
	if (path_string(document->root, "metadata.name") == NULL) {
		diagnostics_add(&known->diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "metadata.name",
		    "an object of a file needs a name of its own");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(dropped); i++)
		path_remove(document->root, dropped[i]);
	g_autofree char *key = key_of(kind, document);
	spool_file_add(file, key, json_incref(document->root)); /* from here on the document is kept for its marks */
}

static void
parse(struct spool_known *known, const struct spool_entry *entry)
{
	struct spool_file *file = spool_file_new(entry->path, SPOOL_GOOD);

	known->documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	document_read(entry->path, entry->text, entry->length, known->documents, &known->diagnostics);
	for (guint i = 0; i < known->documents->len; i++)
		take_document(known, file, known->documents->pdata[i]);
	if (known->diagnostics.errors > 0)
		file->reading = SPOOL_WAITING; /* until it has been still long enough */
	spool_file_free(known->file);
	known->file = file;
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

static struct spool_known *
known_new(struct spool *spool, const char *path)
{
	struct spool_known *known = g_new0(struct spool_known, 1);

	known->file = spool_file_new(path, SPOOL_WAITING);
	diagnostics_init(&known->diagnostics);
	g_tree_insert(spool->files, g_strdup(path), known);
	return known;
}

void
spool_known_free(struct spool_known *known)
{
	spool_file_free(known->file);
	g_clear_pointer(&known->documents, g_ptr_array_unref);
	diagnostics_clear(&known->diagnostics);
	g_free(known->sha256);
	g_free(known->refusal);
	g_free(known);
}

/* Forgets what an earlier content led to. */
static void
renew(struct spool_known *known)
{
	g_clear_pointer(&known->documents, g_ptr_array_unref);
	diagnostics_clear(&known->diagnostics);
	diagnostics_init(&known->diagnostics);
	g_clear_pointer(&known->refusal, g_free);
	g_clear_pointer(&known->sha256, g_free);
	known->applied = known->later = false;
	known->dirty = true;
}

void
spool_known_forget(struct spool_known *known)
{
	renew(known);
	known->stamp = (struct spool_stamp) { 0 };
	known->file->reading = SPOOL_WAITING;
	known->changed = clock_monotonic_ms();
}

void
spool_known_forget_trees(struct spool_known *known)
{
	g_clear_pointer(&known->documents, g_ptr_array_unref);
	for (guint i = 0; i < known->file->objects->len; i++)
		json_decref(g_steal_pointer(&((struct spool_object *)known->file->objects->pdata[i])->tree));
}

/* The records hold just this text of the file, and all that it says: as after every start. */
static bool
is_recorded(struct spool *spool, const struct spool_known *known)
{
	const char *path = known->file->path, *text = store_record_get(spool->daemon->store, SPOOL_FILE_BUCKET, path);
	json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	bool same = known->file->reading == SPOOL_GOOD && g_strcmp0(path_string(record, "sha256"), known->sha256) == 0;

	json_decref(record);
	for (guint i = 0; i < known->file->objects->len && same; i++) {
		const struct spool_object *object = known->file->objects->pdata[i];
		g_autofree char *key = g_strconcat(path, "\n", object->key, NULL);
		same = store_record_get(spool->daemon->store, SPOOL_BUCKET, key) != NULL;
	}
	return same;
}

static void
take_text(struct spool *spool, struct spool_known *known, const struct spool_entry *entry)
{
	g_autofree char *sha256 = digest_sha256_hex(entry->text, entry->length);

	known->stamp = entry->stamp;
	if (g_strcmp0(sha256, known->sha256) == 0 && known->file->reading != SPOOL_WAITING)
		return; /* touched, or written again with the same words */
	renew(known);
	known->sha256 = g_steal_pointer(&sha256);
	known->changed = clock_monotonic_ms();
	parse(known, entry);
	/* Thousands of trees would else wait for the plan together, only to turn out to be nothing new. */
	if (is_recorded(spool, known))
		spool_known_forget_trees(known);
}

static void
take_refusal(struct spool_known *known, const struct spool_entry *entry)
{
	const struct diagnostic *last =
	    known->diagnostics.items != NULL && known->diagnostics.items->len == 1 ? known->diagnostics.items->pdata[0] : NULL;

	known->stamp = (struct spool_stamp) { 0 }; /* it may be put right without a new stamp */
	if (known->file->reading == SPOOL_BAD && last != NULL && strcmp(last->message, entry->error) == 0)
		return;
	renew(known);
	known->file->reading = SPOOL_BAD;
	diagnostics_add_at(&known->diagnostics, SEVERITY_ERROR, entry->path, 0, 0, "%s", entry->error);
}

bool
spool_read_entry(struct spool *spool, struct spool_entry *entry)
{
	struct spool_known *known = g_tree_lookup(spool->files, entry->path);

	if (known == NULL)
		known = known_new(spool, entry->path);
	if (entry->state == SPOOL_READ)
		take_text(spool, known, entry);
	else if (entry->state == SPOOL_REFUSED)
		take_refusal(known, entry);
	else if (entry->state == SPOOL_MOVING) {
		known->file->reading = SPOOL_WAITING;
		known->stamp = (struct spool_stamp) { 0 };
		return true;
	}
	if (known->file->reading != SPOOL_WAITING)
		return false;
	if (clock_monotonic_ms() - known->changed < SPOOL_UNSETTLED_MS)
		return true;
	known->file->reading = SPOOL_BAD;
	known->dirty = true;
	return false;
}
