/* StorageClass: rows, and the parameters of each driver as its users know them (of rbd: as ceph-csi names them). */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stddef.h>
#include <string.h>

#include "src/api/rows.h"
#include "src/api/storage_class.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

const char *const reclaim_policy_words[] = { "", "Delete", "Retain", NULL };
static const char *const binding_modes[] = { "", "Immediate", "WaitForFirstConsumer", NULL };

/* --- drivers ------------------------------------------------------------------------------------------------------- */

static const struct storage_driver drivers[] = {
	{ .provisioner = "local.solovirt.io", .clone = "Copy", .snapshot = "Offline", .shared = "None", .online_grow = true,
	  .parameter = "format", .features = "raw" },
	{ .provisioner = "rbd.csi.ceph.com", .clone = "CopyOnWrite", .snapshot = "Online", .shared = "Block", .online_grow = true,
	  .parameter = "imageFeatures", .features = "layering,exclusive-lock,object-map,fast-diff,deep-flatten" },
};

const struct storage_driver *
storage_driver_find(const char *provisioner)
{
	for (size_t i = 0; provisioner != NULL && i < G_N_ELEMENTS(drivers); i++) {
		g_autofree char *dotted = g_strconcat(".", drivers[i].provisioner, NULL);
		if (strcmp(provisioner, drivers[i].provisioner) == 0 || g_str_has_suffix(provisioner, dotted))
			return &drivers[i];
	}
	return NULL;
}

const char *
storage_class_features(const struct storage_class *class)
{
	const struct storage_driver *driver = storage_driver_find(class->provisioner);
	const char *value = driver == NULL ? NULL : schema_map_get(&class->parameters, driver->parameter);

	return driver == NULL ? NULL : value == NULL ? driver->features : value;
}

/* --- limits -------------------------------------------------------------------------------------------------------- */

/* A number of a class, 0 when it is absent or none. */
static int64_t
number_of(const struct storage_class *class, const char *name)
{
	const char *text = name == NULL ? NULL : schema_map_get(&class->parameters, name);
	int64_t n = 0;

	return text == NULL || quantity_parse(text, 1, &n, NULL) != 0 || n < 0 ? 0 : n;
}

/* Limits as ceph-csi names them, each by its three parts: what a disk has at least, what each GiB adds, what it has at most. */
static const struct {
	const char *base, *per_gib, *max, *old_base;
	size_t offset, excludes; /* members of struct disk_limits; excludes: the total beside which it cannot stand, else itself */
} limits_known[] = {
	{ "baseIops", "iopsPerGiB", "maxIops", NULL, offsetof(struct disk_limits, total_iops), offsetof(struct disk_limits, total_iops) },
	{ "baseReadIops", "readIopsPerGiB", "maxReadIops", NULL, offsetof(struct disk_limits, read_iops), offsetof(struct disk_limits, total_iops) },
	{ "baseWriteIops", "writeIopsPerGiB", "maxWriteIops", NULL, offsetof(struct disk_limits, write_iops), offsetof(struct disk_limits, total_iops) },
	{ "baseBps", "bpsPerGiB", "maxBps", NULL, offsetof(struct disk_limits, total_bytes), offsetof(struct disk_limits, total_bytes) },
	{ "baseReadBps", "readBpsPerGiB", "maxReadBps", "baseReadBytesPerSecond", offsetof(struct disk_limits, read_bytes), offsetof(struct disk_limits, total_bytes) },
	{ "baseWriteBps", "writeBpsPerGiB", "maxWriteBps", "baseWriteBytesPerSecond", offsetof(struct disk_limits, write_bytes), offsetof(struct disk_limits, total_bytes) },
};

void
storage_class_limits(const struct storage_class *class, int64_t capacity, struct disk_limits *limits)
{
	int64_t gib = MAX(capacity - number_of(class, "baseVolSizeBytes"), 0) >> 30;

	*limits = (struct disk_limits){ 0 };
	for (size_t i = 0; i < G_N_ELEMENTS(limits_known); i++) {
		int64_t base = number_of(class, limits_known[i].base), max = number_of(class, limits_known[i].max), each = number_of(class, limits_known[i].per_gib);
		if (base == 0)
			base = number_of(class, limits_known[i].old_base);
		/* Each GiB adds to a base: with none the most stands alone. */
		int64_t all = base == 0 ? 0 : each > (INT64_MAX - base) / MAX(gib, 1) ? INT64_MAX : base + each * gib;
		*(int64_t *)(void *)((char *)limits + limits_known[i].offset) = all == 0 ? max : max == 0 ? all : MIN(all, max);
	}
}

/* --- parameters ---------------------------------------------------------------------------------------------------- */

static CHECK_WORD(check_format, "raw", "qcow2")

static int
check_cluster(const char *text, struct error *err)
{
	/* Source: ceph-csi; the length has two bytes in a volume handle, of which 36 are used. */
	if (*text == '\0' || strlen(text) > 36)
		return error_set(err, EINVAL, "must have from 1 to 36 characters: the clusterID of an entry of \"ceph\" in the configuration");
	return 0;
}

static int
check_pool(const char *text, struct error *err)
{
	if (*text == '\0' || strpbrk(text, "/@") != NULL)
		return error_set(err, EINVAL, "\"%.60s\" is not the name of a pool", text);
	return 0;
}

static int
check_prefix(const char *text, struct error *err)
{
	if (*text == '\0' || *text == '.' || strlen(text) > 64 || strpbrk(text, "/@ ") != NULL)
		return error_set(err, EINVAL, "\"%.80s\" cannot begin the name of an image: write up to 64 characters without slash, @ and space", text);
	return 0;
}

/* An image feature, and the one that it needs. */
static const struct {
	const char *name, *needs;
} image_features[] = { { "layering", NULL }, { "exclusive-lock", NULL }, { "object-map", "exclusive-lock" },
	{ "fast-diff", "object-map" }, { "deep-flatten", NULL }, { "journaling", "exclusive-lock" } };

static int
check_feature(const char *word, char **all, struct error *err)
{
	const char *names[G_N_ELEMENTS(image_features) + 1] = { NULL }, *near;

	for (size_t i = 0; i < G_N_ELEMENTS(image_features); i++) {
		const char *needs = image_features[i].needs;
		names[i] = image_features[i].name;
		if (strcmp(word, names[i]) != 0)
			continue;
		if (needs != NULL && !g_strv_contains((const char *const *)all, needs))
			return error_set(err, EINVAL, "%s needs %s: add it", word, needs);
		return 0;
	}
	near = nearest_word(word, names);
	g_autofree char *known = g_strjoinv(", ", (char **)names);
	return error_set(err, EINVAL, "\"%.40s\" is not one of %s%s%s%s", word, known, near == NULL ? "" : "; did you mean ",
	    near == NULL ? "" : near, near == NULL ? "" : "?");
}

static int
check_features(const char *text, struct error *err)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);

	if (*text == '\0')
		return error_set(err, EINVAL, "is empty: name features such as layering, or remove it");
	for (char **w = words; *w != NULL; w++)
		g_strstrip(*w);
	for (char **w = words; *w != NULL; w++)
		if (check_feature(*w, words, err) != 0)
			return -1;
	return 0;
}

static int
check_power(const char *text, struct error *err)
{
	int64_t bytes;

	if (quantity_parse(text, 1, &bytes, err) != 0)
		return -1;
	/* Source: librbd, orders 12 to 25. */
	if (bytes < 4096 || bytes > 32 << 20 || (bytes & (bytes - 1)) != 0)
		return error_set(err, EINVAL, "\"%.40s\" is not a power of two from 4096 to 33554432 bytes", text);
	return 0;
}

static int
check_count(const char *text, struct error *err)
{
	char *end;
	gint64 n = g_ascii_strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > 1024)
		return error_set(err, EINVAL, "\"%.40s\" is not a number from 1 to 1024", text);
	return 0;
}

static int
check_unit(const char *text, struct error *err)
{
	int64_t bytes;

	if (quantity_parse(text, 1, &bytes, err) != 0)
		return -1;
	return bytes < 1 ? error_set(err, EINVAL, "must be positive: bytes that stand together on one object") : 0;
}

static int
check_encrypted(const char *text, struct error *err)
{
	return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? 0 : error_set(err, EINVAL, "must be \"true\" or \"false\"");
}

static int
check_encryption_type(const char *text, struct error *err)
{
	return strcmp(text, "block") == 0 ? 0
	                                  : error_set(err, EOPNOTSUPP, "only \"block\" is supported: images are disks, and no file system is mounted here");
}

static int
check_limit(const char *text, struct error *err)
{
	int64_t n;

	if (quantity_parse(text, 1, &n, err) != 0)
		return -1;
	return n < 1 ? error_set(err, EINVAL, "must be positive: operations or bytes a second; remove it for no limit") : 0;
}

/* A parameter of a driver's classes. */
struct parameter {
	const char *name;
	int (*check)(const char *text, struct error *err); /* honoured when it says 0; NULL: anything is right */
	const char *ignored; /* why it does nothing here; or NULL */
	const char *refused; /* why it cannot stand; or NULL */
	bool required;
	bool encrypts;       /* not ignored where volumes are encrypted */
	const char *with;    /* the parameter that it makes sense with only; or NULL */
};

#define NOT_MAPPED "is ignored: QEMU opens images itself, nothing is mapped on a host"
#define NO_FILESYSTEM "is ignored: a guest formats its disk"
#define NO_NBD "is ignored: rbd-nbd is not used"
#define KEYRING "is ignored: user and key of the cluster stand in the configuration"
#define LIMITS \
	{ .name = "baseIops", .check = check_limit }, \
	{ .name = "iopsPerGiB", .check = check_limit }, \
	{ .name = "maxIops", .check = check_limit }, \
	{ .name = "baseReadIops", .check = check_limit }, \
	{ .name = "readIopsPerGiB", .check = check_limit }, \
	{ .name = "maxReadIops", .check = check_limit }, \
	{ .name = "baseWriteIops", .check = check_limit }, \
	{ .name = "writeIopsPerGiB", .check = check_limit }, \
	{ .name = "maxWriteIops", .check = check_limit }, \
	{ .name = "baseBps", .check = check_limit }, \
	{ .name = "bpsPerGiB", .check = check_limit }, \
	{ .name = "maxBps", .check = check_limit }, \
	{ .name = "baseReadBps", .check = check_limit }, \
	{ .name = "readBpsPerGiB", .check = check_limit }, \
	{ .name = "maxReadBps", .check = check_limit }, \
	{ .name = "baseWriteBps", .check = check_limit }, \
	{ .name = "writeBpsPerGiB", .check = check_limit }, \
	{ .name = "maxWriteBps", .check = check_limit }, \
	{ .name = "baseReadBytesPerSecond", .check = check_limit }, \
	{ .name = "baseWriteBytesPerSecond", .check = check_limit }, \
	{ .name = "baseVolSizeBytes", .check = check_limit }
static const struct parameter local_parameters[] = {
	LIMITS,
	{ .name = "format", .check = check_format },
	{ .name = "csi.storage.k8s.io/fstype", .ignored = NO_FILESYSTEM },
	{ 0 },
};
/* Fact sheet: rbd, section 1. */
static const struct parameter rbd_parameters[] = {
	LIMITS,
	{ .name = "clusterID", .check = check_cluster, .required = true },
	{ .name = "pool", .check = check_pool, .required = true },
	{ .name = "dataPool", .check = check_pool },
	{ .name = "imageFeatures", .check = check_features },
	{ .name = "volumeNamePrefix", .check = check_prefix },
	{ .name = "stripeUnit", .check = check_unit, .with = "stripeCount" },
	{ .name = "stripeCount", .check = check_count, .with = "stripeUnit" },
	{ .name = "objectSize", .check = check_power },
	{ .name = "encrypted", .check = check_encrypted },
	{ .name = "topologyConstrainedPools", .refused = "is not supported: write one pool" },
	{ .name = "thickProvision", .refused = "is not supported: ceph-csi gave it up; use a DataVolume with preallocation: true" },
	{ .name = "encryptionType", .check = check_encryption_type },
	{ .name = "encryptionKMSID", .refused = "is not supported: the passphrase is the encryptionPassphrase of the Secret that csi.storage.k8s.io/node-stage-secret-name names" },
	{ .name = "mounter", .ignored = NOT_MAPPED },
	{ .name = "tryOtherMounters", .ignored = NOT_MAPPED },
	{ .name = "mapOptions", .ignored = NOT_MAPPED },
	{ .name = "unmapOptions", .ignored = NOT_MAPPED },
	{ .name = "mkfsOptions", .ignored = NO_FILESYSTEM },
	{ .name = "csi.storage.k8s.io/fstype", .ignored = NO_FILESYSTEM },
	{ .name = "cephLogDir", .ignored = NO_NBD },
	{ .name = "cephLogStrategy", .ignored = NO_NBD },
	{ .name = "csi.storage.k8s.io/provisioner-secret-name", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/provisioner-secret-namespace", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/controller-expand-secret-name", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/controller-expand-secret-namespace", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/controller-publish-secret-name", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/controller-publish-secret-namespace", .ignored = KEYRING },
	{ .name = "csi.storage.k8s.io/node-stage-secret-name", .ignored = KEYRING, .encrypts = true },
	{ .name = "csi.storage.k8s.io/node-stage-secret-namespace", .ignored = KEYRING, .encrypts = true },
	{ 0 },
};
static const struct parameter *const parameters[G_N_ELEMENTS(drivers)] = { local_parameters, rbd_parameters };

#define SECRET_NAME "csi.storage.k8s.io/node-stage-secret-name"
#define SECRET_NAMESPACE "csi.storage.k8s.io/node-stage-secret-namespace"

static bool
is_encrypted(const struct storage_class *class)
{
	return g_strcmp0(schema_map_get(&class->parameters, "encrypted"), "true") == 0;
}

bool
storage_class_secret(const struct storage_class *class, const char **namespace, const char **name)
{
	*name = schema_map_get(&class->parameters, SECRET_NAME);
	*namespace = schema_map_get(&class->parameters, SECRET_NAMESPACE);
	return is_encrypted(class) && *name != NULL && *namespace != NULL;
}

struct judging {
	const struct storage_class *class;
	const struct document *document;
	struct diagnostics *diagnostics;
};

static void say(const struct judging *j, enum severity severity, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
say(const struct judging *j, enum severity severity, const char *name, const char *format, ...)
{
	g_autoptr(GString) where = g_string_new("parameters");
	va_list ap;

	path_member(where, name);
	va_start(ap, format);
	diagnostics_add_named(j->diagnostics, severity, severity == SEVERITY_ERROR ? CAUSE_INVALID : CAUSE_NOT_SUPPORTED, j->document,
	    where->str, where->str, format, ap);
	va_end(ap);
}

static void
check_parameter(const struct judging *j, const struct parameter *p, const char *value)
{
	struct error err = { 0 };

	if (value == NULL && p->required)
		say(j, SEVERITY_ERROR, p->name, "is required for the provisioner %s", j->class->provisioner);
	else if (value == NULL)
		return;
	else if (p->refused != NULL)
		say(j, SEVERITY_ERROR, p->name, "%s", p->refused);
	else if (p->ignored != NULL && !(p->encrypts && is_encrypted(j->class)))
		say(j, SEVERITY_WARNING, p->name, "%s", p->ignored);
	else if (p->check != NULL && p->check(value, &err) != 0)
		say(j, SEVERITY_ERROR, p->name, "%s", err.text);
	else if (p->with != NULL && schema_map_get(&j->class->parameters, p->with) == NULL)
		say(j, SEVERITY_ERROR, p->name, "needs %s: write both or none", p->with);
}

/* libvirt: a total and what it is the total of exclude each other. */
static void
check_totals(const struct judging *j)
{
	struct disk_limits limits;

	storage_class_limits(j->class, 0, &limits);
	for (size_t i = 0; i < G_N_ELEMENTS(limits_known); i++) {
		int64_t total = *(const int64_t *)(const void *)((const char *)&limits + limits_known[i].excludes);
		int64_t own = *(const int64_t *)(const void *)((const char *)&limits + limits_known[i].offset);
		bool given = schema_map_get(&j->class->parameters, limits_known[i].base) != NULL;
		if (limits_known[i].offset != limits_known[i].excludes && total > 0 && own > 0)
			say(j, SEVERITY_ERROR, given ? limits_known[i].base : limits_known[i].max, "cannot stand beside a limit of reads and writes together: "
			    "write one for each or one for both");
	}
}

/* ceph-csi puts names of claims and namespaces in for what stands in ${}. */
static void
check_secret(const struct judging *j)
{
	static const char *const names[] = { SECRET_NAME, SECRET_NAMESPACE };

	for (size_t i = 0; i < G_N_ELEMENTS(names) && is_encrypted(j->class); i++) {
		const char *value = schema_map_get(&j->class->parameters, names[i]);
		struct error err = { 0 };
		if (value == NULL)
			say(j, SEVERITY_ERROR, names[i], "is required with encrypted: the Secret with the key encryptionPassphrase");
		else if (check_dns_subdomain(value, &err) != 0)
			say(j, SEVERITY_ERROR, names[i], "%s; one Secret is for all volumes of the class", err.text);
	}
}

static void
check_unknown(const struct judging *j, const struct parameter *known, const char *name)
{
	const char *names[G_N_ELEMENTS(rbd_parameters)] = { NULL }, *near;

	for (size_t i = 0; known[i].name != NULL; i++) {
		if (strcmp(known[i].name, name) == 0)
			return;
		names[i] = known[i].name;
	}
	near = nearest_word(name, names);
	say(j, SEVERITY_WARNING, name, "is not a parameter of %s and is ignored%s%s%s", j->class->provisioner,
	    near == NULL ? "" : "; did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?");
}

static void
storage_class_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct judging j = { object, document, diagnostics };
	const struct storage_driver *driver = storage_driver_find(j.class->provisioner);
	const struct parameter *known;

	(void)path;
	if (document == NULL || j.class->provisioner == NULL)
		return; /* what is stored was judged when it came */
	if (driver == NULL) {
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_SUPPORTED, document, "provisioner",
		    "\"%.80s\" is not a driver here, its claims stay Pending: %s and %s are", j.class->provisioner, drivers[0].provisioner,
		    drivers[1].provisioner);
		return;
	}
	known = parameters[driver - drivers];
	for (const struct parameter *p = known; p->name != NULL; p++)
		check_parameter(&j, p, schema_map_get(&j.class->parameters, p->name));
	check_totals(&j);
	if (known == rbd_parameters)
		check_secret(&j);
	for (size_t i = 0; i < j.class->parameters.count; i++)
		check_unknown(&j, known, j.class->parameters.entries[i].name);
}

static const struct schema_field storage_class_rows[] = {
	HEAD_ROWS(struct storage_class),
	{ STRING("provisioner", struct storage_class, provisioner), .flags = FIELD_REQUIRED | FIELD_FIXED, .doc = "Driver: local.solovirt.io or rbd.csi.ceph.com." },
	{ MAP("parameters", struct storage_class, parameters), .flags = FIELD_FIXED, .doc = "Settings of the driver; local: format (raw or qcow2); rbd: clusterID, pool, dataPool, imageFeatures, volumeNamePrefix, stripeUnit, stripeCount, objectSize, encrypted (LUKS, with the encryptionPassphrase of the Secret in csi.storage.k8s.io/node-stage-secret-name and -namespace); both: limits of a guest's disk, baseIops, baseReadIops, baseWriteIops, baseBps, baseReadBps, baseWriteBps, what each GiB adds (iopsPerGiB, readBpsPerGiB ...) above baseVolSizeBytes, and what there is at most (maxReadIops, maxWriteBps ...)." },
	{ ENUM("reclaimPolicy", struct storage_class, reclaim_policy, reclaim_policy_words), .dflt = "Delete", .doc = "What happens to a volume when its claim is deleted." },
	{ ENUM("volumeBindingMode", struct storage_class, volume_binding_mode, binding_modes), .dflt = "Immediate", .doc = "When a volume is made; Immediate in effect." },
	{ BOOL("allowVolumeExpansion", struct storage_class, allow_volume_expansion), .dflt = "true", .doc = "Claims may grow." },
	{ IGNORED("mountOptions", STRINGS, "Volumes are not mounted on the host.") },
	{ IGNORED("allowedTopologies", LIST, "Placement follows capacity.") },
	{ 0 },
};
SCHEMA(storage_class_schema, struct storage_class, "StorageClass", "A way to make disks.", storage_class_rows, .check = storage_class_check);
