/* Chunked bodies; see chunked.h. */
#include "config.h"

#include <glib.h>

#include "daemon/chunked.h"

enum { DIGITS_MOST = 15, SPENT_MOST = 64 << 10 };

/* One byte outside of data.  -1: it cannot stand there. */
static int
read_size(struct chunked *c, unsigned char byte)
{
	int value = g_ascii_xdigit_value((char)byte);

	if (value >= 0) {
		c->left = c->left << 4 | (unsigned)value;
		return ++c->digits <= DIGITS_MOST ? 0 : -1;
	}
	if (c->digits == 0 || (byte != '\r' && byte != '\n' && byte != ';' && byte != ' ' && byte != '\t'))
		return -1;
	c->state = CHUNKED_EXTENSION;
	return 0;
}

static int
read_extension(struct chunked *c, unsigned char byte)
{
	if (byte != '\n')
		return ++c->spent <= SPENT_MOST ? 0 : -1;
	c->digits = 0;
	c->line_empty = true;
	c->state = c->left > 0 ? CHUNKED_DATA : CHUNKED_TRAILER;
	return 0;
}

static int
read_data_end(struct chunked *c, unsigned char byte)
{
	if (byte == '\n')
		c->state = CHUNKED_SIZE;
	return byte == '\n' || byte == '\r' ? 0 : -1;
}

static int
read_trailer(struct chunked *c, unsigned char byte)
{
	if (byte == '\n' && c->line_empty)
		c->state = CHUNKED_DONE;
	else if (byte == '\n')
		c->line_empty = true;
	else if (byte != '\r')
		c->line_empty = false;
	return ++c->spent <= SPENT_MOST ? 0 : -1;
}

static int (*const readers[])(struct chunked *c, unsigned char byte) = {
	[CHUNKED_SIZE] = read_size,
	[CHUNKED_EXTENSION] = read_extension,
	[CHUNKED_DATA_END] = read_data_end,
	[CHUNKED_TRAILER] = read_trailer,
};

ptrdiff_t
chunked_read(struct chunked *chunked, const unsigned char *bytes, size_t length, const unsigned char **data, size_t *size)
{
	size_t at = 0;

	*size = 0;
	while (at < length && chunked->state != CHUNKED_DATA && chunked->state != CHUNKED_DONE) {
		enum chunked_state state = chunked->state;

		if (readers[state](chunked, bytes[at]) < 0)
			return -1;
		/* The line end may stand right behind the digits. */
		if (state == CHUNKED_SIZE && chunked->state == CHUNKED_EXTENSION && read_extension(chunked, bytes[at]) < 0)
			return -1;
		at++;
	}
	if (chunked->state != CHUNKED_DATA)
		return (ptrdiff_t)at;
	*data = bytes + at;
	*size = (size_t)MIN(chunked->left, length - at);
	chunked->left -= *size;
	if (chunked->left == 0)
		chunked->state = CHUNKED_DATA_END;
	return (ptrdiff_t)(at + *size);
}
