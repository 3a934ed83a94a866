/* Seed media; see seed.h. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/iso.h"
#include "storage/seed.h"

enum { MODE_PLAIN = 0644, MODE_SECRET = 0400 };

/* What one image is made of, and what it is made for. */
struct seed {
	const struct vmi *vmi;
	const struct volume *volume;
	const struct seed_lookup *lookup;
	GArray *files; /* struct iso_file; path and data are owned */
};

bool
seed_is_needed(const struct volume *volume)
{
	return volume->cloud_init_no_cloud != NULL || volume->cloud_init_config_drive != NULL ||
	       volume->secret != NULL || volume->config_map != NULL || volume->sysprep != NULL ||
	       volume->downward_api != NULL || volume->service_account != NULL;
}

bool
seed_is_folder(const struct volume *volume)
{
	return volume->secret != NULL || volume->config_map != NULL || volume->downward_api != NULL || volume->service_account != NULL;
}

static void
clear_file(void *item)
{
	struct iso_file *file = item;

	g_free((void *)file->path);
	g_free((void *)file->data);
}

/* Takes data. */
static void
add_file(struct seed *seed, const char *path, unsigned mode, char *data, size_t length)
{
	struct iso_file file = {.path = g_strdup(path), .mode = mode, .data = data, .length = length};

	g_array_append_val(seed->files, file);
}

/* --- where cloud-init's texts come from --------------------------------------------------------------------------- */

/* One of the two texts: where a volume may have written it, and under which keys a Secret may hold it. */
struct text {
	const char *what; /* the field's name, for its reader */
	const char *plain, *base64;
	const struct local_object_reference *reference;
	const char *keys[2]; /* both spellings are KubeVirt's */
};

/* g_base64_decode() skips what it does not understand; a user's slip must not become half a script. */
static char *
decode_base64(const char *text, size_t *length)
{
	g_autofree char *dense = g_strdup(text);
	char *to = dense;

	for (const char *from = text; *from != '\0'; from++)
		if (!g_ascii_isspace(*from))
			*to++ = *from;
	*to = '\0';
	size_t n = strlen(dense),
	       digits = strspn(dense, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	if (n % 4 != 0 || n - digits > 2 || strspn(dense + digits, "=") != n - digits)
		return NULL;
	g_autofree unsigned char *bytes = n == 0 ? NULL : g_base64_decode(dense, length);
	if (n == 0)
		*length = 0;
	char *result = g_malloc(*length + 1);
	if (*length > 0)
		memcpy(result, bytes, *length);
	result[*length] = '\0';
	return result;
}

/* The bytes of a key; a Secret that was stored decodes, but say so if it does not. */
static char *
value_of(const struct secret *secret, const char *key, size_t *length, struct error *err)
{
	char *value = secret_value(secret, key, length);

	if (value == NULL)
		error_set(err, EINVAL, "the key \"%s\" of Secret \"%s\" is not base64", key, secret->head.meta->name);
	return value;
}

static char *
text_of_secret(const struct seed *seed, const struct text *text, size_t *length, struct error *err)
{
	const struct secret *secret = seed->lookup->secret(seed->lookup->arg, text->reference->name);

	if (secret == NULL) {
		error_set(err, ENOENT, "the Secret \"%s\" that the volume \"%s\" refers to does not exist",
		    text->reference->name, seed->volume->name);
		return NULL;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(text->keys); i++)
		if (schema_map_get(&secret->data, text->keys[i]) != NULL)
			return value_of(secret, text->keys[i], length, err);
	error_set(err, ENOENT, "the Secret \"%s\" that the volume \"%s\" refers to has neither a key \"%s\" nor \"%s\"",
	    text->reference->name, seed->volume->name, text->keys[0], text->keys[1]);
	return NULL;
}

/* *out stays NULL when the volume does not give this text. */
static int
resolve(const struct seed *seed, const struct text *text, char **out, size_t *length, struct error *err)
{
	if (text->plain != NULL && *text->plain != '\0') {
		*out = g_strdup(text->plain);
		*length = strlen(text->plain);
	} else if (text->base64 != NULL && *text->base64 != '\0') {
		*out = decode_base64(text->base64, length);
		if (*out == NULL)
			return error_set(
			    err, EINVAL, "%sBase64 of the volume \"%s\" is not base64", text->what, seed->volume->name);
	} else if (text->reference != NULL && text->reference->name != NULL && *text->reference->name != '\0') {
		*out = text_of_secret(seed, text, length, err);
		if (*out == NULL)
			return -1;
	}
	return 0;
}

/* --- cloud-init --------------------------------------------------------------------------------------------------- */

static const char *
instance_uuid(const struct vmi *vmi)
{
	const struct firmware *firmware = vmi->spec->domain->firmware;

	if (firmware != NULL && firmware->uuid != NULL)
		return firmware->uuid;
	return vmi->head.meta->uid != NULL ? vmi->head.meta->uid : "";
}

/* A word in quotes that JSON and YAML read alike. */
static void
append_item(GString *text, const char *word)
{
	json_t *string = json_string(word);
	char *quoted = json_dumps(string, JSON_ENCODE_ANY);

	g_string_append_printf(text, "  - %s\n", quoted);
	free(quoted);
	json_decref(string);
}

static char *
no_cloud_meta(const struct vmi *vmi, const GPtrArray *keys)
{
	g_autofree char *hostname = vmi_hostname(vmi);
	GString *text = g_string_new(NULL);

	/* YAML, a member a line: small readers of NoCloud expect that; both values are plain words by their rules. */
	g_string_append_printf(text, "instance-id: %s\nlocal-hostname: %s\n", instance_uuid(vmi), hostname);
	if (keys->len > 0)
		g_string_append(text, "public-keys:\n");
	for (guint i = 0; i < keys->len; i++)
		append_item(text, keys->pdata[i]);
	return g_string_free(text, FALSE);
}

/* Keys by their numbers, as OpenStack has them by names. */
static json_t *
numbered(const GPtrArray *keys)
{
	json_t *all = json_object();

	for (guint i = 0; i < keys->len; i++) {
		g_autofree char *number = g_strdup_printf("%u", i);
		json_object_set_new(all, number, json_string(keys->pdata[i]));
	}
	return all;
}

static char *
config_drive_meta(const struct vmi *vmi, const GPtrArray *keys)
{
	g_autofree char *hostname = vmi_hostname(vmi);
	g_autofree char *id = g_strdup_printf("%s.%s", vmi->head.meta->name, vmi->head.meta->namespace);
	json_t *meta =
	    json_pack("{s:s, s:s, s:s}", "instance_id", id, "hostname", hostname, "uuid", instance_uuid(vmi));

	if (meta != NULL && keys->len > 0)
		json_object_set_new(meta, "public_keys", numbered(keys));
	char *text = json_dumps(meta, JSON_COMPACT);

	json_decref(meta);
	return text;
}

/* The two layouts that cloud-init knows. */
static const struct layout {
	const char *label;
	const char *meta, *user, *network; /* paths */
	char *(*meta_text)(const struct vmi *vmi, const GPtrArray *keys); /* free() */
} no_cloud = {"cidata", "meta-data", "user-data", "network-config", no_cloud_meta},
  config_drive = {"config-2", "openstack/latest/meta_data.json", "openstack/latest/user_data",
      "openstack/latest/network_data.json", config_drive_meta};

static int
add_cloud_init(struct seed *seed, const struct cloud_init *source, const struct layout *layout, struct error *err)
{
	const struct text user = {
	    "userData", source->user_data, source->user_data_base64, source->secret_ref, {"userdata", "userData"}};
	const struct text network = {"networkData", source->network_data, source->network_data_base64,
	    source->network_data_secret_ref, {"networkdata", "networkData"}};
	g_autoptr(GPtrArray) keys = seed_keys(seed->vmi, layout == &config_drive, seed->lookup, err);
	char *meta = keys == NULL ? NULL : layout->meta_text(seed->vmi, keys), *text = NULL, *net = NULL;
	size_t length = 0, net_length = 0;

	if (keys == NULL)
		return -1;
	if (meta == NULL)
		return error_set(err, EINVAL, "the name of the machine is not UTF-8");
	add_file(seed, layout->meta, MODE_PLAIN, g_strdup(meta), strlen(meta));
	free(meta);
	if (resolve(seed, &user, &text, &length, err) < 0)
		return -1;
	/* cloud-init takes a NoCloud medium only when user-data is there, even if it is empty. */
	add_file(seed, layout->user, MODE_SECRET, text, length);
	if (resolve(seed, &network, &net, &net_length, err) < 0)
		return -1;
	if (net != NULL)
		add_file(seed, layout->network, MODE_PLAIN, net, net_length);
	return 0;
}

/* --- Secrets and ConfigMaps --------------------------------------------------------------------------------------- */

static int
add_secret(struct seed *seed, const struct volume_secret *source, struct error *err)
{
	const struct secret *secret = seed->lookup->secret(seed->lookup->arg, source->secret_name);
	size_t length;

	if (secret == NULL && source->optional)
		return 0;
	if (secret == NULL)
		return error_set(err, ENOENT, "the Secret \"%s\" that the volume \"%s\" refers to does not exist",
		    source->secret_name, seed->volume->name);
	for (size_t i = 0; i < secret->data.count; i++) {
		char *value = value_of(secret, secret->data.entries[i].name, &length, err);
		if (value == NULL)
			return -1;
		add_file(seed, secret->data.entries[i].name, MODE_SECRET, value, length);
	}
	return 0;
}

static int
add_map(struct seed *seed, const struct config_map *map, const struct schema_map *entries, struct error *err)
{
	size_t length;

	for (size_t i = 0; i < entries->count; i++) {
		char *value = config_map_value(map, entries->entries[i].name, &length);
		if (value == NULL)
			return error_set(err, EINVAL, "the key \"%s\" of ConfigMap \"%s\" is not base64",
			    entries->entries[i].name, map->head.meta->name);
		add_file(seed, entries->entries[i].name, MODE_PLAIN, value, length);
	}
	return 0;
}

static int
add_config_map(struct seed *seed, const struct volume_config_map *source, struct error *err)
{
	const struct config_map *map = seed->lookup->config_map(seed->lookup->arg, source->name);

	if (map == NULL && source->optional)
		return 0;
	if (map == NULL)
		return error_set(err, ENOENT, "the ConfigMap \"%s\" that the volume \"%s\" refers to does not exist",
		    source->name, seed->volume->name);
	return add_map(seed, map, &map->data, err) < 0 ? -1 : add_map(seed, map, &map->binary_data, err);
}

/* --- answers for Windows Setup ------------------------------------------------------------------------------------- */

/* Setup takes either name, in any case. */
static bool
is_answer_file(const char *path)
{
	return g_ascii_strcasecmp(path, "autounattend.xml") == 0 || g_ascii_strcasecmp(path, "unattend.xml") == 0;
}

static int
add_sysprep(struct seed *seed, const struct volume_sysprep *source, struct error *err)
{
	const struct volume_secret secret = {.secret_name = source->secret == NULL ? NULL : source->secret->name};
	const struct volume_config_map map = {.name = source->config_map == NULL ? NULL : source->config_map->name};
	const char *name = secret.secret_name != NULL ? secret.secret_name : map.name;
	bool found = false;
	int rc = name == NULL ? error_set(err, EINVAL, "sysprep of the volume \"%s\" names neither a Secret nor a ConfigMap",
	                            seed->volume->name) :
	    secret.secret_name != NULL ? add_secret(seed, &secret, err) : add_config_map(seed, &map, err);

	for (guint i = 0; i < seed->files->len; i++)
		found |= is_answer_file(g_array_index(seed->files, struct iso_file, i).path);
	if (rc == 0 && !found)
		return error_set(err, EINVAL, "\"%s\", to which sysprep of the volume \"%s\" refers, has neither a key "
		    "autounattend.xml nor unattend.xml", name, seed->volume->name);
	return rc;
}

/* --- the instance's own metadata ----------------------------------------------------------------------------------- */

/* A value between quotes, as Go's %q writes it: that is how the kubelet writes these files. */
static void
append_go_quoted(GString *out, const char *value)
{
	static const char plain[] = "\"\\\a\b\f\n\r\t\v", words[] = "\"\\abfnrtv";

	g_string_append_c(out, '"');
	for (const char *c = value; *c != '\0'; c++) {
		const char *special = strchr(plain, *c);
		if (special != NULL)
			g_string_append_printf(out, "\\%c", words[special - plain]);
		else if (g_ascii_iscntrl(*c))
			g_string_append_printf(out, "\\x%02x", (unsigned)*c);
		else
			g_string_append_c(out, *c);
	}
	g_string_append_c(out, '"');
}

static int
by_name(const void *a, const void *b)
{
	const struct schema_map_entry *const *one = a, *const *other = b;

	return strcmp((*one)->name, (*other)->name);
}

/* All of a map, a line each, by name. */
static char *
map_text(const struct schema_map *map)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new();
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < map->count; i++)
		g_ptr_array_add(entries, &map->entries[i]);
	g_ptr_array_sort(entries, by_name);
	for (guint i = 0; i < entries->len; i++) {
		const struct schema_map_entry *entry = entries->pdata[i];
		g_string_append_printf(out, "%s%s=", i == 0 ? "" : "\n", entry->name);
		append_go_quoted(out, entry->value);
	}
	return g_string_free(out, FALSE);
}

/* "['key']" behind the name of a map: its value, empty when there is none; NULL when that is not what is behind. */
static char *
entry_text(const struct schema_map *map, const char *subscript)
{
	size_t length = strlen(subscript);

	if (length < 5 || !g_str_has_prefix(subscript, "['") || !g_str_has_suffix(subscript, "']"))
		return NULL;
	g_autofree char *key = g_strndup(subscript + 2, length - 4);
	const char *value = schema_map_get(map, key);
	return g_strdup(value == NULL ? "" : value);
}

/* What a field of the instance says, or NULL when there is no such field. */
static char *
field_text(const struct vmi *vmi, const char *path)
{
	const struct meta *meta = vmi->head.meta;
	const struct { const char *path, *value; } fields[] = {
		{"metadata.name", meta->name}, {"metadata.namespace", meta->namespace}, {"metadata.uid", meta->uid},
	};
	const struct { const char *path; const struct schema_map *map; } maps[] = {
		{"metadata.labels", &meta->labels}, {"metadata.annotations", &meta->annotations},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (strcmp(path, fields[i].path) == 0)
			return g_strdup(fields[i].value == NULL ? "" : fields[i].value);
	for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
		if (strcmp(path, maps[i].path) == 0)
			return map_text(maps[i].map);
		if (g_str_has_prefix(path, maps[i].path))
			return entry_text(maps[i].map, path + strlen(maps[i].path));
	}
	return NULL;
}

/* A file that names no field stays away: its row has warned of it. */
static int
add_downward(struct seed *seed, const struct volume_downward *source, struct error *err)
{
	SCHEMA_EACH (struct downward_field, field, &source->fields) {
		if (field->field_ref == NULL || field->field_ref->field_path == NULL)
			continue;
		char *text = field_text(seed->vmi, field->field_ref->field_path);
		if (text == NULL)
			return error_set(err, EINVAL, "the volume \"%s\" cannot tell the field \"%s\": metadata.name, "
			    "metadata.namespace, metadata.uid, metadata.labels and metadata.annotations can be told",
			    seed->volume->name, field->field_ref->field_path);
		add_file(seed, field->path, MODE_PLAIN, text, strlen(text));
	}
	return 0;
}

/* --- which it is --------------------------------------------------------------------------------------------------- */

static const char *
label_or_default(const char *label)
{
	return label != NULL && *label != '\0' ? label : "cfgdata";
}

/* Fills seed->files; returns the label, or NULL. */
static const char *
collect(struct seed *seed, struct error *err)
{
	const struct volume *volume = seed->volume;
	const char *label = NULL;
	int rc = 0;

	if (volume->cloud_init_no_cloud != NULL) {
		label = no_cloud.label;
		rc = add_cloud_init(seed, volume->cloud_init_no_cloud, &no_cloud, err);
	} else if (volume->cloud_init_config_drive != NULL) {
		label = config_drive.label;
		rc = add_cloud_init(seed, volume->cloud_init_config_drive, &config_drive, err);
	} else if (volume->secret != NULL) {
		label = label_or_default(volume->secret->volume_label);
		rc = add_secret(seed, volume->secret, err);
	} else if (volume->config_map != NULL) {
		label = label_or_default(volume->config_map->volume_label);
		rc = add_config_map(seed, volume->config_map, err);
	} else if (volume->sysprep != NULL) {
		label = "unattendCD";
		rc = add_sysprep(seed, volume->sysprep, err);
	} else if (volume->downward_api != NULL) {
		label = label_or_default(volume->downward_api->volume_label);
		rc = add_downward(seed, volume->downward_api, err);
	} else if (volume->service_account != NULL) {
		label = label_or_default(NULL); /* nothing to tell: see its row */
	} else {
		rc = error_set(err, EINVAL, "the volume \"%s\" is no seed medium", volume->name);
	}
	return rc < 0 ? NULL : label;
}

GByteArray *
seed_build(const struct vmi *vmi, const struct volume *volume, const struct seed_lookup *lookup, struct error *err)
{
	g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(struct iso_file));
	struct seed seed = {.vmi = vmi, .volume = volume, .lookup = lookup, .files = files};

	g_array_set_clear_func(files, clear_file);
	const char *label = collect(&seed, err);
	if (label == NULL)
		return NULL;
	GByteArray *image = iso_build(label, (const struct iso_file *)(void *)files->data, files->len, err);
	if (image == NULL)
		error_wrap(err, "volume \"%s\": ", volume->name);
	return image;
}

static json_t *
file_tree(const struct iso_file *file)
{
	g_autofree char *data = file->length == 0 ? g_strdup("") : g_base64_encode(file->data, file->length);

	return json_pack("{s:s,s:i,s:s}", "path", file->path, "mode", (int)file->mode, "data", data);
}

json_t *
seed_files(const struct vmi *vmi, const struct volume *volume, const struct seed_lookup *lookup, struct error *err)
{
	g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(struct iso_file));
	struct seed seed = {.vmi = vmi, .volume = volume, .lookup = lookup, .files = files};
	json_t *list;

	g_array_set_clear_func(files, clear_file);
	if (collect(&seed, err) == NULL)
		return NULL;
	list = json_array();
	for (guint i = 0; i < files->len; i++)
		json_array_append_new(list, file_tree(&g_array_index(files, struct iso_file, i)));
	return list;
}
