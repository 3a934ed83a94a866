/* Connections, verbs and errors of the worker; see host.h. */
#include "config.h"

#include <errno.h>
#include <libxml/uri.h>
#include <stdarg.h>
#include <string.h>

#include "src/virt/host.h"

/* Keep-alive: a libvirtd that is silent for 5 s x (3 + 1) is gone.  The lanes need none of their own: their calls end with the
 * process. */
enum { KEEPALIVE_SECONDS = 5, KEEPALIVE_COUNT = 3 };

static const char *host_uri;

static const struct host_verb *const verb_tables[] = {
	host_info_verbs,   host_domain_verbs,  host_start_verbs,   host_cpus_verbs,    host_hotplug_verbs,
	host_devices_verbs, host_agent_verbs, host_dump_verbs,
	host_volume_verbs, host_clone_verbs, host_serve_verbs, host_folder_verbs, host_network_verbs, host_console_verbs, host_log_verbs,
	host_secret_verbs, host_vswitch_verbs, host_subnet_verbs, host_guard_verbs, host_probe_verbs,
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
}

bool
host_is_local(void)
{
	xmlURIPtr parts = xmlParseURI(host_uri);
	bool local = parts != NULL && (parts->server == NULL || *parts->server == '\0');

	xmlFreeURI(parts);
	return local;
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
	service_die("the connection to %s is lost: %s", host_uri,
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
	/* The test driver does not know it; what a remote connection cannot do will show in its first call. */
	virConnectRegisterCloseCallback(connection, on_close, NULL, NULL);
	return connection;
}

void
host_keep_alive(virConnectPtr connection)
{
	virConnectSetKeepAlive(connection, KEEPALIVE_SECONDS, KEEPALIVE_COUNT); /* the test driver does not know it */
}

void
host_disconnect(virConnectPtr connection)
{
	virConnectUnregisterCloseCallback(connection, on_close);
	virConnectClose(connection);
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

/* A lane's connection is opened by its first call: a small host needs few. */
json_t *
host_run(struct service_call *request, struct error *err)
{
	struct host_call call = { .request = request, .args = request->args, .fd = request->fd };
	json_t *result;

	if (*request->lane == NULL && (*request->lane = host_connect(err)) == NULL)
		service_die("%s", err->text);
	call.connection = *request->lane;
	result = run_verb(request->verb, &call, err);
	request->fd = call.fd;
	if (result == NULL && virConnectIsAlive(call.connection) != 1)
		service_die("the connection to %s is lost: %s", host_uri, err->text);
	return result;
}
