/* OVSDB's way to write values (RFC 7047, 5.1); see host_ovsdb.h. */
#include "config.h"

#include <string.h>

#include "src/virt/host_ovsdb.h"

json_t *
ovsdb_set(json_t *value)
{
	if (json_is_array(value) && g_strcmp0(json_string_value(json_array_get(value, 0)), "set") == 0)
		return json_incref(json_array_get(value, 1));
	return json_pack("[O]", value);
}

json_t *
ovsdb_one(json_t *value)
{
	if (json_is_array(value) && g_strcmp0(json_string_value(json_array_get(value, 0)), "set") == 0)
		return json_array_get(json_array_get(value, 1), 0);
	return value;
}

char *
ovsdb_string(json_t *value)
{
	return g_strdup(json_string_value(ovsdb_one(value)));
}

int64_t
ovsdb_number(json_t *value)
{
	json_t *one = ovsdb_one(value);

	return json_is_integer(one) ? json_integer_value(one) : -1;
}

char *
ovsdb_map_get(json_t *map, const char *key)
{
	size_t i;
	json_t *pair;

	json_array_foreach (json_array_get(map, 1), i, pair)
		if (g_strcmp0(json_string_value(json_array_get(pair, 0)), key) == 0)
			return g_strdup(json_string_value(json_array_get(pair, 1)));
	return NULL;
}

bool
ovsdb_is_ours(json_t *map)
{
	g_autofree char *vendor = ovsdb_map_get(map, "vendor");

	return g_strcmp0(vendor, "solovirt") == 0;
}
