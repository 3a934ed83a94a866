/* Log lines; see log.h. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "config.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"

static const char *log_program = "solovirt";
static enum log_level log_threshold = LOG_LEVEL_INFO;
static bool log_journal;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

/* systemd sets JOURNAL_STREAM to "device:inode" of the stderr it gave us (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	    st.st_dev == dev && st.st_ino == ino;
}

void
log_open(const char *program, enum log_level threshold)
{
	log_program = program;
	log_threshold = threshold;
	log_journal = stderr_is_journal();
}

/* A log line is one line whatever it quotes. */
static void
put_quoted(GString *line, const char *text)
{
	g_string_append_c(line, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(line, '\\');
		g_string_append_c(line, *p >= 0 && *p < ' ' ? ' ' : *p);
	}
	g_string_append_c(line, '"');
}

static void
emit(enum log_level level, const char *kind, const char *ns, const char *name, const char *text)
{
	char now[CLOCK_TEXT_SIZE];

	if (log_journal && kind != NULL) {
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", (int)level, "SOLOVIRT_KIND=%s", kind,
		    "SOLOVIRT_NAMESPACE=%s", ns, "SOLOVIRT_NAME=%s", name, NULL);
		return;
	}
	if (log_journal) {
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", (int)level, NULL);
		return;
	}
	g_autoptr(GString) line = g_string_new(NULL);
	clock_format(clock_wall_ms(), now);
	g_string_append_printf(line, "time=%s level=%s program=%s", now, level_names[level], log_program);
	if (kind != NULL)
		g_string_append_printf(line, " kind=%s namespace=%s name=%s", kind, ns, name);
	g_string_append(line, " msg=");
	put_quoted(line, text);
	g_string_append_c(line, '\n');
	/* One write: lines of several processes on one stderr do not mix.  A full pipe loses the line, not the program. */
	if (write(STDERR_FILENO, line->str, line->len) < 0)
		return;
}

void
log_write(enum log_level level, const char *format, ...)
{
	va_list ap;

	if (level > log_threshold)
		return;
	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	emit(level, NULL, NULL, NULL, text);
}

void
log_object(enum log_level level, const char *kind, const char *ns, const char *name, const char *format, ...)
{
	va_list ap;

	if (level > log_threshold)
		return;
	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	emit(level, kind, ns == NULL ? "" : ns, name, text);
}
