/* SHA-256 by libgcrypt: it knows the processor's instructions, which are many times as fast as GLib's checksums. */
#ifndef SOLOVIRT_BASE_DIGEST_H
#define SOLOVIRT_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32 /* bytes */ };

/* Any thread. */
void digest_sha256(const void *bytes, size_t length, uint8_t digest[DIGEST_SIZE]);

/* The same in hexadecimal digits.  Caller g_free()s. */
char *digest_sha256_hex(const void *bytes, size_t length);

#endif
