/* SPDX-License-Identifier: MIT */
#include "cli/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/json.h"
#include "cli/verb.h"

/* Tales that say the same as an earlier one are a line each, and only so many of them. */
enum { LINES_MAX = 12, DEATHS_MAX = 24 };

/* --- whose tale ------------------------------------------------------------------------------ */

static struct tale *tale_find(const struct explain *x, int32_t pid)
{
	return pid > 0 ? sparse_get(&x->by_pid, (uint64_t)pid) : NULL;
}

static struct tale *tale_begin(struct explain *x, int32_t pid, int32_t parent, uint64_t time)
{
	if (x->tales == x->room) {
		unsigned room = x->room ? 2 * x->room : 16;
		struct tale **more = realloc(x->tale, room * sizeof(*more));
		if (!more)
			return NULL;
		x->tale = more;
		x->room = room;
	}
	struct tale *t = calloc(1, sizeof(*t));
	if (!t || sparse_set(&x->by_pid, (uint64_t)pid, t) < 0) {
		free(t);
		return NULL;
	}
	t->pid = pid;
	t->parent = tale_find(x, parent) ? parent : 0;
	t->started = time;
	const struct options *o = x->session->o;
	t->skipped = o->pid_given && o->pid != PID_ALL && o->pid != pid;
	x->tale[x->tales++] = t;
	return t;
}

static void tale_finish(struct tale *t)
{
	for (unsigned i = 0; i < t->steps; i++) {
		step_finish(t->step[i]);
		free(t->step[i]);
	}
	if (t->death.kind)
		step_finish(&t->death);
	free(t->step);
	text_finish(&t->call_text);
	text_finish(&t->sentence);
	free(t);
}

/* Has the same program, come about in the same way, been told of already? */
static void look_for_like(struct explain *x, struct tale *t)
{
	t->like = 0;
	for (unsigned i = 0; i < x->tales && !x->all && !t->like; i++) {
		const struct tale *other = x->tale[i];
		if (other == t)
			return;
		if (!other->skipped && !other->like && strcmp(other->name, t->name) == 0 &&
		    other->executed == t->executed && (other->parent != 0) == (t->parent != 0))
			t->like = other->pid;
	}
}

/* --- events ---------------------------------------------------------------------------------- */

static void note_page(struct explain *x, uint64_t key, uint32_t frame, int32_t pid)
{
	bool is_new = !keys_find(&x->pages, key);
	struct key_note *k = keys_note(&x->pages, key);
	x->failed |= !k;
	if (!k)
		return;
	k->frame = frame;
	k->pid = is_new ? pid : k->pid;
}

static void note_pages(struct explain *x, const struct event *e)
{
	const struct event_fault *f = &e->fault;
	bool read = f->cause == CAUSE_file_read;
	if (f->key && cause_class(f->cause) != CLASS_fatal)
		note_page(x, f->key, f->frame, read && !f->from ? e->pid : 0);
	/* A page that was read only to be copied stays in the page cache, too. */
	if (f->from >> 63 && read)
		note_page(x, f->from, NO_FRAME, e->pid);
}

static void note_unmapped(struct tale *t, const struct event *e)
{
	t->unmapped[t->unmapped_count++ % UNMAPPED_MAX] =
	    (struct unmapped){e->region_unmap.start, e->region_unmap.end, e->time};
}

/* The frames that were freed since the last event of another kind are somebody's. */
static void given_to(struct explain *x, struct tale *t, const struct event *e)
{
	if (x->ending && (e->kind != EVENT_space_end || t == x->ending)) {
		explain_given(x, x->ending);
		x->ending = NULL;
	} else if (e->kind == EVENT_space_end && t) {
		t->before = x->given;
	}
	x->given = (struct given){0};
}

static void signalled(struct tale *t, const struct event *e)
{
	t->signal = e->signal.number;
	t->signal_sender = e->signal.sender;
	t->signal_addr = e->signal.addr;
}

static void close_tale(struct explain *x, struct tale *t, struct process *p, uint64_t time)
{
	t->closed = true;
	t->over = time;
	if (!p)
		return;
	t->tally = p->tally;
	t->instructions = p->retired - p->system;
	if (p->space && !t->skipped)
		explain_shared(x, t, p, time);
}

static void exited(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	if (!t->closed)
		close_tale(x, t, p, e->time);
	if (t->skipped)
		return;
	explain_death(x, t, p, e);
	explain_exit(x, t, p, e);
}

static void executed(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	if (t->skipped)
		return;
	t->making = 0;
	explain_exec(x, t, p, e);
	snprintf(t->name, sizeof(t->name), "%s", process_name(p));
	t->executed = true;
	t->ran = t->told_heap = t->told_map = false;
	memset(t->told, 0, sizeof(t->told));
	look_for_like(x, t);
}

static void child_begins(struct explain *x, const struct event *e)
{
	struct tale *child = tale_find(x, (int32_t)e->space_fork.child);
	if (!child)
		return;
	child->making = 0;
	if (!child->skipped)
		explain_begin(x, child, e);
}

/* Does p run in the space of its parent, and was that not told yet? */
static bool borrows(const struct tale *t, const struct process *p)
{
	return !t->begun && !t->executed && t->parent && p && p->space && p->vforked && p->parent->space == p->space;
}

/* Events of a process. */
static void happened(struct explain *x, struct tale *t, struct process *p, const struct event *e)
{
	bool tells = !t->skipped && !t->closed;
	if (tells && (e->kind == EVENT_fault || e->kind == EVENT_syscall_enter) && borrows(t, p))
		explain_borrow(x, t, e);
	switch (e->kind) {
	case EVENT_fault:
		if (tells && cause_class(e->fault.cause) == CLASS_fatal)
			explain_fatal(x, t, p, e);
		else if (tells)
			explain_fault(x, t, p, e);
		t->tables_taken = 0;
		t->unshared = false;
		break;
	case EVENT_table_unshare:
		t->unshared = true;
		t->unshared_frame = e->table_unshare.frame;
		break;
	case EVENT_region_map:
		if (tells && p)
			explain_map(x, t, p, e);
		break;
	case EVENT_space_new: t->making = e->space_new.space; break;
	case EVENT_space_end: t->making = t->making == e->space_end.space ? 0 : t->making; break;
	case EVENT_region_unmap: note_unmapped(t, e); break;
	case EVENT_space_fork:
		if (tells && p)
			explain_fork(x, t, p, e);
		child_begins(x, e);
		break;
	case EVENT_thread_new:
		if (tells)
			explain_thread(x, t, e);
		break;
	case EVENT_process_exec:
		if (p)
			executed(x, t, p, e);
		break;
	case EVENT_syscall_enter:
		if (tells)
			explain_enter(x, t, p, e);
		break;
	case EVENT_syscall_exit:
		if (tells)
			explain_return(x, t, p, e);
		break;
	case EVENT_signal: signalled(t, e); break;
	case EVENT_process_exit: exited(x, t, p, e); break;
	default: break;
	}
}

static void forked(struct explain *x, struct tale *t, const struct event *e)
{
	const struct tale *parent = tale_find(x, t->parent);
	if (!parent)
		return;
	snprintf(t->name, sizeof(t->name), "%s", parent->name);
	t->program = parent->program;
	t->loader = parent->loader;
	t->ran = true;
	if (!t->skipped)
		look_for_like(x, t);
}

static void explain_seen(struct session *s, const struct event *e)
{
	struct explain *x = s->ctx;
	x->session = s;
	if (e->kind == EVENT_frame_free) {
		x->given.frames[e->frame_free.kind]++;
		return;
	}
	if (e->kind == EVENT_page_leave) {
		keys_forget(&x->pages, e->page_leave.key);
		return;
	}
	struct tale *t = tale_find(x, e->pid);
	if (e->kind == EVENT_frame_take) {
		struct process *now =
		    s->kernel && s->kernel->current ? s->kernel->current->process : NULL;
		struct tale *taker = now ? tale_find(x, now->pid) : NULL;
		if (taker && e->frame_take.kind == FRAME_TABLE)
			taker->tables_taken++;
		return;
	}
	given_to(x, t, e);
	if (e->kind == EVENT_process_new) {
		t = tale_begin(x, e->pid, (int32_t)e->process_new.parent, e->time);
		x->failed |= !t;
		if (t)
			forked(x, t, e);
		return;
	}
	if (e->kind == EVENT_sentence && t) {
		text_finish(&t->sentence);
		text_add(&t->sentence, "%s", e->sentence.text);
	}
	struct process *p = e->pid && s->kernel ? process_find(s->kernel, e->pid) : NULL;
	if (t)
		happened(x, t, p, e);
	if (e->kind == EVENT_fault)
		note_pages(x, e);
}

/* The run is over for p, but p is not: --for, --at, Ctrl-C. */
static void explain_look(struct session *s, struct process *p)
{
	struct explain *x = s->ctx;
	struct tale *t = tale_find(x, p->pid);
	if (!t || t->ended || t->closed)
		return;
	close_tale(x, t, p, kernel_now(s->kernel));
}

/* --- printed --------------------------------------------------------------------------------- */

static void add_faults(const struct tale *t, struct text *to)
{
	uint64_t faults = t->tally.event[EVENT_fault];
	const char *between = ": ";
	text_add_count(to, faults);
	text_add(to, " page fault%s", plural(faults));
	for (;;) {
		/* Most frequent first. */
		enum cause most = CAUSE_none;
		for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
			if (t->tally.cause[c] < faults + 1 &&
			    t->tally.cause[c] > t->tally.cause[most])
				most = c;
		if (most == CAUSE_none)
			return;
		text_add(to, "%s%s ", between, cause_text(most));
		text_add_count(to, t->tally.cause[most]);
		between = ", ";
		((struct tale *)(uintptr_t)t)->tally.cause[most] = 0;
	}
}

static void add_end(const struct tale *t, struct text *to)
{
	if (!t->ended)
		text_add(to, "still running");
	else if (WIFSIGNALED(t->status))
		text_add(to, "killed by SIG%s",
			 sigabbrev_np(WTERMSIG(t->status)) ? sigabbrev_np(WTERMSIG(t->status))
							   : "RT");
	else
		text_add(to, "ended with status %d", WEXITSTATUS(t->status));
}

static void add_sums(struct tale *t, struct text *to)
{
	uint64_t calls = t->tally.event[EVENT_syscall_enter];
	add_faults(t, to);
	text_add(to, "; ");
	text_add_count(to, calls);
	text_add(to, " system call%s; ", plural(calls));
	text_add_count(to, t->instructions);
	text_add(to, " instruction%s; ", plural(t->instructions));
	add_end(t, to);
	text_add(to, " after ");
	text_add_time(to, t->over - t->started);
}

/* Of a tale that says what another did, only what is its own. */
static bool step_shown(const struct tale *t, const struct step *s)
{
	return !t->like || strcmp(s->kind, "death") == 0 ||
	       (strcmp(s->kind, "shared") == 0 && !t->parent);
}

static void print_tale(FILE *f, struct tale *t, unsigned number)
{
	struct text sums = TEXT, title = TEXT;
	text_add(&title, "%s (pid %d%s", t->name, t->pid, t->parent ? ", a child of pid " : "");
	if (t->parent)
		text_add(&title, "%d", t->parent);
	text_add(&title, ")%s", t->like ? "" : ", step by step");
	if (t->like)
		text_add(&title, ": as pid %d", t->like);
	fprintf(f, "%s%s\n", number ? "\n" : "", text_str(&title));
	unsigned n = 0;
	for (unsigned i = 0; i < t->steps; i++)
		if (step_shown(t, t->step[i]))
			step_print(f, t->step[i], ++n);
	text_add(&sums, "In all: ");
	add_sums(t, &sums);
	text_add(&sums, ".");
	if (n)
		fputc('\n', f);
	explain_wrap(f, text_str(&sums), 4);
	text_finish(&sums);
	text_finish(&title);
}

static json_t *json_tale(struct tale *t)
{
	json_t *steps = json_array();
	struct text sums = TEXT, end = TEXT;
	for (unsigned i = 0; i < t->steps; i++)
		json_array_append_new(steps, step_json(t->step[i]));
	add_sums(t, &sums);
	add_end(t, &end);
	json_t *j =
	    json_pack("{s:i, s:i, s:o, s:i, s:o, s:o, s:s, s:s}", "pid", t->pid, "parent",
		      t->parent, "name", json_text(t->name), "like", t->like, "steps", steps, "end",
		      json_text(text_str(&end)), "sums", text_str(&sums), "ends",
		      t->ended ? WIFSIGNALED(t->status) ? "signal" : "exit" : "running");
	text_finish(&sums);
	text_finish(&end);
	return j;
}

static void print_all(struct session *s, struct explain *x)
{
	json_t *all = s->o->json ? json_array() : NULL;
	unsigned told = 0, lines = 0, more = 0;
	for (unsigned i = 0; i < x->tales; i++) {
		struct tale *t = x->tale[i];
		if (t->skipped)
			continue;
		if (all)
			json_array_append_new(all, json_tale(t));
		else if (t->like && lines++ >= (WIFSIGNALED(t->status) ? DEATHS_MAX : LINES_MAX))
			more++;
		else
			print_tale(s->out, t, told++);
	}
	if (more)
		fprintf(s->out, "\nAnd %u more process%s such as these; --all tells of each.\n",
			more, more == 1 ? "" : "es");
	if (all)
		json_print(s->out, json_pack("{s:i, s:o}", "schema", 1, "processes", all));
	if (!told && !all && s->o->pid_given)
		say("--pid %d: there was no process of that number", s->o->pid);
}

static int explain_end(struct session *s, int status)
{
	struct explain *x = s->ctx;
	if (x->ending)
		explain_given(x, x->ending);
	print_all(s, x);
	if (x->failed)
		say("no memory to keep what happened: what is told is not whole");
	return status;
}

int verb_explain(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .seen = explain_seen, .look = explain_look, .end = explain_end, .ctrl_c_ends = true};
	struct options o;
	struct explain x = {0};
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	sparse_init(&x.by_pid, &alloc_libc);
	if (r < 0) {
		if (!o.pid_given)
			o.pid = PID_ALL;
		x.all = o.all || o.verbose;
		r = session_main(&o, &hooks, &x, argv + at);
	}
	for (unsigned i = 0; i < x.tales; i++)
		tale_finish(x.tale[i]);
	free(x.tale);
	sparse_finish(&x.by_pid);
	keys_finish(&x.pages);
	options_finish(&o);
	return r;
}
