/* SPDX-License-Identifier: MIT */
/* ipc_shm.c - System V shared memory
 *
 *	id -> segment -> object <- region, region, ...	each one an attachment
 *
 * The object is shared memory as that of a memfd or of /dev/shm; its regions are the attachments, so
 * that nobody counts them. IPC_RMID lets go of the object; the segment, which has its number still, goes
 * with it when the last region does.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

enum {
	FLAG_RDONLY = 010000, /* of shmat; of shmget: NORESERVE */
	FLAG_RND = 020000,
	FLAG_REMAP = 040000,
	FLAG_EXEC = 0100000,
	FLAG_HUGETLB = 04000,
	FLAG_NORESERVE = 010000,
	MODE_DEST = 01000,
	MODE_LOCKED = 02000,
};

struct segment {
	struct ipc_object o;
	struct kernel *kernel;
	struct object *object;
	uint64_t size;
	int32_t name_key; /* the key that it was made with */
	int32_t cpid, lpid;
	int64_t atime, dtime, ctime;
};

static uint64_t pages(uint64_t size)
{
	return page_up(size) >> PAGE_SHIFT;
}

/* ---- The object tells what becomes of it ---- */

static void segment_release(void *ctx)
{
	struct segment *g = ctx;
	g->kernel->ipc->shm_pages -= pages(g->size);
	ipc_remove(g->kernel, IPC_KIND_SHM, &g->o);
	free(g);
}

static int segment_punch(void *ctx, uint64_t first, uint64_t last)
{
	struct segment *g = ctx;
	object_punch(g->kernel->mm, g->object, first, last);
	return 0;
}

/* Whoever splits, copies or moves an attachment attaches once more. */
static void segment_mapped(void *ctx, const struct region *r, bool begins)
{
	struct segment *g = ctx;
	const struct kernel *k = g->kernel;
	const struct space *s =
	    (const void *)((const char *)r->in - offsetof(struct space, regions));
	*(begins ? &g->atime : &g->dtime) = ipc_now(k);
	g->lpid = begins && k->current ? k->current->process->pid : s->pid;
}

static const struct pager segment_pager = {
    .release = segment_release, .punch = segment_punch, .mapped = segment_mapped};

static struct segment *segment_of(const struct object *o)
{
	return o && o->pager == &segment_pager ? o->ctx : NULL;
}

bool shm_segment_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		      uint64_t *ret_inode)
{
	const struct segment *g = segment_of(o);
	if (!g)
		return false;
	text_add(ret_name, "/SYSV%08x (deleted)", (uint32_t)g->name_key);
	*ret_device = 1;
	*ret_inode = (uint64_t)g->o.id;
	return true;
}

static uint64_t attached(const struct segment *g)
{
	uint64_t n = 0;
	for (const struct region *r = g->object->regions; r; r = r->mapping_next)
		n++;
	return n;
}

static void residence(const struct segment *g, uint64_t *ret_resident, uint64_t *ret_swapped)
{
	uint64_t index = 0, last = pages(g->size) - 1, resident = 0, swapped = 0;
	const struct anon *a;
	for (; index <= last && (a = sparse_next(&g->object->pages, &index, last)); index++) {
		resident += a->frame != NO_FRAME;
		swapped += a->frame == NO_FRAME;
	}
	*ret_resident = resident;
	*ret_swapped = swapped;
}

void shm_segment_free(struct kernel *k, struct ipc_object *o)
{
	object_put(k->mm, ((struct segment *)o)->object);
}

/* ---- shmget ---- */

static int segment_check(const struct ipc_object *o, uint64_t size)
{
	return size > ((const struct segment *)o)->size ? -EINVAL : 0;
}

static int64_t segment_create(struct task *t, const struct ipc_get *get)
{
	struct kernel *k = t->process->kernel;
	if (get->size == 0 || get->size > k->settings.shm_max)
		return -EINVAL;
	uint64_t all = k->settings.shm_all, taken = k->ipc->shm_pages;
	if (taken > all || pages(get->size) > all - taken)
		return -ENOSPC;
	/* There are no huge pages; and no file is as large as that. */
	if (get->flags & FLAG_HUGETLB || get->size > INT64_MAX)
		return -EINVAL;
	if (pages(get->size) >> OBJECT_INDEX_BITS)
		return -ENOMEM;
	struct segment *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct segment){.kernel = k,
			      .size = get->size,
			      .name_key = get->key,
			      .cpid = t->process->pid,
			      .ctime = ipc_now(k)};
	int64_t r = ipc_add(t, get, &g->o);
	if (r < 0) {
		free(g);
		return r;
	}
	int err = object_create(k->mm, OBJECT_SHARED, page_up(get->size), &segment_pager, g,
				&g->object);
	if (err) {
		ipc_remove(k, IPC_KIND_SHM, &g->o);
		free(g);
		return err;
	}
	k->ipc->shm_pages += pages(g->size);
	err = object_promise(g->object, t->process->space, !(get->flags & FLAG_NORESERVE));
	if (err) {
		object_put(k->mm, g->object); /* and segment_release */
		return err;
	}
	return r;
}

int64_t sys_shmget(struct task *t, const uint64_t a[6])
{
	const struct ipc_get get = {.kind = IPC_KIND_SHM,
				    .key = (int32_t)a[0],
				    .flags = (uint32_t)a[2],
				    .size = a[1],
				    .check = segment_check,
				    .create = segment_create};
	return ipc_get(t, &get);
}

/* ---- shmat, shmdt ---- */

/* Where it goes: start is the address that was asked for, or 0. */
static int attach_place(const struct task *t, uint64_t flags, uint64_t *start)
{
	if (*start == 0)
		return flags & FLAG_REMAP ? -EINVAL : 0;
	if (*start % PAGE_SIZE == 0)
		return 0;
	if (!(flags & FLAG_RND))
		return -EINVAL;
	*start = page_down(*start);
	return *start == 0 && flags & FLAG_REMAP ? -EINVAL : 0;
}

static int attach_check(const struct task *t, const struct segment *g, uint64_t flags,
			uint64_t start)
{
	const struct process *p = t->process;
	uint32_t mode = flags & FLAG_RDONLY ? 0444 : 0666;
	int r = ipc_may(t, &g->o, flags & FLAG_EXEC ? mode | 0111 : mode);
	if (r != 0 || start == 0)
		return r;
	uint64_t end = start + page_up(g->size);
	const struct region *there = regions_at_or_after(&p->space->regions, start);
	if (!(flags & FLAG_REMAP) && (end < start || (there && there->start < end)))
		return -EINVAL;
	return task_can(t, CAP_SYS_RAWIO) || start >= p->space->layout.bottom ? 0 : -EPERM;
}

int64_t sys_shmat(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	uint64_t start = a[1], flags = a[2] & UINT32_MAX;
	int r = (int32_t)a[0] < 0 ? -EINVAL : attach_place(t, flags, &start);
	if (r != 0)
		return r;
	struct segment *g = (struct segment *)ipc_find(p->kernel, IPC_KIND_SHM, (int32_t)a[0]);
	if (!g)
		return -EINVAL;
	r = attach_check(t, g, flags, start);
	if (r != 0)
		return r;
	bool write = !(flags & FLAG_RDONLY);
	struct map_request m = {.start = start,
				.length = g->size,
				.prot = (unsigned)(PROT_R | (write ? PROT_W : 0) |
						   (flags & FLAG_EXEC ? PROT_X : 0)),
				.prot_max = write ? PROT_ALL : PROT_R | PROT_X,
				.map_flags = start ? MAP_AT : 0,
				.region_flags = REGION_SHARED | REGION_APART,
				.object = g->object,
				.source = ++p->kernel->last_file};
	/* It may replace the last attachment of a segment that is only waited for. */
	object_get(m.object);
	r = space_map(p->space, &m, &start);
	object_put(p->kernel->mm, m.object);
	return r == 0 ? (int64_t)start : wait_result(t, r);
}

/* Does the region show what was attached at base? */
static bool attached_at(const struct region *r, uint64_t base)
{
	return segment_of(r->object) && r->start - base == r->offset;
}

/* state[0]: the attachment's serial number, state[1]: where it ends, once a part of it is gone. */
int64_t sys_shmdt(struct task *t, const uint64_t a[6])
{
	struct space *s = t->process->space;
	uint64_t base = a[0], *source = &t->call.state[0], *end = &t->call.state[1];
	if (base % PAGE_SIZE)
		return -EINVAL;
	struct region *r = regions_at_or_after(&s->regions, base);
	if (!*source) {
		while (r && !attached_at(r, base))
			r = region_next(r);
		if (!r)
			return -EINVAL;
		*source = r->source;
		*end = base + page_up(r->object->size);
	}
	while (r && r->end <= *end) {
		uint64_t next = r->end;
		if (attached_at(r, base) && r->source == *source) {
			/* As on Linux what is sealed stays, and nobody is told. */
			int err = space_unmap(s, r->start, r->end - r->start);
			if (err && err != -EPERM)
				return wait_result(t, err);
		}
		r = regions_at_or_after(&s->regions, next);
	}
	return 0;
}

/* ---- shmctl ---- */

struct abi_shmid {
	struct abi_ipc_perm perm;
	uint64_t size;
	int64_t atime, dtime, ctime;
	int32_t cpid, lpid;
	uint64_t attached, unused[2];
};
_Static_assert(sizeof(struct abi_shmid) == 112, "struct shmid64_ds");

static int64_t segment_stat(struct task *t, int32_t name, bool by_index, bool anybody, uint64_t va)
{
	struct ipc_object *o;
	int r = ipc_named(t->process->kernel, IPC_KIND_SHM, name, by_index, &o);
	if (r == 0 && !anybody)
		r = ipc_may(t, o, 0444);
	if (r != 0)
		return r;
	const struct segment *g = (const struct segment *)o;
	struct abi_shmid s = {.size = g->size,
			      .atime = g->atime,
			      .dtime = g->dtime,
			      .ctime = g->ctime,
			      .cpid = g->cpid,
			      .lpid = g->lpid,
			      .attached = attached(g)};
	ipc_perm_fill(o, &s.perm);
	r = uaccess_write(t, va, &s, sizeof(s));
	return r ? r : by_index ? o->id : 0;
}

static int64_t segment_limits(struct task *t, uint64_t va)
{
	const struct settings *c = &t->process->kernel->settings;
	const uint64_t info[9] = {c->shm_max, 1, c->shm_count, c->shm_count, c->shm_all};
	int r = uaccess_write(t, va, info, sizeof(info));
	return r ? r : ipc_highest(t->process->kernel, IPC_KIND_SHM);
}

static int64_t segment_usage(struct task *t, uint64_t va)
{
	const struct kernel *k = t->process->kernel;
	const struct ipc_set *set = &k->ipc->set[IPC_KIND_SHM];
	uint64_t info[6] = {set->count, k->ipc->shm_pages};
	for (unsigned i = 0; i < set->size; i++) {
		uint64_t resident, swapped;
		if (!set->slot[i])
			continue;
		residence((struct segment *)set->slot[i], &resident, &swapped);
		info[2] += resident;
		info[3] += swapped;
	}
	int r = uaccess_write(t, va, info, sizeof(info));
	return r ? r : ipc_highest(k, IPC_KIND_SHM);
}

static int64_t segment_set(struct task *t, int32_t id, uint64_t va)
{
	struct abi_shmid s;
	int r = uaccess_read(t, &s, va, sizeof(s));
	if (r != 0)
		return r;
	struct segment *g = (struct segment *)ipc_find(t->process->kernel, IPC_KIND_SHM, id);
	r = g ? ipc_owns(t, &g->o) : -EINVAL;
	if (r != 0)
		return r;
	ipc_perm_set(&g->o, &s.perm);
	g->ctime = ipc_now(g->kernel);
	return 0;
}

static int64_t segment_remove(struct task *t, int32_t id)
{
	struct segment *g = (struct segment *)ipc_find(t->process->kernel, IPC_KIND_SHM, id);
	int r = g ? ipc_owns(t, &g->o) : -EINVAL;
	if (r != 0)
		return r;
	if (g->o.mode & MODE_DEST) /* it is only waited for */
		return 0;
	g->o.mode |= MODE_DEST;
	g->o.key = IPC_KEY_PRIVATE;
	object_put(g->kernel->mm, g->object); /* and segment_release, sooner or later */
	return 0;
}

static int64_t segment_lock(struct task *t, int32_t id, bool lock)
{
	struct process *p = t->process;
	struct segment *g = (struct segment *)ipc_find(p->kernel, IPC_KIND_SHM, id);
	if (!g)
		return -EINVAL;
	bool may = task_can(t, CAP_IPC_LOCK);
	if (!may && t->cred->euid != g->o.uid && t->cred->euid != g->o.cuid)
		return -EPERM;
	uint64_t limit = p->limit[8].soft; /* RLIMIT_MEMLOCK */
	if (lock && !may && limit == 0)
		return -EPERM;
	if (lock && !may && page_up(g->size) > limit)
		return -ENOMEM;
	g->o.mode = lock ? g->o.mode | MODE_LOCKED : g->o.mode & ~(uint32_t)MODE_LOCKED;
	object_lock(p->kernel->mm, g->object, lock);
	return 0;
}

int64_t sys_shmctl(struct task *t, const uint64_t a[6])
{
	enum { LOCK = 11, UNLOCK, STAT, INFO, STAT_ANY };
	int32_t id = (int32_t)a[0], command = (int32_t)a[1];
	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_CMD_INFO: return segment_limits(t, a[2]);
	case INFO: return segment_usage(t, a[2]);
	case IPC_CMD_STAT: return segment_stat(t, id, false, false, a[2]);
	case STAT: return segment_stat(t, id, true, false, a[2]);
	case STAT_ANY: return segment_stat(t, id, true, true, a[2]);
	case IPC_CMD_SET: return segment_set(t, id, a[2]);
	case IPC_CMD_REMOVE: return segment_remove(t, id);
	case LOCK:
	case UNLOCK: return segment_lock(t, id, command == LOCK);
	default: return -EINVAL;
	}
}

/* ---- /proc/sysvipc/shm ---- */

int proc_sysvipc_shm(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct ipc_set *set = &k->ipc->set[IPC_KIND_SHM];
	text_add(text,
		 "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
		 "cuid  cgid      atime      dtime      ctime                   rss                  "
		 "swap\n");
	for (unsigned i = 0; i < set->size; i++) {
		const struct segment *g = (const struct segment *)set->slot[i];
		uint64_t resident, swapped;
		if (!g)
			continue;
		residence(g, &resident, &swapped);
		text_add(text,
			 "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu "
			 "%21lu\n",
			 g->o.key, g->o.id, g->o.mode, g->size, g->cpid, g->lpid, attached(g),
			 g->o.uid, g->o.gid, g->o.cuid, g->o.cgid, (uint64_t)g->atime,
			 (uint64_t)g->dtime, (uint64_t)g->ctime, resident * PAGE_SIZE,
			 swapped * PAGE_SIZE);
	}
	return 0;
}
