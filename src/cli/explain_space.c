/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bits.h"
#include "cli/explain.h"
#include "cli/pids.h"
#include "cli/tables.h"
#include "kernel/kernel.h"

enum { KIB_PER_PAGE = PAGE_SIZE / 1024, LIBRARIES_SHOWN = 6 };

/* "132 KiB" */
static const char *kib(struct text *t, uint64_t bytes)
{
	text_finish(t);
	text_add_count(t, bytes / 1024);
	text_add(t, " KiB");
	return text_str(t);
}

void region_perms(const struct region *r, char ret_text[5])
{
	for (unsigned i = 0; i < 3; i++)
		ret_text[i] = r->prot >> i & 1 ? "rwx"[i] : '-';
	ret_text[3] = r->flags & REGION_SHARED ? 's' : 'p';
	ret_text[4] = 0;
}

/* --- execve ---------------------------------------------------------------------------------- */

static bool has_constants(const struct process *p, const struct object *o)
{
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r))
		if (r->object == o && r->prot == PROT_R)
			return true;
	return false;
}

static const char *region_note(const struct process *p, const struct place *pl)
{
	switch (pl->part) {
	case PART_TEXT:
		if (pl->role == ROLE_LOADER)
			return "runs first, and loads libraries";
		return has_constants(p, pl->region->object) ? "instructions"
							    : "instructions and constants";
	case PART_CONSTANTS: return "string literals, for one";
	case PART_DATA: return "variables; who writes gets a copy";
	case PART_BSS: return "variables that begin as 0; in no file";
	case PART_HEAP: return "malloc's; brk moves its end";
	case PART_STACK: return "grows down by itself";
	case PART_KERNEL: return "the kernel's, for signal handlers";
	default: return "";
	}
}

static void region_rows(struct explain *x, struct tale *t, struct process *p, struct step *s)
{
	struct place pl;
	char perm[5];
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		place_find(x, t, p, r->start, &pl);
		region_perms(r, perm);
		step_row(s, "0x%012" PRIx64 "-0x%012" PRIx64 "  %s  %-20s  %s", r->start, r->end,
			 perm, pl.name, region_note(p, &pl));
	}
}

/* The old program's memory, if there was one. */
static void left_behind(const struct tale *t, struct step *s)
{
	uint64_t own = t->before.frames[FRAME_ANON], tables = t->before.frames[FRAME_TABLE];
	if (!t->executed && !t->parent)
		return;
	step_says(s,
		  "What it had before, as %s, is dropped: %" PRIu64 " frame%s of pages and %" PRIu64
		  " of page tables are free again; what others share with it stays theirs.",
		  t->name, own, plural(own), tables);
}

void explain_exec(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	struct kernel *k = x->session->kernel;
	struct region *text = regions_find(&p->space->regions, p->code_start);
	struct region *first = regions_find(&p->space->regions, task_regs(process_task(p))->pc);
	struct pmap_stats st;
	struct text size = TEXT;
	bool again = t->executed || t->parent;
	t->program = text && text->object ? text->object->serial : 0;
	t->loader = first && first->object && first->object->serial != t->program
			? first->object->serial
			: 0;
	k->mm->pmap->stats(p->space->pmap, &st);
	uint64_t resident = st.resident[RESIDENT_ANON] + st.resident[RESIDENT_FILE];
	struct step *s =
	    step_begin(x, t, "execve", e->time, "execve(\"%s\"): %s", e->process_exec.path,
		       again ? "another program, a new address space" : "a new address space");
	step_event(s, e);
	step_says(
	    s,
	    "The kernel makes an empty address space, with a root page table (%s) in frame %" PRIu32
	    ", and notes which addresses may be used, how, and what lies behind them:",
	    mmu_mode_text(k->config.mode), tables_root(p->space));
	region_rows(x, t, p, s);
	if (x->session->o->eager)
		step_says(s,
			  "Of %" PRIu64 " page%s (%s) %" PRIu64
			  " %s brought into RAM at once, before "
			  "anything touches them (--paging eager).",
			  p->space->pages, plural(p->space->pages),
			  kib(&size, p->space->pages * PAGE_SIZE), resident,
			  resident == 1 ? "was" : "were");
	else
		step_says(s,
			  "These are promises: of %" PRIu64 " page%s (%s) only %" PRIu64
			  " %s in RAM, which the kernel itself had to write to: "
			  "the arguments at the top of the stack%s.",
			  p->space->pages, plural(p->space->pages),
			  kib(&size, p->space->pages * PAGE_SIZE), resident,
			  resident == 1 ? "is" : "are",
			  resident > 1 ? ", and zeros behind the data that files have" : "");
	if (again)
		left_behind(t, s);
	text_finish(&size);
}

/* --- brk, mmap ------------------------------------------------------------------------------- */

static const char *no_frame(const struct explain *x)
{
	return x->session->o->eager
		   ? "Its pages are brought in at once (--paging eager)."
		   : "No frame is taken yet: each page gets one when it is touched.";
}

static void heap_begins(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_region_map *m = &e->region_map;
	struct text size = TEXT, title = TEXT;
	add_call(t, ": the heap", &title);
	struct step *s = step_begin(x, t, "heap", e->time, "%s", text_str(&title));
	text_finish(&title);
	t->told_heap = true;
	step_event(s, e);
	step_says(s,
		  "The program asks for memory: the heap is 0x%" PRIx64 "-0x%" PRIx64
		  " from now on, %s. %s",
		  m->start, m->end, kib(&size, m->end - m->start), no_frame(x));
	text_finish(&size);
}

static void library_mapped(struct explain *x, struct tale *t, struct process *p,
			   const struct place *pl, const struct event *e)
{
	struct step *s = t->steps ? t->step[t->steps - 1] : NULL;
	const struct event_region_map *m = &e->region_map;
	struct text size = TEXT;
	char perm[5];
	if (!s || strcmp(s->kind, "library") != 0) {
		if (t->libraries >= LIBRARIES_SHOWN)
			return;
		s = step_begin(x, t, "library", e->time, "mmap: a library is mapped");
		if (!x->taught_library)
			step_says(
			    s, "A region is noted, nothing is read: its pages come when they are "
			       "touched, and if another program has brought them in, from RAM.");
		x->taught_library = true;
	}
	step_event(s, e);
	region_perms(pl->region, perm);
	step_row(s, "0x%012" PRIx64 "-0x%012" PRIx64 "  %s  %-20s  %s", m->start, m->end, perm,
		 pl->name, kib(&size, m->end - m->start));
	t->libraries++;
	text_finish(&size);
}

void explain_map(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_region_map *m = &e->region_map;
	struct place pl;
	if (!t->executed || !p->space)
		return;
	place_find(x, t, p, m->start, &pl);
	if (m->start == page_up(p->space->brk)) {
		if (!t->told_heap)
			heap_begins(x, t, p, e);
	} else if (pl.part == PART_TEXT && pl.role == ROLE_OTHER) {
		library_mapped(x, t, p, &pl, e);
	} else if ((pl.part == PART_ANONYMOUS || pl.part == PART_SHARED) && !t->told_map &&
		   m->end - m->start >= 16 * PAGE_SIZE) {
		struct text size = TEXT, title = TEXT;
		add_call(t, "", &title);
		struct step *s = step_begin(x, t, "map", e->time, "%s", text_str(&title));
		text_finish(&title);
		t->told_map = true;
		step_event(s, e);
		step_says(s, "Reserved: 0x%" PRIx64 "-0x%" PRIx64 ", %s. %s", m->start, m->end,
			  kib(&size, m->end - m->start), no_frame(x));
		text_finish(&size);
	}
}

/* --- fork ------------------------------------------------------------------------------------ */

void explain_fork(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	const struct event_space_fork *f = &e->space_fork;
	t->forks++;
	if (t->told_fork && !x->all)
		return;
	t->told_fork = true;
	struct step *s = step_begin(x, t, "fork", e->time,
				    "fork: pid %" PRId64 " gets the same pages", f->child);
	step_event(s, e);
	step_says(
	    s,
	    "The child has the same addresses, the same regions and the same contents, of which "
	    "not a byte is copied: %" PRId64 " resident page%s %s in common.",
	    f->resident, plural((uint64_t)f->resident), f->resident == 1 ? "is" : "are");
	if (f->tables_shared)
		step_says(s,
			  "Even page tables of the lowest level (%" PRIu64
			  " of them, each for 2 MiB) are not copied but shared; textbooks copy "
			  "them entry by entry.",
			  f->tables_shared);
	step_says(s, "Private pages can be read by both and written by neither from now on: the "
		     "first write to each is a fault, and then it is copied.");
}

void explain_begin(struct explain *x, struct tale *t, const struct event *e)
{
	struct step *s =
	    step_begin(x, t, "begin", e->time, "It begins as a copy of pid %d", e->pid);
	t->begun = true;
	step_event(s, e);
	step_says(
	    s,
	    "fork returns twice: %d in pid %d, and 0 here. %" PRId64 " page%s %s in RAM for both. "
	    "Regions with pages of files only are left out: the pages are in the page cache, and "
	    "a fault maps those that are wanted.",
	    t->pid, e->pid, e->space_fork.resident, plural((uint64_t)e->space_fork.resident),
	    e->space_fork.resident == 1 ? "is" : "are");
}

void explain_borrow(struct explain *x, struct tale *t, const struct event *e)
{
	struct step *s = step_begin(x, t, "borrow", e->time, "It begins in the address space of pid %d", t->parent);
	t->begun = true;
	step_event(s, e);
	step_says(s,
		  "vfork (clone with CLONE_VM and CLONE_VFORK) copies nothing, no page table either: pid %d runs with "
		  "those of pid %d, which sleeps until this one executes a program or ends. What it stores meanwhile is "
		  "its parent's, too.",
		  t->pid, t->parent);
}

void explain_thread(struct explain *x, struct tale *t, const struct event *e)
{
	struct task *first = task_find(x->session->kernel, (int32_t)e->thread_new.by);
	struct task *further = task_find(x->session->kernel, e->tid);
	struct place pl;
	if (t->told_thread || !first || !further)
		return;
	t->told_thread = true;
	struct step *s = step_begin(x, t, "thread", e->time, "A second thread, %d, in the same address space", e->tid);
	uint64_t sp = task_regs(further)->x[REG_SP];
	step_event(s, e);
	step_says(s,
		  "clone with CLONE_VM makes no copy of anything: thread %d runs with the page tables of "
		  "thread %d. What one writes the other sees at once, and a page that one touches first is "
		  "there for both.",
		  e->tid, first->tid);
	place_find(x, t, further->process, sp, &pl);
	step_says(s,
		  "Its own are its registers, and by convention a stack: sp is 0x%" PRIx64 ", in %s, a "
		  "mapping like any other, of which a frame is taken where it is touched. (sp of thread %d is "
		  "0x%" PRIx64 ".)",
		  sp, pl.name, first->tid, task_regs(first)->x[REG_SP]);
	step_says(s, "When the processor changes from one to the other, satp stays, and the TLB is not flushed.");
}

/* --- what is shared -------------------------------------------------------------------------- */

struct in_common {
	uint64_t pages, common, met;
	struct pids pids, before;
};

static void pids_add_once(struct pids *pids, int32_t pid)
{
	for (unsigned i = 0; i < pids->count && i < PIDS_SHOWN; i++)
		if (pids->pid[i] == pid)
			return;
	pids_add(pids, pid);
}

static void count_frame(struct explain *x, const struct tale *t, uint32_t frame,
			struct in_common *c)
{
	enum { PLACES = 16 };
	struct mm *mm = x->session->kernel->mm;
	struct pmap_place place[PLACES];
	const struct key_note *k = keys_find(&x->pages, frame_key(mm, frame));
	unsigned n = mm->pmap->places(mm, frame, place, PLACES);
	bool common = n > PLACES;
	c->pages++;
	for (unsigned i = 0; i < n && i < PLACES; i++) {
		if (place[i].pid == t->pid)
			continue;
		common = true;
		pids_add_once(&c->pids, place[i].pid);
	}
	c->common += common;
	if (k && k->pid && k->pid != t->pid) {
		c->met++;
		pids_add_once(&c->before, k->pid);
	}
}

/* Pages of the file of region r, in all its regions. */
static void count_file(struct explain *x, const struct tale *t, struct process *p,
		       const struct object *o, struct in_common *c)
{
	struct mm *mm = x->session->kernel->mm;
	struct pmap_entry e;
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		if (r->object != o)
			continue;
		for (uint64_t va = r->start; mm->pmap->next(p->space->pmap, &va, r->end, &e);
		     va += PAGE_SIZE)
			if (frame_at(mm, e.frame)->kind == FRAME_FILE)
				count_frame(x, t, e.frame, c);
	}
}

static void common_row(struct step *s, const struct place *pl, const struct in_common *c)
{
	struct text row = TEXT;
	const char *space = strrchr(pl->name, ' ');
	text_add(&row, "%-20.*s  %3" PRIu64 " page%s in RAM", space ? (int)(space - pl->name) : 96,
		 pl->name, c->pages, plural(c->pages));
	if (c->common) {
		text_add(&row, "; ");
		if (c->common == c->pages)
			text_add(&row, "%s", c->pages > 1 ? "all " : "");
		else
			text_add(&row, "%" PRIu64 " ", c->common);
		text_add(&row, "in the same frame%s as in ", plural(c->common));
		pids_text(&c->pids, &row);
	}
	if (c->met) {
		text_add(&row, "; %" PRIu64 " brought in by ", c->met);
		pids_text(&c->before, &row);
	}
	step_row(s, "%s", text_str(&row));
	text_finish(&row);
}

/* Another process that runs the same file, with a page of its own at va. */
static struct process *with_own_page(struct explain *x, struct process *p, uint64_t va,
				     uint32_t frame, uint32_t *ret_frame)
{
	struct kernel *k = x->session->kernel;
	struct pmap_entry e;
	for (struct process *q = process_first(k); q; q = process_next(q)) {
		if (q == p || !process_alive(q) || q->space == p->space || !q->exe ||
		    strcmp(q->exe, p->exe) != 0 || !k->mm->pmap->lookup(q->space->pmap, va, &e) ||
		    e.frame == frame || frame_at(k->mm, e.frame)->kind != FRAME_ANON)
			continue;
		*ret_frame = e.frame;
		return q;
	}
	return NULL;
}

/* One address, two frames: the first page of the heap, or the top of the stack. */
static void tell_own(struct explain *x, const struct tale *t, struct process *p, struct step *s)
{
	struct mm *mm = x->session->kernel->mm;
	const uint64_t vas[] = {page_down(p->space->brk_start), page_down(p->stack_start)};
	struct pmap_entry e;
	struct place pl;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t other;
		if (!mm->pmap->lookup(p->space->pmap, vas[i], &e) ||
		    frame_at(mm, e.frame)->kind != FRAME_ANON)
			continue;
		struct process *q = with_own_page(x, p, vas[i], e.frame, &other);
		if (!q)
			continue;
		place_find(x, t, p, vas[i], &pl);
		step_says(s,
			  "What it writes is its own: the page at 0x%" PRIx64
			  ", in %s, is in frame %" PRIu32 " here, and in frame %" PRIu32
			  " in pid %d. The same address, two "
			  "pages.",
			  vas[i], pl.name, e.frame, other, q->pid);
		return;
	}
}

void explain_shared(struct explain *x, struct tale *t, struct process *p, uint64_t time)
{
	struct step *s = NULL;
	struct place pl;
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		struct in_common c = {0};
		if (!r->object || r->object->kind != OBJECT_FILE || !(r->prot & PROT_X))
			continue;
		place_find(x, t, p, r->start, &pl);
		if (pl.part == PART_KERNEL)
			continue;
		count_file(x, t, p, r->object, &c);
		if (!c.common && !c.met)
			continue;
		if (!s) {
			s = step_begin(x, t, "shared", time, "What it shares");
			step_says(
			    s, "A page of a file is in RAM once, however many processes map it, at "
			       "whatever addresses:");
		}
		common_row(s, &pl, &c);
	}
	if (s && p->exe)
		tell_own(x, t, p, s);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_title(const struct tale *t, int status, struct text *title)
{
	if (WIFSIGNALED(status))
		text_add(title, "SIG%s ends it",
			 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "RT");
	else if (t->in_call)
		add_call(t, ": the end", title);
	else
		text_add(title, "It ends with status %d", WEXITSTATUS(status));
}

/* Private pages that other processes have, too. */
static uint64_t shared_pages(struct mm *mm, const struct space *s)
{
	struct pmap_entry e;
	uint64_t n = 0;
	for (uint64_t va = 0; mm->pmap->next(s->pmap, &va, s->layout.top, &e); va += PAGE_SIZE)
		n += e.as == RESIDENT_ANON && e.frame != mm->zero &&
		     mm->pmap->places(mm, e.frame, NULL, 0) > 1;
	return n;
}

/* Frames that are free but for the instruction that was tried last, which is never tried again. */
static uint64_t held_frames(const struct mm *mm)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < mm->instruction_frames; i++)
		n += frame_at(mm, mm->instruction[i])->state == FRAME_ORPHAN;
	return n;
}

void explain_exit(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	struct text title = TEXT;
	struct pmap_stats st = {0};
	t->status = (int)e->process_exit.status;
	t->ended = true;
	end_title(t, t->status, &title);
	struct step *s = step_begin(x, t, "exit", e->time, "%s", text_str(&title));
	text_finish(&title);
	step_event(s, e);
	if (!p || !p->space)
		return;
	x->session->kernel->mm->pmap->stats(p->space->pmap, &st);
	uint64_t own = st.resident[RESIDENT_ANON], file = st.resident[RESIDENT_FILE],
		 shared = st.resident[RESIDENT_SHMEM];
	if (*p->space_refs > 1) {
		step_says(s, "Its address space is another process's, too, and stays.");
		return;
	}
	uint64_t others = shared_pages(x->session->kernel->mm, p->space);
	step_says(s, "Its address space is taken apart. Mapped were %" PRIu64 " page%s of its own",
		  own, plural(own));
	if (others)
		text_add(&s->body, " (%" PRIu64 " of them also others')", others);
	text_add(&s->body, " and %" PRIu64 " of files%s.", file,
		 shared ? " and some of shared memory" : "");
	x->ending = t;
}

void explain_given(struct explain *x, struct tale *t)
{
	struct kernel *k = x->session->kernel;
	struct step *s = t->steps ? t->step[t->steps - 1] : NULL;
	const uint64_t *f = x->given.frames;
	struct mm_usage u;
	if (!s || strcmp(s->kind, "exit") != 0)
		return;
	mm_usage(k->mm, &u);
	uint64_t held = held_frames(k->mm), own = f[FRAME_ANON] + held;
	step_says(s, "Free again: %" PRIu64 " frame%s of pages, %" PRIu64 " of page tables.", own,
		  plural(own), f[FRAME_TABLE]);
	step_says(s,
		  "Pages of files stay in the page cache (%" PRIu64 " frame%s now): who maps those "
		  "files next need not read them.",
		  u.kind[FRAME_FILE], plural(u.kind[FRAME_FILE]));
	step_says(s, "%" PRIu64 " of %" PRIu64 " frames are free.", u.free + held, u.frames);
}
