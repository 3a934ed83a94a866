/* The spool's state and the two things that can be asked of it; see rest_internal.h. */
#include "config.h"

#include "daemon/rest_internal.h"
#include "daemon/spool.h"

/* False after having answered. */
static bool
has_spool(struct rest_call *call)
{
	bool has = call->rest->daemon->spool != NULL;

	if (!has)
		rest_refuse(call, 503, "the spool is not being read");
	return has;
}

void
rest_spool_status(struct rest_call *call)
{
	if (has_spool(call))
		rest_answer_tree(call, 200, spool_status(call->rest->daemon->spool));
}

void
rest_spool_confirm(struct rest_call *call)
{
	if (!has_spool(call))
		return;
	spool_confirm(call->rest->daemon->spool);
	rest_answer_durable(call, 202, NULL);
}

void
rest_spool_sync(struct rest_call *call)
{
	if (!has_spool(call))
		return;
	spool_rescan(call->rest->daemon->spool);
	rest_answer_durable(call, 202, NULL);
}
