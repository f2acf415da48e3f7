/* SPDX-License-Identifier: MIT */
/* futex_many.c - futex_waitv: waiting for several words at once; and futex_wait, futex_wake and futex_requeue,
 * the calls of Linux 6.7, which name the size of a word and so far know one
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/futex_private.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

enum { SIZE_32 = 2, SIZE_MASK = 3, NUMA = 4, PRIVATE = 128 };

/* struct futex_waitv. */
struct abi_waiter {
	uint64_t value, va;
	uint32_t flags, reserved;
};
_Static_assert(sizeof(struct abi_waiter) == 24, "struct futex_waitv");

static int waiter_check(const struct task *t, const struct abi_waiter *w)
{
	if (w->flags & ~(uint32_t)(SIZE_MASK | NUMA | PRIVATE) || w->reserved || (w->flags & (SIZE_MASK | NUMA)) != SIZE_32 ||
	    w->value > UINT32_MAX || w->va % 4)
		return -EINVAL;
	return w->va >= t->process->space->layout.top ? -EFAULT : 0;
}

/* Absolute, on one of two clocks. Returns 0, -EINVAL or as uaccess. */
static int deadline_read(struct task *t, uint64_t va, uint64_t clock, uint64_t *ret_deadline)
{
	const struct kernel *k = t->process->kernel;
	uint64_t ns, zero = 0;
	if (!va) {
		*ret_deadline = NO_DEADLINE;
		return 0;
	}
	if ((int32_t)clock != CLOCK_MONOTONIC && (int32_t)clock != CLOCK_REALTIME)
		return -EINVAL;
	int r = timespec_read(t, va, &ns);
	if (r != 0)
		return r;
	if ((int32_t)clock == CLOCK_REALTIME)
		zero = kernel_realtime(k) - kernel_now(k);
	*ret_deadline = ns > zero ? ns - zero : 0;
	return 0;
}

/* ---- Several words ---- */

static void many_abandon(struct task *t)
{
	free(futex_many_of(t));
	t->call.state[FUTEX_WHERE] = 0;
	t->call.abandon = NULL;
}

/* What t waits for, read anew each time: it was on no queue when it was woken. Returns 0, -EAGAIN (a word
 * has another value), or what is wrong. */
static int many_look(struct task *t, const uint64_t a[6], struct futex_many *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		struct abi_waiter w;
		uint32_t value;
		int r = uaccess_read(t, &w, a[0] + i * sizeof(w), sizeof(w));
		if (r == 0)
			r = waiter_check(t, &w);
		if (r == 0)
			r = uaccess_read(t, &value, w.va, sizeof(value));
		if (r != 0)
			return r;
		if (value != (uint32_t)w.value)
			return -EAGAIN;
		m->word[i] = futex_word_at(t->process->space, w.va);
	}
	return 0;
}

static int many_begin(struct task *t, const uint64_t a[6])
{
	if ((uint32_t)a[2] || !(uint32_t)a[1] || (uint32_t)a[1] > FUTEX_MANY_MAX || !a[0])
		return -EINVAL;
	int r = deadline_read(t, a[3], a[4], &t->call.deadline);
	if (r != 0)
		return r;
	struct futex_many *m = calloc(1, sizeof(*m) + (uint32_t)a[1] * sizeof(m->word[0]));
	if (!m)
		return -ENOMEM;
	m->count = (uint32_t)a[1];
	t->call.state[FUTEX_WHERE] = (uintptr_t)m;
	t->call.state[FUTEX_PHASE] = PHASE_NEW;
	t->call.abandon = many_abandon;
	return 0;
}

int64_t sys_futex_waitv(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	struct call *c = &t->call;
	int r = c->state[FUTEX_WHERE] ? 0 : many_begin(t, a);
	if (r != 0)
		return r;
	struct futex_many *m = futex_many_of(t);
	if (c->state[FUTEX_PHASE] == PHASE_CALLED)
		return m->called;
	if (c->state[FUTEX_PHASE] == PHASE_MANY && c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	r = many_look(t, a, m);
	if (r != 0)
		return r;
	c->state[FUTEX_PHASE] = PHASE_MANY;
	if (c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	for (unsigned i = 0; i < m->count && r == 0; i++)
		r = wait_on(t, futex_queue_of(k, m->word[i]));
	if (r != 0) {
		wait_forget(t);
		return r;
	}
	wait_until(t, c->deadline);
	return CALL_WAIT;
}

/* ---- One word, said anew ---- */

static int flags_check(uint64_t flags)
{
	uint32_t f = (uint32_t)flags;
	return f & ~(uint32_t)(SIZE_MASK | NUMA | PRIVATE) || (f & (SIZE_MASK | NUMA)) != SIZE_32 ? -EINVAL : 0;
}

static int word_check(const struct task *t, uint64_t va)
{
	return va % 4 ? -EINVAL : va >= t->process->space->layout.top ? -EFAULT : 0;
}

int64_t sys_futex_wake(struct task *t, const uint64_t a[6])
{
	int r = flags_check(a[3]);
	if (r == 0 && (a[1] > UINT32_MAX || a[1] == 0))
		r = -EINVAL;
	if (r == 0)
		r = word_check(t, a[0]);
	if (r != 0)
		return r;
	int32_t count = (int32_t)a[2];
	return futex_call_some(t->process->kernel, futex_word_at(t->process->space, a[0]), (uint32_t)a[1],
			       count < 0 ? 0 : (uint64_t)count);
}

int64_t sys_futex_wait(struct task *t, const uint64_t a[6])
{
	int r = flags_check(a[3]);
	if (r == 0 && (a[1] > UINT32_MAX || a[2] > UINT32_MAX || a[2] == 0))
		r = -EINVAL;
	if (r == 0 && t->call.state[FUTEX_PHASE] == PHASE_NEW)
		r = deadline_read(t, a[4], a[5], &t->call.deadline);
	if (r == 0)
		r = word_check(t, a[0]);
	return r ? r : futex_wait_at(t, a[0], (uint32_t)a[1], (uint32_t)a[2]);
}

int64_t sys_futex_requeue(struct task *t, const uint64_t a[6])
{
	struct abi_waiter w[2];
	uint32_t value;
	if ((uint32_t)a[1] || !a[0])
		return -EINVAL;
	int r = uaccess_read(t, w, a[0], sizeof(w));
	for (unsigned i = 0; i < array_size(w) && r == 0; i++)
		r = waiter_check(t, &w[i]);
	if (r == 0 && ((int32_t)a[2] < 0 || (int32_t)a[3] < 0))
		r = -EINVAL;
	if (r == 0)
		r = uaccess_read(t, &value, w[0].va, sizeof(value));
	if (r != 0)
		return r;
	if (value != (uint32_t)w[0].value)
		return -EAGAIN;
	struct kernel *k = t->process->kernel;
	struct word from = futex_word_at(t->process->space, w[0].va), to = futex_word_at(t->process->space, w[1].va);
	int64_t n = futex_call_some(k, from, UINT32_MAX, (uint32_t)a[2]);
	return n < 0 ? n : n + futex_move(k, from, to, (uint32_t)a[3]);
}
