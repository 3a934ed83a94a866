/* Time; see clock.h. */
#include "config.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/clock.h"

static int64_t
read_ms(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t
clock_monotonic_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

char *
clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
	return text;
}

/* GLib takes all of ISO 8601; RFC 3339 leaves one form: "2026-01-31T08:30:00", a fraction or none, a zone. */
static bool
is_rfc3339(const char *text)
{
	static const char shape[] = "0000-00-00T00:00:00", zone[] = "00:00";

	for (const char *s = shape; *s != '\0'; s++, text++)
		if (*s == '0' ? !g_ascii_isdigit(*text) : *text != *s)
			return false;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	if (*text == 'Z')
		return text[1] == '\0';
	if (*text != '+' && *text != '-')
		return false;
	text++;
	for (const char *s = zone; *s != '\0'; s++, text++)
		if (*s == '0' ? !g_ascii_isdigit(*text) : *text != *s)
			return false;
	return *text == '\0';
}

int64_t
clock_parse(const char *text)
{
	if (!is_rfc3339(text))
		return -1;
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);

	if (time == NULL)
		return -1;
	return g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
}

/* Up to "under" seconds an age is told as "big" units and, where "small" is not 0, the rest in "small" units. */
static const struct {
	int64_t under;
	int64_t big;
	char big_letter;
	int64_t small;
	char small_letter;
} ages[] = {
	{ 120, 1, 's', 0, 0 },
	{ 600, 60, 'm', 1, 's' },
	{ 3 * 3600, 60, 'm', 0, 0 },
	{ 8 * 3600, 3600, 'h', 60, 'm' },
	{ 48 * 3600, 3600, 'h', 0, 0 },
	{ 8 * 86400, 86400, 'd', 3600, 'h' },
	{ 2 * 365 * 86400, 86400, 'd', 0, 0 },
	{ INT64_C(8) * 365 * 86400, 365 * 86400, 'y', 86400, 'd' },
	{ INT64_MAX, 365 * 86400, 'y', 0, 0 },
};

char *
clock_age(int64_t age_ms, char text[CLOCK_TEXT_SIZE])
{
	int64_t s = age_ms < 0 ? 0 : age_ms / 1000, rest;
	size_t i = 0;

	while (s >= ages[i].under)
		i++;
	rest = ages[i].small == 0 ? 0 : s % ages[i].big / ages[i].small;
	if (rest == 0)
		snprintf(text, CLOCK_TEXT_SIZE, "%lld%c", (long long)(s / ages[i].big), ages[i].big_letter);
	else
		snprintf(text, CLOCK_TEXT_SIZE, "%lld%c%lld%c", (long long)(s / ages[i].big), ages[i].big_letter,
		    (long long)rest, ages[i].small_letter);
	return text;
}
