/* SPDX-License-Identifier: MIT */
/* sched.c - policies and priorities: what is refused, kept, inherited and shown */
#include "guest.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t min, max, more[4];
};

static long set(struct attr *a, unsigned flags) { return syscall(SYS_sched_setattr, 0, a, flags); }

static void show(const char *when)
{
	struct attr a = {.size = 99};
	struct sched_param p = {.sched_priority = -1};
	long r = syscall(SYS_sched_getattr, 0, &a, 56, 0);

	sched_getparam(0, &p);
	say("%s: %s: policy %u (%x), priority %u %d, nice %d, flags %lx, %u bytes", when, result(r), a.policy,
	    (unsigned)sched_getscheduler(0), a.priority, p.sched_priority, a.nice, (unsigned long)a.flags, a.size);
}

static void policies(void)
{
	static const int policy[] = {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, 4, SCHED_IDLE, 6, 8, -1};

	for (unsigned i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		struct sched_param none = {0}, some = {.sched_priority = 7}, much = {.sched_priority = 100};
		say("%d: %s to %s; with 0 %s, 100 %s, 7 %s", policy[i], result(sched_get_priority_min(policy[i])),
		    result(sched_get_priority_max(policy[i])), result(sched_setscheduler(0, policy[i], &none)),
		    result(sched_setscheduler(0, policy[i], &much)), result(sched_setscheduler(0, policy[i], &some)));
		show("  then");
	}
}

static void attributes(void)
{
	struct attr a = {.size = sizeof(a), .policy = SCHED_BATCH, .nice = 3};

	say("larger: %s", result(set(&a, 0)));
	a.more[3] = 1;
	say("larger and used: %s", result(set(&a, 0)));
	say("known are %u", a.size);
	a = (struct attr){.size = 40};
	say("too small: %s", result(set(&a, 0)));
	say("wrong size, now %u", a.size);
	a = (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 5, .flags = 1};
	say("flags: %s, pid %s, none %s", result(set(&a, 1)), result(syscall(SYS_sched_setattr, -1, &a, 0)), result(set(NULL, 0)));
	say("fifo: %s", result(set(&a, 0)));
	show("reset on fork");
	if (fork() == 0) {
		show("the child");
		_exit(0);
	}
	wait(NULL);
	a = (struct attr){.policy = 99, .flags = 8 | 0x10};
	say("as it is: %s", result(set(&a, 0)));
	show("as it was");
	a = (struct attr){.flags = 0x80};
	say("unknown flag: %s", result(set(&a, 0)));
	a = (struct attr){.policy = 6, .runtime = 5, .deadline = 9};
	say("a deadline too short: %s", result(set(&a, 0)));
	say("getattr: %s %s %s", result(syscall(SYS_sched_getattr, 0, &a, 40, 0)), result(syscall(SYS_sched_getattr, 0, NULL, 56, 0)),
	    result(syscall(SYS_sched_getattr, 0, &a, 56, 1)));
	struct sched_param p = {.sched_priority = 9};
	say("setparam: %s", result(sched_setparam(0, &p)));
	say("no such: %s", result(sched_setparam(1 << 29, &p)));
	show("nine");
}

static void of_io(void)
{
	say("io: %s", result(syscall(SYS_ioprio_get, 1, 0)));
	say("best effort 5: %s", result(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5)));
	say("io: %s", result(syscall(SYS_ioprio_get, 1, 0)));
	say("no class: %s, none with a level: %s, idle: %s", result(syscall(SYS_ioprio_set, 1, 0, 4 << 13)),
	    result(syscall(SYS_ioprio_set, 1, 0, 3)), result(syscall(SYS_ioprio_set, 1, 0, 3 << 13)));
	say("who: %s %s", result(syscall(SYS_ioprio_get, 0, 0)), result(syscall(SYS_ioprio_get, 1, 1 << 29)));
}

int main(void)
{
	struct rlimit none = {0, 0};

	/* What a plain user may not, root may: both where the rlimit says nothing. */
	if (setrlimit(RLIMIT_RTPRIO, &none) != 0)
		return 1;
	show("at first");
	policies();
	attributes();
	of_io();
	return 0;
}
