/*
 * Inside solovirt-host: the connections to one libvirt, the lanes that serve calls, and what the verbs share.
 *
 *   lanes 0..3 of src/base/service.h ── a connection each; run verbs
 *   event loop thread ── libvirt's callbacks, keep-alive, consoles' bytes
 *   teller thread ── asks about the domains that events name, tells the daemon
 *   a thread for each memory dump, and for each volume that is served, with a connection of its own
 *
 * No connection has two threads calling at a time: libvirt 9.0 leaves the others stuck when one meets a hung libvirtd.
 * When a connection is lost the process ends; the daemon starts another, which lists everything again.
 */
#ifndef SOLOVIRT_VIRT_HOST_H
#define SOLOVIRT_VIRT_HOST_H

#include <glib.h>
#include <jansson.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/tree.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/service.h"

enum {
	HOST_LANES = 4,         /* calls at work at a time */
	HOST_CONSOLES = 64,     /* consoles open at a time */
};

/* One request on its way. */
struct host_call {
	struct service_call *request;
	virConnectPtr connection; /* of the lane; borrowed */
	json_t *args;             /* an object; borrowed by the verb */
	int fd;                   /* descriptor that came along, or -1; a verb that keeps it sets -1 */
};

/* A verb's row.  run returns the answer (new reference) or NULL with err. */
struct host_verb {
	const char *name;
	json_t *(*run)(struct host_call *call, struct error *err);
};

/* Each ends with a NULL name. */
extern const struct host_verb host_info_verbs[], host_domain_verbs[], host_start_verbs[],
    host_cpus_verbs[], host_devices_verbs[], host_hotplug_verbs[], host_dump_verbs[], host_agent_verbs[],
    host_volume_verbs[], host_clone_verbs[], host_serve_verbs[], host_folder_verbs[], host_network_verbs[], host_console_verbs[], host_log_verbs[],
    host_secret_verbs[], host_vswitch_verbs[], host_subnet_verbs[], host_guard_verbs[], host_probe_verbs[];

/* --- host.c: connections, lanes, errors; any thread unless it says otherwise -------------------------------------- */

/* The libvirt that this process is for.  Kept by reference; once, before all others. */
void host_init(const char *uri);
/* True when libvirt runs on this machine, so that its files are ours to read. */
bool host_is_local(void);
/* Opens a connection whose loss ends the process.  NULL with err. */
virConnectPtr host_connect(struct error *err);
/* Has a libvirtd that is silent for long end the process, too.  One connection that asks for it is enough for all. */
void host_keep_alive(virConnectPtr connection);
/* Closes one whose loss is not to end the process. */
void host_disconnect(virConnectPtr connection);
/* Runs a verb for src/base/service.h; a connection that is found lost ends the process.  What verbs read about domains is told
 * in order (service_order()): "running" would else be the last word about a guest that has stopped. */
json_t *host_run(struct service_call *request, struct error *err);

/* Records libvirt's last error of this thread as one sentence behind what was tried; returns -1.  A macro, because the
 * getters that a caller takes names from (virDomainGetName ...) forget the error. */
#define host_error(err, ...)											\
	({													\
		virErrorPtr host_error_last = virSaveLastError();						\
		host_error_take(err, host_error_last, __VA_ARGS__);						\
	})
/* Does that with a saved error, and frees it. */
int host_error_take(struct error *err, virErrorPtr last, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A UUID that is always the same for a noun and a name, so that defining twice is defining once.  g_free(). */
char *host_uuid(const char *noun, const char *name);
/* Reads arguments as json_unpack does ("{s:s,s:I}"); EINVAL. */
#define host_args(call, err, ...) service_args((call)->args, err, __VA_ARGS__)

/* --- host_xml.c: reading what libvirt prints ---------------------------------------------------------------------- */

/* Parses XML that libvirt gave; frees text with free().  Free with xmlFreeDoc(). */
xmlDoc *host_xml_take(char *text, struct error *err);
/* Parses XML of the daemon. */
xmlDoc *host_xml_parse(const char *text, struct error *err);
/* Text of the first node that an XPath finds, or NULL.  g_free(). */
char *host_xml_text(xmlDoc *doc, const char *xpath);
/* The same as a number; 0 when there is none. */
int64_t host_xml_number(xmlDoc *doc, const char *xpath);
/* Every node that an XPath finds, in order; never NULL; g_ptr_array_unref(). */
GPtrArray *host_xml_nodes(xmlDoc *doc, const char *xpath);
/* An attribute, or NULL.  g_free(). */
char *host_xml_attribute(const void *node, const char *name);

/* The XML of a domain that is to be defined, completed by what only this host can tell (disk_modes.h; what its versions
 * of libvirt and QEMU want).
 * Caller g_free()s; NULL when a disk asks for what its file system cannot do. */
char *host_fit(virConnectPtr connection, const char *xml, struct error *err);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* --- host_suits.c: cards and the networks that they name ------------------------------------------------------------ */

/* Whether libvirt has the network of an <interface>, of the kind that the card asks for: a card without a <model> is a function of the
 * host's own.  0 also for a device that names no network; -1: ENOENT there is none, EINVAL it is of another kind, ENETDOWN not active. */
int host_network_suits(virConnectPtr connection, xmlNodePtr interface, struct error *err);
/* The same for every card of a domain. */
int host_networks_suit(virConnectPtr connection, const char *xml, struct error *err);

/* --- host_child.c: programs of the host; any thread ----------------------------------------------------------------- */

/* Runs argv[0], looked for where systems keep programs, with input (or nothing, NULL) to read, and waits for its end; past timeout_ms it
 * is killed.  Its exit status, with what it wrote (*output) and the last line that it complained of (*complaint), both g_free(),
 * either may be NULL; -1 with err: ENOENT it is not installed, ETIMEDOUT. */
int host_child_run(const char *const *argv, const char *input, int timeout_ms, char **output, char **complaint, struct error *err);
/* The same, where only status 0 will do: else -1 with EIO and what it complained of. */
int host_child_do(const char *const *argv, const char *input, int timeout_ms, char **output, struct error *err);

/* --- host_dhcp.c: addresses as files that the dnsmasq of a network watches; any thread ----------------------------- */

/* Where a network's entries are, or NULL: libvirt is elsewhere, or its directory is not ours to write.  g_free(). */
char *host_dhcp_directory(const char *network);
/* Makes the directory: it must be there before dnsmasq starts.  0 or -1. */
int host_dhcp_prepare(const char *directory, struct error *err);
/* Replaces entries with the same mac or ip; name may be NULL.  Nothing happens when it is there already.  0 or -1. */
int host_dhcp_set(const char *directory, const char *network, const char *mac, const char *ip, const char *name,
    struct error *err);
/* Removes the entry that has both; no error when there is none. */
int host_dhcp_remove(const char *directory, const char *network, const char *mac, const char *ip, struct error *err);
/* New reference to [{"mac","ip","name"}]; NULL with err. */
json_t *host_dhcp_list(const char *directory, struct error *err);
/* Makes dnsmasq forget what has no file any more. */
void host_dhcp_reload(const char *network);
/* A dnsmasq serves the network.  Only where libvirt is on this machine. */
bool host_dhcp_is_served(const char *network);
/* Tells a "dhcp" loss when the dnsmasq that serves the network now ends; once, however often it is called.  Only where libvirt is on
 * this machine. */
void host_dhcp_watch(const char *network);

/* EINVAL for what is no MAC address. */
int host_dhcp_check_mac(const char *mac, struct error *err);
/* In a line of dnsmasq a number is a time and some words are orders; a guest called so goes without a name. */
bool host_dhcp_is_safe_name(const char *name);
/* Writes a file by a name that dnsmasq does not look at, then renames it: it never sees half a line.  0 or -1. */
int host_dhcp_write(const char *path, const char *line, struct error *err);

/* --- host_dnsmasq.c: processes of dnsmasq by their pid files; any thread -------------------------------------------- */

/* The process, or -1 when it has ended. */
pid_t host_dnsmasq_find(const char *pid_file);
/* Makes it read its files anew and forget what they do not say any more. */
void host_dnsmasq_reload(const char *pid_file);
/* Ends it and waits for its end; no error when it has ended.  0 or -1. */
int host_dnsmasq_stop(const char *pid_file, struct error *err);
/* Tells a loss of that noun (static) and name when the process that there is now ends; once, however often it is called. */
void host_dnsmasq_watch(const char *pid_file, const char *noun, const char *name);

/* --- host_bridge.c -------------------------------------------------------------------------------------------------- */

/* Puts the interfaces of running guests of a network back into its bridge: libvirt leaves them outside when a network that was
 * stopped starts again.  Only where libvirt is on this machine.  How many were outside, or -1. */
int host_bridge_attach(virConnectPtr connection, const char *network, const char *bridge, struct error *err);
/* Removes a bridge that has this MAC and nothing plugged in: what is left of a network whose start libvirtd did not live to end.
 * Only where libvirt is on this machine.  1: it was removed, 0: there is none, it is somebody else's, or something is plugged in; -1. */
int host_bridge_discard(const char *bridge, const char *mac, struct error *err);

/* --- host_domain.c: domains and whose they are -------------------------------------------------------------------- */

/* What our element in a domain's metadata says.  Cleared with host_owner_clear(). */
struct host_owner {
	char *uid, *namespace, *name; /* uid NULL: not ours */
	char *store;                  /* uuid of the store that it was made for; NULL: unknown */
	int64_t epoch;
	json_t *uses;                 /* "uses" of DOMAIN in host_verbs.h */
};
/* Frees its words. */
void host_owner_clear(struct host_owner *owner);
#define HOST_OWNER_AUTO __attribute__((cleanup(host_owner_clear))) struct host_owner

/* Reads it from a domain (0 also when it is not ours; -1: libvirt failed) or from XML of the daemon. */
int host_owner_of(virDomainPtr domain, struct host_owner *owner, struct error *err);
void host_owner_read(xmlDoc *doc, struct host_owner *owner);

/* DOMAIN of host_verbs.h; NULL with err; NULL with err->code 0 when it is not ours. */
json_t *host_domain_describe(virDomainPtr domain, struct error *err);
/* The domain of a name if it is ours and of this uid.  NULL with ENOENT none, ESTALE another uid, EACCES not ours. */
virDomainPtr host_domain_get(virConnectPtr connection, const char *name, const char *uid, struct error *err);
/* Undefines with all that libvirt keeps beside a domain. */
int host_domain_undefine(virDomainPtr domain, struct error *err);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)

/* --- host_volume.c, host_clone.c, host_serve.c: volumes of a pool ----------------------------------------------------------------- */

/* A pool that runs.  NULL with err; ENOENT. */
virStoragePoolPtr host_pool_get(virConnectPtr connection, const char *name, struct error *err);
/* Looks at its directory anew. */
int host_pool_refresh(virStoragePoolPtr pool, struct error *err);
/* The pool's directory when it is on this machine, else NULL.  g_free(). */
char *host_pool_directory(virStoragePoolPtr pool);
enum { HOST_PIECE = 256 << 10 /* most bytes that libvirt has in a message of a stream, or nearly */ };

/* EINVAL for what is no name of a volume or a snapshot. */
int host_volume_check_name(const char *name, struct error *err);
/* NULL with ENOENT when the file is not there even after a fresh look at the directory. */
virStorageVolPtr host_volume_find(virStoragePoolPtr pool, const char *name, struct error *err);
/* VOLUME of volume_verbs.h, what costs nothing; parent is a path.  format: what it is, "raw" or "qcow2": libvirt looks at what is in the file, which
 * of a raw one is its guest's to write.  NULL: as libvirt sees it, for people.  EIO: it is no qcow2.  New reference. */
json_t *host_volume_describe(virStorageVolPtr volume, const char *format, struct error *err);
/* EINVAL for what is neither raw nor qcow2. */
int host_volume_check_format(const char *name, const char *format, struct error *err);
/* Makes it as large as that; never by what is in a raw one. */
int host_volume_set_capacity(virStorageVolPtr volume, const char *format, uint64_t capacity, struct error *err);
/* The file of a snapshot.  g_free(). */
char *host_snapshot_file(const char *volume, const char *snapshot);
/* EIO when those bytes of a volume are not what was written there, in HOST_PIECE at most.  virStreamFinish() of an upload does not tell: libvirt forgets that
 * a write which it had still to do has failed (virFDStreamCloseInt() of its virfdstream.c).  Whoever checks the last bytes of a stream that are no zeros knows
 * of all before: behind the first failure nothing is written. */
int host_volume_check_written(virStorageVolPtr volume, uint64_t at, const char *wanted, size_t length, struct error *err);
bool host_is_zeros(const char *bytes, size_t length);
/* Copies a raw volume elsewhere to a new one that is as large, bit by bit whatever is in it; tells progress. */
int host_serve_copy(struct host_call *call, const char *pool, const char *from, const char *to, struct error *err);
/* Makes the volume NAME of a pool elsewhere a copy of one, or nothing; format: of both.  A qcow2's copy lies over nothing. */
int host_copy_there(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err);
/* The same by libvirt, which believes what is in the source: for a qcow2, whose header is ours. */
int host_copy_by_libvirt(virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err);
/* Removes what was left half made of a copy elsewhere; EBUSY while one is made, by this process or by libvirt for one that died.  To be asked before one
 * is taken for whole. */
int host_copy_settle(virStoragePoolPtr pool, const char *name, struct error *err);
/* All of these; how many are left. */
int host_copy_sweep(virStoragePoolPtr pool);
/* What a volume is known by that is served (src/base/nbd_server.h).  g_free(). */
char *host_volume_word(const char *pool, const char *volume);
/* 0 when it is gone. */
int host_volume_remove(virStoragePoolPtr pool, const char *name, struct error *err);
/* EBUSY while a QEMU has it open.  Only where libvirt is on this machine. */
int host_volume_check_unused(virStorageVolPtr volume, struct error *err);
/* EBUSY too, and ENOTEMPTY while it has snapshots or others lie over it.  Removes what was left half made of it. */
int host_volume_check_unneeded(virStoragePoolPtr pool, const char *name, struct error *err);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVol, virStorageVolFree)

/* --- host_events.c, host_console.c -------------------------------------------------------------------------------- */

/* Registers for events on a connection of its own and starts the teller.  Takes the connection.  Once. */
int host_events_start(virConnectPtr connection, struct error *err);
/* Has the teller tell that what an event's noun and a name say is gone; noun is static, name may be NULL.  Any thread. */
void host_events_loss(const char *noun, const char *name);

/* How long the guest's agent may take for an answer: by default libvirt waits for ever, and a guest could hold our lanes. */
enum { HOST_AGENT_SECONDS = 5 };
/* Sets that limit; failing is no harm where there is no agent. */
void host_agent_limit(virDomainPtr domain);

#endif
