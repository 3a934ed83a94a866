/* Which devices specs may ask for; see devices.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/devices.h"
#include "daemon/store.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

/* One admission under way. */
struct admission {
	const struct document *document;
	struct diagnostics *diagnostics;
	const char **permitted;
	bool gpus_too; /* there is a word about devices */
	int result;
};

static void
refuse(struct admission *a, const char *path, const char *name)
{
	g_autofree char *names = g_strjoinv(", ", (char **)(uintptr_t)a->permitted);

	if (a->permitted[0] == NULL)
		diagnostics_add(a->diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, a->document, path,
		    "\"%.100s\" is not permitted: the configuration permits no devices; name it under permittedHostDevices", name);
	else
		diagnostics_add(a->diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, a->document, path,
		    "\"%.100s\" is not permitted: permittedHostDevices of the configuration has %s", name, names);
	a->result = -1;
}

static void
check_list(struct admission *a, const json_t *devices, const char *path, const char *list)
{
	const json_t *device;
	size_t i;

	json_array_foreach (json_object_get(devices, list), i, device) {
		const char *name = path_string(device, "deviceName");
		g_autofree char *field = g_strdup_printf("%s.%s[%zu].deviceName", path, list, i);

		if (name != NULL && !g_strv_contains(a->permitted, name))
			refuse(a, field, name);
	}
}

/* None and none are the same, too. */
static bool
is_same(const json_t *a, const json_t *b)
{
	return a == b || json_equal(a, b);
}

static bool
is_unchanged(const json_t *devices, const json_t *old)
{
	return old != NULL && is_same(json_object_get(devices, "gpus"), json_object_get(old, "gpus")) &&
	    is_same(json_object_get(devices, "hostDevices"), json_object_get(old, "hostDevices"));
}

static int
admit(struct daemon *daemon, enum kind_id kind, const char *path, const json_t *tree, const struct document *document,
    struct diagnostics *diagnostics)
{
	const struct object *current = store_get(daemon->store, kind, path_string(tree, "metadata.namespace"),
	    path_string(tree, "metadata.name"));
	json_t *old = current == NULL ? NULL : object_tree(current);
	const json_t *devices = path_find(tree, path);
	g_autofree const char **permitted = config_permitted(daemon->config);
	struct admission a = { document, diagnostics, permitted, daemon->config->permitted != NULL, 0 };

	if (!is_unchanged(devices, path_find(old, path))) {
		check_list(&a, devices, path, "hostDevices");
		if (a.gpus_too)
			check_list(&a, devices, path, "gpus");
	}
	json_decref(old);
	return a.result;
}

int
devices_admit_vm(struct daemon *daemon, json_t *vm, const struct document *document, struct diagnostics *diagnostics)
{
	return admit(daemon, KIND_VM, "spec.template.spec.domain.devices", vm, document, diagnostics);
}

int
devices_admit_instance(struct daemon *daemon, json_t *vmi, const struct document *document, struct diagnostics *diagnostics)
{
	return admit(daemon, KIND_VMI, "spec.domain.devices", vmi, document, diagnostics);
}
