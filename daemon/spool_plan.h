/*
 * What to do about the spool: a decision without I/O and without a clock.
 *
 *   wanted by a file     there        owned by a file     decision
 *   yes                  no           -                   create
 *   yes                  yes          -                   what the file changed since it was last accepted is merged in
 *   by two files         -            -                   both files are refused; what they said last stays in force
 *   no                   yes          yes                 delete, once absent in two scans and long enough; held when much is
 *                                                         gone at once
 *   no                   yes          no                  nothing: the spool has never spoken of it
 *
 * An object is named by its key, "Kind/namespace/name".  A file that moved to another name hands its objects over.
 */
#ifndef SOLOVIRT_DAEMON_SPOOL_PLAN_H
#define SOLOVIRT_DAEMON_SPOOL_PLAN_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SPOOL_FILE_ANNOTATION "solovirt.io/spool-file" /* which file an object is from */
#define SPOOL_PRUNE_ANNOTATION "solovirt.io/prune"     /* "false": keep it when its file goes */

/* --- what is known ---------------------------------------------------------------------------------------------- */

struct spool_object {
	char *key;
	json_t *tree; /* what the file says of it; NULL: what it said last */
};

enum spool_reading {
	SPOOL_GOOD,    /* its objects are what it says */
	SPOOL_BAD,     /* it has errors: what it said last stays in force */
	SPOOL_WAITING, /* still being written, as it seems: as SPOOL_BAD, and nothing is deleted meanwhile */
};

/* A file that is there. */
struct spool_file {
	char *path; /* below the spool */
	enum spool_reading reading;
	GPtrArray *objects; /* struct spool_object; of a good file */
};

/* One object of what a file said when it was last accepted. */
struct spool_said {
	char *path, *key;
};

/* What matters of an object that exists. */
struct spool_view {
	bool deleting, keep; /* keep: annotated not to be pruned */
	const char *file;    /* of the annotation, or NULL */
};

/* How to ask about more. */
struct spool_world {
	void *arg;
	bool (*look)(void *arg, const char *key, struct spool_view *view);      /* false: there is no such object */
	json_t *(*current)(void *arg, const char *key);                         /* new reference */
	json_t *(*said)(void *arg, const char *path, const char *key);          /* new reference, or NULL */
};

/* Since when an object is in no file; kept from one plan to the next. */
struct spool_absence {
	int64_t since; /* ms, as input.now */
	unsigned scans;
	bool confirmed; /* the user allowed its deletion */
};

struct spool_input {
	const GPtrArray *files, *said; /* struct spool_file, struct spool_said */
	GHashTable *absences;          /* key -> struct spool_absence (g_free); brought up to date by the plan */
	const struct spool_world *world;
	int64_t now;                   /* ms; any clock that does not jump */
	int64_t delete_delay;          /* ms */
	int64_t hold_count, hold_percent;
	const char *doubt;             /* NULL, or why the scan may not have seen everything: nothing is deleted then */
};

/* --- what to do ------------------------------------------------------------------------------------------------- */

enum spool_action_type {
	SPOOL_CREATE,   /* tree */
	SPOOL_UPDATE,   /* tree: the whole object as it shall be */
	SPOOL_DELETE,
	SPOOL_RELEASE,  /* it stays, but is no longer the spool's: the annotation goes */
	SPOOL_REMEMBER, /* path said tree about key */
	SPOOL_FORGET,   /* path no longer speaks of key */
};
struct spool_action {
	enum spool_action_type type;
	char *path, *key;
	json_t *tree;
};

/* All that one file needs; carried out whole or not at all. */
struct spool_step {
	char *path;
	char *refusal;      /* why nothing of it is applied, or NULL */
	bool later;         /* an object of it is being deleted: look again when it is gone */
	GPtrArray *actions; /* struct spool_action */
};

struct spool_plan {
	GPtrArray *removals; /* struct spool_action; to be carried out before the steps */
	GPtrArray *steps;    /* struct spool_step: one for each file that is good, in their order */
	unsigned held;       /* objects that would go but are held until confirmed */
	char *why;           /* why they are held, or NULL */
	int64_t next;        /* when the next deletion may be due; 0: none waits */
};

/* Decides what is to be done; pure.  The plan keeps nothing of the input. */
struct spool_plan *spool_plan_new(const struct spool_input *input);
void spool_plan_free(struct spool_plan *plan);

/* A file without documents, and an object that a file has spoken of; both copy their words. */
struct spool_file *spool_file_new(const char *path, enum spool_reading reading);
/* tree's reference is stolen; may be NULL. */
void spool_file_add(struct spool_file *file, const char *key, json_t *tree);
void spool_file_free(struct spool_file *file);
struct spool_said *spool_said_new(const char *path, const char *key);
void spool_said_free(struct spool_said *said);

/* Marks everything that is absent now as allowed to go. */
void spool_absences_confirm(GHashTable *absences);

#endif
