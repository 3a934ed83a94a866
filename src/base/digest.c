/* SHA-256; see digest.h. */
#include "config.h"

#include <gcrypt.h>
#include <glib.h>

#include "src/base/digest.h"

void
digest_sha256(const void *bytes, size_t length, uint8_t digest[DIGEST_SIZE])
{
	static gsize ready;

	if (g_once_init_enter(&ready)) {
		gcry_check_version(NULL);
		gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
		gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
		g_once_init_leave(&ready, 1);
	}
	gcry_md_hash_buffer(GCRY_MD_SHA256, digest, bytes, length);
}

char *
digest_sha256_hex(const void *bytes, size_t length)
{
	uint8_t digest[DIGEST_SIZE];
	GString *text = g_string_sized_new((gsize)2 * DIGEST_SIZE);

	digest_sha256(bytes, length, digest);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		g_string_append_c(text, "0123456789abcdef"[digest[i] >> 4]);
		g_string_append_c(text, "0123456789abcdef"[digest[i] & 15]);
	}
	return g_string_free(text, FALSE);
}
