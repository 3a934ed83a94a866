/*
 * ISO 9660 images; see iso.h.  Sources: ECMA-119, the Joliet specification, SUSP and RRIP 1.10 (IEEE P1281, P1282).
 *
 *   sector  0-15  nothing                      19-22  path tables: plain L and M, Joliet L and M
 *           16    primary volume descriptor    23-    directories, plain names with Rock Ridge entries
 *           17    Joliet volume descriptor            continuations of Rock Ridge entries
 *           18    terminator                          directories, Joliet names
 *                                                     contents of files
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/error.h"
#include "storage/iso.h"

enum {
	SECTOR = 2048,
	FIRST_PATH_TABLE = 19,
	FIRST_FREE = 23,
	NAME_MOST = 255,        /* bytes of one part of a path */
	NAME_INLINE = 100,      /* bytes of a name that stay in its directory record, when it does not fit whole */
	NAME_WHOLE = 160,       /* a name up to here fits whole: 33 + 11 + 36 (PX) + 5 + 160 < 255 */
	JOLIET_MOST = 64,       /* characters */
	IMAGE_MOST = 64 << 20,  /* bytes */
	DIRECTORIES_MOST = 15,  /* so that a path table is one sector */
};

enum flavour { PLAIN, JOLIET, FLAVOURS };

struct node {
	char *name;
	GPtrArray *children;         /* struct node *, sorted; NULL: a file */
	const struct iso_file *file; /* NULL: a directory */
	struct node *parent;         /* the root is its own */
	unsigned number;             /* in its directory, from 1 */
	unsigned serial;             /* of a directory in the path tables, from 1 */
	uint32_t lba[FLAVOURS], size[FLAVOURS];
};

struct iso {
	GByteArray *out;
	GPtrArray *directories;  /* struct node *, in order of the path tables: parents first */
	GByteArray *more;        /* continuations */
	uint32_t more_lba, end;  /* in sectors */
	const char *label;
};

/* --- numbers and text --------------------------------------------------------------------------------------------- */

static void
put_le(uint8_t *at, unsigned bytes, uint32_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void
put_be(uint8_t *at, unsigned bytes, uint32_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* A number in both byte orders, one behind the other, as ISO 9660 likes it. */
static void
put_both(uint8_t *at, unsigned bytes, uint32_t value)
{
	put_le(at, bytes, value);
	put_be(at + bytes, bytes, value);
}

/* Text as UCS-2, big endian, at most "most" characters; returns bytes.  Joliet knows no character beyond U+FFFF. */
static size_t
put_ucs2(uint8_t *at, const char *text, size_t most)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0' && n < most; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		put_be(at + 2 * n++, 2, c > 0xffff ? '_' : c);
	}
	return 2 * n;
}

static void
put_text(uint8_t *at, size_t size, const char *text, enum flavour flavour)
{
	if (flavour == PLAIN) {
		memset(at, ' ', size);
		memcpy(at, text, MIN(strlen(text), size));
		return;
	}
	for (size_t i = 0; i < size; i++)
		at[i] = i % 2 == 0 ? 0 : ' ';
	put_ucs2(at, text, size / 2);
}

static uint32_t
sectors(size_t bytes)
{
	return (uint32_t)((bytes + SECTOR - 1) / SECTOR);
}

/* --- the tree ----------------------------------------------------------------------------------------------------- */

static void
node_free(void *data)
{
	struct node *node = data;

	if (node->children != NULL)
		g_ptr_array_unref(node->children);
	g_free(node->name);
	g_free(node);
}

static struct node *
node_new(struct node *parent, char *name, const struct iso_file *file)
{
	struct node *node = g_new0(struct node, 1);

	node->name = name;
	node->file = file;
	node->parent = parent == NULL ? node : parent;
	if (file == NULL)
		node->children = g_ptr_array_new_with_free_func(node_free);
	if (parent != NULL)
		g_ptr_array_add(parent->children, node);
	return node;
}

static struct node *
find_child(const struct node *directory, const char *name)
{
	for (guint i = 0; i < directory->children->len; i++) {
		struct node *child = directory->children->pdata[i];
		if (strcmp(child->name, name) == 0)
			return child;
	}
	return NULL;
}

static int
add_file(struct node *root, const struct iso_file *file, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(file->path, "/", -1);
	struct node *directory = root;

	for (char **part = parts; *part != NULL; part++) {
		struct node *found = find_child(directory, *part);
		bool last = part[1] == NULL;
		if (**part == '\0' || strlen(*part) > NAME_MOST || !g_utf8_validate(*part, -1, NULL))
			return error_set(
			    err, EINVAL, "\"%s\" cannot be the name of a file in an ISO image", file->path);
		if (found != NULL && (last || found->file != NULL))
			return error_set(err, EINVAL, "the file \"%s\" is given twice", file->path);
		directory = found != NULL ? found : node_new(directory, g_strdup(*part), last ? file : NULL);
	}
	return 0;
}

static int
compare_nodes(const void *a, const void *b)
{
	const struct node *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* Sorts, and lists directories breadth first, as path tables want them. */
static void
number_nodes(struct node *root, GPtrArray *directories)
{
	g_ptr_array_add(directories, root);
	for (guint d = 0; d < directories->len; d++) {
		struct node *directory = directories->pdata[d];
		directory->serial = d + 1;
		g_ptr_array_sort(directory->children, compare_nodes);
		for (guint i = 0; i < directory->children->len; i++) {
			struct node *child = directory->children->pdata[i];
			child->number = i + 1;
			if (child->file == NULL)
				g_ptr_array_add(directories, child);
		}
	}
}

/* --- directory records -------------------------------------------------------------------------------------------- */

/* Plain ISO names are mere numbers: whoever shows names to people reads Rock Ridge or Joliet. */
static size_t
put_name(uint8_t *at, const struct node *node, enum flavour flavour)
{
	char text[16];

	if (flavour == JOLIET) {
		size_t n = put_ucs2(at, node->name, JOLIET_MOST);
		if (g_utf8_strlen(node->name, -1) > JOLIET_MOST) { /* cut names stay different */
			g_snprintf(text, sizeof(text), "~%03u", node->number % 1000);
			put_ucs2(at + n - 8, text, 4);
		}
		return n;
	}
	g_snprintf(text, sizeof(text), node->file == NULL ? "%08u" : "%08u.;1", node->number % 100000000);
	memcpy(at, text, strlen(text));
	return strlen(text);
}

/* Space for a continuation of n bytes; none crosses a sector. */
static uint8_t *
add_more(struct iso *iso, size_t n, uint32_t *offset)
{
	guint at = iso->more->len;

	if (at / SECTOR != (at + n - 1) / SECTOR)
		at = sectors(at) * SECTOR;
	guint before = iso->more->len;
	g_byte_array_set_size(iso->more, at + (guint)n);
	memset(iso->more->data + before, 0, iso->more->len - before); /* new bytes come as they were */
	*offset = at;
	return iso->more->data + at;
}

static size_t
put_ce(const struct iso *iso, uint8_t *at, uint32_t offset, size_t length)
{
	memcpy(at, "CE\34\1", 4);
	put_both(at + 4, 4, iso->more_lba + offset / SECTOR);
	put_both(at + 12, 4, offset % SECTOR);
	put_both(at + 20, 4, (uint32_t)length);
	return 28;
}

static size_t
put_px(uint8_t *at, const struct node *node)
{
	memcpy(at, "PX\44\1", 4);
	put_both(at + 4, 4, node->file == NULL ? S_IFDIR | 0755 : S_IFREG | (node->file->mode & 0777));
	put_both(at + 12, 4, node->file == NULL ? 2 : 1);
	memset(at + 20, 0, 16); /* root's */
	return 36;
}

static size_t
put_nm(uint8_t *at, const char *name, size_t length, bool goes_on)
{
	at[0] = 'N', at[1] = 'M', at[2] = (uint8_t)(5 + length), at[3] = 1, at[4] = goes_on ? 1 : 0;
	memcpy(at + 5, name, length);
	return 5 + length;
}

static size_t
put_rock_ridge_name(struct iso *iso, uint8_t *at, const char *name)
{
	size_t length = strlen(name), n;
	uint32_t offset;

	if (length <= NAME_WHOLE)
		return put_nm(at, name, length, false);
	n = put_nm(at, name, NAME_INLINE, true);
	uint8_t *rest = add_more(iso, 5 + length - NAME_INLINE, &offset);
	put_nm(rest, name + NAME_INLINE, length - NAME_INLINE, false);
	return n + put_ce(iso, at + n, offset, 5 + length - NAME_INLINE);
}

/* In the root's "." record: these entries follow SUSP and mean RRIP. */
static size_t
put_announcement(struct iso *iso, uint8_t *at)
{
	static const char er[] = "ER\xed\1\12\124\207\1RRIP_1991A"
	    "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
	    "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME "
	    "DESCRIPTOR FOR CONTACT INFORMATION.";
	_Static_assert(sizeof(er) - 1 == 8 + 10 + 84 + 135 && sizeof(er) - 1 == 0xed, "lengths in ER");
	uint32_t offset;

	memcpy(at, "SP\7\1\276\357\0", 7);
	memcpy(add_more(iso, sizeof(er) - 1, &offset), er, sizeof(er) - 1);
	return 7 + put_ce(iso, at + 7, offset, sizeof(er) - 1);
}

enum entry { SELF, PARENT, CHILD };

static const uint8_t record_date[7] = {100, 1, 1, 0, 0, 0, 0}; /* 2000-01-01, always */

/* One directory record about a node; returns its length. */
static size_t
put_record(
    struct iso *iso, uint8_t record[256], const struct node *node, enum entry entry, enum flavour flavour, bool is_root)
{
	size_t name, n;

	memset(record, 0, 256);
	put_both(record + 2, 4, node->lba[flavour]);
	put_both(record + 10, 4, node->size[flavour]);
	memcpy(record + 18, record_date, sizeof(record_date));
	record[25] = node->file == NULL ? 2 : 0;
	put_both(record + 28, 2, 1);
	if (entry == CHILD) {
		name = put_name(record + 33, node, flavour);
	} else {
		record[33] = entry == PARENT;
		name = 1;
	}
	record[32] = (uint8_t)name;
	n = 33 + name + (name % 2 == 0); /* its system use begins at an even place */
	if (flavour == PLAIN) {
		if (is_root)
			n += put_announcement(iso, record + n);
		n += put_px(record + n, node);
		if (entry == CHILD)
			n += put_rock_ridge_name(iso, record + n, node->name);
	}
	n += n % 2;
	assert(n < 256);
	record[0] = (uint8_t)n;
	return n;
}

/* A record never crosses a sector. */
static void
add_record(GByteArray *bytes, const uint8_t *record, size_t n)
{
	static const uint8_t zeros[SECTOR];

	if (bytes->len / SECTOR != (bytes->len + n - 1) / SECTOR)
		g_byte_array_append(bytes, zeros, sectors(bytes->len) * SECTOR - bytes->len);
	g_byte_array_append(bytes, record, (guint)n);
}

static GByteArray *
directory_bytes(struct iso *iso, const struct node *directory, enum flavour flavour)
{
	GByteArray *bytes = g_byte_array_new();
	uint8_t record[256];
	size_t n;

	n = put_record(iso, record, directory, SELF, flavour, flavour == PLAIN && directory->parent == directory);
	add_record(bytes, record, n);
	n = put_record(iso, record, directory->parent, PARENT, flavour, false);
	add_record(bytes, record, n);
	for (guint i = 0; i < directory->children->len; i++) {
		n = put_record(iso, record, directory->children->pdata[i], CHILD, flavour, false);
		add_record(bytes, record, n);
	}
	return bytes;
}

/* --- layout: first who lies where, then the bytes ----------------------------------------------------------------- */

static void
place_directories(struct iso *iso, enum flavour flavour)
{
	for (guint i = 0; i < iso->directories->len; i++) {
		struct node *directory = iso->directories->pdata[i];
		g_autoptr(GByteArray) bytes = directory_bytes(iso, directory, flavour);
		directory->lba[flavour] = iso->end;
		directory->size[flavour] = sectors(bytes->len) * SECTOR;
		iso->end += sectors(bytes->len);
	}
}

static void
place_files(struct iso *iso)
{
	for (guint d = 0; d < iso->directories->len; d++) {
		const struct node *directory = iso->directories->pdata[d];
		for (guint i = 0; i < directory->children->len; i++) {
			struct node *child = directory->children->pdata[i];
			if (child->file == NULL)
				continue;
			child->lba[PLAIN] = child->lba[JOLIET] = iso->end;
			child->size[PLAIN] = child->size[JOLIET] = (uint32_t)child->file->length;
			iso->end += sectors(child->file->length);
		}
	}
}

static void
place(struct iso *iso)
{
	iso->end = FIRST_FREE;
	place_directories(iso, PLAIN);
	iso->more_lba = iso->end;
	iso->end += sectors(iso->more->len);
	g_byte_array_set_size(iso->more, 0); /* its bytes are made again once places are known */
	place_directories(iso, JOLIET);
	place_files(iso);
}

static void
write_at(struct iso *iso, uint32_t lba, const void *data, size_t n)
{
	if (n > 0)
		memcpy(iso->out->data + (size_t)lba * SECTOR, data, n);
}

static void
write_directories(struct iso *iso)
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++)
		for (guint i = 0; i < iso->directories->len; i++) {
			const struct node *directory = iso->directories->pdata[i];
			g_autoptr(GByteArray) bytes = directory_bytes(iso, directory, (enum flavour)flavour);
			write_at(iso, directory->lba[flavour], bytes->data, bytes->len);
		}
	write_at(iso, iso->more_lba, iso->more->data, iso->more->len);
}

static void
write_files(struct iso *iso)
{
	for (guint d = 0; d < iso->directories->len; d++) {
		const struct node *directory = iso->directories->pdata[d];
		for (guint i = 0; i < directory->children->len; i++) {
			const struct node *child = directory->children->pdata[i];
			if (child->file != NULL)
				write_at(iso, child->lba[PLAIN], child->file->data, child->file->length);
		}
	}
}

/* Writes one path table in the byte order that "put" gives; returns its bytes. */
static uint32_t
write_path_table(
    struct iso *iso, uint32_t lba, enum flavour flavour, void (*put)(uint8_t *at, unsigned bytes, uint32_t value))
{
	uint8_t table[DIRECTORIES_MOST * (8 + 2 * JOLIET_MOST)] = {0};
	size_t n = 0;

	for (guint i = 0; i < iso->directories->len; i++) {
		const struct node *directory = iso->directories->pdata[i];
		size_t name = directory->parent == directory ? 1 : put_name(table + n + 8, directory, flavour);
		table[n] = (uint8_t)name;
		put(table + n + 2, 4, directory->lba[flavour]);
		put(table + n + 6, 2, directory->parent->serial);
		n += 8 + name + name % 2;
	}
	write_at(iso, lba, table, n);
	return (uint32_t)n;
}

static void
write_descriptor(struct iso *iso, enum flavour flavour, uint32_t path_table, uint32_t path_table_size)
{
	static const char date[17] = "2000010100000000", never[17] = "0000000000000000";
	static const struct {
		size_t at, size;
		const char *text;
	} texts[] = {
		{8, 32, "LINUX"},
		{190, 128, ""},
		{318, 128, ""},
		{446, 128, ""},
		{574, 128, "SOLOVIRT"},
		{702, 37, ""},
		{739, 37, ""},
		{776, 37, ""},
	};
	uint8_t sector[SECTOR] = {flavour == PLAIN ? 1 : 2, 'C', 'D', '0', '0', '1', 1}, record[256];
	const struct node *root = iso->directories->pdata[0];

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		put_text(sector + texts[i].at, texts[i].size, texts[i].text, flavour);
	put_text(sector + 40, 32, iso->label, flavour);
	put_both(sector + 80, 4, iso->end);
	if (flavour == JOLIET)
		memcpy(sector + 88, "%/E", 3); /* UCS-2 level 3 */
	put_both(sector + 120, 2, 1);
	put_both(sector + 124, 2, 1);
	put_both(sector + 128, 2, SECTOR);
	put_both(sector + 132, 4, path_table_size);
	put_le(sector + 140, 4, path_table);
	put_be(sector + 148, 4, path_table + 1);
	put_record(iso, record, root, SELF, JOLIET, false); /* without system use */
	put_both(record + 2, 4, root->lba[flavour]);
	put_both(record + 10, 4, root->size[flavour]);
	memcpy(sector + 156, record, 34);
	memcpy(sector + 813, date, 16);
	memcpy(sector + 830, date, 16);
	memcpy(sector + 847, never, 16);
	memcpy(sector + 864, date, 16);
	sector[881] = 1;
	write_at(iso, 16 + flavour, sector, sizeof(sector));
}

static void
write_all(struct iso *iso)
{
	static const uint8_t terminator[] = {255, 'C', 'D', '0', '0', '1', 1};

	g_byte_array_set_size(iso->out, iso->end * SECTOR);
	memset(iso->out->data, 0, iso->out->len);
	write_directories(iso);
	write_files(iso);
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		uint32_t lba = FIRST_PATH_TABLE + 2 * (uint32_t)flavour;
		uint32_t n = write_path_table(iso, lba, (enum flavour)flavour, put_le);
		write_path_table(iso, lba + 1, (enum flavour)flavour, put_be);
		write_descriptor(iso, (enum flavour)flavour, lba, n);
	}
	write_at(iso, 18, terminator, sizeof(terminator));
}

static int
check_input(const char *label, const struct iso_file *files, size_t count, struct error *err)
{
	size_t total = 0;

	if (label[0] == '\0' || strlen(label) > 32 || !g_utf8_validate(label, -1, NULL))
		return error_set(err, EINVAL, "\"%s\" cannot label an ISO image: 1 to 32 bytes are needed", label);
	for (size_t i = 0; i < count; i++) {
		total += MIN(files[i].length, (size_t)IMAGE_MOST) + SECTOR;
		if (total > IMAGE_MOST)
			return error_set(err, EFBIG, "the files are too large for a seed image (at most 64 MiB)");
	}
	return 0;
}

GByteArray *
iso_build(const char *label, const struct iso_file *files, size_t count, struct error *err)
{
	g_autoptr(GPtrArray) root_owner = g_ptr_array_new_with_free_func(node_free);
	g_autoptr(GPtrArray) directories = g_ptr_array_new();
	g_autoptr(GByteArray) more = g_byte_array_new();
	struct iso iso = {.directories = directories, .more = more, .label = label};
	struct node *root = node_new(NULL, g_strdup(""), NULL);

	g_ptr_array_add(root_owner, root);
	if (check_input(label, files, count, err) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (add_file(root, &files[i], err) < 0)
			return NULL;
	number_nodes(root, directories);
	if (directories->len > DIRECTORIES_MOST) {
		error_set(err, EINVAL, "an ISO image here has at most %d directories", DIRECTORIES_MOST);
		return NULL;
	}
	place(&iso);
	iso.out = g_byte_array_new();
	write_all(&iso);
	return iso.out;
}
