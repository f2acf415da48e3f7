/* SPDX-License-Identifier: MIT */
#include "kernel/ipc/ipc_sem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

enum { FEW = 64 };

struct sem sem_get(const struct sem_set *s, unsigned n)
{
	struct sem sem;
	if (s->few)
		return s->few[n];
	ring_peek(&s->ring, (uint64_t)n * sizeof(sem), &sem, sizeof(sem));
	return sem;
}

void sem_put(struct sem_set *s, unsigned n, struct sem sem)
{
	if (s->few)
		s->few[n] = sem;
	else
		ring_poke(&s->ring, (uint64_t)n * sizeof(sem), &sem, sizeof(sem));
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
	ring_init(&s->ring, s->kernel->mm);
	if (s->count <= FEW) {
		s->few = calloc(s->count, sizeof(struct sem));
		return s->few ? 0 : -ENOMEM;
	}
	int err = ring_room(&s->ring, size);
	if (err == 0)
		ring_insert(&s->ring, 0, NULL, size);
	return err;
}

void sem_set_free(struct kernel *k, struct ipc_object *o)
{
	struct sem_set *s = (struct sem_set *)o;
	k->ipc->sem_count -= s->count;
	ring_finish(&s->ring);
	free(s->few);
	free(s);
}

static int64_t set_create(struct task *t, const struct ipc_get *get)
{
	struct kernel *k = t->process->kernel;
	if (get->size == 0)
		return -EINVAL;
	if (k->ipc->sem_count + get->size > k->settings.sem[1])
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
	return count < 0 || (uint64_t)count > t->process->kernel->settings.sem[0] ? -EINVAL : ipc_get(t, &get);
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
	const uint64_t *sem = k->settings.sem;
	int32_t all = (int32_t)sem[1], ops = (int32_t)sem[2];
	int32_t info[10] = {all, (int32_t)sem[3], all, all, (int32_t)sem[0], ops, ops, 20, IPC_SEM_VALUE,
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
