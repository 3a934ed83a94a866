/* Volumes on sockets: a volume in memory behind nbd_server.h, and the import worker's target in front of it. */
#include "config.h"

#include <check.h>
#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/base/nbd_server.h"
#include "storage/target.h"

enum { SIZE = 8 << 20, PIECES = 64, PIECE = 64 << 10 };

static struct error err;

/* --- a volume --------------------------------------------------------------------------------------------------------- */

static struct memory {
	char disk[SIZE];
	int error;              /* of its writes from now on */
	GMutex lock;
	GCond changed;
	unsigned flushed, closed; /* at its end */
	unsigned reads, held;     /* begun; how many of them may go on, 0: all */
} memory;

static int
begin_read(void *volume, struct nbd_work *work)
{
	g_mutex_lock(&memory.lock);
	memory.reads++;
	g_cond_broadcast(&memory.changed);
	while (memory.held > 0 && memory.reads > memory.held)
		g_cond_wait(&memory.changed, &memory.lock);
	g_mutex_unlock(&memory.lock);
	memcpy(work->data, ((struct memory *)volume)->disk + work->request.offset, work->request.length);
	nbd_work_done(work, 0);
	return 0;
}

/* Some fail before they have begun, as librbd's may, others after. */
static int
begin_write(void *volume, struct nbd_work *work)
{
	struct memory *m = volume;

	if (m->error < 0)
		return m->error;
	memcpy(m->disk + work->request.offset, work->data, work->request.length);
	nbd_work_done(work, m->error);
	return 0;
}

static int
begin_flush(void *volume, struct nbd_work *work)
{
	(void)volume;
	nbd_work_done(work, 0);
	return 0;
}

static void
count(unsigned *what)
{
	g_mutex_lock(&memory.lock);
	++*what;
	g_cond_broadcast(&memory.changed);
	g_mutex_unlock(&memory.lock);
}

static void
on_flush(void *volume)
{
	count(&((struct memory *)volume)->flushed);
}

static void
on_close(void *volume)
{
	count(&((struct memory *)volume)->closed);
}

static const struct nbd_class memory_class = {
	.begin = { [NBD_READ] = begin_read, [NBD_WRITE] = begin_write, [NBD_FLUSH] = begin_flush },
	.flush = on_flush,
	.close = on_close,
};

static void
wait_for_close(unsigned times)
{
	g_mutex_lock(&memory.lock);
	while (memory.closed < times)
		g_cond_wait(&memory.changed, &memory.lock);
	g_mutex_unlock(&memory.lock);
}

/* The client's end. */
static int
serve(bool writes)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	struct nbd_export *export = nbd_export_new(&memory_class, &memory, "pool/volume", writes, ends[0], &err);
	ck_assert_msg(export != NULL, "%s", err.text);
	nbd_export_start(export, SIZE);
	return ends[1];
}

START_TEST(what_is_written_is_there)
{
	static uint8_t data[PIECE], back[PIECE];
	int fd = serve(true);
	struct target *target = target_new(fd, &err);

	for (int i = 0; i < PIECES; i++) {
		memset(data, i + 1, sizeof(data));
		ck_assert_msg(target_write(target, data, PIECE, (int64_t)(PIECES - 1 - i) * PIECE, &err) == 0, "%s", err.text);
	}
	ck_assert_int_eq(target_flush(target, &err), 0);
	ck_assert_int_eq(target_read(target, back, PIECE, 0, &err), 0);
	ck_assert_mem_eq(back, data, PIECE);
	for (int i = 0; i < PIECES; i++)
		ck_assert_int_eq(memory.disk[i * PIECE], PIECES - i);
	target_free(target);
	wait_for_close(1);
	ck_assert_uint_eq(memory.flushed, 1);
	close(fd);
}
END_TEST

START_TEST(errors_keep_their_meaning)
{
	static const struct {
		int error, code;
	} rows[] = { { ENOSPC, ENOSPC }, { -ENOSPC, ENOSPC }, { EDQUOT, ENOSPC }, { EROFS, EACCES }, { ECONNRESET, EIO } };
	uint8_t byte = 1;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int fd = serve(true);
		struct target *target = target_new(fd, &err);
		memory.error = rows[i].error;
		if (target_write(target, &byte, 1, 0, &err) == 0)
			ck_assert_int_eq(target_flush(target, &err), -1);
		ck_assert_int_eq(err.code, rows[i].code);
		target_free(target);
		close(fd);
		wait_for_close((unsigned)i + 1);
	}
}
END_TEST

START_TEST(readers_cannot_write)
{
	uint8_t byte = 1;
	int fd = serve(false);
	struct target *target = target_new(fd, &err);

	ck_assert_int_eq(target_write(target, &byte, 1, 0, &err), 0);
	ck_assert_int_eq(target_flush(target, &err), -1);
	ck_assert_int_eq(err.code, EACCES);
	target_free(target);
	close(fd);
	wait_for_close(1);
	ck_assert_uint_eq(memory.flushed, 0);
	ck_assert_int_eq(memory.disk[0], 0);
}
END_TEST

START_TEST(one_writer_at_a_time)
{
	int first = serve(true), reader = serve(false), ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_ptr_null(nbd_export_new(&memory_class, &memory, "pool/volume", true, ends[0], &err));
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_int_eq(nbd_export_check("pool/volume", &err), -1);
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_int_eq(nbd_export_check("pool/other", &err), 0);
	/* one that has gone is waited for */
	close(first);
	ck_assert_int_eq(nbd_export_check("pool/volume", &err), 0);
	struct nbd_export *export = nbd_export_new(&memory_class, &memory, "pool/volume", true, ends[0], &err);
	ck_assert_ptr_nonnull(export);
	nbd_export_cancel(export);
	ck_assert_ptr_null(nbd_export_new(&memory_class, &memory, "pool/volume", true, -1, &err));
	ck_assert_int_eq(err.code, EINVAL);
	close(reader);
	wait_for_close(2);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(nonsense_ends_it)
{
	static const char nonsense[sizeof(struct nbd_request)] = "GET / HTTP/1.1";
	struct nbd_request huge = { htobe32(NBD_REQUEST_MAGIC), 0, htobe16(NBD_WRITE), 1, 0, htobe32(NBD_MOST + 1) };
	const void *const requests[] = { nonsense, &huge };
	char byte;

	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		int fd = serve(true);
		ck_assert_int_eq(send(fd, requests[i], sizeof(huge), MSG_NOSIGNAL), sizeof(huge));
		ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
		close(fd);
		wait_for_close((unsigned)i + 1);
	}
	ck_assert_uint_eq(memory.flushed, 2);
}
END_TEST

/* What it asked for before nobody read the replies any more is not begun. */
START_TEST(nothing_is_read_for_the_deaf)
{
	struct nbd_request request = { htobe32(NBD_REQUEST_MAGIC), 0, htobe16(NBD_READ), 1, 0, htobe32(NBD_MOST) };
	int fd = serve(false);
	struct pollfd hung_up = { .fd = fd };

	memory.held = 1;
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(send(fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
	g_mutex_lock(&memory.lock);
	while (memory.reads < 2)
		g_cond_wait(&memory.changed, &memory.lock);
	g_mutex_unlock(&memory.lock);
	ck_assert_int_eq(shutdown(fd, SHUT_RD), 0);
	ck_assert_int_eq(poll(&hung_up, 1, 60000), 1);
	g_mutex_lock(&memory.lock);
	memory.held = 0;
	g_cond_broadcast(&memory.changed);
	g_mutex_unlock(&memory.lock);
	wait_for_close(1);
	ck_assert_uint_eq(memory.reads, 2);
	close(fd);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("nbd_server");
	TCase *t = tcase_create("nbd_server");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_is_written_is_there);
	tcase_add_test(t, errors_keep_their_meaning);
	tcase_add_test(t, readers_cannot_write);
	tcase_add_test(t, one_writer_at_a_time);
	tcase_add_test(t, nonsense_ends_it);
	tcase_add_test(t, nothing_is_read_for_the_deaf);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
