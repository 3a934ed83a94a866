/* DataImportCron (cdi.kubevirt.io/v1beta1): a disk that follows its source. */
#ifndef SOLOVIRT_API_DATA_IMPORT_CRON_H
#define SOLOVIRT_API_DATA_IMPORT_CRON_H

#include "src/api/datavolume.h"

enum { DATA_IMPORT_KEEP = 3 }; /* imports that are kept when nothing is said */

enum garbage_collect { GARBAGE_UNSET, GARBAGE_OUTDATED, GARBAGE_NEVER };
enum retention_policy { RETENTION_UNSET, RETENTION_ALL, RETENTION_NONE };
struct data_import_template {
	struct meta *metadata;         /* never NULL; labels and annotations of what is made */
	struct data_volume_spec *spec; /* never NULL */
};
struct data_import_cron_spec {
	struct data_import_template *template; /* never NULL */
	char *schedule;                        /* src/base/cron.h; "" or NULL: never looks */
	int garbage_collect;                   /* enum garbage_collect */
	int64_t imports_to_keep;
	char *managed_data_source;
	int retention_policy;                  /* enum retention_policy: what goes with it */
};
struct data_import_status {
	char *data_volume_name, *digest;
};
struct data_import_cron_status {
	int64_t last_execution, last_import;  /* ms since 1970; 0: never */
	struct source_object *last_imported;  /* claim; or NULL */
	struct schema_list current_imports;   /* struct data_import_status */
	struct schema_list conditions;        /* Progressing, UpToDate */
};
struct data_import_cron {
	struct object_head head;
	struct data_import_cron_spec *spec;     /* never NULL */
	struct data_import_cron_status *status; /* never NULL */
};

extern const struct schema data_import_cron_schema, data_import_cron_status_schema;

/* Name of the DataVolume of a digest ("sha256:0123..." or any other text): PREFIX-0123456789ab.  Caller g_free()s. */
char *data_import_name(const char *prefix, const char *digest);

#endif
