/* The only place that asks for the time; everybody else is told. */
#ifndef SOLOVIRT_BASE_CLOCK_H
#define SOLOVIRT_BASE_CLOCK_H

#include <stdint.h>

/* Room for any text that is written here. */
enum { CLOCK_TEXT_SIZE = 48 };

/* Milliseconds since 1970 by the wall clock; it may jump.  For timestamps that people read. */
int64_t clock_wall_ms(void);

/* Milliseconds since boot, never jumping.  For deadlines and back-off. */
int64_t clock_monotonic_ms(void);

/* Writes a wall time in ms as Kubernetes' metav1.Time: RFC 3339, UTC, whole seconds.  Returns text. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* Reads RFC 3339 (fractions and zones allowed).  Returns ms since 1970, or -1 when it is not a time. */
int64_t clock_parse(const char *text);

/* Renders an age as kubectl does: 45s, 3m10s, 12m, 5h30m, 3d4h, 12d, 2y (k8s.io/apimachinery duration.HumanDuration). */
char *clock_age(int64_t age_ms, char text[CLOCK_TEXT_SIZE]);

#endif
