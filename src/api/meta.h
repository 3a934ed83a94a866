/* What every object has: metadata, conditions, references (Kubernetes' meta/v1 and core/v1). */
#ifndef SOLOVIRT_API_META_H
#define SOLOVIRT_API_META_H

#include <stdbool.h>
#include <stdint.h>

#include "src/schema/schema.h"

struct owner_reference {
	char *api_version, *kind, *name, *uid;
	bool controller, block_owner_deletion;
};

struct meta {
	char *name, *namespace, *generate_name, *uid, *resource_version;
	int64_t generation;
	int64_t creation_timestamp, deletion_timestamp; /* ms since 1970; 0: absent */
	int64_t deletion_grace_period_seconds;
	struct schema_map labels, annotations;
	char **finalizers;
	struct schema_list owner_references; /* struct owner_reference */
};

/* The head of every kind's struct: what the store and generic code see of an object. */
struct object_head {
	char *api_version, *kind;
	struct meta *meta; /* never NULL */
};

struct condition {
	char *type, *status, *reason, *message;
	int64_t last_probe_time, last_transition_time;
};

struct local_object_reference {
	char *name;
};

extern const struct schema object_meta_schema;
extern const struct schema condition_schema;
extern const struct schema local_object_reference_schema;

/* Sets a condition in a list of struct condition (added when new); the transition time moves only when the status does.
 * reason and message may be NULL.  True when anything changed. */
bool condition_set(struct schema_list *conditions, const char *type, bool status, const char *reason, const char *message,
    int64_t now);
bool condition_remove(struct schema_list *conditions, const char *type);
const struct condition *condition_find(const struct schema_list *conditions, const char *type);
bool condition_is_true(const struct schema_list *conditions, const char *type);

/* Names by their rules (RFC 1123; kubernetes.io/docs/concepts/overview/working-with-objects/names): 0, or -1 and why not. */
int check_dns_label(const char *text, struct error *err);
int check_dns_subdomain(const char *text, struct error *err);
int check_label_name(const char *text, struct error *err); /* also annotation keys: prefix/name */
int check_label_value(const char *text, struct error *err);
int check_base64(const char *text, struct error *err); /* never quotes the text: it may be a secret */
int check_config_key(const char *text, struct error *err); /* data keys: [-._a-zA-Z0-9]+ */
int check_mac(const char *text, struct error *err);
/* Fields that Kube-OVN writes empty when there is nothing to say. */
int check_mac_or_nothing(const char *text, struct error *err);
int check_ipv4_or_nothing(const char *text, struct error *err);
int check_ipv6_or_nothing(const char *text, struct error *err);
int check_uuid(const char *text, struct error *err);
int check_absolute_path(const char *text, struct error *err);
int check_pci_address(const char *text, struct error *err);
/* One of a short list (NULL-terminated) that is kept as text, because libvirt's words are the same. */
int check_word(const char *text, const char *const *words, struct error *err);
#define CHECK_WORD(id, ...)                                                                                                \
	int id(const char *text, struct error *err)                                                                            \
	{                                                                                                                      \
		static const char *const words[] = { __VA_ARGS__, NULL };                                                          \
		return check_word(text, words, err);                                                                               \
	}
int check_subnet(const char *text, struct error *err); /* IPv4, from /8 to /30, no bits behind the prefix */

#endif
