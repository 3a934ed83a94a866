/* What a DataImportCron's source holds now; see data_import.h.  Nobody is asked over the network yet. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/data_import.h"
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
	return 0;
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
		return error_set(err, ENODATA, "sources are not asked for their digest yet: name an image by NAME@sha256:..., or write a checksum");
	*digest = g_strdup(at == NULL ? sum : at + 1);
	return 0;
}
