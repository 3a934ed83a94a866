/* What the files of the spool share.  Nobody else includes this. */
#ifndef SOLOVIRT_DAEMON_SPOOL_PRIVATE_H
#define SOLOVIRT_DAEMON_SPOOL_PRIVATE_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/spool.h"
#include "daemon/spool_plan.h"
#include "daemon/spool_scan.h"
#include "daemon/store.h"
#include "src/base/error.h"

struct event;
struct spool_job;
struct spool_watch;

enum {
	SPOOL_UNSETTLED_MS = 2000, /* a mistake this young may be half a file */
	SPOOL_QUIET_MOST_MS = 2000, /* changes are looked at after this, even when they go on */
	SPOOL_SLICE_MS = 20,       /* work in one turn of the loop */
	SPOOL_STATUS_MS = 250,     /* status files are written at most this often */
	SPOOL_STATUS_AGAIN_MS = 2000, /* after one that could not be written */
};

/* Records of the store. */
#define SPOOL_BUCKET "spool"           /* "path\nkey" -> what the file said of the object */
#define SPOOL_FILE_BUCKET "spool-file" /* path -> {"generation", "sha256"} of what was accepted last */
#define SPOOL_ROOT_BUCKET "spool-root" /* "root" -> {"device", "inode", "marker"}; marker: its text, null without one,
                                    * true when an earlier release wrote it */

/* A file that is there, as it was read last. */
struct spool_known {
	struct spool_file *file; /* what it says; trees are NULL once they are applied */
	GPtrArray *documents;    /* struct document beside file->objects, for their marks; NULL once they are applied */
	struct spool_stamp stamp;
	char *sha256;            /* of its bytes, or NULL */
	int64_t changed;         /* monotonic ms when this content was first seen */
	struct diagnostics diagnostics;
	char *refusal;           /* of the last plan: another file has the same object */
	bool applied, later;
	bool dirty;              /* its status file is to be written */
};

struct spool {
	struct daemon *daemon;
	char *directory;
	GTree *files; /* path -> struct spool_known */
	GHashTable *absences;
	struct spool_watch *watch;
	struct spool_job *job;   /* a scan in its thread, or NULL */
	struct spool_scan *scan; /* being taken in, from entry number position on */
	struct spool_plan *plan; /* being carried out, from step number position on */
	guint position;
	struct event *timer, *quiet, *work, *status;
	int64_t due;             /* monotonic ms of the timer; 0: not armed */
	int64_t first_change;    /* monotonic ms of the oldest change that waits for quiet; 0: none */
	bool again;              /* changed while a scan was under way */
	GHashTable *complete;    /* paths of files that became whole since the last scan began */
	int64_t began, took;     /* monotonic ms of the look under way, ms of the last one */
	int64_t settled;         /* the store's version at a plan that found nothing to do, or -1 */
	bool accept_root;        /* the directory is the right one, whatever it looks like */
	unsigned held;
	char *why;               /* why they are held, or NULL */
	char *doubt;             /* about the last scan, or NULL */
	GHashTable *shown;       /* path -> checksum of the status file as written */
};

/* --- spool_read.c: from bytes to what a file says --------------------------------------------------------------- */

/* Takes one entry of a scan in.  True when it has to be looked at again soon. */
bool spool_read_entry(struct spool *spool, struct spool_entry *entry);
void spool_known_free(struct spool_known *known);
/* Nothing is known of it: it is read again, and nothing is concluded until then. */
void spool_known_forget(struct spool_known *known);
/* Lets go of what is in the records. */
void spool_known_forget_trees(struct spool_known *known);
/* The kind and names behind a key; texts are written into the key's copy, which the caller g_free()s. */
const struct kind *spool_key_split(const char *key, char **copy, const char **namespace, const char **name);
const struct object *spool_key_object(struct spool *spool, const char *key);

/* --- spool_apply.c: from a plan to changes ---------------------------------------------------------------------- */

/* Decides over everything that is known now. */
struct spool_plan *spool_apply_plan(struct spool *spool);
void spool_apply_removals(struct spool *spool, const struct spool_plan *plan);
/* Whole or not at all; the outcome is kept with the file. */
void spool_apply_step(struct spool *spool, const struct spool_step *step);

/* --- spool_status.c: what people are shown ---------------------------------------------------------------------- */

/* One file as spool_status() shows it; new reference. */
json_t *spool_status_file(struct spool *spool, const struct spool_known *known);
/* Removes the status files of files that are gone and writes those that are out of date, for a slice of a turn.  Answers
 * after how many ms it wants to be called again because some are left; -1: none are. */
int64_t spool_status_write(struct spool *spool);
/* An object changed: the files that show it are out of date.  True when there are any. */
bool spool_status_touch(struct spool *spool, const struct object *object);

#endif
