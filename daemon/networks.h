/* Which network an interface is plugged into: the default one, or that of a NetworkAttachmentDefinition. */
#ifndef SOLOVIRT_DAEMON_NETWORKS_H
#define SOLOVIRT_DAEMON_NETWORKS_H

#include "daemon/daemon.h"
#include "net/subnet.h"
#include "src/api/network_attachment.h"
#include "src/api/vmi.h"

struct error;

/* A segment begins so when it is no network of libvirt's: their names have no space. */
#define SEGMENT_BRIDGE "bridge "

/* Where an interface is plugged in. */
struct attachment {
	char *segment;                /* the ledger's network: what shares a wire, and must not share a MAC */
	bool own;                     /* the default network, whose addresses are ours */
	bool bridge;                  /* config says which; else segment is a network of libvirt */
	struct network_config config;
	bool addressed;               /* guests have addresses of ours, of subnet */
	struct subnet subnet;
	const struct object *of;      /* the Subnet whose addresses these are; borrowed until the turn ends; or NULL */
	GPtrArray *providers;         /* char *: what its annotations begin with, the strongest first */
};

/*
 * Finds the network of an interface of an instance.  ENOENT: its NetworkAttachmentDefinition does not exist, or a Subnet, Vlan or
 * ProviderNetwork that it needs; EINVAL: what one of them says cannot be used; EOPNOTSUPP: the binding is none for it.  Clear attachment
 * whatever was returned.
 */
int network_find(struct daemon *daemon, const struct object *instance, const struct interface *interface,
    struct attachment *attachment, struct error *err);
/* The segment of what a NetworkAttachmentDefinition says, or NULL when that is left to a Subnet.  Caller g_free()s. */
char *network_segment(const struct network_config *config);
void attachment_clear(struct attachment *attachment);
#define ATTACHMENT_AUTO __attribute__((cleanup(attachment_clear))) struct attachment

/* Namespace and name of the NetworkAttachmentDefinition that a network names, "[namespace/]name"; NULL: it names none.  Caller
 * g_free()s both. */
char *network_attachment_name(const struct network *network, const char *namespace, char **in);

#endif
