/* Memory dumps that are asked for (fact sheet, section 8.1); see verb_memory_dump.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/memory_dump.h"
#include "daemon/controllers/vmi.h"
#include "daemon/objects.h"
#include "daemon/verb_memory_dump.h"
#include "daemon/verbs.h"
#include "daemon/volume.h"
#include "src/api/datavolume.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/document/path.h"

static const struct vmi *
running_instance(struct daemon *daemon, const struct object *vm, struct error *err)
{
	const struct object *object = store_get(daemon->store, KIND_VMI, vm->namespace, vm->name);
	const struct vmi *vmi = object == NULL ? NULL : object->value;

	if (vmi != NULL && vmi->status->phase == VMI_RUNNING)
		return vmi;
	error_set(err, EBUSY, "VMI is not running");
	return NULL;
}

/* --- the claim ------------------------------------------------------------------------------------------------------ */

/* It would be overwritten. */
static int
check_disks(struct daemon *daemon, const struct object *vm, const char *name, struct error *err)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_VM, vm->namespace);

	for (guint i = 0; i < all->len; i++) {
		const struct object *object = all->pdata[i];
		const struct vm *other = object->value;

		SCHEMA_EACH (struct volume, v, &other->spec->template->spec->volumes)
			if (g_strcmp0(volume_claim(v), name) == 0 || g_strcmp0(volume_base_claim(v), name) == 0)
				return error_set(err, EBUSY, "pvc %s is the disk %s of VirtualMachine %s, and would be overwritten: name another one",
				    name, v->name, object->name);
	}
	return 0;
}

static int
check_size(const struct vmi *vmi, const char *name, int64_t size, struct error *err)
{
	int64_t needed = memory_dump_size(vmi);
	g_autofree char *is = quantity_format_bytes(size), *least = quantity_format_bytes(needed);

	return size >= needed ? 0 : error_set(err, EBUSY, "pvc %s has %s, and a memory dump needs %s", name, is, least);
}

static int
check_claim(struct daemon *daemon, const struct object *vm, const struct vmi *vmi, const char *name, struct error *err)
{
	const struct object *object = store_get(daemon->store, KIND_CLAIM, vm->namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;
	const char *node = NULL, *path = NULL;
	bool gone = false;
	char why[256];

	if (claim == NULL)
		return error_set(err, ENOENT, "persistentvolumeclaims \"%s\" not found", name);
	if (claim->spec->volume_mode == VOLUME_MODE_BLOCK)
		return error_set(err, EBUSY, "pvc %s should be a filesystem pvc: its volumeMode is Block", name);
	if (claim->spec->access_modes != NULL && g_strv_length(claim->spec->access_modes) == 1 &&
	    g_strcmp0(claim->spec->access_modes[0], "ReadOnlyMany") == 0)
		return error_set(err, EBUSY, "pvc access mode can't be read only: %s", name);
	if (check_size(vmi, name, claim_request(claim->spec), err) != 0 || check_disks(daemon, vm, name, err) != 0)
		return -1;
	if (g_strcmp0(volume_place(claim).format, "raw") != 0)
		return error_set(err, EBUSY, "pvc %s is a clone of another volume: a memory dump needs one of its own", name);
	/* One that is just being made is waited for. */
	if (claim->status->phase == CLAIM_BOUND && !claim_is_usable(daemon, vm->namespace, name, &node, &path, &gone, why, sizeof(why)))
		return error_set(err, EBUSY, "%s", why);
	return 0;
}

/* --- the request ---------------------------------------------------------------------------------------------------- */

static int
check_request(const struct vm *vm, const char *name, struct error *err)
{
	const struct memory_dump_request *r = vm->status->memory_dump_request;

	if (r == NULL)
		return 0;
	if (g_strcmp0(r->claim_name, name) != 0)
		return error_set(err, EBUSY, "can't request memory dump for pvc [%s] while pvc [%s] is still associated as the memory dump pvc", name,
		    r->claim_name);
	return memory_dump_is_under_way(vm) ? error_set(err, EBUSY, "a memory dump to pvc %s is in progress already", name) : 0;
}

/* The template's volumes without the one for memory dumps, and with one for this claim unless that is NULL; NULL: its name is
 * another volume's. */
static json_t *
volumes_with(const struct object *vm, const char *claim, struct error *err)
{
	json_t *tree = object_tree(vm), *volumes = json_incref(path_find(tree, "spec.template.spec.volumes"));

	json_decref(tree);
	if (volumes == NULL)
		volumes = json_array();
	for (size_t i = json_array_size(volumes); i-- > 0;)
		if (json_object_get(json_array_get(volumes, i), "memoryDump") != NULL)
			json_array_remove(volumes, i);
	for (size_t i = 0; claim != NULL && i < json_array_size(volumes); i++)
		if (g_strcmp0(path_string(json_array_get(volumes, i), "name"), claim) == 0) {
			error_set(err, EBUSY, "the machine has a volume %s already, which is no memoryDump", claim);
			json_decref(volumes);
			return NULL;
		}
	if (claim != NULL)
		json_array_append_new(volumes, json_pack("{s:s,s:{s:s,s:b}}", "name", claim, "memoryDump", "claimName", claim, "hotpluggable", 1));
	return volumes;
}

static int
put(struct daemon *daemon, const struct object *vm, json_t *volumes, json_t *request, const json_t *body, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:{s:o}}},s:{s:o}}", "spec", "template", "spec", "volumes", volumes, "status",
	    "memoryDumpRequest", request);
	int r = verb_is_dry_run(body) || objects_patch(daemon, vm, patch, err) != NULL ? 0 : -1;

	json_decref(patch);
	return r;
}

int
verb_memory_dump(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	const char *name = json_string_value(json_object_get(body, "claimName"));
	const struct vmi *vmi;
	json_t *volumes;

	if (name == NULL || *name == '\0')
		return error_set(err, EINVAL, "claimName: is required: the PersistentVolumeClaim that the memory is written to");
	vmi = running_instance(daemon, object, err);
	if (vmi == NULL || check_request(object->value, name, err) != 0 || check_claim(daemon, object, vmi, name, err) != 0)
		return -1;
	volumes = volumes_with(object, name, err);
	if (volumes == NULL)
		return -1;
	return put(daemon, object, volumes, json_pack("{s:s,s:s,s:n,s:n,s:n,s:n}", "claimName", name, "phase",
	    memory_dump_phase_words[MEMORY_DUMP_ASSOCIATING], "startTimestamp", "endTimestamp", "fileName", "message"), body, err);
}

int
verb_remove_memory_dump(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	const struct vm *vm = object->value;

	if (vm->status->memory_dump_request == NULL)
		return error_set(err, EBUSY, "no memory dump is associated with this machine");
	if (memory_dump_is_under_way(vm))
		return error_set(err, EBUSY, "the memory dump to pvc %s is in progress: it can be removed when it is over",
		    vm->status->memory_dump_request->claim_name);
	return put(daemon, object, volumes_with(object, NULL, err), json_null(), body, err);
}
