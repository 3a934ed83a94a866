/*
 * One look at the spool's directory: which files are there, and the bytes of those that changed.
 *
 * Everything here may block (a spool on NFS whose server hangs): it runs in a thread that shares nothing with the loop.
 * Parsing is left to the loop.
 */
#ifndef SOLOVIRT_DAEMON_SPOOL_SCAN_H
#define SOLOVIRT_DAEMON_SPOOL_SCAN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SPOOL_DEPTH = 8,      /* folders below each other */
	SPOOL_FILES = 20000,  /* files that are looked at */
	SPOOL_FOLDERS = 2000, /* folders that are looked at */
	SPOOL_FRESH_MS = 50,  /* the stamp of a file that changed so shortly ago tells nothing */
};
/* Made by us in a spool that we may write: an empty mount point has none. */
#define SPOOL_MARKER ".solovirt-spool"

/* Tells one state of a file from the next, as well as stat(2) can. */
struct spool_stamp {
	uint64_t device, inode;
	int64_t size, mtime, ctime; /* times in ns */
};

enum spool_state {
	SPOOL_SAME,    /* its stamp is the known one: not read */
	SPOOL_READ,    /* text holds its bytes; stamp is zero when it is too fresh to be relied on */
	SPOOL_MOVING,  /* it changed just now, or while it was read: look again */
	SPOOL_REFUSED, /* error says why it cannot be taken */
};

struct spool_entry {
	char *path; /* below the spool, UTF-8 */
	enum spool_state state;
	struct spool_stamp stamp;
	char *text; /* ends in an extra NUL */
	size_t length;
	char *error;
};

struct spool_scan {
	GPtrArray *entries; /* struct spool_entry, sorted by path */
	GPtrArray *folders; /* char *, below the spool; "" is the spool itself; to be watched */
	bool missing;       /* there is no such directory */
	char *marker;       /* text of its SPOOL_MARKER, or NULL: which spool it is */
	uint64_t device, inode; /* of the directory */
	char *incomplete;   /* NULL, or why not everything was seen */
};

/*
 * Looks.  known: path -> struct spool_stamp of what was read before.  complete: paths of files that are known to be whole,
 * or NULL; others that changed less than "young" ms ago are left for later.  Never NULL.  Any thread; may block.
 */
struct spool_scan *spool_scan_new(const char *directory, GHashTable *known, GHashTable *complete, int64_t young);
void spool_scan_free(struct spool_scan *scan);

/* Makes the marker when the directory may be written; no error is made of it when not. */
void spool_scan_mark(const char *directory);

/* True for names of files that are taken: *.yaml, *.yml, *.json, but no dotfiles and no editors' leavings. */
bool spool_name_is_wanted(const char *name);

#endif
