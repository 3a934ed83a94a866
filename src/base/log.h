/* Log lines: to the journal when it is our stderr, as logfmt on stderr otherwise. */
#ifndef SOLOVIRT_BASE_LOG_H
#define SOLOVIRT_BASE_LOG_H

#include <stdbool.h>

/* syslog's numbers, so that the journal's PRIORITY is the same. */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Sets who speaks ("solovirtd") and the least important level that is written.  The string is kept by reference. */
void log_open(const char *program, enum log_level threshold);

/* One line.  Never hand it a Secret or a whole spec. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line about an object; in the journal it carries SOLOVIRT_KIND, SOLOVIRT_NAMESPACE and SOLOVIRT_NAME. */
void log_object(enum log_level level, const char *kind, const char *ns, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
