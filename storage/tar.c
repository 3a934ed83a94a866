/*
 * Reading tar archives; see tar.h.  Source: POSIX.1-2017, pax; GNU tar's manual, "Standard Format".
 *
 *   header (512 bytes) --+--> data, rounded up to 512 --> header ...
 *                        +--> a name or pax records for the next header, kept --> header ...
 *   A header of zeros is the end; what follows is padding.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/tar.h"

enum { BLOCK = 512, EXTENSION_MOST = 64 << 10 /* bytes of one name, or of the records for one entry */ };

/* Where a header has what. */
enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345 };
enum { NAME_LENGTH = 100, NUMBER_LENGTH = 12, CHECKSUM_LENGTH = 8, PREFIX_LENGTH = 155 };

enum state { IN_HEADER, IN_DATA, IN_EXTENSION, IN_PADDING, AT_END };

struct tar {
	const char *what;
	tar_entry *entry;
	unpack_sink *data;
	void *arg;
	enum state state;
	uint8_t header[BLOCK];
	size_t have;            /* bytes of it */
	int64_t left, padding;  /* bytes of what is being read, and behind it */
	bool wanted;
	GByteArray *extension;  /* for the next entry, under way */
	char type;              /* of the extension */
	char *next_name;        /* as extensions gave it, or NULL */
	int64_t next_size;      /* ..., or -1 */
	bool next_sparse;
};

struct tar *
tar_new(const char *what, tar_entry *entry, unpack_sink *data, void *arg)
{
	struct tar *tar = g_new0(struct tar, 1);

	tar->what = what;
	tar->entry = entry;
	tar->data = data;
	tar->arg = arg;
	tar->extension = g_byte_array_new();
	tar->next_size = -1;
	return tar;
}

void
tar_free(struct tar *tar)
{
	if (tar == NULL)
		return;
	g_byte_array_unref(tar->extension);
	g_free(tar->next_name);
	g_free(tar);
}

static int
damaged(const struct tar *tar, struct error *err)
{
	return error_set(err, EINVAL, "%s is no tar archive, or a damaged one", tar->what);
}

/* --- headers ---------------------------------------------------------------------------------------------------------- */

/* Octal digits, or GNU's numbers of base 256 for what is larger; -1 when it is neither. */
static int64_t
number(const uint8_t *field, size_t length)
{
	int64_t value = 0;
	size_t i = 0;

	if (field[0] == 0x80) {
		for (i = 1; i < length; i++) {
			if (value >> 54 != 0)
				return -1;
			value = value << 8 | field[i];
		}
		return value;
	}
	while (i < length && field[i] == ' ')
		i++;
	for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (field[i] - '0');
	return i < length && field[i] != '\0' && field[i] != ' ' ? -1 : value;
}

static bool
checksum_fits(const uint8_t *header)
{
	int64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LENGTH ? ' ' : header[i];
	return sum == number(header + CHECKSUM, CHECKSUM_LENGTH);
}

static char *
header_name(const uint8_t *header)
{
	const char *text = (const char *)header;
	g_autofree char *name = g_strndup(text + NAME, NAME_LENGTH);

	if (memcmp(text + MAGIC, "ustar\0", 6) != 0 || text[PREFIX] == '\0')
		return g_steal_pointer(&name);
	g_autofree char *prefix = g_strndup(text + PREFIX, PREFIX_LENGTH);
	return g_strconcat(prefix, "/", name, NULL);
}

const char *
tar_relative(const char *name)
{
	while (*name == '/' || g_str_has_prefix(name, "./"))
		name += *name == '/' ? 1 : 2;
	return name;
}

static enum tar_kind
kind_of(char type, bool sparse)
{
	static const struct {
		char type;
		enum tar_kind kind;
	} kinds[] = { { '0', TAR_FILE }, { '\0', TAR_FILE }, { '7', TAR_FILE }, { '1', TAR_LINK }, { '2', TAR_LINK }, { '3', TAR_DEVICE },
		{ '4', TAR_DEVICE }, { '5', TAR_DIRECTORY }, { '6', TAR_DEVICE }, { 'S', TAR_SPARSE } };

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].type == type)
			return kinds[i].kind == TAR_FILE && sparse ? TAR_SPARSE : kinds[i].kind;
	return TAR_OTHER;
}

static int
begin_extension(struct tar *tar, char type, int64_t size, struct error *err)
{
	if (size > EXTENSION_MOST)
		return error_set(err, EINVAL, "%s has a name or an extended header of more than %d bytes", tar->what, EXTENSION_MOST);
	g_byte_array_set_size(tar->extension, 0);
	tar->type = type;
	tar->state = IN_EXTENSION;
	tar->left = size;
	return 0;
}

static int
begin_entry(struct tar *tar, char type, int64_t size, struct error *err)
{
	g_autofree char *name = tar->next_name != NULL ? g_steal_pointer(&tar->next_name) : header_name(tar->header);
	/* Links and directories have no data, whatever their size says. */
	bool empty = strchr("123456", type) != NULL && type != '\0';
	int rc;

	tar->left = empty ? 0 : size;
	tar->padding = (BLOCK - tar->left % BLOCK) % BLOCK;
	rc = tar->entry(tar->arg, name, kind_of(type, tar->next_sparse), size, err);
	tar->wanted = rc > 0;
	tar->state = IN_DATA;
	tar->next_size = -1;
	tar->next_sparse = false;
	return rc < 0 ? -1 : 0;
}

static int
take_header(struct tar *tar, struct error *err)
{
	char type = (char)tar->header[TYPE];
	int64_t size = number(tar->header + SIZE, NUMBER_LENGTH);

	tar->have = 0;
	if (tar->header[0] == 0 && memcmp(tar->header, tar->header + 1, BLOCK - 1) == 0) {
		tar->state = AT_END;
		return 0;
	}
	if (!checksum_fits(tar->header) || size < 0)
		return damaged(tar, err);
	tar->padding = (BLOCK - size % BLOCK) % BLOCK;
	if (type == 'x' || type == 'L' || type == 'K' || type == 'g')
		return begin_extension(tar, type, size, err);
	return begin_entry(tar, type, tar->next_size >= 0 ? tar->next_size : size, err);
}

/* --- extensions ------------------------------------------------------------------------------------------------------- */

static int
take_record(struct tar *tar, const char *key, const char *value, struct error *err)
{
	if (g_str_has_prefix(key, "GNU.sparse."))
		tar->next_sparse = true;
	if (strcmp(key, "path") == 0) {
		g_free(tar->next_name);
		tar->next_name = g_strdup(value);
	}
	if (strcmp(key, "size") == 0) {
		guint64 size;
		if (!g_ascii_string_to_unsigned(value, 10, 0, INT64_MAX / 2, &size, NULL))
			return damaged(tar, err);
		tar->next_size = (int64_t)size;
	}
	return 0;
}

/* "LENGTH KEY=VALUE\n", the length that of the whole record. */
static int
take_records(struct tar *tar, struct error *err)
{
	char *at = (char *)tar->extension->data, *end = at + tar->extension->len - 1; /* a zero is behind it */

	while (at < end) {
		char *key;
		guint64 length = g_ascii_strtoull(at, &key, 10);
		char *stop = length == 0 || length > (guint64)(end - at) ? NULL : at + length - 1;
		char *equals = stop == NULL || *key != ' ' || key >= stop ? NULL : memchr(key, '=', (size_t)(stop - key));

		if (equals == NULL || *stop != '\n')
			return damaged(tar, err);
		*equals = *stop = '\0';
		if (take_record(tar, key + 1, equals + 1, err) < 0)
			return -1;
		at = stop + 1;
	}
	return 0;
}

static int
take_extension(struct tar *tar, struct error *err)
{
	g_byte_array_append(tar->extension, (const uint8_t *)"", 1);
	if (tar->type == 'x')
		return take_records(tar, err);
	if (tar->type == 'L') {
		g_free(tar->next_name);
		tar->next_name = g_strdup((const char *)tar->extension->data);
	}
	return 0;
}

/* --- pieces ----------------------------------------------------------------------------------------------------------- */

/* What an amount of left bytes is finished with. */
static int
next_state(struct tar *tar, struct error *err)
{
	int rc = 0;

	if (tar->state == IN_EXTENSION)
		rc = take_extension(tar, err);
	if (tar->state == IN_PADDING) {
		tar->state = IN_HEADER;
		return 0;
	}
	tar->state = IN_PADDING;
	tar->left = tar->padding;
	return rc;
}

static int
take_bytes(struct tar *tar, const uint8_t *data, size_t length, struct error *err)
{
	tar->left -= (int64_t)length;
	if (tar->state == IN_DATA && tar->wanted && length > 0 && tar->data(tar->arg, data, length, err) < 0)
		return -1;
	if (tar->state == IN_EXTENSION)
		g_byte_array_append(tar->extension, data, (guint)length);
	return 0;
}

int
tar_feed(struct tar *tar, const uint8_t *data, size_t length, struct error *err)
{
	while (tar->state != AT_END && (length > 0 || (tar->state != IN_HEADER && tar->left == 0))) {
		size_t n = tar->state == IN_HEADER ? MIN(length, BLOCK - tar->have) : (size_t)MIN((int64_t)length, tar->left);
		int rc;

		if (tar->state == IN_HEADER) {
			memcpy(tar->header + tar->have, data, n);
			tar->have += n;
			rc = tar->have == BLOCK ? take_header(tar, err) : 0;
		} else {
			rc = take_bytes(tar, data, n, err);
			if (rc == 0 && tar->left == 0)
				rc = next_state(tar, err);
		}
		if (rc < 0)
			return -1;
		data += n;
		length -= n;
	}
	return 0;
}

int
tar_end(struct tar *tar, struct error *err)
{
	return tar->state == AT_END || (tar->state == IN_HEADER && tar->have == 0) ? 0 : damaged(tar, err);
}
