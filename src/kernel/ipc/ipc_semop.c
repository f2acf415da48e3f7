/* SPDX-License-Identifier: MIT */
/* ipc_semop.c - System V semaphores: values that are changed, and those that wait for it
 *
 * All operations of a call are done or none. Who changes a value looks through the queue in order
 * (sem_wake) and does in the sleepers' place what can be done now, until nothing can; a sleeper only
 * learns the result.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/ipc/ipc_sem.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum { UNDOS_MAX = 4096 /* semaphores that one process would undo */ };

enum { FLAG_UNDO = 0x1000 };

struct wish *wish_of(const struct task *t)
{
	return (struct wish *)(uintptr_t)t->call.state[0];
}

/* ---- What is undone ---- */

static struct undo *undo_find(const struct sem_undo *u, unsigned n)
{
	for (unsigned i = 0; u && i < u->count; i++) {
		if (u->undo[i].number == n)
			return &u->undo[i];
	}
	return NULL;
}

static struct sem_undo *undo_of(const struct process *p, const struct sem_set *s)
{
	struct sem_undo *u;
	LIST_FOREACH (u, &p->sem_undos, of_process) {
		if (u->set == s)
			return u;
	}
	return NULL;
}

void undo_free(struct sem_undo *u)
{
	LIST_REMOVE(u, of_set);
	LIST_REMOVE(u, of_process);
	free(u->undo);
	free(u);
}

static unsigned undos(const struct process *p)
{
	const struct sem_undo *u;
	unsigned n = 0;
	LIST_FOREACH (u, &p->sem_undos, of_process)
		n += u->room;
	return n;
}

/* Room for count more entries, so that undo_add cannot fail. */
static int undo_room(struct process *p, struct sem_set *s, unsigned count)
{
	struct sem_undo *u = undo_of(p, s);
	if (count == 0 || (u && u->count + count <= u->room))
		return 0;
	if (undos(p) + count > UNDOS_MAX)
		return -ENOMEM;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return -ENOMEM;
		u->set = s;
		u->process = p;
		LIST_INSERT_HEAD(&s->undos, u, of_set);
		LIST_INSERT_HEAD(&p->sem_undos, u, of_process);
	}
	unsigned room = u->count + count;
	struct undo *more = realloc(u->undo, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	u->undo = more;
	u->room = room;
	return 0;
}

static int undo_value(const struct process *p, const struct sem_set *s, unsigned n)
{
	const struct undo *u = undo_find(undo_of(p, s), n);
	return u ? u->change : 0;
}

static void undo_add(struct process *p, const struct sem_set *s, unsigned n, int change)
{
	struct sem_undo *u = undo_of(p, s);
	struct undo *at = undo_find(u, n);
	if (!at) {
		at = &u->undo[u->count++];
		*at = (struct undo){.number = (uint16_t)n};
	}
	at->change = (int16_t)(at->change + change);
}

void undo_forget(struct sem_set *s, unsigned n)
{
	struct sem_undo *u;
	LIST_FOREACH (u, &s->undos, of_set) {
		struct undo *at = undo_find(u, n);
		if (at)
			at->change = 0;
	}
}

/* ---- Operations ---- */

/* Does the first count operations backwards. */
static void ops_revert(struct sem_set *s, const struct abi_sembuf *op, unsigned count)
{
	while (count-- > 0) {
		struct sem sem = sem_get(s, op[count].number);
		sem.value -= op[count].change;
		sem_put(s, op[count].number, sem);
	}
}

/* How far they can be done: count, and then the values are changed; else *ret_result says why not:
 * 0: it must wait. */
static unsigned ops_try(struct sem_set *s, const struct process *p, const struct abi_sembuf *op,
			unsigned count, int *ret_result)
{
	unsigned i;
	int result = 0;
	for (i = 0; i < count; i++) {
		struct sem sem = sem_get(s, op[i].number);
		int undo = op[i].flags & FLAG_UNDO ? undo_value(p, s, op[i].number) - op[i].change : 0;
		int32_t value = sem.value + op[i].change;
		if ((op[i].change == 0 && sem.value != 0) || value < 0) {
			result = op[i].flags & IPC_NO_WAIT ? -EAGAIN : 0;
			break;
		}
		if (value > IPC_SEM_VALUE || undo < -IPC_SEM_VALUE - 1 || undo > IPC_SEM_VALUE) {
			result = -ERANGE;
			break;
		}
		sem.value = value;
		sem_put(s, op[i].number, sem);
	}
	if (i < count)
		ops_revert(s, op, i);
	*ret_result = result;
	return i;
}

/* They are done: who did it, and what will be undone. */
static void ops_finish(struct sem_set *s, struct process *p, const struct abi_sembuf *op,
		       unsigned count)
{
	s->otime = ipc_now(s->kernel);
	for (unsigned i = 0; i < count; i++) {
		struct sem sem = sem_get(s, op[i].number);
		sem.pid = p->pid;
		sem_put(s, op[i].number, sem);
		if (op[i].flags & FLAG_UNDO && op[i].change)
			undo_add(p, s, op[i].number, -op[i].change);
	}
}

static unsigned wish_undone(const struct wish *w)
{
	unsigned n = 0;
	for (unsigned i = 0; i < w->count; i++)
		n += w->op[i].flags & FLAG_UNDO && w->op[i].change;
	return n;
}

/* Tries what one call asks for. Returns false: it must wait, and the wish says for what. */
static bool wish_try(struct sem_set *s, struct wish *w)
{
	int result;
	unsigned n = ops_try(s, w->process, w->op, w->count, &result);
	if (n == w->count) {
		result = undo_room(w->process, s, wish_undone(w));
		if (result == 0)
			ops_finish(s, w->process, w->op, w->count);
		else
			ops_revert(s, w->op, w->count);
	} else if (result == 0) {
		w->blocks = w->op[n].number;
		w->for_zero = w->op[n].change == 0;
		return false;
	}
	w->error = result;
	w->done = true;
	return true;
}

static bool wish_changes(const struct wish *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		if (w->op[i].change)
			return true;
	}
	return false;
}

/* Goes through the queue once: those that change values, or those that only look. True: one of them
 * changed something. */
static bool queue_try(struct sem_set *s, bool change)
{
	struct wait_entry *e, *next;
	for (e = TAILQ_FIRST(&s->queue); e; e = next) {
		next = TAILQ_NEXT(e, link);
		struct wish *w = wish_of(e->task);
		if (wish_changes(w) != change || !wish_try(s, w))
			continue;
		wait_wake(e->task);
		if (change && w->error == 0)
			return true;
	}
	return false;
}

/* A value has changed. Those that change nothing go first, as on Linux; after a change all anew. */
void sem_wake(struct sem_set *s)
{
	do
		(void)queue_try(s, false);
	while (queue_try(s, true));
}

void sem_undo_all(struct process *p)
{
	struct sem_undo *u;
	while ((u = LIST_FIRST(&p->sem_undos))) {
		struct sem_set *s = u->set;
		for (unsigned i = 0; i < u->count; i++) {
			struct sem sem = sem_get(s, u->undo[i].number);
			if (u->undo[i].change == 0)
				continue;
			int32_t value = sem.value + u->undo[i].change;
			sem.value = value < 0 ? 0 : (int32_t)min_u64((uint32_t)value, IPC_SEM_VALUE);
			sem.pid = p->pid;
			sem_put(s, u->undo[i].number, sem);
		}
		if (u->count)
			s->otime = ipc_now(s->kernel);
		undo_free(u);
		sem_wake(s);
	}
}

/* ---- semop ---- */

static void wish_abandon(struct task *t)
{
	free(wish_of(t));
	t->call.state[0] = 0;
	t->call.abandon = NULL;
}

static int wish_read(struct task *t, uint64_t va, uint64_t count)
{
	struct wish *w = calloc(1, sizeof(*w) + count * sizeof(w->op[0]));
	if (!w)
		return -ENOMEM;
	int r = uaccess_read(t, w->op, va, count * sizeof(w->op[0]));
	if (r != 0) {
		free(w);
		return r;
	}
	w->process = t->process;
	w->count = (unsigned)count;
	t->call.state[0] = (uintptr_t)w;
	t->call.abandon = wish_abandon;
	return 0;
}

/* What Linux refuses before it tries. */
static int wish_check(struct task *t, struct sem_set *s, struct wish *w)
{
	bool big = false;
	if (!s)
		return -EINVAL;
	for (unsigned i = 0; i < w->count; i++)
		big |= w->op[i].number >= s->count;
	if (big)
		return -EFBIG;
	return ipc_may(t, &s->o, wish_changes(w) ? 0222 : 0444);
}

/* Reads a timeout into call.deadline. */
static int timeout_read(struct task *t, uint64_t va)
{
	struct abi_timespec {
		int64_t sec, nsec;
	} ts;
	int r = uaccess_read(t, &ts, va, sizeof(ts));
	if (r != 0)
		return r;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	uint64_t now = kernel_now(t->process->kernel), s = (uint64_t)ts.sec;
	t->call.deadline = s > (NO_DEADLINE - now) / 1000000000 - 2
			       ? NO_DEADLINE
			       : now + s * 1000000000 + (uint64_t)ts.nsec;
	return 0;
}

static int64_t sem_begin(struct task *t, int32_t id, uint64_t ops, uint64_t count, uint64_t timeout)
{
	if (count < 1 || id < 0)
		return -EINVAL;
	if (count > t->process->kernel->settings.sem[2])
		return -E2BIG;
	int r = timeout ? timeout_read(t, timeout) : 0;
	if (r == 0)
		r = wish_read(t, ops, count);
	if (r != 0)
		return r;
	struct wish *w = wish_of(t);
	struct sem_set *s = (struct sem_set *)ipc_find(t->process->kernel, IPC_KIND_SEM, id);
	r = wish_check(t, s, w);
	if (r != 0)
		return r;
	bool changes = wish_changes(w);
	if (!wish_try(s, w)) {
		(void)wait_on(t, &s->queue); /* the first four cannot fail */
		if (t->call.deadline != NO_DEADLINE)
			wait_until(t, t->call.deadline);
		return CALL_WAIT;
	}
	if (w->error == 0 && changes)
		sem_wake(s);
	return w->error;
}

static int64_t sem_operate(struct task *t, int32_t id, uint64_t ops, uint64_t count,
			   uint64_t timeout)
{
	const struct wish *w = wish_of(t);
	if (!w)
		return sem_begin(t, id, ops, count & UINT32_MAX, timeout);
	if (w->done)
		return w->error;
	struct sem_set *s = (struct sem_set *)ipc_find(t->process->kernel, IPC_KIND_SEM, id);
	if (!s)
		return -EIDRM;
	if (t->call.deadline <= kernel_now(t->process->kernel))
		return -EAGAIN;
	(void)wait_on(t, &s->queue);
	if (t->call.deadline != NO_DEADLINE)
		wait_until(t, t->call.deadline);
	return CALL_WAIT;
}

int64_t sys_semop(struct task *t, const uint64_t a[6])
{
	return sem_operate(t, (int32_t)a[0], a[1], a[2], 0);
}

int64_t sys_semtimedop(struct task *t, const uint64_t a[6])
{
	return sem_operate(t, (int32_t)a[0], a[1], a[2], a[3]);
}
