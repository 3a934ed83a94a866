/* What Secrets, ConfigMaps and metadata become on a host: images that a guest reads, and directories that it shares and
 * that follow them while it runs.  Loop thread. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VMI_MEDIA_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VMI_MEDIA_H

#include "daemon/controllers/vmi.h"
#include "daemon/job.h"
#include "storage/seed.h"

/* A Secret of a namespace, or NULL. */
const struct secret *media_secret(struct daemon *daemon, const char *namespace, const char *name);
/* The bytes as a file that nobody else can open; -1 with err. */
int media_file(const GByteArray *bytes, struct error *err);

/* The step that puts the image of a volume into the pool as a file; 1, or -1 with err. */
int media_step(struct daemon *daemon, const struct vmi *vmi, const struct volume *v, const char *file, struct job_step *step,
    struct error *err);
/* Bytes of that image; 0 when what it is made of is not there any more. */
int64_t media_size(struct daemon *daemon, const struct vmi *vmi, const struct volume *v);

/* How the directory of a volume is called in the pool.  g_free(). */
char *folder_name(const char *uid, const struct volume *v);
/* The step that fills the directory of a volume; 1, or -1 with err. */
int folder_step(struct daemon *daemon, const struct vmi *vmi, const struct volume *v, struct job_step *step, struct error *err);

/* Which directories the guests share have been brought up to date; folders_free() it. */
struct folders;
struct folders *folders_new(struct daemon *daemon);
void folders_free(struct folders *folders);
/* The guest runs: fills its directories anew when what they are made of has changed.  What is not there any more stays. */
void folders_follow(struct folders *folders, const struct object *object, struct host *host);
/* The instance is gone. */
void folders_forget(struct folders *folders, const char *uid);

#endif
