/* SPDX-License-Identifier: MIT */
/* sys_time.c - clocks, sleeping, and timers
 *
 * All time is virtual: an instruction takes a nanosecond, and what nobody uses passes at once.
 * REALTIME is the fixed epoch plus that; TAI has no leap seconds, as Linux until it is told some.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

static const uint64_t SECOND = UINT64_C(1000000000);
static const uint64_t TICK = UINT64_C(10000000);  /* of times(): USER_HZ is 100 */
static const uint64_t COARSE = UINT64_C(4000000); /* of the coarse clocks: HZ is 250 */

enum { ABSOLUTE = 1 }; /* TIMER_ABSTIME */

/* What a clock id says. */
struct clock {
	enum { CLOCK_KIND_REAL, CLOCK_KIND_BOOT, CLOCK_KIND_CPU } kind;
	bool coarse, sleeps, wakes;
	const uint64_t *retired; /* CPU */
	struct process *process; /* CPU of a whole process */
};

/* A negative id names the processor-time clock of a process or thread. */
static int clock_of_task(struct task *t, int32_t id, struct clock *ret_clock)
{
	enum { PER_THREAD = 4 };
	struct kernel *k = t->process->kernel;
	int32_t pid = ~(id >> 3);

	if ((id & 3) == 3)
		return -EINVAL;
	*ret_clock = (struct clock){.kind = CLOCK_KIND_CPU};
	if (id & PER_THREAD) {
		struct task *of = pid ? task_find(k, pid) : t;
		if (!of || of->process != t->process)
			return -EINVAL;
		ret_clock->retired = &of->retired;
	} else {
		struct process *p = pid ? process_find(k, pid) : t->process;
		if (!p)
			return -EINVAL;
		ret_clock->process = p;
		ret_clock->retired = &p->retired;
	}
	return 0;
}

static int clock_find(struct task *t, uint64_t id, struct clock *ret_clock)
{
	struct clock c = {.kind = CLOCK_KIND_BOOT};

	switch ((int32_t)id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		c.kind = CLOCK_KIND_REAL;
		c.sleeps = true;
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		c.sleeps = true;
		break;
	case CLOCK_MONOTONIC_RAW:
		break;
	case CLOCK_REALTIME_COARSE:
		c.kind = CLOCK_KIND_REAL;
		c.coarse = true;
		break;
	case CLOCK_MONOTONIC_COARSE:
		c.coarse = true;
		break;
	case CLOCK_PROCESS_CPUTIME_ID:
		c.kind = CLOCK_KIND_CPU;
		c.process = t->process;
		c.retired = &t->process->retired;
		break;
	case CLOCK_THREAD_CPUTIME_ID:
		c.kind = CLOCK_KIND_CPU;
		c.retired = &t->retired;
		break;
	default:
		return (int32_t)id < 0 ? clock_of_task(t, (int32_t)id, ret_clock) : -EINVAL;
	}
	c.wakes = (int32_t)id == CLOCK_REALTIME_ALARM || (int32_t)id == CLOCK_BOOTTIME_ALARM;
	*ret_clock = c;
	return 0;
}

static uint64_t clock_now(const struct task *t, const struct clock *c)
{
	const struct kernel *k = t->process->kernel;
	uint64_t ns = c->kind == CLOCK_KIND_CPU ? *c->retired : c->kind == CLOCK_KIND_REAL ? kernel_realtime(k) : kernel_now(k);

	return c->coarse ? ns - ns % COARSE : ns;
}

int64_t sys_clock_gettime(struct task *t, const uint64_t a[6])
{
	struct clock c;
	int r = clock_find(t, a[0], &c);

	return r ? r : timespec_write(t, a[1], clock_now(t, &c));
}

int64_t sys_clock_getres(struct task *t, const uint64_t a[6])
{
	struct clock c;
	int r = clock_find(t, a[0], &c);

	if (r || !a[1])
		return r;
	return timespec_write(t, a[1], c.coarse ? COARSE : 1);
}

int64_t sys_clock_settime(struct task *t, const uint64_t a[6])
{
	struct clock c;
	int r = clock_find(t, a[0], &c);

	if (r || c.kind != CLOCK_KIND_REAL || c.coarse)
		return -EINVAL;
	return -EPERM;
}

int64_t sys_gettimeofday(struct task *t, const uint64_t a[6])
{
	uint64_t ns = kernel_realtime(t->process->kernel);
	struct abi_timespec tv = {.sec = (int64_t)(ns / SECOND), .nsec = (int64_t)(ns % SECOND / 1000)};
	const int32_t zone[2] = {0, 0};
	int r = 0;

	if (a[0])
		r = uaccess_write(t, a[0], &tv, sizeof(tv));
	if (!r && a[1])
		r = uaccess_write(t, a[1], zone, sizeof(zone));
	return r;
}

int64_t sys_times(struct task *t, const uint64_t a[6])
{
	const struct process *p = t->process;
	const uint64_t buffer[4] = {(p->retired - p->system) / TICK, p->system / TICK,
				    (p->children_retired - p->children_system) / TICK, p->children_system / TICK};
	int r = a[0] ? uaccess_write(t, a[0], buffer, sizeof(buffer)) : 0;

	return r ? r : (int64_t)(kernel_now(p->kernel) / TICK);
}

/* --- sleeping --- */

static int64_t sleep_on(struct task *t, uint64_t left_va)
{
	struct call *c = &t->call;
	uint64_t now = kernel_now(t->process->kernel);

	if (now >= c->deadline)
		return 0;
	if (c->interrupted) {
		int r = left_va ? timespec_write(t, left_va, c->deadline - now) : 0;
		return r ? r : -EINTR;
	}
	wait_until(t, c->deadline);
	return CALL_WAIT;
}

/* state[0]: the deadline is known. */
static int64_t sleep_from(struct task *t, const struct clock *clock, bool absolute, uint64_t time_va, uint64_t left_va)
{
	struct call *c = &t->call;

	if (!c->state[0]) {
		uint64_t ns, now = kernel_now(t->process->kernel);
		int r = timespec_read(t, time_va, &ns);
		if (r)
			return r;
		if (absolute) {
			uint64_t its_now = clock_now(t, clock);
			ns = ns > its_now ? ns - its_now : 0;
		}
		c->deadline = time_after(now, ns);
		c->state[0] = 1;
	}
	return sleep_on(t, absolute ? 0 : left_va);
}

int64_t sys_nanosleep(struct task *t, const uint64_t a[6])
{
	static const struct clock monotonic = {.kind = CLOCK_KIND_BOOT};

	return sleep_from(t, &monotonic, false, a[0], a[1]);
}

int64_t sys_clock_nanosleep(struct task *t, const uint64_t a[6])
{
	struct clock c;
	int r = clock_find(t, a[0], &c);

	if (r)
		return r;
	if (!c.sleeps)
		return -EOPNOTSUPP;
	if (c.wakes && !task_can(t, CAP_WAKE_ALARM))
		return -EPERM;
	return sleep_from(t, &c, a[1] & ABSOLUTE, a[2], a[3]);
}

/* --- setitimer --- */

struct abi_itimerval {
	struct abi_timespec interval, value; /* microseconds, not nano */
};

static const struct {
	int32_t id, signal;
	bool cpu;
} itimers[] = {{TIMER_REAL, SIGALRM, false}, {TIMER_VIRTUAL, SIGVTALRM, true}, {TIMER_PROF, SIGPROF, true}};

static struct abi_timespec timeval_of(uint64_t ns)
{
	/* What is left of a timer that runs is never 0. */
	uint64_t us = ns / 1000 + (ns > 0 && ns < 1000);

	return (struct abi_timespec){.sec = (int64_t)(us / 1000000), .nsec = (int64_t)(us % 1000000)};
}

static bool timeval_valid(const struct abi_timespec *tv) { return tv->sec >= 0 && tv->nsec >= 0 && tv->nsec < 1000000; }

static uint64_t timeval_ns(const struct abi_timespec *tv)
{
	return min_u64((uint64_t)tv->sec, INT64_MAX / SECOND - 1) * SECOND + (uint64_t)tv->nsec * 1000;
}

static int itimer_write(struct task *t, uint64_t va, int32_t id)
{
	const struct timer *x = timer_find(t->process, id);
	struct abi_itimerval v = {.interval = timeval_of(x ? x->interval : 0), .value = timeval_of(x ? timer_left(x) : 0)};

	return uaccess_write(t, va, &v, sizeof(v));
}

int64_t sys_getitimer(struct task *t, const uint64_t a[6])
{
	uint32_t which = (uint32_t)a[0];

	return which < array_size(itimers) ? itimer_write(t, a[1], itimers[which].id) : -EINVAL;
}

int64_t sys_setitimer(struct task *t, const uint64_t a[6])
{
	uint32_t which = (uint32_t)a[0];
	struct abi_itimerval v = {0};
	struct timer *x;
	int r = 0;

	if (which >= array_size(itimers))
		return -EINVAL;
	if (a[1])
		r = uaccess_read(t, &v, a[1], sizeof(v));
	if (r)
		return r;
	if (!timeval_valid(&v.value) || !timeval_valid(&v.interval))
		return -EINVAL;
	if (a[2])
		r = itimer_write(t, a[2], itimers[which].id);
	if (r)
		return r;
	x = timer_find(t->process, itimers[which].id);
	if (!x) {
		r = timer_create_for(t->process, itimers[which].id, &x);
		if (r)
			return r;
		x->signal = itimers[which].signal;
		x->cpu = itimers[which].cpu;
	}
	uint64_t value = timeval_ns(&v.value);
	timer_arm(x, value ? time_after(timer_now(x), value) : 0, timeval_ns(&v.interval));
	return 0;
}

/* --- timer_create --- */

struct abi_sigevent {
	uint64_t value;
	int32_t signal, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct abi_sigevent) == 64, "struct sigevent");

enum { NOTIFY_SIGNAL = 0, NOTIFY_NONE = 1, NOTIFY_THREAD = 2, NOTIFY_THREAD_ID = 4 };

static int sigevent_check(struct task *t, const struct abi_sigevent *e)
{
	struct task *to;

	switch (e->notify) {
	case NOTIFY_NONE:
		return 0;
	case NOTIFY_SIGNAL | NOTIFY_THREAD_ID:
		to = task_find(t->process->kernel, e->tid);
		if (!to || to->process != t->process)
			return -EINVAL;
		break;
	case NOTIFY_SIGNAL:
	case NOTIFY_THREAD:
		break;
	default:
		return -EINVAL;
	}
	return e->signal >= 1 && e->signal <= SIGNALS ? 0 : -EINVAL;
}

static int32_t id_after(int32_t id)
{
	return id == INT32_MAX ? 0 : id + 1;
}

/* The next that is free, behind the last one that was given: one is not used again at once. */
static int32_t timer_new_id(struct process *p)
{
	int32_t id = p->next_timer_id;

	while (timer_find(p, id))
		id = id_after(id);
	return id;
}

int64_t sys_timer_create(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	struct abi_sigevent e = {.signal = SIGALRM, .notify = NOTIFY_SIGNAL};
	struct clock c;
	struct timer *x;
	int r = clock_find(t, a[0], &c);
	int32_t id;

	if (r)
		return r;
	if (c.kind == CLOCK_KIND_CPU ? c.process && c.process != p : !c.sleeps)
		return c.kind == CLOCK_KIND_CPU ? -EINVAL : -EOPNOTSUPP;
	if (c.wakes && !task_can(t, CAP_WAKE_ALARM))
		return -EPERM;
	if (a[1]) {
		r = uaccess_read(t, &e, a[1], sizeof(e));
		if (r)
			return r;
	}
	r = sigevent_check(t, &e);
	if (r)
		return r;
	/* Each has the memory for its signal set aside. */
	if (p->signals.queued + timers_count(p) >= p->limit[RLIMIT_SIGPENDING].soft)
		return -EAGAIN;
	id = timer_new_id(p);
	r = uaccess_write(t, a[2], &id, sizeof(id));
	if (r)
		return r;
	r = timer_create_for(p, id, &x);
	if (r)
		return r;
	p->next_timer_id = id_after(id);
	x->clock = (int32_t)a[0];
	x->cpu = c.kind == CLOCK_KIND_CPU;
	x->signal = e.notify == NOTIFY_NONE ? 0 : e.signal;
	x->tid = e.notify & NOTIFY_THREAD_ID ? e.tid : 0;
	x->value = a[1] ? e.value : (uint64_t)id;
	return 0;
}

static struct timer *posix_timer(struct task *t, uint64_t id)
{
	return (int32_t)id >= 0 ? timer_find(t->process, (int32_t)id) : NULL;
}

int64_t sys_timer_settime(struct task *t, const uint64_t a[6])
{
	struct timer *x = posix_timer(t, a[0]);
	uint64_t interval, value, now;
	struct clock c;
	int r;

	if (!x || !a[2])
		return -EINVAL;
	r = timespec_read(t, a[2], &interval);
	if (!r)
		r = timespec_read(t, a[2] + sizeof(struct abi_timespec), &value);
	if (!r && a[3])
		r = timer_write(t, a[3], x);
	if (!r)
		r = clock_find(t, (uint64_t)(int64_t)x->clock, &c);
	if (r)
		return r;
	if (value && a[1] & ABSOLUTE) {
		now = clock_now(t, &c);
		if (value <= now) {
			timer_arm_late(x, now - value, interval);
			x->overrun = 0;
			return 0;
		}
		value -= now;
	}
	timer_arm(x, value ? time_after(timer_now(x), value) : 0, interval);
	x->overrun = 0;
	return 0;
}

int64_t sys_timer_gettime(struct task *t, const uint64_t a[6])
{
	const struct timer *x = posix_timer(t, a[0]);

	return x ? timer_write(t, a[1], x) : -EINVAL;
}

int64_t sys_timer_getoverrun(struct task *t, const uint64_t a[6])
{
	const struct timer *x = posix_timer(t, a[0]);

	return x ? x->overrun : -EINVAL;
}

int64_t sys_timer_delete(struct task *t, const uint64_t a[6])
{
	struct timer *x = posix_timer(t, a[0]);

	if (!x)
		return -EINVAL;
	timer_destroy(x);
	return 0;
}
