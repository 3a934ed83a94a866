/* DataVolume: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/datavolume.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

/* One DataVolume under check: of its own, or the template in a machine, of which KubeVirt asks less. */
struct judging {
	const struct document *document;
	const char *path;
	struct diagnostics *diagnostics;
	bool template;
};

/* What is wrong with a DataVolume: a template is taken with a warning, and fails when it is used. */
static void say(const struct judging *j, enum cause cause, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
say(const struct judging *j, enum cause cause, const char *field, const char *format, ...)
{
	g_autofree char *where = *field == '\0' ? g_strdup(j->path) : g_strdup_printf("%s.%s", j->path, field);
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	diagnostics_add(j->diagnostics, j->template ? SEVERITY_WARNING : SEVERITY_ERROR, cause, j->document, where, "%s%s", text,
	    j->template ? ": the DataVolume cannot be made" : "");
}

static void
say_always(const struct judging *j, const char *field, const char *text)
{
	g_autofree char *where = g_strdup_printf("%s.%s", j->path, field);

	diagnostics_add(j->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, j->document, where, "%s", text);
}

/* DV5 */
static void
check_sources(const struct judging *j, const struct data_volume_spec *spec, const struct claim_spec *claim)
{
	bool filled = claim != NULL && claim_data_source(claim) != NULL;
	bool named = spec->source != NULL || spec->source_ref != NULL;
	struct error err = { 0 };
	const char *field;

	if (filled && named)
		say_always(j, "source", "the claim has a dataSource: it excludes source and sourceRef");
	else if (!filled && !named)
		say_always(j, j->template ? "sourceRef" : "source", "is required: where the data comes from");
	else if (spec->source != NULL && spec->source_ref != NULL)
		say(j, CAUSE_INVALID, "sourceRef", "source and sourceRef exclude each other: write one of them");
	else if (filled && claim_data_source_check(claim, &field, &err) != 0) {
		g_autofree char *where = g_strdup_printf("%s.%s", spec->pvc != NULL ? "pvc" : "storage", field);
		say(j, CAUSE_NOT_SUPPORTED, where, "%s", err.text);
	}
	if (spec->source != NULL && data_volume_source_check(spec->source, &field, &err) != 0) {
		g_autofree char *where = g_strdup_printf("source.%s", field);
		say(j, CAUSE_INVALID, where, "%s", err.text);
	}
}

static void
check_reference(const struct judging *j, const struct source_reference *r)
{
	if (r->kind == NULL || strcmp(r->kind, "DataSource") != 0)
		say(j, CAUSE_NOT_SUPPORTED, "sourceRef.kind", "\"%.60s\" is not supported: write DataSource", r->kind == NULL ? "" : r->kind);
	if (r->name == NULL || *r->name == '\0')
		say(j, CAUSE_REQUIRED, "sourceRef.name", "is required: what the DataSource is called");
}

/* What a tar archive excludes. */
static void
check_content(const struct judging *j, const struct data_volume_spec *spec, const struct claim_spec *claim)
{
	if (spec->content_type != CONTENT_ARCHIVE)
		return;
	if (spec->source != NULL && spec->source->blank != NULL)
		say(j, CAUSE_INVALID, "contentType", "archive and source.blank exclude each other: an empty disk has nothing to unpack");
	if (spec->source != NULL && spec->source->registry != NULL)
		say(j, CAUSE_INVALID, "contentType", "must be kubevirt for source.registry: a container image holds the image of a disk");
	if (claim != NULL && claim->volume_mode == VOLUME_MODE_BLOCK)
		say(j, CAUSE_INVALID, spec->pvc != NULL ? "pvc.volumeMode" : "storage.volumeMode",
		    "must be Filesystem for contentType archive: it is unpacked into one");
}

static void
check_size(const struct judging *j, const struct data_volume_spec *spec, const struct claim_spec *claim)
{
	const char *size = spec->pvc != NULL ? "pvc.resources.requests.storage" : "storage.resources.requests.storage";
	char **modes = claim->access_modes;
	int64_t bytes = claim_request(claim);

	if (bytes == 0 && !data_volume_size_is_optional(spec))
		say(j, CAUSE_REQUIRED, size, "is required: the size of the disk, such as 10Gi");
	else if (bytes < 0 || bytes > INT64_C(1) << CLAIM_MOST_SHIFT || (bytes > 0 && bytes < 1 << 20))
		say(j, CAUSE_INVALID, size, "is out of range: it must be from 1Mi to 1Pi");
	if (spec->pvc != NULL && (modes == NULL || modes[0] == NULL))
		say(j, CAUSE_REQUIRED, "pvc.accessModes", "is required: a list such as [ReadWriteOnce]");
	else if (spec->pvc != NULL && modes[1] != NULL)
		say(j, CAUSE_INVALID, "pvc.accessModes", "has several: write the one that is needed");
}

/* DV4, DV5, and what CDI asks for beyond */
static void
data_volume_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct data_volume_spec *spec = object;
	const struct claim_spec *claim = data_volume_claim(spec);
	struct judging j = { document, path, diagnostics, strstr(path, "dataVolumeTemplates") != NULL };
	const char *storage = j.template ? "PVC.Storage" : "storage"; /* as KubeVirt and CDI call it */

	if (document == NULL)
		return; /* what is stored was judged when it came */
	if (claim == NULL)
		say_always(&j, storage, "storage or pvc is required, with the size of the disk");
	else if (spec->pvc != NULL && spec->storage != NULL)
		say_always(&j, storage, "storage and pvc exclude each other: write one of them");
	else
		check_size(&j, spec, claim);
	check_sources(&j, spec, claim);
	if (spec->source_ref != NULL)
		check_reference(&j, spec->source_ref);
	check_content(&j, spec, claim);
}

const char *
data_volume_unbuilt(const struct data_volume_spec *spec)
{
	const struct data_volume_source *s = spec->source;
	const struct claim_spec *claim = data_volume_claim(spec);

	if (spec->source_ref != NULL || (claim != NULL && claim_data_source(claim) != NULL))
		return NULL;
	if (s == NULL || s->imageio != NULL || s->vddk != NULL)
		return "its source is not built yet: use source.http, s3, gcs, registry, upload, blank, pvc or snapshot";
	return NULL;
}

static const char *const content_types[] = { "", "kubevirt", "archive", NULL };
static const struct schema_field data_volume_spec_rows[] = {
	{ OBJECT("source", struct data_volume_spec, source, struct data_volume_source, &data_volume_source_schema), .doc = "Where the data comes from." },
	{ OBJECT("pvc", struct data_volume_spec, pvc, struct claim_spec, &claim_spec_schema), .doc = "The claim, as it is to be made." },
	{ OBJECT("storage", struct data_volume_spec, storage, struct claim_spec, &claim_spec_schema), .doc = "The claim, with what is missing filled in." },
	{ ENUM("contentType", struct data_volume_spec, content_type, content_types), .min = 1, .doc = "Kind of content: kubevirt, a disk image, or archive, a tar file with the disk in it as disk.img." },
	{ BOOL("preallocation", struct data_volume_spec, preallocation), .doc = "Reserve the whole size at once." },
	{ OBJECT("sourceRef", struct data_volume_spec, source_ref, struct source_reference, &source_reference_schema), .doc = "A DataSource that says where the data comes from." },
	{ IGNORED("checkpoints", LIST, "There are no staged imports.") },
	{ IGNORED("finalCheckpoint", BOOL, "There are no staged imports.") },
	{ IGNORED("priorityClassName", STRING, "Imports have the same priority.") },
	{ 0 },
};
SCHEMA(data_volume_spec_schema, struct data_volume_spec, "DataVolumeSpec", "A disk and what fills it.", data_volume_spec_rows, .check = data_volume_spec_check);

const char *const data_volume_phase_words[] = { "", "Pending", "WaitForFirstConsumer", "PendingPopulation", "PVCBound",
	"ImportScheduled", "ImportInProgress", "CloneScheduled", "CloneInProgress", "SnapshotForSmartCloneInProgress",
	"CloneFromSnapshotSourceInProgress", "SmartClonePVCInProgress", "CSICloneInProgress", "ExpansionInProgress",
	"NamespaceTransferInProgress", "PrepClaimInProgress", "RebindInProgress", "UploadScheduled", "UploadReady", "Paused",
	"Succeeded", "Failed", "Unknown", NULL };
_Static_assert(G_N_ELEMENTS(data_volume_phase_words) == DATA_VOLUME_PHASE_COUNT + 1, "a word for each phase");
static const struct schema_field data_volume_status_rows[] = {
	{ STRING("claimName", struct data_volume_status, claim_name), .doc = "The claim that it fills." },
	{ ENUM("phase", struct data_volume_status, phase, data_volume_phase_words), .doc = "Where it is in its life." },
	{ STRING("progress", struct data_volume_status, progress), .doc = "How much is done, in percent." },
	{ INT("restartCount", struct data_volume_status, restart_count), .doc = "How often the import began anew." },
	{ QUANTITY("used", struct data_volume_status, used), .doc = "What the volume really took when an import or a guest that wrote to it ended last." },
	{ LIST("conditions", struct data_volume_status, conditions, &condition_schema), .doc = "Aspects of its state: Bound, Running and Ready. Running has the reason SourceKeepsChanging when the source was replaced during five downloads: it is then tried again every ten minutes." },
	{ 0 },
};
SCHEMA(data_volume_status_schema, struct data_volume_status, "DataVolumeStatus", "What is known of a DataVolume.", data_volume_status_rows);

static const struct schema_field data_volume_rows[] = {
	HEAD_ROWS(struct data_volume),
	{ OBJECT("spec", struct data_volume, spec, struct data_volume_spec, &data_volume_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT | FIELD_FIXED, .doc = "A disk and what fills it." },
	{ OBJECT("status", struct data_volume, status, struct data_volume_status, &data_volume_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(data_volume_schema, struct data_volume, "DataVolume", "A disk that is filled from somewhere.", data_volume_rows);

const struct claim_spec *
data_volume_claim(const struct data_volume_spec *spec)
{
	return spec->pvc != NULL ? spec->pvc : spec->storage;
}

bool
data_volume_size_is_optional(const struct data_volume_spec *spec)
{
	const struct data_volume_source *s = spec->source;

	if (spec->pvc != NULL)
		return false;
	return spec->source_ref != NULL || (s != NULL && (s->pvc != NULL || s->snapshot != NULL)) ||
	    (spec->storage != NULL && claim_data_source(spec->storage) != NULL);
}
