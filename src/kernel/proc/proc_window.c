/* SPDX-License-Identifier: MIT */
/* proc_window.c - windows into memory: /proc/PID/mem, clear_refs; /proc/kpagecount, kpageflags */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/event/userfault.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/sched.h"

/* ---- mem ---- */

/* Holds one page of another's memory, brought in by a fault of his. Returns 0, -EFAULT (or it is secret) or
 * CALL_WAIT. */
static int page_hold(struct task *asker, struct space *s, uint64_t va, enum access access, bool force,
		     uint32_t *ret_frame)
{
	const struct fault_request q = {.va = va, .access = access, .by = BY_KERNEL, .force = force};
	for (;;) {
		if (va >= s->layout.top || space_secret_at(s, va))
			return -EFAULT;
		int err;
		switch (space_access(s, &q, ret_frame)) {
		case FAULT_DONE: return 0;
		case FAULT_WAIT: return wait_on_io(asker) == 0 ? CALL_WAIT : -EFAULT;
		case FAULT_HANDED:
			err = userfault_wait(asker, va, true);
			if (err)
				return err == CALL_WAIT ? CALL_WAIT : -EFAULT;
			break;
		default: return -EFAULT;
		}
	}
}

int64_t process_copy(struct task *asker, struct space *s, uint64_t va, void *bytes, size_t size,
		     enum access access, bool force)
{
	struct mm *mm = asker->process->kernel->mm;
	size_t done = 0;
	while (done < size) {
		size_t offset = (va + done) % PAGE_SIZE, n = min_u64(size - done, PAGE_SIZE - offset);
		uint32_t frame;
		int r = page_hold(asker, s, va + done, access, force, &frame);
		if (r == CALL_WAIT && done > 0)
			wait_forget(asker);
		if (r != 0)
			return done > 0 ? (int64_t)done : r;
		if (access == ACCESS_WRITE) {
			mm->pmap->frame_changed(mm, frame);
			frame_at(mm, frame)->flags |= FRAME_DIRTY;
			memcpy(frame_bytes(mm, frame) + offset, (uint8_t *)bytes + done, n);
		} else {
			memcpy((uint8_t *)bytes + done, frame_bytes(mm, frame) + offset, n);
		}
		frame_unhold(mm, frame);
		done += n;
	}
	return (int64_t)done;
}

static int64_t mem_access(struct task *asker, struct process *p, void *bytes, size_t size, uint64_t pos,
			  enum access access)
{
	if (!p->space)
		return 0;
	if (!cred_may_trace(asker, p, true))
		return -EACCES;
	int64_t n = process_copy(asker, p->space, pos, bytes, size, access, true);
	return n == -EFAULT ? -EIO : n;
}

static int64_t mem_read(struct task *asker, struct process *p, void *ret_bytes, size_t size, uint64_t pos)
{
	return mem_access(asker, p, ret_bytes, size, pos, ACCESS_READ);
}

static int64_t mem_write(struct task *asker, struct process *p, const void *bytes, size_t size,
			 uint64_t pos)
{
	return mem_access(asker, p, (void *)(uintptr_t)bytes, size, pos, ACCESS_WRITE);
}

const struct proc_window proc_mem = {mem_read, mem_write};

/* ---- clear_refs ---- */

static void forget_references(struct space *s, bool anon, bool file)
{
	struct mm *mm = s->mm;
	struct pmap_entry e;
	for (uint64_t va = 0; mm->pmap->next(s->pmap, &va, s->layout.top, &e); va += PAGE_SIZE) {
		if (e.frame != mm->zero && (e.as == RESIDENT_FILE ? file : anon))
			mm->pmap->harvest(mm, e.frame);
	}
}

int proc_clear_refs(struct kernel *k, struct process *p, struct task *t, const char *bytes, size_t size)
{
	struct space *s = p->space;
	if (bytes[0] < '1' || bytes[0] > '5' || (bytes[1] && bytes[1] != '\n'))
		return -EINVAL;
	if (!s)
		return 0;
	switch (bytes[0]) {
	case '4': return (int)wait_result(k->current, track_restart(s));
	case '5':
		s->resident_peak = pmap_resident(s->pmap);
		p->resident_peak = 0;
		return 0;
	default: forget_references(s, bytes[0] != '3', bytes[0] != '2'); return 0;
	}
}

/* It cannot be read. */
int proc_nothing(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	return -EINVAL;
}

static uint64_t bit(unsigned n)
{
	return UINT64_C(1) << n;
}

/* ---- kpagecount, kpageflags, kpagecgroup: a word for each frame ---- */

static uint64_t count_word(struct mm *mm, uint32_t frame)
{
	return frame == mm->zero ? 0 : mm->pmap->places(mm, frame, NULL, 0);
}

static bool frame_is_shared_memory(struct mm *mm, uint32_t frame)
{
	struct pmap_place place;
	struct pmap_entry e;
	if (mm->pmap->places(mm, frame, &place, 1) == 0)
		return false;
	const struct space *s = mm_space(mm, place.space);
	return s && mm->pmap->lookup(s->pmap, place.va, &e) && e.as == RESIDENT_SHMEM;
}

/* Linux's KPF_ bits. */
static uint64_t flags_word(struct mm *mm, uint32_t frame)
{
	enum { REFERENCED = 2, UPTODATE, DIRTY, LRU, SLAB = 7, WRITEBACK, BUDDY = 10, MMAP, ANON,
	       SWAPCACHE, SWAPBACKED, UNEVICTABLE = 18, NOPAGE = 20, ZERO = 24, TABLE = 26 };
	const struct frame *f = frame_at(mm, frame);
	if (f->state == FRAME_FREE)
		return bit(BUDDY);
	if (f->state == FRAME_RESERVED)
		return bit(NOPAGE);
	uint64_t word = (f->maps ? bit(MMAP) : 0) | (f->flags & FRAME_DIRTY ? bit(DIRTY) : 0) |
			(f->flags & FRAME_ACCESSED ? bit(REFERENCED) : 0) |
			(f->flags & FRAME_LOCKED ? bit(UNEVICTABLE) : 0) |
			(f->flags & FRAME_GOING ? bit(WRITEBACK) : 0);
	switch (f->kind) {
	case FRAME_ANON:
		word |= bit(UPTODATE) | bit(LRU) | bit(SWAPBACKED);
		word |= f->state == FRAME_OWNED && f->owner.anon->slot ? bit(SWAPCACHE) : 0;
		return word | (frame_is_shared_memory(mm, frame) ? 0 : bit(ANON));
	case FRAME_FILE: return word | bit(UPTODATE) | bit(LRU);
	case FRAME_TABLE: return bit(TABLE);
	case FRAME_ZERO: return bit(ZERO);
	default: return bit(SLAB);
	}
}

static uint64_t cgroup_word(struct mm *mm, uint32_t frame)
{
	return 0;
}

static int64_t words_read(struct task *asker, void *ret_bytes, size_t size, uint64_t pos,
			  uint64_t (*word)(struct mm *mm, uint32_t frame))
{
	struct mm *mm = asker->process->kernel->mm;
	uint64_t *words = ret_bytes, n = 0, frame = pos / sizeof(*words);
	if (pos % sizeof(*words) || size % sizeof(*words))
		return -EINVAL;
	for (; n < size / sizeof(*words) && frame < mm->frames; n++, frame++)
		words[n] = word(mm, (uint32_t)frame);
	return (int64_t)(n * sizeof(*words));
}

#define WORDS(name)                                                                                    \
	static int64_t name##_read(struct task *asker, struct process *p, void *ret_bytes, size_t size, \
				   uint64_t pos)                                                       \
	{                                                                                              \
		return words_read(asker, ret_bytes, size, pos, name##_word);                           \
	}                                                                                              \
	const struct proc_window proc_kpage##name = {name##_read, NULL};

WORDS(count)
WORDS(flags)
WORDS(cgroup)
