/* Connections, lanes and errors of the worker; see host.h. */
#include "config.h"

#include <errno.h>
#include <libxml/uri.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/virt/host.h"

/* Keep-alive: a libvirtd that is silent for 5 s x (3 + 1) is gone. */
enum { KEEPALIVE_SECONDS = 5, KEEPALIVE_COUNT = 3 };

/* A request in the queue. */
struct request {
	json_t *message;
	int fd;
};

static const char *host_uri;
static GAsyncQueue *requests; /* struct request */
static pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER; /* around one frame */
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;   /* taken before channel_lock */

static const struct host_verb *const verb_tables[] = {
	host_info_verbs,   host_domain_verbs,  host_start_verbs,   host_hotplug_verbs, host_agent_verbs,
	host_volume_verbs, host_network_verbs, host_console_verbs, host_log_verbs,
};

/* How libvirt's numbers read as errno; the rest is EIO. */
static const struct {
	int number, code;
} error_codes[] = {
	{ VIR_ERR_NO_DOMAIN, ENOENT },
	{ VIR_ERR_NO_STORAGE_VOL, ENOENT },
	{ VIR_ERR_NO_STORAGE_POOL, ENOENT },
	{ VIR_ERR_NO_NETWORK, ENOENT },
	{ VIR_ERR_STORAGE_VOL_EXIST, EEXIST },
	{ VIR_ERR_DOM_EXIST, EEXIST },
	{ VIR_ERR_OPERATION_INVALID, EBUSY },
	{ VIR_ERR_OPERATION_TIMEOUT, ETIMEDOUT },
	{ VIR_ERR_AGENT_UNRESPONSIVE, ENOTCONN },
	{ VIR_ERR_AGENT_UNSYNCED, ENOTCONN },
	{ VIR_ERR_AUTH_FAILED, EPERM }, /* EACCES is ours: what we did not make */
	{ VIR_ERR_ACCESS_DENIED, EPERM },
	{ VIR_ERR_NO_SUPPORT, ENOTSUP },
};

void
host_init(const char *uri)
{
	host_uri = uri;
	requests = g_async_queue_new();
}

bool
host_is_local(void)
{
	xmlURIPtr parts = xmlParseURI(host_uri);
	bool local = parts != NULL && (parts->server == NULL || *parts->server == '\0');

	xmlFreeURI(parts);
	return local;
}

/* Whoever holds the channel now sends a frame, which the daemon reads: this does not wait for long. */
static void
tell_end(const char *reason)
{
	g_autofree char *text = g_utf8_make_valid(reason, -1);
	json_t *message = json_pack("{s:s,s:{s:s}}", "event", "end", "args", "reason", text);
	struct error ignored = { 0 };

	pthread_mutex_lock(&channel_lock);
	channel_write(HOST_CHANNEL, message, -1, &ignored);
	json_decref(message);
}

void
host_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	fprintf(stderr, "solovirt-host: %s\n", text);
	tell_end(text);
	_exit(1); /* threads may be inside libvirt: no destructors under their feet */
}

static void
on_close(virConnectPtr connection, int reason, void *opaque)
{
	static const char *const reasons[] = {
		[VIR_CONNECT_CLOSE_REASON_ERROR] = "I/O error",
		[VIR_CONNECT_CLOSE_REASON_EOF] = "libvirtd ended",
		[VIR_CONNECT_CLOSE_REASON_KEEPALIVE] = "libvirtd does not answer",
		[VIR_CONNECT_CLOSE_REASON_CLIENT] = "closed",
	};

	(void)connection;
	(void)opaque;
	host_die("the connection to %s is lost: %s", host_uri,
	    reason >= 0 && reason < (int)G_N_ELEMENTS(reasons) ? reasons[reason] : "unknown reason");
}

virConnectPtr
host_connect(struct error *err)
{
	virConnectPtr connection = virConnectOpen(host_uri);

	if (connection == NULL) {
		host_error(err, "cannot reach libvirt at %s", host_uri);
		return NULL;
	}
	/* The test driver knows neither; what a remote connection cannot do will show in its first call. */
	virConnectSetKeepAlive(connection, KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
	virConnectRegisterCloseCallback(connection, on_close, NULL, NULL);
	return connection;
}

/* libvirt quotes QEMU's stderr, which has lines. */
static char *
one_line(const char *message)
{
	g_autofree char *text = g_strchomp(g_strdup(message));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	return g_strjoinv("; ", lines);
}

static int
error_code(const virError *last)
{
	for (size_t i = 0; i < G_N_ELEMENTS(error_codes); i++)
		if (error_codes[i].number == last->code)
			return error_codes[i].code;
	return last->code == VIR_ERR_SYSTEM_ERROR && last->int1 > 0 ? last->int1 : EIO; /* int1 is its errno */
}

int
host_error_take(struct error *err, virErrorPtr last, const char *format, ...)
{
	bool known = last != NULL && last->message != NULL;
	g_autofree char *why = one_line(known ? last->message : "unknown error");
	va_list ap;

	va_start(ap, format);
	g_autofree char *what = g_strdup_vprintf(format, ap);
	va_end(ap);
	error_set(err, known ? error_code(last) : EIO, "%s: %s", what, why);
	virFreeError(last);
	return -1;
}

char *
host_uuid(const char *noun, const char *name)
{
	g_autofree char *text = g_strdup_printf("https://solovirt.io/%s/%s", noun, name);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);

	digest[12] = '5'; /* version and variant of RFC 4122: made from a name by SHA-1 */
	digest[16] = '8';
	return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", digest, digest + 8, digest + 12, digest + 16, digest + 20);
}

int
host_args(const struct host_call *call, struct error *err, const char *format, ...)
{
	json_error_t why;
	va_list ap;
	int result;

	va_start(ap, format);
	result = json_vunpack_ex(call->args, &why, 0, format, ap);
	va_end(ap);
	return result == 0 ? 0 : error_set(err, EINVAL, "bad arguments: %s", why.text);
}

/* A daemon that is gone needs no worker. */
static void
send_message(const json_t *message)
{
	struct error err = { 0 };

	pthread_mutex_lock(&channel_lock);
	if (channel_write(HOST_CHANNEL, message, -1, &err) < 0)
		_exit(0);
	pthread_mutex_unlock(&channel_lock);
}

void
host_order_lock(void)
{
	pthread_mutex_lock(&order_lock);
}

void
host_order_unlock(void)
{
	pthread_mutex_unlock(&order_lock);
}

void
host_order(struct host_call *call)
{
	host_order_lock();
	call->in_order = true;
}

void
host_tell(const char *event, json_t *args)
{
	json_t *message = json_pack("{s:s,s:o}", "event", event, "args", args);

	g_assert(message != NULL);
	send_message(message);
	json_decref(message);
}

static const struct host_verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verb_tables); i++)
		for (const struct host_verb *verb = verb_tables[i]; verb->name != NULL; verb++)
			if (strcmp(verb->name, name) == 0)
				return verb;
	return NULL;
}

static json_t *
run_verb(const char *name, struct host_call *call, struct error *err)
{
	const struct host_verb *verb = find_verb(name);

	if (verb == NULL) {
		error_set(err, ENOSYS, "this worker knows no verb \"%s\"", name);
		return NULL;
	}
	virResetLastError();
	return verb->run(call, err);
}

/* The text may quote anything, a path in an old encoding too; JSON is UTF-8. */
static json_t *
error_message(json_int_t id, const struct error *err)
{
	g_autofree char *text = g_utf8_make_valid(err->text, -1);

	return json_pack("{s:I,s:{s:i,s:s}}", "id", id, "error", "code", err->code, "text", text);
}

static void
serve(struct request *request, virConnectPtr connection)
{
	const char *verb = json_string_value(json_object_get(request->message, "verb"));
	json_int_t id = json_integer_value(json_object_get(request->message, "id"));
	json_t *args = json_object_get(request->message, "args");
	struct host_call call = { .connection = connection, .args = args, .fd = request->fd };
	struct error err = { 0 };
	json_t *result, *answer;

	result = run_verb(verb != NULL ? verb : "", &call, &err);
	if (call.fd >= 0)
		close(call.fd);
	if (result == NULL && virConnectIsAlive(connection) != 1)
		host_die("the connection to %s is lost: %s", host_uri, err.text);
	answer = result != NULL ? json_pack("{s:I,s:o}", "id", id, "result", result) : error_message(id, &err);
	g_assert(answer != NULL);
	send_message(answer);
	if (call.in_order)
		host_order_unlock();
	json_decref(answer);
}

/* A lane's connection is opened by its first call: a small host needs few. */
static void *
lane_run(void *arg)
{
	virConnectPtr connection = NULL;
	struct error err = { 0 };

	(void)arg;
	for (;;) {
		struct request *request = g_async_queue_pop(requests);

		if (connection == NULL && (connection = host_connect(&err)) == NULL)
			host_die("%s", err.text);
		serve(request, connection);
		json_decref(request->message);
		g_free(request);
	}
	return NULL;
}

void
host_lanes_start(void)
{
	pthread_t thread;

	for (int i = 0; i < HOST_LANES; i++)
		if (pthread_create(&thread, NULL, lane_run, NULL) != 0)
			host_die("cannot start a thread");
}

void
host_lanes_push(json_t *request, int fd)
{
	struct request *item = g_new0(struct request, 1);

	item->message = request;
	item->fd = fd;
	g_async_queue_push(requests, item);
}
