/* SPDX-License-Identifier: MIT */
#include "kernel/ipc/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/kernel.h"

int ipc_create(struct kernel *k)
{
	const uint64_t *max[IPC_KINDS] = {&k->settings.shm_count, &k->settings.sem[3], &k->settings.queue_count};
	k->ipc = calloc(1, sizeof(*k->ipc));
	if (!k->ipc)
		return -ENOMEM;
	for (unsigned i = 0; i < IPC_KINDS; i++) {
		k->ipc->set[i].max = max[i];
		k->ipc->set[i].last = -1;
	}
	return 0;
}

void ipc_destroy(struct kernel *k)
{
	static void (*const object_free[IPC_KINDS])(struct kernel *k, struct ipc_object *o) = {
	    shm_segment_free, sem_set_free, msg_queue_free};
	if (!k->ipc)
		return;
	for (unsigned kind = 0; kind < IPC_KINDS; kind++) {
		struct ipc_set *s = &k->ipc->set[kind];
		for (unsigned i = 0; i < s->size; i++) {
			if (s->slot[i])
				object_free[kind](k, s->slot[i]);
		}
		free(s->slot);
	}
	free(k->ipc);
	k->ipc = NULL;
}

int64_t ipc_now(const struct kernel *k)
{
	return (int64_t)(kernel_realtime(k) / 1000000000);
}

/* ---- Numbers ---- */

/* The next free index after the last one, in turn, as Linux's idr_alloc_cyclic: of half as many more as
 * are in use, and of 64 at least. -1: none. */
static int index_new(const struct ipc_set *s)
{
	enum { CYCLE = 64 };
	unsigned end = (unsigned)min_u64(max_u64(s->count * 3 / 2, CYCLE), *s->max);
	for (unsigned pass = 0; pass < 2; pass++) {
		unsigned from = pass ? 0 : (unsigned)(s->last + 1);
		for (unsigned i = from; i < end; i++) {
			if (i >= s->size || !s->slot[i])
				return (int)i;
		}
	}
	return -1;
}

static int slot_room(struct ipc_set *s, unsigned index)
{
	if (index < s->size)
		return 0;
	unsigned size = s->size ? 2 * s->size : 64;
	struct ipc_object **more = realloc(s->slot, size * sizeof(struct ipc_object *));
	if (!more)
		return -ENOMEM;
	memset(more + s->size, 0, (size - s->size) * sizeof(struct ipc_object *));
	s->slot = more;
	s->size = size;
	return 0;
}

int64_t ipc_add(struct task *t, const struct ipc_get *g, struct ipc_object *o)
{
	struct ipc_set *s = &t->process->kernel->ipc->set[g->kind];
	int index = s->count < *s->max ? index_new(s) : -1;
	if (index < 0)
		return -ENOSPC;
	if (slot_room(s, (unsigned)index) != 0)
		return -ENOMEM;
	if (index <= s->last)
		s->sequence = (s->sequence + 1) & 0xffff;
	s->last = index;
	s->slot[index] = o;
	s->count++;
	o->key = g->key;
	o->id = (int32_t)(s->sequence << IPC_INDEX_BITS) + index;
	o->uid = o->cuid = t->cred->euid;
	o->gid = o->cgid = t->cred->egid;
	o->mode = g->flags & 0777;
	return o->id;
}

void ipc_remove(struct kernel *k, enum ipc_kind kind, struct ipc_object *o)
{
	struct ipc_set *s = &k->ipc->set[kind];
	s->slot[o->id & ((1 << IPC_INDEX_BITS) - 1)] = NULL;
	s->count--;
}

struct ipc_object *ipc_at(const struct kernel *k, enum ipc_kind kind, int32_t index)
{
	const struct ipc_set *s = &k->ipc->set[kind];
	return index >= 0 && (unsigned)index < s->size ? s->slot[index] : NULL;
}

struct ipc_object *ipc_find(const struct kernel *k, enum ipc_kind kind, int32_t id)
{
	struct ipc_object *o =
	    id < 0 ? NULL : ipc_at(k, kind, id & ((1 << IPC_INDEX_BITS) - 1));
	return o && o->id == id ? o : NULL;
}

int ipc_named(const struct kernel *k, enum ipc_kind kind, int32_t name, bool by_index,
	      struct ipc_object **ret_object)
{
	int32_t mask = (1 << IPC_INDEX_BITS) - 1;
	struct ipc_object *o =
	    by_index ? ipc_at(k, kind, name & mask) : ipc_find(k, kind, name);
	if (!o)
		return -EINVAL;
	*ret_object = o;
	return 0;
}

int ipc_highest(const struct kernel *k, enum ipc_kind kind)
{
	const struct ipc_set *s = &k->ipc->set[kind];
	for (unsigned i = s->size; i > 0; i--) {
		if (s->slot[i - 1])
			return (int)i - 1;
	}
	return 0;
}

/* ---- Keys ---- */

static struct ipc_object *key_find(const struct ipc_set *s, int32_t key)
{
	for (unsigned i = 0; i < s->size; i++) {
		if (s->slot[i] && s->slot[i]->key == key)
			return s->slot[i];
	}
	return NULL;
}

int64_t ipc_get(struct task *t, const struct ipc_get *g)
{
	const struct ipc_set *s = &t->process->kernel->ipc->set[g->kind];
	struct ipc_object *o = g->key == IPC_KEY_PRIVATE ? NULL : key_find(s, g->key);
	if (!o) {
		if (g->key != IPC_KEY_PRIVATE && !(g->flags & IPC_CREATE))
			return -ENOENT;
		return g->create(t, g);
	}
	if (g->flags & IPC_CREATE && g->flags & IPC_EXCLUSIVE)
		return -EEXIST;
	int r = g->check ? g->check(o, g->size) : 0;
	if (r == 0)
		r = ipc_may(t, o, g->flags);
	return r ? r : o->id;
}

/* ---- Permissions ---- */

int ipc_may(const struct task *t, const struct ipc_object *o, uint32_t mode)
{
	const struct cred *c = t->cred;
	uint32_t wanted = mode >> 6 | mode >> 3 | mode, granted = o->mode;
	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	return wanted & ~granted & 07 && !cred_can(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_owns(const struct task *t, const struct ipc_object *o)
{
	uint32_t euid = t->cred->euid;
	return task_can(t, CAP_SYS_ADMIN) || euid == o->uid || euid == o->cuid ? 0 : -EPERM;
}

void ipc_perm_fill(const struct ipc_object *o, struct abi_ipc_perm *ret_perm)
{
	*ret_perm = (struct abi_ipc_perm){
	    .key = o->key,
	    .uid = o->uid,
	    .gid = o->gid,
	    .cuid = o->cuid,
	    .cgid = o->cgid,
	    .mode = o->mode,
	    .sequence = (uint16_t)(o->id >> IPC_INDEX_BITS),
	};
}

void ipc_perm_set(struct ipc_object *o, const struct abi_ipc_perm *perm)
{
	o->uid = perm->uid;
	o->gid = perm->gid;
	o->mode = (o->mode & ~UINT32_C(0777)) | (perm->mode & 0777);
}

/* ---- Letters ---- */

static void letter_abandon(struct task *t)
{
	struct letter *l = (struct letter *)(uintptr_t)t->call.state[0];
	free(l->bytes);
	free(l);
	t->call.state[0] = 0;
	t->call.abandon = NULL;
}

struct letter *letter_of(struct task *t)
{
	if (!t->call.state[0]) {
		t->call.state[0] = (uintptr_t)calloc(1, sizeof(struct letter));
		if (t->call.state[0])
			t->call.abandon = letter_abandon;
	}
	return (struct letter *)(uintptr_t)t->call.state[0];
}

bool letter_deliver(struct task *t, int64_t type, const void *bytes, uint32_t size)
{
	struct letter *l = (struct letter *)(uintptr_t)t->call.state[0];
	l->bytes = malloc(size + 1);
	if (!l->bytes)
		return false;
	memcpy(l->bytes, bytes, size);
	l->type = type;
	l->size = size;
	l->done = true;
	wait_wake(t);
	return true;
}

void letter_fail(struct task *t, int error)
{
	struct letter *l = (struct letter *)(uintptr_t)t->call.state[0];
	l->error = error;
	l->done = true;
	wait_wake(t);
}
