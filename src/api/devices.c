/* Rows of spec.domain.devices but disks and interfaces. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static CHECK_WORD(check_input_type, "tablet")
static CHECK_WORD(check_input_bus, "virtio", "usb")
static CHECK_WORD(check_watchdog_action, "poweroff", "reset", "shutdown")
static CHECK_WORD(check_panic_model, "isa", "hyperv", "pvpanic")

static const struct schema_field input_rows[] = {
	{ STRING("name", struct input, name), .dflt = "", .doc = "Name of the device." },
	{ STRING("type", struct input, type), .dflt = "tablet", .check = check_input_type, .doc = "Kind of device: tablet." },
	{ STRING("bus", struct input, bus), .dflt = "usb", .check = check_input_bus, .doc = "Bus: virtio or usb." },
	{ 0 },
};
static SCHEMA(input_schema, struct input, "Input", "An input device.", input_rows);
static const struct schema_field watchdog_device_rows[] = {
	{ STRING("action", struct watchdog_device, action), .flags = FIELD_LENIENT, .dflt = "reset", .check = check_watchdog_action, .doc = "What happens when the guest hangs." },
	{ 0 },
};
static SCHEMA(watchdog_device_schema, struct watchdog_device, "WatchdogDevice", "What a watchdog does.", watchdog_device_rows);
static const struct schema_field watchdog_rows[] = {
	{ STRING("name", struct watchdog, name), .dflt = "", .doc = "Name of the device." },
	{ OBJECT("i6300esb", struct watchdog, i6300esb, struct watchdog_device, &watchdog_device_schema), .doc = "A PCI watchdog; what amd64 has when nothing is said." },
	{ OBJECT("diag288", struct watchdog, diag288, struct watchdog_device, &watchdog_device_schema), .doc = "The watchdog of s390x." },
	{ 0 },
};
static SCHEMA(watchdog_schema, struct watchdog, "Watchdog", "Ends a guest that hangs.", watchdog_rows);

static const struct schema_field tpm_rows[] = {
	{ TRISTATE("enabled", struct tpm, enabled), .doc = "Whether the guest has it; true when not given." },
	{ BOOL("persistent", struct tpm, persistent), .doc = "Its state is kept when the machine stops." },
	{ 0 },
};
SCHEMA(tpm_schema, struct tpm, "TPMDevice", "A trusted platform module.", tpm_rows);
static const struct schema_field video_rows[] = {
	{ STRING("type", struct video, type), .doc = "Model: vga, cirrus, virtio, ramfb or bochs; when not given, bochs with UEFI, else vga." },
	{ 0 },
};
SCHEMA(video_schema, struct video, "VideoDevice", "The display's card.", video_rows);
static const struct schema_field sound_rows[] = {
	{ STRING("name", struct sound, name), .doc = "Name of the device." },
	{ STRING("model", struct sound, model), .doc = "Model: ich9 or ac97; ich9 when not given." },
	{ 0 },
};
static SCHEMA(sound_schema, struct sound, "SoundDevice", "A sound card.", sound_rows);
static const struct schema_field panic_device_rows[] = {
	{ STRING("model", struct panic_device, model), .min = 1, .check = check_panic_model, .doc = "Model: isa, hyperv or pvpanic; isa when not given." },
	{ 0 },
};
static SCHEMA(panic_device_schema, struct panic_device, "PanicDevice", "Tells the host that the guest crashed.", panic_device_rows);
static const struct schema_field gpu_display_rows[] = {
	{ TRISTATE("enabled", struct gpu_display, enabled), .doc = "Whether it is a display; true when not given." },
	{ OBJECT("ramFB", struct gpu_display, ram_fb, struct feature_state, &feature_state_schema), .doc = "Picture before the guest's driver starts." },
	{ 0 },
};
static SCHEMA(gpu_display_schema, struct gpu_display, "VGPUDisplayOptions", "A virtual GPU as a display.", gpu_display_rows);
static const struct schema_field virtual_gpu_options_rows[] = {
	{ OBJECT("display", struct virtual_gpu_options, display, struct gpu_display, &gpu_display_schema), .doc = "A virtual GPU as a display." },
	{ 0 },
};
SCHEMA(virtual_gpu_options_schema, struct virtual_gpu_options, "VGPUOptions", "Options of a virtual GPU.", virtual_gpu_options_rows);
#define HOST_DEVICE_ROWS                                                                                                   \
	{ STRING("name", struct host_device, name), .dflt = "", .max = 253, .doc = "Name of the device." },       \
	{ STRING("deviceName", struct host_device, device_name), .max = 317, .doc = "What it is called in the configuration's map of host devices." }, \
	{ STRING("tag", struct host_device, tag), .doc = "Word by which the guest finds the device in cloud-init's metadata." }, \
	{ STRING("claimName", struct host_device, claim_name), .doc = "One of resourceClaims; no machine starts with it." },   \
	{ STRING("requestName", struct host_device, request_name), .doc = "A request of the claim." }
static const struct schema_field gpu_rows[] = {
	HOST_DEVICE_ROWS,
	{ OBJECT("virtualGPUOptions", struct host_device, virtual_gpu_options, struct virtual_gpu_options, &virtual_gpu_options_schema), .doc = "Options of a virtual GPU." },
	{ 0 },
};
SCHEMA(gpu_schema, struct host_device, "GPU", "A graphics card of the host.", gpu_rows);
static const struct schema_field host_device_rows[] = { HOST_DEVICE_ROWS, { 0 } };
SCHEMA(host_device_schema, struct host_device, "HostDevice", "A device of the host.", host_device_rows);
static const struct schema_field filesystem_rows[] = {
	{ STRING("name", struct filesystem, name), .flags = FIELD_REQUIRED, .doc = "Name; the volume has the same, and the guest mounts it by this name." },
	{ OBJECT("virtiofs", struct filesystem, virtiofs, struct empty, &empty_schema), .flags = FIELD_REQUIRED, .doc = "Shared by virtiofs." },
	{ 0 },
};
static SCHEMA(filesystem_schema, struct filesystem, "Filesystem", "A directory of the host that the guest mounts.", filesystem_rows);

static const struct schema_field devices_rows[] = {
	{ LIST("disks", struct devices, disks, &disk_schema), .key = "name", .max = 256, .doc = "Disks, in the order in which the guest numbers them." },
	{ LIST("interfaces", struct devices, interfaces, &interface_schema), .key = "name", .max = 256, .doc = "Network cards." },
	{ LIST("inputs", struct devices, inputs, &input_schema), .doc = "Input devices." },
	{ OBJECT("watchdog", struct devices, watchdog, struct watchdog, &watchdog_schema), .doc = "A watchdog." },
	{ OBJECT("rng", struct devices, rng, struct empty, &empty_schema), .doc = "A source of random numbers." },
	{ TRISTATE("autoattachPodInterface", struct devices, autoattach_pod_interface), .doc = "Without interfaces and networks, add one on the default network; true when not given." },
	{ TRISTATE("autoattachGraphicsDevice", struct devices, autoattach_graphics_device), .doc = "Add a display; true when not given." },
	{ TRISTATE("autoattachSerialConsole", struct devices, autoattach_serial_console), .doc = "Add a serial console; true when not given." },
	{ TRISTATE("autoattachMemBalloon", struct devices, autoattach_mem_balloon), .doc = "Add a memory balloon; true when not given." },
	{ TRISTATE("logSerialConsole", struct devices, log_serial_console), .doc = "Keep what the guest writes to its console; true when not given." },
	{ TRISTATE("autoattachInputDevice", struct devices, autoattach_input_device), .doc = "Add a tablet when there are no inputs." },
	{ TRISTATE("useVirtioTransitional", struct devices, use_virtio_transitional), .doc = "Virtio devices for old guests." },
	{ TRISTATE("blockMultiQueue", struct devices, block_multi_queue), .doc = "A disk queue for each virtual CPU." },
	{ TRISTATE("networkInterfaceMultiqueue", struct devices, network_interface_multiqueue), .doc = "A network queue for each virtual CPU." },
	{ BOOL("disableHotplug", struct devices, disable_hotplug), .doc = "No spare ports for devices that are plugged in later." },
	{ TRISTATE("autoattachVSOCK", struct devices, autoattach_vsock), .doc = "Add a socket between guest and host (AF_VSOCK)." },
	{ OBJECT("tpm", struct devices, tpm, struct tpm, &tpm_schema), .doc = "A trusted platform module." },
	{ OBJECT("video", struct devices, video, struct video, &video_schema), .doc = "The display's card." },
	{ OBJECT("sound", struct devices, sound, struct sound, &sound_schema), .doc = "A sound card." },
	{ LIST("panicDevices", struct devices, panic_devices, &panic_device_schema), .doc = "Devices that tell the host of a crash." },
	{ LIST("gpus", struct devices, gpus, &gpu_schema), .doc = "Graphics cards of the host." },
	{ LIST("hostDevices", struct devices, host_devices, &host_device_schema), .doc = "Devices of the host." },
	{ LIST("filesystems", struct devices, filesystems, &filesystem_schema), .doc = "Directories that the guest mounts by virtiofs: what a configMap, secret, downwardAPI or serviceAccount volume holds, read-only and kept up to date, or the directory that a hostDisk names." },
	{ OBJECT("clientPassthrough", struct devices, client_passthrough, struct empty, &empty_schema), .doc = "USB devices of whoever looks at the display can be plugged in." },
	{ REFUSED("downwardMetrics", "Metrics are not handed to guests.") },
	{ 0 },
};
SCHEMA(devices_schema, struct devices, "Devices", "Devices of the guest.", devices_rows);
