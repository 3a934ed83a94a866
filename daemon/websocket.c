/*
 * WebSocket; see websocket.h.
 *
 *   byte 0        1          2...              then 4 bytes of mask, then the payload
 *   FIN RSV op    M length   2 or 8 bytes more when length is 126 or 127
 */
#include "config.h"

#include <string.h>

#include "daemon/websocket.h"

#define MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, CONTROL = 0x08 };

char *
websocket_accept(const char *key)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 digest[20];
	gsize length = sizeof(digest);

	g_checksum_update(sum, (const guchar *)key, -1);
	g_checksum_update(sum, (const guchar *)MAGIC, -1);
	g_checksum_get_digest(sum, digest, &length);
	return g_base64_encode(digest, length);
}

bool
websocket_offers(const char *header, const char *word)
{
	g_auto(GStrv) words = g_strsplit(header == NULL ? "" : header, ",", -1);

	for (guint i = 0; words[i] != NULL; i++)
		if (g_ascii_strcasecmp(g_strstrip(words[i]), word) == 0)
			return true;
	return false;
}

/* Bytes that the head must have, as far as it can be told by now. */
static size_t
head_size(const struct websocket *websocket)
{
	unsigned length = websocket->head[1] & LENGTH;

	if (websocket->head_length < 2)
		return 2;
	return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

/* The head is whole: 0 when such a frame may come. */
static int
begin_frame(struct websocket *websocket)
{
	const unsigned char *head = websocket->head;
	unsigned short_length = head[1] & LENGTH, opcode = head[0] & OPCODE;
	size_t more = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
	bool known = opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);

	websocket->left = more == 0 ? short_length : 0;
	for (size_t i = 0; i < more; i++)
		websocket->left = websocket->left << 8 | head[2 + i];
	if (!known || (head[0] & RESERVED) != 0 || (head[1] & MASKED) == 0 || websocket->left > INT64_MAX)
		return -1;
	if ((opcode & CONTROL) != 0 && (short_length > 125 || (head[0] & FIN) == 0))
		return -1;
	websocket->position = 0;
	websocket->in_payload = true;
	return 0;
}

static void
end_frame(struct websocket *websocket, const struct websocket_class *class, void *arg)
{
	enum websocket_opcode opcode = websocket->head[0] & OPCODE;

	websocket->in_payload = false;
	websocket->head_length = 0;
	websocket->closed = opcode == WEBSOCKET_CLOSE;
	if ((opcode & CONTROL) != 0)
		class->control(arg, opcode, websocket->control, (size_t)websocket->position);
}

/* Unmasks and delivers up to length bytes of payload; returns how many. */
static size_t
take_payload(struct websocket *websocket, const unsigned char *bytes, size_t length,
    const struct websocket_class *class, void *arg)
{
	bool control = (websocket->head[0] & CONTROL) != 0;
	const unsigned char *mask = websocket->head + head_size(websocket) - 4;
	unsigned char plain[4096], *to = control ? websocket->control + websocket->position : plain;
	size_t count = MIN(MIN(length, websocket->left), control ? sizeof(websocket->control) : sizeof(plain));

	for (size_t i = 0; i < count; i++)
		to[i] = bytes[i] ^ mask[(websocket->position + i) % 4];
	websocket->position += count;
	websocket->left -= count;
	if (!control && count > 0)
		class->data(arg, plain, count);
	return count;
}

int
websocket_read(struct websocket *websocket, const unsigned char *bytes, size_t length,
    const struct websocket_class *class, void *arg)
{
	while (length > 0 && !websocket->closed) {
		size_t count = 1;
		if (websocket->in_payload) {
			count = take_payload(websocket, bytes, length, class, arg);
		} else {
			websocket->head[websocket->head_length++] = *bytes;
			if (websocket->head_length >= 2 && websocket->head_length == head_size(websocket) &&
			    begin_frame(websocket) < 0)
				return -1;
		}
		bytes += count;
		length -= count;
		if (websocket->in_payload && websocket->left == 0)
			end_frame(websocket, class, arg);
	}
	return 0;
}

void
websocket_frame(GByteArray *out, enum websocket_opcode opcode, const void *payload, size_t length)
{
	unsigned char head[10] = { (unsigned char)(FIN | opcode) };
	size_t more = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;

	head[1] = (unsigned char)(more == 0 ? length : more == 2 ? 126 : 127);
	for (size_t i = 0; i < more; i++)
		head[2 + i] = (unsigned char)((uint64_t)length >> 8 * (more - 1 - i));
	g_byte_array_append(out, head, (guint)(2 + more));
	g_byte_array_append(out, payload, (guint)length);
}

void
websocket_close_frame(GByteArray *out, unsigned code)
{
	const unsigned char payload[2] = { (unsigned char)(code >> 8), (unsigned char)code };

	websocket_frame(out, WEBSOCKET_CLOSE, payload, sizeof(payload));
}
