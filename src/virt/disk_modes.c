/* Disks as the host's file systems allow; see disk_modes.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/virt/disk_modes.h"

static xmlNodePtr
child(xmlNodePtr parent, const char *name)
{
	xmlNodePtr node = parent == NULL ? NULL : parent->children;

	while (node != NULL && (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0))
		node = node->next;
	return node;
}

static char *
attribute(xmlNodePtr node, const char *name)
{
	xmlChar *text = node == NULL ? NULL : xmlGetNoNsProp(node, (const xmlChar *)name);
	char *copy = g_strdup((const char *)text);

	xmlFree(text);
	return copy;
}

static void
set(xmlNodePtr node, const char *name, const char *value)
{
	xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

static void
set_number(xmlNodePtr node, const char *name, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("%" PRIu64, value);

	set(node, name, text);
}

/* The file or device of a <source>, or NULL. */
static char *
source_path(xmlNodePtr parent)
{
	xmlNodePtr source = child(parent, "source");
	char *path = attribute(source, "file");

	return path != NULL ? path : attribute(source, "dev");
}

/* False only when it is there and the file system says that it does not know O_DIRECT. */
static bool
knows_direct(const char *path)
{
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
	bool refused = fd < 0 && errno == EINVAL;

	if (fd >= 0)
		close(fd);
	return !refused;
}

/* A disk's own file, and all that it lies over. */
static bool
all_know_direct(xmlNodePtr disk)
{
	bool all = true;

	for (xmlNodePtr node = disk; node != NULL && all; node = child(node, "backingStore")) {
		g_autofree char *path = source_path(node);
		all = knows_direct(path);
	}
	return all;
}

static bool
is_allocated(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISBLK(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_blocks * 512 >= st.st_size));
}

static int
fill_driver(xmlNodePtr disk, const char *path, struct error *err)
{
	xmlNodePtr driver = child(disk, "driver");
	g_autofree char *cache = attribute(driver, "cache"), *io = attribute(driver, "io"), *type = attribute(driver, "type");
	bool direct = cache != NULL && strcmp(cache, "none") != 0 ? true : all_know_direct(disk);

	if (driver == NULL)
		return 0;
	if (cache != NULL && !direct)
		return error_set(err, EINVAL, "disk %s cannot have the cache mode none: its file system does not know O_DIRECT", path);
	if (cache == NULL) {
		set(driver, "cache", direct ? "none" : "writethrough");
		cache = g_strdup(direct ? "none" : "writethrough");
	}
	if (io == NULL && strcmp(cache, "none") == 0 && g_strcmp0(type, "raw") == 0 && is_allocated(path))
		set(driver, "io", "native");
	return 0;
}

/* --- block sizes -------------------------------------------------------------------------------------------------------- */

static uint64_t
discard_granularity(dev_t device)
{
	g_autofree char *file = g_strdup_printf("/sys/dev/block/%u:%u/queue/discard_granularity", major(device), minor(device));
	g_autofree char *text = NULL;

	return g_file_get_contents(file, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static void
device_sizes(const char *path, const struct stat *st, unsigned *logical, unsigned *physical, uint64_t *discard)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, BLKSSZGET, logical) == 0 && ioctl(fd, BLKPBSZGET, physical) == 0)
		*discard = discard_granularity(st->st_rdev);
	if (fd >= 0)
		close(fd);
	if (*logical == 0 || *physical < *logical)
		*physical = *logical = MAX(*logical, *physical);
	if (*logical > 0 && *discard % *logical != 0)
		*discard = *physical;
}

/* Without a volume to look at, the guest sees what QEMU shows by default. */
static void
fill_sizes(xmlNodePtr disk, const char *path)
{
	xmlNodePtr blockio = child(disk, "blockio");
	unsigned logical = 0, physical = 0;
	uint64_t discard = 0;
	struct stat st;

	if (blockio == NULL || blockio->properties != NULL)
		return;
	if (path != NULL && stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		device_sizes(path, &st, &logical, &physical, &discard);
	else if (path != NULL && stat(path, &st) == 0)
		discard = logical = physical = (unsigned)st.st_blksize;
	if (logical == 0) {
		xmlUnlinkNode(blockio);
		xmlFreeNode(blockio);
		return;
	}
	set_number(blockio, "logical_block_size", logical);
	set_number(blockio, "physical_block_size", physical);
	set_number(blockio, "discard_granularity", discard);
}

int
disk_modes_fill(xmlDoc *doc, bool here, struct error *err)
{
	xmlNodePtr devices = child(xmlDocGetRootElement(doc), "devices");

	for (xmlNodePtr disk = devices == NULL ? NULL : devices->children; disk != NULL; disk = disk->next) {
		g_autofree char *path = NULL;

		if (disk->type != XML_ELEMENT_NODE || strcmp((const char *)disk->name, "disk") != 0)
			continue;
		path = here ? source_path(disk) : NULL;
		fill_sizes(disk, path);
		if (path != NULL && fill_driver(disk, path, err) < 0)
			return -1;
	}
	return 0;
}
