/* One import, from URL or container image to disk: what the worker does with its rights given up. */
#ifndef SOLOVIRT_STORAGE_IMPORT_H
#define SOLOVIRT_STORAGE_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/fetch.h"
#include "storage/image.h"
#include "storage/layers.h"

/* A decoded request of import_verbs.h.  Clear with import_job_clear(). */
struct import_job {
	json_t *args;                 /* owns the strings */
	struct fetch_request request; /* its headers are owned here */
	const char *checksum;         /* "sha256:hex", or NULL */
	const char *scratch;          /* directory */
	int64_t capacity;             /* bytes of the target */
	struct layer *layers;         /* of a container image, instead of a URL; or NULL */
	size_t layer_count;
	const char *file;             /* in it; NULL: the only one in /disk */
	bool verbatim;                /* no disk: its bytes as they are */
};

/* Decodes and checks; args is borrowed.  EINVAL says what is wrong, without secrets. */
int import_job_init(struct import_job *job, json_t *args, struct error *err);
void import_job_clear(struct import_job *job);

/* Hex digits of a checksum's algorithm, or -1; *type is a GChecksumType. */
int import_checksum_parse(const char *checksum, int *type, const char **hex, struct error *err);

struct import_result {
	int64_t virtual_size, bytes; /* of the disk; as downloaded */
	enum image_format format;
	enum image_compression compression;
};

/* phase: "download" or "convert"; total 0: not known. */
typedef void import_progress(void *arg, const char *phase, int64_t done, int64_t total);

/* Runs it.  target: file or device to write; scratch: an unnamed file.  Both stay open. */
int import_run(const struct import_job *job, int target, int scratch, import_progress *progress, void *arg,
    struct import_result *result, struct error *err);

/* Most bytes that a qcow2 file for a disk of this capacity may have. */
int64_t import_scratch_limit(int64_t capacity);

#endif
