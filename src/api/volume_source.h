/* Where the data of a DataVolume comes from. */
#ifndef SOLOVIRT_API_VOLUME_SOURCE_H
#define SOLOVIRT_API_VOLUME_SOURCE_H

#include "src/api/meta.h"

struct source_http {
	char *url, *checksum, *secret_ref, *cert_config_map;
	char **extra_headers;
	char **secret_extra_headers; /* Secrets; each value in them is a header */
	bool insecure_skip_verify;
};
struct source_s3 {
	char *url, *secret_ref, *cert_config_map;
};
struct source_gcs {
	char *url, *secret_ref;
};
struct source_platform {
	char *architecture; /* as in an OCI index: "amd64"; NULL: the host's */
};
enum pull_method { PULL_UNSET, PULL_POD, PULL_NODE };
struct source_registry {
	char *url; /* docker://REGISTRY/NAME[:TAG|@DIGEST] or oci-archive:PATH; NULL: image_stream */
	char *image_stream, *secret_ref, *cert_config_map;
	int pull_method; /* enum pull_method */
	struct source_platform *platform; /* may be NULL */
};
/* pvc and snapshot. */
struct source_object {
	char *namespace; /* NULL: the DataVolume's own */
	char *name;
};
/* blank and upload. */
struct source_empty {
	bool unused;
};
/* imageio and vddk, which are not built: the members that they have. */
struct source_other {
	char *url, *secret_ref, *cert_config_map, *disk_id, *backing_file, *extra_args, *init_image_url, *thumbprint, *uuid;
	bool insecure_skip_verify;
};
struct data_volume_source { /* exactly one */
	struct source_http *http;
	struct source_s3 *s3;
	struct source_gcs *gcs;
	struct source_registry *registry;
	struct source_object *pvc, *snapshot;
	struct source_empty *upload, *blank;
	struct source_other *imageio, *vddk;
};
struct source_reference {
	char *kind, *name, *namespace; /* namespace NULL: the DataVolume's own */
};

extern const struct schema data_volume_source_schema, source_reference_schema, source_object_schema, source_registry_schema,
    source_http_schema;

/* "SCHEME://HOST..." with one of the schemes (a NULL-terminated list): 0, or -1 and what would be right. */
int check_source_url(const char *text, const char *const *schemes, struct error *err);
/* True when credentials, certificates or headers go with it, or secrets may stand in its URL: not everybody may be shown what it holds. */
bool source_is_private(const struct data_volume_source *source);
/* URL of a source that an image may come from, or NULL. */
const char *source_url(const struct data_volume_source *source);
/* URL of an image in a registry by its digest ("sha256:..."), whatever tag or digest url has.  Caller g_free()s. */
char *source_registry_pinned(const char *url, const char *digest);
/* What is wrong with a source beyond its rows: 0, or -1 with the field to blame ("http.url") and why. */
int data_volume_source_check(const struct data_volume_source *source, const char **field, struct error *err);

#endif
