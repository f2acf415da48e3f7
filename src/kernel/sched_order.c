/* SPDX-License-Identifier: MIT */
/* sched_order.c - whose turn it is where not all are alike: see sched.h */
#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"

/* What has weight 1024 is charged what it ran; others more or less. */
enum { WEIGHT = 1024, WEIGHT_IDLE = 3 };

/* Each step of nice is a quarter more, or a fifth less. */
static uint64_t weight_of(const struct task *t)
{
	uint64_t weight = (uint64_t)WEIGHT << 16;
	if (t->sched.policy == SCHED_POLICY_IDLE)
		return WEIGHT_IDLE;
	for (int nice = t->sched.nice; nice != 0; nice += nice < 0 ? 1 : -1)
		weight = nice < 0 ? weight * 5 / 4 : weight * 4 / 5;
	return weight >> 16;
}

/* Who never waits for those whose turn is by shares: 1 to 99, else 0; below that, who takes what is left. */
static int rank(const struct task *t)
{
	return t->sched.priority > 0 ? t->sched.priority : t->sched.policy == SCHED_POLICY_IDLE ? -1 : 0;
}

void sched_uneven(struct kernel *k)
{
	if (k->uneven)
		return;
	k->uneven = true;
	/* Who had how much so far does not count: until now all were alike. */
	k->share_least = 0;
	for (struct process *p = process_first(k); p; p = process_next(p)) {
		struct task *t;
		TAILQ_FOREACH (t, &p->tasks, sibling)
			t->sched.had = 0;
	}
}

void sched_charge(struct task *t, uint64_t ns)
{
	t->sched.slice += ns;
	t->sched.burst = rank(t) > 0 ? t->sched.burst + ns : 0;
	if (t->process->kernel->uneven)
		t->sched.had += ns * WEIGHT / weight_of(t);
}

uint64_t sched_slice(const struct task *t)
{
	return t->process->kernel->uneven ? SCHED_SLICE - t->sched.slice % SCHED_SLICE : SCHED_SLICE;
}

/* The one of its rank that had least; of equals who came first. */
static bool before(const struct task *a, const struct task *b)
{
	if (rank(a) != rank(b))
		return rank(a) > rank(b);
	return rank(a) <= 0 && a->sched.had < b->sched.had;
}

static struct task *best(const struct kernel *k, const struct task *but)
{
	struct task *found = NULL, *t;
	TAILQ_FOREACH (t, &k->ready, run) {
		if (t != but && !(k->debugger && t->debug.held) && (!found || before(t, found)))
			found = t;
	}
	return found;
}

struct task *sched_pick(struct kernel *k)
{
	struct task *t = best(k, NULL);
	if (t && rank(t) <= 0)
		k->share_least = max_u64(k->share_least, t->sched.had);
	return t;
}

/* A real-time task that was pushed aside goes on where it was; one that used up its slice, and asked for
 * slices, or gave way by itself, stands behind those of its priority. */
static bool keeps_its_place(struct task *t)
{
	if (rank(t) <= 0 || t->sched.yields)
		return false;
	return t->sched.policy == SCHED_POLICY_FIFO || t->sched.slice < SCHED_SLICE;
}

void sched_join(struct task *t, bool ran)
{
	struct kernel *k = t->process->kernel;
	if (ran && keeps_its_place(t)) {
		TAILQ_INSERT_HEAD(&k->ready, t, run);
		return;
	}
	t->sched.slice = 0;
	/* Who slept gets no more than who waited all the while. */
	t->sched.had = max_u64(t->sched.had, k->share_least);
	const struct task *other = t->sched.yields && rank(t) <= 0 ? best(k, t) : NULL;
	if (other && rank(other) == rank(t))
		t->sched.had = max_u64(t->sched.had, other->sched.had);
	TAILQ_INSERT_TAIL(&k->ready, t, run);
	if (!ran && k->current && k->current->state == TASK_RUNNING && rank(t) > rank(k->current))
		sched_look_at(k, 0);
}
