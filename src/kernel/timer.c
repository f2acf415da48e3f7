/* SPDX-License-Identifier: MIT */
#include "kernel/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

static const uint64_t SECOND = UINT64_C(1000000000);
/* Periods shorter than this are served several at once and told as overruns: a program that asks
 * for a signal every nanosecond must not keep the machine from getting anywhere. */
static const uint64_t BUNCH = 50000;

static int timer_order(const struct timer *a, const struct timer *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}

RB_PROTOTYPE(timer_tree, timer, tree, timer_order)
RB_GENERATE(timer_tree, timer, tree, timer_order)

struct timer *timer_find(struct process *p, int32_t id)
{
	struct timer *x;

	LIST_FOREACH(x, &p->timers, link)
		if (x->id == id)
			return x;
	return NULL;
}

int timer_create_for(struct process *p, int32_t id, struct timer **ret_timer)
{
	struct timer *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->kernel = p->kernel;
	x->process = p;
	x->id = id;
	x->serial = p->kernel->next_timer++;
	LIST_INSERT_HEAD(&p->timers, x, link);
	*ret_timer = x;
	return 0;
}

static void disarm(struct timer *x)
{
	if (x->armed && !x->cpu)
		RB_REMOVE(timer_tree, &x->kernel->timers, x);
	x->armed = false;
}

void timer_destroy(struct timer *x)
{
	disarm(x);
	LIST_REMOVE(x, link);
	free(x);
}

uint64_t timer_now(const struct timer *x)
{
	if (!x->cpu)
		return kernel_now(x->kernel);
	return x->process->retired - (x->id == TIMER_VIRTUAL ? x->process->system : 0);
}

static void start(struct timer *x, uint64_t deadline)
{
	struct kernel *k = x->kernel;
	uint64_t now = timer_now(x);

	x->deadline = deadline;
	x->armed = true;
	if (!x->cpu)
		RB_INSERT(timer_tree, &k->timers, x);
	sched_look_at(k, time_after(kernel_now(k), deadline > now ? deadline - now : 0));
}

void timer_arm(struct timer *x, uint64_t deadline, uint64_t interval)
{
	disarm(x);
	x->bunched = x->missed = 0;
	x->interval = interval;
	if (deadline)
		start(x, deadline);
}

void timer_arm_late(struct timer *x, uint64_t late, uint64_t interval)
{
	uint64_t now = timer_now(x);
	/* The last that was missed is as if it were the first, if the clock went already then. */
	uint64_t last = interval ? late % interval : 0;
	timer_arm(x, now > last ? now - last : 1, interval);
	x->missed = interval ? late / interval : 0;
}

uint64_t timer_left(const struct timer *x)
{
	uint64_t now = timer_now(x);

	if (!x->armed)
		return 0;
	uint64_t left = x->deadline > now ? x->deadline - now : 1;
	/* Of periods that are told together, the next. */
	return x->bunched && left > x->interval ? (left - 1) % x->interval + 1 : left;
}

void timer_init_file(struct timer *x, struct kernel *k, int32_t clock,
		     void (*expired)(struct timer *x, uint64_t periods))
{
	*x = (struct timer){.kernel = k, .clock = clock, .expired = expired, .serial = k->next_timer++};
}

void timer_catch_up(struct timer *x)
{
	uint64_t now = timer_now(x), first = x->deadline - x->bunched * x->interval;

	if (!x->armed || x->bunched == 0 || now < first)
		return;
	uint64_t periods = min_u64((now - first) / x->interval + 1, x->bunched);
	x->bunched -= periods;
	x->expired(x, periods);
}

static void send(struct timer *x, uint64_t periods)
{
	struct process *p = x->process;
	struct signal_info info = {.number = x->signal, .code = SI_KERNEL};
	struct task *t = x->tid ? task_find(p->kernel, x->tid) : NULL;

	if (!x->signal || (x->tid && (!t || t->process != p)))
		return;
	if (x->id >= 0) {
		if (signal_timer_overran(p, t, x->signal, x->id, periods))
			return;
		info.code = SI_TIMER;
		info.timer = x->id;
		info.overrun = (int32_t)min_u64(periods - 1, INT32_MAX);
		info.value = x->value;
	}
	/* A full queue loses it, as on Linux. */
	(void)(t ? signal_send_task(t, &info) : signal_send_process(p, &info));
}

static void expire(struct timer *x)
{
	uint64_t now = timer_now(x), periods = 1 + x->bunched;

	disarm(x);
	periods += x->missed;
	x->bunched = x->missed = 0;
	if (x->interval) {
		uint64_t missed = (now - x->deadline) / x->interval;
		periods += missed;
		if (x->interval < BUNCH)
			x->bunched = BUNCH / x->interval;
		start(x, time_after(x->deadline, (1 + missed + x->bunched) * x->interval));
	}
	if (x->expired)
		x->expired(x, periods);
	else
		send(x, periods);
}

unsigned timers_count(const struct process *p)
{
	const struct timer *x;
	unsigned n = 0;

	LIST_FOREACH(x, &p->timers, link)
		n += x->id >= 0;
	return n;
}

uint64_t timers_next(struct kernel *k)
{
	struct timer *x = RB_MIN(timer_tree, &k->timers);

	return x ? x->deadline : NO_DEADLINE;
}

/* Processor time as RLIMIT_CPU counts it, in whole seconds: with --cpu-limit 50ms the first of them ends
 * after 50 ms. */
static uint64_t limit_spent(const struct process *p)
{
	uint64_t limit = p->kernel->config.cpu_limit % SECOND;

	return time_after(p->retired, limit ? SECOND - limit : 0);
}

/* Processor time, so counted, at which RLIMIT_CPU does something next. */
static uint64_t limit_next(const struct process *p)
{
	uint64_t seconds = min_u64(p->limit[RLIMIT_CPU].soft, p->limit[RLIMIT_CPU].hard);

	return seconds > NO_DEADLINE / SECOND ? NO_DEADLINE : seconds * SECOND;
}

/* Since t last waited, at which RLIMIT_RTTIME does something next: it counts microseconds of real-time tasks. */
static uint64_t burst_next(const struct task *t)
{
	const struct process *p = t->process;
	uint64_t us = min_u64(p->limit[RLIMIT_RTTIME].soft, p->limit[RLIMIT_RTTIME].hard);

	return t->sched.priority == 0 || us >= NO_DEADLINE / 1000 ? NO_DEADLINE : us * 1000;
}

uint64_t timers_next_of(struct task *t)
{
	struct process *p = t->process;
	uint64_t next = limit_next(p), burst = burst_next(t);
	struct timer *x;

	if (next != NO_DEADLINE)
		next -= min_u64(next, limit_spent(p) - p->retired);

	LIST_FOREACH(x, &p->timers, link)
		if (x->armed && x->cpu)
			next = min_u64(next, x->deadline + (p->retired - timer_now(x)));
	if (burst != NO_DEADLINE)
		next = min_u64(next, time_after(p->retired, burst > t->sched.burst ? burst - t->sched.burst : 0));
	if (next == NO_DEADLINE)
		return next;
	return time_after(kernel_now(p->kernel), next > p->retired ? next - p->retired : 0);
}

static void limit_run(struct process *p)
{
	uint64_t seconds = limit_spent(p) / SECOND;
	struct signal_info info = {.code = SI_KERNEL, .number = SIGXCPU};

	if (limit_next(p) > limit_spent(p) || p->signals.pending.set & signal_bit(SIGKILL))
		return;
	if (seconds >= p->limit[RLIMIT_CPU].hard)
		info.number = SIGKILL;
	else
		p->limit[RLIMIT_CPU].soft = seconds + 1; /* a reminder each second, as Linux does */
	if (p->kernel->config.cpu_limit)
		kernel_say(p->kernel, "%s (pid %d) has used %.3f s of processor time, as much as --cpu-limit gives: %s",
			   process_task(p)->comm, p->pid, (double)p->retired / (double)SECOND,
			   info.number == SIGKILL ? "SIGKILL" : "SIGXCPU");
	(void)signal_send_process(p, &info); /* a standard signal: cannot fail */
}

static void burst_run(struct task *t)
{
	struct process *p = t->process;
	struct signal_info info = {.code = SI_KERNEL, .number = SIGXCPU};

	if (burst_next(t) > t->sched.burst || p->signals.pending.set & signal_bit(SIGKILL))
		return;
	if (p->limit[RLIMIT_RTTIME].hard <= t->sched.burst / 1000)
		info.number = SIGKILL;
	else
		p->limit[RLIMIT_RTTIME].soft += 1000000; /* a reminder each second, as Linux does */
	(void)signal_send_process(p, &info); /* a standard signal: cannot fail */
}

void timers_run(struct kernel *k)
{
	uint64_t now = kernel_now(k);
	struct timer *x, *next;

	while ((x = RB_MIN(timer_tree, &k->timers)) && x->deadline <= now)
		expire(x);
	if (!k->current || k->current->process->zombie)
		return;
	struct process *p = k->current->process;
	for (x = LIST_FIRST(&p->timers); x; x = next) {
		next = LIST_NEXT(x, link);
		if (x->armed && x->cpu && x->deadline <= timer_now(x))
			expire(x);
	}
	limit_run(p);
	burst_run(k->current);
}

void timers_finish(struct process *p)
{
	while (!LIST_EMPTY(&p->timers))
		timer_destroy(LIST_FIRST(&p->timers));
}

void timers_exec(struct process *p)
{
	struct timer *x, *next;

	for (x = LIST_FIRST(&p->timers); x; x = next) {
		next = LIST_NEXT(x, link);
		if (x->id >= 0)
			timer_destroy(x);
	}
}

void timer_taken(struct process *p, int32_t id, int32_t overrun)
{
	struct timer *x = timer_find(p, id);

	if (x)
		x->overrun = overrun;
}

/* --- times --- */

uint64_t time_after(uint64_t now, uint64_t ns)
{
	return ns >= NO_DEADLINE - 1 - now ? NO_DEADLINE - 1 : now + ns;
}

int timespec_read(struct task *t, uint64_t va, uint64_t *ret_ns)
{
	struct abi_timespec ts;
	int r = uaccess_read(t, &ts, va, sizeof(ts));

	if (r)
		return r;
	if (ts.sec < 0 || ts.nsec < 0 || (uint64_t)ts.nsec >= SECOND)
		return -EINVAL;
	*ret_ns = min_u64((uint64_t)ts.sec, INT64_MAX / SECOND - 1) * SECOND + (uint64_t)ts.nsec;
	return 0;
}

int timespec_write(struct task *t, uint64_t va, uint64_t ns)
{
	struct abi_timespec ts = {.sec = (int64_t)(ns / SECOND), .nsec = (int64_t)(ns % SECOND)};

	return uaccess_write(t, va, &ts, sizeof(ts));
}

struct abi_itimerspec {
	struct abi_timespec interval, value;
};

int timer_write(struct task *t, uint64_t va, const struct timer *x)
{
	uint64_t left = timer_left(x);
	struct abi_itimerspec v = {
		.interval = {(int64_t)(x->interval / SECOND), (int64_t)(x->interval % SECOND)},
		.value = {(int64_t)(left / SECOND), (int64_t)(left % SECOND)},
	};

	return uaccess_write(t, va, &v, sizeof(v));
}
