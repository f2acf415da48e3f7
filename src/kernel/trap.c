/* SPDX-License-Identifier: MIT */
/* trap.c - what becomes of an instruction that could not be done */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/event/userfault.h"
#include "kernel/file/file.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

enum { CODE_MAPERR = 1, CODE_ACCERR = 2, CODE_ADRERR = 2 };

/* "main+0x1c (mem.c:9)", or the number. */
static void add_place(struct text *s, struct process *p, uint64_t va)
{
	struct kernel *k = p->kernel;
	char name[256];
	if (k->config.symbol && k->config.symbol(k->config.say_ctx, p, va, name, sizeof(name)))
		text_add(s, "%s", name);
	else
		text_add(s, "0x%llx", (unsigned long long)va);
}

/* The file that a region shows, without its directories; false: it has no name. */
static bool add_file(struct text *s, const struct object *o)
{
	struct text name = TEXT;
	uint64_t device, inode;
	bool named = object_file_name(o, &name, &device, &inode) && !text_failed(&name);
	if (named) {
		const char *slash = strrchr(text_str(&name), '/');
		text_add(s, "%s", slash ? slash + 1 : text_str(&name));
	}
	text_finish(&name);
	return named;
}

static void add_region(struct text *s, const struct process *p, const struct region *r)
{
	const char *what = "anonymous memory";
	if (r->flags & REGION_STACK)
		what = "the stack";
	else if (space_is_heap(p->space, r))
		what = "the heap";
	else if (r->start < p->code_end && p->code_start < r->end)
		what = "text";
	else if (r->start < p->data_end && p->data_start < r->end)
		what = "data";
	else if (signal_is_trampoline(p->kernel, r->object))
		what = "[vdso]";
	else if (r->object)
		what = add_file(s, r->object) ? "" : "shared memory";
	text_add(s, "%s 0x%llx-0x%llx (%c%c%c)", what, (unsigned long long)r->start,
		 (unsigned long long)r->end, r->prot & PROT_R ? 'r' : '-',
		 r->prot & PROT_W ? 'w' : '-', r->prot & PROT_X ? 'x' : '-');
}

static bool kills(const struct task *t, int number)
{
	return signal_action_of(t->process, number).handler < 2 ||
	       t->signals.blocked & signal_bit(number);
}

static const char *signal_name(int number)
{
	switch (number) {
	case SIGSEGV: return "SIGSEGV";
	case SIGBUS: return "SIGBUS";
	case SIGILL: return "SIGILL";
	default: return "SIGTRAP";
	}
}

static void say(struct task *t, struct text *s)
{
	if (!text_failed(s))
		kernel_say(t->process->kernel, "%s", text_str(s));
	text_finish(s);
}

void trap_signal(struct task *t, int number, int code, uint64_t addr, const char *what)
{
	struct process *p = t->process;
	const struct signal_info info = {.number = number, .code = code, .addr = addr};
	if (kills(t, number)) {
		struct text s = TEXT;
		text_add(&s, "%s (pid %d) %s at ", t->comm, p->pid, what);
		add_place(&s, p, task_regs(t)->pc);
		if (addr != task_regs(t)->pc)
			text_add(&s, ", 0x%llx", (unsigned long long)addr);
		text_add(&s, ". %s.", signal_name(number));
		say(t, &s);
	}
	signal_fault(t, &info);
}

/* Why an access was refused, in words. */
static void add_reason(struct text *s, const struct process *p, const struct fault_request *q,
		       enum fault_result why)
{
	static const char *const cannot[] = {"read", "written", "executed"};
	struct fault_plan plan;
	fault_plan(p->space, q, &plan);
	const struct region *r = plan.region, *near = plan.nearest;
	const struct space_layout *l = &p->space->layout;
	const struct swap_trouble *trouble = &p->space->mm->swap.trouble;
	if (why == FAULT_BUS_IO && r && r->object && object_is_full(r->object)) {
		text_add(s, ", which would be a new page of ");
		if (!add_file(s, r->object))
			text_add(s, "shared memory");
		const struct object_quota *quota = r->object->quota;
		if (!quota || quota->pages < quota->limit)
			text_add(s, ", and beyond what may be promised (--overcommit, --overcommit-ratio): "
				    "give more RAM with -m, or more --swap");
		else
			text_add(s,
				 ", and all %llu KiB of /dev/shm, half of RAM, are in use: remove files "
				 "there, or give more RAM with -m",
				 (unsigned long long)quota->limit * PAGE_SIZE / 1024);
	} else if (why == FAULT_BUS_IO && plan.anon && trouble->device) {
		text_add(s, ", which is in a page that the swap device %s %s", trouble->device,
			 trouble->error == -EBADMSG ? "gave back with other bytes than were written"
						    : "could not read");
	} else if (why == FAULT_BUS_END || why == FAULT_BUS_IO) {
		text_add(s, ", which is ");
		text_add(s, why == FAULT_BUS_END ? "beyond the end of the file that is mapped there"
						 : "in a page that its device could not read");
	} else if (why == FAULT_SEGV_PROTECTION && r) {
		text_add(s, ", which is in ");
		add_region(s, p, r);
		text_add(s, " and cannot be %s", cannot[q->access]);
	} else if (near && near->flags & REGION_STACK && q->va < near->start &&
		   near->end - q->va > l->stack_limit && near->start - q->va < l->stack_limit) {
		text_add(s,
			 ", below the stack, which has reached its limit of %llu KiB: endless "
			 "recursion, or raise it with ulimit -s",
			 (unsigned long long)l->stack_limit / 1024);
	} else {
		text_add(s, ", which is in no region");
		if (near) {
			text_add(s, "; the nearest is ");
			add_region(s, p, near);
		}
	}
}

static void refuse(struct task *t, const struct fault_request *q, enum fault_result why)
{
	static const char *const did[] = {"read from", "wrote to", "jumped to"};
	struct process *p = t->process;
	bool bus = why == FAULT_BUS_END || why == FAULT_BUS_IO;
	const struct signal_info info = {.number = bus ? SIGBUS : SIGSEGV,
					 .code = bus                            ? CODE_ADRERR
						 : why == FAULT_SEGV_PROTECTION ? CODE_ACCERR
										: CODE_MAPERR,
					 .addr = q->va};
	if (kills(t, info.number)) {
		struct text s = TEXT;
		text_add(&s, "%s (pid %d) %s 0x%llx", t->comm, p->pid, did[q->access],
			 (unsigned long long)q->va);
		if (q->access != ACCESS_EXEC) {
			text_add(&s, " at ");
			add_place(&s, p, q->pc);
		}
		add_reason(&s, p, q, why);
		text_add(&s, ". %s.", signal_name(info.number));
		say(t, &s);
	}
	signal_fault(t, &info);
}

void trap_fault(struct task *t, uint64_t va, enum access access)
{
	struct process *p = t->process;
	struct kernel *k = p->kernel;
	struct mm *mm = k->mm;
	const struct fault_request q = {
	    .va = va, .access = access, .by = BY_PROGRAM, .pc = hart_regs(k->hart)->pc};
	uint64_t retired = hart_retired(k->hart);
	if (retired != k->fault_retired) {
		if (mm->instruction_frames > 0)
			mm_retired(mm);
		k->fault_retired = retired;
	}
	for (;;) {
		enum fault_result r = fault_handle(p->space, &q);
		if (likely(r == FAULT_DONE))
			return;
		if (r == FAULT_WAIT && wait_on_io(t) == 0) {
			t->state = TASK_WAITING;
			return;
		}
		if (r == FAULT_HANDED) {
			int err = userfault_wait(t, va, false);
			if (err == 0)
				continue;
			if (err == CALL_WAIT) {
				t->state = TASK_WAITING;
				return;
			}
			r = FAULT_BUS_END;
		}
		if (r != FAULT_WAIT && r != FAULT_NO_MEMORY) {
			refuse(t, &q, r);
			return;
		}
		if (r == FAULT_NO_MEMORY && (!oom_kill(k) || p->exiting)) {
			/* Not even for the last process: its instruction cannot be done. */
			if (!p->exiting)
				process_exit(p, SIGKILL);
			return;
		}
	}
}
