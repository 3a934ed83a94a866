/*
 * Bytes on connections to the real server, over real handlers, objects and store.  Input is pieces behind 0xff: the byte
 * after it says on which of three connections the piece is sent, or that one is closed.  Every answer is HTTP and none is
 * an error of ours; when the clients have left, no descriptor is left behind; the store holds whole objects, and the same
 * ones when it is opened again.
 */
#include "config.h"

#include "daemon/objects.h"
#include "tests/fuzz/fuzz.h"

/* No test runs that Check could tell of. */
#include <check.h>
#undef ck_assert_msg
#define ck_assert_msg(condition, ...) fuzz_check(condition)
#undef ck_abort_msg
#define ck_abort_msg(...) fuzz_fail(__VA_ARGS__)
#include "tests/unit/rest_fixture.h"

enum { CONNECTIONS = 3, TRIES = 300, PIECES = 60 };

/* What is there before the first byte comes. */
static const char *const documents[] = {
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"x\"}},\"data\":{\"k\":\"v\"}}",
	"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"runStrategy\":"
	"\"Halted\",\"template\":{\"spec\":{" INSTANCE "}}}}",
	"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":\"a\"},\"spec\":{" INSTANCE "}}",
};

static void
create_all(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
		g_autoptr(GPtrArray) read = fuzz_documents((const uint8_t *)documents[i], strlen(documents[i]), NULL);
		struct diagnostics diagnostics;
		struct error err = { 0 };
		diagnostics_init(&diagnostics);
		if (objects_create(&daemon_under_test, read->pdata[0], "default", false, &diagnostics, &err) == NULL)
			fuzz_fail("%s", err.text);
		diagnostics_clear(&diagnostics);
	}
	turn();
}

/* --- clients -------------------------------------------------------------------------------------------------------------- */

struct client {
	int fd; /* -1: not connected */
	GString *heard;
};

static void
hear_now(struct client *client)
{
	char bytes[65536];
	ssize_t n;

	while (client->fd >= 0 && (n = recv(client->fd, bytes, sizeof(bytes), 0)) > 0)
		g_string_append_len(client->heard, bytes, n);
}

/* The first answer, at least, says what it is. */
static void
check_heard(const struct client *client)
{
	int code = 0;

	if (client->heard->len == 0)
		return;
	if (sscanf(client->heard->str, "HTTP/%*d.%*d %d ", &code) != 1 || code < 100 || code > 599)
		fuzz_fail("no answer of HTTP: %s", client->heard->str);
	if (memmem(client->heard->str, client->heard->len, " 500 Internal", 13) != NULL)
		fuzz_fail("%s", client->heard->str);
}

static void
leave(struct client *client)
{
	hear_now(client);
	check_heard(client);
	g_string_truncate(client->heard, 0);
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* Sends it all, as long as the server takes it. */
static void
tell(struct client *client, const char *bytes, size_t length)
{
	if (client->fd < 0)
		client->fd = dial();
	for (unsigned tries = 0; length > 0 && tries < TRIES; tries++) {
		ssize_t n = send(client->fd, bytes, length, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return;
		bytes += MAX(n, 0);
		length -= (size_t)MAX(n, 0);
		turn();
		hear_now(client);
	}
}

static void
play(struct client *clients, const uint8_t *data, size_t size)
{
	g_autofree char *text = g_memdup2(data, size);
	const char *p = text == NULL ? "" : text, *end = p + size;

	for (unsigned pieces = 0; p < end && pieces < PIECES; pieces++) {
		const char *stop = memchr(p, 0xff, (size_t)(end - p));
		size_t length = (size_t)((stop == NULL ? end : stop) - p);
		struct client *client = &clients[length == 0 ? 0 : (unsigned char)*p % CONNECTIONS];
		if (length > 0 && (*p & 0x40) != 0)
			leave(client);
		else if (length > 0)
			tell(client, p + 1, length - 1);
		p += length + (stop != NULL);
	}
	for (unsigned i = 0; i < 10; i++) {
		turn();
		for (unsigned c = 0; c < CONNECTIONS; c++)
			hear_now(&clients[c]);
	}
}

/* --- the store -------------------------------------------------------------------------------------------------------------- */

static void
check_object(const struct object *object, GHashTable *uids)
{
	struct diagnostics diagnostics;
	void *value = g_malloc0(object->kind->schema->size);
	json_t *tree = object_tree(object);

	diagnostics_init(&diagnostics);
	fuzz_check(tree != NULL && strlen(object->text) == object->length);
	if (schema_decode(object->kind->schema, tree, NULL, "", value, &diagnostics) != 0)
		fuzz_fail("stored, but not to be read: %s", object->text);
	fuzz_check(g_strcmp0(path_string(tree, "metadata.name"), object->name) == 0);
	fuzz_check(g_strcmp0(path_string(tree, "metadata.uid"), object->uid) == 0 && g_hash_table_add(uids, g_strdup(object->uid)));
	fuzz_check(object->version > 0 && object->version <= store_version(daemon_under_test.store));
	schema_free(object->kind->schema, value);
	json_decref(tree);
	diagnostics_clear(&diagnostics);
}

/* Everything that is stored, as one text. */
static char *
check_store(void)
{
	g_autoptr(GHashTable) uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GString *all = g_string_new(NULL);

	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		g_autoptr(GPtrArray) objects = store_list(daemon_under_test.store, kind, NULL);
		for (guint i = 0; i < objects->len; i++) {
			check_object(objects->pdata[i], uids);
			g_string_append_printf(all, "%s\n", ((const struct object *)objects->pdata[i])->text);
		}
	}
	return g_string_free(all, FALSE);
}

/* Stops, and opens the store again: what was there is there. */
static void
finish(void)
{
	g_autofree char *before = check_store(), *after = NULL;
	struct error err = { 0 };

	store_close(daemon_under_test.store);
	rest_stop(&daemon_under_test);
	daemon_under_test.store = store_open(directory, daemon_under_test.base, &err);
	if (daemon_under_test.store == NULL)
		fuzz_fail("%s", err.text);
	after = check_store();
	if (strcmp(before, after) != 0)
		fuzz_fail("not the same when opened again:\n%s\n%s", before, after);
	start();
	teardown();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client clients[CONNECTIONS];
	unsigned before;

	/* Kept in memory where that is possible: a disk would only slow it down. */
	if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
		g_setenv("TMPDIR", "/dev/shm", FALSE);
	setup();
	create_all();
	before = fuzz_descriptors();
	for (unsigned i = 0; i < CONNECTIONS; i++)
		clients[i] = (struct client){ -1, g_string_new(NULL) };
	play(clients, data, size);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		leave(&clients[i]);
		g_string_free(clients[i].heard, TRUE);
	}
	for (unsigned i = 0; i < TRIES && fuzz_descriptors() > before; i++) {
		turn();
		if (guest_fd >= 0)
			close(guest_fd);
		guest_fd = -1;
	}
	fuzz_check(fuzz_descriptors() == before);
	finish();
	return 0;
}
