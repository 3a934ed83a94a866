/* A form as browsers send it (multipart/form-data, RFC 7578): of its parts one file is wanted. */
#ifndef SOLOVIRT_DAEMON_MULTIPART_H
#define SOLOVIRT_DAEMON_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct multipart;

/* Whom a form tells.  Static. */
struct multipart_class {
	void (*data)(void *arg, const unsigned char *bytes, size_t length); /* the next bytes of the file */
	void (*end)(void *arg);                                             /* that was all of it; once */
};

/* Begins a form of this Content-Type; field: the name of the wanted part.  NULL with err: EINVAL it is no such form. */
struct multipart *multipart_new(const char *content_type, const char *field, const struct multipart_class *class, void *arg, struct error *err);
void multipart_free(struct multipart *form);
/* The next bytes of the body, in pieces of any size.  -1 EINVAL: it is damaged. */
int multipart_feed(struct multipart *form, const unsigned char *bytes, size_t length, struct error *err);
/* The body is over: -1 EINVAL when the file did not come, or not all of it. */
int multipart_finish(const struct multipart *form, struct error *err);

#endif
