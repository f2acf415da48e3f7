/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "cli/explain.h"
#include "observe/event_text.h"

/* Linux's numbers, for riscv64. */
enum { CALL_WRITE = 64, CALL_WRITEV = 66, CALL_PWRITE = 68, CALL_SENDTO = 206 };

void add_call(const struct tale *t, const char *about, struct text *to)
{
	enum { LONGEST = 80 };
	const char *name = call_name(t->call);
	size_t length = t->call_text.size;
	/* What is still to come of its arguments begins with the last comma. */
	bool whole = length > 0 && t->call_text.bytes[length - 1] != ' ';
	if (whole && length + strlen(about) + 1 <= LONGEST)
		text_add(to, "%s)%s", text_str(&t->call_text), about);
	else
		text_add(to, "%s%s", name ? name : "a system call", about);
}

/* The first bytes that a call hands to the kernel. False: it hands over none. */
static bool handed_over(struct process *p, const struct task *task, uint64_t number,
			uint64_t *ret_va, uint64_t *ret_size)
{
	const struct regs *r = task_regs((struct task *)(uintptr_t)task);
	uint64_t va = r->x[REG_A0 + 1], size = r->x[REG_A0 + 2], piece[2];
	if (number == CALL_WRITEV) {
		uint64_t left = size < 16 ? size : 16;
		for (; left > 0; left--, va += sizeof(piece)) {
			if (!space_peek(p->space, va, piece, sizeof(piece)))
				return false;
			if (piece[1])
				break;
		}
		va = piece[0];
		size = left ? piece[1] : 0;
	} else if (number != CALL_WRITE && number != CALL_PWRITE && number != CALL_SENDTO) {
		return false;
	}
	*ret_va = va;
	*ret_size = size;
	return size > 0 && regions_find(&p->space->regions, va);
}

static void tell_buffer(struct explain *x, struct tale *t, struct process *p, struct step *s,
			uint64_t va, uint64_t size)
{
	struct place pl;
	uint64_t physical, pages = (page_down(va + size - 1) - page_down(va)) / PAGE_SIZE + 1;
	place_find(x, t, p, va, &pl);
	step_says(s,
		  "The buffer, 0x%" PRIx64
		  ", is a virtual address, in %s, and means something only "
		  "in this address space.",
		  va, pl.name);
	if (pl.part == PART_TEXT || pl.part == PART_CONSTANTS)
		step_says(
		    s, "It is a constant of the program, such as a string literal: it lies in the "
		       "program's file, in pages that cannot be written, and neither on the stack "
		       "nor in the heap.");
	step_says(s, "So the kernel translates it as the processor would, level by level:");
	if (step_walk(x, s, p, va, &physical))
		step_says(s,
			  "There, at physical address 0x%" PRIx64 ", are the bytes that it takes.",
			  physical);
	else
		step_says(s,
			  "The walk does not arrive, so the kernel's own read is a page fault, and "
			  "is done again when the page is there.");
	if (pages > 1)
		step_says(s, "The buffer spans %" PRIu64 " pages: each is translated by itself.",
			  pages);
}

static void tell_write(struct explain *x, struct tale *t, struct process *p, const struct event *e,
		       uint64_t va, uint64_t size)
{
	struct kernel *k = x->session->kernel;
	struct text at = TEXT;
	add_call(t, ": the kernel reads the program's memory", &at);
	struct step *s = step_begin(x, t, "write", e->time, "%s", text_str(&at));
	text_finish(&at);
	t->told_write = true;
	t->call_step = s;
	t->call_faults = 0;
	step_event(s, e);
	add_instruction(x, t, p, task_regs(k->current)->pc, &at);
	step_says(s,
		  "%s traps into the kernel, with the number of the call, %" PRIu64
		  ", in register a7 and its arguments in a0, a1, a2.",
		  text_str(&at), e->syscall_enter.number);
	if (!x->taught_trap)
		step_says(s, "(This is RISC-V's trap; other processors have int, syscall or svc.)");
	x->taught_trap = true;
	tell_buffer(x, t, p, s, va, size);
	text_finish(&at);
}

void explain_enter(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	struct kernel *k = x->session->kernel;
	uint64_t va, size;
	text_finish(&t->call_text);
	text_add(&t->call_text, "%s", e->syscall_enter.text ? e->syscall_enter.text : "");
	t->call = e->syscall_enter.number;
	t->in_call = p != NULL;
	t->call_tid = e->tid;
	t->call_step = NULL;
	t->call_faults = 0;
	if (!t->in_call || !p->space || t->told_write || !k->current || k->current->process != p)
		return;
	if (handed_over(p, k->current, t->call, &va, &size))
		tell_write(x, t, p, e, va, size);
}

void explain_return(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	struct step *s = t->call_step;
	if (!tale_in_call(t, e))
		return;
	if (s && t->call == e->syscall_exit.number) {
		if (strcmp(s->kind, "kernel-fault") == 0) {
			if (t->call_faults > 0)
				step_says(s, "The call has %u more such fault%s.", t->call_faults,
					  plural(t->call_faults));
			step_says(s, "%s%s.", text_str(&t->call_text),
				  e->syscall_exit.text ? e->syscall_exit.text : ")");
		} else if (e->syscall_exit.result >= 0)
			step_says(s, "The call returns %" PRId64 ", in a0.",
				  e->syscall_exit.result);
		else
			step_says(s, "The call fails with error %" PRId64 ", in a0.",
				  e->syscall_exit.result);
		step_event(s, e);
	}
	t->call_step = NULL;
	t->in_call = false;
	t->touches = s ? NULL : t->touches;
}
