/* accessCredentials that the guest's agent takes over while the guest runs: keys of users and passwords, again whenever their Secrets change.
 * What is in a Secret goes to the worker and nowhere else.  Loop thread. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_CREDENTIALS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_CREDENTIALS_H

#include "daemon/controllers/vmi.h"

struct credentials;

/* None has been handed over yet; credentials_free() it. */
struct credentials *credentials_new(struct daemon *daemon);
void credentials_free(struct credentials *credentials);

/* The instance's agent is connected: hands over what it has not got yet, and tells how that went in the condition
 * AccessCredentialsSynchronized. */
void credentials_follow(struct credentials *credentials, const struct object *object, struct host *host);
/* The instance is gone. */
void credentials_forget(struct credentials *credentials, const char *uid);

/* The Secret behind an access credential, or NULL. */
const char *credential_secret_name(const struct access_credential *credential);

#endif
