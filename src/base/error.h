/* An error is one sentence for its reader, with the place it is about. */
#ifndef SOLOVIRT_BASE_ERROR_H
#define SOLOVIRT_BASE_ERROR_H

/* What went wrong.  Starts zeroed; "text" is written by the functions below and is always terminated. */
struct error {
	int code;        /* an errno value: EINVAL bad input, ENOENT, EEXIST, ESTALE lost race, ENOSPC, ETIMEDOUT, EIO, EACCES ... */
	char text[1000]; /* one sentence without a full stop, no newline; valid UTF-8 */
};

/* Records code and sentence; always returns -1, so that callers write "return error_set(...)".  err may be NULL. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "where" (its format brings its own ": ") in front of what is recorded; always returns -1.  err may be NULL. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* error_set() with the text of errno behind the sentence: "cannot open x: No such file or directory". */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
