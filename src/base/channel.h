/*
 * Frames of JSON between the daemon and its workers, over a socketpair.
 *
 *   0        4         8                 8+length
 *   | magic  | length  | JSON text ...   |      both numbers little endian; length <= CHANNEL_MAX
 *
 * A file descriptor may ride on the first byte of a frame (SCM_RIGHTS).  Either side treats a malformed frame as the
 * death of the other: the text of a worker that parses hostile bytes is never trusted to be well formed.
 *
 *   daemon -> worker   {"id":7,"verb":"domain-start","args":{...}}
 *   worker -> daemon   {"id":7,"result":{...}}  or  {"id":7,"error":{"code":2,"text":"..."}}
 *                      {"event":"domain","args":{...}}
 *                      {"event":"end","args":{"reason":"..."}}   last words: why the worker is about to end
 */
#ifndef SOLOVIRT_BASE_CHANNEL_H
#define SOLOVIRT_BASE_CHANNEL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct event_base;
struct worker;

enum {
	CHANNEL_MAX = 16 << 20,  /* bytes in one frame */
	WORKER_CALLS = 1000,     /* calls of one worker that are under way */
	WORKER_OUTPUT = 64 << 20 /* bytes that wait to be sent to one worker */
};

/* --- the worker's side: blocking, any thread ------------------------------------------------------------------- */

/* Waits for a frame.  fd may be NULL; else it gets a descriptor that came along, or -1; the caller owns it.
 * Returns 1 with *message (new reference), 0 when the daemon is gone, -1 on a broken frame. */
int channel_read(int socket, json_t **message, int *fd, struct error *err);

/* Sends a frame whole.  Returns 0, or -1 when the daemon is gone.  Steals nothing.  One writer at a time. */
int channel_write(int socket, const json_t *message, int fd, struct error *err);

/* --- the daemon's side: never blocks, loop thread only ----------------------------------------------------------- */

/* What one kind of worker is and whom it tells.  Static. */
struct worker_class {
	const char *program;                                             /* file in the worker directory: "solovirt-host" */
	void (*on_event)(void *owner, const char *event, json_t *args);  /* args is borrowed */
	void (*on_state)(void *owner, const char *reason);               /* NULL: it is up and takes calls; else why it died, in
	                                                                    its own last words where it had some */
	int64_t backoff_first_ms, backoff_most_ms;                       /* wait before it is started again; 0, 0: never again */
};

/* Answer to a call: exactly one of result (borrowed) and error is not NULL.  Called once for every call. */
typedef void worker_reply(void *arg, json_t *result, const struct error *error);

/* Starts the program with these arguments (NULL-terminated, behind argv[0]; copied).  owner is handed to the callbacks.
 * enter: what starts it (NULL-terminated, found by PATH; copied), such as nsenter with the namespaces of a host, which gets the program's
 * path and arguments behind its own and hands descriptor 3 on; NULL or empty: nothing.
 * A program that cannot be started reports through on_state, later, never from inside this call.  Calls may be posted at
 * once.  The worker gets its end of the channel as descriptor 3, /dev/null as its input, our stderr as its output, a
 * session of its own, and SIGKILL when the calling thread ends. */
struct worker *worker_new(struct event_base *base, const struct worker_class *class, const char *const *enter, const char *const *arguments,
    void *owner);

/* Kills the process with its children, answers every call that is under way with ECANCELED, frees.  May be called from
 * inside the callbacks. */
void worker_free(struct worker *worker);

/* Posts a call: verb and args (reference stolen); fd (or -1) is duplicated into the message, the caller keeps its own.
 * When no answer has come after deadline_ms the process is killed: all its calls fail with ETIMEDOUT, on_state says why.
 * When the process dies by itself or breaks a frame, its calls fail with ECONNRESET; as with ETIMEDOUT nobody knows then
 * how far it came.  While the worker is down the call fails with EHOSTDOWN, beyond WORKER_CALLS or WORKER_OUTPUT with
 * EAGAIN, a message above CHANNEL_MAX with EMSGSIZE: nothing was done then.  Every answer comes from the loop, never from
 * inside.  reply may be NULL. */
void worker_call(struct worker *worker, const char *verb, json_t *args, int fd, int64_t deadline_ms, worker_reply *reply,
    void *arg);

/* Process id, or -1 while it is down. */
int worker_pid(const struct worker *worker);

/* Where the worker programs are found: $SOLOVIRT_LIBEXEC, else beside this program, else the installed place. */
const char *worker_directory(void);

#endif
