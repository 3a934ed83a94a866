/*
 * The serial console: a WebSocket whose binary frames are the bytes of the line (subprotocol plain.kubevirt.io).
 *
 *   client <-- frames --> tunnel | console | guest (a stream socket from the host's worker)
 *
 * Either side that is slow stops the other from being read, so that nothing piles up here.
 */
#include "config.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "daemon/rest_internal.h"
#include "daemon/verbs.h"
#include "daemon/websocket.h"
#include "src/base/error.h"

#define PROTOCOL "plain.kubevirt.io"

enum {
	FRAME = 10240,      /* bytes of payload at most, as virt-api sends them */
	QUEUE = 256 << 10,  /* bytes waiting on one side before the other is no longer read */
};

struct console {
	struct http_tunnel *tunnel;
	struct bufferevent *guest;
	struct websocket websocket;
	bool over; /* closing: whatever still comes is dropped */
};

static void on_opened(void *arg, int fd, const struct error *error);

/* NULL, or why the handshake is none (RFC 6455 section 4.2.1). */
static const char *
check_handshake(const struct http_request *request)
{
	const char *key = http_header(request, "Sec-WebSocket-Key"),
		   *protocol = http_header(request, "Sec-WebSocket-Protocol");

	if (!websocket_offers(http_header(request, "Upgrade"), "websocket") ||
	    !websocket_offers(http_header(request, "Connection"), "Upgrade"))
		return "a console needs an upgrade to WebSocket";
	if (g_strcmp0(http_header(request, "Sec-WebSocket-Version"), "13") != 0)
		return "only version 13 of WebSocket is understood";
	if (key == NULL || strlen(key) != 24)
		return "Sec-WebSocket-Key is missing or not 16 bytes in base64";
	if (protocol != NULL && !websocket_offers(protocol, PROTOCOL))
		return "the only WebSocket protocol of a console is " PROTOCOL;
	return NULL;
}

void
rest_console(struct rest_call *call)
{
	const char *problem = check_handshake(call->request);
	const struct object *object;

	if (kind_id(call->kind) != KIND_VMI)
		rest_refuse(call, 404, "only running instances have a console: ask for %s", kinds[KIND_VMI].plural);
	else if (problem != NULL)
		rest_refuse(call, 400, "%s", problem);
	else if ((object = rest_target(call)) != NULL)
		verb_console(call->rest->daemon, object, on_opened, call);
}

/* --- both ways ------------------------------------------------------------------------------------------------ */

/* Ends both sides; the client gets what is queued and a close frame. */
static void
finish(struct console *console, unsigned code)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	if (code != 0) {
		websocket_close_frame(out, code);
		http_tunnel_write(console->tunnel, out->data, out->len);
	}
	http_tunnel_close(console->tunnel);
	bufferevent_free(console->guest);
	g_free(console);
}

static void
on_client_data(void *arg, const unsigned char *bytes, size_t length)
{
	struct console *console = arg;

	bufferevent_write(console->guest, bytes, length);
	if (evbuffer_get_length(bufferevent_get_output(console->guest)) > QUEUE)
		http_tunnel_pause(console->tunnel, true);
}

static void
on_client_control(void *arg, enum websocket_opcode opcode, const unsigned char *bytes, size_t length)
{
	struct console *console = arg;
	g_autoptr(GByteArray) out = g_byte_array_new();

	if (opcode == WEBSOCKET_PING)
		websocket_frame(out, WEBSOCKET_PONG, bytes, length);
	if (out->len > 0)
		http_tunnel_write(console->tunnel, out->data, out->len);
	console->over = console->over || opcode == WEBSOCKET_CLOSE;
}

static const struct websocket_class from_client = { on_client_data, on_client_control };

static void
on_tunnel_data(void *arg, const unsigned char *bytes, size_t length)
{
	struct console *console = arg;
	int rc = websocket_read(&console->websocket, bytes, length, &from_client, console);

	if (rc < 0 || console->over)
		finish(console, rc < 0 ? WEBSOCKET_PROTOCOL_ERROR : WEBSOCKET_NORMAL);
}

static void
on_tunnel_drained(void *arg)
{
	struct console *console = arg;

	bufferevent_enable(console->guest, EV_READ);
}

static void
on_tunnel_gone(void *arg)
{
	finish(arg, 0);
}

static const struct http_tunnel_class console_class = { on_tunnel_data, on_tunnel_drained, on_tunnel_gone };

/* One frame for each read, as virt-api does. */
static void
send_guest_data(struct console *console)
{
	struct evbuffer *input = bufferevent_get_input(console->guest);
	unsigned char bytes[FRAME];
	int got;

	while ((got = evbuffer_remove(input, bytes, sizeof(bytes))) > 0) {
		g_autoptr(GByteArray) out = g_byte_array_new();
		websocket_frame(out, WEBSOCKET_BINARY, bytes, (size_t)got);
		http_tunnel_write(console->tunnel, out->data, out->len);
	}
}

static void
on_guest_read(struct bufferevent *bev, void *arg)
{
	struct console *console = arg;

	send_guest_data(console);
	if (http_tunnel_queued(console->tunnel) > QUEUE)
		bufferevent_disable(bev, EV_READ);
}

static void
on_guest_written(struct bufferevent *bev, void *arg)
{
	struct console *console = arg;

	(void)bev;
	http_tunnel_pause(console->tunnel, false);
}

static void
on_guest_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	send_guest_data(arg);
	finish(arg, WEBSOCKET_NORMAL);
}

/* --- opening -------------------------------------------------------------------------------------------------- */

/* virtctl tries again each second on 400 only: that is said while the guest is not running. */
static void
refuse(struct rest_call *call, const struct error *error)
{
	if (error->code == EBUSY || error->code == EINVAL)
		rest_refuse(call, 400, "%s", error->text);
	else
		rest_answer_status(call, rest_status_of(call->kind, call->name, error, NULL));
}

static void
on_opened(void *arg, int fd, const struct error *error)
{
	struct rest_call *call = arg;
	struct console *console;

	if (fd < 0) {
		refuse(call, error);
		return;
	}
	g_autofree char *accept = websocket_accept(http_header(call->request, "Sec-WebSocket-Key"));
	http_add_header(call->request, "Sec-WebSocket-Accept", accept);
	if (http_header(call->request, "Sec-WebSocket-Protocol") != NULL)
		http_add_header(call->request, "Sec-WebSocket-Protocol", PROTOCOL);
	console = g_new0(struct console, 1);
	console->tunnel = http_upgrade(call->request, "websocket", &console_class, console);
	if (console->tunnel == NULL) {
		g_free(console);
		close(fd);
		rest_refuse(call, 429, "there are too many watches and consoles open; close some, or try again later");
		return;
	}
	console->guest = bufferevent_socket_new(call->rest->daemon->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_priority_set(console->guest, PRIORITY_NORMAL);
	bufferevent_setwatermark(console->guest, EV_READ, 0, QUEUE);
	bufferevent_setcb(console->guest, on_guest_read, on_guest_written, on_guest_end, console);
	bufferevent_enable(console->guest, EV_READ | EV_WRITE);
	rest_call_free(call);
}
