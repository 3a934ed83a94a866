/* Run strategies; see vm_plan.h. */
#include "config.h"

#include "daemon/controllers/vm_plan.h"

static enum vm_action
plan_always(const struct vm_situation *s, bool final)
{
	if (!s->exists)
		return VM_START;
	return final || s->request == STATE_CHANGE_STOP ? VM_STOP : VM_KEEP;
}

static enum vm_action
plan_rerun(const struct vm_situation *s, bool final)
{
	if (!s->exists)
		return s->request == STATE_CHANGE_START || s->seen != RUN_RERUN_ON_FAILURE ? VM_START : VM_KEEP;
	if (final)
		return s->phase == VMI_FAILED ? VM_STOP_AND_REQUEST : VM_STOP;
	return s->request == STATE_CHANGE_STOP ? VM_STOP : VM_KEEP;
}

static enum vm_action
plan_manual(const struct vm_situation *s, bool final)
{
	if (!s->exists)
		return s->request == STATE_CHANGE_START ? VM_START : VM_KEEP;
	if (final)
		return s->request != STATE_CHANGE_UNSET ? VM_STOP : VM_KEEP;
	return s->request == STATE_CHANGE_STOP ? VM_STOP : VM_KEEP;
}

static enum vm_action
plan_halted(const struct vm_situation *s, bool final)
{
	(void)final;
	return s->exists ? VM_STOP : VM_KEEP;
}

static enum vm_action
plan_once(const struct vm_situation *s, bool final)
{
	if (!s->exists)
		return VM_START;
	return !final && s->request == STATE_CHANGE_STOP ? VM_STOP : VM_KEEP;
}

enum vm_action
vm_plan(const struct vm_situation *s)
{
	static enum vm_action (*const plans[])(const struct vm_situation *, bool) = {
		[RUN_UNSET] = plan_halted,
		[RUN_ALWAYS] = plan_always,
		[RUN_HALTED] = plan_halted,
		[RUN_MANUAL] = plan_manual,
		[RUN_RERUN_ON_FAILURE] = plan_rerun,
		[RUN_ONCE] = plan_once,
	};

	if (s->exists && s->deleting)
		return VM_KEEP;
	return plans[s->strategy](s, s->phase == VMI_SUCCEEDED || s->phase == VMI_FAILED);
}
