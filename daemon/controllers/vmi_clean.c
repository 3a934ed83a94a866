/* What an instance leaves on its host goes: the domain's definition, then what was made for it.  Begun again where it was cut off; see vmi.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_ceph.h"
#include "daemon/controllers/vmi_files.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

struct clean {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host;
	bool begun;
	GPtrArray *files, *folders; /* char *, in the pool */
	size_t file, folder;        /* how far it is */
};

static void
clean_free(struct clean *c)
{
	g_ptr_array_unref(c->files);
	g_ptr_array_unref(c->folders);
	g_free(c->namespace);
	g_free(c->name);
	g_free(c->uid);
	g_free(c->host);
	g_free(c);
}

/* The instance that the job is for, or NULL when it is gone. */
static const struct object *
clean_object(const struct clean *c)
{
	return store_get_uid(c->daemon->store, c->uid);
}

static int
clean_next(void *context, struct job_step *step, struct error *err)
{
	struct clean *c = context;
	const struct object *object = clean_object(c);
	const struct vmi *vmi = object == NULL ? NULL : object->value;
	g_autofree char *name = domain_name(c->namespace, c->name);

	(void)err;
	step->deadline = HOST_DEADLINE_ACTION;
	if (!c->begun) {
		c->begun = true;
		if (vmi != NULL)
			vmi_files_collect(vmi, c->uid, c->files, c->folders);
		step->verb = "domain-remove";
		step->args = json_pack("{s:s,s:s}", "name", name, "uid", c->uid);
		return 1;
	}
	if (c->folder < c->folders->len) {
		step->verb = "folder-remove";
		step->args = json_pack("{s:s,s:s}", "pool", c->daemon->config->pool->name, "folder", c->folders->pdata[c->folder++]);
		return 1;
	}
	if (c->file == c->files->len)
		return 0;
	step->verb = "volume-delete";
	step->args = json_pack("{s:s,s:s}", "pool", c->daemon->config->pool->name, "volume", c->files->pdata[c->file++]);
	return 1;
}

static void
clean_took(void *context, const char *verb, json_t *result)
{
	struct clean *c = context;
	struct host *host = host_find(c->daemon, c->host);
	g_autofree char *name = domain_name(c->namespace, c->name);

	(void)result;
	if (strcmp(verb, "domain-remove") == 0 && host != NULL)
		host_domain_forget(host, name);
}

/* Images that were sent to another machine went with the rest. */
static void
forget_uploads(const struct clean *c)
{
	for (guint i = 0; i < c->files->len; i++)
		if (store_record_get(c->daemon->store, VMI_UPLOADED, c->files->pdata[i]) != NULL)
			store_record_set(c->daemon->store, VMI_UPLOADED, c->files->pdata[i], NULL, NULL);
}

/* What it wrote is there now. */
static void
measure_disks(struct clean *c, const struct object *object)
{
	SCHEMA_EACH (struct volume, v, &((const struct vmi *)object->value)->spec->volumes)
		claim_measure(c->daemon, c->namespace, volume_claim(v));
}

static void
clean_done(void *context, const struct error *error)
{
	struct clean *c = context;
	const struct object *object = clean_object(c);
	struct error err = { 0 };
	int r = 0;

	if (error != NULL) {
		if (object != NULL && error->code != EHOSTDOWN)
			daemon_event(c->daemon, object, "Warning", "SyncFailed", "cleaning up: %s", error->text);
		if (object != NULL)
			controllers_pace_fail(c->daemon, object, VMI_AGAIN_MS, VMI_AGAIN_MOST_MS);
	} else if (object != NULL) {
		vmi_ceph_release(c->daemon, c->uid);
		forget_uploads(c);
		measure_disks(c, object);
		r = vmi_cleaned(c->daemon, object, &err);
	}
	if (r != 0)
		log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", c->namespace, c->name, "%s", err.text);
	clean_free(c);
}

static const struct job_class clean_class = { clean_next, clean_took, clean_done };

void
vmi_clean(struct daemon *daemon, const struct object *object, struct host *host)
{
	struct clean *c = g_new0(struct clean, 1);

	*c = (struct clean){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .host = g_strdup(host->name), .files = g_ptr_array_new_with_free_func(g_free),
		.folders = g_ptr_array_new_with_free_func(g_free) };
	if (!job_begin(daemon, object, host, &clean_class, c))
		clean_free(c);
}
