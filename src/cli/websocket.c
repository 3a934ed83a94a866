/* The client's side of a WebSocket; see websocket.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/error.h"
#include "src/cli/websocket.h"

#define ACCEPT_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

enum { ANSWER_MOST = 64 * 1024 /* bytes of headers that are accepted */ };

static char *accept_of(const uint8_t key[16]);
static bool header_is(const char *head, const char *name, const char *value);

void
ws_encode(enum ws_type type, const char *payload, size_t length, const uint8_t mask[4], GString *out)
{
	int bytes = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;

	g_string_append_c(out, (char)(0x80 | type));
	g_string_append_c(out, (char)(0x80 | (bytes == 0 ? length : bytes == 2 ? 126 : 127)));
	for (int i = bytes - 1; i >= 0; i--)
		g_string_append_c(out, (char)(uint8_t)((uint64_t)length >> (8 * i)));
	g_string_append_len(out, (const char *)mask, 4);
	for (size_t i = 0; i < length; i++)
		g_string_append_c(out, (char)((uint8_t)payload[i] ^ mask[i % 4]));
}

int
ws_decode(const char *buffer, size_t size, struct ws_frame *frame, struct error *err)
{
	const uint8_t *bytes = (const uint8_t *)buffer;
	size_t head = 2;
	uint64_t length;

	if (size < head)
		return 0;
	if ((bytes[0] & 0x70) != 0)
		return error_set(err, EPROTO, "the server sent a WebSocket frame with an extension");
	if ((bytes[1] & 0x80) != 0)
		return error_set(err, EPROTO, "the server sent a masked WebSocket frame");
	length = bytes[1];
	if (length >= 126) {
		size_t more = length == 126 ? 2 : 8;

		if (size < head + more)
			return 0;
		length = 0;
		for (size_t i = 0; i < more; i++)
			length = length << 8 | bytes[head + i];
		head += more;
	}
	if (length > WS_MOST || ((bytes[0] & 0x08) != 0 && (length > 125 || (bytes[0] & 0x80) == 0)))
		return error_set(err, EPROTO, "the server sent a WebSocket frame that is too long");
	if (size - head < length)
		return 0;
	*frame = (struct ws_frame){
		.type = (enum ws_type)(bytes[0] & 0x0f),
		.payload = buffer + head,
		.length = (size_t)length,
		.size = head + (size_t)length,
	};
	return 1;
}

char *
ws_request(const char *path, const uint8_t key[16])
{
	g_autofree char *encoded = g_base64_encode(key, 16);

	return g_strdup_printf("GET %s HTTP/1.1\r\n"
	                       "Host: solovirtd\r\n"
	                       "Upgrade: websocket\r\n"
	                       "Connection: Upgrade\r\n"
	                       "Sec-WebSocket-Version: 13\r\n"
	                       "Sec-WebSocket-Key: %s\r\n"
	                       "Sec-WebSocket-Protocol: plain.kubevirt.io\r\n"
	                       "User-Agent: solovirt/" PACKAGE_VERSION "\r\n\r\n",
	    path, encoded);
}

int
ws_answer(const char *buffer, size_t length, const uint8_t key[16], size_t *size, int *status, struct error *err)
{
	const char *end = memmem(buffer, length, "\r\n\r\n", 4);
	g_autofree char *head = NULL, *accept = accept_of(key);

	*status = 0;
	if (end == NULL)
		return length > ANSWER_MOST ? error_set(err, EPROTO, "the server's answer has no end") : 0;
	head = g_strndup(buffer, (gsize)(end - buffer) + 2);
	*size = (size_t)(end - buffer) + 4;
	if (strncmp(head, "HTTP/1.1 ", 9) != 0)
		return error_set(err, EPROTO, "the server's answer is no HTTP");
	*status = (int)g_ascii_strtoll(head + 9, NULL, 10);
	if (*status != 101)
		return error_set(err, EPROTO, "the server refused with HTTP status %d", *status);
	if (header_is(head, "Sec-WebSocket-Accept", accept))
		return 1;
	*status = 0;
	return error_set(err, EPROTO, "the server's answer is no WebSocket");
}

static char *
accept_of(const uint8_t key[16])
{
	g_autofree char *encoded = g_base64_encode(key, 16), *text = g_strconcat(encoded, ACCEPT_SUFFIX, NULL);
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 digest[20];
	gsize size = sizeof(digest);

	g_checksum_update(checksum, (const guchar *)text, (gssize)strlen(text));
	g_checksum_get_digest(checksum, digest, &size);
	return g_base64_encode(digest, size);
}

/* head: lines that end in CRLF. */
static bool
header_is(const char *head, const char *name, const char *value)
{
	for (const char *line = strstr(head, "\r\n"); line != NULL && line[2] != '\0';
	     line = strstr(line + 2, "\r\n")) {
		const char *field = line + 2;
		g_autofree char *text = NULL;

		if (strncasecmp(field, name, strlen(name)) != 0 || field[strlen(name)] != ':')
			continue;
		field += strlen(name) + 1;
		text = g_strstrip(g_strndup(field, strcspn(field, "\r")));
		return strcmp(text, value) == 0;
	}
	return false;
}
