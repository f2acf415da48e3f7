/* SPDX-License-Identifier: MIT */
#include "kernel/uaccess.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/event/userfault.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

/* The frame of one page of t's memory, held. may_kill: when no frame can be had somebody dies for
 * it; else -ENOMEM. */
static int page_hold(struct task *t, uint64_t va, enum access access, bool may_kill,
		     uint32_t *ret_frame)
{
	struct kernel *k = t->process->kernel;
	for (;;) {
		struct space *s = t->process->space;
		if (!s || va >= s->layout.top)
			return -EFAULT;
		const struct fault_request q = {.va = va, .access = access, .by = BY_KERNEL};
		enum fault_result r = space_access(s, &q, ret_frame);
		switch (r) {
		case FAULT_DONE:
			if (access == ACCESS_WRITE)
				k->mm->pmap->frame_changed(k->mm, *ret_frame);
			return 0;
		case FAULT_HANDED: {
			int err = userfault_wait(t, va, true);
			if (err)
				return err == CALL_WAIT ? CALL_WAIT : -EFAULT;
			break;
		}
		case FAULT_WAIT: return wait_on_io(t) == 0 ? CALL_WAIT : -EFAULT;
		case FAULT_NO_MEMORY:
			if (!may_kill)
				return -ENOMEM;
			/* Nobody dies for the last words of one who ends. */
			if (t->process->exiting || !oom_kill(k) || t->process->exiting)
				return -EFAULT;
			break;
		default: return -EFAULT;
		}
	}
}

/* Applies to the bytes of [va, va + size) page by page, each held meanwhile. */
static int copy(struct task *t, uint64_t va, void *bytes, size_t size, enum access access)
{
	struct mm *mm = t->process->kernel->mm;
	uint8_t *at = bytes;
	while (size > 0) {
		size_t offset = va % PAGE_SIZE, n = min_u64(size, PAGE_SIZE - offset);
		uint32_t frame;
		int r = page_hold(t, va, access, true, &frame);
		if (r != 0)
			return r;
		if (access == ACCESS_WRITE)
			memcpy(frame_bytes(mm, frame) + offset, at, n);
		else
			memcpy(at, frame_bytes(mm, frame) + offset, n);
		frame_unhold(mm, frame);
		va += n;
		at += n;
		size -= n;
	}
	return 0;
}

int uaccess_read(struct task *t, void *ret_bytes, uint64_t va, size_t size)
{
	return copy(t, va, ret_bytes, size, ACCESS_READ);
}

int uaccess_write(struct task *t, uint64_t va, const void *bytes, size_t size)
{
	return copy(t, va, (void *)(uintptr_t)bytes, size, ACCESS_WRITE);
}

int uaccess_struct(struct task *t, void *ret_bytes, size_t known, uint64_t va, uint64_t size)
{
	uint8_t bytes[64];
	size_t n;
	int r = 0;
	if (size > PAGE_SIZE)
		return -E2BIG;
	for (size_t at = known; at < size; at += n) {
		n = min_u64(size - at, sizeof(bytes));
		r = uaccess_read(t, bytes, va + at, n);
		if (r)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (bytes[i])
				return -E2BIG;
		}
	}
	memset(ret_bytes, 0, known);
	return uaccess_read(t, ret_bytes, va, min_u64(size, known));
}

int uaccess_string(struct task *t, char *ret_text, uint64_t va, size_t size)
{
	struct mm *mm = t->process->kernel->mm;
	size_t done = 0;
	while (done < size) {
		size_t offset = va % PAGE_SIZE, n = min_u64(size - done, PAGE_SIZE - offset);
		uint32_t frame;
		int r = page_hold(t, va, ACCESS_READ, true, &frame);
		if (r != 0)
			return r;
		const uint8_t *from = frame_bytes(mm, frame) + offset, *end = memchr(from, 0, n);
		memcpy(ret_text + done, from, end ? (size_t)(end - from) + 1 : n);
		frame_unhold(mm, frame);
		if (end)
			return (int)(done + (size_t)(end - from));
		va += n;
		done += n;
	}
	return -ENAMETOOLONG;
}

int uaccess_hold(struct task *t, uint64_t va, size_t size, enum access access,
		 struct hold *ret_hold)
{
	struct mm *mm = t->process->kernel->mm;
	struct hold *h = ret_hold;
	/* What is held cannot be evicted: a small RAM must keep the most of itself. */
	unsigned most = (unsigned)min_u64(HOLD_PAGES, max_u64(1, mm->frames / 16));
	h->mm = mm;
	h->pieces = 0;
	h->size = 0;
	while (size > 0 && h->pieces < most) {
		size_t offset = va % PAGE_SIZE, n = min_u64(size, PAGE_SIZE - offset);
		uint32_t frame;
		int r = page_hold(t, va, access, h->pieces == 0, &frame);
		if (r != 0 && h->pieces == 0)
			return r;
		if (r == CALL_WAIT)
			wait_forget(t);
		if (r != 0)
			return 0;
		h->piece[h->pieces].bytes = frame_bytes(mm, frame) + offset;
		h->piece[h->pieces].size = (uint32_t)n;
		h->piece[h->pieces].frame = frame;
		h->pieces++;
		h->size += n;
		va += n;
		size -= n;
	}
	return 0;
}

void uaccess_release(struct hold *h)
{
	for (unsigned i = 0; i < h->pieces; i++)
		frame_unhold(h->mm, h->piece[i].frame);
	h->pieces = 0;
	h->size = 0;
}

void uaccess_put(const struct hold *h, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	for (unsigned i = 0; i < h->pieces && size > 0; i++) {
		size_t part = min_u64(size, h->piece[i].size);
		memcpy(h->piece[i].bytes, from, part);
		from += part;
		size -= part;
	}
}
