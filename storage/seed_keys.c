/* The SSH keys that accessCredentials put into cloud-init's metadata; see seed.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/seed.h"

/* A Secret's value may hold a file of keys: one a line, with comments. */
static void
add_lines(GPtrArray *keys, const char *text)
{
	g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		g_strstrip(*line);
		if (**line != '\0' && **line != '#')
			g_ptr_array_add(keys, g_strdup(*line));
	}
}

int
seed_secret_keys(const struct secret *secret, GPtrArray *keys, struct error *err)
{
	for (size_t i = 0; i < secret->data.count; i++) {
		size_t length;
		g_autofree char *value = secret_value(secret, secret->data.entries[i].name, &length);

		if (value == NULL)
			return error_set(err, EINVAL, "the key \"%s\" of Secret \"%s\" is not base64", secret->data.entries[i].name,
			    secret->head.meta->name);
		if (memchr(value, '\0', length) != NULL || !g_utf8_validate(value, -1, NULL))
			return error_set(err, EINVAL, "the key \"%s\" of Secret \"%s\" is no SSH key", secret->data.entries[i].name,
			    secret->head.meta->name);
		add_lines(keys, value);
	}
	return 0;
}

/* The Secret whose keys go the way that this medium is, or NULL. */
static const char *
keys_secret(const struct access_credential *credential, bool config_drive)
{
	const struct access_credential_item *item = credential->ssh_public_key;
	const struct credential_propagation *way = item == NULL ? NULL : item->propagation_method;

	if (way == NULL || item->source == NULL || item->source->secret == NULL)
		return NULL;
	return (config_drive ? way->config_drive : way->no_cloud) == NULL ? NULL : item->source->secret->secret_name;
}

GPtrArray *
seed_keys(const struct vmi *vmi, bool config_drive, const struct seed_lookup *lookup, struct error *err)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

	SCHEMA_EACH (struct access_credential, c, &vmi->spec->access_credentials) {
		const char *name = keys_secret(c, config_drive);
		const struct secret *secret = name == NULL ? NULL : lookup->secret(lookup->arg, name);

		if (name != NULL && secret == NULL) {
			error_set(err, ENOENT, "the Secret \"%s\" that accessCredentials refer to does not exist", name);
			return NULL;
		}
		if (secret != NULL && seed_secret_keys(secret, keys, err) < 0)
			return NULL;
	}
	return g_steal_pointer(&keys);
}
