/* What has been promised to instances on each host: running sums, since adding all up for each placement grows with n². */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_PROMISES_H
#define SOLOVIRT_DAEMON_CONTROLLERS_PROMISES_H

#include <stdint.h>

struct object;
struct promises;
struct vmi_spec;

/* Sums of nothing; free with promises_free(). */
struct promises *promises_new(void);
/* Frees them; NULL is fine. */
void promises_free(struct promises *promises);

/* Takes in an instance as it is now, placed or not; as often as one likes. */
void promises_note(struct promises *promises, const struct object *vmi);
/* An instance is gone. */
void promises_drop(struct promises *promises, const char *uid);
/* What is promised on a host: millicores, bytes. */
void promises_sum(const struct promises *promises, const char *node, int64_t *cpu, int64_t *memory);

/* What an instance asks for: its requests, or all that it has; no processors when it has some for itself (grants.h). */
void promises_requested(const struct vmi_spec *spec, int64_t *cpu, int64_t *memory);

#endif
