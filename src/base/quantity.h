/* Kubernetes quantities ("8Gi", "500m", "1e3") and Go durations ("1h30m"). */
#ifndef SOLOVIRT_BASE_QUANTITY_H
#define SOLOVIRT_BASE_QUANTITY_H

#include <stdint.h>

struct error;

/*
 * Reads a quantity as k8s.io/apimachinery resource.Quantity writes it: sign, decimal digits, then a binary suffix
 * (Ki..Ei), a decimal one (n u m k M G T P E) or an exponent.  The value times "scale" (1 for bytes, 1000 for millicores)
 * is rounded away from zero to a whole number and capped at 2^63-1, as Kubernetes does.  Errors: EINVAL naming what would be
 * right, ERANGE with too many digits.
 */
int quantity_parse(const char *text, int64_t scale, int64_t *value, struct error *err);

/* Writes bytes with the largest binary suffix that divides them: 1073741824 -> "1Gi".  Caller g_free()s. */
char *quantity_format_bytes(int64_t bytes);

/* Writes thousandths: 1500 -> "1500m", 2000 -> "2".  Caller g_free()s. */
char *quantity_format_milli(int64_t milli);

/* Writes bytes for people, three digits: "1.5GiB", "20MiB".  Caller g_free()s. */
char *quantity_format_human(int64_t bytes);

/* Reads Go's time.ParseDuration form ("250ms", "1h30m", "0") into milliseconds; also plain "0". */
int duration_parse(const char *text, int64_t *ms, struct error *err);

/* Writes milliseconds in the same form: "24h0m0s" is written "24h".  Caller g_free()s. */
char *duration_format(int64_t ms);

#endif
