/* One import, from URL or container image to disk: what the worker does with its rights given up. */
#ifndef SOLOVIRT_STORAGE_IMPORT_H
#define SOLOVIRT_STORAGE_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/fetch.h"
#include "storage/image.h"
#include "storage/layers.h"
#include "storage/registry.h"

/* Where the image comes from; import.c has a function for each. */
enum import_source { IMPORT_FROM_URL, IMPORT_FROM_LAYERS, IMPORT_FROM_REGISTRY, IMPORT_FROM_STREAM, IMPORT_FROM_VOLUME, IMPORT_SOURCE_COUNT };

/* A decoded request of import_verbs.h.  Clear with import_job_clear(). */
struct import_job {
	json_t *args;                 /* owns most strings */
	enum import_source source;
	struct fetch_request request; /* its headers, its region are owned here */
	char *url, *region;           /* what request needs and args do not have, or NULL */
	const char *checksum;         /* "sha256:hex", or NULL */
	const char *scratch;          /* directory */
	int64_t capacity;             /* bytes of the target */
	int stream;                   /* where the bytes of an upload or a volume come from, borrowed; -1: not handed over */
	int under;                    /* of a volume that lies over another: that one, borrowed; -1: none */
	bool qcow2;                   /* of a volume: the file is one */
	int64_t total;                /* of an upload: bytes that are expected, 0: not known; of a volume on a socket: those it has */
	struct layer *layers;         /* of a container image */
	size_t layer_count;
	struct registry_reference image; /* in a registry */
	const char *architecture;     /* ... for which machine; NULL: for this one */
	const char *file;             /* in it; NULL: the only one in /disk */
	bool verbatim;                /* its bytes as they are: no disk, or that of an archive */
	bool archive;                 /* a tar archive that the disk is in */
	bool dense;                   /* the target does not read as zeros where nothing was written */
};

/* Decodes and checks; args is borrowed.  EINVAL says what is wrong, without secrets. */
int import_job_init(struct import_job *job, json_t *args, struct error *err);
/* The same for a "probe", which has neither capacity nor scratch directory. */
int import_job_init_probe(struct import_job *job, json_t *args, struct error *err);
void import_job_clear(struct import_job *job);

/* Hex digits of a checksum's algorithm, or -1; *type is a GChecksumType. */
int import_checksum_parse(const char *checksum, int *type, const char **hex, struct error *err);
/* The region that an S3 endpoint's host name tells.  g_free(). */
char *import_s3_region(const char *url);

struct import_result {
	int64_t virtual_size, bytes; /* of the disk; as downloaded */
	enum image_format format;
	enum image_compression compression;
	GPtrArray *others;           /* of an archive: some names of files that are not the disk, or NULL; the caller's */
	int64_t other_count;         /* ... how many there are */
};

/* How far it is. */
struct import_progress {
	const char *phase;     /* "download", "upload", "copy", "convert"; "verify": what an earlier life wrote is read again */
	int64_t done, total;   /* bytes; total 0: not known */
	int64_t durable;       /* the target has the image up to here for good, and may be resumed from there; -1: nothing new */
	const char *validator; /* ... for what has it */
};
typedef void import_tell(void *arg, const struct import_progress *progress);

/* Runs it.  target: file, device or socket to write to; scratch: an unnamed file.  Both stay open. */
int import_run(const struct import_job *job, int target, int scratch, import_tell *tell, void *arg, struct import_result *result,
    struct error *err);

/* What is known of an image before it is fetched.  Clear with import_known_clear(). */
struct import_known {
	char *digest;    /* of the manifest that a registry's name means, or NULL */
	char *validator; /* what tells a server's file from its successors, or NULL */
	int64_t length;  /* bytes of the file; 0: not known */
};

/* Asks the source, without reading the image.  Blocks. */
int import_probe(const struct import_job *job, struct import_known *known, struct error *err);
void import_known_clear(struct import_known *known);

/* Most bytes that an image file for a disk of this capacity may have. */
int64_t import_scratch_limit(int64_t capacity);

#endif
