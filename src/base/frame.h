/* Frames as channel.h draws them; for the two sides of a channel only. */
#ifndef SOLOVIRT_BASE_FRAME_H
#define SOLOVIRT_BASE_FRAME_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum { FRAME_HEAD = 8 /* bytes before the text */ };

/* The bytes of a frame, head and text.  NULL with EMSGSIZE when it is too large.  Caller g_free()s. */
char *frame_encode(const json_t *message, size_t *length, struct error *err);

/* Reads a head.  -1 when it is none, or when it announces too much; *length is of the text. */
int frame_head_read(const unsigned char head[FRAME_HEAD], size_t *length, struct error *err);

/* Parses a text, which must be an object.  New reference, or NULL. */
json_t *frame_decode(const char *text, size_t length, struct error *err);

/* Sends some of the bytes, with fd (or -1) riding on the first.  As sendmsg(2); no SIGPIPE. */
ssize_t frame_send(int socket, const char *bytes, size_t length, int fd);

#endif
