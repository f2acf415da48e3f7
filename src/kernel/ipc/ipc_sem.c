/* SPDX-License-Identifier: MIT */
/* ipc_sem.c - System V semaphores
 *
 *	set -> value and last pid of each	in host memory while there are few, else in frames
 *	    -> queue: tasks that wait, each with its operations (struct wish) at call.state[0]
 *	    -> undos <- process: what is given back when the process ends
 *
 * All operations of a call are done or none. Who changes a value looks through the queue in order
 * (sem_wake) and does in the sleepers' place what can be done now, until nothing can; a sleeper only
 * learns the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/file/spool.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

enum { FEW = 64, UNDOS_MAX = 4096 /* semaphores that one process would undo */ };

enum { FLAG_UNDO = 0x1000 };

struct abi_sembuf {
	uint16_t number;
	int16_t change;
	int16_t flags;
};

struct sem {
	int32_t value;
	int32_t pid;
};

struct undo {
	uint16_t number;
	int16_t change;
};

/* What one process changed in one set with SEM_UNDO. */
struct sem_undo {
	struct sem_set *set;
	struct process *process;
	LIST_ENTRY(sem_undo) of_set, of_process;
	unsigned count, room;
	struct undo *undo;
};

struct sem_set {
	struct ipc_object o;
	struct kernel *kernel;
	unsigned count;
	struct sem *few; /* NULL: in the spool */
	struct spool spool;
	int64_t otime, ctime;
	struct wait_queue queue;
	LIST_HEAD(, sem_undo) undos;
};

/* A call that waits. */
struct wish {
	struct process *process;
	bool done;
	int error;
	unsigned count;
	unsigned blocks; /* at which semaphore it waits */
	bool for_zero;
	struct abi_sembuf op[];
};

static struct sem sem_get(const struct sem_set *s, unsigned n)
{
	struct sem sem;
	if (s->few)
		return s->few[n];
	spool_read(&s->spool, (uint64_t)n * sizeof(sem), &sem, sizeof(sem));
	return sem;
}

static void sem_put(struct sem_set *s, unsigned n, struct sem sem)
{
	if (s->few)
		s->few[n] = sem;
	else
		spool_write(&s->spool, (uint64_t)n * sizeof(sem), &sem, sizeof(sem));
}

static struct wish *wish_of(const struct task *t)
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

static void undo_free(struct sem_undo *u)
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

/* Its value was set: nobody undoes anything from before. */
static void undo_forget(struct sem_set *s, unsigned n)
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
static void sem_wake(struct sem_set *s)
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
	if (count > IPC_SEM_OPS)
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

/* ---- semget ---- */

static int set_check(const struct ipc_object *o, uint64_t count)
{
	return count > ((const struct sem_set *)o)->count ? -EINVAL : 0;
}

/* Its values, zeros. */
static int values_create(struct sem_set *s)
{
	uint64_t size = (uint64_t)s->count * sizeof(struct sem);
	spool_init(&s->spool, s->kernel);
	if (s->count <= FEW) {
		s->few = calloc(s->count, sizeof(struct sem));
		return s->few ? 0 : -ENOMEM;
	}
	int err = spool_room(&s->spool, size);
	if (err == 0)
		spool_insert(&s->spool, 0, NULL, size);
	return err;
}

void sem_set_free(struct kernel *k, struct ipc_object *o)
{
	struct sem_set *s = (struct sem_set *)o;
	k->ipc->sem_count -= s->count;
	spool_finish(&s->spool);
	free(s->few);
	free(s);
}

static int64_t set_create(struct task *t, const struct ipc_get *get)
{
	struct kernel *k = t->process->kernel;
	if (get->size == 0)
		return -EINVAL;
	if (k->ipc->sem_count + get->size > IPC_SEM_TOTAL)
		return -ENOSPC;
	struct sem_set *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->kernel = k;
	s->count = (unsigned)get->size;
	s->ctime = ipc_now(k);
	wait_queue_init(&s->queue);
	LIST_INIT(&s->undos);
	k->ipc->sem_count += s->count;
	int64_t r = values_create(s);
	if (r == 0)
		r = ipc_add(t, get, &s->o);
	if (r < 0)
		sem_set_free(k, &s->o);
	return wait_result(t, r);
}

int64_t sys_semget(struct task *t, const uint64_t a[6])
{
	int32_t count = (int32_t)a[1];
	const struct ipc_get get = {.kind = IPC_KIND_SEM,
				    .key = (int32_t)a[0],
				    .flags = (uint32_t)a[2],
				    .size = (uint64_t)count,
				    .check = set_check,
				    .create = set_create};
	return count < 0 || count > IPC_SEM_PER_SET ? -EINVAL : ipc_get(t, &get);
}

/* ---- semctl ---- */

enum { GETPID = 11, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL, STAT, INFO, STAT_ANY };

struct abi_semid {
	struct abi_ipc_perm perm;
	int64_t otime, ctime;
	uint64_t count, unused[2];
};
_Static_assert(sizeof(struct abi_semid) == 88, "struct semid64_ds");

static int64_t set_stat(struct task *t, int32_t name, bool by_index, bool anybody, uint64_t va)
{
	struct ipc_object *o;
	int r = ipc_named(t->process->kernel, IPC_KIND_SEM, name, by_index, &o);
	if (r == 0 && !anybody)
		r = ipc_may(t, o, 0444);
	if (r != 0)
		return r;
	const struct sem_set *s = (const struct sem_set *)o;
	struct abi_semid ds = {.otime = s->otime, .ctime = s->ctime, .count = s->count};
	ipc_perm_fill(o, &ds.perm);
	r = uaccess_write(t, va, &ds, sizeof(ds));
	return r ? r : by_index ? o->id : 0;
}

static int64_t set_limits(struct task *t, bool usage, uint64_t va)
{
	const struct kernel *k = t->process->kernel;
	int32_t info[10] = {IPC_SEM_TOTAL, IPC_SEM_MAX_COUNT, IPC_SEM_TOTAL, IPC_SEM_TOTAL,
			    IPC_SEM_PER_SET, IPC_SEM_OPS, IPC_SEM_OPS, 20, IPC_SEM_VALUE,
			    IPC_SEM_VALUE};
	if (usage) {
		info[7] = (int32_t)k->ipc->set[IPC_KIND_SEM].count;
		info[9] = (int32_t)k->ipc->sem_count;
	}
	int r = uaccess_write(t, va, info, sizeof(info));
	return r ? r : ipc_highest(k, IPC_KIND_SEM);
}

static int64_t set_change(struct task *t, int32_t id, uint64_t va)
{
	struct abi_semid ds;
	int r = uaccess_read(t, &ds, va, sizeof(ds));
	if (r != 0)
		return r;
	struct sem_set *s = (struct sem_set *)ipc_find(t->process->kernel, IPC_KIND_SEM, id);
	r = s ? ipc_owns(t, &s->o) : -EINVAL;
	if (r != 0)
		return r;
	ipc_perm_set(&s->o, &ds.perm);
	s->ctime = ipc_now(s->kernel);
	return 0;
}

static int64_t set_remove(struct task *t, int32_t id)
{
	struct kernel *k = t->process->kernel;
	struct sem_set *s = (struct sem_set *)ipc_find(k, IPC_KIND_SEM, id);
	int r = s ? ipc_owns(t, &s->o) : -EINVAL;
	if (r != 0)
		return r;
	struct wait_entry *e;
	while ((e = TAILQ_FIRST(&s->queue))) {
		wish_of(e->task)->error = -EIDRM;
		wish_of(e->task)->done = true;
		wait_wake(e->task);
	}
	while (!LIST_EMPTY(&s->undos))
		undo_free(LIST_FIRST(&s->undos));
	ipc_remove(k, IPC_KIND_SEM, &s->o);
	sem_set_free(k, &s->o);
	return 0;
}

static int64_t waiters(const struct sem_set *s, unsigned n, bool for_zero)
{
	const struct wait_entry *e;
	int64_t count = 0;
	TAILQ_FOREACH (e, &s->queue, link) {
		const struct wish *w = wish_of(e->task);
		count += w->blocks == n && w->for_zero == for_zero;
	}
	return count;
}

static int64_t values_get(struct task *t, const struct sem_set *s, uint64_t va)
{
	uint16_t some[512];
	for (unsigned done = 0, n; done < s->count; done += n) {
		n = (unsigned)min_u64(s->count - done, array_size(some));
		for (unsigned i = 0; i < n; i++)
			some[i] = (uint16_t)sem_get(s, done + i).value;
		int r = uaccess_write(t, va + done * sizeof(some[0]), some, n * sizeof(some[0]));
		if (r != 0)
			return r;
	}
	return 0;
}

static int64_t values_set(struct task *t, struct sem_set *s, uint64_t va)
{
	uint64_t size = s->count * sizeof(uint16_t);
	uint16_t *values = malloc(size);
	if (!values)
		return -ENOMEM;
	int r = uaccess_read(t, values, va, size);
	for (unsigned i = 0; r == 0 && i < s->count; i++)
		r = values[i] > IPC_SEM_VALUE ? -ERANGE : 0;
	for (unsigned i = 0; r == 0 && i < s->count; i++) {
		sem_put(s, i, (struct sem){values[i], t->process->pid});
		undo_forget(s, i);
	}
	free(values);
	if (r != 0)
		return r;
	s->ctime = ipc_now(s->kernel);
	sem_wake(s);
	return 0;
}

static int64_t value_set(struct task *t, struct sem_set *s, unsigned n, int32_t value)
{
	sem_put(s, n, (struct sem){value, t->process->pid});
	undo_forget(s, n);
	s->ctime = ipc_now(s->kernel);
	sem_wake(s);
	return 0;
}

static int64_t set_values(struct task *t, int32_t id, int32_t n, int command, uint64_t arg)
{
	struct sem_set *s = (struct sem_set *)ipc_find(t->process->kernel, IPC_KIND_SEM, id);
	bool sets = command == SETVAL || command == SETALL, all = command == SETALL || command == GETALL;
	if (command == SETVAL && ((int32_t)arg < 0 || (int32_t)arg > IPC_SEM_VALUE))
		return -ERANGE;
	if (!s)
		return -EINVAL;
	if (command == SETVAL && (n < 0 || (unsigned)n >= s->count))
		return -EINVAL;
	int r = ipc_may(t, &s->o, sets ? 0222 : 0444);
	if (r != 0)
		return r;
	if (!all && (n < 0 || (unsigned)n >= s->count))
		return -EINVAL;
	switch (command) {
	case GETALL: return values_get(t, s, arg);
	case SETALL: return values_set(t, s, arg);
	case SETVAL: return value_set(t, s, (unsigned)n, (int32_t)arg);
	case GETVAL: return sem_get(s, (unsigned)n).value;
	case GETPID: return sem_get(s, (unsigned)n).pid;
	default: return waiters(s, (unsigned)n, command == GETZCNT);
	}
}

int64_t sys_semctl(struct task *t, const uint64_t a[6])
{
	int32_t id = (int32_t)a[0], command = (int32_t)a[2];
	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_CMD_INFO:
	case INFO: return set_limits(t, command == INFO, a[3]);
	case IPC_CMD_STAT: return set_stat(t, id, false, false, a[3]);
	case STAT: return set_stat(t, id, true, false, a[3]);
	case STAT_ANY: return set_stat(t, id, true, true, a[3]);
	case GETALL:
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL:
	case SETALL: return set_values(t, id, (int32_t)a[1], command, a[3]);
	case IPC_CMD_SET: return set_change(t, id, a[3]);
	case IPC_CMD_REMOVE: return set_remove(t, id);
	default: return -EINVAL;
	}
}

int proc_sysvipc_sem(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct ipc_set *set = &k->ipc->set[IPC_KIND_SEM];
	text_add(text, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
		       "ctime\n");
	for (unsigned i = 0; i < set->size; i++) {
		const struct sem_set *s = (const struct sem_set *)set->slot[i];
		if (s)
			text_add(text, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", s->o.key,
				 s->o.id, s->o.mode, s->count, s->o.uid, s->o.gid, s->o.cuid,
				 s->o.cgid, (uint64_t)s->otime, (uint64_t)s->ctime);
	}
	return 0;
}
