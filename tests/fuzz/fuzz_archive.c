/*
 * Disks in tar archives, and files in forms, in pieces of a size that the first byte chooses: a refusal is a sentence, what is taken is no
 * more than fits.  The second byte chooses which of the two.
 */
#include "config.h"

#include <errno.h>

#include "daemon/multipart.h"
#include "src/base/error.h"
#include "storage/archive.h"
#include "tests/fuzz/fuzz.h"

enum { CAPACITY = 1 << 16, LIMIT = 1 << 20 };

static int64_t taken; /* bytes of the disk */
static int ends;      /* of files */

static void
check_error(const struct error *err)
{
	fuzz_check(err->code == EINVAL && err->text[0] != '\0');
}

static int
take(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	(void)arg, (void)data, (void)err;
	taken += (int64_t)length;
	fuzz_check(taken <= CAPACITY);
	return 0;
}

static void
fuzz_disk(struct bytes *input, size_t piece)
{
	struct archive *archive = archive_new(CAPACITY, LIMIT, take, NULL);
	struct error err = { 0 };
	int64_t count;
	int rc = 0;

	taken = 0;
	for (size_t at = 0; rc == 0 && at < input->left; at += piece)
		rc = archive_feed(archive, input->at + at, MIN(piece, input->left - at), &err);
	if (rc == 0)
		rc = archive_end(archive, &err);
	if (rc < 0)
		check_error(&err);
	else
		fuzz_check(taken > 0);
	fuzz_check(archive_others(archive, &count)->len <= ARCHIVE_NAMED && count >= 0);
	archive_free(archive);
}

static void
on_data(void *arg, const unsigned char *bytes, size_t length)
{
	(void)arg, (void)bytes;
	fuzz_check(length > 0 && ends == 0);
}

static void
on_end(void *arg)
{
	(void)arg;
	ends++;
}

static void
fuzz_form(struct bytes *input, size_t piece)
{
	static const struct multipart_class class = { on_data, on_end };
	g_autofree char *type = bytes_line(input);
	struct error err = { 0 };
	struct multipart *form = multipart_new(type, "file", &class, NULL, &err);
	int rc = form == NULL ? -1 : 0;

	ends = 0;
	for (size_t at = 0; rc == 0 && at < input->left; at += piece)
		rc = multipart_feed(form, input->at + at, MIN(piece, input->left - at), &err);
	if (rc == 0)
		rc = multipart_finish(form, &err);
	if (rc < 0)
		check_error(&err);
	else
		fuzz_check(ends == 1);
	multipart_free(form);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = { data, size };
	size_t piece = 1 + bytes_below(&input, 255);

	if (bytes_below(&input, 2) == 0)
		fuzz_disk(&input, piece);
	else
		fuzz_form(&input, piece);
	return 0;
}
