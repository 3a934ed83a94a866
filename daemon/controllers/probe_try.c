/* One try of a probe: by the guest's agent, or over the network; see probe.h. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/controllers/probe.h"
#include "daemon/controllers/probe_plan.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

enum {
	EXEC_LOOK_MS = 200,   /* between looks whether a program in the guest has ended */
	BODY_MOST = 64 << 10, /* of an answer; only its first line counts */
	WHY_MOST = 512,
};

struct probe_try {
	struct daemon *daemon;
	probe_told *told; /* NULL: nobody waits for it any more */
	void *arg;
	char *host, *domain, *uid;
	int64_t timeout, deadline; /* ms; monotonic ms */
	struct event *timer;       /* tells what is known at once, or looks again */
	bool calling;              /* a worker has it */
	bool decided;              /* what follows is how it went */
	enum probe_result result;
	char *why;
	int64_t pid;                     /* of the program in the guest */
	struct bufferevent *tcp;
	struct evhttp_connection *http;
	int status;                      /* of the HTTP answer; 0: none yet */
};

static void
try_free(struct probe_try *t)
{
	if (t->timer != NULL)
		event_free(t->timer);
	if (t->tcp != NULL)
		bufferevent_free(t->tcp);
	if (t->http != NULL)
		evhttp_connection_free(t->http);
	g_free(t->why);
	g_free(t->host);
	g_free(t->domain);
	g_free(t->uid);
	g_free(t);
}

void
probe_try_drop(struct probe_try *t)
{
	t->told = NULL;
	if (!t->calling)
		try_free(t);
}

static void
tell_later(struct probe_try *t, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(t->timer, &tv);
}

/* The network's callbacks are no place to free what calls them: it is told in a moment. */
static void __attribute__((format(printf, 3, 4)))
decide(struct probe_try *t, enum probe_result result, const char *format, ...)
{
	va_list arguments;

	if (t->decided)
		return;
	va_start(arguments, format);
	t->why = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (strlen(t->why) > WHY_MOST)
		t->why[WHY_MOST] = '\0';
	t->decided = true;
	t->result = result;
	tell_later(t, 0);
}

/* --- by the guest's agent ------------------------------------------------------------------------------------------- */

typedef void take_answer(struct probe_try *t, json_t *result);

/* The worker died or was not there: that says nothing of the guest. */
static bool
is_nobodys_word(const struct error *error)
{
	return error->code == EHOSTDOWN || error->code == ECANCELED || error->code == ECONNRESET || error->code == ETIMEDOUT;
}

/* True when the answer is for somebody, and no error. */
static bool
answered(struct probe_try *t, const struct error *error)
{
	t->calling = false;
	if (t->told == NULL) {
		try_free(t);
		return false;
	}
	if (error != NULL)
		decide(t, is_nobodys_word(error) ? PROBE_UNKNOWN : PROBE_WRONG, "%s", error->text);
	return error == NULL;
}

static void
call(struct probe_try *t, const char *verb, json_t *args, worker_reply *reply)
{
	struct host *host = host_find(t->daemon, t->host);

	if (host == NULL) {
		json_decref(args);
		decide(t, PROBE_UNKNOWN, "host %s is not configured any more", t->host);
		return;
	}
	t->calling = true;
	json_object_set_new(args, "name", json_string(t->domain));
	json_object_set_new(args, "uid", json_string(t->uid));
	host_call(host, verb, args, -1, HOST_DEADLINE_QUERY, reply, t);
}

static void
on_ping(void *arg, json_t *result, const struct error *error)
{
	(void)result;
	if (answered(arg, error))
		decide(arg, PROBE_WELL, "the guest agent answers");
}

static void
on_exec_result(void *arg, json_t *result, const struct error *error)
{
	struct probe_try *t = arg;
	int64_t code = json_integer_value(json_object_get(result, "exitCode"));

	if (!answered(t, error))
		return;
	if (json_is_true(json_object_get(result, "exited")))
		decide(t, code == 0 ? PROBE_WELL : PROBE_WRONG, "the command ended with exit code %lld", (long long)code);
	else if (clock_monotonic_ms() >= t->deadline)
		decide(t, PROBE_WRONG, "the command took longer than %lld seconds", (long long)(t->timeout / 1000));
	else
		tell_later(t, EXEC_LOOK_MS);
}

static void
on_exec(void *arg, json_t *result, const struct error *error)
{
	struct probe_try *t = arg;

	if (!answered(t, error))
		return;
	t->pid = json_integer_value(json_object_get(result, "pid"));
	t->deadline = clock_monotonic_ms() + t->timeout;
	tell_later(t, EXEC_LOOK_MS);
}

static void
begin_exec(struct probe_try *t, const struct probe_exec *exec)
{
	json_t *command = json_array();

	for (char **word = exec->command; word != NULL && *word != NULL; word++)
		json_array_append_new(command, json_string(*word));
	if (json_array_size(command) == 0) {
		json_decref(command);
		decide(t, PROBE_WRONG, "exec has no command");
		return;
	}
	call(t, "domain-agent-exec", json_pack("{s:o}", "command", command), on_exec);
}

/* --- over the network ----------------------------------------------------------------------------------------------- */

/* A port as a number; 0: it is none. */
static uint16_t
port_number(const char *text)
{
	uint64_t port = 0;

	return text != NULL && g_ascii_string_to_unsigned(text, 10, 1, 65535, &port, NULL) ? (uint16_t)port : 0;
}

/* Names are not looked up: that could take long, and the guest's own address is what is meant. */
static bool
is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Says what stands against a try. */
static bool
can_connect(struct probe_try *t, const char *address, const char *port)
{
	if (address == NULL)
		decide(t, PROBE_WRONG, "the guest has no address that is known");
	else if (!is_address(address))
		decide(t, PROBE_WRONG, "host %s is not an IP address", address);
	else if (port_number(port) == 0)
		decide(t, PROBE_WRONG, "port %s is not a number from 1 to 65535", port == NULL ? "" : port);
	else
		return true;
	return false;
}

static void
on_tcp(struct bufferevent *tcp, short what, void *arg)
{
	struct probe_try *t = arg;

	(void)tcp;
	if ((what & BEV_EVENT_CONNECTED) != 0)
		decide(t, PROBE_WELL, "connected");
	else if ((what & BEV_EVENT_TIMEOUT) != 0)
		decide(t, PROBE_WRONG, "connecting took longer than %lld seconds", (long long)(t->timeout / 1000));
	else
		decide(t, PROBE_WRONG, "cannot connect: %s", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static struct timeval
try_time(const struct probe_try *t)
{
	return (struct timeval){ .tv_sec = t->timeout / 1000 };
}

static void
begin_tcp(struct probe_try *t, const char *address, const char *port)
{
	struct timeval tv = try_time(t);

	if (!can_connect(t, address, port))
		return;
	t->tcp = bufferevent_socket_new(t->daemon->base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(t->tcp, NULL, NULL, on_tcp, t);
	bufferevent_set_timeouts(t->tcp, &tv, &tv);
	if (bufferevent_socket_connect_hostname(t->tcp, NULL, strchr(address, ':') != NULL ? AF_INET6 : AF_INET, address, port_number(port)) != 0)
		decide(t, PROBE_WRONG, "cannot connect to %s", address);
}

/* The answer's body is not waited for. */
static int
on_http_header(struct evhttp_request *request, void *arg)
{
	struct probe_try *t = arg;

	t->status = evhttp_request_get_response_code(request);
	return -1;
}

static void
on_http(struct evhttp_request *request, void *arg)
{
	struct probe_try *t = arg;

	t->http = NULL; /* it frees itself */
	if (request != NULL && t->status == 0)
		t->status = evhttp_request_get_response_code(request);
	if (t->status == 0)
		decide(t, PROBE_WRONG, "there is no answer within %lld seconds", (long long)(t->timeout / 1000));
	else
		decide(t, t->status >= 200 && t->status < 400 ? PROBE_WELL : PROBE_WRONG, "HTTP probe failed with statuscode: %d", t->status);
}

static void
add_headers(struct evhttp_request *request, const struct probe_http *http, const char *address)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	SCHEMA_EACH (struct http_header, h, &http->http_headers)
		if (h->name != NULL && h->value != NULL)
			evhttp_add_header(headers, h->name, h->value);
	if (evhttp_find_header(headers, "Host") == NULL)
		evhttp_add_header(headers, "Host", address);
	evhttp_add_header(headers, "Connection", "close");
}

static void
begin_http(struct probe_try *t, const struct probe_http *http, const char *address)
{
	struct evhttp_request *request;
	struct timeval tv = try_time(t);
	g_autofree char *path = g_strdup_printf("%s%s", http->path != NULL && *http->path == '/' ? "" : "/", http->path == NULL ? "" : http->path);

	if (!can_connect(t, address, http->port))
		return;
	t->http = evhttp_connection_base_new(t->daemon->base, NULL, address, port_number(http->port));
	evhttp_connection_set_timeout_tv(t->http, &tv);
	evhttp_connection_set_max_body_size(t->http, BODY_MOST);
	evhttp_connection_free_on_completion(t->http);
	request = evhttp_request_new(on_http, t);
	evhttp_request_set_header_cb(request, on_http_header);
	add_headers(request, http, address);
	if (evhttp_make_request(t->http, request, EVHTTP_REQ_GET, path) != 0)
		decide(t, PROBE_WRONG, "cannot connect to %s", address);
}

/* --- either --------------------------------------------------------------------------------------------------------- */

/* The host that a probe names, else the guest. */
static const char *
target(const char *host, const char *ip)
{
	return host == NULL || *host == '\0' ? ip : host;
}

static void
begin(struct probe_try *t, const struct probe *probe, const char *ip)
{
	const struct probe_http *http = probe->http_get;
	const struct probe_tcp *tcp = probe->tcp_socket;

	if (probe->exec != NULL)
		begin_exec(t, probe->exec);
	else if (probe->guest_agent_ping != NULL)
		call(t, "domain-agent-ping", json_object(), on_ping);
	else if (http != NULL && g_ascii_strcasecmp(http->scheme == NULL ? "" : http->scheme, "HTTPS") == 0)
		begin_tcp(t, target(http->host, ip), http->port);
	else if (http != NULL)
		begin_http(t, http, target(http->host, ip));
	else if (tcp != NULL)
		begin_tcp(t, target(tcp->host, ip), tcp->port);
	else
		decide(t, PROBE_WELL, "there is nothing to look at");
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe_try *t = arg;

	(void)fd;
	(void)what;
	if (!t->decided) {
		call(t, "domain-agent-exec-result", json_pack("{s:I}", "pid", (json_int_t)t->pid), on_exec_result);
		return;
	}
	t->told(t->arg, t, t->result, t->why);
	try_free(t);
}

struct probe_try *
probe_try_new(struct daemon *daemon, struct host *host, const struct object *object, const struct probe *probe, const char *ip,
    probe_told *told, void *arg)
{
	struct probe_try *t = g_new0(struct probe_try, 1);

	t->daemon = daemon;
	t->told = told;
	t->arg = arg;
	t->host = g_strdup(host->name);
	t->domain = domain_name(object->namespace, object->name);
	t->uid = g_strdup(object->uid);
	t->timeout = probe_timeout(probe);
	t->timer = evtimer_new(daemon->base, on_timer, t);
	begin(t, probe, ip);
	return t;
}
