/* Targets of an import: a file, and a socket with a small NBD server of our own behind it. */
#include "config.h"

#include <check.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/base/nbd.h"
#include "storage/copy.h"
#include "storage/sparse.h"
#include "storage/target.h"

#define MIB ((int64_t)1 << 20)
#define DISK (8 * MIB)

static struct error err;

/* --- the server -------------------------------------------------------------------------------------------------------- */

/* Answers the newest request first once it has as many as are allowed, or when no more comes. */
static struct server {
	int fd;
	pthread_t thread;
	uint8_t disk[DISK];
	struct nbd_request held[NBD_DEPTH + 1];
	unsigned held_count, most_held;
	unsigned count[7];        /* requests, by command */
	int64_t written;          /* bytes */
	bool straddled;           /* a write crossed a border of 1 MiB */
	bool durable;             /* nothing was written since the last flush */
	uint32_t error;           /* instead of the answer to ... */
	unsigned error_at;        /* ... this write, from 1 */
	unsigned die_at;          /* ends at this write */
	bool wrong;               /* answers nonsense */
} server;

static bool
receive(void *data, size_t length)
{
	return recv(server.fd, data, length, MSG_WAITALL) == (ssize_t)length;
}

static void
answer(const struct nbd_request *request)
{
	enum nbd_command command = be16toh(request->command);
	bool fails = command == NBD_WRITE && server.error_at != 0 && server.count[NBD_WRITE] >= server.error_at;
	struct nbd_reply reply = {.magic = htobe32(server.wrong ? 7 : NBD_REPLY_MAGIC), .error = htobe32(fails ? server.error : 0),
	    .cookie = request->cookie};

	/* One that has failed may be gone. */
	if (send(server.fd, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) && command == NBD_READ)
		ck_assert_int_eq(send(server.fd, server.disk + be64toh(request->offset), be32toh(request->length), MSG_NOSIGNAL),
		    be32toh(request->length));
}

static void
answer_held(void)
{
	while (server.held_count > 0)
		answer(&server.held[--server.held_count]);
}

static void
take_write(const struct nbd_request *request)
{
	int64_t offset = (int64_t)be64toh(request->offset), length = be32toh(request->length);

	ck_assert(length > 0 && offset >= 0 && offset + length <= DISK);
	ck_assert(receive(server.disk + offset, (size_t)length));
	server.written += length;
	server.durable = false;
	server.straddled |= offset / MIB != (offset + length - 1) / MIB;
}

static bool
more_comes(void)
{
	char byte;

	return recv(server.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void *
serve(void *arg)
{
	struct nbd_request request;

	while (receive(&request, sizeof(request)) && be32toh(request.magic) == NBD_REQUEST_MAGIC) {
		unsigned command = be16toh(request.command);
		ck_assert_uint_le(command, NBD_WRITE_ZEROES);
		server.count[command]++;
		if (command == NBD_DISCONNECT)
			break;
		if (command == NBD_WRITE)
			take_write(&request);
		if (command == NBD_FLUSH)
			server.durable = true;
		if (server.die_at != 0 && server.count[NBD_WRITE] >= server.die_at)
			break;
		server.held[server.held_count++] = request;
		server.most_held = MAX(server.most_held, server.held_count);
		ck_assert_uint_le(server.held_count, NBD_DEPTH);
		if (server.held_count == NBD_DEPTH || !more_comes())
			answer_held();
	}
	shutdown(server.fd, SHUT_RDWR);
	return arg;
}

static int socket_fd;

static struct target *
start_server(void)
{
	int sockets[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	server.fd = sockets[0];
	socket_fd = sockets[1];
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
	struct target *target = target_new(socket_fd, &err);
	ck_assert_msg(target != NULL, "%s", err.text);
	return target;
}

static void
end_server(struct target *target)
{
	target_free(target);
	close(socket_fd);
	pthread_join(server.thread, NULL);
	close(server.fd);
}

/* --- sockets ------------------------------------------------------------------------------------------------------------ */

static uint8_t *
random_bytes(size_t length)
{
	GRand *random = g_rand_new_with_seed(5);
	uint8_t *data = g_malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)g_rand_int(random);
	g_rand_free(random);
	return data;
}

START_TEST(writes_and_reads)
{
	struct target *target = start_server();
	g_autofree uint8_t *data = random_bytes(3 * MIB), *again = g_malloc(3 * MIB);

	/* In pieces that do not fit anything, then a few that are far from each other. */
	for (size_t at = 0; at < 3 * MIB; at += 10000)
		ck_assert_int_eq(target_write(target, data + at, MIN(10000, 3 * MIB - at), 12345 + (int64_t)at, &err), 0);
	ck_assert_int_eq(target_write(target, data, 1, DISK - 1, &err), 0);
	ck_assert_int_eq(target_read(target, again, 3 * MIB, 12345, &err), 0);
	ck_assert_int_eq(memcmp(data, again, 3 * MIB), 0);
	ck_assert_int_eq(target_flush(target, &err), 0);
	ck_assert(server.durable);
	ck_assert_int_eq(server.written, 3 * MIB + 1);
	ck_assert_uint_eq(server.count[NBD_WRITE], 5);
	ck_assert(!server.straddled);
	ck_assert_int_eq(memcmp(server.disk + 12345, data, 3 * MIB), 0);
	end_server(target);
	ck_assert_uint_eq(server.count[NBD_DISCONNECT], 1);
}
END_TEST

START_TEST(several_are_under_way)
{
	struct target *target = start_server();
	uint8_t byte = 1;

	for (int64_t at = 0; at < 2000; at++)
		ck_assert_int_eq(target_write(target, &byte, 1, at * 4096, &err), 0);
	ck_assert_int_eq(target_flush(target, &err), 0);
	ck_assert_uint_eq(server.count[NBD_WRITE], 2000);
	ck_assert_uint_gt(server.most_held, 1);
	end_server(target);
}
END_TEST

START_TEST(zeros_are_never_sent)
{
	struct target *target = start_server();
	struct sparse sparse = {.target = target, .limit = DISK};
	g_autofree uint8_t *data = g_malloc0(DISK);

	memset(data + MIB, 7, 100000);
	ck_assert_int_eq(sparse_write(&sparse, data, DISK, &err), 0);
	ck_assert_int_eq(sparse_finish(&sparse, DISK, &err), 0);
	ck_assert_int_le(server.written, 131072);
	ck_assert_uint_eq(server.count[NBD_WRITE_ZEROES] + server.count[NBD_TRIM], 0);
	ck_assert_int_eq(memcmp(server.disk, data, DISK), 0);
	ck_assert(server.durable);
	end_server(target);
}
END_TEST

/* What the server says of a write is told by a later call, and by all that follow. */
START_TEST(errors_are_told)
{
	static const struct { uint32_t error; int code; const char *text; } rows[] = {
		{28, ENOSPC, "the volume failed to write 1048576 bytes at 1048576: the storage is full"},
		{5, EIO, "the storage has an error"},
		{1, EACCES, "it may not be written to"},
		{108, ESHUTDOWN, "shutting down"},
		{77, EIO, "NBD error 77"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		memset(&server, 0, sizeof(server));
		server.error = rows[i].error;
		server.error_at = 2;
		struct target *target = start_server();
		g_autofree uint8_t *data = random_bytes(2 * MIB);
		target_write(target, data, 2 * MIB, 0, NULL);
		ck_assert_int_eq(target_flush(target, &err), -1);
		ck_assert_int_eq(err.code, rows[i].code);
		ck_assert_msg(i == 0 ? strstr(err.text, rows[i].text) != NULL || strstr(err.text, "at 0: the storage is full") != NULL
		                     : strstr(err.text, rows[i].text) != NULL, "%s", err.text);
		ck_assert_int_eq(target_write(target, data, 1, 0, &err), -1);
		ck_assert_int_eq(err.code, rows[i].code);
		end_server(target);
	}
}
END_TEST

START_TEST(a_server_that_dies)
{
	server.die_at = 3;
	struct target *target = start_server();
	g_autofree uint8_t *data = random_bytes(DISK);

	int rc = target_write(target, data, DISK, 0, &err);
	if (rc == 0)
		rc = target_flush(target, &err);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(err.code, EIO);
	ck_assert_ptr_nonnull(strstr(err.text, "the process that serves the volume ended"));
	end_server(target);
}
END_TEST

START_TEST(a_server_that_talks_nonsense)
{
	server.wrong = true;
	struct target *target = start_server();

	ck_assert_int_eq(target_flush(target, &err), -1);
	ck_assert_int_eq(err.code, EPROTO);
	end_server(target);
}
END_TEST

/* --- files -------------------------------------------------------------------------------------------------------------- */

START_TEST(files)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("solovirt-test-target-XXXXXX", &path, NULL);
	struct target *target = target_new(fd, &err);
	struct sparse sparse = {.target = target, .limit = DISK};
	g_autofree uint8_t *data = random_bytes(100000), *again = g_malloc(100000);
	struct stat st;

	sparse.offset = 5 * MIB;
	ck_assert_int_eq(sparse_write(&sparse, data, 100000, &err), 0);
	sparse.offset = 0;
	ck_assert_int_eq(sparse_write(&sparse, data, 100000, &err), 0);
	ck_assert_int_eq(sparse_finish(&sparse, DISK, &err), 0);
	ck_assert(fstat(fd, &st) == 0 && st.st_size == DISK && st.st_blocks * 512 < MIB);
	ck_assert_int_eq(target_read(target, again, 100000, 5 * MIB, &err), 0);
	ck_assert_int_eq(memcmp(data, again, 100000), 0);
	ck_assert_int_eq(target_read(target, again, 100000, DISK - 1, &err), -1);
	sparse.offset = DISK;
	ck_assert_int_eq(sparse_write(&sparse, data, 1, &err), -1);
	ck_assert_int_eq(err.code, EINVAL);
	target_free(target);
	close(fd);
	g_remove(path);
}
END_TEST

START_TEST(something_else)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_ptr_null(target_new(fd, &err));
	ck_assert_int_eq(err.code, EINVAL);
	close(fd);
}
END_TEST

/* --- copies --------------------------------------------------------------------------------------------------------------- */

static void
on_copy(void *arg, int64_t done, int64_t total)
{
	ck_assert_int_le(done, total);
	*(int64_t *)arg = done;
}

/* A file that is copied to: what it holds afterwards is what the source has, over noise when it is dense. */
static void
copies_to(bool dense, const struct copy_source *source, const uint8_t *data, int64_t size)
{
	g_autofree char *path = NULL;
	g_autofree uint8_t *noise = random_bytes((size_t)size);
	g_autofree uint8_t *again = g_malloc((size_t)size);
	int fd = g_file_open_tmp("solovirt-test-copy-XXXXXX", &path, NULL);
	struct target *target = target_new(fd, &err);
	struct sparse sparse = {.target = target, .limit = DISK, .dense = dense};
	struct stat st;
	int64_t told = 0;

	if (dense)
		ck_assert_int_eq(pwrite(fd, noise, (size_t)size, 0), size);
	ck_assert_msg(copy_run(source, &sparse, on_copy, &told, &err) == 0, "%s", err.text);
	ck_assert_int_eq(sparse.offset, size);
	ck_assert_int_eq(sparse_finish(&sparse, size, &err), 0);
	ck_assert_int_gt(told, 0);
	ck_assert_int_eq(target_read(target, again, (size_t)size, 0, &err), 0);
	ck_assert_int_eq(memcmp(again, data, (size_t)size), 0);
	ck_assert(fstat(fd, &st) == 0 && (dense || st.st_blocks * 512 < size));
	target_free(target);
	close(fd);
	g_remove(path);
}

static void
copies(const struct copy_source *source, const uint8_t *data, int64_t size)
{
	copies_to(false, source, data, size);
	copies_to(true, source, data, size);
}

/* 8 MiB, most of it zeros; it begins like a qcow2 image, as a guest may write it. */
static uint8_t *
a_disk(void)
{
	uint8_t *data = g_malloc0(DISK);
	g_autofree uint8_t *some = random_bytes(MIB);

	memcpy(data, "QFI\xfb", 4);
	memcpy(data + 3 * MIB + 777, some, MIB);
	memcpy(data + DISK - 5, some, 5);
	return data;
}

START_TEST(copies_a_file)
{
	g_autofree uint8_t *data = a_disk();
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("solovirt-test-source-XXXXXX", &path, NULL);
	const struct copy_source source = {.fd = fd, .under = -1};

	ck_assert_int_eq(pwrite(fd, data, 4 * MIB + MIB / 2, 0), 4 * MIB + MIB / 2);
	ck_assert_int_eq(pwrite(fd, data + DISK - 5, 5, DISK - 5), 5);
	copies(&source, data, DISK);
	close(fd);
	g_remove(path);
}
END_TEST

START_TEST(copies_a_socket)
{
	g_autofree uint8_t *data = a_disk();
	struct target *other = start_server();
	const struct copy_source source = {.fd = socket_fd, .under = -1, .size = DISK};

	memcpy(server.disk, data, DISK);
	copies(&source, data, DISK);
	ck_assert_uint_gt(server.most_held, 1);
	end_server(other);
}
END_TEST

START_TEST(copies_from_one_that_dies)
{
	struct target *other = start_server();
	const struct copy_source source = {.fd = socket_fd, .under = -1, .size = DISK};
	struct target *target = target_new(socket_fd, &err);
	struct sparse sparse = {.target = target, .limit = DISK};
	int64_t told;

	shutdown(server.fd, SHUT_RDWR);
	ck_assert_int_eq(copy_run(&source, &sparse, on_copy, &told, &err), -1);
	ck_assert_int_eq(err.code, EIO);
	target_free(target);
	end_server(other);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("target");
	TCase *t = tcase_create("target");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, writes_and_reads);
	tcase_add_test(t, several_are_under_way);
	tcase_add_test(t, zeros_are_never_sent);
	tcase_add_test(t, errors_are_told);
	tcase_add_test(t, a_server_that_dies);
	tcase_add_test(t, a_server_that_talks_nonsense);
	tcase_add_test(t, files);
	tcase_add_test(t, something_else);
	tcase_add_test(t, copies_a_file);
	tcase_add_test(t, copies_a_socket);
	tcase_add_test(t, copies_from_one_that_dies);
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
