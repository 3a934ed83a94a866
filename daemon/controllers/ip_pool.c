/* The IPPool controller: how many of its addresses are in use, and which. */
#include "config.h"

#include <errno.h>

#include "daemon/controllers/address_counts.h"
#include "daemon/controllers/controllers.h"
#include "daemon/networks.h"
#include "daemon/objects.h"
#include "src/api/check.h"
#include "src/api/ip_pool.h"
#include "src/base/error.h"

enum { AGAIN_MS = 10000 };

static int
fill(struct daemon *daemon, const struct ip_pool_spec *spec, struct attachment *at, struct ip_pool_status *status, struct error *err)
{
	if (subnet_attach(daemon, spec->subnet, at, err) < 0)
		return -1;
	if (!at->addressed)
		return error_set(err, EINVAL, "Subnet %s has no cidrBlock, and so no addresses for a pool", spec->subnet);
	for (int f = 0; f < IP_FAMILIES; f++) {
		GArray **only = &at->subnet.families[f].only;
		if (*only == NULL) /* of a family that it does not mention it has none */
			*only = g_array_new(FALSE, FALSE, sizeof(struct number_range));
	}
	if (subnet_restrict(&at->subnet, (const char *const *)spec->ips, err) < 0)
		return -1;
	address_counts_read(daemon, at->segment, &at->subnet, &status->v4, &status->v6);
	return 0;
}

int
ip_pool_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct ip_pool *pool = object->value;
	struct ip_pool_status *status = objects_status_copy(object);
	int64_t version = object->version;
	struct error why = { 0 };
	ATTACHMENT_AUTO at = { 0 };
	const struct object *now;
	int r;

	fill(daemon, pool->spec, &at, status, &why);
	condition_set(&status->conditions, "Ready", why.code == 0, why.code == 0 ? "Success" : "Failed", why.text, daemon_now(daemon));
	r = objects_set_status(daemon, object, status, err);
	schema_free(&ip_pool_status_schema, status);
	if (why.code != 0)
		controllers_await(daemon, object, KIND_SUBNET, "", pool->spec->subnet);
	if (why.code != 0)
		controllers_requeue(daemon, object, AGAIN_MS);
	/* The Subnet counts anew only when something is new here: it wakes its pools. */
	now = store_get(daemon->store, KIND_IP_POOL, "", object->name);
	if (r == 0 && at.of != NULL && now != NULL && now->version != version)
		controllers_requeue(daemon, at.of, 0);
	return r;
}
