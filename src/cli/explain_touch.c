/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "cli/explain.h"
#include "cli/pids.h"
#include "cli/symbol.h"
#include "observe/event_text.h"

static const char *const does[] = {"reads", "writes", "executes"};

static uint32_t frame_of(struct explain *x, uint64_t key)
{
	const struct key_note *k = key ? keys_find(&x->pages, key) : NULL;
	return k ? k->frame : NO_FRAME;
}

/* " 41", or nothing if it is not known. */
static void add_frame(struct text *t, const char *before, uint32_t frame)
{
	if (frame != NO_FRAME)
		text_add(t, "%s%" PRIu32, before, frame);
}

/* What was done about it, with the frames of this run. */
static void add_deed(struct explain *x, const struct tale *t, const struct event_fault *f,
		     struct text *to)
{
	switch (f->cause) {
	case CAUSE_zero_fill: text_add(to, "frame %" PRIu32 ", filled with zeros", f->frame); break;
	case CAUSE_zero_map:
		text_add(to, "frame %" PRIu32 ", the zeros that all read", f->frame);
		break;
	case CAUSE_stack_grow:
		text_add(to, "frame %" PRIu32 ", zeros; the stack grows", f->frame);
		break;
	case CAUSE_file_read:
		text_add(to, "frame %" PRIu32 ", %s", f->frame,
			 f->from ? "a copy of what was read" : "read from the file");
		break;
	case CAUSE_file_cached: text_add(to, "frame %" PRIu32 ", in RAM already", f->frame); break;
	case CAUSE_cow_copy:
		text_add(to, "frame %" PRIu32 ", a copy", f->frame);
		add_frame(to, " of ", frame_of(x, f->from));
		break;
	case CAUSE_cow_reuse:
		text_add(to, "frame %" PRIu32 ", nobody else's: now writable", f->frame);
		break;
	case CAUSE_write_notify:
		text_add(to, "frame %" PRIu32 ", dirty now: its file gets it", f->frame);
		break;
	case CAUSE_swap_in:
		text_add(to, "frame %" PRIu32 ", from slot %" PRIu64, f->frame, f->slot);
		break;
	case CAUSE_refill: text_add(to, "frame %" PRIu32 ", mapped again", f->frame); break;
	default: text_add(to, "frame %" PRIu32, f->frame); break;
	}
	if (t->tables_taken)
		text_add(to, "; + %u page table%s", t->tables_taken, plural(t->tables_taken));
	if (f->evicted_key)
		text_add(to, "; a %s page had to go", f->evicted_dirty ? "dirty" : "clean");
}

static void touch_row(struct explain *x, struct tale *t, const struct event *e,
		      const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	struct text row = TEXT, what = TEXT;
	if (f->by == BY_AHEAD)
		text_add(&what, "ahead");
	else if (f->by == BY_KERNEL)
		text_add(&what, "kernel %s", does[f->access]);
	else
		text_add(&what, "%s", does[f->access]);
	text_add(&row, "%-12s  %-20s  0x%012" PRIx64 "  %-11s  ", text_str(&what), pl->name,
		 f->addr, cause_text(f->cause));
	add_deed(x, t, f, &row);
	step_row(t->touches, "%s", text_str(&row));
	step_event(t->touches, e);
	text_finish(&row);
	text_finish(&what);
	t->faults_told++;
}

static void first_instruction(struct explain *x, const struct tale *t, struct process *p,
			      struct step *s, const struct event *e)
{
	struct text at = TEXT;
	add_place(x, t, p, e->fault.pc, &at);
	step_says(s, "The program begins %s.", text_str(&at));
	text_finish(&at);
	if (x->taught_touch) {
		step_says(s, "The first touch of each kind:");
		return;
	}
	x->taught_touch = true;
	step_says(
	    s, "The page table has no entry for it, so the processor cannot even fetch it, and "
	       "traps. The kernel finds the region, gets the page, writes an entry into the page "
	       "table, and the same instruction is tried again. So it goes with each page that is "
	       "touched for the first time; the first of each kind:");
}

/* The step that rows of faults belong to. */
static void touches_begin(struct explain *x, struct tale *t, struct process *p,
			  const struct event *e)
{
	struct step *s;
	if (t->touches)
		return;
	if (!t->ran && t->executed && e->fault.by == BY_PROGRAM) {
		s = step_begin(x, t, "touch", e->time, "The first instruction: a page fault");
		first_instruction(x, t, p, s, e);
		t->ran = true;
	} else {
		s = step_begin(x, t, "touch", e->time, "Page faults%s",
			       x->all ? "" : ", the first of each kind");
	}
	t->touches = s;
}

/* --- copy-on-write --------------------------------------------------------------------------- */

static void add_who(struct explain *x, const struct tale *t, struct process *p,
		    const struct event_fault *f, struct text *to)
{
	if (f->by == BY_PROGRAM)
		add_instruction(x, t, p, f->pc, to);
	else
		text_add(to, "The kernel");
}

/* After the copy: who has which frame. */
static void tell_owners(struct explain *x, const struct tale *t, struct step *s, uint32_t from,
			uint32_t to)
{
	struct mm *mm = x->session->kernel->mm;
	struct pmap_place place[PIDS_SHOWN];
	unsigned n = mm->pmap->places(mm, from, place, PIDS_SHOWN);
	struct pids pids = {0};
	struct text others = TEXT;
	for (unsigned i = 0; i < n && i < PIDS_SHOWN; i++)
		pids_add(&pids, place[i].pid);
	pids.count = n;
	if (n)
		pids_text(&pids, &others);
	else
		text_add(&others, "who shares it");
	step_says(s,
		  "Frame %" PRIu32 " is copied into frame %" PRIu32 ". Pid %d has %" PRIu32
		  " from now on, writable; %s %s %" PRIu32 ". One address, and two contents.",
		  from, to, t->pid, to, text_str(&others), n > 1 ? "keep" : "keeps", from);
	text_finish(&others);
}

static void tell_copy(struct explain *x, struct tale *t, struct process *p, const struct event *e,
		      const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	uint32_t from = frame_of(x, f->from);
	struct text who = TEXT;
	struct step *s = step_begin(x, t, "copy-on-write", e->time,
				    "Copy-on-write: pid %d writes a page that it shares", t->pid);
	t->told_copy = true;
	step_event(s, e);
	add_who(x, t, p, f, &who);
	step_says(s, "%s writes to 0x%" PRIx64 ", in %s.", text_str(&who), f->addr, pl->name);
	step_says(s,
		  "The region allows it, the entry in the page table does not: so this fault is no "
		  "error, but the moment to copy.");
	if (t->unshared)
		step_says(s,
			  "The page table itself is still shared, so it is copied first, into "
			  "frame %" PRIu32 ".",
			  t->unshared_frame);
	if (from != NO_FRAME)
		tell_owners(x, t, s, from, f->frame);
	else
		step_says(s, "The page is copied into frame %" PRIu32 ", writable, pid %d's alone.",
			  f->frame, t->pid);
	text_finish(&who);
}

static void tell_reuse(struct explain *x, struct tale *t, struct process *p, const struct event *e,
		       const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	struct text who = TEXT;
	struct step *s = step_begin(x, t, "copy-on-write", e->time,
				    "Copy-on-write: the last owner of a page writes to it");
	t->told_reuse = true;
	step_event(s, e);
	add_who(x, t, p, f, &who);
	step_says(s,
		  "%s writes to 0x%" PRIx64 ", in %s. Its entry is still read-only from fork, but "
		  "nobody else has frame %" PRIu32
		  " any more: it is made writable, and nothing is copied.",
		  text_str(&who), f->addr, pl->name, f->frame);
	text_finish(&who);
}

/* --- inside the kernel ----------------------------------------------------------------------- */

/* A read that does so is told even where another call did it before. */
enum { CALL_READ = 63 };

static bool in_untouched_buffer(const struct event_fault *f)
{
	return f->by == BY_KERNEL && f->access == ACCESS_WRITE &&
	       (f->cause == CAUSE_zero_fill || f->cause == CAUSE_stack_grow);
}

static void tell_kernel_fault(struct explain *x, struct tale *t, const struct event *e,
			      const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	const char *name = call_name(t->call);
	struct text deed = TEXT;
	struct step *s =
	    step_begin(x, t, "kernel-fault", e->time, "%s: a page fault inside the kernel",
		       name ? name : "a system call");
	t->told_read[t->call == CALL_READ] = true;
	t->call_step = s;
	t->call_faults = 0;
	step_event(s, e);
	add_deed(x, t, f, &deed);
	step_says(
	    s,
	    "The program has given the kernel a buffer at 0x%" PRIx64 ", in %s, that nobody has "
	    "touched yet: there is a region, but no frame. The kernel stores the result there "
	    "through the program's page tables, as the program itself would, and so it is the "
	    "kernel that faults, in the middle of the call: %s, %s. Then it goes on; the program "
	    "notices nothing.",
	    f->addr, pl->name, cause_text(f->cause), text_str(&deed));
	text_finish(&deed);
}

/* --- more pages than frames ------------------------------------------------------------------- */

static void tell_evict(struct explain *x, struct tale *t, struct process *p, const struct event *e,
		       const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	const struct kernel *k = x->session->kernel;
	struct text whose = TEXT;
	struct step *s = step_begin(x, t, "evict", e->time, "RAM is full: a page must go");
	t->told_evict[f->evicted_dirty] = true;
	step_event(s, e);
	if (f->evicted_pid)
		text_add(&whose, "the page at 0x%" PRIx64 " of pid %" PRId64,
			 f->evicted_addr & ~(uint64_t)(PAGE_SIZE - 1), f->evicted_pid);
	else
		text_add(&whose, "a page of the page cache that nobody maps");
	step_says(s,
		  "A page is wanted at 0x%" PRIx64 ", in %s (%s), and none of the %" PRIu32
		  " frames is free. The policy, %s, chooses %s, in frame %" PRIu32
		  ". It leaves every page table that has it.",
		  f->addr, pl->name, cause_text(f->cause), k->mm->frames, k->mm->policy_ops->name,
		  text_str(&whose), f->evicted_frame);
	if (f->evicted_slot)
		step_says(s, "%s slot %" PRIu64 " of the swap space%s.",
			  f->evicted_dirty ? "Its contents are nowhere else, so they are written to"
					   : "It is clean: its contents lie unchanged in",
			  f->evicted_slot,
			  f->evicted_dirty ? ", and whoever needs the frame waits for that"
					   : ", and nothing is written");
	else
		step_says(s, "%s.",
			  f->evicted_dirty ? "It was stored to: its file gets the contents first"
					   : "It is clean, and its file has the same contents: "
					     "nothing is written");
	step_says(s, "The page that was wanted is in frame %" PRIu32 ".", f->frame);
	text_finish(&whose);
}

static void tell_swap_in(struct explain *x, struct tale *t, const struct event *e,
			 const struct place *pl)
{
	const struct event_fault *f = &e->fault;
	const struct key_note *k = keys_find(&x->pages, f->key);
	struct step *s = step_begin(x, t, "swap-in", e->time, "A page comes back from swap");
	t->told_swap_in = true;
	step_event(s, e);
	step_says(s,
		  "0x%" PRIx64
		  ", in %s, is wanted again, but it was evicted. The contents are read "
		  "from slot %" PRIu64 " into frame %" PRIu32,
		  f->addr, pl->name, f->slot, f->frame);
	if (k && k->frame != NO_FRAME && k->frame != f->frame && s)
		text_add(&s->body, " (before, they were in frame %" PRIu32 ")", k->frame);
	if (s)
		text_add(&s->body,
			 ", at the same address, and the program notices nothing but the time: "
			 "meanwhile it sleeps, and others run.");
}

/* --- which of all that ----------------------------------------------------------------------- */

void explain_fault(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_fault *f = &e->fault;
	struct place pl;
	bool copy = f->cause == CAUSE_cow_copy && f->from && !(f->from >> 63);
	if (f->by == BY_KERNEL && tale_in_call(t, e))
		t->call_faults++;
	/* What execve does to the space that it is still making is told with execve. */
	if (!p || !p->space || t->making || (f->by != BY_PROGRAM && !tale_in_call(t, e)))
		return;
	place_find(x, t, p, f->addr, &pl);
	bool *told = &t->told[pl.role][pl.part][f->cause][f->by];
	if (copy && !t->told_copy) {
		tell_copy(x, t, p, e, &pl);
	} else if (f->cause == CAUSE_cow_reuse && !t->told_reuse) {
		tell_reuse(x, t, p, e, &pl);
	} else if (in_untouched_buffer(f) && tale_in_call(t, e) && !t->told_read[t->call == CALL_READ]) {
		tell_kernel_fault(x, t, e, &pl);
	} else if (f->evicted_key && !t->told_evict[f->evicted_dirty]) {
		tell_evict(x, t, p, e, &pl);
	} else if (f->cause == CAUSE_swap_in && !t->told_swap_in) {
		tell_swap_in(x, t, e, &pl);
	} else if (!*told || x->all) {
		touches_begin(x, t, p, e);
		touch_row(x, t, e, &pl);
	}
	*told = true;
}
