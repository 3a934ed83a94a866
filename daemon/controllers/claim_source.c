/* What a claim's volume is cloned from; see claim.h. */
#include "config.h"

#include "daemon/controllers/claim.h"

int
claim_source(struct daemon *daemon, const struct object *object, const struct volume_driver *driver, struct claim_source *source,
    struct error *err)
{
	(void)daemon;
	(void)object;
	(void)driver;
	(void)err;
	*source = (struct claim_source){ 0 };
	return 0;
}

void
claim_source_clear(struct claim_source *source)
{
	json_decref(source->record);
	*source = (struct claim_source){ 0 };
}
