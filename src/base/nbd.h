/*
 * The transmission phase of the NBD protocol, which an import worker writes its disk with when the target is no file: the
 * process that has the rights to the storage serves one volume on a socket, the one that reads hostile bytes has that
 * socket and nothing else.  There is no negotiation: both sides are ours, the size was told by other means.
 * Source: NetworkBlockDevice/nbd, doc/proto.md, "Transmission phase", simple replies.
 */
#ifndef SOLOVIRT_BASE_NBD_H
#define SOLOVIRT_BASE_NBD_H

#include <stdint.h>

#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_REPLY_MAGIC 0x67446698u

enum nbd_command { NBD_READ = 0, NBD_WRITE = 1, NBD_DISCONNECT = 2, NBD_FLUSH = 3, NBD_TRIM = 4, NBD_WRITE_ZEROES = 6 };
enum { NBD_MOST = 4 << 20 /* bytes of one read or write */, NBD_DEPTH = 16 /* requests under way */ };

/* Both big endian on the wire. */
struct nbd_request {
	uint32_t magic;
	uint16_t flags, command;
	uint64_t cookie, offset;
	uint32_t length;
} __attribute__((packed));
struct nbd_reply {
	uint32_t magic, error; /* an errno of NBD: EPERM 1, EIO 5, ENOMEM 12, EINVAL 22, ENOSPC 28, ESHUTDOWN 108 */
	uint64_t cookie;
} __attribute__((packed));

#endif
