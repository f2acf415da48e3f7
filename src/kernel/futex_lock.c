/* SPDX-License-Identifier: MIT */
/* futex_lock.c - locks with an owner (FUTEX_LOCK_PI): the kernel passes them on
 *
 * Linux lends the owner the priority of who waits. Here all tasks have the same, so that what is left
 * is the order in which they get the lock, and that it is not lost when its owner dies:
 *
 *	NEW --> LOCKS --- unlocked: it is the owner ---> CALLED
 *	          |  ^                                     ^
 *	          v  | taken by another first              | it was free
 *	        ORPHANED: its owner died;                  |
 *	        takes the lock, marked OWNER_DIED         DUE: waits for another word, from where
 *	                                                  FUTEX_CMP_REQUEUE_PI gives it the lock, or
 *	                                                  makes it one of LOCKS
 */
#include <errno.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/futex_private.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

static bool waits_for_lock(const struct task *t, struct word w)
{
	const uint64_t *s = t->call.state;
	return s[FUTEX_PHASE] == PHASE_LOCKS && s[FUTEX_WHERE] == w.where &&
	       s[FUTEX_OFFSET] == w.offset;
}

static void lock_wait_ends(struct task *t)
{
	t->process->kernel->lock_waiters--;
	t->call.abandon = NULL;
}

/* Who has waited longest for the lock, or NULL. */
static struct task *lock_waiter(struct kernel *k, struct word w)
{
	struct wait_entry *e;
	TAILQ_FOREACH (e, futex_queue_of(k, w), link)
		if (waits_for_lock(e->task, w))
			return e->task;
	return NULL;
}

static void lock_owned_by(struct kernel *k, struct word w, uint32_t tid)
{
	struct wait_entry *e;
	TAILQ_FOREACH (e, futex_queue_of(k, w), link)
		if (waits_for_lock(e->task, w))
			e->task->call.state[FUTEX_OWNER] = tid;
}

void futex_locks_orphan(struct task *t)
{
	struct kernel *k = t->process->kernel;
	struct wait_entry *e, *next;
	for (unsigned i = 0; k->lock_waiters > 0 && i < array_size(k->futexes); i++)
		for (e = TAILQ_FIRST(&k->futexes[i]); e; e = next) {
			uint64_t *s = e->task->call.state;
			next = TAILQ_NEXT(e, link);
			if (s[FUTEX_PHASE] != PHASE_LOCKS || s[FUTEX_OWNER] != (uint32_t)t->tid)
				continue;
			s[FUTEX_PHASE] = PHASE_ORPHANED;
			wait_wake(e->task);
		}
}

/* Takes the lock if it is free, or its owner is known to be dead. Returns 0, CALL_WAIT for memory,
 * -EBUSY with the owner, or what is wrong. */
static int lock_take(struct task *t, uint64_t va, bool orphaned, uint32_t *ret_word)
{
	struct kernel *k = t->process->kernel;
	uint32_t word;
	int r = uaccess_read(t, &word, va, sizeof(word));
	if (r != 0)
		return r;
	uint32_t owner = word & FUTEX_OWNER_MASK;
	if (owner == (uint32_t)t->tid)
		return -EDEADLK;
	if (owner != 0 && task_find(k, (int32_t)owner)) {
		*ret_word = word;
		return -EBUSY;
	}
	if (owner != 0 && !orphaned && !(word & FUTEX_OWNER_DIED))
		return -ESRCH;
	struct word w = futex_word_at(t->process->space, va);
	uint32_t mine = (uint32_t)t->tid | (word & FUTEX_OWNER_DIED) | (owner != 0 ? FUTEX_OWNER_DIED : 0) |
			(lock_waiter(k, w) ? FUTEX_WAITERS : 0);
	r = uaccess_write(t, va, &mine, sizeof(mine));
	if (r == 0)
		lock_owned_by(k, w, (uint32_t)t->tid);
	return r;
}

int64_t futex_lock(struct task *t, uint64_t va, bool try)
{
	struct kernel *k = t->process->kernel;
	struct call *c = &t->call;
	uint64_t *s = c->state;
	uint32_t word = 0;
	if (s[FUTEX_PHASE] == PHASE_CALLED)
		return 0;
	/* One that was woken looks again, whatever woke it: see futex_wait. */
	int r = lock_take(t, va, s[FUTEX_PHASE] != PHASE_NEW, &word);
	if (r != -EBUSY)
		return r;
	if (try)
		return -EAGAIN;
	uint32_t contended = word | FUTEX_WAITERS;
	r = uaccess_write(t, va, &contended, sizeof(contended));
	if (r != 0)
		return r;
	struct word w = futex_word_at(t->process->space, va);
	s[FUTEX_WHERE] = w.where;
	s[FUTEX_OFFSET] = w.offset;
	s[FUTEX_OWNER] = word & FUTEX_OWNER_MASK;
	s[FUTEX_PHASE] = PHASE_LOCKS;
	c->again = true;
	if (!c->abandon)
		k->lock_waiters++;
	c->abandon = lock_wait_ends;
	if (c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	(void)wait_on(t, futex_queue_of(k, w));
	wait_until(t, c->deadline);
	return CALL_WAIT;
}

int64_t futex_unlock(struct task *t, uint64_t va)
{
	struct kernel *k = t->process->kernel;
	uint32_t word;
	int r = uaccess_read(t, &word, va, sizeof(word));
	if (r != 0)
		return r;
	if ((word & FUTEX_OWNER_MASK) != (uint32_t)t->tid)
		return -EPERM;
	if (va % 4 != 0)
		return -EINVAL;
	struct word w = futex_word_at(t->process->space, va);
	struct task *next = lock_waiter(k, w);
	uint32_t owner = next ? (uint32_t)next->tid | FUTEX_WAITERS : 0;
	r = uaccess_write(t, va, &owner, sizeof(owner));
	if (r != 0 || !next)
		return r;
	next->call.state[FUTEX_PHASE] = PHASE_CALLED;
	wait_wake(next);
	lock_owned_by(k, w, (uint32_t)next->tid);
	return 0;
}

/* ---- Waiting for a word, and then for the lock ---- */

int64_t futex_wait_for_lock(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	struct call *c = &t->call;
	uint64_t *s = c->state, phase = s[FUTEX_PHASE];
	uint32_t value;
	if (phase != PHASE_NEW && phase != PHASE_DUE)
		return futex_lock(t, a[4], false);
	if (phase == PHASE_DUE && c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	int r = uaccess_read(t, &value, a[0], sizeof(value));
	if (r != 0)
		return r;
	if (value != (uint32_t)a[2])
		return -EAGAIN;
	struct word w = futex_word_at(t->process->space, a[0]);
	s[FUTEX_WHERE] = w.where;
	s[FUTEX_OFFSET] = w.offset;
	s[FUTEX_PHASE] = PHASE_DUE;
	c->again = true;
	if (c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	(void)wait_on(t, futex_queue_of(k, w)); /* the first four cannot fail */
	wait_until(t, c->deadline);
	return CALL_WAIT;
}

static bool is_at(const struct task *t, enum futex_phase phase, struct word w)
{
	const uint64_t *s = t->call.state;
	return s[FUTEX_PHASE] == phase && s[FUTEX_WHERE] == w.where && s[FUTEX_OFFSET] == w.offset;
}

/* Who has waited longest at from, and how many do, most at most. -EINVAL: one of them waits for no lock, or
 * for another. */
static int due_count(struct kernel *k, struct word from, struct word to, uint64_t most, struct task **ret_first)
{
	const struct wait_entry *e;
	uint64_t n = 0;
	TAILQ_FOREACH (e, futex_queue_of(k, from), link) {
		struct task *t = e->task;
		if (n == most)
			break;
		if (is_at(t, PHASE_ASLEEP, from))
			return -EINVAL;
		if (!is_at(t, PHASE_DUE, from))
			continue;
		struct word wanted = futex_word_at(t->process->space, t->call.arg[4]);
		if (wanted.where != to.where || wanted.offset != to.offset)
			return -EINVAL;
		if (n++ == 0)
			*ret_first = t;
	}
	return (int)n;
}

static void due_move(struct kernel *k, struct word from, struct word to, uint32_t owner, int count)
{
	struct wait_entry *e, *next;
	for (e = TAILQ_FIRST(futex_queue_of(k, from)); e && count > 0; e = next) {
		struct task *t = e->task;
		uint64_t *s = t->call.state;
		next = TAILQ_NEXT(e, link);
		if (!is_at(t, PHASE_DUE, from))
			continue;
		s[FUTEX_WHERE] = to.where;
		s[FUTEX_OFFSET] = to.offset;
		s[FUTEX_OWNER] = owner;
		s[FUTEX_PHASE] = PHASE_LOCKS;
		t->call.abandon = lock_wait_ends;
		k->lock_waiters++;
		TAILQ_REMOVE(e->queue, e, link);
		e->queue = futex_queue_of(k, to);
		TAILQ_INSERT_TAIL(e->queue, e, link);
		count--;
	}
}

int64_t futex_requeue_lock(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	struct task *first = NULL;
	uint32_t value, word;
	if (a[0] == a[4] || a[4] % 4 || (uint32_t)a[2] != 1 || (int32_t)a[3] < 0)
		return -EINVAL;
	int r = uaccess_read(t, &value, a[0], sizeof(value));
	if (r == 0)
		r = uaccess_read(t, &word, a[4], sizeof(word));
	if (r != 0)
		return r;
	if (value != (uint32_t)a[5])
		return -EAGAIN;
	struct word from = futex_word_at(t->process->space, a[0]), to = futex_word_at(t->process->space, a[4]);
	int count = due_count(k, from, to, 1 + (uint64_t)a[3], &first);
	if (count <= 0)
		return count;
	uint32_t owner = word & FUTEX_OWNER_MASK;
	if (owner == (uint32_t)first->tid)
		return -EDEADLK;
	if (owner && !task_find(k, (int32_t)owner))
		return -ESRCH;
	bool given = owner == 0, others = count > 1 || lock_waiter(k, to);
	uint32_t now = given ? (uint32_t)first->tid | (word & FUTEX_OWNER_DIED) | (others ? FUTEX_WAITERS : 0)
			     : word | FUTEX_WAITERS;
	r = uaccess_write(t, a[4], &now, sizeof(now));
	if (r != 0)
		return r;
	if (given) {
		owner = (uint32_t)first->tid;
		first->call.state[FUTEX_PHASE] = PHASE_CALLED;
		wait_wake(first);
	}
	due_move(k, from, to, owner, given ? count - 1 : count);
	return count;
}
