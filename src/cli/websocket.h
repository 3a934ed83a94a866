/*
 * The client's side of a WebSocket (RFC 6455), as far as consoles need it: whole frames, no extensions.
 *
 *   0        1          2              4 or 10      (client only)
 *   | FIN op | M length | more length  | mask 4 bytes | payload ...
 *     1   4    1   7      0, 2 or 8 bytes, big endian: when the length is 126 or 127
 */
#ifndef SOLOVIRT_CLI_WEBSOCKET_H
#define SOLOVIRT_CLI_WEBSOCKET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum frame_type { FRAME_CONTINUATION = 0, FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };
enum { FRAME_MOST = 1 << 20 /* bytes of payload that are accepted from a server */ };

struct frame {
	enum frame_type type;
	const char *payload; /* within the buffer that was decoded */
	size_t length;       /* of the payload, bytes */
	size_t size;         /* of the whole frame, bytes */
};

/* Appends one final, masked frame. */
void frame_encode(enum frame_type type, const char *payload, size_t length, const uint8_t mask[4], GString *out);

/* Reads a server's frame at the beginning of a buffer.  1: *frame is filled; 0: more bytes are needed; -1 EPROTO: the bytes
 * are no frame, or one that a server must not send. */
int frame_decode(const char *buffer, size_t size, struct frame *frame, struct error *err);

/* The request that opens a WebSocket on path with KubeVirt's sub-protocol; key: 16 random bytes.  Caller g_free()s. */
char *websocket_request(const char *path, const uint8_t key[16]);

/*
 * Reads the answer to it.  1: the socket is open, *size bytes are the answer's; 0: more bytes are needed; -1: refused, with
 * *status and the body (so far) behind *size bytes, or EPROTO with *status 0.
 */
int websocket_answer(const char *buffer, size_t length, const uint8_t key[16], size_t *size, int *status, struct error *err);

#endif
