/* What to do about a machine's instance: KubeVirt's run strategies as a pure decision (fact sheet, section 2.2). */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VM_PLAN_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VM_PLAN_H

#include <stdbool.h>

#include "src/api/vm.h"

struct vm_situation {
	enum run_strategy strategy;
	enum run_strategy seen;      /* strategy at the last look */
	enum state_change request;   /* first request that still means something */
	bool exists, deleting;       /* the instance */
	enum vmi_phase phase;
};

enum vm_action {
	VM_KEEP,             /* nothing to do */
	VM_START,            /* make an instance */
	VM_STOP,             /* delete the instance */
	VM_STOP_AND_REQUEST, /* delete it, and remember that a start is wanted */
};

enum vm_action vm_plan(const struct vm_situation *situation);

#endif
