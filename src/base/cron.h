/* Schedules as crontab(5) writes them: five fields, or @hourly, @daily, @weekly, @monthly, @yearly.  Times are UTC. */
#ifndef SOLOVIRT_BASE_CRON_H
#define SOLOVIRT_BASE_CRON_H

#include <stdbool.h>
#include <stdint.h>

struct error;

struct cron {
	uint64_t minutes, hours, days, months, weekdays; /* bit n: the n-th one counts; days and months from 1, Sunday is 0 */
	bool any_day, any_weekday; /* "*": only the other of the two counts; else one of them is enough */
};

/* 0, or -1 with what is wrong and what would be right. */
int cron_parse(const char *text, struct cron *cron, struct error *err);
/* The first time after "after" (ms since 1970) that the schedule names; 0: none within five years, such as 30 February. */
int64_t cron_next(const struct cron *cron, int64_t after);

#endif
