/*
 * domain-update: brings a domain that runs to what is wanted of it now.  It looks at what the domain has, changes what
 * differs, and tells what the domain has then, so it can be repeated at any time.  Disks and network cards are known by
 * their aliases, which begin with "ua-".  What one change meets does not keep the others from being made.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/domain_xml.h"
#include "src/virt/host.h"
#include "src/virt/host_guard.h"

enum { KIBIBYTE = 1024, BLOCK_KIB = 2048 };

/* One look at a domain and what is wanted of it. */
struct update {
	virDomainPtr domain;
	xmlDoc *live, *wanted; /* wanted: only the disks and network cards that may come and go, and the metadata */
	const json_t *disks;   /* names of all that it is to have */
	const json_t *interfaces; /* [{"name","up"}], all that it is to have */
	const char *uid;
	const json_t *guards;     /* of its ports, or NULL */
	const char *unguarded;    /* why nobody knows its guards, or NULL */
	json_t *problems;
};

static void
problem(struct update *u, const char *what, const char *name, const struct error *err)
{
	g_autofree char *thing = name == NULL ? g_strdup(what) : g_strdup_printf("%s %s", what, name);

	json_array_append_new(u->problems, json_pack("{s:s,s:s}", "what", thing, "why", err->text));
}

/* --- nodes ---------------------------------------------------------------------------------------------------------- */

static xmlNodePtr
child(xmlNodePtr node, const char *name)
{
	for (xmlNodePtr c = xmlFirstElementChild(node); c != NULL; c = xmlNextElementSibling(c))
		if (xmlStrEqual(c->name, (const xmlChar *)name))
			return c;
	return NULL;
}

static char *
child_attribute(xmlNodePtr node, const char *name, const char *attribute)
{
	xmlNodePtr c = child(node, name);

	return c == NULL ? NULL : host_xml_attribute(c, attribute);
}

/* The name in the spec behind a device's alias, or NULL.  g_free(). */
static char *
name_of(xmlNodePtr node)
{
	g_autofree char *alias = child_attribute(node, "alias", "name");

	return alias != NULL && g_str_has_prefix(alias, "ua-") ? g_strdup(alias + strlen("ua-")) : NULL;
}

static xmlNodePtr
find_device(xmlDoc *doc, const char *kind, const char *name)
{
	g_autofree char *path = g_strdup_printf("/domain/devices/%s", kind);
	g_autoptr(GPtrArray) nodes = host_xml_nodes(doc, path);

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *its = name_of(nodes->pdata[i]);
		if (g_strcmp0(its, name) == 0)
			return nodes->pdata[i];
	}
	return NULL;
}

static void
drop_child(xmlNodePtr node, const char *name)
{
	xmlNodePtr c = child(node, name);

	if (c == NULL)
		return;
	xmlUnlinkNode(c);
	xmlFreeNode(c);
}

static char *
node_text(xmlNodePtr node)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	char *text;

	xmlNodeDump(buffer, node->doc, node, 0, 0);
	text = g_strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

static int
read_live(struct update *u, struct error *err)
{
	char *text = virDomainGetXMLDesc(u->domain, 0);

	if (text == NULL)
		return host_error(err, "cannot read the XML of domain %s", virDomainGetName(u->domain));
	g_clear_pointer(&u->live, xmlFreeDoc);
	u->live = host_xml_take(text, err);
	return u->live == NULL ? -1 : 0;
}

static int
change_device(struct update *u, xmlNodePtr node)
{
	g_autofree char *text = node_text(node);

	return virDomainUpdateDeviceFlags(u->domain, text, VIR_DOMAIN_AFFECT_LIVE);
}

/* --- processors, memory --------------------------------------------------------------------------------------------- */

static void
update_vcpus(struct update *u, int vcpus)
{
	int now = virDomainGetVcpusFlags(u->domain, VIR_DOMAIN_AFFECT_LIVE);
	struct error err = { 0 };

	if (now < 0 || vcpus <= now)
		return;
	if (virDomainSetVcpusFlags(u->domain, (unsigned)vcpus, VIR_DOMAIN_AFFECT_LIVE) < 0) {
		host_error(&err, "cannot give domain %s %d processors", virDomainGetName(u->domain), vcpus);
		problem(u, "processors", NULL, &err);
	}
}

/* What it started with, without what was plugged in; KiB. */
static int64_t
boot_memory(const struct update *u)
{
	g_autoptr(GPtrArray) cells = host_xml_nodes(u->live, "/domain/cpu/numa/cell");
	int64_t sum = 0;

	for (guint i = 0; i < cells->len; i++) {
		g_autofree char *text = host_xml_attribute(cells->pdata[i], "memory");
		sum += text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
	}
	return cells->len > 0 ? sum : host_xml_number(u->live, "/domain/memory");
}

static xmlNodePtr
memory_device(const struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, "/domain/devices/memory[@model='virtio-mem']");

	return nodes->len == 0 ? NULL : nodes->pdata[0];
}

static int
plug_memory(struct update *u, int64_t requested)
{
	int64_t size = host_xml_number(u->live, "/domain/maxMemory") - boot_memory(u);
	g_autofree char *text = g_strdup_printf("<memory model='virtio-mem'><target><size unit='KiB'>%" PRId64 "</size><node>0</node>"
	    "<block unit='KiB'>%d</block><requested unit='KiB'>%" PRId64 "</requested></target></memory>", size, BLOCK_KIB, requested);

	return virDomainAttachDeviceFlags(u->domain, text, VIR_DOMAIN_AFFECT_LIVE);
}

static int
resize_memory(struct update *u, xmlNodePtr device, int64_t requested)
{
	xmlNodePtr target = child(device, "target"), node = target == NULL ? NULL : child(target, "requested");
	g_autofree char *text = g_strdup_printf("%" PRId64, requested), *now = node == NULL ? NULL : (char *)xmlNodeGetContent(node);

	if (node == NULL || strcmp(text, now) == 0)
		return 0;
	xmlNodeSetContent(node, (const xmlChar *)text);
	return change_device(u, device);
}

static void
update_memory(struct update *u, int64_t bytes)
{
	int64_t requested = bytes / KIBIBYTE - boot_memory(u);
	xmlNodePtr device = memory_device(u);
	struct error err = { 0 };
	int r = 0;

	if (device != NULL)
		r = resize_memory(u, device, MAX(requested, 0));
	else if (requested > 0 && host_xml_number(u->live, "/domain/maxMemory") > 0)
		r = plug_memory(u, requested);
	if (r < 0) {
		host_error(&err, "cannot give domain %s %" PRId64 " KiB of memory", virDomainGetName(u->domain), bytes / KIBIBYTE);
		problem(u, "memory", NULL, &err);
	}
}

/* --- devices that come and go --------------------------------------------------------------------------------------- */

/* The guest may have let go of it since the XML was read. */
static bool
is_there(const struct update *u, const char *kind, const char *name)
{
	g_autoptr(xmlDoc) now = NULL;
	char *text = virDomainGetXMLDesc(u->domain, 0);

	now = text == NULL ? NULL : host_xml_take(text, NULL);
	return now == NULL || find_device(now, kind, name) != NULL;
}

/* The guest has to let go of it, which takes its time; being asked twice is no harm. */
static void
unplug(struct update *u, const char *kind, const char *name)
{
	g_autofree char *alias = g_strdup_printf("ua-%s", name);
	struct error err = { 0 };
	int code;

	if (virDomainDetachDeviceAlias(u->domain, alias, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return;
	code = virGetLastErrorCode();
	host_error(&err, "cannot unplug %s %s of domain %s", kind, name, virDomainGetName(u->domain));
	if (code != VIR_ERR_DEVICE_MISSING && code != VIR_ERR_OPERATION_FAILED && is_there(u, kind, name))
		problem(u, kind, name, &err);
}

static void
plug(struct update *u, xmlNodePtr node, const char *kind, const char *name)
{
	g_autofree char *text = node_text(node);
	struct error err = { 0 };

	if (host_network_suits(virDomainGetConnect(u->domain), node, &err) == 0) {
		if (virDomainAttachDeviceFlags(u->domain, text, VIR_DOMAIN_AFFECT_LIVE) == 0)
			return;
		host_error(&err, "cannot plug %s %s into domain %s", kind, name, virDomainGetName(u->domain));
	}
	problem(u, kind, name, &err);
}

/* --- network cards -------------------------------------------------------------------------------------------------- */

static bool
is_up(xmlNodePtr interface)
{
	g_autofree char *state = child_attribute(interface, "link", "state");

	return g_strcmp0(state, "down") != 0;
}

static void
set_link(xmlNodePtr interface, bool up)
{
	xmlNodePtr link = child(interface, "link");

	if (link == NULL)
		link = xmlNewChild(interface, NULL, (const xmlChar *)"link", NULL);
	xmlSetProp(link, (const xmlChar *)"state", (const xmlChar *)(up ? "up" : "down"));
}

static json_t *
guard_of(const struct update *u, xmlNodePtr interface)
{
	g_autofree char *mac = child_attribute(interface, "mac", "address");
	json_t *guard;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)u->guards, i, guard)
		if (mac != NULL && g_ascii_strcasecmp(mac, json_string_value(json_object_get(guard, "mac"))) == 0)
			return guard;
	return NULL;
}

/* No card comes up a moment before its guards are in. */
static int
guard(const struct update *u, xmlNodePtr interface, struct error *err)
{
	json_t *its = guard_of(u, interface), *alone = its == NULL ? NULL : json_pack("[O]", its);
	int r = 0;

	if (u->unguarded != NULL)
		return error_set(err, EAGAIN, "%s", u->unguarded);
	if (alone != NULL)
		r = guard_install(u->domain, u->uid, alone, err);
	json_decref(alone);
	return r;
}

static void
update_link(struct update *u, const char *name, bool up)
{
	xmlNodePtr node = find_device(u->live, "interface", name);
	struct error err = { 0 };

	if (node == NULL || is_up(node) == up)
		return;
	if (up && guard(u, node, &err) < 0) {
		problem(u, "interface", name, &err);
		return;
	}
	set_link(node, up);
	if (change_device(u, node) < 0) {
		host_error(&err, "cannot set the link of interface %s of domain %s", name, virDomainGetName(u->domain));
		problem(u, "interface", name, &err);
	}
}

static const json_t *
find_named(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (g_strcmp0(json_string_value(json_object_get(item, "name")), name) == 0)
			return item;
	return NULL;
}

static void
unplug_interfaces(struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, "/domain/devices/interface");

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]);

		if (name != NULL && find_named(u->interfaces, name) == NULL)
			unplug(u, "interface", name);
	}
}

/* One that is guarded comes with its link down. */
static void
plug_interface(struct update *u, xmlNodePtr node, const char *name)
{
	struct error err = { 0 };

	if (u->unguarded != NULL) {
		error_set(&err, EAGAIN, "%s", u->unguarded);
		problem(u, "interface", name, &err);
		return;
	}
	if (guard_of(u, node) != NULL)
		set_link(node, false);
	plug(u, node, "interface", name);
}

static void
plug_interfaces(struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->wanted, "/domain/devices/interface");

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]);

		if (name != NULL && find_named(u->interfaces, name) != NULL && find_device(u->live, "interface", name) == NULL)
			plug_interface(u, nodes->pdata[i], name);
	}
}

static int
update_links(struct update *u, struct error *err)
{
	json_t *link;
	size_t i;

	if (read_live(u, err) < 0)
		return -1;
	json_array_foreach ((json_t *)(uintptr_t)u->interfaces, i, link)
		update_link(u, json_string_value(json_object_get(link, "name")), json_is_true(json_object_get(link, "up")));
	return 0;
}

/* --- disks ---------------------------------------------------------------------------------------------------------- */

static char *
source_of(xmlNodePtr disk)
{
	static const char *const attributes[] = { "file", "dev", "name" };
	char *source = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(attributes) && source == NULL; i++)
		source = child_attribute(disk, "source", attributes[i]);
	return source;
}

static bool
is_same_source(xmlNodePtr a, xmlNodePtr b)
{
	g_autofree char *one = source_of(a), *other = source_of(b);

	return g_strcmp0(one, other) == 0 && (child(a, "readonly") == NULL) == (child(b, "readonly") == NULL);
}

static bool
is_drive(xmlNodePtr disk)
{
	g_autofree char *device = host_xml_attribute(disk, "device");

	return g_strcmp0(device, "cdrom") == 0;
}

static bool
is_listed(const json_t *names, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)names, i, item)
		if (g_strcmp0(json_string_value(item), name) == 0)
			return true;
	return false;
}

/* The drive stays as it is, with its lock and its letter; only what lies in it changes. */
static void
change_medium(struct update *u, xmlNodePtr drive, xmlNodePtr wanted, const char *name)
{
	static const char *const parts[] = { "source", "backingStore" };
	g_autofree char *type = host_xml_attribute(wanted, "type");
	struct error err = { 0 };

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		drop_child(drive, parts[i]);
		if (child(wanted, parts[i]) != NULL)
			xmlAddChild(drive, xmlDocCopyNode(child(wanted, parts[i]), drive->doc, 1));
	}
	if (child(wanted, "source") != NULL)
		xmlSetProp(drive, (const xmlChar *)"type", (const xmlChar *)type);
	if (change_device(u, drive) < 0) {
		host_error(&err, "cannot change the medium of drive %s of domain %s", name, virDomainGetName(u->domain));
		problem(u, "disk", name, &err);
	}
}

/* What is not wanted any more goes first: what comes may need its place. */
static void
unplug_disks(struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, "/domain/devices/disk");

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]);
		xmlNodePtr wanted = name == NULL ? NULL : find_device(u->wanted, "disk", name);

		if (name == NULL)
			continue;
		if (!is_listed(u->disks, name))
			unplug(u, "disk", name);
		else if (wanted != NULL && !is_same_source(nodes->pdata[i], wanted) && is_drive(nodes->pdata[i]))
			change_medium(u, nodes->pdata[i], wanted, name);
		else if (wanted != NULL && !is_same_source(nodes->pdata[i], wanted))
			unplug(u, "disk", name);
	}
}

static bool
is_taken(const struct update *u, const char *target)
{
	g_autofree char *path = g_strdup_printf("/domain/devices/disk/target[@dev='%s']", target);
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, path);

	return nodes->len > 0;
}

/* Letters were given by position, and positions change as disks come and go. */
static void
choose_target(const struct update *u, xmlNodePtr disk)
{
	g_autofree char *target = child_attribute(disk, "target", "dev"), *prefix = target == NULL ? NULL : g_strndup(target, 2);
	g_autofree char *address = child_attribute(disk, "address", "type");

	for (char letter = 'a'; target != NULL && letter <= 'z' && is_taken(u, target); letter++) {
		g_free(target);
		target = g_strdup_printf("%s%c", prefix, letter);
	}
	if (target == NULL)
		return;
	xmlSetProp(child(disk, "target"), (const xmlChar *)"dev", (const xmlChar *)target);
	/* The place on a SCSI bus follows from the letter; one on the PCI bus was asked for. */
	if (g_strcmp0(address, "drive") == 0)
		drop_child(disk, "address");
}

static int
plug_disks(struct update *u, struct error *err)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->wanted, "/domain/devices/disk");

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]);

		/* A drive cannot be plugged in; each disk may have taken a letter. */
		if (read_live(u, err) < 0)
			return -1;
		if (name == NULL || is_drive(nodes->pdata[i]) || find_device(u->live, "disk", name) != NULL)
			continue;
		choose_target(u, nodes->pdata[i]);
		plug(u, nodes->pdata[i], "disk", name);
	}
	return 0;
}

/* --- what it uses --------------------------------------------------------------------------------------------------- */

static void
strip_namespace(xmlNodePtr node)
{
	xmlSetNs(node, NULL);
	g_clear_pointer(&node->nsDef, xmlFreeNsList);
	for (xmlNodePtr c = xmlFirstElementChild(node); c != NULL; c = xmlNextElementSibling(c))
		strip_namespace(c);
}

/* Before a disk or a card comes: a daemon that has lost its store must find out whose it is. */
static int
update_metadata(struct update *u, struct error *err)
{
	HOST_OWNER_AUTO now = { 0 };
	HOST_OWNER_AUTO wanted = { 0 };
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->wanted, "/domain/metadata/*");

	host_owner_read(u->live, &now);
	host_owner_read(u->wanted, &wanted);
	if (nodes->len == 0 || json_equal(now.uses, wanted.uses))
		return 0;
	strip_namespace(nodes->pdata[0]);
	g_autofree char *text = node_text(nodes->pdata[0]);
	if (virDomainSetMetadata(u->domain, VIR_DOMAIN_METADATA_ELEMENT, text, "solovirt", DOMAIN_METADATA_URI,
	        VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
		return host_error(err, "cannot write down what domain %s uses", virDomainGetName(u->domain));
	return 0;
}

/* --- the verb ------------------------------------------------------------------------------------------------------- */

static json_t *
tell_disks(const struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, "/domain/devices/disk");
	json_t *list = json_array();

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]), *target = child_attribute(nodes->pdata[i], "target", "dev");
		g_autofree char *source = source_of(nodes->pdata[i]);

		if (name != NULL)
			json_array_append_new(list, json_pack("{s:s,s:s,s:s?}", "name", name, "target", target, "source", source));
	}
	return list;
}

static json_t *
tell_interfaces(const struct update *u)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(u->live, "/domain/devices/interface");
	json_t *list = json_array();

	for (guint i = 0; i < nodes->len; i++) {
		g_autofree char *name = name_of(nodes->pdata[i]);

		if (name != NULL)
			json_array_append_new(list, json_pack("{s:s,s:b}", "name", name, "up", is_up(nodes->pdata[i])));
	}
	return list;
}

static json_t *
tell(const struct update *u)
{
	int64_t boot = boot_memory(u), requested = host_xml_number(u->live, "/domain/devices/memory[@model='virtio-mem']/target/requested");
	int64_t current = host_xml_number(u->live, "/domain/devices/memory[@model='virtio-mem']/target/current");

	return json_pack("{s:i,s:{s:I,s:I,s:I},s:o,s:o,s:O}", "vcpus", virDomainGetVcpusFlags(u->domain, VIR_DOMAIN_AFFECT_LIVE),
	    "memory", "boot", (json_int_t)(boot * KIBIBYTE), "requested", (json_int_t)((boot + requested) * KIBIBYTE), "current",
	    (json_int_t)((boot + current) * KIBIBYTE), "disks", tell_disks(u), "interfaces", tell_interfaces(u), "problems", u->problems);
}

static int
update_all(struct update *u, int vcpus, int64_t memory, struct error *err)
{
	if (read_live(u, err) < 0)
		return -1;
	update_vcpus(u, vcpus);
	update_memory(u, memory);
	unplug_interfaces(u);
	unplug_disks(u);
	if (update_metadata(u, err) < 0)
		return -1;
	plug_interfaces(u);
	if (update_links(u, err) < 0)
		return -1;
	if (plug_disks(u, err) < 0)
		return -1;
	return read_live(u, err);
}

static json_t *
run_update(struct host_call *call, struct error *err)
{
	const char *name, *uid, *xml, *unguarded = NULL;
	json_t *disks, *interfaces, *guards = NULL, *answer = NULL;
	json_int_t memory;
	struct update u = { 0 };
	int vcpus;

	if (host_args(call, err, "{s:s,s:s,s:s,s:i,s:I,s:o,s:o,s?:o,s?:s}", "name", &name, "uid", &uid, "xml", &xml, "vcpus", &vcpus, "memory",
	        &memory, "disks", &disks, "interfaces", &interfaces, "guards", &guards, "unguarded", &unguarded) < 0 ||
	    (guards != NULL && guard_check(guards, err) < 0))
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	g_autofree char *fitted = domain == NULL ? NULL : host_fit(call->connection, xml, err);
	if (fitted == NULL)
		return NULL;
	if (virDomainIsActive(domain) != 1) {
		error_set(err, ENOENT, "domain %s does not run", name);
		return NULL;
	}
	u = (struct update){ .domain = domain, .wanted = host_xml_parse(fitted, err), .disks = disks, .interfaces = interfaces,
		.uid = uid, .guards = guards, .unguarded = unguarded, .problems = json_array() };
	if (u.wanted != NULL && update_all(&u, vcpus, memory, err) == 0)
		answer = tell(&u);
	g_clear_pointer(&u.live, xmlFreeDoc);
	g_clear_pointer(&u.wanted, xmlFreeDoc);
	json_decref(u.problems);
	return answer;
}

const struct host_verb host_hotplug_verbs[] = {
	{ "domain-update", run_update },
	{ NULL, NULL },
};
