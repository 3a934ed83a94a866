/* The user's terminal in raw mode; see terminal.h. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "src/cli/terminal.h"

/* For the signal handler: there is one terminal. */
static struct termios saved;
static volatile sig_atomic_t taken;

static void on_signal(int number);

bool
terminal_raw(void)
{
	static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return false;
	taken = 1;
	atexit(terminal_restore);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &action, NULL);
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	return true;
}

void
terminal_restore(void)
{
	if (!taken)
		return;
	taken = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

/* tcsetattr() may be called here (signal-safety(7)); the handler is gone, so the signal ends the program. */
static void
on_signal(int number)
{
	terminal_restore();
	raise(number);
}
