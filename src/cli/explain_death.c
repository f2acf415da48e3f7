/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bits.h"
#include "cli/explain.h"
#include "cli/symbol.h"
#include "machine/insn.h"
#include "observe/event_text.h"

enum { NULL_END = 0x10000, NEAR = 1 << 16 };

/* --- what happened --------------------------------------------------------------------------- */

static const char *const register_names[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
					       "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
					       "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
					       "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

/* Which register held the address. */
static void tell_register(struct step *s, struct process *p, const struct task *task,
			  const struct event_fault *f)
{
	const struct regs *r = task_regs((struct task *)(uintptr_t)task);
	uint8_t b[4] = {0};
	struct insn insn;
	if (!space_peek(p->space, f->pc, b, 4) && !space_peek(p->space, f->pc, b, 2))
		return;
	insn_decode((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
			(uint32_t)b[3] << 24,
		    &insn);
	if (insn.rs1 == 0 || insn.rs1 >= 32 ||
	    r->x[insn.rs1] + (uint64_t)(int64_t)insn.imm != f->addr)
		return;
	if (insn.imm == 0)
		step_says(s, "The address came from register %s.", register_names[insn.rs1]);
	else
		step_says(s, "The address is register %s, which held 0x%" PRIx64 ", %s %d.",
			  register_names[insn.rs1], r->x[insn.rs1], insn.imm < 0 ? "minus" : "plus",
			  insn.imm < 0 ? -insn.imm : insn.imm);
}

static void tell_access(struct explain *x, struct tale *t, struct step *s, struct process *p,
			const struct event_fault *f)
{
	static const char *const does[] = {"reads from", "writes to", ""};
	struct kernel *k = x->session->kernel;
	struct text at = TEXT;
	if (f->access == ACCESS_EXEC) {
		step_says(s, "The program jumped to 0x%" PRIx64 ".", f->addr);
		char from[192];
		uint64_t ra = k->current ? task_regs(k->current)->x[REG_RA] : 0;
		if (ra && symbol_text(x->session->symbols, p, ra, from, sizeof(from)))
			step_says(
			    s,
			    "The return address in register ra is %s: the jump was most likely "
			    "a call just before that.",
			    from);
		return;
	}
	add_instruction(x, t, p, f->pc, &at);
	step_says(s, "%s %s 0x%" PRIx64 ".", text_str(&at), does[f->access], f->addr);
	if (k->current && k->current->process == p)
		tell_register(s, p, k->current, f);
	text_finish(&at);
}

/* --- the regions around it ------------------------------------------------------------------- */

static void map_row(struct explain *x, const struct tale *t, struct step *s, struct process *p,
		    const struct region *r, uint64_t va)
{
	char perm[5];
	struct place pl;
	bool here = va >= r->start && va < r->end;
	place_find(x, t, p, here ? va : r->start, &pl);
	region_perms(r, perm);
	step_row(s, "%s 0x%012" PRIx64 "-0x%012" PRIx64 "  %s  %s", here ? ">" : " ", r->start,
		 r->end, perm, pl.name);
}

/* Two regions below the address and two above, and what it is in. */
static void tell_map(struct explain *x, const struct tale *t, struct step *s, struct process *p,
		     uint64_t va)
{
	struct region *r = regions_at_or_after(&p->space->regions, va);
	struct region *below = r ? region_prev(r) : regions_last(&p->space->regions);
	struct region *lowest = below ? region_prev(below) : NULL;
	if (lowest)
		map_row(x, t, s, p, lowest, va);
	if (below)
		map_row(x, t, s, p, below, va);
	if (!r || va < r->start)
		step_row(s, "> 0x%012" PRIx64 "%*s  nothing", va, 21, "");
	unsigned rows = r && va >= r->start ? 3 : 2;
	for (unsigned i = 0; i < rows && r; i++, r = region_next(r))
		map_row(x, t, s, p, r, va);
}

/* --- what that means, and what to do --------------------------------------------------------- */

static const struct unmapped *was_unmapped(const struct tale *t, uint64_t va)
{
	unsigned n = t->unmapped_count < UNMAPPED_MAX ? t->unmapped_count : UNMAPPED_MAX;
	for (unsigned i = 0; i < n; i++)
		if (va >= t->unmapped[i].start && va < t->unmapped[i].end)
			return &t->unmapped[i];
	return NULL;
}

/* Was the stack to be there? */
static bool stack_is_full(const struct process *p, uint64_t va)
{
	const struct region *r = regions_at_or_after(&p->space->regions, va);
	uint64_t limit = p->space->layout.stack_limit;
	return r && r->flags & REGION_STACK && va < r->start && r->end - va > limit &&
	       r->start - va < limit;
}

static void add_bytes_of(uint64_t va, struct text *t)
{
	for (unsigned i = 0; i < 8 && va; i++, va >>= 8) {
		char c = (char)va;
		if (c < ' ' || c > '~') {
			text_finish(t);
			return;
		}
		text_add(t, "%c", c);
	}
}

static void meaning_unmapped(struct step *s, const struct tale *t, struct process *p,
			     const struct event_fault *f)
{
	uint64_t va = f->addr;
	const struct unmapped *gone = was_unmapped(t, va);
	struct region *r = regions_at_or_after(&p->space->regions, va);
	struct region *below = r ? region_prev(r) : regions_last(&p->space->regions);
	struct text letters = TEXT, when = TEXT;
	add_bytes_of(va, &letters);
	if (va < NULL_END) {
		step_says(
		    s, "The lowest pages belong to no program, so that a null pointer does not go "
		       "unnoticed.");
		if (f->access == ACCESS_EXEC)
			step_says(s, "A function pointer was NULL, or never set.");
		else if (va == 0)
			step_says(
			    s,
			    "A pointer was NULL, or never set. Find what should have set it, and "
			    "whether that failed: malloc, fopen and their like return NULL then.");
		else
			step_says(s,
				  "A pointer was NULL, or never set, and %" PRIu64
				  " byte%s behind it "
				  "lies the member or the element that was meant.",
				  va, plural(va));
	} else if (gone) {
		text_add_time(&when, gone->time);
		step_says(
		    s,
		    "It was mapped once: 0x%" PRIx64 "-0x%" PRIx64 " was unmapped after %s. A "
		    "pointer outlived what it points to: use after munmap, or after the free of "
		    "a large block.",
		    gone->start, gone->end, text_str(&when));
	} else if (stack_is_full(p, va)) {
		step_says(
		    s,
		    "It is where the stack would grow to, but the stack has reached its limit, "
		    "%" PRIu64 " KiB: most likely a function calls itself without end, or has "
		    "a very large local variable. If so much is meant: ulimit -s.",
		    p->space->layout.stack_limit / 1024);
	} else if (va >= p->space->layout.top) {
		step_says(s,
			  "No program has addresses above 0x%" PRIx64 ": this is no pointer that "
			  "anything returned, but some other value%s%s%s.",
			  p->space->layout.top - 1,
			  letters.size ? "; its bytes are the text \"" : "", text_str(&letters),
			  letters.size ? "\", so a string was written over the pointer" : "");
	} else if (below && va - below->end < NEAR) {
		step_says(s,
			  "It is byte %" PRIu64
			  " behind the end of the region below: most likely an "
			  "index that is too large, or a loop that runs too far.",
			  va - below->end + 1);
	} else {
		step_says(
		    s, "Nothing was ever mapped there: the pointer was never set, or was written "
		       "over.");
	}
	text_finish(&letters);
	text_finish(&when);
}

static void meaning_protection(struct explain *x, struct step *s, const struct tale *t,
			       struct process *p, const struct event_fault *f)
{
	struct place pl;
	place_find(x, t, p, f->addr, &pl);
	if (pl.region && !pl.region->prot)
		step_says(
		    s, "The region is there, but nothing may touch it (PROT_NONE): a guard page "
		       "behind a buffer or a thread's stack, which was overrun, or memory that was "
		       "reserved and is still to be allowed with mprotect.");
	else if (f->access == ACCESS_EXEC)
		step_says(
		    s,
		    "It is %s, which must not be executed, so that data never becomes code: a "
		    "function pointer or a return address was written over; or code was "
		    "generated there, which mprotect(PROT_EXEC) must allow.",
		    pl.name);
	else if (pl.part == PART_TEXT || pl.part == PART_CONSTANTS)
		step_says(s,
			  "It is %s, which is never written: instructions and constants. A string "
			  "literal is a constant: write char s[] = \"...\" instead of char *s = "
			  "\"...\" for one that can be changed.",
			  pl.name);
	else
		step_says(s, "It is %s; the region may be %s, and not this.", pl.name,
			  pl.region && pl.region->prot & PROT_W ? "written" : "read");
}

static void meaning_bus(struct step *s, struct process *p, const struct event_fault *f)
{
	const struct region *r = regions_find(&p->space->regions, f->addr);
	if (f->cause == CAUSE_bus_io)
		step_says(s, "The page could not be read from its device.");
	else if (r && r->object)
		step_says(
		    s,
		    "The mapping goes on here, but its file has only %" PRIu64
		    " bytes, and this is "
		    "byte %" PRIu64 " of it: a mapping can be longer than its file, and what lies "
		    "in no page of the file cannot be touched. Map what fstat says, or make the "
		    "file longer first (ftruncate).",
		    r->object->size, r->offset + (f->addr - r->start));
}

static bool kills(struct process *p, const struct task *task, int number)
{
	return signal_action_of(p, number).handler < 2 ||
	       (task && task->signals.blocked & signal_bit(number));
}

/* Refused, and yet the program goes on: a call fails, or a handler of its own is called. */
static void survived(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_fault *f = &e->fault;
	bool call = f->by == BY_KERNEL;
	bool *told = &t->told[ROLE_NONE][PART_NONE][f->cause][f->by];
	if (*told || (call && !tale_in_call(t, e)))
		return;
	*told = true;
	struct text title = TEXT;
	if (call)
		add_call(t, ": a buffer that cannot be touched", &title);
	else
		text_add(&title, "A page fault that the program takes care of itself");
	struct step *s = step_begin(x, t, "refused", e->time, "%s", text_str(&title));
	text_finish(&title);
	step_event(s, e);
	if (call) {
		step_says(s,
			  "The kernel is to %s 0x%" PRIx64 " for the program: %s. The call fails "
			  "with EFAULT; nothing dies of it.",
			  f->access == ACCESS_READ ? "read from" : "write to", f->addr,
			  cause_sentence(f->cause));
	} else {
		tell_access(x, t, s, p, f);
		tell_map(x, t, s, p, f->addr);
		step_says(
		    s, "Most programs would be killed for that; this one has a handler for the "
		       "signal. The kernel saves the registers on its stack and lets it go on in "
		       "the handler.");
	}
}

void explain_fatal(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_fault *f = &e->fault;
	bool bus = f->cause == CAUSE_bus_beyond_end || f->cause == CAUSE_bus_io;
	struct kernel *k = x->session->kernel;
	if (f->by == BY_AHEAD || !p || !p->space || f->cause == CAUSE_out_of_memory)
		return;
	if (f->by == BY_KERNEL || !kills(p, k->current, bus ? SIGBUS : SIGSEGV)) {
		survived(x, t, p, e);
		return;
	}
	if (t->death.kind)
		step_finish(&t->death);
	t->death = (struct step){.kind = "death", .time = e->time, .title = TEXT, .body = TEXT};
	t->death.events = x->session->o->json ? json_array() : NULL;
	struct step *s = &t->death;
	step_event(s, e);
	text_add(&s->title, "%s: %s", bus ? "SIGBUS" : "SIGSEGV", cause_sentence(f->cause));
	tell_access(x, t, s, p, f);
	tell_map(x, t, s, p, f->addr);
	if (bus)
		meaning_bus(s, p, f);
	else if (f->cause == CAUSE_segv_guard)
		step_says(s, "The program, or a library of it, made this page one that nobody may touch "
			     "(MADV_GUARD_INSTALL), within a region that may be used: behind a buffer or a thread's "
			     "stack, which was overrun.");
	else if (f->cause == CAUSE_segv_protection)
		meaning_protection(x, s, t, p, f);
	else
		meaning_unmapped(s, t, p, f);
}

/* --- the end --------------------------------------------------------------------------------- */

static void other_death(struct explain *x, struct tale *t, struct step *s, int number)
{
	bool itself = t->signal == number && t->signal_sender == t->pid;
	if (t->sentence.size)
		step_says(s, "%s", text_str(&t->sentence));
	else if (number == SIGABRT && itself)
		step_says(
		    s, "It ended itself with abort(): a failed assert, a check of malloc's, or an "
		       "exception that nobody caught. What it wrote to standard error says which.");
	else if (number == SIGPIPE)
		step_says(s,
			  "It wrote to a pipe whose last reader is gone. Nothing of its memory is "
			  "wrong; a program that wants to go on ignores SIGPIPE and gets EPIPE.");
	else if (number == SIGALRM || number == SIGVTALRM || number == SIGPROF)
		step_says(
		    s, "A timer that it had set itself ran out, and it has no handler for that.");
	else if (number == SIGILL)
		step_says(s, "The processor does not know the instruction at 0x%" PRIx64 ".",
			  (uint64_t)t->signal_addr);
	else if (itself)
		step_says(s, "It sent this signal to itself.");
	else if (t->signal == number && t->signal_sender)
		step_says(s, "Pid %" PRId64 " sent it.", t->signal_sender);
	else
		step_says(s, "The signal came from outside of the program.");
}

void explain_death(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	int status = (int)e->process_exit.status, number = WTERMSIG(status);
	if (!WIFSIGNALED(status))
		return;
	const char *name = sigabbrev_np(number), *what = sigdescr_np(number);
	struct step *s = step_begin(x, t, "death", e->time, "SIG%s: %s", name ? name : "RT",
				    what ? what : "a real-time signal");
	if (!s)
		return;
	if (t->death.kind && (number == SIGSEGV || number == SIGBUS)) {
		step_finish(s);
		*s = t->death;
		t->death.kind = NULL;
	} else {
		other_death(x, t, s, number);
	}
}
