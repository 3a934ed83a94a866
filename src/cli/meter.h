/* How far a transfer is, in one line for people. */
#ifndef SOLOVIRT_CLI_METER_H
#define SOLOVIRT_CLI_METER_H

#include <stdint.h>

/* "512MiB of 2GiB [=====>              ]  25.00% 110MiB/s 14s left"; total 0: not known.  ms: since it began.  Caller g_free()s. */
char *meter_text(int64_t done, int64_t total, int64_t ms);

#endif
