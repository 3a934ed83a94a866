/* Sets of a host's processors, as Linux writes them: "0-3,8,^2". */
#ifndef SOLOVIRT_BASE_CPUSET_H
#define SOLOVIRT_BASE_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Processors have numbers below this. */
enum { CPUSET_MOST = 4096 };

/* A set; all zeroes is the empty one. */
struct cpuset {
	uint64_t words[CPUSET_MOST / 64];
};

/* Reads a set: numbers and ranges, with commas between them; "^" takes out again; "" is empty.  EINVAL, ERANGE. */
int cpuset_parse(const char *text, struct cpuset *set, struct error *err);
/* Writes it, "" when it is empty.  Caller g_free()s. */
char *cpuset_format(const struct cpuset *set);

/* A number outside of the limit is never in a set, and adding it does nothing. */
void cpuset_add(struct cpuset *set, int64_t cpu);
void cpuset_remove(struct cpuset *set, int64_t cpu);
bool cpuset_has(const struct cpuset *set, int64_t cpu);
/* How many are in it. */
size_t cpuset_count(const struct cpuset *set);

#endif
