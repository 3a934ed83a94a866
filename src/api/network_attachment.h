/* NetworkAttachmentDefinition (k8s.cni.cncf.io/v1): a network beside the default one, as Multus has them. */
#ifndef SOLOVIRT_API_NETWORK_ATTACHMENT_H
#define SOLOVIRT_API_NETWORK_ATTACHMENT_H

#include <glib.h>
#include <stdbool.h>

#include "src/api/meta.h"

struct error;

enum { VLAN_MOST = 4094 };

struct network_attachment_spec {
	char *config; /* a CNI configuration: JSON as text */
};
struct network_attachment {
	struct object_head head;
	struct network_attachment_spec *spec; /* never NULL */
};

struct vlan_range {
	int first, last;
};

/* By whose ports guests are connected; the word is a CNI plugin's, but for the last, which is ours. */
enum network_type {
	NETWORK_OVS,     /* "ovs": a bridge of Open vSwitch (ovs-cni) */
	NETWORK_BRIDGE,  /* "bridge", "cnv-bridge": a bridge of Linux */
	NETWORK_LIBVIRT, /* "libvirt": a network of the host's libvirt */
	NETWORK_KUBE_OVN, /* "kube-ovn": the Subnet says which bridge */
};
struct network_config {
	enum network_type type;
	char *name;     /* of the bridge, or of libvirt's network; of kube-ovn NULL */
	int vlan;       /* of ovs, for untagged frames, or of a libvirt network whose cards can be tagged; 0: none */
	bool access;    /* of ovs: no other frames than those of vlan, also when that is 0 */
	GArray *trunks; /* of ovs, struct vlan_range: tags that pass as they are; none and no vlan: all */
	int mtu;        /* 0: the bridge's own */
};
/* Reads spec.config; names of keys that mean nothing here are added to ignored (char *, owned by it), which may be NULL.
 * EINVAL says what would be right.  Clear config whatever was returned. */
int network_config_parse(const char *text, struct network_config *config, GPtrArray *ignored, struct error *err);
void network_config_clear(struct network_config *config);

#define NETWORK_RATE_MOST 1000000 /* Mbit in a second */
/* Reads a rate or a burst of an annotation, as Kube-OVN has them: a whole number of Mbit of at most NETWORK_RATE_MOST; "" is 0. */
bool network_rate_parse(const char *text, int64_t *mbit);

extern const struct schema network_attachment_schema;

#endif
