/*
 * Open vSwitch of this host (host_ovs_place.h), as its own programs see it: what its database says, changes of it, flow tables.
 *
 * What we made carries external_ids:vendor=solovirt; a guest's port carries what libvirt writes there (attached-mac, vm-id).
 * All functions may be called on any thread and wait, at most OVS_SECONDS.
 */
#ifndef SOLOVIRT_VIRT_HOST_OVS_H
#define SOLOVIRT_VIRT_HOST_OVS_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/virt/host_ovs_place.h"

struct error;

enum { OVS_SECONDS = 15 };
enum { OVS_VLAN_MOST = 4094 };

#define OVS_MARK "external_ids:vendor=solovirt"
#define OVS_SUBNET "solovirt-subnet"

/* A row of Bridge. */
struct ovs_bridge {
	char *name;
	bool ours;
	bool netdev; /* in user space */
	bool works;  /* ovs-vswitchd could make it */
	char *target;     /* where ovs-ofctl finds it; NULL: on another machine, and it does not listen for us */
	GPtrArray *stale; /* char *: uuids of our rows of Controller by which it listens for nobody */
};

/* A row of Interface, with what its port says. */
struct ovs_port {
	char *name;
	const char *bridge; /* borrowed from the bridge */
	bool ours;
	char *subnet;       /* whose DHCP server listens on it, or NULL */
	char *mac, *vm;     /* of the guest it belongs to and the uuid of its domain, or NULL */
	char *error;        /* what ovs-vswitchd says is wrong, or NULL */
	int64_t number;     /* OpenFlow's, or -1 */
	int64_t tag;        /* VLAN, or -1 */
	int64_t mtu;        /* or -1 */
	GArray *trunks;     /* int64_t, ascending */
};

/* What the database says; bridges: struct ovs_bridge *, ports: struct ovs_port *. */
struct ovs {
	GPtrArray *bridges, *ports;
	GHashTable *guests; /* the ports of guests by domain and MAC */
	GArray *listening;  /* int64_t: ports of TCP that bridges listen at */
};

/* What ovs-vsctl prints for its words "--columns=A,B", "list", TABLE and so on, in JSON, one line a table; from the database's socket, as
 * the program takes longer to start than to ask.  NULL: let ovs-vsctl say what is wrong.  Caller g_free()s. */
char *ovs_socket_list(const char *const *words);
/* What is to be read of a table: "--columns=_uuid,name,...". */
struct ovs_table {
	const char *name, *columns;
};
/* Reads tables as of one moment: [{"data":[[value of each column, ...] of each row, ...]}, ...], values as host_ovsdb.h has them.  NULL
 * with err as ovs_read(). */
json_t *ovs_list(const struct ovs_table *tables, size_t count, struct error *err);

/* Reads it.  NULL with err: ENOENT not installed, ENOTCONN it does not run. */
struct ovs *ovs_read(struct error *err);
void ovs_free(struct ovs *ovs);
/* For a variable that is freed at the end of its block. */
static inline void
ovs_free_pointer(struct ovs **ovs)
{
	ovs_free(*ovs);
}
#define OVS_AUTO __attribute__((cleanup(ovs_free_pointer))) struct ovs

/* Rows by name, or NULL. */
struct ovs_bridge *ovs_find_bridge(const struct ovs *ovs, const char *name);
struct ovs_port *ovs_find_port(const struct ovs *ovs, const char *name);
/* The port of a domain, by its uuid, with a MAC in upper or lower case; or NULL. */
struct ovs_port *ovs_find_guest(const struct ovs *ovs, const char *vm, const char *mac);

/* EINVAL for what cannot be a device's name: what says what it is for. */
int ovs_check_name(const char *what, const char *name, struct error *err);
/* The same for a VLAN. */
int ovs_check_vlan(int64_t vlan, struct error *err);

/* A transaction in the making: commands of ovs-vsctl, from "--" on. */
GPtrArray *ovs_changes_new(void);
/* Adds a command, word by word up to NULL. */
void ovs_change(GPtrArray *changes, ...) __attribute__((sentinel));
/* Does all of it or nothing, and waits until ovs-vswitchd has followed.  Nothing happens without commands.  0 or -1; that it
 * could be done does not say that devices were found: read back. */
int ovs_commit(GPtrArray *changes, struct error *err);

/* Stands for a bridge among the words of ovs_control(). */
#define OVS_BRIDGE "{bridge}"
/* Runs ovs-ofctl, or ovs-appctl where it is on this machine, with words up to NULL.  Waits for a bridge that is being made.  0 or -1:
 * ENOTCONN it does not answer */
int ovs_control(const struct ovs_bridge *bridge, const char *const *words, const char *input, char **output, struct error *err);
/* Sets the device of a port up.  0 or -1 */
int ovs_raise(const struct ovs_bridge *bridge, const char *port, struct error *err);
/* Keeps a connection to a bridge of another machine for so many seconds.  False: it broke, as it does when ovs-vswitchd ends. */
bool ovs_hold(const struct ovs_bridge *bridge, int seconds);

#endif
