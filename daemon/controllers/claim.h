/* What the claim and DataVolume controllers share. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_CLAIM_H
#define SOLOVIRT_DAEMON_CONTROLLERS_CLAIM_H

/* Annotations of a claim. */
#define CLAIM_NODE "volume.kubernetes.io/selected-node" /* host that holds its volume */
#define CLAIM_PATH "solovirt.io/path"                   /* of the volume on that host */
#define CLAIM_SOURCE "solovirt.io/source"               /* checksum of what a DataVolume fills it with */
#define CLAIM_POPULATED "solovirt.io/populated"         /* "true": the DataVolume has filled it */
#define CLAIM_RESTORED "solovirt.io/restored"           /* "true": its volume came back from the trash */

#define LOCAL_PROVISIONER "local.solovirt.io"

#endif
