/* Frames, and the worker's blocking side of a channel; see channel.h.  The daemon's side is in worker.c. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/error.h"
#include "src/base/frame.h"

#define FRAME_MAGIC UINT32_C(0x31765653) /* "SVv1" */

/* Room for the one descriptor that a frame may carry, aligned as a control message must be. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int read_all(int socket, char *bytes, size_t length, int *fd, struct error *err);

int
channel_read(int socket, json_t **message, int *fd, struct error *err)
{
	unsigned char head[FRAME_HEAD];
	g_autofree char *text = NULL;
	int carried = -1, rc = read_all(socket, (char *)head, sizeof(head), &carried, err);
	size_t length = 0;
	json_t *parsed = NULL;

	if (rc > 0)
		rc = frame_head_read(head, &length, err) == 0 ? 1 : -1;
	if (rc > 0) {
		text = g_malloc(length + 1);
		rc = length == 0 ? 1 : read_all(socket, text, length, NULL, err);
		if (rc == 0)
			rc = error_set(err, EPROTO, "the channel ended inside a frame");
	}
	if (rc > 0)
		parsed = frame_decode(text, length, err);
	if (carried >= 0 && (parsed == NULL || fd == NULL)) {
		close(carried);
		carried = -1;
	}
	if (parsed == NULL)
		return rc > 0 ? -1 : rc;
	*message = parsed;
	if (fd != NULL)
		*fd = carried;
	return 1;
}

int
channel_write(int socket, const json_t *message, int fd, struct error *err)
{
	g_autofree char *bytes = NULL;
	size_t length, sent = 0;

	bytes = frame_encode(message, &length, err);
	while (bytes != NULL && sent < length) {
		ssize_t n = frame_send(socket, bytes + sent, length - sent, sent == 0 ? fd : -1);
		if (n < 0 && errno != EINTR)
			return error_errno(err, "cannot send to the daemon");
		sent += n > 0 ? (size_t)n : 0;
	}
	return bytes == NULL ? -1 : 0;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static int
append_text(const char *text, size_t length, void *data)
{
	GString *frame = data;

	if (frame->len + length > FRAME_HEAD + (size_t)CHANNEL_MAX)
		return -1;
	g_string_append_len(frame, text, (gssize)length);
	return 0;
}

char *
frame_encode(const json_t *message, size_t *length, struct error *err)
{
	guint32 head[2] = { GUINT32_TO_LE(FRAME_MAGIC), 0 };
	g_autoptr(GString) frame = g_string_sized_new(512);

	g_string_append_len(frame, (const char *)head, sizeof(head));
	if (json_dump_callback(message, append_text, frame, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
		error_set(err, EMSGSIZE, "a message has more than %d bytes", CHANNEL_MAX);
		return NULL;
	}
	head[1] = GUINT32_TO_LE((guint32)(frame->len - sizeof(head)));
	memcpy(frame->str, head, sizeof(head));
	*length = frame->len;
	return g_string_free(g_steal_pointer(&frame), FALSE);
}

int
frame_head_read(const unsigned char head[FRAME_HEAD], size_t *length, struct error *err)
{
	guint32 words[2];

	memcpy(words, head, sizeof(words));
	if (GUINT32_FROM_LE(words[0]) != FRAME_MAGIC)
		return error_set(err, EPROTO, "a frame does not begin as one");
	if (GUINT32_FROM_LE(words[1]) > CHANNEL_MAX)
		return error_set(err, EPROTO, "a frame of %u bytes is announced; at most %d are read",
		    GUINT32_FROM_LE(words[1]), CHANNEL_MAX);
	*length = GUINT32_FROM_LE(words[1]);
	return 0;
}

json_t *
frame_decode(const char *text, size_t length, struct error *err)
{
	json_error_t error;
	json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

	if (message != NULL && json_is_object(message))
		return message;
	json_decref(message);
	error_set(err, EPROTO, "a frame does not hold a JSON object");
	return NULL;
}

ssize_t
frame_send(int socket, const char *bytes, size_t length, int fd)
{
	struct iovec iov = { .iov_base = (char *)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = { 0 };

	if (fd >= 0) {
		struct cmsghdr *cmsg = &control.align;
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Takes the descriptor out of a received message.  Without room for more than one the kernel has closed the others. */
static void
take_fd(struct msghdr *message, int *fd)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);

	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
}

/* 1: all bytes are there; 0: the other side was gone before the first; -1: it went in between.  fd may be NULL. */
static int
read_all(int socket, char *bytes, size_t length, int *fd, struct error *err)
{
	size_t got = 0;

	while (got < length) {
		struct iovec iov = { .iov_base = bytes + got, .iov_len = length - got };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
		union control control = { 0 };
		ssize_t n;
		if (fd != NULL && *fd < 0) {
			message.msg_control = control.bytes;
			/* Not all of the room: its padding would hold a second one, which nobody would close. */
			message.msg_controllen = CMSG_LEN(sizeof(int));
		}
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			return error_errno(err, "cannot read from the channel");
		if (n <= 0)
			return got == 0 ? 0 : error_set(err, EPROTO, "the channel ended inside a frame");
		if (fd != NULL && message.msg_controllen > 0)
			take_fd(&message, fd);
		got += (size_t)n;
	}
	return 1;
}
