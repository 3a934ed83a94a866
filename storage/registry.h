/*
 * Container images in a registry: the OCI distribution protocol.  Source: opencontainers/distribution-spec, spec.md;
 * distribution/distribution, docs/spec/auth/token.md; RFC 9110, 11.6.1.
 *
 *   name --> manifest (of an index the one for the machine) --> layers, streamed one after the other
 *                 ^--- 401: WWW-Authenticate --> token ---^
 *
 * registry.c has what needs no network; registry_pull.c, in the worker only, has the requests.
 */
#ifndef SOLOVIRT_STORAGE_REGISTRY_H
#define SOLOVIRT_STORAGE_REGISTRY_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/fetch.h"
#include "storage/layers.h"

/* A name's parts.  Clear with registry_reference_clear(). */
struct registry_reference {
	char *authority; /* host, or host:port, that is asked */
	char *name;      /* of the repository there */
	char *tag;       /* or NULL: there is a digest */
	char *digest;    /* "sha256:hex", or NULL; it wins over a tag */
	char *shown;     /* all of it, for messages; without secrets */
};

/*
 * Parses "docker://REGISTRY/NAME[:TAG][@DIGEST]"; no registry: Docker Hub, as everywhere; no tag: latest.  EINVAL says what is wrong,
 * for oci-archive: too, which is a file of this machine.
 */
int registry_reference_parse(const char *url, struct registry_reference *result, struct error *err);
void registry_reference_clear(struct registry_reference *r);

/* True for a host that is this machine: what is said to it needs no encryption. */
bool registry_is_loopback(const char *authority);

/* What a server wants before it answers.  Clear with registry_challenge_clear(). */
struct registry_challenge {
	bool bearer;                   /* a token of realm; else basic authentication */
	char *realm, *service, *scope; /* or NULL */
};

/* Reads the value of a WWW-Authenticate header: the first of its challenges that can be met, Bearer before Basic.  False: none. */
bool registry_challenge_parse(const char *value, struct registry_challenge *result);
void registry_challenge_clear(struct registry_challenge *c);

/* The one of an index's manifests for a machine ("amd64"), or NULL.  One that tells no platform is for all. */
const json_t *registry_choose(const json_t *index, const char *architecture);
/* What a manifest or an index has as "digest": "sha256:hex", or NULL when it is of another kind. */
const char *registry_digest(const json_t *descriptor);
/* The layers of a manifest, the lowest first; their strings are the manifest's.  g_free() *layers.  EINVAL for what is no image. */
int registry_layers(const json_t *manifest, struct layer **layers, size_t *count, struct error *err);
/* This machine's name for images, such as "amd64". */
const char *registry_architecture(void);

struct registry;

/* request: credentials, certificates and patience; its url is not looked at.  Both are borrowed until registry_free(). */
struct registry *registry_new(const struct registry_reference *image, const struct fetch_request *request);
void registry_free(struct registry *registry);
/*
 * The digest of what the image's name means now, of an index that of the index.  g_free() *digest.
 * ENOENT: there is no such image; EACCES: the credentials will not do; EINVAL: it answers something that is no image; else as
 * fetch_stream().  Blocks.
 */
int registry_resolve(struct registry *registry, char **digest, struct error *err);
/* As layers_read(), for the image's layers; all that is read has its digest.  architecture: NULL for this machine's.  Blocks. */
int registry_read(struct registry *registry, const char *architecture, const char *file, int64_t limit, unpack_sink *sink,
    layers_progress *progress, void *arg, struct error *err);

#endif
