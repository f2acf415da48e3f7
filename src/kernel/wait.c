/* SPDX-License-Identifier: MIT */
#include "kernel/wait.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

static int sleep_order(const struct task *a, const struct task *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}
RB_GENERATE(task_sleep, task, sleep, sleep_order)

void wait_queue_init(struct wait_queue *q)
{
	TAILQ_INIT(q);
}

static struct wait_entry *entry_at(struct task *t, unsigned n)
{
	return n < array_size(t->wait) ? &t->wait[n] : &t->wait_more[n - array_size(t->wait)];
}

/* Entries are links of queues: they are taken out before their memory moves. */
static int more_entries(struct task *t)
{
	unsigned used = t->waits - array_size(t->wait),
		 size = t->wait_more_size ? 2 * t->wait_more_size : 16;
	struct wait_entry *more = calloc(size, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (unsigned i = 0; i < used; i++) {
		struct wait_entry *old = &t->wait_more[i];
		more[i] = *old;
		TAILQ_INSERT_AFTER(old->queue, old, &more[i], link);
		TAILQ_REMOVE(old->queue, old, link);
	}
	free(t->wait_more);
	t->wait_more = more;
	t->wait_more_size = size;
	return 0;
}

int wait_on(struct task *t, struct wait_queue *q)
{
	if (t->waits == array_size(t->wait) + t->wait_more_size && more_entries(t) != 0)
		return -ENOMEM;
	struct wait_entry *e = entry_at(t, t->waits++);
	e->task = t;
	e->queue = q;
	TAILQ_INSERT_TAIL(q, e, link);
	return 0;
}

int wait_on_io(struct task *t)
{
	struct kernel *k = t->process->kernel;
	int err = wait_on(t, &k->io[k->mm->waits_for % array_size(k->io)]);
	k->stalls.waiting += err == 0;
	return err;
}

int64_t wait_result(struct task *t, int64_t result)
{
	if (result != -EAGAIN)
		return result;
	int err = wait_on_io(t);
	return err ? err : CALL_WAIT;
}

int64_t wait_pause(struct task *t, enum wait_pause how)
{
	t->call.paused = true;
	t->call.held = how != PAUSE_OPEN;
	t->call.alone = how == PAUSE_ALONE;
	return CALL_WAIT;
}

static bool is_for_io(const struct kernel *k, const struct wait_queue *q)
{
	return q >= k->io && q < k->io + array_size(k->io);
}

bool wait_is_for_io(const struct task *t)
{
	return t->waits > 0 && is_for_io(t->process->kernel, t->wait[0].queue);
}

void wait_until(struct task *t, uint64_t ns)
{
	struct kernel *k = t->process->kernel;
	if (ns >= t->deadline)
		return;
	if (t->deadline != NO_DEADLINE)
		RB_REMOVE(task_sleep, &k->sleepers, t);
	t->deadline = ns;
	RB_INSERT(task_sleep, &k->sleepers, t);
	sched_look_at(k, ns);
}

void wait_forget(struct task *t)
{
	struct kernel *k = t->process->kernel;
	while (t->waits > 0) {
		struct wait_entry *e = entry_at(t, --t->waits);
		TAILQ_REMOVE(e->queue, e, link);
		k->stalls.waiting -= is_for_io(k, e->queue);
	}
	if (t->deadline != NO_DEADLINE) {
		RB_REMOVE(task_sleep, &k->sleepers, t);
		t->deadline = NO_DEADLINE;
	}
}

void wait_wake(struct task *t)
{
	wait_forget(t);
	if (t->state == TASK_WAITING)
		sched_ready(t);
	else if (t->state == TASK_RUNNING)
		t->call.woken = true;
}

/* Calls the watches of q, which stand first; returns the first entry behind them. */
static struct wait_entry *call_watches(struct wait_queue *q, int events, bool call)
{
	bool taken = !call;
	struct wait_entry *e;
	for (e = TAILQ_FIRST(q); e && !e->task; e = TAILQ_NEXT(e, link)) {
		if (call && !(e->shares && taken) && e->woken(e, events))
			taken = taken || e->shares;
	}
	return e;
}

static void wake(struct wait_queue *q, int events, bool watches)
{
	struct wait_entry *e = call_watches(q, events, watches);
	/* Waking a task takes all of its entries away, here too. */
	const struct wait_entry *last = e ? TAILQ_PREV(e, wait_queue, link) : NULL;
	while (e) {
		wait_wake(e->task);
		e = last ? TAILQ_NEXT(last, link) : TAILQ_FIRST(q);
	}
}

void wait_wake_all(struct wait_queue *q)
{
	wake(q, 0, true);
}

void wait_wake_for(struct wait_queue *q, int events)
{
	wake(q, events, events != 0);
}

void wait_wake_one(struct wait_queue *q)
{
	struct wait_entry *e = call_watches(q, 0, false);
	if (e)
		wait_wake(e->task);
}

void wait_queue_finish(struct wait_queue *q)
{
	struct wait_entry *e;
	wait_wake_all(q);
	while ((e = TAILQ_FIRST(q)))
		wait_unwatch(e);
}

int wait_join(struct waiter *w, struct wait_queue *q)
{
	if (!w)
		return 0;
	return w->join ? w->join(w, q) : wait_on(w->task, q);
}

void wait_watch(struct wait_entry *e, struct wait_queue *q)
{
	struct wait_entry *at = e->shares ? call_watches(q, 0, false) : TAILQ_FIRST(q);
	e->task = NULL;
	e->queue = q;
	if (at)
		TAILQ_INSERT_BEFORE(at, e, link);
	else
		TAILQ_INSERT_TAIL(q, e, link);
}

void wait_unwatch(struct wait_entry *e)
{
	if (e->queue)
		TAILQ_REMOVE(e->queue, e, link);
	e->queue = NULL;
}

bool wait_watched(const struct wait_queue *q)
{
	return !TAILQ_EMPTY(q) && !TAILQ_FIRST(q)->task;
}
