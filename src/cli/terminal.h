/* The user's terminal in raw mode, given back on every way out: return, exit(), a signal that ends the program. */
#ifndef SOLOVIRT_CLI_TERMINAL_H
#define SOLOVIRT_CLI_TERMINAL_H

#include <stdbool.h>

/* Makes stdin raw when it is a terminal; true when it is.  Call once. */
bool terminal_raw(void);
/* Gives it back as it was; does nothing when it was not taken. */
void terminal_restore(void);

#endif
