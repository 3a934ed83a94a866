/*
 * Where this host's Open vSwitch is: on this machine, found at its own sockets; or on another one, whose database and bridges listen for
 * us (openvswitch of the configuration's hosts).  All but ovs_place_set() may be called on any thread.
 */
#ifndef SOLOVIRT_VIRT_HOST_OVS_PLACE_H
#define SOLOVIRT_VIRT_HOST_OVS_PLACE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* Takes a word of the command line: database=ssl:10.0.0.2:6640, bridges=ssl:10.0.0.2:6653, private-key=FILE, certificate=FILE,
 * ca-cert=FILE, interface=eth1 (each time another one).  Kept by reference; before all others.  False: there is no such word. */
bool ovs_place_set(const char *word);

/* It is on another machine, and we are told where. */
bool ovs_is_remote(void);
/* EOPNOTSUPP where it is on another machine that we know nothing of. */
int ovs_check_known(struct error *err);
/* EOPNOTSUPP where it is on another machine, and what would need files or processes of that; instead says what would be right. */
int ovs_check_local(const char *what, const char *instead, struct error *err);
/* EACCES for an interface of another machine that nobody said may become a port. */
int ovs_check_interface(const char *interface, struct error *err);

/* The words by which ovs-vsctl (database) or ovs-ofctl get there, borrowed; none on this machine. */
void ovs_place_words(bool database, GPtrArray *words);
/* Where the database is, for people. */
const char *ovs_place_database(void);

/* Where a bridge is to be asked that listens there ("pssl:6653:10.0.0.2", or without an address), or NULL when that is not for us.
 * Caller g_free()s. */
char *ovs_place_target(const char *listener);
/* Where a bridge is to listen, the first port that is not among these (int64_t).  NULL: there is none.  Caller g_free()s. */
char *ovs_place_listener(const GArray *ports);
/* The port in "pssl:6653" and what may follow; -1: it is none that listens. */
int64_t ovs_place_port(const char *listener);
/* What a file of ours is told apart by from those of other hosts on this machine, or "".  Caller g_free()s. */
char *ovs_place_suffix(void);

/* Makes the last words of a program about a connection, "... (Connection refused)", a sentence: who does not answer, and what to do.
 * ENOTCONN. */
int ovs_place_explain(const char *who, struct error *err);

#endif
