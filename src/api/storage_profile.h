/* StorageProfile (cdi.kubevirt.io/v1beta1): what is filled in where a DataVolume's spec.storage says nothing; there is one
 * of the same name for each StorageClass. */
#ifndef SOLOVIRT_API_STORAGE_PROFILE_H
#define SOLOVIRT_API_STORAGE_PROFILE_H

#include "src/api/claim.h"
#include "src/api/storage_class.h"

/* Annotation of a StorageProfile: claims of its class are at least as large. */
#define PROFILE_MINIMUM_SIZE "cdi.kubevirt.io/minimumSupportedPvcSize"
/* Annotation of a StorageClass: how its volumes are cloned. */
#define CLASS_CLONE_STRATEGY "cdi.kubevirt.io/clone-strategy"

struct claim_property_set {
	char **access_modes;
	int volume_mode; /* enum volume_mode */
};
enum clone_strategy { CLONE_UNSET, CLONE_COPY, CLONE_SNAPSHOT, CLONE_CSI };
extern const char *const clone_strategy_words[];
struct storage_profile_spec {
	struct schema_list claim_property_sets; /* struct claim_property_set; empty: those of the driver */
	int clone_strategy;                     /* enum clone_strategy */
	int source_format;                      /* of a DataImportCron: as a claim or a snapshot */
	char *snapshot_class;
};
struct storage_profile_status { /* what holds */
	struct schema_list claim_property_sets;
	int clone_strategy, source_format;
	char *snapshot_class, *provisioner, *storage_class;
};
struct storage_profile {
	struct object_head head;
	struct storage_profile_spec *spec;     /* never NULL */
	struct storage_profile_status *status; /* never NULL */
};

extern const struct schema storage_profile_schema, storage_profile_status_schema;

/* What holds for a class: the profile's spec before the class's annotation before what is known of the driver.  Heap,
 * schema_free(&storage_profile_status_schema, ...). */
struct storage_profile_status *storage_profile_derive(const struct storage_profile *profile, const struct storage_class *class);

/* The class that a claim without one gets, of count: the newest that is annotated as the default of machines' disks (for those
 * only), else the newest default; NULL: there is none. */
const struct storage_class *storage_class_default(const struct storage_class *const *classes, size_t count, bool for_machines);

/* Fills in access modes and volume mode where they are missing, and raises the size to the least that the class has.  archive: its
 * content needs a filesystem.  -1: nothing is known of the class. */
int storage_profile_fill(const struct storage_profile *profile, bool archive, struct claim_spec *spec, struct error *err);

#endif
