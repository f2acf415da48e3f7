/* SPDX-License-Identifier: MIT */
/* Time as Carrel gives it: it begins on New Year's day 2026, nobody's sleep costs any of it but his
 * own, and an instruction takes a nanosecond. For Carrel only. */
#include "guest.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static int64_t ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t slept(clockid_t clock, int64_t for_ns)
{
	struct timespec ts = {for_ns / 1000000000, for_ns % 1000000000};
	int64_t before = ns(clock);

	nanosleep(&ts, NULL);
	return ns(clock) - before;
}

int main(void)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
	time_t now = time(NULL);
	struct tm tm;
	struct timeval tv;
	struct timespec res;
	int64_t a, b;

	gmtime_r(&now, &tm);
	say("it is %04d-%02d-%02d %02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
	gettimeofday(&tv, NULL);
	say("gettimeofday agrees %d", tv.tv_sec - now <= 1);
	say("just started %d", ns(CLOCK_MONOTONIC) < 1000000000);
	for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int coarse = clocks[i] == CLOCK_REALTIME_COARSE || clocks[i] == CLOCK_MONOTONIC_COARSE;
		clock_getres(clocks[i], &res);
		a = slept(clocks[i], 3000000000);
		say("clock %d: resolution %ld, a sleep of 3 s takes that %d", (int)clocks[i], res.tv_nsec, a >= 3000000000 - 4000000 * coarse && a < 3000000000 + 4000000 * coarse + 100000);
	}
	a = ns(CLOCK_PROCESS_CPUTIME_ID);
	slept(CLOCK_MONOTONIC, 5000000000);
	b = ns(CLOCK_PROCESS_CPUTIME_ID);
	say("a sleep takes no processor time %d", b - a < 100000);
	a = ns(CLOCK_MONOTONIC);
	for (volatile int i = 0; i < 1000000; i++)
		;
	b = ns(CLOCK_MONOTONIC) - a;
	say("a million rounds take millions of instructions %d", b >= 2000000 && b < 20000000);
	a = ns(CLOCK_THREAD_CPUTIME_ID);
	say("thread and process agree %d", ns(CLOCK_PROCESS_CPUTIME_ID) - a < 100000);
	say("a year is over at once %d", slept(CLOCK_REALTIME, 31536000000000000) >= 31536000000000000);
	now = time(NULL);
	gmtime_r(&now, &tm);
	say("it is %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	say("the clock cannot be set: %s", result(clock_settime(CLOCK_REALTIME, &res)));
	return 0;
}
