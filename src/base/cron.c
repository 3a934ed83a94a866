/* Schedules; see cron.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/base/cron.h"
#include "src/base/error.h"

enum { MINUTE_MS = 60000, YEARS_AHEAD = 5 };

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

/* The five fields, in their order. */
static const struct field {
	const char *name;
	unsigned least, most;
	const char *const *words; /* the first one stands for least */
} fields[] = {
	{ "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day of the month", 1, 31, NULL }, { "month", 1, 12, month_names },
	{ "day of the week", 0, 7, day_names },
};

static const char *const shorthands[][2] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
	{ "@weekly", "0 0 * * 0" }, { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

static int
number_parse(const struct field *field, const char *text, unsigned *value, struct error *err)
{
	char *end;
	guint64 n = g_ascii_strtoull(text, &end, 10);

	for (unsigned i = 0; field->words != NULL && field->words[i] != NULL; i++)
		if (g_ascii_strcasecmp(text, field->words[i]) == 0) {
			*value = field->least + i;
			return 0;
		}
	if (!g_ascii_isdigit(*text) || *end != '\0' || n < field->least || n > field->most)
		return error_set(err, EINVAL, "\"%.20s\" is not a %s: write a number from %u to %u", text, field->name, field->least, field->most);
	*value = (unsigned)n;
	return 0;
}

/* One part of a list: *, N, N-M, each also with /STEP. */
static int
part_parse(const struct field *field, const char *text, uint64_t *bits, struct error *err)
{
	g_auto(GStrv) halves = g_strsplit(text, "/", 2);
	g_auto(GStrv) ends = g_strsplit(halves[0] == NULL ? "" : halves[0], "-", 2);
	bool all = halves[0] != NULL && strcmp(halves[0], "*") == 0, stepped = halves[0] != NULL && halves[1] != NULL;
	static const struct field step_field = { "step", 1, 60, NULL };
	unsigned from = field->least, to = field->most, step = 1;

	if (stepped && number_parse(&step_field, halves[1], &step, err) != 0)
		return -1;
	if (!all && number_parse(field, ends[0] == NULL ? "" : ends[0], &from, err) != 0)
		return -1;
	if (!all && ends[0] != NULL && ends[1] != NULL) {
		if (number_parse(field, ends[1], &to, err) != 0)
			return -1;
	} else if (!all && !stepped) {
		to = from;
	}
	if (to < from)
		return error_set(err, EINVAL, "\"%.20s\" ends before it begins", text);
	for (unsigned n = from; n <= to; n += step)
		*bits |= UINT64_C(1) << n;
	return 0;
}

static int
field_parse(const struct field *field, const char *text, uint64_t *bits, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	*bits = 0;
	for (char **part = parts; *part != NULL; part++)
		if (part_parse(field, *part, bits, err) != 0)
			return -1;
	return 0;
}

int
cron_parse(const char *text, struct cron *cron, struct error *err)
{
	g_auto(GStrv) words = NULL;
	g_autoptr(GPtrArray) written = g_ptr_array_new();
	uint64_t bits[G_N_ELEMENTS(fields)];

	for (size_t i = 0; i < G_N_ELEMENTS(shorthands); i++)
		if (g_ascii_strcasecmp(text, shorthands[i][0]) == 0)
			text = shorthands[i][1];
	words = g_strsplit_set(text, " \t", -1);
	for (char **word = words; *word != NULL; word++)
		if (**word != '\0')
			g_ptr_array_add(written, *word);
	if (written->len != G_N_ELEMENTS(fields))
		return error_set(err, EINVAL, "\"%.60s\" is not a schedule: write minute, hour, day, month and weekday, such as \"0 3 * * *\", or @daily", text);
	for (guint i = 0; i < written->len; i++)
		if (field_parse(&fields[i], written->pdata[i], &bits[i], err) != 0)
			return -1;
	/* Sunday is 0 and 7. */
	bits[4] = (bits[4] | bits[4] >> 7) & 0x7f;
	*cron = (struct cron){ bits[0], bits[1], bits[2], bits[3], bits[4], *(const char *)written->pdata[2] == '*',
		*(const char *)written->pdata[4] == '*' };
	return 0;
}

static bool
has(uint64_t bits, int n)
{
	return (bits >> n & 1) != 0;
}

static bool
is_day(const struct cron *cron, GDateTime *t)
{
	bool day = has(cron->days, g_date_time_get_day_of_month(t)), weekday = has(cron->weekdays, g_date_time_get_day_of_week(t) % 7);

	return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

int64_t
cron_next(const struct cron *cron, int64_t after)
{
	int64_t seconds = (after / MINUTE_MS + 1) * 60, last = seconds + INT64_C(366) * 24 * 3600 * YEARS_AHEAD;

	while (seconds < last) {
		g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(seconds);
		int hour = g_date_time_get_hour(t), minute = g_date_time_get_minute(t);
		if (!has(cron->months, g_date_time_get_month(t)) || !is_day(cron, t))
			seconds += 24 * 3600 - (hour * 3600 + minute * 60);
		else if (!has(cron->hours, hour))
			seconds += 3600 - minute * 60;
		else if (!has(cron->minutes, minute))
			seconds += 60;
		else
			return seconds * 1000;
	}
	return 0;
}
