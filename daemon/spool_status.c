/*
 * What people are shown of the spool: the table of "solovirt spool", and a status file for each file.
 *
 *   <runtimeDirectory>/spool/<path of the file>.status     YAML, replaced by rename
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/spool_private.h"
#include "src/api/core.h"
#include "src/api/datavolume.h"
#include "src/api/vm.h"
#include "src/api/vmi.h"
#include "src/base/clock.h"
#include "src/base/digest.h"
#include "src/base/log.h"
#include "src/document/path.h"

/* --- one object ------------------------------------------------------------------------------------------------- */

static void
set_text(json_t *row, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(row, name, json_string(text));
}

/* The first condition that says what is wrong, in its own words. */
static void
set_reason(json_t *row, const struct schema_list *conditions)
{
	static const char *const wrong_when_true[] = { "Failure" }, *const wrong_when_false[] = { "Ready", "Bound", "Running" };
	const struct condition *found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong_when_true) && found == NULL; i++)
		if (condition_is_true(conditions, wrong_when_true[i]))
			found = condition_find(conditions, wrong_when_true[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong_when_false) && found == NULL; i++) {
		const struct condition *condition = condition_find(conditions, wrong_when_false[i]);
		if (condition != NULL && g_strcmp0(condition->status, "False") == 0)
			found = condition;
	}
	if (found == NULL)
		return;
	const char *reason = found->reason == NULL ? "" : found->reason, *message = found->message == NULL ? "" : found->message;
	g_autofree char *text = g_strconcat(reason, reason[0] != '\0' && message[0] != '\0' ? ": " : "", message, NULL);
	set_text(row, "reason", text);
}

static void
show_vmi(struct spool *spool, const struct object *object, json_t *row)
{
	const struct vmi *vmi = object->value;

	(void)spool;
	set_text(row, "phase", vmi_phase_words[vmi->status->phase]);
	set_text(row, "node", vmi->status->node_name);
	SCHEMA_EACH (struct vmi_interface_status, interface, &vmi->status->interfaces) {
		if (json_object_get(row, "ip") == NULL)
			set_text(row, "ip", interface->ip_address);
	}
	set_reason(row, &vmi->status->conditions);
	if (json_object_get(row, "reason") == NULL)
		set_text(row, "reason", vmi->status->reason);
}

/* Node and address are its instance's. */
static void
show_vm(struct spool *spool, const struct object *object, json_t *row)
{
	const struct vm *vm = object->value;
	const struct object *vmi = store_get(spool->daemon->store, KIND_VMI, object->namespace, object->name);

	if (vmi != NULL)
		show_vmi(spool, vmi, row);
	json_object_del(row, "reason");
	json_object_del(row, "phase");
	set_text(row, "phase", vm->status->printable_status);
	if (vm_run_strategy(vm) != RUN_HALTED)
		set_reason(row, &vm->status->conditions);
}

static void
show_data_volume(struct spool *spool, const struct object *object, json_t *row)
{
	const struct data_volume *volume = object->value;
	const char *phase = data_volume_phase_words[volume->status->phase], *progress = volume->status->progress;
	bool shown = progress != NULL && strcmp(progress, "N/A") != 0 && volume->status->phase != DATA_VOLUME_SUCCEEDED;
	g_autofree char *text = g_strconcat(phase, shown ? " " : "", shown ? progress : "", NULL);

	(void)spool;
	set_text(row, "phase", text);
	if (volume->status->phase != DATA_VOLUME_SUCCEEDED)
		set_reason(row, &volume->status->conditions);
}

static void
show_claim(struct spool *spool, const struct object *object, json_t *row)
{
	const struct claim *claim = object->value;

	(void)spool;
	set_text(row, "phase", claim_phase_words[claim->status->phase]);
	set_reason(row, &claim->status->conditions);
}

/* Kinds that have more to show than that they are there. */
static void (*const shows[KIND_COUNT])(struct spool *spool, const struct object *object, json_t *row) = {
	[KIND_VM] = show_vm,
	[KIND_VMI] = show_vmi,
	[KIND_DATA_VOLUME] = show_data_volume,
	[KIND_CLAIM] = show_claim,
};

static json_t *
show_object(struct spool *spool, const char *key)
{
	g_autofree char *copy = NULL;
	const char *namespace, *name;
	const struct kind *kind = spool_key_split(key, &copy, &namespace, &name);
	const struct object *object = spool_key_object(spool, key);
	json_t *row = json_pack("{s:s, s:s, s:s}", "kind", copy, "namespace", namespace, "name", name);

	if (object == NULL) {
		json_object_set_new(row, "phase", json_string("Absent"));
		return row;
	}
	if (shows[kind_id(kind)] != NULL)
		shows[kind_id(kind)](spool, object, row);
	if (((const struct object_head *)object->value)->meta->deletion_timestamp != 0)
		json_object_set_new(row, "phase", json_string("Terminating"));
	return row;
}

/* --- one file --------------------------------------------------------------------------------------------------- */

/* What a walk over the records of one file needs. */
struct gathering {
	struct spool *spool;
	const char *path;
	json_t *objects;
};

static void
gather(void *arg, const char *key, const char *value)
{
	struct gathering *gathering = arg;
	size_t length = strlen(gathering->path);

	(void)value;
	if (strncmp(key, gathering->path, length) == 0 && key[length] == '\n')
		json_array_append_new(gathering->objects, show_object(gathering->spool, key + length + 1));
}

/* What a file that has mistakes said last, or one that is gone. */
static json_t *
objects_said(struct spool *spool, const char *path)
{
	struct gathering gathering = { spool, path, json_array() };

	store_record_each(spool->daemon->store, SPOOL_BUCKET, gather, &gathering);
	return gathering.objects;
}

static json_t *
objects_now(struct spool *spool, const struct spool_known *known)
{
	json_t *objects = json_array();

	for (guint i = 0; i < known->file->objects->len; i++)
		json_array_append_new(objects, show_object(spool, ((const struct spool_object *)known->file->objects->pdata[i])->key));
	return objects;
}

static json_int_t
generation_of(struct spool *spool, const char *path)
{
	const char *text = store_record_get(spool->daemon->store, SPOOL_FILE_BUCKET, path);
	json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	json_int_t generation = json_integer_value(json_object_get(record, "generation"));

	json_decref(record);
	return generation;
}

static const char *
state_of(const struct spool_known *known)
{
	if (known->file->reading == SPOOL_WAITING)
		return "Reading";
	if (known->file->reading == SPOOL_BAD || known->refusal != NULL || known->diagnostics.errors > 0)
		return "Error";
	return known->applied ? "Accepted" : "Pending";
}

/* Mistakes of a file that is still being written are not shown: they may be gone in a moment. */
static void
add_findings(json_t *row, const struct spool_known *known)
{
	json_t *errors = json_array(), *warnings = json_array(), *all = diagnostics_json(&known->diagnostics), *finding;
	size_t i;

	if (known->refusal != NULL)
		json_array_append_new(errors, json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", known->file->path, "line", 0, "column", 0,
		                                  "field", "", "message", known->refusal));
	json_array_foreach(all, i, finding)
		json_array_append(strcmp(path_string(finding, "severity"), "error") == 0 ? errors : warnings, finding);
	json_decref(all);
	if (known->file->reading == SPOOL_WAITING)
		json_array_clear(errors);
	json_object_set_new(row, "errors", errors);
	json_object_set_new(row, "warnings", warnings);
}

json_t *
spool_status_file(struct spool *spool, const struct spool_known *known)
{
	const char *path = known->file->path;
	json_t *row = json_pack("{s:s, s:s, s:I}", "file", path, "state", state_of(known), "generation", generation_of(spool, path));

	json_object_set_new(row, "objects", known->applied ? objects_now(spool, known) : objects_said(spool, path));
	add_findings(row, known);
	return row;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static gboolean
add_known(gpointer path, gpointer known, gpointer arg)
{
	struct gathering *gathering = arg;

	(void)path;
	json_array_append_new(gathering->objects, spool_status_file(gathering->spool, known));
	return FALSE;
}

/* Files that are gone while their objects are not. */
static void
add_gone(void *arg, const char *key, const char *value)
{
	struct gathering *gathering = arg;
	const char *end = strchr(key, '\n');
	g_autofree char *path = end == NULL ? NULL : g_strndup(key, (gsize)(end - key));

	(void)value;
	if (path == NULL || g_tree_lookup(gathering->spool->files, path) != NULL || g_strcmp0(gathering->path, path) == 0)
		return;
	json_t *row = json_pack("{s:s, s:s, s:I, s:o, s:[], s:[]}", "file", path, "state",
	    gathering->spool->held > 0 ? "Held" : "Missing", "generation", generation_of(gathering->spool, path), "objects",
	    objects_said(gathering->spool, path), "errors", "warnings");
	json_array_append_new(gathering->objects, row);
	gathering->path = path_string(row, "file"); /* records are sorted: the next one may be of the same file */
}

json_t *
spool_status(struct spool *spool)
{
	struct gathering gathering = { spool, NULL, json_array() };
	json_t *status = json_pack("{s:s, s:i}", "spoolDirectory", spool->directory, "held", (int)spool->held);

	set_text(status, "reason", spool->held > 0 ? spool->why : spool->doubt);
	g_tree_foreach(spool->files, add_known, &gathering);
	store_record_each(spool->daemon->store, SPOOL_BUCKET, add_gone, &gathering);
	json_object_set_new(status, "files", gathering.objects);
	return status;
}

/* --- status files ----------------------------------------------------------------------------------------------- */

static char *
status_path(struct spool *spool, const char *path)
{
	return g_strdup_printf("%s/spool/%s.status", spool->daemon->config->runtime_directory, path);
}

/* No fsync: the runtime directory does not survive anyway.  0, or an errno. */
static int
replace_file(const char *path, const char *text, size_t length)
{
	g_autofree char *folder = g_path_get_dirname(path), *temporary = g_strconcat(path, ".tmp", NULL);
	int fd = -1, code = 0;

	if (g_mkdir_with_parents(folder, 0755) == 0)
		fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return errno;
	ssize_t written = write(fd, text, length);
	if (written != (ssize_t)length)
		code = written < 0 ? errno : ENOSPC;
	close(fd);
	if (code == 0 && rename(temporary, path) != 0)
		code = errno;
	if (code != 0)
		unlink(temporary);
	return code;
}

/* 0, or the errno of what could not be written. */
static int
write_status(struct spool *spool, const char *key, const struct spool_known *known)
{
	g_autoptr(GString) text = g_string_new(NULL);
	json_t *row = spool_status_file(spool, known);

	yaml_write(row, text);
	json_decref(row);
	g_autofree char *sum = digest_sha256_hex(text->str, text->len);
	if (g_strcmp0(g_hash_table_lookup(spool->shown, key), sum) == 0)
		return 0;
	g_autofree char *path = status_path(spool, key);
	int code = replace_file(path, text->str, text->len);
	if (code == 0)
		g_hash_table_insert(spool->shown, g_strdup(key), g_steal_pointer(&sum));
	return code;
}

/* A slice of writing. */
struct writing {
	struct spool *spool;
	int64_t end; /* monotonic ms */
	bool over;   /* the slice was not enough */
	bool failed; /* something could not be written: it is still to be done */
};

/* One line tells of all that fails: a full disk is not made fuller. */
static void
writing_failed(struct writing *writing, const char *key, int code)
{
	g_autofree char *path = status_path(writing->spool, key);

	if (!writing->failed)
		log_warning("cannot write %s: %s", path, g_strerror(code));
	writing->failed = true;
}

static gboolean
write_known(gpointer key, gpointer value, gpointer arg)
{
	struct writing *writing = arg;
	struct spool_known *known = value;

	if (!known->dirty)
		return FALSE;
	if (clock_monotonic_ms() >= writing->end) {
		writing->over = true;
		return TRUE;
	}
	int code = write_status(writing->spool, key, known);
	known->dirty = code != 0;
	if (code != 0)
		writing_failed(writing, key, code);
	return FALSE;
}

static gboolean
is_gone(gpointer key, gpointer value, gpointer arg)
{
	struct writing *writing = arg;
	struct spool *spool = writing->spool;

	(void)value;
	if (g_tree_lookup(spool->files, key) != NULL)
		return FALSE;
	g_autofree char *path = status_path(spool, key);
	if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR) {
		writing_failed(writing, key, errno);
		return FALSE;
	}
	/* Its folders go when they are empty; rmdir(2) refuses otherwise. */
	g_autofree char *top = g_build_filename(spool->daemon->config->runtime_directory, "spool", NULL);
	g_autofree char *folder = g_path_get_dirname(path);
	while (strlen(folder) > strlen(top) && rmdir(folder) == 0) {
		char *parent = g_path_get_dirname(folder);
		g_free(folder);
		folder = parent;
	}
	return TRUE;
}

int64_t
spool_status_write(struct spool *spool)
{
	struct writing writing = { spool, clock_monotonic_ms() + SPOOL_SLICE_MS, false, false };

	g_hash_table_foreach_remove(spool->shown, is_gone, &writing);
	g_tree_foreach(spool->files, write_known, &writing);
	if (writing.failed)
		return SPOOL_STATUS_AGAIN_MS;
	return writing.over ? 0 : -1;
}

bool
spool_status_touch(struct spool *spool, const struct object *object)
{
	const struct meta *meta = ((const struct object_head *)object->value)->meta;
	const char *path = schema_map_get(&meta->annotations, SPOOL_FILE_ANNOTATION);

	if (object->kind == &kinds[KIND_VMI] && path == NULL) {
		/* An instance is shown with its machine. */
		const struct object *vm = store_get(spool->daemon->store, KIND_VM, object->namespace, object->name);
		if (vm != NULL)
			path = schema_map_get(&((const struct object_head *)vm->value)->meta->annotations, SPOOL_FILE_ANNOTATION);
	}
	struct spool_known *known = path == NULL ? NULL : g_tree_lookup(spool->files, path);
	if (known != NULL)
		known->dirty = true;
	return known != NULL;
}
