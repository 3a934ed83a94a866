/* Rules for devices but disks and interfaces. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"

/* F11, F12: a template says of what type an input is, an instance need not. */
static void
check_input(const struct checking *c, const struct input *i)
{
	const json_t *type = written(c, "type");

	(void)i;
	if (!c->starts && (type == NULL || g_strcmp0(json_string_value(type), "") == 0))
		complain(c, CAUSE_INVALID, "type", "is required: tablet");
}

static void
check_inputs(const struct checking *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i = 0;

	CHECK_EACH (struct input, input, &c->spec->domain->devices->inputs, "domain.devices.inputs", check_input);
	SCHEMA_EACH (struct input, input, &c->spec->domain->devices->inputs) {
		g_autofree char *field = g_strdup_printf("domain.devices.inputs[%zu].name", i++);
		if (is_text(input->name) && !g_hash_table_add(seen, input->name))
			advise(c, field, "\"%s\" is used by an earlier input: the machine cannot start", input->name);
	}
}

/* F13: a display with ramfb shows the guest from its first moment; there is one first moment. */
static void
check_gpus(const struct checking *c)
{
	unsigned count = 0;

	SCHEMA_EACH (struct host_device, g, &c->spec->domain->devices->gpus) {
		const struct virtual_gpu_options *o = g->virtual_gpu_options;
		const struct gpu_display *d = o == NULL ? NULL : o->display;

		count += d != NULL && d->enabled != TRISTATE_FALSE && (d->ram_fb == NULL || d->ram_fb->enabled != TRISTATE_FALSE);
	}
	if (count > 1)
		complain_as(c, CAUSE_INVALID, "domain.devices.GPUs", "domain.devices.gpus",
		    "only one GPU can be the first display: set virtualGPUOptions.display.ramFB.enabled to false on the others");
}

/* Names of the claims that are there. */
static bool
has_claim(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct resource_claim, r, &spec->resource_claims)
		if (g_strcmp0(r->name, name) == 0)
			return true;
	return false;
}

/* R2 of one device; *dynamic counts those that come by a claim. */
static void
check_device(const struct checking *c, const struct host_device *d, const char *list, unsigned *dynamic)
{
	bool claims = d->claim_name != NULL || d->request_name != NULL;

	if (is_text(d->device_name) && claims)
		complain(c, CAUSE_INVALID, list, "deviceName and claimName exclude each other: write one of them");
	if (!is_text(d->device_name) && !claims)
		complain(c, CAUSE_REQUIRED, list, "each needs a deviceName");
	if (is_text(d->device_name) || !claims)
		return;
	++*dynamic;
	advise(c, list, "dynamic resources need Kubernetes: the machine cannot start");
	if (is_text(d->claim_name) && !has_claim(c->spec, d->claim_name))
		complain_as(c, CAUSE_INVALID, "resourceClaims", list, "no claim is named \"%s\": add it under resourceClaims", d->claim_name);
}

/* R2 */
static void
check_claimed(const struct checking *c, const struct schema_list *devices, const char *list)
{
	size_t i = 0;
	unsigned dynamic = 0;

	SCHEMA_EACH (struct host_device, d, devices)
		check_device(c, d, list, &dynamic);
	SCHEMA_EACH (struct host_device, d, devices) {
		g_autofree char *claim = g_strdup_printf("%s[%zu].claimName", list, i), *request = g_strdup_printf("%s[%zu].requestName", list, i);
		bool is_dynamic = !is_text(d->device_name) && (d->claim_name != NULL || d->request_name != NULL);
		i++;
		if (is_dynamic && !is_text(d->claim_name))
			complain(c, CAUSE_REQUIRED, claim, "is required with requestName");
		if (is_dynamic && !is_text(d->request_name))
			complain(c, CAUSE_REQUIRED, request, "is required with claimName");
	}
	if (dynamic > 0 && dynamic < devices->count && g_str_has_suffix(list, "gpus"))
		complain(c, CAUSE_INVALID, list, "deviceName and claimName cannot be mixed in one list");
}

/* R1 */
static void
check_claim(const struct checking *c, const struct resource_claim *r)
{
	bool claim = r->resource_claim_name != NULL, template = r->resource_claim_template_name != NULL;

	if (claim && template)
		complain(c, CAUSE_INVALID, "", "resourceClaimName and resourceClaimTemplateName exclude each other: write one of them");
	if (!claim && !template)
		complain(c, CAUSE_INVALID, "", "needs one of resourceClaimName, resourceClaimTemplateName");
}

/* F15 */
static void
check_sound(const struct checking *c)
{
	const struct devices *d = c->spec->domain->devices;
	static const char *const models[] = { "ich9", "ac97", NULL };

	if (d->sound != NULL && is_text(d->sound->model) && !is_one_of(d->sound->model, models))
		complain_as(c, CAUSE_INVALID, "domain.devices.Sound", "domain.devices.sound.model", "\"%.40s\" is not one of ich9, ac97",
		    d->sound->model);
	if (d->sound != NULL && !is_text(d->sound->name))
		complain_as(c, CAUSE_INVALID, "domain.devices.Sound", "domain.devices.sound", "sound.name is required");
}

/* F16, F17 */
static void
check_video(const struct checking *c)
{
	static const char *const types[] = { "vga", "cirrus", "virtio", "ramfb", "bochs", NULL };
	const struct devices *d = c->spec->domain->devices;

	if (d->video == NULL)
		return;
	if (d->autoattach_graphics_device == TRISTATE_FALSE)
		complain(c, CAUSE_INVALID, "domain.devices.video", "has no meaning with autoattachGraphicsDevice: false; remove one of them");
	if (!is_one_of(d->video->type, types))
		complain_start(c, CAUSE_NOT_SUPPORTED, "domain.devices.video.type", "\"%.40s\" is not one of vga, cirrus, virtio, ramfb, bochs",
		    d->video->type == NULL ? "" : d->video->type);
}

/* F24 */
static void
check_filesystem(const struct checking *c, const struct filesystem *f, const struct checking *whole)
{
	const struct volume *v = vmi_volume(c->spec, f->name);

	if (v == NULL)
		advise(c, "name", "no volume is named \"%s\": the machine cannot start", f->name);
	else if (v->data_volume != NULL || v->persistent_volume_claim != NULL)
		complain(whole, CAUSE_NOT_SUPPORTED, "domain.devices.filesystems",
		    "the volume \"%s\" is a disk: it cannot be shared as a directory", f->name);
	else if (v->config_map == NULL && v->secret == NULL && v->downward_api == NULL && v->service_account == NULL && v->host_disk == NULL &&
	         v->container_path == NULL)
		advise(c, "name", "the volume \"%s\" is no directory: the machine cannot start; attach it as a disk", f->name);
}

void
check_devices(const struct checking *c)
{
	const struct devices *d = c->spec->domain->devices;

	check_inputs(c);
	check_gpus(c);
	check_claimed(c, &d->gpus, "domain.devices.gpus");
	check_claimed(c, &d->host_devices, "domain.devices.hostDevices");
	CHECK_EACH (struct resource_claim, r, &c->spec->resource_claims, "resourceClaims", check_claim);
	check_sound(c);
	check_video(c);
	/* F18 */
	if (d->watchdog != NULL && d->watchdog->diag288 != NULL)
		complain_start(c, CAUSE_NOT_SUPPORTED, "domain.devices.watchdog", "amd64 has the watchdog i6300esb only");
#define CHECK_FILESYSTEM(at, item) check_filesystem(at, item, c)
	CHECK_EACH (struct filesystem, f, &d->filesystems, "domain.devices.filesystems", CHECK_FILESYSTEM);
#undef CHECK_FILESYSTEM
}
