/* What the files of the store share.  Nobody else includes this. */
#ifndef SOLOVIRT_DAEMON_STORE_PRIVATE_H
#define SOLOVIRT_DAEMON_STORE_PRIVATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/store.h"
#include "daemon/store_db.h"
#include "src/base/error.h"

struct event;
struct store_backup;
struct store_watch;
struct store_op;

enum {
	STORE_COMMIT_MS = 50,         /* a turn that never ends is committed after this */
	STORE_PROBE_MS = 2000,        /* between attempts to write again */
	STORE_COMPACT_MS = 60 * 1000, /* from a change to the next look at the change log */
	STORE_COMPACT_NEXT_MS = 100,  /* between batches while there is more to do */
	STORE_COMPACT_BATCH = 500,    /* changes removed in one transaction */
	STORE_LOG_LEAST = 1000,       /* changes that are kept however old they are */
	STORE_LOG_MOST = 50000,       /* changes that are kept however young they are */
	STORE_LOG_BYTES = 256 << 20,  /* of them all together; comes before all others */
	STORE_LOG_OVER = 8,           /* this part above STORE_LOG_MOST or STORE_LOG_BYTES does not wait for idle time */
	STORE_LOG_KEEP_MS = 3600 * 1000,
	STORE_WAL_PAGES = 1000,       /* write-ahead log that is worth a checkpoint */
	STORE_BALLAST = 8 << 20,      /* bytes in reserve for a full disk */
	STORE_WATCH_MS = 600 * 1000,  /* between looks at the store's names, for what inotify does not tell */
	STORE_BLIND_MS = 60 * 1000,   /* the same without inotify */
	STORE_LOST_MS = 200,          /* from the loss of a name to a look: who removes a directory needs a moment */
	STORE_BACKUP_MS = 60 * 1000, /* after a change */
	STORE_BACKUPS = 24,           /* how many are kept */
	STORE_VERSION_JUMP = 1000000000 /* after a restore: no version of the lost tail is ever given out again */
};

/* A note of the change log: which versions it holds, since when, and about how large they are. */
struct store_mark {
	int64_t version, time; /* time: wall ms */
	int64_t bytes;
};

struct store_waiter {
	void (*done)(void *arg, const struct error *error);
	void *arg;
};
struct store_subscriber {
	void (*changed)(void *arg, const struct change *change);
	void *arg;
};
struct store_watcher {
	void (*health)(void *arg, const char *problem);
	void *arg;
};

/* The files that must be there under their names, and what was opened by them (store_renew.c). */
enum store_file { STORE_FILE_LOCK, STORE_FILE_DATABASE, STORE_FILE_LOG, STORE_FILE_COUNT };
struct store_identity {
	uint64_t device, inode;
};

struct store_record {
	char *bucket, *key, *value;
};

struct store {
	char *directory;
	int lock; /* descriptor of directory/lock */
	struct event_base *base;
	struct store_db db;
	struct store_identity identities[STORE_FILE_COUNT];

	GTree *objects[KIND_COUNT]; /* by namespace and name; holds the references */
	GHashTable *by_uid;         /* text -> object, both borrowed from objects */
	GHashTable *owned;          /* uid of the owner -> GPtrArray of objects, borrowed */
	GTree *records;             /* struct store_record by bucket and key */
	GTree *addresses;           /* struct address by network and owner */
	GHashTable *taken;          /* "network/ip" and "network/mac" -> struct address, borrowed */

	int64_t version; /* newest that is valid */
	int64_t next;    /* newest ever given out; differs after an undo, so that none is given out twice */
	int64_t durable; /* newest on disk */
	int64_t compacted, epoch;
	char *uuid;
	GArray *log; /* struct store_mark, oldest first */
	int64_t log_bytes;
	bool log_grew; /* since the last look at it */

	GPtrArray *pending; /* struct store_op, in order */
	GArray *waiters, *subscribers, *watchers;
	struct event *commit, *deadline, *probe, *compact;
	bool armed; /* a commit is under way in the loop */
	struct store_backup *backup;
	struct store_watch *watch;

	struct error problem; /* code 0: none */
	bool ballast;         /* the reserve is there */
	int64_t probes;       /* attempts to write, from a number that was not written before */
};

/* --- objects (store_object.c) ----------------------------------------------------------------------------------- */

/* Decodes a tree and gives it a version.  A new reference, or NULL when it lacks a name or does not decode. */
const struct object *store_object_new(const struct kind *kind, const json_t *tree, int64_t version, struct error *err);
/* The object with another status, as a tree and as written, and version.  A new reference, or NULL when the status does not
 * decode. */
const struct object *store_object_with_status(const struct object *object, const json_t *status, const char *written,
    int64_t version, struct error *err);
/* Makes an object of what the database holds; decode false leaves value NULL. */
const struct object *store_object_load(const struct kind *kind, const char *namespace, const char *name, const char *uid,
    int64_t version, const char *text, bool decode, struct error *err);
/* True when the tree says what the object says, resourceVersion aside. */
bool store_object_equals(const struct object *object, const json_t *tree);
/* True when the object has just this status, as json_write() writes it. */
bool store_object_has_status(const struct object *object, const char *status);
/* Its metadata; NULL when value is. */
const struct meta *store_object_meta(const struct object *object);

/* --- memory (store.c) ------------------------------------------------------------------------------------------- */

void store_memory_init(struct store *store);
void store_memory_clear(struct store *store);
void store_memory_add(struct store *store, const struct object *object);
void store_memory_drop(struct store *store, const struct object *object);

/* --- what is to be written (store_op.c) ------------------------------------------------------------------------- */

/* Each notes a change that memory has already seen.  Objects' references and before are taken over; a record or address
 * that is "after" stays memory's. */
void store_op_object(struct store *store, const struct object *before, const struct object *after, const struct object *gone);
void store_op_record(struct store *store, struct store_record *before, struct store_record *after);
void store_op_address(struct store *store, struct address *before, struct address *after);
/* Writes it into the open transaction; SQLite's code. */
int store_op_write(struct store *store, struct store_op *op, int64_t now);
/* Puts memory back. */
void store_op_undo(struct store *store, struct store_op *op);
/* What subscribers are told of it; false when it is not about an object.  The change borrows from op. */
bool store_op_change(const struct store_op *op, struct change *change);
void store_op_free(struct store_op *op);

/* --- records and addresses in memory (store_record.c, store_address.c) ------------------------------------------ */

void store_record_init(struct store *store);
void store_record_clear(struct store *store);
/* Replaces before (may be NULL; from now on the caller's) by after (may be NULL; from now on memory's). */
void store_record_swap(struct store *store, struct store_record *before, struct store_record *after);
void store_record_free(struct store_record *record);
struct store_record *store_record_new(const char *bucket, const char *key, const char *value);

void store_address_init(struct store *store);
void store_address_clear(struct store *store);
void store_address_swap(struct store *store, struct address *before, struct address *after);
void store_address_free(struct address *address);
struct address *store_address_copy(const struct address *address);

/* --- commit (store_commit.c) ------------------------------------------------------------------------------------ */

void store_commit_init(struct store *store);
void store_commit_clear(struct store *store);
/* Makes sure that the turn ends with a commit. */
void store_commit_arm(struct store *store);
/* Commits what is pending now.  Only from the loop or at the end. */
void store_commit_now(struct store *store);

/* --- the change log (store_log.c) ------------------------------------------------------------------------------- */

void store_log_init(struct store *store);
void store_log_clear(struct store *store);
/* Notes that a change was committed. */
void store_log_add(struct store *store, int64_t version, int64_t now, int64_t bytes);
/* Forgets all notes. */
void store_log_forget(struct store *store);
/* Cuts off a batch when the log has become much larger than it should be: under constant load there is no idle time. */
void store_log_limit(struct store *store);

/* --- the disk (store_disk.c) ------------------------------------------------------------------------------------ */

void store_disk_init(struct store *store);
void store_disk_clear(struct store *store);
/* A write failed with this code of SQLite: rolls back, records the problem, gives err its sentence.  Aborts when an fsync
 * failed: what the kernel then dropped can only be found again by starting from what is on disk. */
void store_disk_failed(struct store *store, int code, const char *what, struct error *err);
/* 0 when writing may be tried.  While the disk is full only what belongs to a deletion may: it uses the reserve. */
int store_disk_check(struct store *store, bool deletion, struct error *err);

/* Gives the problem its sentence and tells it; it lasts until a probe was written.  err gets the sentence. */
void store_disk_problem(struct store *store, struct error *err);
/* Makes the reserve; it is only a warning when there is no room. */
void store_disk_reserve(struct store *store);

/* --- opening (store_open.c) ------------------------------------------------------------------------------------- */

/* The lock's descriptor, or -1: EBUSY when another daemon has it. */
int store_lock_take(const char *directory, struct error *err);
/* Moves a database and its log out of the way, with a note why. */
int store_set_aside(const char *path, const struct error *reason, struct error *err);

/* --- names that lead elsewhere (store_renew.c) ------------------------------------------------------------------ */

/* Takes down which files were opened; may be called again. */
void store_renew_init(struct store *store);
/* This is what one of the files is called in its directory. */
bool store_renew_knows(const char *name);
/* When one of them is not there any more, writes the store anew from what is open.  0, or -1: then it is a problem. */
int store_renew(struct store *store, struct error *err);

/* --- noticing that (store_watch.c) ------------------------------------------------------------------------------ */

void store_watch_init(struct store *store);
void store_watch_clear(struct store *store);
/* The directory may be another one now. */
void store_watch_follow(struct store *store);

/* --- backups (store_backup.c) ----------------------------------------------------------------------------------- */

void store_backup_init(struct store *store);
void store_backup_clear(struct store *store);
/* Starts one now, in steps; nothing happens while one is under way. */
void store_backup_start(struct store *store);
/* Something was committed: it is to be in a backup before long. */
void store_backup_changed(struct store *store);
/* Makes one and waits for it: before a migration, after a restore. */
int store_backup_now(struct store_db *db, const char *directory, struct error *err);
/* Copies the database to this path, checked and synced, replacing what is there. */
int store_backup_to(struct store_db *db, const char *path, struct error *err);
/* Names of the backups, newest first; free with g_ptr_array_unref(). */
GPtrArray *store_backup_list(const char *directory);

#endif
