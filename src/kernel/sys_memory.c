/* SPDX-License-Identifier: MIT */
/* sys_memory.c - the calls that shape an address space: Linux's checks, then a space_* */
#include <errno.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/userfault.h"
#include "kernel/file/file.h"
#include "kernel/file/mount.h"
#include "kernel/file/shm.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum {
	FLAG_SHARED = 0x1,
	FLAG_PRIVATE = 0x2,
	FLAG_SHARED_VALIDATE = 0x3,
	FLAG_TYPE = 0xf,
	FLAG_FIXED = 0x10,
	FLAG_ANONYMOUS = 0x20,
	FLAG_GROWSDOWN = 0x100,
	FLAG_LOCKED = 0x2000,
	FLAG_NORESERVE = 0x4000,
	FLAG_POPULATE = 0x8000,
	FLAG_NONBLOCK = 0x10000,
	FLAG_HUGETLB = 0x40000,
	FLAG_SYNC = 0x80000,
	FLAG_FIXED_NOREPLACE = 0x100000,
	FLAG_IGNORED = 0x800 | 0x1000 | 0x20000 /* DENYWRITE, EXECUTABLE, STACK */,
	FLAGS_KNOWN = 0xf | 0x10 | 0x20 | 0x100 | 0x800 | 0x1000 | 0x2000 | 0x4000 | 0x8000 |
		      0x10000 | 0x20000 | 0x40000, /* what Linux knew before there was VALIDATE */
};

/* What the paging system could not do at once is tried again when it can be. */
static int64_t memory_result(struct task *t, int r)
{
	if (r != -EAGAIN)
		return r;
	(void)wait_on_io(t); /* the first four cannot fail */
	return CALL_WAIT;
}

/* May it map at this address? Not below mmap_min_addr. */
static bool may_name(const struct process *p, uint64_t start)
{
	return cred_can(process_cred(p), CAP_SYS_RAWIO) || start >= p->space->layout.bottom;
}

static bool may_lock(const struct process *p, uint64_t length)
{
	return limits_lock(p->space, page_up(length) >> PAGE_SHIFT);
}

/* --- mmap --- */

/* The file of a descriptor that can be mapped, or NULL. */
static struct file *map_file_of(const struct task *t, int fd)
{
	struct file *f = fd_get(t->process->files, fd);
	return f && !(f->flags & ABI_O_PATH) ? f : NULL;
}

/* What a mapping of a file may be, and its object, referenced for the caller. */
static int map_file(struct task *t, int fd, uint64_t flags, struct map_request *m)
{
	struct file *f = map_file_of(t, fd);
	unsigned mode = f->flags & ABI_O_ACCMODE;
	bool shared = (flags & FLAG_TYPE) != FLAG_PRIVATE;
	if (mode == ABI_O_WRONLY || (shared && m->prot & PROT_W && mode != ABI_O_RDWR))
		return -EACCES;
	if (file_is_secret(f) || (f->mount && f->mount->flags & MOUNT_NOEXEC)) {
		if (m->prot & PROT_X)
			return -EPERM;
		m->prot_max &= ~(unsigned)PROT_X;
	}
	if (flags & FLAG_GROWSDOWN)
		return -EINVAL;
	if (!f->ops->object)
		return -ENODEV;
	/* No file is memory that a store reaches for good; of files in RAM nobody asks it. */
	if (flags & FLAG_SYNC && !shm_node_of(f))
		return -EOPNOTSUPP;
	if (file_is_secret(f)) {
		if (!shared)
			return -EINVAL;
		if (!may_lock(t->process, m->length))
			return -EAGAIN;
		m->region_flags |= REGION_LOCKED | REGION_DONTDUMP | REGION_SECRET;
	}
	bool sealed = shared && f->ops->sealed && f->ops->sealed(f);
	if (sealed && m->prot & PROT_W)
		return -EPERM;
	if (shared && (mode != ABI_O_RDWR || sealed))
		m->prot_max &= ~(unsigned)PROT_W;
	m->source = f->serial;
	return f->ops->object(f, &m->object);
}

static int map_shared_memory(struct task *t, uint64_t flags, struct map_request *m)
{
	if (flags & FLAG_GROWSDOWN)
		return -EINVAL;
	struct object *o;
	int r = object_create(t->process->kernel->mm, OBJECT_SHARED, page_up(m->length), NULL, NULL,
			      &o);
	if (r != 0)
		return r;
	r = object_promise(o, t->process->space, !(flags & FLAG_NORESERVE));
	if (r == 0)
		m->object = o;
	else
		object_put(t->process->kernel->mm, o);
	return r;
}

static int flags_check(const struct process *p, uint64_t flags)
{
	unsigned type = flags & FLAG_TYPE;
	if (type != FLAG_SHARED && type != FLAG_PRIVATE && type != FLAG_SHARED_VALIDATE)
		return -EINVAL;
	if (type == FLAG_SHARED_VALIDATE && flags & FLAG_ANONYMOUS)
		return -EINVAL;
	if (type == FLAG_SHARED_VALIDATE && flags & ~(uint64_t)FLAGS_KNOWN)
		return -EOPNOTSUPP;
	/* There are no huge pages to be had. */
	if (flags & FLAG_HUGETLB)
		return -ENOMEM;
	if (flags & FLAG_LOCKED && !cred_can(process_cred(p), CAP_IPC_LOCK) && p->limit[RLIMIT_MEMLOCK].soft == 0)
		return -EPERM;
	return 0;
}

/* Brings in [start, end) as MAP_POPULATE does and locked memory wants it, and then returns result, which is
 * not 0; where it stands is kept while a page is waited for. What cannot be brought in does not matter, as
 * on Linux. */
static int64_t populate(struct task *t, uint64_t start, uint64_t end, uint64_t result)
{
	uint64_t *at = &t->call.state[1], pause;
	t->call.state[0] = result;
	*at = max_u64(*at, start);
	for (pause = *at + (uint64_t)WORK_PAGES * PAGE_SIZE; *at < end; *at += PAGE_SIZE) {
		if (*at >= pause)
			return wait_pause(t, PAUSE_HELD);
		int r = space_populate(t->process->space, *at, PAGE_SIZE, true);
		if (r == -EAGAIN)
			return memory_result(t, r);
		if (r != 0)
			break;
	}
	return (int64_t)result;
}

int64_t sys_mmap(struct task *t, const uint64_t a[6])
{
	if (t->call.state[0])
		return populate(t, t->call.state[0], t->call.state[0] + page_up(a[1]), t->call.state[0]);
	struct process *p = t->process;
	uint64_t flags = a[3] & UINT32_MAX, start;
	bool shared = (flags & FLAG_TYPE) != FLAG_PRIVATE,
	     lock = flags & FLAG_LOCKED || p->space->future;
	struct map_request m = {.start = page_down(a[0]),
				.length = a[1],
				.prot = a[2] & PROT_ALL,
				.prot_max = PROT_ALL,
				.offset = a[5]};
	if (a[5] % PAGE_SIZE != 0)
		return -EINVAL;
	if (!(flags & FLAG_ANONYMOUS) && !map_file_of(t, (int)a[4]))
		return -EBADF;
	if (a[1] == 0)
		return -EINVAL;
	if (page_up(a[1]) == 0 || page_up(a[1]) > p->space->layout.top)
		return -ENOMEM;
	if (flags & (FLAG_FIXED | FLAG_FIXED_NOREPLACE)) {
		if (page_up(a[1]) > p->space->layout.top || a[0] > p->space->layout.top - page_up(a[1]))
			return -ENOMEM;
		if (a[0] % PAGE_SIZE != 0)
			return -EINVAL;
		if (!may_name(p, a[0]))
			return -EPERM;
		const struct region *there = regions_at_or_after(&p->space->regions, a[0]);
		if (flags & FLAG_FIXED_NOREPLACE && there && there->start < a[0] + page_up(a[1]))
			return -EEXIST;
	}
	if (!(flags & FLAG_ANONYMOUS) && (a[5] > INT64_MAX || page_up(a[1]) > INT64_MAX - a[5]))
		return -EOVERFLOW;
	int r = flags_check(p, flags);
	if (r != 0)
		return r;
	if (lock && !may_lock(p, a[1]))
		return -EAGAIN;
	m.map_flags = flags & FLAG_FIXED_NOREPLACE ? MAP_AT_FREE : flags & FLAG_FIXED ? MAP_AT : 0;
	m.region_flags =
	    (shared ? REGION_SHARED : 0) | (flags & FLAG_GROWSDOWN ? REGION_GROWSDOWN : 0) |
	    (flags & FLAG_NORESERVE ? REGION_NORESERVE : 0) |
	    (flags & FLAG_LOCKED ? REGION_LOCKED : 0);
	if (!(flags & FLAG_ANONYMOUS))
		r = map_file(t, (int)a[4], flags, &m);
	else if (shared)
		r = map_shared_memory(t, flags, &m);
	if (flags & FLAG_ANONYMOUS)
		m.offset = 0;
	if (r != 0)
		return r;
	struct userfault_list told = TAILQ_HEAD_INITIALIZER(told);
	if (m.map_flags & MAP_AT)
		r = userfault_expect_unmap(t, m.start, m.length, &told);
	if (r == 0)
		r = space_map(p->space, &m, &start);
	userfault_tell(t, &told, r == 0);
	if (m.object)
		object_put(p->kernel->mm, m.object);
	if (r == 0 && (lock || (flags & FLAG_POPULATE && !(flags & FLAG_NONBLOCK))))
		return populate(t, start, start + page_up(a[1]), start);
	return r == 0 ? (int64_t)start : memory_result(t, r);
}

int64_t sys_munmap(struct task *t, const uint64_t a[6])
{
	struct userfault_list told = TAILQ_HEAD_INITIALIZER(told);
	int r = userfault_expect_unmap(t, a[0], a[1], &told);
	if (r == 0)
		r = space_unmap(t->process->space, a[0], a[1]);
	userfault_tell(t, &told, r == 0);
	return memory_result(t, r);
}

enum { REMAP_FIXED = 2, REMAP_DONTUNMAP = 4 };

/* What who watches the old place or the new one is told, in Linux's order. */
static int remap_expect(struct task *t, const uint64_t a[6], struct userfault_list *early, struct userfault_list *list)
{
	uint64_t old = page_up(a[1]), new = page_up(a[2]);
	int r = a[3] & REMAP_FIXED ? userfault_expect_unmap(t, a[4], new, early) : 0;
	if (r == 0 && (a[3] & (REMAP_FIXED | REMAP_DONTUNMAP) || new > old))
		r = userfault_expect_remap(t, a[0], min_u64(old, new), early);
	else if (r == 0 && new < old)
		r = userfault_expect_unmap(t, a[0] + new, old - new, list);
	if (r == 0 && (a[3] & REMAP_FIXED || new > old) && !(a[3] & REMAP_DONTUNMAP))
		r = userfault_expect_unmap(t, a[0], old, list);
	return r;
}

int64_t sys_mremap(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	uint64_t start, old = page_up(a[1]), new = page_up(a[2]);
	if (t->call.state[0])
		return populate(t, 0, t->call.state[0] + new, t->call.state[0]);
	const struct region *moved = regions_find(&p->space->regions, a[0]);
	bool lock = moved && moved->flags & REGION_LOCKED;
	if (new > old && new <= p->space->layout.top && lock && !may_lock(p, new - old))
		return -EAGAIN;
	if (a[3] & REMAP_FIXED && !may_name(p, a[4]))
		return -EPERM;
	struct userfault_list early = TAILQ_HEAD_INITIALIZER(early), told = TAILQ_HEAD_INITIALIZER(told);
	int r = remap_expect(t, a, &early, &told);
	if (r == 0)
		r = space_remap(p->space, a[0], a[1], a[2], (unsigned)a[3], a[4], &start);
	if (r == 0)
		userfault_moved(&early, start);
	userfault_tell(t, &early, r == 0);
	userfault_tell(t, &told, r == 0 && (start != a[0] || new < old));
	if (r == 0 && lock && new > old)
		return populate(t, start + old, start + new, start);
	return r == 0 ? (int64_t)start : memory_result(t, r);
}

/* As Linux has done it since 4.0: pages of a shared mapping are shown in another order by mapping them anew.
 * The range may lie in several regions, if they continue the first one. */
int64_t sys_remap_file_pages(struct task *t, const uint64_t a[6])
{
	struct space *s = t->process->space;
	uint64_t start = page_down(a[0]), size = page_down(a[1]), index = a[3];
	if (a[2] != 0 || start + size <= start || index + (size >> PAGE_SHIFT) < index)
		return -EINVAL;
	const struct region *r = regions_find(&s->regions, start), *last = r;
	if (!r || !(r->flags & REGION_SHARED) || !r->object)
		return -EINVAL;
	while (start + size > last->end) {
		const struct region *next = region_next(last);
		if (!next || next->start != last->end || next->object != r->object || next->flags != r->flags)
			return -EINVAL;
		last = next;
	}
	const struct map_request m = {.start = start,
				      .length = size,
				      .prot = r->prot,
				      .prot_max = r->prot_max,
				      .region_flags = r->flags & ~(uint32_t)REGION_ACCOUNT,
				      .map_flags = MAP_AT,
				      .object = r->object,
				      .source = r->source,
				      .offset = index << PAGE_SHIFT};
	/* What is replaced may be the last that has it. */
	object_get(m.object);
	int error = space_map(s, &m, &start);
	object_put(s->mm, m.object);
	return error ? memory_result(t, error) : 0;
}

int64_t sys_brk(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	struct space *s = p->space;
	uint64_t more = a[0] > s->brk ? page_up(a[0]) - page_up(s->brk) : 0;
	if (t->call.state[0])
		return populate(t, 0, page_up(t->call.state[0]), t->call.state[0]);
	if (!limits_brk(s, a[0], p->data_end - p->data_start) ||
	    (s->future & REGION_LOCKED && !may_lock(p, more)))
		return (int64_t)s->brk;
	struct userfault_list told = TAILQ_HEAD_INITIALIZER(told);
	uint64_t old = page_up(s->brk), to = page_up(a[0]);
	if (to < old && userfault_expect_unmap(t, to, old - to, &told) != 0)
		return (int64_t)s->brk;
	uint64_t brk = space_brk(s, a[0]);
	userfault_tell(t, &told, page_up(brk) < old);
	return more && s->future & REGION_LOCKED ? populate(t, old, page_up(brk), brk) : (int64_t)brk;
}

/* --- protection --- */

enum { PROT_SEM = 0x8, PROT_GROWSDOWN = 0x01000000, PROT_GROWSUP = 0x02000000 };

int64_t sys_mprotect(struct task *t, const uint64_t a[6])
{
	struct space *s = t->process->space;
	uint64_t start = a[0], length = a[1], prot = a[2],
		 known = PROT_ALL | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;
	if ((prot & PROT_GROWSDOWN && prot & PROT_GROWSUP) || start % PAGE_SIZE != 0)
		return -EINVAL;
	if (length == 0)
		return 0;
	length = page_up(length);
	if (start + length <= start)
		return -ENOMEM;
	if (prot & ~known)
		return -EINVAL;
	if (prot & (PROT_GROWSUP | PROT_GROWSDOWN)) {
		const struct region *r = regions_at_or_after(&s->regions, start);
		if (!r || r->start >= start + length || (prot & PROT_GROWSUP && r->start > start))
			return -ENOMEM;
		if (prot & PROT_GROWSUP || !(r->flags & REGION_GROWSDOWN))
			return -EINVAL;
		length = start + length - r->start;
		start = r->start;
	}
	return memory_result(t, space_protect(s, start, length, prot & PROT_ALL));
}

enum {
	ADVICE_WILLNEED = 3,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_REMOVE = 9,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_DONTNEED_LOCKED = 24,
};

/* Are pages gone afterwards? */
static bool advice_drops(int advice)
{
	return advice == ADVICE_DONTNEED || advice == ADVICE_FREE || advice == ADVICE_REMOVE ||
	       advice == ADVICE_DONTNEED_LOCKED;
}

/* Does it bring pages in, or take them out, one after the other? */
static bool advice_is_long(int advice)
{
	return advice == ADVICE_WILLNEED || (advice >= ADVICE_PAGEOUT && advice <= ADVICE_POPULATE_WRITE);
}

/* How many pages have come and gone, or were written, so far. */
static uint64_t pages_moved(const struct mm *mm)
{
	const uint64_t *count = mm->events->total.event;
	return mm->evictions + count[EVENT_frame_take] + count[EVENT_page_write];
}

int64_t memory_advise(struct task *t, struct space *s, uint64_t start, uint64_t length, int advice, uint64_t at[3])
{
	int error = !at[2] && s == t->process->space && advice_drops(advice) ? userfault_removing(t, start, length) : 0;
	if (error)
		return error;
	at[2] = 1;
	if (t->tells.unread > 0) /* until it is read the pages stay */
		return CALL_WAIT;
	const uint64_t piece = (uint64_t)WORK_PAGES * PAGE_SIZE, pause = pages_moved(s->mm) + WORK_PAGES;
	bool parts = advice_is_long(advice) && start % PAGE_SIZE == 0 && length < s->layout.top;
	while (parts && length - at[0] > piece) {
		if (pages_moved(s->mm) >= pause)
			return wait_pause(t, PAUSE_HELD);
		int r = space_advise(s, start + at[0], piece, advice);
		/* Past holes it goes on, but for bringing in, and says so in the end. */
		if (r != 0 && (r != -ENOMEM || advice > ADVICE_PAGEOUT))
			return r == -ENOBUFS ? -EAGAIN : memory_result(t, r);
		at[1] |= r != 0;
		at[0] += piece;
	}
	int r = space_advise(s, start + at[0], length - at[0], advice);
	return r == -ENOBUFS ? -EAGAIN : r == 0 && at[1] ? -ENOMEM : memory_result(t, r);
}

int64_t sys_madvise(struct task *t, const uint64_t a[6])
{
	return memory_advise(t, t->process->space, a[0], a[1], (int)a[2], t->call.state);
}

int64_t sys_mseal(struct task *t, const uint64_t a[6])
{
	return a[2] ? -EINVAL : memory_result(t, space_seal(t->process->space, a[0], a[1]));
}

/* state: how far it is, and whether there was a hole, which is told in the end. */
int64_t sys_msync(struct task *t, const uint64_t a[6])
{
	struct space *s = t->process->space;
	const uint64_t piece = (uint64_t)WORK_PAGES * PAGE_SIZE, pause = pages_moved(s->mm) + WORK_PAGES;
	uint64_t *done = &t->call.state[0], *hole = &t->call.state[1];
	bool parts = a[0] % PAGE_SIZE == 0 && a[1] < s->layout.top;
	int r = 0;
	for (; parts && a[1] - *done > piece && (r == 0 || r == -ENOMEM); *done += piece) {
		if (pages_moved(s->mm) >= pause)
			return wait_pause(t, PAUSE_HELD);
		r = space_sync(s, a[0] + *done, piece, (int)a[2]);
		*hole |= r == -ENOMEM;
	}
	if (r == 0 || r == -ENOMEM)
		r = space_sync(s, a[0] + *done, a[1] - *done, (int)a[2]);
	return r == 0 && *hole ? -ENOMEM : memory_result(t, r);
}

/* --- what is resident, and what must be --- */

int64_t sys_mincore(struct task *t, const uint64_t a[6])
{
	uint64_t pages = page_up(a[1]) >> PAGE_SHIFT;
	uint8_t some[1024];
	uint64_t *done = &t->call.state[0], pause = *done + 64 * (uint64_t)WORK_PAGES, n;
	if (a[0] % PAGE_SIZE != 0)
		return -EINVAL;
	if (a[1] > t->process->space->layout.top || a[0] > t->process->space->layout.top - a[1])
		return -ENOMEM;
	for (; *done < pages; *done += n) {
		if (*done >= pause)
			return wait_pause(t, PAUSE_HELD);
		int64_t got = space_incore(t->process->space, a[0] + (*done << PAGE_SHIFT),
					   min_u64(pages - *done, sizeof(some)) << PAGE_SHIFT, some);
		if (got < 0)
			return got;
		n = (uint64_t)got;
		int r = uaccess_write(t, a[2] + *done, some, n);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Brings in what is marked already, as locked when it is touched: from now on it is locked at once.
 * state[0]: how far that is, and 1. */
static int64_t lock_pieces(struct task *t, uint64_t start, uint64_t length)
{
	struct space *s = t->process->space;
	const uint64_t piece = (uint64_t)WORK_PAGES * PAGE_SIZE, pause = pages_moved(s->mm) + WORK_PAGES;
	for (uint64_t *done = &t->call.state[0]; *done < length; *done += piece) {
		if (pages_moved(s->mm) >= pause)
			return wait_pause(t, PAUSE_HELD);
		int r = space_lock(s, start + *done - 1, min_u64(piece, length - (*done - 1)), REGION_LOCKED);
		if (r != 0)
			return memory_result(t, r);
	}
	return 0;
}

static int64_t lock_range(struct task *t, uint64_t start, uint64_t length, uint32_t lock)
{
	struct process *p = t->process;
	length = page_up(length + start % PAGE_SIZE);
	if (page_down(start) + length < page_down(start))
		return -EINVAL;
	if (t->call.state[0])
		return lock_pieces(t, page_down(start), length);
	if (!task_can(t, CAP_IPC_LOCK) && p->limit[RLIMIT_MEMLOCK].soft == 0)
		return -EPERM;
	/* What is locked already does not count twice. */
	struct limits_range in;
	limits_range(p->space, page_down(start), page_down(start) + length, &in);
	if (!may_lock(p, length) && !may_lock(p, length - in.locked * PAGE_SIZE))
		return -ENOMEM;
	/* Before a hole all is marked, and nothing brought in. */
	if (lock != REGION_LOCKED || length <= (uint64_t)WORK_PAGES * PAGE_SIZE ||
	    space_lock(p->space, page_down(start), length, REGION_LOCK_MASK) != 0)
		return memory_result(t, space_lock(p->space, page_down(start), length, lock));
	t->call.state[0] = 1;
	return lock_pieces(t, page_down(start), length);
}

int64_t sys_mlock(struct task *t, const uint64_t a[6])
{
	return lock_range(t, a[0], a[1], REGION_LOCKED);
}

enum { LOCK_ONFAULT = 1 };

int64_t sys_mlock2(struct task *t, const uint64_t a[6])
{
	if (a[2] & UINT32_MAX & ~(uint64_t)LOCK_ONFAULT)
		return -EINVAL;
	return lock_range(t, a[0], a[1], a[2] & LOCK_ONFAULT ? REGION_LOCK_MASK : REGION_LOCKED);
}

int64_t sys_munlock(struct task *t, const uint64_t a[6])
{
	uint64_t length = page_up(a[1] + a[0] % PAGE_SIZE);
	return memory_result(t, space_lock(t->process->space, page_down(a[0]), length, 0));
}

enum { LOCKALL_CURRENT = 1, LOCKALL_FUTURE = 2, LOCKALL_ONFAULT = 4 };

int64_t sys_mlockall(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	if (a[0] == 0 || a[0] & ~(uint64_t)(LOCKALL_CURRENT | LOCKALL_FUTURE | LOCKALL_ONFAULT) ||
	    a[0] == LOCKALL_ONFAULT)
		return -EINVAL;
	if (!task_can(t, CAP_IPC_LOCK) && p->limit[RLIMIT_MEMLOCK].soft == 0)
		return -EPERM;
	if (a[0] & LOCKALL_CURRENT && !task_can(t, CAP_IPC_LOCK) &&
	    p->space->pages > p->limit[RLIMIT_MEMLOCK].soft >> PAGE_SHIFT)
		return -ENOMEM;
	uint32_t lock = a[0] & LOCKALL_ONFAULT ? REGION_LOCK_MASK : REGION_LOCKED;
	p->space->future = a[0] & LOCKALL_FUTURE ? lock : 0;
	return a[0] & LOCKALL_CURRENT ? memory_result(t, space_lock_all(p->space, lock)) : 0;
}

int64_t sys_munlockall(struct task *t, const uint64_t a[6])
{
	t->process->space->future = 0;
	return memory_result(t, space_lock_all(t->process->space, 0));
}

/* --- order --- */

/* One hart runs one task at a time: whoever comes next sees everything. But as on Linux a process must have
 * said that it will ask. */
int64_t sys_membarrier(struct task *t, const uint64_t a[6])
{
	enum {
		QUERY = 0,
		GLOBAL = 1,
		GLOBAL_EXPEDITED = 2,
		REGISTER_GLOBAL = 4,
		PRIVATE = 8,
		REGISTER_PRIVATE = 16,
		SYNC_CORE = 32,
		REGISTER_SYNC_CORE = 64,
		REGISTRATIONS = 512,
		ALL = GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL | PRIVATE | REGISTER_PRIVATE | SYNC_CORE |
		      REGISTER_SYNC_CORE | REGISTRATIONS,
	};
	struct process *p = t->process;
	uint32_t command = (uint32_t)a[0];
	if ((uint32_t)a[1] != 0)
		return -EINVAL;
	switch (command) {
	case QUERY: return ALL;
	case GLOBAL:
	case GLOBAL_EXPEDITED: return 0;
	case REGISTER_GLOBAL:
	case REGISTER_PRIVATE:
	case REGISTER_SYNC_CORE: p->barriers |= command; return 0;
	case PRIVATE:
	case SYNC_CORE: return p->barriers & command << 1 ? 0 : -EPERM;
	case REGISTRATIONS: return p->barriers;
	default: return -EINVAL;
	}
}

/* A change of code is seen by the hart at once. */
int64_t sys_riscv_flush_icache(struct task *t, const uint64_t a[6])
{
	return a[2] & ~UINT64_C(1) ? -EINVAL : 0;
}
