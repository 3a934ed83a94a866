/* Waiting until an object is as it should be: by a list and a watch, again after a restart of the daemon. */
#ifndef SOLOVIRT_CLI_UNTIL_H
#define SOLOVIRT_CLI_UNTIL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/cli/client.h"

struct kind;

/* Judges an object; NULL when it does not exist. */
typedef bool until_met(const void *arg, const json_t *object);

/*
 * Waits until met says so, at most to deadline_ms of the monotonic clock (it is asked at least once).  EXIT_DONE,
 * EXIT_TIMEOUT without a word, or what answer tells.
 */
enum exit_code until(struct cli *cli, const struct kind *kind, const char *ns, const char *name, until_met *met,
    const void *arg, int64_t deadline_ms, struct answer *answer);

#endif
