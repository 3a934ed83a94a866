/* The database of Open vSwitch, asked at its socket (RFC 7047, 4.1.3 and 5.2.2); see host_ovs.h. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/virt/host_ovs.h"

#define SOCKET "/run/openvswitch/db.sock"
#define COLUMNS "--columns="
enum { ANSWER_MS = 5000 };

/* A connection while its answer is read. */
struct answer {
	int fd;
	int64_t until; /* monotonic, milliseconds */
};

static int
open_database(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* --- the question ---------------------------------------------------------------------------------------------------- */

static json_t *
column_names(const char *word)
{
	g_auto(GStrv) names = g_strsplit(word + strlen(COLUMNS), ",", -1);
	json_t *list = json_array();

	for (char **name = names; *name != NULL; name++)
		json_array_append_new(list, json_string(*name));
	return list;
}

/* One for each "--columns=...", "list", TABLE. */
static json_t *
selections(const char *const *words)
{
	json_t *list = json_pack("[s]", "Open_vSwitch");

	for (; *words != NULL; words++)
		if (g_str_has_prefix(words[0], COLUMNS) && words[1] != NULL && words[2] != NULL)
			json_array_append_new(list, json_pack("{s:s,s:s,s:[],s:o}", "op", "select", "table", words[2], "where", "columns", column_names(words[0])));
	return list;
}

static bool
ask(int fd, json_t *question)
{
	char *text = json_dumps(question, JSON_COMPACT);
	size_t length = strlen(text), sent = 0;
	ssize_t done = 1;

	while (sent < length && done > 0) {
		done = send(fd, text + sent, length - sent, MSG_NOSIGNAL);
		sent += done > 0 ? (size_t)done : 0;
	}
	free(text);
	return sent == length;
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

static size_t
receive(void *buffer, size_t size, void *arg)
{
	const struct answer *answer = arg;
	struct pollfd news = { .fd = answer->fd, .events = POLLIN };
	int64_t left;
	ssize_t got = -1;

	errno = EAGAIN;
	while (got < 0 && (errno == EAGAIN || errno == EINTR) && (left = answer->until - clock_monotonic_ms()) > 0)
		if (poll(&news, 1, (int)left) >= 0)
			got = recv(answer->fd, buffer, size, 0);
	return got < 0 ? (size_t)-1 : (size_t)got;
}

static json_t *
value_of(json_t *row, json_t *column)
{
	json_t *value = json_object_get(row, json_string_value(column));

	return value == NULL ? json_null() : json_incref(value);
}

/* Rows as ovs-vsctl prints them: values in the order of the columns. */
static json_t *
in_order(json_t *rows, json_t *columns)
{
	json_t *data = json_array(), *row, *column;
	size_t i, k;

	json_array_foreach (rows, i, row) {
		json_t *values = json_array();
		json_array_foreach (columns, k, column)
			json_array_append_new(values, value_of(row, column));
		json_array_append_new(data, values);
	}
	return json_pack("{s:o}", "data", data);
}

/* A line for each table; NULL when something was refused. */
static char *
text_of(json_t *answer, json_t *asked)
{
	g_autoptr(GString) text = g_string_new(NULL);
	json_t *results = json_object_get(answer, "result"), *result;
	size_t i;

	if (json_array_size(results) != json_array_size(asked) - 1)
		return NULL;
	json_array_foreach (results, i, result) {
		json_t *rows = json_object_get(result, "rows"), *table;
		char *line;
		if (!json_is_array(rows))
			return NULL;
		table = in_order(rows, json_object_get(json_array_get(asked, i + 1), "columns"));
		line = json_dumps(table, JSON_COMPACT);
		g_string_append_printf(text, "%s\n", line);
		free(line);
		json_decref(table);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
ovs_socket_list(const char *const *words)
{
	struct answer answer = { open_database(), clock_monotonic_ms() + ANSWER_MS };
	json_t *asked = selections(words), *question = json_pack("{s:s,s:O,s:i}", "method", "transact", "params", asked, "id", 0), *told = NULL;
	char *text = NULL;

	if (answer.fd >= 0 && ask(answer.fd, question))
		told = json_load_callback(receive, &answer, JSON_DISABLE_EOF_CHECK, NULL);
	if (told != NULL)
		text = text_of(told, asked);
	if (answer.fd >= 0)
		close(answer.fd);
	json_decref(told);
	json_decref(question);
	json_decref(asked);
	return text;
}
