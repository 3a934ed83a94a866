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

enum ws_type { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { WS_MOST = 1 << 20 /* bytes of payload that are accepted from a server */ };

struct ws_frame {
	enum ws_type type;
	const char *payload; /* within the buffer that was decoded */
	size_t length;       /* of the payload, bytes */
	size_t size;         /* of the whole frame, bytes */
};

/* Appends one final, masked frame. */
void ws_encode(enum ws_type type, const char *payload, size_t length, const uint8_t mask[4], GString *out);

/* Reads a server's frame at the beginning of a buffer.  1: *frame is filled; 0: more bytes are needed; -1 EPROTO: the bytes
 * are no frame, or one that a server must not send. */
int ws_decode(const char *buffer, size_t size, struct ws_frame *frame, struct error *err);

/* The request that opens a WebSocket on path with KubeVirt's sub-protocol; key: 16 random bytes.  Caller g_free()s. */
char *ws_request(const char *path, const uint8_t key[16]);

/*
 * Reads the answer to it.  1: the socket is open, *size bytes are the answer's; 0: more bytes are needed; -1: refused, with
 * *status and the body (so far) behind *size bytes, or EPROTO with *status 0.
 */
int ws_answer(const char *buffer, size_t length, const uint8_t key[16], size_t *size, int *status, struct error *err);

#endif
