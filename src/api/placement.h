/* Where a machine may run, in Kubernetes' words (core/v1: Affinity, Toleration, TopologySpreadConstraint). */
#ifndef SOLOVIRT_API_PLACEMENT_H
#define SOLOVIRT_API_PLACEMENT_H

#include "src/schema/schema.h"

enum label_operator { LABEL_OPERATOR_UNSET, LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_DOES_NOT_EXIST, LABEL_GT, LABEL_LT };
struct label_requirement {
	char *key;
	int operator; /* enum label_operator; Gt and Lt for nodes only */
	char **values;
};
struct label_selector {
	struct schema_map match_labels;
	struct schema_list match_expressions; /* struct label_requirement */
};

struct node_selector_term {
	struct schema_list match_expressions, match_fields; /* struct label_requirement */
};
struct node_selector {
	struct schema_list node_selector_terms; /* struct node_selector_term: any of them */
};
struct preferred_term {
	int64_t weight; /* 1 to 100 */
	struct node_selector_term *preference;
};
struct node_affinity {
	struct node_selector *required;
	struct schema_list preferred; /* struct preferred_term */
};
struct pod_affinity_term {
	struct label_selector *label_selector, *namespace_selector;
	char *topology_key;
	char **namespaces;
};
struct weighted_pod_affinity_term {
	int64_t weight; /* 1 to 100 */
	struct pod_affinity_term *pod_affinity_term;
};
struct pod_affinity {
	struct schema_list required;  /* struct pod_affinity_term */
	struct schema_list preferred; /* struct weighted_pod_affinity_term */
};
struct affinity {
	struct node_affinity *node_affinity;
	struct pod_affinity *pod_affinity, *pod_anti_affinity;
};

struct toleration {
	char *key, *operator, *value, *effect;
	int64_t toleration_seconds;
};
struct topology_spread {
	int64_t max_skew;
	char *topology_key, *when_unsatisfiable;
	struct label_selector *label_selector;
};

extern const struct schema label_selector_schema;

/* True when labels satisfy a selector; a NULL selector selects nothing, an empty one everything. */
bool label_selector_matches(const struct label_selector *selector, const struct schema_map *labels);

#endif
