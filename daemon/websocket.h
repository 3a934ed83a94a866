/* WebSocket (RFC 6455), the server's side: handshake and frames.  Bytes in, bytes out; no I/O. */
#ifndef SOLOVIRT_DAEMON_WEBSOCKET_H
#define SOLOVIRT_DAEMON_WEBSOCKET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum websocket_opcode { WEBSOCKET_CONTINUATION = 0, WEBSOCKET_TEXT = 1, WEBSOCKET_BINARY = 2, WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9, WEBSOCKET_PONG = 10 };

/* Close codes (RFC 6455 section 7.4.1). */
enum { WEBSOCKET_NORMAL = 1000, WEBSOCKET_GOING_AWAY = 1001, WEBSOCKET_PROTOCOL_ERROR = 1002 };

/* The state of reading a client's frames; starts zeroed. */
struct websocket {
	unsigned char head[14];   /* of the frame that is coming in */
	size_t head_length;
	uint64_t left;            /* bytes of its payload still to come */
	uint64_t position;        /* in its payload: for the mask */
	unsigned char control[125]; /* payload of a control frame */
	bool in_payload, closed;
};

/* Whom websocket_read() tells.  Static. */
struct websocket_class {
	void (*data)(void *arg, const unsigned char *bytes, size_t length); /* payload, in pieces as it comes */
	/* A ping, pong or close frame; whole. */
	void (*control)(void *arg, enum websocket_opcode opcode, const unsigned char *bytes, size_t length);
};

/* The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.  Caller g_free()s. */
char *websocket_accept(const char *key);
/* True when word is in a comma-separated header in any case; header may be NULL. */
bool websocket_offers(const char *header, const char *word);
/* Takes bytes as they come.  0, or -1 when they break the protocol: then close with WEBSOCKET_PROTOCOL_ERROR.  What
 * follows a close frame is not looked at. */
int websocket_read(struct websocket *websocket, const unsigned char *bytes, size_t length,
    const struct websocket_class *class, void *arg);
/* Appends a whole, unmasked frame. */
void websocket_frame(GByteArray *out, enum websocket_opcode opcode, const void *payload, size_t length);
/* Appends a close frame. */
void websocket_close_frame(GByteArray *out, unsigned code);

#endif
