/* Keys and passwords by the guest's agent; see credentials.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/credentials.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"
#include "storage/seed.h"

enum {
	AGAIN_MS = 15000,  /* after it could not be handed over */
	ANEW_MS = 300000,  /* in case the guest changed it */
};

/* What an instance's guest has. */
struct handed {
	char *version; /* of the Secrets that were handed over last */
	int64_t due;   /* monotonic ms: when they are handed over anew */
	bool under_way;
};

struct credentials {
	struct daemon *daemon;
	GHashTable *handed; /* uid -> struct handed */
};

/* Calls under way, one after the other. */
struct handing {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host, *version;
	json_t *calls; /* [[verb, args]] */
	size_t next;
	bool news;     /* the Secrets are others than last time */
};

static void
handed_free(void *pointer)
{
	struct handed *h = pointer;

	g_free(h->version);
	g_free(h);
}

struct credentials *
credentials_new(struct daemon *daemon)
{
	struct credentials *c = g_new0(struct credentials, 1);

	c->daemon = daemon;
	c->handed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, handed_free);
	return c;
}

void
credentials_free(struct credentials *credentials)
{
	g_hash_table_destroy(credentials->handed);
	g_free(credentials);
}

void
credentials_forget(struct credentials *credentials, const char *uid)
{
	g_hash_table_remove(credentials->handed, uid);
}

/* --- what is to be handed over -------------------------------------------------------------------------------------- */

static const struct access_credential_item *
item_of(const struct access_credential *c)
{
	return c->ssh_public_key != NULL ? c->ssh_public_key : c->user_password;
}

const char *
credential_secret_name(const struct access_credential *credential)
{
	const struct access_credential_item *item = item_of(credential);

	return item == NULL || item->source == NULL || item->source->secret == NULL ? NULL : item->source->secret->secret_name;
}

static bool
goes_by_agent(const struct access_credential *c)
{
	const struct access_credential_item *item = item_of(c);

	return item != NULL && item->propagation_method != NULL && item->propagation_method->qemu_guest_agent != NULL;
}

static const struct object *
find_secret(struct daemon *daemon, const struct object *object, const struct access_credential *c)
{
	const char *name = credential_secret_name(c);

	return name == NULL ? NULL : store_get(daemon->store, KIND_SECRET, object->namespace, name);
}

/* Says which Secrets they are; NULL when nothing goes by the agent.  Looks at the instance again when one changes. */
static char *
version_of(struct daemon *daemon, const struct object *object)
{
	const struct vmi *vmi = object->value;
	g_autoptr(GString) text = g_string_new(NULL);

	SCHEMA_EACH (struct access_credential, c, &vmi->spec->access_credentials) {
		const struct object *secret = find_secret(daemon, object, c);

		if (!goes_by_agent(c))
			continue;
		if (credential_secret_name(c) != NULL)
			controllers_await(daemon, object, KIND_SECRET, object->namespace, credential_secret_name(c));
		g_string_append_printf(text, "%s/%lld ", secret == NULL ? "none" : secret->uid, secret == NULL ? 0LL : (long long)secret->version);
	}
	return text->len == 0 ? NULL : g_strdup(text->str);
}

/* A user may be named by several Secrets: he gets the keys of all. */
static int
collect_keys(json_t *users, const struct access_credential *c, const struct secret *secret, struct error *err)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	char **names = c->ssh_public_key->propagation_method->qemu_guest_agent->users;

	if (seed_secret_keys(secret, keys, err) != 0)
		return -1;
	for (char **user = names; user != NULL && *user != NULL; user++) {
		json_t *list = json_object_get(users, *user);

		if (list == NULL)
			json_object_set_new(users, *user, list = json_array());
		for (guint i = 0; i < keys->len; i++)
			json_array_append_new(list, json_string(keys->pdata[i]));
	}
	return 0;
}

static int
collect_passwords(json_t *calls, const struct secret *secret, struct error *err)
{
	for (size_t i = 0; i < secret->data.count; i++) {
		const char *user = secret->data.entries[i].name;
		size_t length;
		g_autofree char *password = secret_value(secret, user, &length);
		json_t *text = password == NULL ? NULL : json_stringn(password, length);

		if (text == NULL)
			return error_set(err, EINVAL, "the password of user \"%s\" in Secret \"%s\" is not UTF-8", user, secret->head.meta->name);
		json_array_append_new(calls, json_pack("[s,{s:s,s:o}]", "domain-password-set", "user", user, "password", text));
	}
	return 0;
}

/* NULL with err when a Secret is not there or holds nonsense. */
static json_t *
collect(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	json_t *calls = json_array(), *users = json_object(), *keys;
	const char *user;
	int r = 0;

	SCHEMA_EACH (struct access_credential, c, &vmi->spec->access_credentials) {
		const struct object *secret = find_secret(daemon, object, c);

		if (!goes_by_agent(c) || r != 0)
			continue;
		if (secret == NULL)
			r = error_set(err, ENOENT, "Secret %s/%s does not exist", object->namespace, credential_secret_name(c));
		else
			r = c->ssh_public_key != NULL ? collect_keys(users, c, secret->value, err) : collect_passwords(calls, secret->value, err);
	}
	json_object_foreach (users, user, keys)
		json_array_append_new(calls, json_pack("[s,{s:s,s:O}]", "domain-keys-set", "user", user, "keys", keys));
	json_decref(users);
	if (r != 0)
		g_clear_pointer(&calls, json_decref);
	return calls;
}

/* --- handing over --------------------------------------------------------------------------------------------------- */

static void
handing_free(struct handing *h)
{
	g_free(h->namespace);
	g_free(h->name);
	g_free(h->uid);
	g_free(h->host);
	g_free(h->version);
	json_decref(h->calls);
	g_free(h);
}

static void
tell(const struct handing *h, const struct object *object, const struct error *error)
{
	struct vmi_status *status = objects_status_copy(object);
	struct error err = { 0 };
	bool changed = condition_set(&status->conditions, "AccessCredentialsSynchronized", error == NULL, NULL, error == NULL ? NULL : error->text,
	    daemon_now(h->daemon));

	if (error != NULL && changed)
		daemon_event(h->daemon, object, "Warning", "AccessCredentialsSyncFailed", "Access credentials sync failed: %s", error->text);
	if (error == NULL && (changed || h->news))
		daemon_event(h->daemon, object, "Normal", "AccessCredentialsSyncSuccess", "Access credentials sync successful.");
	if (vmi_status_put(h->daemon, object, status, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", h->namespace, h->name, "%s", err.text);
}

/* A worker that died says nothing of the guest: the same is tried again. */
static void
handing_end(struct handing *h, const struct error *error)
{
	const struct object *object = store_get_uid(h->daemon->store, h->uid);
	struct handed *there = h->daemon->credentials == NULL ? NULL : g_hash_table_lookup(h->daemon->credentials->handed, h->uid);

	if (there != NULL && object != NULL) {
		there->under_way = false;
		there->due = clock_monotonic_ms() + (error == NULL ? ANEW_MS : AGAIN_MS);
		if (error == NULL) {
			g_free(there->version);
			there->version = g_steal_pointer(&h->version);
		}
		if (error == NULL || (error->code != EHOSTDOWN && error->code != ECANCELED && error->code != ECONNRESET))
			tell(h, object, error);
		controllers_requeue(h->daemon, object, error == NULL ? 0 : AGAIN_MS);
	}
	handing_free(h);
}

static void hand_next(struct handing *h);

static void
on_handed(void *arg, json_t *result, const struct error *error)
{
	(void)result;
	if (error != NULL)
		handing_end(arg, error);
	else
		hand_next(arg);
}

static void
hand_next(struct handing *h)
{
	struct host *host = host_find(h->daemon, h->host);
	json_t *step = json_array_get(h->calls, h->next++), *args;
	g_autofree char *domain = domain_name(h->namespace, h->name);
	struct error err = { 0 };

	if (step == NULL || host == NULL) {
		if (host == NULL)
			error_set(&err, EHOSTDOWN, "host %s is not configured any more", h->host);
		handing_end(h, host == NULL ? &err : NULL);
		return;
	}
	args = json_incref(json_array_get(step, 1));
	json_object_set_new(args, "name", json_string(domain));
	json_object_set_new(args, "uid", json_string(h->uid));
	host_call(host, json_string_value(json_array_get(step, 0)), args, -1, HOST_DEADLINE_QUERY, on_handed, h);
}

static struct handed *
handed_of(struct credentials *credentials, const char *uid)
{
	struct handed *h = g_hash_table_lookup(credentials->handed, uid);

	if (h == NULL) {
		h = g_new0(struct handed, 1);
		g_hash_table_insert(credentials->handed, g_strdup(uid), h);
	}
	return h;
}

void
credentials_follow(struct credentials *credentials, const struct object *object, struct host *host)
{
	g_autofree char *version = version_of(credentials->daemon, object);
	struct handed *there = version == NULL ? NULL : handed_of(credentials, object->uid);
	int64_t now = clock_monotonic_ms();
	struct error err = { 0 };
	struct handing *h;

	if (there == NULL || there->under_way)
		return;
	if (now < there->due && (there->version == NULL || strcmp(there->version, version) == 0)) {
		controllers_requeue(credentials->daemon, object, there->due - now);
		return;
	}
	h = g_new0(struct handing, 1);
	*h = (struct handing){ .daemon = credentials->daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .host = g_strdup(host->name), .news = g_strcmp0(there->version, version) != 0 };
	h->version = g_steal_pointer(&version);
	h->calls = collect(credentials->daemon, object, &err);
	there->under_way = true;
	if (h->calls == NULL)
		handing_end(h, &err);
	else
		hand_next(h);
}
