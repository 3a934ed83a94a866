/* Changes to trees.  Inputs are never altered; results are new references that share unchanged parts with no one. */
#ifndef SOLOVIRT_DOCUMENT_PATCH_H
#define SOLOVIRT_DOCUMENT_PATCH_H

#include <jansson.h>

struct error;

/* RFC 7386 JSON Merge Patch. */
json_t *patch_merge(const json_t *target, const json_t *patch);

/* RFC 6902 JSON Patch, at most PATCH_OPERATIONS; NULL with EINVAL (malformed) or ESTALE (a "test" failed). */
enum { PATCH_OPERATIONS = 10000 };
json_t *patch_json(const json_t *target, const json_t *operations, struct error *err);

/*
 * What "kubectl apply" means: last is what the author said before, wanted what he says now, current what is there.
 * Members that he dropped are removed, members that he set are set, members that he never spoke of stay.  Lists are taken
 * whole from wanted when it differs from last, else they stay as they are in current.
 */
json_t *patch_three_way(const json_t *last, const json_t *wanted, const json_t *current);

/* The merge patch that turns from into to; an empty object when they are equal.  New reference. */
json_t *patch_diff(const json_t *from, const json_t *to);

#endif
