/* DataImportCron: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/data_import_cron.h"
#include "src/api/rows.h"
#include "src/base/cron.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

static int
check_schedule(const char *text, struct error *err)
{
	struct cron unused;

	return *text == '\0' ? 0 : cron_parse(text, &unused, err);
}

static const struct schema_field template_rows[] = {
	{ OBJECT("metadata", struct data_import_template, metadata, struct meta, &object_meta_schema), .flags = FIELD_PRESENT, .doc = "Labels and annotations of the DataVolumes." },
	{ OBJECT("spec", struct data_import_template, spec, struct data_volume_spec, &data_volume_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The DataVolumes." },
	{ IGNORED("status", OBJECT, "It is of DataVolumes that are there.") },
	{ 0 },
};
static SCHEMA(template_schema, struct data_import_template, "DataVolume", "What is made of each new image.", template_rows);

static const char *const garbage_words[] = { "", "Outdated", "Never", NULL };
static const char *const retention_words[] = { "", "All", "None", NULL };
static const struct schema_field spec_rows[] = {
	{ OBJECT("template", struct data_import_cron_spec, template, struct data_import_template, &template_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "What is made of each new image." },
	{ STRING("schedule", struct data_import_cron_spec, schedule), .check = check_schedule, .doc = "When the source is looked at, as in crontab(5) and in UTC; nothing: once." },
	{ ENUM("garbageCollect", struct data_import_cron_spec, garbage_collect, garbage_words), .dflt = "Outdated", .doc = "What is removed of earlier imports." },
	{ INT("importsToKeep", struct data_import_cron_spec, imports_to_keep), .dflt = "3", .min = 1, .max = 100, .doc = "How many imports are kept, the newest included." },
	{ STRING("managedDataSource", struct data_import_cron_spec, managed_data_source), .flags = FIELD_REQUIRED, .check = check_dns_subdomain, .doc = "DataSource that names the newest import." },
	{ ENUM("retentionPolicy", struct data_import_cron_spec, retention_policy, retention_words), .dflt = "All", .doc = "What stays when it is deleted: All, or None of its imports and its DataSource." },
	{ IGNORED("createdBy", STRING, "Nobody is asked for rights later.") },
	{ IGNORED("serviceAccountName", STRING, "There are no service accounts.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct data_import_cron_spec, "DataImportCronSpec", "A disk that follows its source.", spec_rows);

static const struct schema_field import_rows[] = {
	{ STRING("DataVolumeName", struct data_import_status, data_volume_name), .doc = "The DataVolume." },
	{ STRING("Digest", struct data_import_status, digest), .doc = "What it is made of." },
	{ 0 },
};
static SCHEMA(import_schema, struct data_import_status, "ImportStatus", "An import.", import_rows);
static const struct schema_field status_rows[] = {
	{ TIME("lastExecutionTimestamp", struct data_import_cron_status, last_execution), .doc = "When the source was looked at." },
	{ TIME("lastImportTimestamp", struct data_import_cron_status, last_import), .doc = "When an import ended." },
	{ OBJECT("lastImportedPVC", struct data_import_cron_status, last_imported, struct source_object, &source_object_schema), .doc = "Claim of the newest import." },
	{ LIST("currentImports", struct data_import_cron_status, current_imports, &import_schema), .doc = "The import that is wanted." },
	{ LIST("conditions", struct data_import_cron_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(data_import_cron_status_schema, struct data_import_cron_status, "DataImportCronStatus", "What is known of it.", status_rows);

/* Sources that can be asked what they hold. */
static void
data_import_cron_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct data_import_cron *cron = object;
	const struct data_volume_source *s = cron->spec->template->spec->source;

	(void)path;
	if (document != NULL && (s == NULL || (s->http == NULL && s->registry == NULL && s->pvc == NULL)))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document, "spec.template.spec.source",
		    "cannot be followed: registry, http and pvc can");
}

static const struct schema_field data_import_cron_rows[] = {
	HEAD_ROWS(struct data_import_cron),
	{ OBJECT("spec", struct data_import_cron, spec, struct data_import_cron_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "A disk that follows its source." },
	{ OBJECT("status", struct data_import_cron, status, struct data_import_cron_status, &data_import_cron_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(data_import_cron_schema, struct data_import_cron, "DataImportCron", "A disk that is imported anew when its source changes.", data_import_cron_rows, .check = data_import_cron_check);

char *
data_import_name(const char *prefix, const char *digest)
{
	const char *colon = strrchr(digest, ':'), *digits = colon == NULL ? digest : colon + 1;
	g_autofree char *sum = NULL;

	/* What is no checksum, such as an ETag, becomes one. */
	if (strlen(digits) < 12 || strspn(digits, "0123456789abcdef") != strlen(digits)) {
		sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, digest, -1);
		digits = sum;
	}
	return g_strdup_printf("%s-%.12s", prefix, digits);
}
