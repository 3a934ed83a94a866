/* Numbers in the headers of image files, in either order of bytes. */
#ifndef SOLOVIRT_STORAGE_BYTES_H
#define SOLOVIRT_STORAGE_BYTES_H

#include <stdint.h>

static inline uint32_t
be32_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t
be64_at(const uint8_t *at)
{
	return (uint64_t)be32_at(at) << 32 | be32_at(at + 4);
}

static inline uint16_t
le16_at(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t
le32_at(const uint8_t *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static inline uint64_t
le64_at(const uint8_t *at)
{
	return (uint64_t)le32_at(at + 4) << 32 | le32_at(at);
}

#endif
