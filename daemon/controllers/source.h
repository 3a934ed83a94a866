/* What the import worker is told of a DataVolume's source. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_SOURCE_H
#define SOLOVIRT_DAEMON_CONTROLLERS_SOURCE_H

#include <jansson.h>

struct daemon;
struct data_volume_source;
struct error;

/* Arguments of "import" and "probe" (storage/import_verbs.h) for http, s3, gcs or registry, without those of the target.  Secrets and
 * ConfigMaps are looked up in namespace home; what they hold travels over the worker's channel only.  NULL: ENOENT names what is missing. */
json_t *source_args(struct daemon *daemon, const char *home, const struct data_volume_source *source, struct error *err);

#endif
