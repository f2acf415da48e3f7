/* SPDX-License-Identifier: MIT */
/* Timers of every kind: once, again and again, missed, on processor time. */
#include "guest.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static volatile int alarms, fired, value, code, overruns;
static timer_t timer;

static void on_alarm(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)uc;
	code = info->si_code;
	alarms++;
}

static void on_timer(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)uc;
	fired++;
	value = info->si_value.sival_int;
	code = info->si_code;
	overruns += timer_getoverrun(timer);
}

static int64_t now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void wait_ms(int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

static void burn_until(volatile int *flag, int at_least)
{
	while (*flag < at_least)
		;
}

static void itimers(void)
{
	struct itimerval once = {.it_value = {0, 50000}}, often = {{0, 20000}, {0, 20000}}, off = {0}, old;
	int64_t before;

	say("setitimer");
	handle(SIGALRM, on_alarm, SA_RESTART);
	setitimer(ITIMER_REAL, &once, NULL);
	getitimer(ITIMER_REAL, &old);
	say("  running: %d, once: %d", old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 50000, old.it_interval.tv_usec == 0);
	before = now_ms(CLOCK_MONOTONIC);
	burn_until(&alarms, 1);
	say("  came after 50 ms: %d, code %d", now_ms(CLOCK_MONOTONIC) - before >= 45, code);
	getitimer(ITIMER_REAL, &old);
	say("  over: %ld", (long)old.it_value.tv_usec);
	alarms = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	wait_ms(210);
	setitimer(ITIMER_REAL, &off, &old);
	say("  again and again: %d, interval %ld", alarms >= 9 && alarms <= 10, (long)old.it_interval.tv_usec);
	alarms = 0;
	wait_ms(50);
	say("  off: %d", alarms);
	alarm(1);
	say("  alarm: %u s left", alarm(0));

	once.it_value.tv_usec = 1000000;
	say("  wrong: %s", result(setitimer(ITIMER_REAL, &once, NULL)));
	say("  which: %s", result(syscall(SYS_setitimer, 3, &off, NULL)));

	handle(SIGVTALRM, on_alarm, SA_RESTART);
	handle(SIGPROF, on_alarm, SA_RESTART);
	once.it_value.tv_usec = 20000;
	alarms = 0;
	setitimer(ITIMER_VIRTUAL, &once, NULL);
	wait_ms(60);
	say("  virtual, asleep: %d", alarms);
	burn_until(&alarms, 1);
	say("  virtual, at work: %d", alarms);
	alarms = 0;
	setitimer(ITIMER_PROF, &once, NULL);
	burn_until(&alarms, 1);
	say("  prof: %d", alarms);
}

static long start(clockid_t clock, int notify, int number, int ms, int every_ms, int flags)
{
	struct sigevent e = {.sigev_notify = notify, .sigev_signo = number, .sigev_value.sival_int = 99};
	struct itimerspec v = {{every_ms / 1000, every_ms % 1000 * 1000000L}, {ms / 1000, ms % 1000 * 1000000L}};
	long r = timer_create(clock, &e, &timer);

	if (r != 0)
		return r;
	if (flags) {
		struct timespec now;
		clock_gettime(clock, &now);
		v.it_value.tv_nsec += now.tv_nsec;
		v.it_value.tv_sec += now.tv_sec + v.it_value.tv_nsec / 1000000000;
		v.it_value.tv_nsec %= 1000000000;
	}
	return timer_settime(timer, flags, &v, NULL);
}

static void posix_timers(void)
{
	struct itimerspec left, off = {0}, wrong = {.it_value = {0, 1000000000}};
	int64_t before;

	say("timer_create");
	handle(SIGRTMIN, on_timer, SA_RESTART);
	handle(SIGUSR1, on_timer, SA_RESTART);
	say("  start: %s", result(start(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 50, 0, 0)));
	timer_gettime(timer, &left);
	say("  running: %d", left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 50000000);
	before = now_ms(CLOCK_MONOTONIC);
	while (fired < 1)
		pause();
	say("  after 50 ms: %d, value %d code %d", now_ms(CLOCK_MONOTONIC) - before >= 45, value, code);
	say("  delete: %s", result(timer_delete(timer)));
	say("  again: %s", result(timer_delete(timer)));

	fired = overruns = 0;
	block(SIG_BLOCK, SIGRTMIN);
	start(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN, 10, 10, 0);
	wait_ms(105);
	block(SIG_UNBLOCK, SIGRTMIN);
	timer_settime(timer, 0, &off, &left);
	say("  missed while blocked: signals %d, overruns %d, interval %ld", fired, overruns >= 8, left.it_interval.tv_nsec);
	say("  wrong time: %s", result(timer_settime(timer, 0, &wrong, NULL)));
	timer_delete(timer);

	fired = 0;
	start(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 30, 0, TIMER_ABSTIME);
	wait_ms(60);
	say("  until a time: %d", fired);
	timer_delete(timer);

	fired = 0;
	start(CLOCK_MONOTONIC, SIGEV_NONE, 0, 20, 0, 0);
	timer_gettime(timer, &left);
	wait_ms(40);
	say("  silent: ran %d, told %d", left.it_value.tv_nsec > 0, fired);
	timer_gettime(timer, &left);
	say("  over: %ld", left.it_value.tv_nsec);
	timer_delete(timer);

	fired = 0;
	start(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN, 20, 0, 0);
	wait_ms(60);
	say("  processor time, asleep: %d", fired);
	burn_until(&fired, 1);
	say("  processor time, at work: %d", fired);
	timer_delete(timer);

	say("  no such clock: %s", result(start(77, SIGEV_SIGNAL, SIGRTMIN, 1, 0, 0)));
	say("  no such signal: %s", result(start(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, 1, 0, 0)));
}

static void inherited(void)
{
	struct itimerval v = {.it_value = {5, 0}}, now;

	setitimer(ITIMER_REAL, &v, NULL);
	if (fork() == 0) {
		getitimer(ITIMER_REAL, &now);
		say("a child has none: %ld", (long)(now.it_value.tv_sec + now.it_value.tv_usec));
		_exit(0);
	}
	wait(NULL);
}

static void limited(void)
{
	struct rlimit limit = {1, 2};

	handle(SIGXCPU, on_alarm, 0);
	alarms = 0;
	setrlimit(RLIMIT_CPU, &limit);
	burn_until(&alarms, 1);
	say("RLIMIT_CPU: SIGXCPU");
	burn_until(&alarms, 1000);
}

/* What an absolute time in the past has missed is counted. */
static void from_the_past(void)
{
	struct itimerspec often = {{0, 100000000}, {0, 0}}, off = {0};
	struct timespec now;
	sigset_t set;
	siginfo_t info;

	say("from the past");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	say("  timer_create %s", result(timer_create(CLOCK_REALTIME, &e, &timer)));
	clock_gettime(CLOCK_REALTIME, &now);
	often.it_value = (struct timespec){now.tv_sec - 10, now.tv_nsec};
	say("  timer_settime %s", result(timer_settime(timer, TIMER_ABSTIME, &often, NULL)));
	say("  signal %s", result(sigwaitinfo(&set, &info)));
	say("  missed %d", info.si_overrun >= 100 && info.si_overrun < 105);
	say("  the same %d", timer_getoverrun(timer) == info.si_overrun);
	say("  then in its time %s", result(sigwaitinfo(&set, &info)));
	say("  missed none or few %d", info.si_overrun < 3);
	timer_settime(timer, 0, &off, NULL);
	often.it_interval = (struct timespec){0};
	often.it_value = (struct timespec){0, 1};
	timer_settime(timer, TIMER_ABSTIME, &often, NULL);
	say("  once long ago %s", result(sigwaitinfo(&set, &info)));
	say("  missed %d", info.si_overrun);
	timer_delete(timer);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	struct timespec ts;

	itimers();
	posix_timers();
	inherited();
	say("clock_settime: %d", clock_settime(CLOCK_MONOTONIC, &ts) == -1 && errno == EINVAL);
	in_child("RLIMIT_CPU", limited);
	from_the_past();
	return 0;
}
