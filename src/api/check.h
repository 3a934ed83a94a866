/*
 * Rules across the fields of an instance's spec: what KubeVirt's webhooks refuse, in words that help.  One file a subject; each
 * function below knows the rules of its subject and tells all that is broken.  The numbers in the comments are those of
 * tests/contract/rules.yaml.
 */
#ifndef SOLOVIRT_API_CHECK_H
#define SOLOVIRT_API_CHECK_H

#include "src/api/domain.h"

/* One check under way: of a whole spec, or of an item of one of its lists. */
struct checking {
	const struct vmi_spec *spec;
	const struct document *document;
	const char *path; /* of what is checked; fields are told below it */
	struct diagnostics *diagnostics;
	bool starts;      /* the spec is of an instance, not the template of something that will make one */
};

/* The field breaks a rule; "" is what is checked itself. */
void complain(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a field that is missing, or that KubeVirt calls otherwise: its line and column are those of "place". */
void complain_as(const struct checking *c, enum cause cause, const char *field, const char *place, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A rule that KubeVirt applies when an instance is made: an error of an instance, a warning of a template. */
void complain_start(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* KubeVirt takes it, but it does not do what its writer may think: a warning. */
void advise(const struct checking *c, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What stands at a field in the document, or NULL: tells a zero from nothing. */
const json_t *written(const struct checking *c, const char *field);

/* True when a text is one of a NULL-terminated list; NULL and "" are not. */
bool is_one_of(const char *text, const char *const *words);
/* True when there is a text with something in it. */
bool is_text(const char *text);

/* The path of a file in a container image; what is wrong is told of "field", at "place". */
bool check_image_path(const struct checking *c, const char *field, const char *place, const char *path);

/* Does something for each item of a list of the spec, with its own path.  The item is "item", its checking "at". */
#define CHECK_EACH(T, item, list, field, function)                                                                         \
	do {                                                                                                                   \
		size_t number_ = 0;                                                                                                \
		SCHEMA_EACH (T, item, list) {                                                                                      \
			g_autofree char *path_ = g_strdup_printf("%s.%s[%zu]", c->path, field, number_++);                             \
			struct checking at = *c;                                                                                       \
			at.path = path_;                                                                                               \
			function(&at, item);                                                                                           \
		}                                                                                                                  \
	} while (0)

/* G16, G17: labels and annotations that an instance may not be given by a user; path is that of the metadata. */
void instance_metadata_check(const struct schema_map *labels, const struct schema_map *annotations,
    const struct document *document, const char *path, struct diagnostics *diagnostics);

/* DV1: the namespaces of a VirtualMachine's templates, when its own is known. */
void vm_namespace_check(const void *object, const struct document *document, struct diagnostics *diagnostics);

/* Rules across the fields of a VirtualMachine's spec. */
void vm_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics);

/* Virtual CPUs, and processors of the host that are reserved (C1 to C15). */
void check_cpu(const struct checking *c);
/* Memory and huge pages (M1 to M8). */
void check_memory(const struct checking *c);
/* Disks, and the order in which devices are booted (D1 to D21, N24). */
void check_disks(const struct checking *c);
/* Volumes (V2 to V15). */
void check_volumes(const struct checking *c);
/* Keys and passwords (A1 to A3). */
void check_credentials(const struct checking *c);
/* Networks and interfaces (N1 to N23). */
void check_network(const struct checking *c);
/* Devices but disks and interfaces (F11 to F18, F24, R1, R2). */
void check_devices(const struct checking *c);
/* Architecture, machine type, firmware, launch security (G3, F1 to F8, L1). */
void check_firmware(const struct checking *c);
/* Enlightenments, clocks, threads for I/O (H1, H2, F10). */
void check_features(const struct checking *c);
/* Start, probes, name servers, placement, accounts (G5 to G19). */
void check_pod(const struct checking *c);

#endif
