/* Who of the imports under way holds a place that others wait for: how fast each is, and whose turn it is to give way.  Pure. */
#ifndef SOLOVIRT_DAEMON_IMPORT_PACE_H
#define SOLOVIRT_DAEMON_IMPORT_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMPORT_PACE_MS = 20000,         /* so long an import is watched before anything is said of it */
	IMPORT_PACE_SLOW = 256 << 10,   /* bytes a second: less is slow */
};

/* One import; begins as zeros.  Times: clock_monotonic_ms(). */
struct import_pace {
	int64_t began, marked;  /* ms; 0: not yet */
	int64_t done, rate;     /* bytes at the mark; bytes a second before it, -1 while that is not known */
	int64_t last;           /* bytes that were told last */
	int64_t first, kept;    /* bytes that it began with, and from which it could go on; -1: not told */
};

/* It begins now. */
void import_pace_begin(struct import_pace *pace, int64_t now);
/* It has come to so many bytes; fewer than before: of another phase. */
void import_pace_tell(struct import_pace *pace, int64_t now, int64_t done);
/* When it ends now it goes on from there another time. */
void import_pace_keep(struct import_pace *pace, int64_t offset);
bool import_pace_is_slow(const struct import_pace *pace, int64_t now);

/* Whether one more may begin: most beside those that are slow, of whom slow_most do not count. */
bool import_pace_has_room(const struct import_pace *const *all, size_t count, size_t most, size_t slow_most, int64_t now);
/* Who is to give its place to those that wait: of the slow that keep more of what they did than they lose, the one that has had it longest; -1: nobody. */
int import_pace_giver(const struct import_pace *const *all, size_t count, int64_t now);

#endif
