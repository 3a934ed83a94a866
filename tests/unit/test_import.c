/* The import worker, run as a program against a small HTTP server that misbehaves by path. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/error.h"
#include "src/base/nbd.h"
#include "storage/import.h"

#define MIB ((int64_t)1 << 20)
#define DISK_SIZE (8 * MIB + 512)

static char *folder;   /* images, made once */
static unsigned port;  /* of the server */

/* --- the server ----------------------------------------------------------------------------------------------------- */

struct asked {
	int fd;
	const char *request; /* the whole head */
	const char *name;    /* file behind the behaviour's prefix */
	char *body;
	gsize length, from;  /* the file; where Range begins */
	gsize to;            /* ... and ends, exclusive */
	bool ranged;
	unsigned times;      /* how often this behaviour was asked before */
};

static void
say(int fd, const char *data, gsize length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		data += n;
		length -= (gsize)n;
	}
}

static void say_line(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
say_line(int fd, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	say(fd, text, strlen(text));
}

/* A whole or partial answer of which only "most" bytes are sent. */
static void
say_file(const struct asked *asked, bool ranges, const char *etag, gsize most)
{
	gsize from = ranges && asked->ranged ? asked->from : 0;

	say_line(asked->fd, from > 0 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n");
	if (from > 0)
		say_line(asked->fd, "Content-Range: bytes %zu-%zu/%zu\r\n", from, asked->length - 1, asked->length);
	say_line(asked->fd, "ETag: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", etag, asked->length - from);
	say(asked->fd, asked->body + from, MIN(most, asked->length - from));
}

static void
serve_plain(const struct asked *asked)
{
	say_file(asked, true, "\"a\"", G_MAXSIZE);
}

/* A part, as it was asked for, of which only "most" bytes are sent. */
static void
say_part(const struct asked *asked, const char *etag, gsize most)
{
	gsize to = MIN(asked->to, asked->length), length = to - MIN(asked->from, to);

	if (!asked->ranged || length == 0) {
		say_file(asked, false, etag, most);
		return;
	}
	say_line(asked->fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\nETag: %s\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n", asked->from, to - 1, asked->length, etag, length);
	say(asked->fd, asked->body + asked->from, MIN(most, length));
}

static void
serve_ranges(const struct asked *asked)
{
	say_part(asked, "\"a\"", G_MAXSIZE);
}

/* Each answer ends early, but the last ones. */
static void
serve_broken_ranges(const struct asked *asked)
{
	say_part(asked, "\"a\"", asked->times % 2 == 1 ? 100000 : G_MAXSIZE);
}

/* The file is replaced, and If-Range is not heeded. */
static void
serve_changing_ranges(const struct asked *asked)
{
	say_part(asked, asked->times < 3 ? "\"a\"" : "\"b\"", G_MAXSIZE);
}

/* Parts at first, then all of it, whatever is asked for. */
static void
serve_whole(const struct asked *asked)
{
	if (asked->times < 2)
		serve_ranges(asked);
	else
		say_file(asked, false, "\"a\"", G_MAXSIZE);
}

/* It has become shorter than what is asked for. */
static void
serve_shorter(const struct asked *asked)
{
	if (asked->times < 2)
		serve_ranges(asked);
	else
		say_line(asked->fd, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */1000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/* What was asked for, of which the length says that it is more. */
static void
serve_boasting_ranges(const struct asked *asked)
{
	gsize to = MIN(asked->to, asked->length);

	say_line(asked->fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\nETag: \"a\"\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n", asked->from, to - 1, asked->length, to - asked->from + 1000);
	say(asked->fd, asked->body + asked->from, to - asked->from);
}

/* Too many at a time, now and then. */
static void
serve_busy_ranges(const struct asked *asked)
{
	if (asked->times % 3 == 2)
		say_line(asked->fd, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	else
		serve_ranges(asked);
}

/* All that follows instead of what was asked for. */
static void
serve_long_ranges(const struct asked *asked)
{
	struct asked all = *asked;

	all.to = asked->length;
	serve_ranges(&all);
}

static void
serve_nameless_ranges(const struct asked *asked)
{
	say_part(asked, "W/\"weak\"", G_MAXSIZE);
}

/* --- S3: the signature is computed anew ("Signature Version 4", AWS's reference) */

#define S3_SECRET "wJalrXUtnFEMI"

static char *
header_of(const char *request, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(request, "\r\n", -1);
	size_t n = strlen(name);

	for (char **line = lines + 1; *line != NULL; line++)
		if (g_ascii_strncasecmp(*line, name, n) == 0 && (*line)[n] == ':')
			return g_strdup(g_strstrip(*line + n + 1));
	return g_strdup("");
}

static char *
canonical_request(const struct asked *asked, const char *path, const char *signed_headers)
{
	GString *text = g_string_new(NULL);
	g_auto(GStrv) names = g_strsplit(signed_headers, ";", -1);

	g_string_append_printf(text, "GET\n%s\n\n", path);
	for (char **name = names; *name != NULL; name++) {
		g_autofree char *value = header_of(asked->request, *name);
		g_string_append_printf(text, "%s:%s\n", *name, value);
	}
	g_string_append_printf(text, "\n%s\nUNSIGNED-PAYLOAD", signed_headers);
	return g_string_free(text, FALSE);
}

static void
hmac(const uint8_t *key, gsize key_length, const char *data, uint8_t out[32])
{
	GHmac *digest = g_hmac_new(G_CHECKSUM_SHA256, key, key_length);
	gsize length = 32;

	g_hmac_update(digest, (const guchar *)data, -1);
	g_hmac_get_digest(digest, out, &length);
	g_hmac_unref(digest);
}

static bool
is_signed(const struct asked *asked, const char *path, const char *region)
{
	g_autofree char *authorization = header_of(asked->request, "Authorization"), *date = header_of(asked->request, "x-amz-date");
	g_autofree char *day = g_strndup(date, 8), *secret = g_strdup_printf("AWS4%s", S3_SECRET);
	g_autofree char *scope = g_strdup_printf("%s/%s/s3/aws4_request", day, region);
	g_autofree char *begin = g_strdup_printf("AWS4-HMAC-SHA256 Credential=AKIA/%s, SignedHeaders=", scope);
	const char *const steps[] = {day, region, "s3", "aws4_request"};
	uint8_t key[32];

	if (!g_str_has_prefix(authorization, begin))
		return false;
	char *names = authorization + strlen(begin), *signature = strstr(names, ", Signature=");
	if (signature == NULL)
		return false;
	*signature = '\0';
	signature += strlen(", Signature=");
	g_autofree char *canonical = canonical_request(asked, path, names);
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, canonical, -1);
	g_autofree char *text = g_strdup_printf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, sum);
	hmac((const uint8_t *)secret, strlen(secret), steps[0], key);
	for (size_t i = 1; i < G_N_ELEMENTS(steps); i++)
		hmac(key, 32, steps[i], key);
	g_autofree char *wanted = g_compute_hmac_for_string(G_CHECKSUM_SHA256, key, 32, text, -1);
	return strcmp(wanted, signature) == 0;
}

static void
serve_s3(const struct asked *asked)
{
	g_autofree char *path = g_strdup_printf("/s3/%s", asked->name);

	if (is_signed(asked, path, "us-east-1"))
		serve_ranges(asked);
	else
		say_line(asked->fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void
serve_html(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    asked->length);
	say(asked->fd, asked->body, asked->length);
}

static void
serve_endless_headers(const struct asked *asked)
{
	g_autofree char *value = g_strnfill(8000, 'x');

	say_line(asked->fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 1000; i++)
		say_line(asked->fd, "X-%d: %s\r\n", i, value);
}

static void
serve_breaking(const struct asked *asked)
{
	say_file(asked, true, "\"a\"", asked->times < 3 ? asked->length / 4 + 1 : G_MAXSIZE);
}

static void
serve_not_resuming(const struct asked *asked)
{
	say_file(asked, false, "\"a\"", asked->length / 2);
}

/* The file is replaced while it is fetched: If-Range no longer matches. */
static void
serve_changing(const struct asked *asked)
{
	bool same = asked->times == 0 || strstr(asked->request, "If-Range: \"b\"") != NULL;

	say_file(asked, same, asked->times == 0 ? "\"a\"" : "\"b\"", asked->length / 2);
}

static void
serve_without_length(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.0 200 OK\r\n\r\n");
	say(asked->fd, asked->body, asked->length);
}

static void
serve_stalling(const struct asked *asked)
{
	char byte;

	say_file(asked, true, "\"a\"", 1000);
	while (recv(asked->fd, &byte, 1, 0) > 0)
		;
}

/* A drop now and then, which is not nothing. */
static void
serve_dripping(const struct asked *asked)
{
	bool there = true;

	say_file(asked, true, "\"a\"", 1000);
	for (int i = 0; there && i < 300; i++) {
		there = send(asked->fd, "x", 1, MSG_NOSIGNAL) == 1;
		g_usleep(100000);
	}
}

/* The file in chunks, again and again, until nobody listens: a body without a length and without an end. */
static void
serve_endless(const struct asked *asked)
{
	g_autofree char *size = g_strdup_printf("%zx\r\n", asked->length);
	bool there = true;

	say_line(asked->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	while (there)
		there = send(asked->fd, size, strlen(size), MSG_NOSIGNAL) > 0 &&
		    send(asked->fd, asked->body, asked->length, MSG_NOSIGNAL) == (ssize_t)asked->length &&
		    send(asked->fd, "\r\n", 2, MSG_NOSIGNAL) == 2;
}

/* A part of something that would be a pebibyte. */
static void
serve_boasting(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 0-%zu/1125899906842624\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    asked->length - 1, asked->length);
	say(asked->fd, asked->body, asked->length);
}

/* Less of the body than its length says. */
static void
serve_lying(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", asked->length + 1000);
	say(asked->fd, asked->body, asked->length);
}

static void
serve_redirect(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 302 Found\r\nLocation: /plain/%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", asked->name);
}

static void
serve_escape(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void
serve_gopher(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 301 Moved\r\nLocation: gopher://127.0.0.1:%u/%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", port, asked->name);
}

static void
serve_loop(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 302 Found\r\nLocation: /loop/%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", asked->name);
}

static void
serve_status(const struct asked *asked)
{
	say_line(asked->fd, "HTTP/1.1 %s Whatever\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno!\n", asked->name);
}

/* user:secret and an extra header. */
static void
serve_private(const struct asked *asked)
{
	bool good = strstr(asked->request, "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n") != NULL &&
	    strstr(asked->request, "X-Extra: yes\r\n") != NULL;

	if (good)
		serve_plain(asked);
	else
		say_line(asked->fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static struct behaviour {
	const char *prefix;
	void (*serve)(const struct asked *asked);
	unsigned times;
} behaviours[] = {
	{"/plain/", serve_plain, 0},       {"/breaking/", serve_breaking, 0},
	{"/once/", serve_not_resuming, 0}, {"/changing/", serve_changing, 0},
	{"/nolength/", serve_without_length, 0}, {"/stalling/", serve_stalling, 0},
	{"/redirect/", serve_redirect, 0}, {"/escape/", serve_escape, 0},
	{"/loop/", serve_loop, 0},         {"/status/", serve_status, 0},
	{"/private/", serve_private, 0},   {"/ranges/", serve_ranges, 0},
	{"/broken/", serve_broken_ranges, 0}, {"/replaced/", serve_changing_ranges, 0},
	{"/busy/", serve_busy_ranges, 0},  {"/long/", serve_long_ranges, 0},
	{"/nameless/", serve_nameless_ranges, 0}, {"/html/", serve_html, 0},
	{"/headers/", serve_endless_headers, 0}, {"/s3/", serve_s3, 0},
	{"/dripping/", serve_dripping, 0}, {"/endless/", serve_endless, 0},
	{"/boasting/", serve_boasting, 0}, {"/lying/", serve_lying, 0},
	{"/gopher/", serve_gopher, 0},     {"/whole/", serve_whole, 0},
	{"/shorter/", serve_shorter, 0},   {"/more/", serve_boasting_ranges, 0},
};

static void
serve_request(int fd, char *request)
{
	g_auto(GStrv) words = g_strsplit_set(request, " ?\r", 3);
	struct asked asked = {.fd = fd, .request = request};
	const char *range = strstr(request, "Range: bytes=");

	if (range != NULL) {
		asked.ranged = true;
		char *end;
		asked.from = (gsize)strtoull(range + strlen("Range: bytes="), &end, 10);
		asked.to = g_ascii_isdigit(end[1]) ? (gsize)strtoull(end + 1, NULL, 10) + 1 : G_MAXSIZE;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(behaviours); i++) {
		if (!g_str_has_prefix(words[1], behaviours[i].prefix))
			continue;
		asked.name = words[1] + strlen(behaviours[i].prefix);
		asked.times = behaviours[i].times++;
		g_autofree char *path = g_build_filename(folder, asked.name, NULL);
		g_file_get_contents(path, &asked.body, &asked.length, NULL);
		behaviours[i].serve(&asked);
		g_free(asked.body);
	}
}

static void *
serve(void *arg)
{
	int listener = GPOINTER_TO_INT(arg);

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char head[8192];
		size_t n = 0;
		while (n < sizeof(head) - 1) {
			ssize_t got = recv(fd, head + n, sizeof(head) - 1 - n, 0);
			if (got <= 0)
				break;
			head[n += (size_t)got] = '\0';
			if (strstr(head, "\r\n\r\n") != NULL) {
				serve_request(fd, head);
				break;
			}
		}
		shutdown(fd, SHUT_RDWR);
		close(fd);
	}
	return NULL;
}

/* In each test's own process: threads do not survive fork(). */
static void
start_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	port = ntohs(address.sin_port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, GINT_TO_POINTER(listener)), 0);
	pthread_detach(thread);
}

/* --- images ----------------------------------------------------------------------------------------------------------- */

static void
run_in_folder(const char *command)
{
	g_autofree char *whole = g_strdup_printf("cd '%s' && %s", folder, command);

	if (system(whole) != 0)
		g_error("failed: %s", whole);
}

/* Data that does not compress at both ends and in the middle, text, zeros between. */
static void
make_disk(void)
{
	g_autofree char *disk = g_malloc0(DISK_SIZE);
	g_autofree char *path = g_build_filename(folder, "disk.raw", NULL);
	GRand *random = g_rand_new_with_seed(7);
	static const struct { gsize at, length; } data[] = {{0, 100000}, {3 * MIB + 5, 300000}, {DISK_SIZE - 700, 700}};

	for (size_t i = 0; i < G_N_ELEMENTS(data); i++)
		for (gsize k = 0; k < data[i].length; k++)
			disk[data[i].at + k] = (char)g_rand_int(random);
	for (gsize at = 5 * MIB; at < 6 * MIB; at++)
		disk[at] = "solovirt"[at % 8];
	g_rand_free(random);
	ck_assert(g_file_set_contents(path, disk, DISK_SIZE, NULL));
}

static void
patch(const char *from, const char *to, gsize at, const char *bytes, gsize length)
{
	g_autofree char *source = g_build_filename(folder, from, NULL), *target = g_build_filename(folder, to, NULL), *data = NULL;
	gsize size;

	ck_assert(g_file_get_contents(source, &data, &size, NULL));
	memcpy(data + at, bytes, length);
	ck_assert(g_file_set_contents(target, data, (gssize)size, NULL));
}

static const char *const commands[] = {
	"mkdir scratch && chmod 700 scratch",
	"gzip -k disk.raw && xz -k -0 disk.raw && zstd -q -k disk.raw",
	"cat disk.raw.gz /dev/null > two.gz && head -c 600 disk.raw | gzip >> two.gz && head -c 1024 /dev/zero >> two.gz",
	"qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2",
	"gzip -k disk.qcow2 && xz -k -0 disk.qcow2 && zstd -q -k disk.qcow2",
	"qemu-img convert -f raw -O qcow2 -o compat=0.10 disk.raw v2.qcow2",
	"qemu-img convert -f raw -O qcow2 -o cluster_size=512 disk.raw small.qcow2",
	"qemu-img convert -f raw -O qcow2 -o cluster_size=2M disk.raw large.qcow2",
	"qemu-img convert -f raw -O qcow2 -c disk.raw deflate.qcow2",
	"qemu-img convert -f raw -O qcow2 -c -o cluster_size=512 disk.raw deflate-small.qcow2",
	"qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd disk.raw zstd.qcow2",
	"qemu-img convert -f raw -O qcow2 -o extended_l2=on disk.raw extended.qcow2",
	"qemu-img convert -f raw -O qcow2 -c -o extended_l2=on disk.raw extended-deflate.qcow2",
	"qemu-img convert -f raw -O qcow2 -o preallocation=falloc disk.raw full.qcow2",
	"cp disk.qcow2 snapshot.qcow2 && qemu-img snapshot -c one snapshot.qcow2 && "
	"qemu-io -f qcow2 -c 'write -P 0 3M 1M' snapshot.qcow2 >/dev/null && qemu-img snapshot -a one snapshot.qcow2",
	"qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw backing.qcow2 1M",
	"qemu-img create -q -f qcow2 -o data_file=outside.raw,data_file_raw=on datafile.qcow2 1M",
	"qemu-img create -q -f qcow2 huge.qcow2 1P",
	"qemu-img convert -f raw -O vmdk disk.raw disk.vmdk && gzip -k disk.vmdk",
	"qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw stream.vmdk",
	"qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat disk.raw flat.vmdk",
	"qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse disk.raw split.vmdk",
	"qemu-img convert -f raw -O vdi disk.raw disk.vdi && qemu-img convert -f raw -O vdi -o static=on disk.raw static.vdi",
	"qemu-img convert -f raw -O vpc -o force_size=on disk.raw disk.vhd && xz -k -0 disk.vhd",
	"qemu-img convert -f raw -O vpc -o force_size=on,subformat=fixed disk.raw fixed.vhd",
	"qemu-img convert -f raw -O vhdx disk.raw disk.vhdx && zstd -q -k disk.vhdx",
	"qemu-img convert -f raw -O vhdx -o block_state_zero=off,block_size=2M disk.raw two.vhdx",
	"qemu-img convert -f raw -O vhdx -o subformat=fixed disk.raw fixed.vhdx",
	"for k in vmdk vdi vhd vhdx; do head -c 700000 disk.$k > half.$k; done; head -c 300000 stream.vmdk > half-stream.vmdk",
	"head -c 1000000 disk.qcow2 > half.qcow2",
	"for k in gz xz zst; do head -c 200000 disk.raw.$k > half.raw.$k; done",
	"head -c 64M /dev/zero | gzip > bomb.gz",
	"for i in $(seq 200); do gzip </dev/null; done > few.gz && cat few.gz few.gz few.gz few.gz few.gz > nothing.gz",
	": > empty && echo '<!DOCTYPE html><p>Log in' > page.html && head -c 1500 disk.raw > short.raw",
	"cp disk.raw disk.img && echo note > notes && tar -cf disk.tar disk.img notes && rm disk.img && gzip -k disk.tar && xz -k -0 disk.tar && "
	"zstd -q -k disk.tar && ln -s notes disk.img && tar -cf link.tar disk.img && rm disk.img && tar -cf none.tar notes && head -c 900000 disk.tar > half.tar && "
	"cp disk.qcow2 disk.img && tar -cf qcow2.tar disk.img && rm disk.img",
	"sha256sum disk.raw.gz | cut -d' ' -f1 | tr -d '\\n' > sum && sha512sum disk.raw | cut -d' ' -f1 | tr -d '\\n' > sum512",
	"for k in q:disk.qcow2 d:deflate.qcow2 v:stream.vmdk; do md5sum ${k#*:} | cut -d' ' -f1 | tr -d '\\n' > sum${k%:*}; done",
};

static void
make_images(void)
{
	g_autoptr(GError) error = NULL;

	folder = g_dir_make_tmp("solovirt-test-import-XXXXXX", &error);
	if (folder == NULL)
		g_error("%s", error->message);
	make_disk();
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		run_in_folder(commands[i]);
	patch("disk.qcow2", "wild.qcow2", 40, "\x10\0\0\0\0\0\0\0", 8);
	patch("disk.raw.gz", "damaged.gz", 100000, "damage", 6);
	patch("disk.qcow2", "v1.qcow2", 4, "\0\0\0\1", 4);
}

static void
remove_images(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);

	ck_assert_int_eq(system(command), 0);
}

/* --- running an import --------------------------------------------------------------------------------------------------- */

struct import {
	pid_t pid;
	int socket, target;
	json_t *answer;    /* the frame with result or error */
	GString *phases;   /* of progress events, each once */
	int64_t most_done; /* largest progress seen */
};

static const char *
program(void)
{
	const char *folder_of_programs = getenv("SOLOVIRT_LIBEXEC");

	return g_strdup_printf("%s/solovirt-import", folder_of_programs != NULL ? folder_of_programs : ".");
}

static void
exec_program(int socket)
{
	const char *path = program();

	if (socket == 3 || dup2(socket, 3) == 3)
		execl(path, path, NULL);
	_exit(127);
}

static int instead_of_target = -1;

/* Bytes of the disk that the target holds from an earlier time. */
static gsize written_before;

/* What the target holds where nothing was written to it: 0, or noise that is no hole. */
static char unwritten;

static void
write_noise(int target, int64_t capacity)
{
	g_autofree char *noise = g_malloc((gsize)capacity);

	memset(noise, unwritten, (gsize)capacity);
	ck_assert_int_eq(pwrite(target, noise, (gsize)capacity, 0), capacity);
}

static void
write_before(int target)
{
	g_autofree char *path = g_build_filename(folder, "disk.raw", NULL), *disk = NULL;

	if (written_before > 0) {
		ck_assert(g_file_get_contents(path, &disk, NULL, NULL));
		ck_assert_int_eq(pwrite(target, disk, written_before, 0), (ssize_t)written_before);
	}
}

static const char *verb = "import"; /* that is asked for */
static const char *uploaded; /* file that the next import is fed with by its stream, or NULL */

static void
give_stream(int socket)
{
	g_autofree char *path = g_build_filename(folder, uploaded, NULL);
	json_t *call = json_pack("{s:i, s:s, s:{}}", "id", 6, "verb", "stream", "args"), *message = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error err = {0};

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(channel_write(socket, call, fd, &err), 0);
	ck_assert_int_eq(channel_read(socket, &message, NULL, &err), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(message, "id")), 6);
	ck_assert_ptr_nonnull(json_object_get(message, "result"));
	json_decref(message);
	json_decref(call);
	close(fd);
}

/* args is stolen; url and the rest are filled in when they are not there. */
static void
start_import(struct import *import, const char *path, int64_t capacity, json_t *args)
{
	g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u%s", port, path);
	g_autofree char *scratch = g_build_filename(folder, "scratch", NULL);
	g_autofree char *target = g_build_filename(folder, "target", NULL);
	struct error err = {0};
	int sockets[2];

	json_t *defaults = json_pack("{s:s, s:I, s:s, s:i, s:i}", "url", url, "capacity", (json_int_t)capacity, "scratch", scratch,
	    "stallSeconds", 30, "attempts", 4);
	json_object_update_missing(args, defaults);
	json_decref(defaults);
	if (json_object_get(args, "source") != NULL && strcmp(json_string_value(json_object_get(args, "source")), "upload") == 0)
		json_object_del(args, "url");
	*import = (struct import){.phases = g_string_new(NULL)};
	import->target = open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(ftruncate(import->target, capacity), 0);
	if (unwritten != 0)
		write_noise(import->target, capacity);
	write_before(import->target);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	import->pid = fork();
	if (import->pid == 0)
		exec_program(sockets[1]);
	close(sockets[1]);
	import->socket = sockets[0];
	if (uploaded != NULL)
		give_stream(import->socket);
	json_t *call = json_pack("{s:i, s:s, s:o}", "id", 7, "verb", verb, "args", args);
	ck_assert_int_eq(channel_write(import->socket, call, instead_of_target >= 0 ? instead_of_target : import->target, &err), 0);
	json_decref(call);
}

static void
note_progress(struct import *import, json_t *message)
{
	json_t *args = json_object_get(message, "args");
	const char *phase = json_string_value(json_object_get(args, "phase"));

	ck_assert_str_eq(json_string_value(json_object_get(message, "event")), "progress");
	if (strstr(import->phases->str, phase) == NULL)
		g_string_append_printf(import->phases, "%s ", phase);
	import->most_done = MAX(import->most_done, json_integer_value(json_object_get(args, "done")));
}

static void
finish_import(struct import *import)
{
	struct error err = {0};
	int status;

	while (import->answer == NULL) {
		json_t *message = NULL;
		ck_assert_msg(channel_read(import->socket, &message, NULL, &err) == 1, "the worker died: %s", err.text);
		if (json_object_get(message, "event") == NULL) {
			import->answer = message;
		} else {
			note_progress(import, message);
			json_decref(message);
		}
	}
	ck_assert_int_eq(json_integer_value(json_object_get(import->answer, "id")), 7);
	waitpid(import->pid, &status, 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with status 0x%x", (unsigned)status);
}

static void
clear_import(struct import *import)
{
	json_decref(import->answer);
	g_string_free(import->phases, TRUE);
	close(import->socket);
	close(import->target);
}

static void
expect_error(const struct import *import, int code, const char *text)
{
	const json_t *error = json_object_get(import->answer, "error");
	const char *found = json_string_value(json_object_get(error, "text"));

	ck_assert_msg(error != NULL, "the import succeeded");
	ck_assert_msg(strstr(found, text) != NULL, "\"%s\" is not in \"%s\"", text, found);
	ck_assert_msg(json_integer_value(json_object_get(error, "code")) == code, "%s has code %d", found,
	    (int)json_integer_value(json_object_get(error, "code")));
}

/* The target holds the disk, then what it had, and has holes where the disk has zeros, if it had. */
static void
expect_disk(const struct import *import)
{
	g_autofree char *path = g_build_filename(folder, "disk.raw", NULL), *target = g_build_filename(folder, "target", NULL);
	g_autofree char *wanted = NULL, *found = NULL;
	gsize wanted_size, found_size;
	struct stat st;
	const json_t *result = json_object_get(import->answer, "result");

	ck_assert_msg(result != NULL, "%s", json_string_value(json_object_get(json_object_get(import->answer, "error"), "text")));
	ck_assert_int_eq(json_integer_value(json_object_get(result, "virtualSize")), DISK_SIZE);
	ck_assert(g_file_get_contents(path, &wanted, &wanted_size, NULL) && g_file_get_contents(target, &found, &found_size, NULL));
	ck_assert_uint_ge(found_size, wanted_size);
	ck_assert_int_eq(memcmp(wanted, found, wanted_size), 0);
	gsize rest = wanted_size;
	while (rest < found_size && found[rest] == unwritten)
		rest++;
	ck_assert_uint_eq(rest, found_size);
	ck_assert_int_eq(fstat(import->target, &st), 0);
	if (unwritten == 0)
		ck_assert_int_lt(st.st_blocks * 512, 2 * MIB + (int64_t)written_before);
}

/* --- what works ----------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *path, *format, *compression;
} good[] = {
	{"/plain/disk.raw", "raw", ""},
	{"/plain/disk.raw.gz", "raw", "gz"},
	{"/plain/disk.raw.xz", "raw", "xz"},
	{"/plain/disk.raw.zst", "raw", "zst"},
	{"/plain/disk.qcow2", "qcow2", ""},
	{"/plain/disk.qcow2.gz", "qcow2", "gz"},
	{"/plain/disk.qcow2.xz", "qcow2", "xz"},
	{"/plain/disk.qcow2.zst", "qcow2", "zst"},
	{"/plain/v2.qcow2", "qcow2", ""},
	{"/plain/small.qcow2", "qcow2", ""},
	{"/plain/large.qcow2", "qcow2", ""},
	{"/plain/deflate.qcow2", "qcow2", ""},
	{"/plain/deflate-small.qcow2", "qcow2", ""},
	{"/plain/zstd.qcow2", "qcow2", ""},
	{"/plain/extended.qcow2", "qcow2", ""},
	{"/plain/extended-deflate.qcow2", "qcow2", ""},
	{"/plain/snapshot.qcow2", "qcow2", ""},
	{"/redirect/disk.qcow2", "qcow2", ""},
	{"/nolength/disk.raw.gz", "raw", "gz"},
	{"/breaking/disk.raw", "raw", ""},
	{"/breaking/disk.raw.gz", "raw", "gz"},
	{"/breaking/disk.qcow2", "qcow2", ""},
	{"/plain/disk.vmdk", "vmdk", ""},
	{"/plain/disk.vmdk.gz", "vmdk", "gz"},
	{"/plain/stream.vmdk", "vmdk", ""},
	{"/plain/disk.vdi", "vdi", ""},
	{"/plain/static.vdi", "vdi", ""},
	{"/plain/disk.vhd", "vhd", ""},
	{"/plain/disk.vhd.xz", "vhd", "xz"},
	{"/plain/fixed.vhd", "vhd", ""},
	{"/plain/disk.vhdx", "vhdx", ""},
	{"/plain/disk.vhdx.zst", "vhdx", "zst"},
	{"/plain/two.vhdx", "vhdx", ""},
	{"/plain/fixed.vhdx", "vhdx", ""},
	{"/ranges/disk.raw", "raw", ""},
	{"/ranges/disk.raw.gz", "raw", "gz"},
	{"/ranges/disk.qcow2", "qcow2", ""},
	{"/ranges/disk.qcow2.gz", "qcow2", "gz"},
	{"/ranges/v2.qcow2", "qcow2", ""},
	{"/ranges/large.qcow2", "qcow2", ""},
	{"/ranges/deflate.qcow2", "qcow2", ""},
	{"/ranges/deflate-small.qcow2", "qcow2", ""},
	{"/ranges/zstd.qcow2", "qcow2", ""},
	{"/ranges/extended.qcow2", "qcow2", ""},
	{"/ranges/extended-deflate.qcow2", "qcow2", ""},
	{"/ranges/snapshot.qcow2", "qcow2", ""},
	{"/ranges/disk.vmdk", "vmdk", ""},
	{"/ranges/stream.vmdk", "vmdk", ""},
	{"/ranges/disk.vdi", "vdi", ""},
	{"/ranges/disk.vhd", "vhd", ""},
	{"/ranges/fixed.vhd", "vhd", ""},
	{"/ranges/disk.vhdx", "vhdx", ""},
	{"/broken/disk.raw", "raw", ""},
	{"/broken/disk.qcow2", "qcow2", ""},
	{"/broken/stream.vmdk", "vmdk", ""},
	{"/busy/disk.raw", "raw", ""},
	{"/busy/disk.vdi", "vdi", ""},
	{"/long/disk.raw", "raw", ""},
	{"/long/disk.qcow2", "qcow2", ""},
	{"/nameless/disk.raw", "raw", ""},
	{"/nameless/disk.qcow2", "qcow2", ""},
	{"/more/disk.raw", "raw", ""},
	{"/more/disk.qcow2", "qcow2", ""},
};

START_TEST(imports)
{
	struct import import;

	start_import(&import, good[_i].path, 9 * MIB, json_object());
	finish_import(&import);
	expect_disk(&import);
	const json_t *result = json_object_get(import.answer, "result");
	ck_assert_str_eq(json_string_value(json_object_get(result, "format")), good[_i].format);
	ck_assert_str_eq(json_string_value(json_object_get(result, "compression")), good[_i].compression);
	ck_assert_int_gt(json_integer_value(json_object_get(result, "bytes")), 0);
	clear_import(&import);
}
END_TEST

/* Whatever the order in which an image has its pieces, no noise is left between them. */
START_TEST(imports_into_noise)
{
	struct import import;

	unwritten = 'N';
	start_import(&import, good[_i].path, 9 * MIB, json_pack("{s:b}", "dense", 1));
	finish_import(&import);
	expect_disk(&import);
	clear_import(&import);
}
END_TEST

START_TEST(imports_into_exactly_enough)
{
	struct import import;

	start_import(&import, "/plain/disk.qcow2", DISK_SIZE, json_object());
	finish_import(&import);
	expect_disk(&import);
	clear_import(&import);
}
END_TEST

START_TEST(imports_a_preallocated_image)
{
	struct import import;

	start_import(&import, "/plain/full.qcow2", 16 * MIB, json_object());
	finish_import(&import);
	expect_disk(&import);
	clear_import(&import);
}
END_TEST

/* The disk is the file disk.img, whatever else is there, which is told. */
START_TEST(imports_from_archives)
{
	static const char *const paths[] = {"/plain/disk.tar", "/ranges/disk.tar", "/ranges/disk.tar.gz", "/plain/disk.tar.xz", "/plain/disk.tar.zst"};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		struct import import;
		start_import(&import, paths[i], 9 * MIB, json_pack("{s:b}", "archive", 1));
		finish_import(&import);
		expect_disk(&import);
		const json_t *result = json_object_get(import.answer, "result");
		ck_assert_int_eq(json_integer_value(json_object_get(result, "otherCount")), 1);
		ck_assert_str_eq(json_string_value(json_array_get(json_object_get(result, "others"), 0)), "notes");
		clear_import(&import);
	}
}
END_TEST

START_TEST(refuses_archives)
{
	static const struct { const char *path, *text; } rows[] = {
		{"/plain/link.tar", "disk.img in the archive is a link"}, {"/plain/none.tar", "no file disk.img"},
		{"/plain/half.tar", "no tar archive, or a damaged one"}, {"/plain/disk.raw", "no tar archive"}, {"/plain/empty", "no file disk.img"},
		{"/plain/bomb.gz", "no file disk.img"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct import import;
		start_import(&import, rows[i].path, 9 * MIB, json_pack("{s:b}", "archive", 1));
		finish_import(&import);
		expect_error(&import, EINVAL, rows[i].text);
		clear_import(&import);
	}
	struct import import;
	start_import(&import, "/plain/disk.tar", MIB, json_pack("{s:b}", "archive", 1));
	finish_import(&import);
	expect_error(&import, EINVAL, "larger");
	clear_import(&import);
}
END_TEST

/* A guest writes what it likes to the beginning of its disk: that is no header here. */
START_TEST(takes_a_disk_in_an_archive_as_it_is)
{
	struct import import;

	start_import(&import, "/plain/qcow2.tar", 9 * MIB, json_pack("{s:b}", "archive", 1));
	finish_import(&import);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(import.answer, "result"), "format")), "raw");
	clear_import(&import);
}
END_TEST

/* What was looked at is what is fetched. */
START_TEST(fetches_what_a_probe_has_seen)
{
	static const char *const paths[] = {"/ranges/disk.raw", "/plain/disk.raw.gz", "/ranges/disk.qcow2"};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		struct import import;
		start_import(&import, paths[i], 9 * MIB, json_pack("{s:s}", "validator", "\"a\""));
		finish_import(&import);
		expect_disk(&import);
		clear_import(&import);
		start_import(&import, paths[i], 9 * MIB, json_pack("{s:s}", "validator", "\"b\""));
		finish_import(&import);
		expect_error(&import, ESTALE, "was replaced");
		clear_import(&import);
	}
}
END_TEST

START_TEST(a_size_that_is_no_multiple_of_a_sector)
{
	struct import import;
	struct stat st;

	start_import(&import, "/plain/short.raw", MIB, json_object());
	finish_import(&import);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(import.answer, "result"), "virtualSize")), 1500);
	ck_assert(fstat(import.target, &st) == 0 && st.st_size == MIB);
	clear_import(&import);
}
END_TEST

/* gzip members behind each other, and zeros behind the last. */
START_TEST(several_members)
{
	struct import import;

	start_import(&import, "/plain/two.gz", 9 * MIB, json_object());
	finish_import(&import);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(import.answer, "result"), "virtualSize")), DISK_SIZE + 600);
	clear_import(&import);
}
END_TEST

static char *
read_sum(const char *algorithm, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL), *digits = NULL;

	ck_assert(g_file_get_contents(path, &digits, NULL, NULL));
	return g_strdup_printf("%s:%s", algorithm, digits);
}

START_TEST(right_checksums)
{
	static const struct { const char *path, *algorithm, *file; } rows[] = {
		{"/plain/disk.raw.gz", "sha256", "sum"}, {"/plain/disk.raw", "sha512", "sum512"}, {"/breaking/disk.raw.gz", "SHA256", "sum"},
		{"/ranges/disk.raw", "sha512", "sum512"}, {"/broken/disk.raw", "sha512", "sum512"}, {"/ranges/disk.qcow2", "md5", "sumq"},
		{"/broken/deflate.qcow2", "md5", "sumd"}, {"/ranges/stream.vmdk", "md5", "sumv"}, {"/plain/disk.qcow2", "md5", "sumq"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *checksum = read_sum(rows[i].algorithm, rows[i].file);
		struct import import;
		start_import(&import, rows[i].path, 9 * MIB, json_pack("{s:s}", "checksum", checksum));
		finish_import(&import);
		expect_disk(&import);
		clear_import(&import);
	}
}
END_TEST

START_TEST(credentials_and_headers)
{
	struct import import;

	start_import(&import, "/private/disk.raw.gz", 9 * MIB, json_pack("{s:s, s:s, s:[s]}", "user", "user", "password", "secret",
	    "headers", "X-Extra: yes"));
	finish_import(&import);
	expect_disk(&import);
	clear_import(&import);
}
END_TEST

START_TEST(s3_is_signed)
{
	static const char *const paths[] = {"/s3/disk.raw", "/s3/disk.qcow2"};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		struct import import;
		start_import(&import, paths[i], 9 * MIB, json_pack("{s:s, s:s, s:s}", "source", "s3", "user", "AKIA", "password", S3_SECRET));
		finish_import(&import);
		expect_disk(&import);
		clear_import(&import);
	}
}
END_TEST

START_TEST(s3_regions)
{
	static const struct { const char *url, *region; } rows[] = {
		{"https://s3.eu-central-1.amazonaws.com/bucket/object", "eu-central-1"}, {"https://s3-us-west-2.amazonaws.com/b/o", "us-west-2"},
		{"https://s3.amazonaws.com/b/o", "us-east-1"}, {"http://127.0.0.1:9000/b/o", "us-east-1"}, {"http://minio:9000/b/o", "us-east-1"},
		{"https://fra1.digitaloceanspaces.com/b/o", "fra1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *region = import_s3_region(rows[i].url);
		ck_assert_str_eq(region, rows[i].region);
	}
}
END_TEST

START_TEST(s3_without_or_with_a_wrong_secret)
{
	static const char *const args[] = {"{\"source\":\"s3\"}", "{\"source\":\"s3\",\"user\":\"AKIA\",\"password\":\"wrong\"}"};

	for (size_t i = 0; i < G_N_ELEMENTS(args); i++) {
		struct import import;
		start_import(&import, "/s3/disk.raw", 9 * MIB, json_loads(args[i], 0, NULL));
		finish_import(&import);
		expect_error(&import, EIO, "HTTP status 403");
		clear_import(&import);
	}
	struct import import;
	start_import(&import, "/ranges/disk.raw", 9 * MIB, json_loads(args[0], 0, NULL)); /* a public one */
	finish_import(&import);
	expect_disk(&import);
	clear_import(&import);
}
END_TEST

/* --- a volume behind a socket --------------------------------------------------------------------------------------------------- */

static struct volume {
	int socket, file;
	bool durable;
	unsigned writes, fail_at; /* writes until the storage is full, 0: never */
} volume;

static void
take_write(int64_t offset, size_t length)
{
	g_autofree char *data = g_malloc(length);

	ck_assert_int_eq(recv(volume.socket, data, length, MSG_WAITALL), (ssize_t)length);
	ck_assert_int_eq(pwrite(volume.file, data, length, offset), (ssize_t)length);
	volume.writes++;
	volume.durable = false;
}

static void *
serve_volume(void *arg)
{
	struct nbd_request request;

	while (recv(volume.socket, &request, sizeof(request), MSG_WAITALL) == sizeof(request) &&
	       be16toh(request.command) != NBD_DISCONNECT) {
		struct nbd_reply reply = {.magic = htobe32(NBD_REPLY_MAGIC), .cookie = request.cookie};
		unsigned command = be16toh(request.command);
		ck_assert(command == NBD_WRITE || command == NBD_FLUSH);
		if (command == NBD_WRITE)
			take_write((int64_t)be64toh(request.offset), be32toh(request.length));
		else
			volume.durable = true;
		if (volume.fail_at != 0 && volume.writes >= volume.fail_at)
			reply.error = htobe32(28);
		if (send(volume.socket, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			break;
	}
	return arg;
}

/* As start_import(), but what the worker gets of the target is a socket. */
static pthread_t
start_import_to_volume(struct import *import, const char *path, json_t *args)
{
	pthread_t thread;
	int sockets[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	instead_of_target = sockets[1];
	start_import(import, path, 9 * MIB, args);
	close(sockets[1]);
	instead_of_target = -1;
	volume.socket = sockets[0];
	volume.file = import->target;
	ck_assert_int_eq(pthread_create(&thread, NULL, serve_volume, NULL), 0);
	return thread;
}

START_TEST(into_a_socket)
{
	static const char *const paths[] = {"/ranges/disk.raw", "/plain/disk.raw.gz", "/ranges/deflate.qcow2", "/ranges/disk.vhdx"};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		struct import import;
		pthread_t thread = start_import_to_volume(&import, paths[i], json_object());
		finish_import(&import);
		pthread_join(thread, NULL);
		expect_disk(&import);
		ck_assert(volume.durable);
		clear_import(&import);
	}
}
END_TEST

START_TEST(into_a_socket_of_a_full_storage)
{
	struct import import;

	volume.fail_at = 1;
	pthread_t thread = start_import_to_volume(&import, "/ranges/disk.raw", json_object());
	finish_import(&import);
	pthread_join(thread, NULL);
	expect_error(&import, ENOSPC, "the storage is full");
	clear_import(&import);
}
END_TEST

/* --- resuming ---------------------------------------------------------------------------------------------------------------- */

static json_t *
resume_args(gsize offset, const char *validator)
{
	return json_pack("{s:{s:I, s:s}}", "resume", "offset", (json_int_t)offset, "validator", validator);
}

START_TEST(resumes_what_was_cut_off)
{
	g_autofree char *checksum = read_sum("sha512", "sum512");

	written_before = 3 * MIB + 100000;
	for (int way = 0; way < 4; way++) {
		json_t *args = resume_args(written_before, "\"a\"");
		int with_checksum = way & 1;
		struct import import;
		unwritten = way & 2 ? 'N' : 0;
		json_object_set_new(args, "dense", json_boolean(unwritten != 0));
		if (with_checksum)
			json_object_set_new(args, "checksum", json_string(checksum));
		start_import(&import, "/ranges/disk.raw", 9 * MIB, args);
		finish_import(&import);
		expect_disk(&import);
		ck_assert_int_eq(strstr(import.phases->str, "verify") != NULL, with_checksum);
		clear_import(&import);
	}
}
END_TEST

START_TEST(resumes_nothing_that_was_replaced)
{
	static const struct { const char *path, *validator; } rows[] = {
		{"/ranges/disk.raw", "\"before\""}, {"/once/disk.raw", "\"a\""}, {"/ranges/short.raw", "\"a\""},
		{"/nameless/disk.raw", "W/\"weak\""},
	};

	written_before = 3 * MIB;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct import import;
		start_import(&import, rows[i].path, 9 * MIB, resume_args(written_before, rows[i].validator));
		finish_import(&import);
		expect_error(&import, ESTALE, "has to begin anew");
		clear_import(&import);
	}
}
END_TEST

/* --- what is refused ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	int64_t capacity;
	int code;
	const char *text;
} bad[] = {
	{"/plain/disk.qcow2", 8 * MIB, EINVAL,
	    "virtual image size 8389120 (8MiB) is larger than the reported available storage 8388608 (8MiB). A larger PVC is required"},
	{"/plain/disk.raw", 4 * MIB, EINVAL, "virtual image size 8389120 "},
	{"/nolength/disk.raw", 4 * MIB, EINVAL, "is larger than the reported available storage 4194304 (4MiB). A larger PVC"},
	{"/plain/disk.raw.gz", 4 * MIB, EINVAL, "A larger PVC is required"},
	{"/plain/bomb.gz", 9 * MIB, EINVAL, "A larger PVC is required"},
	{"/plain/huge.qcow2", 9 * MIB, EINVAL, "virtual image size 1125899906842624 (1PiB)"},
	{"/plain/backing.qcow2", 9 * MIB, EINVAL, "has a backing file"},
	{"/plain/datafile.qcow2", 9 * MIB, EINVAL, "external data file"},
	{"/plain/wild.qcow2", 9 * MIB, EINVAL, "L1 table"},
	{"/plain/v1.qcow2", 9 * MIB, EINVAL, "qcow image of version 1"},
	{"/plain/half.qcow2", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.raw.gz", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.raw.xz", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.raw.zst", 9 * MIB, EINVAL, "truncated"},
	{"/nolength/half.raw.gz", 9 * MIB, EIO, "truncated"},
	{"/plain/damaged.gz", 9 * MIB, EINVAL, "damaged"},
	{"/plain/flat.vmdk", 9 * MIB, EINVAL, "VMDK descriptor"},
	{"/plain/split-s001.vmdk", 9 * MIB, EINVAL, "no descriptor in it"},
	{"/plain/half.vmdk", 9 * MIB, EINVAL, "truncated"},
	{"/ranges/half.vmdk", 9 * MIB, EINVAL, "truncated"},
	{"/ranges/half-stream.vmdk", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.vdi", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.vhd", 9 * MIB, EINVAL, "truncated"},
	{"/plain/half.vhdx", 9 * MIB, EINVAL, "truncated"},
	{"/ranges/half.qcow2", 9 * MIB, EINVAL, "truncated"},
	{"/ranges/disk.vmdk", 8 * MIB, EINVAL, "A larger PVC is required"},
	{"/ranges/disk.vdi", 8 * MIB, EINVAL, "A larger PVC is required"},
	{"/ranges/disk.vhd", 8 * MIB, EINVAL, "A larger PVC is required"},
	{"/ranges/disk.vhdx", 8 * MIB, EINVAL, "A larger PVC is required"},
	{"/ranges/disk.raw", 4 * MIB, EINVAL, "virtual image size 8389120 "},
	{"/ranges/empty", 9 * MIB, EINVAL, "empty"},
	{"/ranges/bomb.gz", 9 * MIB, EINVAL, "A larger PVC is required"},
	{"/replaced/disk.raw", 9 * MIB, ESTALE, "was replaced while it was downloaded"},
	{"/replaced/disk.qcow2", 9 * MIB, ESTALE, "was replaced while it was downloaded"},
	{"/html/disk.raw", 9 * MIB, EINVAL, "web page"},
	{"/headers/disk.raw", 9 * MIB, EINVAL, "headers"},
	{"/plain/page.html", 9 * MIB, EINVAL, "web page"},
	{"/plain/empty", 9 * MIB, EINVAL, "empty"},
	{"/escape/disk.raw", 9 * MIB, EINVAL, "redirects to a URL of the protocol file, which is not followed"},
	{"/gopher/disk.raw", 9 * MIB, EINVAL, "redirects to a URL of the protocol gopher, which is not followed"},
	{"/loop/disk.raw", 9 * MIB, EIO, "redirects more than 10 times"},
	{"/endless/disk.raw", 9 * MIB, EINVAL, "A larger PVC is required"},
	{"/endless/disk.qcow2", 9 * MIB, EINVAL, "more bytes than any"},
	{"/endless/nothing.gz", 9 * MIB, EINVAL, "sends more bytes than any image"},
	{"/boasting/disk.raw", 9 * MIB, EINVAL, "virtual image size 1125899906842624 (1PiB)"},
	{"/lying/disk.raw", 9 * MIB, EIO, "nothing in the server's answer"},
	{"/status/404", 9 * MIB, EIO, "HTTP status 404 (there is no such file)"},
	{"/status/503", 9 * MIB, EIO, "HTTP status 503"},
	{"/private/disk.raw", 9 * MIB, EIO, "HTTP status 401"},
	{"/once/disk.raw", 9 * MIB, EIO, "does not resume"},
	{"/changing/disk.raw", 9 * MIB, ESTALE, "replaced"},
	{"/shorter/disk.raw", 9 * MIB, ESTALE, "was replaced while it was downloaded"},
	{"/whole/disk.raw", 9 * MIB, EIO, "HTTP status 200 and all of it"},
	{"/stalling/disk.raw", 9 * MIB, ETIMEDOUT, "stalled after"},
	{"/dripping/disk.raw", 9 * MIB, ETIMEDOUT, "stalled after"},
};

START_TEST(refuses)
{
	struct import import;

	/* libcurl needs some seconds to notice a stall: once is enough. */
	start_import(&import, bad[_i].path, bad[_i].capacity,
	    bad[_i].code == ETIMEDOUT ? json_pack("{s:i, s:i}", "attempts", 1, "stallSeconds", 1) : json_object());
	finish_import(&import);
	expect_error(&import, bad[_i].code, bad[_i].text);
	clear_import(&import);
}
END_TEST

/* All of it would have to be read for its checksum. */
START_TEST(refuses_a_length_that_a_checksum_would_never_see_the_end_of)
{
	struct import import;

	start_import(&import, "/boasting/disk.qcow2", 9 * MIB, json_pack("{s:s}", "checksum", "md5:00000000000000000000000000000000"));
	finish_import(&import);
	expect_error(&import, EINVAL, "sends more bytes than any image");
	clear_import(&import);
}
END_TEST

START_TEST(wrong_checksum)
{
	struct import import;

	start_import(&import, "/plain/disk.raw", 9 * MIB, json_pack("{s:s}", "checksum", "md5:00000000000000000000000000000000"));
	finish_import(&import);
	expect_error(&import, EINVAL, "checksum mismatch");
	clear_import(&import);
}
END_TEST

/* What a server says of a file before it is fetched. */
START_TEST(probes)
{
	static const struct { const char *path, *validator; bool sized; } rows[] = {
		{"/ranges/disk.raw", "\"a\"", true}, {"/plain/disk.raw.gz", "\"a\"", true}, {"/nameless/disk.raw", NULL, true},
	};

	verb = "probe";
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct import import;
		start_import(&import, rows[i].path, MIB, json_object());
		finish_import(&import);
		const json_t *result = json_object_get(import.answer, "result");
		ck_assert_ptr_nonnull(result);
		ck_assert_pstr_eq(json_string_value(json_object_get(result, "validator")), rows[i].validator);
		ck_assert_int_eq(json_integer_value(json_object_get(result, "length")) > 0, rows[i].sized);
		ck_assert_ptr_null(json_object_get(result, "digest"));
		clear_import(&import);
	}
	struct import import;
	start_import(&import, "/status/404", MIB, json_object());
	finish_import(&import);
	expect_error(&import, EIO, "HTTP status 404");
	clear_import(&import);
}
END_TEST

/* Arguments that are refused before anything is fetched. */
START_TEST(bad_arguments)
{
	static const struct { const char *args, *text; } rows[] = {
		{"{\"url\":\"file:///etc/passwd\"}", "Invalid source URL scheme: file:///etc/passwd"},
		{"{\"checksum\":\"crc32:00\"}", "Invalid checksum format"},
		{"{\"checksum\":\"sha256:00\"}", "sha256 has 64 hexadecimal digits"},
		{"{\"headers\":[\"X: 1\\r\\nHost: other\"]}", "extra header number 1"},
		{"{\"capacity\":0}", "capacity"},
		{"{\"source\":\"ftp\"}", "http, s3, gcs and registry are known"},
		{"{\"source\":\"gcs\",\"user\":\"a\",\"password\":\"b\"}", "service account"},
		{"{\"source\":\"gcs\",\"url\":\"gs://bucket\"}", "gs://BUCKET/OBJECT"},
		{"{\"source\":\"s3\",\"url\":\"s3://bucket/object\"}", "https://ENDPOINT/BUCKET/OBJECT"},
		{"{\"source\":\"registry\"}", "does not begin with docker://"},
		{"{\"source\":\"registry\",\"url\":\"oci-archive:/etc/passwd\"}", "/etc/passwd is a file of the host"},
		{"{\"source\":\"registry\",\"url\":\"docker://a\",\"checksum\":\"md5:0\"}", "its digest is written behind its name"},
		{"{\"resume\":{\"offset\":5}}", "a validator"},
		{"{\"resume\":{\"offset\":2000000,\"validator\":\"x\"}}", "within the capacity"},
		{"{\"url\":7}", "malformed"},
		{"{\"scratch\":\"/nowhere\"}", "cannot make a scratch file in /nowhere"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct import import;
		start_import(&import, "/plain/disk.raw", MIB, json_loads(rows[i].args, 0, NULL));
		finish_import(&import);
		const char *text = json_string_value(json_object_get(json_object_get(import.answer, "error"), "text"));
		ck_assert_msg(text != NULL && strstr(text, rows[i].text) != NULL, "%s: %s", rows[i].args, text);
		clear_import(&import);
	}
}
END_TEST

/* Nobody listens on port 1. */
START_TEST(no_server)
{
	struct import import;

	start_import(&import, "", MIB, json_pack("{s:s}", "url", "http://127.0.0.1:1/disk.raw"));
	finish_import(&import);
	expect_error(&import, ECONNREFUSED, "http://127.0.0.1:1/disk.raw: ");
	clear_import(&import);
}
END_TEST

START_TEST(secrets_are_not_told)
{
	g_autofree char *url = g_strdup_printf("http://user:hunter2@127.0.0.1:%u/status/404?signature=hunter2", port);
	struct import import;

	start_import(&import, "", MIB, json_pack("{s:s}", "url", url));
	finish_import(&import);
	expect_error(&import, EIO, "/status/404: ");
	g_autofree char *all = json_dumps(import.answer, 0);
	ck_assert_ptr_null(strstr(all, "hunter2"));
	clear_import(&import);
}
END_TEST

/* --- rights ------------------------------------------------------------------------------------------------------------------ */

static void
wait_for_progress(struct import *import)
{
	struct error err = {0};
	json_t *message = NULL;

	ck_assert_int_eq(channel_read(import->socket, &message, NULL, &err), 1);
	note_progress(import, message);
	json_decref(message);
}

static const struct {
	const char *file, *format, *compression;
} uploads[] = {
	{"disk.raw", "raw", ""},
	{"disk.raw.gz", "raw", "gz"},
	{"disk.qcow2", "qcow2", ""},
	{"disk.qcow2.xz", "qcow2", "xz"},
	{"disk.vmdk", "vmdk", ""},
	{"disk.vhdx.zst", "vhdx", "zst"},
};

START_TEST(what_is_uploaded)
{
	struct import import;
	const json_t *result;

	uploaded = uploads[_i].file;
	start_import(&import, "", 9 * MIB, json_pack("{s:s, s:i}", "source", "upload", "total", 0));
	finish_import(&import);
	expect_disk(&import);
	result = json_object_get(import.answer, "result");
	ck_assert_str_eq(json_string_value(json_object_get(result, "format")), uploads[_i].format);
	ck_assert_str_eq(json_string_value(json_object_get(result, "compression")), uploads[_i].compression);
	ck_assert_ptr_nonnull(strstr(import.phases->str, "upload "));
	clear_import(&import);
}
END_TEST

START_TEST(an_upload_that_does_not_fit_or_has_no_stream)
{
	struct import import;

	uploaded = "disk.raw";
	start_import(&import, "", 4 * MIB, json_pack("{s:s, s:I}", "source", "upload", "total", (json_int_t)DISK_SIZE));
	finish_import(&import);
	expect_error(&import, EINVAL, "larger");
	clear_import(&import);
	uploaded = NULL;
	start_import(&import, "", 9 * MIB, json_pack("{s:s}", "source", "upload"));
	finish_import(&import);
	expect_error(&import, EINVAL, "without its stream");
	clear_import(&import);
}
END_TEST

START_TEST(rights_are_given_up)
{
	g_autofree char *path = NULL, *status = NULL;
	struct import import;

	start_import(&import, "/stalling/disk.raw", 9 * MIB, json_object());
	wait_for_progress(&import);
	path = g_strdup_printf("/proc/%d/status", (int)import.pid);
	ck_assert(g_file_get_contents(path, &status, NULL, NULL));
	ck_assert_ptr_nonnull(strstr(status, "NoNewPrivs:\t1\n"));
	if (getuid() == 0) {
		ck_assert_ptr_nonnull(strstr(status, "Uid:\t65534\t65534\t65534\t65534\n"));
		ck_assert_ptr_nonnull(strstr(status, "Gid:\t65534\t65534\t65534\t65534\n"));
		ck_assert_ptr_nonnull(strstr(status, "CapEff:\t0000000000000000\n"));
	}
	kill(import.pid, SIGKILL);
	waitpid(import.pid, NULL, 0);
	clear_import(&import);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("import");
	TCase *t = tcase_create("import");

	tcase_add_unchecked_fixture(t, make_images, remove_images);
	tcase_add_checked_fixture(t, start_server, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, imports, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(t, imports_into_noise, 0, G_N_ELEMENTS(good));
	tcase_add_test(t, imports_into_exactly_enough);
	tcase_add_test(t, imports_a_preallocated_image);
	tcase_add_test(t, imports_from_archives);
	tcase_add_test(t, refuses_archives);
	tcase_add_test(t, takes_a_disk_in_an_archive_as_it_is);
	tcase_add_test(t, fetches_what_a_probe_has_seen);
	tcase_add_test(t, a_size_that_is_no_multiple_of_a_sector);
	tcase_add_test(t, several_members);
	tcase_add_test(t, right_checksums);
	tcase_add_test(t, credentials_and_headers);
	tcase_add_test(t, s3_is_signed);
	tcase_add_test(t, s3_without_or_with_a_wrong_secret);
	tcase_add_test(t, s3_regions);
	tcase_add_test(t, into_a_socket);
	tcase_add_test(t, into_a_socket_of_a_full_storage);
	tcase_add_test(t, resumes_what_was_cut_off);
	tcase_add_test(t, resumes_nothing_that_was_replaced);
	tcase_add_loop_test(t, refuses, 0, G_N_ELEMENTS(bad));
	tcase_add_test(t, refuses_a_length_that_a_checksum_would_never_see_the_end_of);
	tcase_add_test(t, wrong_checksum);
	tcase_add_test(t, probes);
	tcase_add_test(t, bad_arguments);
	tcase_add_test(t, no_server);
	tcase_add_test(t, secrets_are_not_told);
	tcase_add_loop_test(t, what_is_uploaded, 0, G_N_ELEMENTS(uploads));
	tcase_add_test(t, an_upload_that_does_not_fit_or_has_no_stream);
	tcase_add_test(t, rights_are_given_up);
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
