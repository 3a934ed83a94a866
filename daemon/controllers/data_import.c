/* What a DataImportCron's source holds now; see data_import.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/data_import.h"
#include "daemon/controllers/source_probe.h"
#include "src/api/data_import_cron.h"
#include "src/base/error.h"

static int
claim_digest(struct daemon *daemon, const struct object *cron, const struct source_object *pvc, char **digest, struct error *err)
{
	const char *ns = pvc->namespace == NULL ? cron->namespace : pvc->namespace;
	const struct object *claim = store_get(daemon->store, KIND_CLAIM, ns, pvc->name);

	controllers_await(daemon, cron, KIND_CLAIM, ns, pvc->name);
	if (claim == NULL)
		return error_set(err, ENOENT, "PersistentVolumeClaim %s/%s does not exist", ns, pvc->name);
	*digest = g_strconcat("uid:", claim->uid, NULL);
	return 1;
}

/* What a server says of it, taken once: the next look asks again. */
static int
probed_digest(struct daemon *daemon, const struct object *cron, const struct data_volume_source *source, char **digest, struct error *err)
{
	const char *found, *unused;
	int r = source_probe(daemon, cron, source, &found, &unused, err);

	if (r > 0)
		*digest = g_strdup(found);
	if (r != 0)
		source_probe_forget(daemon, cron);
	return r;
}

int
data_import_digest(struct daemon *daemon, const struct object *cron, char **digest, struct error *err)
{
	const struct data_volume_source *s = ((const struct data_import_cron *)cron->value)->spec->template->spec->source;
	const char *at = s == NULL || s->registry == NULL || s->registry->url == NULL ? NULL : strstr(s->registry->url, "@sha256:");
	const char *sum = s == NULL || s->http == NULL ? NULL : s->http->checksum;

	if (s != NULL && s->pvc != NULL)
		return claim_digest(daemon, cron, s->pvc, digest, err);
	if (at == NULL && sum == NULL)
		return s == NULL || source_url(s) == NULL ? error_set(err, EINVAL, "the source cannot be followed: registry, http and pvc can")
		                                          : probed_digest(daemon, cron, s, digest, err);
	*digest = g_strdup(at == NULL ? sum : at + 1);
	return 1;
}
