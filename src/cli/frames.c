/* SPDX-License-Identifier: MIT */
#include "cli/frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/pids.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/tables.h"
#include "cli/verb.h"

/* Places of one frame that are looked at. */
enum { PLACES = 1024 };

/* What the page tables say of a frame that holds one of them, or which shared memory it is of. */
struct table_use {
	struct pids owners;
	uint8_t level;
	uint64_t va;
	const struct object *object;
};

/* A look while it is taken. */
struct survey {
	struct kernel *k;
	struct table_use *table;   /* by frame */
	int32_t pid;               /* whose tables are being walked */
	struct region_lines lines; /* of lines_pid, the process asked about last */
	int32_t lines_pid;
	unsigned room;
	bool failed;
	struct frames_look *look;
};

struct frames {
	unsigned count, room;
	struct frames_look *look;
	bool header; /* of the lines of --every */
};

/* --- who owns a frame ------------------------------------------------------------------------ */

static void table_note(struct survey *v, uint32_t frame, unsigned level, uint64_t va)
{
	struct table_use *u = &v->table[frame];
	pids_add(&u->owners, v->pid);
	u->level = (uint8_t)level;
	u->va = va;
}

static void table_seen(void *ctx, const struct table_entry *e)
{
	if (e->down)
		table_note(ctx, pte_frame(e->pte), e->level - 1, e->va);
}

static void tables_note(struct survey *v)
{
	for (struct space *s = v->k->mm->spaces; s; s = s->next) {
		v->pid = s->pid;
		table_note(v, tables_root(s), mmu_levels(v->k->config.mode) - 1, 0);
		tables_each(v->k, s, table_seen, v);
	}
}

static void shared_note(struct survey *v)
{
	for (const struct object *o = v->k->mm->objects; o; o = o->next) {
		const struct anon *a;
		for (uint64_t i = 0;
		     o->kind == OBJECT_SHARED && (a = sparse_next(&o->pages, &i, UINT64_MAX)); i++)
			if (a->frame != NO_FRAME)
				v->table[a->frame].object = o;
	}
}

/* "mem (pid 2)", or "pids 2, 3 and 5 more". */
static void add_pids(struct survey *v, const struct pids *pids, struct text *t)
{
	struct process *p = process_find(v->k, pids->pid[0]);
	if (pids->count == 1)
		text_add(t, "%s (pid %d)", p ? process_name(p) : "?", pids->pid[0]);
	else
		pids_text(pids, t);
}

static int by_pid(const void *a, const void *b)
{
	const struct pmap_place *x = a, *y = b;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->va > y->va) - (x->va < y->va);
}

/* "[heap]": what the page is there. */
static void add_region(struct survey *v, int32_t pid, uint64_t va, struct text *t)
{
	char what[128];
	struct process *p = process_find(v->k, pid);
	if (v->lines_pid != pid) {
		region_lines_finish(&v->lines);
		v->lines_pid = pid;
		if (!p || region_lines_read(v->k, p, &v->lines) < 0)
			v->lines = (struct region_lines){0};
	}
	const struct region_line *l = region_lines_at(&v->lines, va);
	if (!l)
		return;
	region_describe(l, what, sizeof(what));
	text_add(t, ": %s", what);
}

/* The file's name without its directories; false: it has none. */
static bool add_file(const struct object *o, struct text *t)
{
	uint64_t device, inode;
	struct text name = TEXT;
	bool named = object_file_name(o, &name, &device, &inode) && name.size;
	if (named) {
		const char *slash = strrchr(text_str(&name), '/');
		text_add(t, "%s", slash && slash[1] ? slash + 1 : text_str(&name));
	}
	text_finish(&name);
	return named;
}

static void anon_owner(struct survey *v, uint32_t frame, struct frame_run *r, struct text *t)
{
	struct pmap_place place[PLACES];
	struct pids pids = {0};
	unsigned all = v->k->mm->pmap->places(v->k->mm, frame, place, PLACES);
	if (all == 0) {
		const struct object *o = v->table[frame].object;
		if (o && !add_file(o, t))
			text_add(t, "shared memory");
		text_add(t, "%sin no page table now", o ? ", " : "");
		return;
	}
	unsigned known = all < PLACES ? all : PLACES;
	qsort(place, known, sizeof(*place), by_pid);
	for (unsigned i = 0; i < known; i++)
		if (i == 0 || place[i].pid != place[i - 1].pid)
			pids_add(&pids, place[i].pid);
	pids.count += all - known;
	add_pids(v, &pids, t);
	add_region(v, place[0].pid, place[0].va, t);
	r->placed = true;
	r->from = place[0].va;
}

static void table_owner(struct survey *v, uint32_t frame, struct frame_run *r, struct text *t)
{
	struct table_use *u = &v->table[frame];
	unsigned top = mmu_levels(v->k->config.mode) - 1;
	if (!u->owners.count) {
		text_add(t, "of no process yet");
		return;
	}
	add_pids(v, &u->owners, t);
	if (u->level == top) {
		text_add(t, ": root table");
		return;
	}
	text_add(t, ": level %u table", u->level);
	r->placed = true;
	r->from = u->va;
}

static void file_owner(struct survey *v, const struct frame *f, struct frame_run *r, struct text *t)
{
	const struct object *o = f->owner.object;
	if (signal_is_trampoline(v->k, o))
		text_add(t, "[vdso]");
	else if (!add_file(o, t))
		text_add(t, "a file that has no name in the guest");
	r->placed = true;
	r->from = f->index;
}

static void frame_owner(struct survey *v, uint32_t frame, struct frame_run *r)
{
	const struct frame *f = frame_at(v->k->mm, frame);
	struct text t = TEXT;
	*r = (struct frame_run){.first = frame, .count = 1, .state = f->state, .kind = f->kind};
	if (f->state == FRAME_FREE || f->state == FRAME_RESERVED)
		return;
	if (f->state == FRAME_ORPHAN)
		text_add(&t, "let go, but in use until the end of a system call");
	else if (f->kind == FRAME_ANON)
		anon_owner(v, frame, r, &t);
	else if (f->kind == FRAME_TABLE)
		table_owner(v, frame, r, &t);
	else if (f->kind == FRAME_FILE)
		file_owner(v, f, r, &t);
	else if (f->kind == FRAME_STORE)
		text_add(&t, "swap: pages compressed in RAM");
	else if (f->kind == FRAME_ZERO)
		text_add(&t, "the one zero frame, read wherever nothing was written yet");
	else
		text_add(&t, "the kernel: a pipe's buffer");
	snprintf(r->owner, sizeof(r->owner), "%s", text_str(&t));
	r->to = r->from;
	text_finish(&t);
}

/* --- a look ---------------------------------------------------------------------------------- */

static uint64_t step(const struct frame_run *r)
{
	return r->kind == FRAME_FILE ? 1 : PAGE_SIZE;
}

/* Does r, the next frame, continue the run? Tables are shown one by one. */
static bool continues(const struct frame_run *run, const struct frame_run *r)
{
	return run->state == r->state && (r->state == FRAME_FREE || run->kind == r->kind) &&
	       strcmp(run->owner, r->owner) == 0 && run->placed == r->placed &&
	       (!r->placed || (r->kind != FRAME_TABLE && r->from == run->to + step(r)));
}

static void run_add(struct survey *v, const struct frame_run *r)
{
	struct frames_look *l = v->look;
	if (l->runs && continues(&l->run[l->runs - 1], r)) {
		l->run[l->runs - 1].count += r->count;
		l->run[l->runs - 1].to = r->to;
		return;
	}
	if (l->runs == v->room) {
		unsigned room = v->room ? 2 * v->room : 64;
		struct frame_run *more = realloc(l->run, room * sizeof(*more));
		v->failed = v->failed || !more;
		if (!more)
			return;
		l->run = more;
		v->room = room;
	}
	l->run[l->runs++] = *r;
}

static void count(const struct mm *mm, struct frames_look *l)
{
	l->frames = mm->frames;
	for (uint32_t i = 0; i < mm->pool.untouched; i++) {
		const struct frame *f = frame_at(mm, i);
		if (f->state == FRAME_FREE)
			l->free++;
		else if (f->state == FRAME_RESERVED)
			l->reserved++;
		else
			l->kind[f->kind]++;
	}
	l->free += mm->frames - mm->pool.untouched;
}

static void survey(struct kernel *k, struct frames_look *l)
{
	struct mm *mm = k->mm;
	struct survey v = {.k = k, .look = l, .table = calloc(mm->frames, sizeof(*v.table))};
	struct frame_run rest = {.first = mm->pool.untouched, .count = mm->frames - mm->pool.untouched};
	if (v.table) {
		tables_note(&v);
		shared_note(&v);
		for (uint32_t i = 0; i < mm->pool.untouched; i++) {
			struct frame_run r;
			frame_owner(&v, i, &r);
			run_add(&v, &r);
		}
		if (rest.count)
			run_add(&v, &rest);
		region_lines_finish(&v.lines);
	}
	if (!v.table || v.failed)
		say("no memory for the list of frames: it is not whole");
	free(v.table);
}

static struct frames_look *look_new(struct session *s)
{
	struct frames *fs = s->ctx;
	if (fs->count == fs->room) {
		unsigned room = fs->room ? 2 * fs->room : 4;
		struct frames_look *more = realloc(fs->look, room * sizeof(*more));
		if (!more)
			return NULL;
		fs->look = more;
		fs->room = room;
	}
	struct frames_look *l = &fs->look[fs->count++];
	*l = (struct frames_look){.time = kernel_now(s->kernel)};
	count(s->kernel->mm, l);
	return l;
}

/* With --every nothing need be kept but for JSON. */
static void frames_tick(struct session *s)
{
	struct frames *fs = s->ctx;
	struct frames_look *l = look_new(s);
	if (!l || s->o->json)
		return;
	if (!fs->header)
		frames_print_header(s->out);
	fs->header = true;
	frames_print_line(s->out, l);
	fs->count = 0;
}

/* All frames are seen at once, so one look is enough for all processes of a moment. */
static void frames_look(struct session *s, struct process *p)
{
	struct frames *fs = s->ctx;
	uint64_t now = kernel_now(s->kernel);
	if (fs->count && fs->look[fs->count - 1].time == now)
		return;
	if (s->o->every) {
		frames_tick(s);
		return;
	}
	struct frames_look *l = look_new(s);
	if (l)
		survey(s->kernel, l);
}

static int frames_end(struct session *s, int status)
{
	struct frames *fs = s->ctx;
	if (s->o->json)
		frames_print_json(s->out, fs->look, fs->count);
	for (unsigned i = 0; i < fs->count; i++) {
		if (!s->o->json) {
			fputs(i ? "\n" : "", s->out);
			frames_print(s->out, &fs->look[i]);
		}
		free(fs->look[i].run);
	}
	free(fs->look);
	return status;
}

int verb_frames(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .look = frames_look, .tick = frames_tick, .end = frames_end, .ctrl_c_ends = true};
	struct options o;
	struct frames fs = {0};
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0)
		r = session_main(&o, &hooks, &fs, argv + at);
	options_finish(&o);
	return r;
}
