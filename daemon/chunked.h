/* The framing of a body whose length is not told: Transfer-Encoding chunked (RFC 9112, section 7.1). */
#ifndef SOLOVIRT_DAEMON_CHUNKED_H
#define SOLOVIRT_DAEMON_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chunked_state {
	CHUNKED_SIZE,      /* hexadecimal digits */
	CHUNKED_EXTENSION, /* what stands behind them, which nobody wants */
	CHUNKED_DATA,
	CHUNKED_DATA_END,  /* the line end behind it */
	CHUNKED_TRAILER,   /* lines behind the last chunk, up to an empty one */
	CHUNKED_DONE,
};

/* Starts zeroed. */
struct chunked {
	enum chunked_state state;
	uint64_t left;    /* bytes of the chunk that are still to come */
	unsigned digits;  /* of its size */
	unsigned spent;   /* bytes of extensions and trailers so far */
	bool line_empty;  /* of a trailer: nothing but its end came */
};

/* Reads from bytes up to the end of one piece of data: *data and *size say where it is, *size 0: there was none.  Returns how many bytes were
 * read, less than length only behind a piece of data or the end of the body (CHUNKED_DONE), or -1 when it is no such framing. */
ptrdiff_t chunked_read(struct chunked *chunked, const unsigned char *bytes, size_t length, const unsigned char **data, size_t *size);

#endif
