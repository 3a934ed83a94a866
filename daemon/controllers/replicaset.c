/* The replica set controller: as many equal instances as are wanted; those that ended are replaced. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/replicas.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/document/path.h"

/* As many are made or deleted in one look; then the others have their turn. */
enum { BURST = 50 };

/* One look at a set. */
struct set_look {
	struct daemon *daemon;
	const struct object *object;
	const struct replica_set *set;
	GPtrArray *members; /* not in deletion */
	int64_t live, ready;
	const char *failure; /* reason, or NULL */
	struct error *err;
};

/* What the name of a new instance begins with: the template's own words, else the set's. */
static char *
stem_for(const struct set_look *l, const json_t *metadata)
{
	const char *own = path_string(metadata, "name"), *generate = path_string(metadata, "generateName");

	return generate != NULL ? g_strdup(generate) : g_strconcat(own != NULL ? own : l->object->name, "-", NULL);
}

static void
add_members(struct set_look *l, int64_t count)
{
	json_t *tree = object_tree(l->object), *template = path_find(tree, "spec.template");
	const json_t *metadata = json_object_get(template, "metadata");
	g_autofree char *stem = stem_for(l, metadata);

	for (int64_t i = 0; i < MIN(count, BURST) && l->failure == NULL; i++) {
		json_t *member = replica_tree(l->object, KIND_VMI, NULL, metadata, json_object_get(template, "spec"));

		path_set(member, "metadata.generateName", json_string(stem));
		if (!replica_create(l->daemon, l->object, member, l->err))
			l->failure = REPLICA_FAILED_CREATE;
		else
			l->live++;
	}
	json_decref(tree);
	if (count > BURST)
		controllers_requeue(l->daemon, l->object, 0);
}

static void
remove_member(struct set_look *l, const struct object *member)
{
	if (l->failure == NULL && !replica_delete(l->daemon, l->object, member, l->err))
		l->failure = REPLICA_FAILED_DELETE;
}

/* Those that ended go, whatever else; of the others, those that are not ready go first. */
static void
remove_members(struct set_look *l, int64_t surplus)
{
	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < l->members->len && surplus > 0; i++) {
			const struct object *member = l->members->pdata[i];
			const struct vmi *vmi = member->value;

			if (vmi_is_final(vmi) || condition_is_true(&vmi->status->conditions, "Ready") != (pass == 1))
				continue;
			remove_member(l, member);
			l->live--;
			surplus--;
		}
}

static void
look_at_members(struct set_look *l, bool paused)
{
	for (guint i = 0; i < l->members->len; i++) {
		const struct vmi *vmi = ((const struct object *)l->members->pdata[i])->value;

		if (vmi_is_final(vmi) && !paused)
			remove_member(l, l->members->pdata[i]);
		l->live += !vmi_is_final(vmi);
		l->ready += !vmi_is_final(vmi) && condition_is_true(&vmi->status->conditions, "Ready");
	}
}

static void
leave_out_doomed(GPtrArray *members)
{
	for (guint i = members->len; i-- > 0;) {
		const struct object_head *head = ((const struct object *)members->pdata[i])->value;

		if (head->meta->deletion_timestamp != 0)
			g_ptr_array_remove_index(members, i);
	}
}

int
replica_set_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct replica_set *set = object->value;
	struct error trouble = { 0 };
	struct set_look l = { .daemon = daemon, .object = object, .set = set, .err = &trouble };
	int r;

	if (set->head.meta->deletion_timestamp != 0)
		return 0;
	l.members = replicas_of(daemon, object, KIND_VMI, set->spec->selector);
	leave_out_doomed(l.members);
	look_at_members(&l, set->spec->paused);
	if (!set->spec->paused && l.live < set->spec->replicas)
		add_members(&l, set->spec->replicas - l.live);
	else if (!set->spec->paused && l.live > set->spec->replicas)
		remove_members(&l, l.live - set->spec->replicas);
	r = replicas_tell(daemon, object, set->spec->selector, l.live, l.ready, set->spec->paused, l.failure,
	    l.failure == NULL ? NULL : trouble.text, err);
	g_ptr_array_unref(l.members);
	if (r == 0 && l.failure != NULL)
		return error_set(err, trouble.code, "%s", trouble.text);
	return r;
}
