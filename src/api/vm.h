/* VirtualMachine (kubevirt.io/v1): a virtual machine that is wanted, running or not. */
#ifndef SOLOVIRT_API_VM_H
#define SOLOVIRT_API_VM_H

#include "src/api/datavolume.h"
#include "src/api/instancetype.h"
#include "src/api/vmi.h"

enum run_strategy { RUN_UNSET, RUN_ALWAYS, RUN_HALTED, RUN_MANUAL, RUN_RERUN_ON_FAILURE, RUN_ONCE };
extern const char *const run_strategy_words[];

struct template_metadata {
	struct schema_map labels, annotations;
	char *name; /* free form in KubeVirt: ignored */
};
struct vmi_template {
	struct template_metadata *metadata; /* may be NULL */
	struct vmi_spec *spec;              /* never NULL */
};
struct data_volume_template {
	struct meta *metadata; /* never NULL */
	struct data_volume_spec *spec;
};
struct vm_spec {
	enum tristate running;
	int run_strategy; /* enum run_strategy */
	struct vmi_template *template;
	struct matcher *instancetype, *preference;
	struct schema_list data_volume_templates; /* struct data_volume_template */
};

enum state_change { STATE_CHANGE_UNSET, STATE_CHANGE_START, STATE_CHANGE_STOP };
struct state_change_request {
	int action; /* enum state_change */
	struct schema_map data;
	char *uid; /* Stop: the instance that is meant */
};
struct start_failure {
	int64_t consecutive_fail_count;
	char *last_failed_vmi_uid;
	int64_t retry_after_timestamp;
};
enum memory_dump_phase { MEMORY_DUMP_UNSET, MEMORY_DUMP_ASSOCIATING, MEMORY_DUMP_IN_PROGRESS, MEMORY_DUMP_UNMOUNTING, MEMORY_DUMP_COMPLETED,
	MEMORY_DUMP_FAILED, MEMORY_DUMP_DISSOCIATING };
extern const char *const memory_dump_phase_words[];
struct memory_dump_request {
	char *claim_name, *file_name, *message;
	int phase; /* enum memory_dump_phase */
	int64_t start_timestamp, end_timestamp;
};
struct vm_status {
	bool created, ready;
	char *printable_status;
	struct schema_list conditions, state_change_requests;
	struct start_failure *start_failure;
	struct memory_dump_request *memory_dump_request;
	struct matcher_status *instancetype_ref, *preference_ref;
	int64_t observed_generation, desired_generation;
	int run_strategy;
};

struct vm {
	struct object_head head;
	struct vm_spec *spec;
	struct vm_status *status;
};

extern const struct schema vm_schema, vm_status_schema, vm_spec_schema, vmi_template_schema, template_metadata_schema;

/* The strategy in force: runStrategy, else running (true: Always, false: Halted), else Halted. */
enum run_strategy vm_run_strategy(const struct vm *vm);

#endif
