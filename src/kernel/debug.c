/* SPDX-License-Identifier: MIT */
#include "kernel/debug.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

bool debug_tell(struct task *t, enum debug_what what, uint64_t value)
{
	struct kernel *k = t->process->kernel;
	const struct debugger *d = k->debugger;
	if (!d || !t->process->traced || !d->told(d->ctx, t, what, value))
		return false;
	k->stop = true;
	return true;
}

enum debug_signal debug_signal(struct task *t, const struct signal_info *info)
{
	struct kernel *k = t->process->kernel;
	const struct debugger *d = k->debugger;
	if (!d || !t->process->traced)
		return DEBUG_PASS;
	enum debug_signal what = d->signal(d->ctx, t, info);
	if (what == DEBUG_HOLD)
		k->stop = true;
	return what;
}

static void step_begin(struct task *t)
{
	t->debug.step_pc = task_regs(t)->pc;
	t->debug.step_retired = t->retired;
}

void debug_step(struct task *t, uint64_t start, uint64_t size)
{
	t->debug.step = true;
	t->debug.range_start = start;
	t->debug.range_size = size;
	step_begin(t);
}

bool debug_stepped(struct task *t)
{
	struct task_debug *d = &t->debug;
	uint64_t pc = task_regs(t)->pc;
	/* A call is retired where nobody counts yet, and a handler begins without an instruction. */
	if (t->retired == d->step_retired && pc == d->step_pc)
		return false;
	if (pc - d->range_start < d->range_size) {
		step_begin(t);
		return false;
	}
	d->step = false;
	return debug_tell(t, DEBUG_STEP, pc);
}

int debug_leave_call(struct task *t)
{
	if (!t->call.active)
		return 0;
	if (call_info(t->call.number)->restart == HELD)
		return -EBUSY;
	call_give_up(t);
	return 0;
}

static int write_page(struct kernel *k, struct space *s, uint64_t va, const uint8_t *bytes, uint64_t size)
{
	const struct fault_request q = {.va = va, .access = ACCESS_WRITE, .by = BY_KERNEL};
	enum fault_result r;
	uint32_t frame;
	while ((r = space_access(s, &q, &frame)) == FAULT_WAIT)
		sched_pass_io(k);
	if (r != FAULT_DONE)
		return r == FAULT_NO_MEMORY ? -ENOMEM : -EFAULT;
	k->mm->pmap->frame_changed(k->mm, frame);
	memcpy(frame_bytes(k->mm, frame) + va % PAGE_SIZE, bytes, size);
	frame_unhold(k->mm, frame);
	return 0;
}

/* The page of a region that does not allow it is made writable for as long as it takes. */
static int force_page(struct kernel *k, struct space *s, uint64_t va, const uint8_t *bytes, uint64_t size)
{
	const struct region *r = regions_find(&s->regions, va);
	if (!r)
		return -EFAULT;
	unsigned prot = r->prot;
	if (prot & PROT_W)
		return write_page(k, s, va, bytes, size);
	if (r->flags & (REGION_SHARED | REGION_SPECIAL))
		return -EACCES;
	int e = space_protect(s, page_down(va), PAGE_SIZE, prot | PROT_R | PROT_W);
	if (e != 0)
		return e;
	e = write_page(k, s, va, bytes, size);
	int back = space_protect(s, page_down(va), PAGE_SIZE, prot);
	return e != 0 ? e : back;
}

int debug_write(struct task *t, uint64_t va, const void *bytes, uint64_t size)
{
	const uint8_t *from = bytes;
	while (size > 0) {
		uint64_t n = min_u64(size, PAGE_SIZE - va % PAGE_SIZE);
		int r = force_page(t->process->kernel, t->process->space, va, from, n);
		if (r != 0)
			return r;
		va += n;
		from += n;
		size -= n;
	}
	return 0;
}
