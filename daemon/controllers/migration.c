/* The migration controller.  There is one host for each instance so far: a migration is told why it cannot be. */
#include "config.h"

#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "src/api/migration.h"

static int
fail(struct daemon *daemon, const struct object *object, const char *why, struct error *err)
{
	struct migration_status *status = objects_status_copy(object);
	int r;

	status->phase = MIGRATION_FAILED;
	condition_set(&status->conditions, "Failure", true, "FailedMigration", why, daemon_now(daemon));
	daemon_event(daemon, object, "Warning", "FailedMigration", "%s", why);
	r = objects_set_status(daemon, object, status, err);
	schema_free(&migration_status_schema, status);
	return r;
}

int
migration_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct migration *migration = object->value;

	if (migration->status->phase >= MIGRATION_SUCCEEDED || migration->head.meta->deletion_timestamp != 0)
		return 0;
	if (store_get(daemon->store, KIND_VMI, object->namespace, migration->spec->vmi_name) == NULL)
		return fail(daemon, object, "Migration failed because vmi does not exist.", err);
	return fail(daemon, object, "running machines do not move to other hosts yet: stop it and start it there", err);
}
