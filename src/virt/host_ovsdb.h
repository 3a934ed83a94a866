/* OVSDB's way to write values, as ovs-vsctl prints them in JSON (RFC 7047, 5.1).  Pure; any thread. */
#ifndef SOLOVIRT_VIRT_HOST_OVSDB_H
#define SOLOVIRT_VIRT_HOST_OVSDB_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The members of a set, ["set",[...]]; a value alone is the only member of one.  New reference. */
json_t *ovsdb_set(json_t *value);
/* The only member of a set, borrowed from it, or NULL. */
json_t *ovsdb_one(json_t *value);
/* That as text, or NULL; caller g_free()s.  As a number, or -1. */
char *ovsdb_string(json_t *value);
int64_t ovsdb_number(json_t *value);
/* A value of ["map",[[key,value],...]], or NULL; caller g_free()s. */
char *ovsdb_map_get(json_t *map, const char *key);
/* external_ids of a row that we made. */
bool ovsdb_is_ours(json_t *external_ids);

#endif
