/* Sets of processors; see cpuset.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/base/cpuset.h"
#include "src/base/error.h"

static const char example[] = "write numbers and ranges, such as 0-3,8";

/* Digits at *at; -1 when there are none, or too many. */
static int
read_number(const char **at)
{
	int number = 0;

	if (!g_ascii_isdigit(**at))
		return -1;
	for (; g_ascii_isdigit(**at); ++*at) {
		number = number * 10 + (**at - '0');
		if (number > CPUSET_MOST)
			number = CPUSET_MOST;
	}
	return number;
}

static int
read_part(const char **at, struct cpuset *set, struct error *err)
{
	bool out = **at == '^';
	int first, last;

	if (out)
		++*at;
	first = last = read_number(at);
	if (first >= 0 && **at == '-') {
		++*at;
		last = read_number(at);
	}
	if (first < 0 || last < 0)
		return error_set(err, EINVAL, "is no set of processors: %s", example);
	if (first >= CPUSET_MOST || last >= CPUSET_MOST)
		return error_set(err, ERANGE, "names a processor above %d", CPUSET_MOST - 1);
	if (last < first)
		return error_set(err, EINVAL, "has the range %d-%d, which ends before it begins", first, last);
	for (int i = first; i <= last; i++)
		(out ? cpuset_remove : cpuset_add)(set, i);
	return 0;
}

int
cpuset_parse(const char *text, struct cpuset *set, struct error *err)
{
	struct cpuset made = { 0 };
	const char *at = text;

	while (*at != '\0') {
		if (read_part(&at, &made, err) < 0)
			return -1;
		if (*at == ',' && at[1] != '\0')
			at++;
		else if (*at != '\0')
			return error_set(err, EINVAL, "is no set of processors: %s", example);
	}
	*set = made;
	return 0;
}

char *
cpuset_format(const struct cpuset *set)
{
	GString *out = g_string_new(NULL);

	for (int first = 0, last; first < CPUSET_MOST; first = last + 1) {
		last = first;
		if (!cpuset_has(set, first))
			continue;
		while (cpuset_has(set, last + 1))
			last++;
		g_string_append_printf(out, "%s%d", out->len > 0 ? "," : "", first);
		if (last > first)
			g_string_append_printf(out, "-%d", last);
	}
	return g_string_free(out, FALSE);
}

static bool
is_number(int64_t cpu)
{
	return cpu >= 0 && cpu < CPUSET_MOST;
}

void
cpuset_add(struct cpuset *set, int64_t cpu)
{
	if (is_number(cpu))
		set->words[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

void
cpuset_remove(struct cpuset *set, int64_t cpu)
{
	if (is_number(cpu))
		set->words[cpu / 64] &= ~(UINT64_C(1) << cpu % 64);
}

bool
cpuset_has(const struct cpuset *set, int64_t cpu)
{
	return is_number(cpu) && (set->words[cpu / 64] >> cpu % 64 & 1) != 0;
}

size_t
cpuset_count(const struct cpuset *set)
{
	size_t count = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(set->words); i++)
		count += (size_t)__builtin_popcountll(set->words[i]);
	return count;
}
