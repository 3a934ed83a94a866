/* Members of replica sets and pools; see replicas.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/replicas.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/document/path.h"

static bool
is_controlled_by(const struct object *member, const struct object *owner)
{
	const struct object_head *head = member->value;

	SCHEMA_EACH (struct owner_reference, r, &head->meta->owner_references)
		if (r->controller && g_strcmp0(r->uid, owner->uid) == 0)
			return true;
	return false;
}

GPtrArray *
replicas_of(struct daemon *daemon, const struct object *owner, enum kind_id kind, const struct label_selector *selector)
{
	GPtrArray *all = store_owned(daemon->store, owner->uid);

	for (guint i = all->len; i-- > 0;) {
		const struct object *member = all->pdata[i];
		const struct object_head *head = member->value;

		if (member->kind != &kinds[kind] || !is_controlled_by(member, owner) ||
		    !label_selector_matches(selector, &head->meta->labels))
			g_ptr_array_remove_index(all, i);
	}
	return all;
}

json_t *
replica_tree(const struct object *owner, enum kind_id kind, const char *name, const json_t *metadata, const json_t *spec)
{
	static const char *const maps[] = { "labels", "annotations" };
	json_t *tree = json_pack("{s:s,s:s,s:{s:s*,s:s,s:[o]},s:o}", "apiVersion", kind_api_version(&kinds[kind]), "kind", kinds[kind].name,
	    "metadata", "name", name, "namespace", owner->namespace, "ownerReferences", objects_owner_reference(owner), "spec",
	    json_deep_copy(spec));

	for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
		json_t *map = json_object_get(metadata, maps[i]);

		if (json_is_object(map))
			json_object_set_new(json_object_get(tree, "metadata"), maps[i], json_deep_copy(map));
	}
	return tree;
}

/* KubeVirt's words: a pool's machines are VMs, a set's instances say what they are. */
static const char *
member_word(const struct kind *kind)
{
	return kind == &kinds[KIND_VM] ? "VM" : "virtual machine";
}

bool
replica_create(struct daemon *daemon, const struct object *owner, json_t *tree, struct error *err)
{
	const char *word = strcmp(path_string(tree, "kind"), kinds[KIND_VM].name) == 0 ? "VM" : "virtual machine";
	const struct object *made = objects_create_tree(daemon, tree, owner->namespace, err);

	if (made != NULL)
		daemon_event(daemon, owner, "Normal", "SuccessfulCreate", "Created %s %s/%s", word, made->namespace, made->name);
	else
		daemon_event(daemon, owner, "Warning", REPLICA_FAILED_CREATE, "Error creating %s: %s", word, err->text);
	return made != NULL;
}

bool
replica_delete(struct daemon *daemon, const struct object *owner, const struct object *member, struct error *err)
{
	const struct delete_options options = { .grace_period_seconds = -1 };
	const char *word = member_word(member->kind);
	g_autofree char *name = g_strdup_printf("%s/%s", member->namespace, member->name);

	if (objects_delete(daemon, member, &options, NULL, err) == 0) {
		daemon_event(daemon, owner, "Normal", "SuccessfulDelete", "Deleted %s %s", word, name);
		return true;
	}
	daemon_event(daemon, owner, "Warning", REPLICA_FAILED_DELETE, "Error deleting %s %s: %s", word, name, err->text);
	return false;
}

/* --- status -------------------------------------------------------------------------------------------------------------- */

static void
put_requirement(GString *out, const struct label_requirement *r)
{
	static const char *const words[] = { [LABEL_IN] = " in ", [LABEL_NOT_IN] = " notin " };
	g_autofree char *values = r->values == NULL ? NULL : g_strjoinv(",", r->values);

	g_string_append_printf(out, "%s%s%s", out->len > 0 ? "," : "", r->operator == LABEL_DOES_NOT_EXIST ? "!" : "", r->key);
	if (r->operator <= LABEL_NOT_IN)
		g_string_append_printf(out, "%s(%s)", words[r->operator], values);
}

/* "a=b,c in (d,e),f,!g": as kubectl takes it. */
static char *
selector_text(const struct label_selector *selector)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < selector->match_labels.count; i++)
		g_string_append_printf(out, "%s%s=%s", i > 0 ? "," : "", selector->match_labels.entries[i].name,
		    selector->match_labels.entries[i].value);
	SCHEMA_EACH (struct label_requirement, r, &selector->match_expressions)
		put_requirement(out, r);
	return g_string_free(out, FALSE);
}

int
replicas_tell(struct daemon *daemon, const struct object *owner, const struct label_selector *selector, int64_t count,
    int64_t ready, bool paused, const char *reason, const char *message, struct error *err)
{
	struct replica_status *status = objects_status_copy(owner);
	const char *who = owner->kind == &kinds[KIND_POOL] ? "Pool controller" : "Controller";
	bool was_paused = condition_is_true(&status->conditions, "ReplicaPaused");
	g_autofree char *told = g_strdup_printf("%s got paused", who);
	int64_t now = daemon_now(daemon);
	int r;

	status->replicas = count;
	status->ready_replicas = ready;
	g_free(status->label_selector);
	status->label_selector = selector_text(selector);
	if (paused)
		condition_set(&status->conditions, "ReplicaPaused", true, "SuccessfulPaused", told, now);
	else
		condition_remove(&status->conditions, "ReplicaPaused");
	if (paused != was_paused)
		daemon_event(daemon, owner, "Normal", paused ? "SuccessfulPaused" : "SuccessfulResumed", "%s got %s", who,
		    paused ? "paused" : "resumed");
	if (reason != NULL)
		condition_set(&status->conditions, "ReplicaFailure", true, reason, message, now);
	else
		condition_remove(&status->conditions, "ReplicaFailure");
	r = objects_set_status(daemon, owner, status, err);
	schema_free(&replica_status_schema, status);
	return r;
}
