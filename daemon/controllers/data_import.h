/* What a DataImportCron's source holds now. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_DATA_IMPORT_H
#define SOLOVIRT_DAEMON_CONTROLLERS_DATA_IMPORT_H

struct daemon;
struct error;
struct object;

/* The digest of the source: of an image that is named by it, of a file whose checksum is written, of a claim its uid; what else is there is
 * asked (source_probe.h).  1: *digest is the caller's; 0: it is being asked, the cron is looked at again; -1: it is not known, and why. */
int data_import_digest(struct daemon *daemon, const struct object *cron, char **digest, struct error *err);

#endif
