/* SPDX-License-Identifier: MIT */
/* story.c - the life of one page: a fold of the run's events by key
 *
 * What happened to pages is kept while the program runs. When the page is known (the process is
 * looked at, and the word that names the page means something in it), the past is read backwards,
 * to where the page came from:
 *
 *	this space <- moved from there <- fork of that space <- ...	one stretch each
 *
 * and then told forwards, stretch by stretch. Within one, an event belongs to the story if it
 * concerns the address in this process, or the key that the page has at that moment in any.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/symbol.h"
#include "cli/verb.h"
#include "observe/event_text.h"

/* Events [from, to) are those of pid at va. */
struct stretch {
	int32_t pid;
	uint64_t va, space;
	size_t from, to;
};

/* A page whose story is told. */
struct page {
	int32_t pid;
	uint64_t va;
	size_t seen; /* events until it was looked at */
	bool alone;  /* fork leaves it out: MADV_DONTFORK or MADV_WIPEONFORK */
	char title[512];
};

struct story {
	const char *word;
	size_t events, room, most; /* most: 0, as many as there are */
	struct event *event;
	unsigned pages;
	struct page *page;
	bool failed;
};

/* The telling: where it is, and what the page is there. */
struct teller {
	const struct page *page;
	const struct stretch *at;
	uint64_t key;
	uint32_t frame;
	bool shared; /* the region is: writes are for all */
	bool mapped; /* there is a region */
	struct text *text;
	json_t *json;
};

/* --- what is kept ---------------------------------------------------------------------------- */

static bool tells_of_pages(enum event_kind kind)
{
	switch (kind) {
	case EVENT_fault:
	case EVENT_evict:
	case EVENT_page_unmap:
	case EVENT_page_write:
	case EVENT_swap_out:
	case EVENT_swap_in:
	case EVENT_page_leave:
	case EVENT_space_new:
	case EVENT_space_fork:
	case EVENT_space_end:
	case EVENT_region_map:
	case EVENT_region_unmap:
	case EVENT_region_drop:
	case EVENT_region_move:
	case EVENT_region_protect:
	case EVENT_process_exit: return true;
	default: return false;
	}
}

void story_keep(struct story *st, const struct event *e)
{
	if (!tells_of_pages(e->kind))
		return;
	if (st->most && st->events == st->most) {
		st->events /= 2;
		memmove(st->event, st->event + (st->most - st->events), st->events * sizeof(*st->event));
	}
	if (st->events == st->room) {
		size_t room = st->room ? 2 * st->room : 1024;
		struct event *more = realloc(st->event, room * sizeof(*more));
		st->failed = st->failed || !more;
		if (!more)
			return;
		st->event = more;
		st->room = room;
	}
	st->event[st->events++] = *e;
}

static void story_seen(struct session *s, const struct event *e)
{
	story_keep(s->ctx, e);
}

static void page_title(struct kernel *k, struct symbol_cache *symbols, struct process *p, struct page *page)
{
	struct region_lines lines;
	char symbol[128], what[128];
	bool named = symbol_text(symbols, p, page->va, symbol, sizeof(symbol));
	int n =
	    snprintf(page->title, sizeof(page->title), "0x%" PRIx64 " in %s (pid %d)%s%s", page->va,
		     process_name(p), p->pid, named ? " is " : "", named ? symbol : "");
	if (region_lines_read(k, p, &lines) < 0)
		return;
	const struct region_line *l = region_lines_at(&lines, page->va);
	if (l)
		region_describe(l, what, sizeof(what));
	snprintf(page->title + n, sizeof(page->title) - (size_t)n, ", in %s%s%s%s",
		 l ? what : "no region", l ? " (" : "", l ? l->perms : "", l ? ")" : "");
	region_lines_finish(&lines);
}

/* The page that word names in p now. False: it names none. */
static bool page_find(const struct story *st, struct kernel *k, struct symbol_cache *symbols, struct process *p,
		      const char *word, struct page *ret_page)
{
	struct page page = {.pid = p->pid, .seen = st->events};
	if (!symbol_address(symbols, p, word, &page.va))
		return false;
	const struct region *r = regions_find(&p->space->regions, page.va);
	page.alone = r && (r->flags & (REGION_DONTFORK | REGION_WIPEONFORK));
	page_title(k, symbols, p, &page);
	page.va &= ~(uint64_t)(PAGE_SIZE - 1);
	*ret_page = page;
	return true;
}

static void story_look(struct session *s, struct process *p)
{
	struct story *st = s->ctx;
	struct page page;
	if (!page_find(st, s->kernel, s->symbols, p, st->word, &page)) {
		say("%s: %s (pid %d) has no symbol, region or file of that name; carrel maps shows "
		    "what it has",
		    st->word, process_name(p), p->pid);
		return;
	}
	struct page *more = realloc(st->page, (st->pages + 1) * sizeof(*more));
	st->failed = st->failed || !more;
	if (!more)
		return;
	st->page = more;
	st->page[st->pages++] = page;
}

/* --- backwards: where the page came from ----------------------------------------------------- */

static bool covers(uint64_t start, uint64_t end, uint64_t va)
{
	return va >= start && va < end;
}

/* Fills in the stretches, last one first; returns how many, at most max. */
static unsigned stretches_find(const struct story *st, const struct page *page,
			       struct stretch *ret_stretch, unsigned max)
{
	struct stretch now = {.pid = page->pid, .va = page->va, .to = st->events};
	unsigned n = 0;
	for (size_t i = page->seen; i-- > 0;) {
		const struct event *e = &st->event[i];
		struct stretch before = {.pid = now.pid, .va = now.va, .to = i + 1};
		if (e->kind == EVENT_space_fork && e->space_fork.child == now.pid) {
			before.pid = e->pid;
		} else if (e->kind == EVENT_region_move && e->pid == now.pid &&
			   covers(e->region_move.to,
				  e->region_move.to + (e->region_move.end - e->region_move.start),
				  now.va)) {
			before.va = now.va - e->region_move.to + e->region_move.start;
		} else if (e->kind == EVENT_space_new && e->pid == now.pid) {
			break; /* before it there was another program, or none */
		} else {
			continue;
		}
		now.from = i + 1;
		if (n < max - 1)
			ret_stretch[n++] = now;
		now = before;
	}
	ret_stretch[n++] = now;
	return n;
}

/* The first event of the space that pid has before event "to". */
static size_t space_begins(const struct story *st, const struct stretch *s)
{
	for (size_t i = s->to; i-- > 0;)
		if (st->event[i].kind == EVENT_space_new && st->event[i].pid == s->pid &&
		    i <= s->from)
			return i;
	return 0;
}

/* --- forwards: what happened ----------------------------------------------------------------- */

static void prot_text(uint64_t prot, char ret_text[4])
{
	for (unsigned i = 0; i < 3; i++)
		ret_text[i] = prot >> i & 1 ? "rwx"[i] : '-';
	ret_text[3] = 0;
}

/* "pid 2", and "thread 4 of pid 2" where it is not its first. */
static void add_who(struct text *to, const struct event *e)
{
	if (e->tid != e->pid)
		text_add(to, "thread %d of ", e->tid);
	text_add(to, "pid %d", e->pid);
}

static void tell_fault(struct teller *t, const struct event *e, struct text *to)
{
	static const char *const does[] = {"reads", "writes", "executes"};
	const struct event_fault *f = &e->fault;
	bool here = e->pid == t->at->pid && (f->addr & ~(uint64_t)(PAGE_SIZE - 1)) == t->at->va;
	if (f->by == BY_KERNEL)
		text_add(to, "the kernel %s it for ", does[f->access]);
	else if (f->by == BY_AHEAD)
		text_add(to, "it is brought in for ");
	add_who(to, e);
	if (f->by == BY_AHEAD)
		text_add(to, " before it is touched");
	else if (f->by == BY_PROGRAM)
		text_add(to, " %s it (pc 0x%" PRIx64 ")", does[f->access], f->pc);
	text_add(to, ": %s, %s", cause_text(f->cause), cause_sentence(f->cause));
	if (cause_class(f->cause) == CLASS_fatal)
		return;
	if (!here && f->from && f->from == t->key) {
		text_add(to, "; the copy is in frame %" PRIu32 ", this page stays as it is",
			 f->frame);
		return;
	}
	text_add(to, "; frame %" PRIu32, f->frame);
	if (here) {
		t->key = f->key;
		t->frame = f->frame;
		t->mapped = true;
	}
}

static void tell_fork(const struct teller *t, const struct event *e, struct text *to)
{
	long long child = (long long)e->space_fork.child;
	add_who(to, e);
	text_add(to, " forks: ");
	if (t->page->alone)
		text_add(to, "pid %lld does not get this page", child);
	else if (t->shared)
		text_add(to, "pid %lld has it too, and each sees what the other writes", child);
	else if (!t->key)
		text_add(to, "there is no page of its own yet, nor has pid %lld one", child);
	else if (t->key >> 63)
		text_add(to, "pid %lld may map it too; it is the page cache's", child);
	else
		text_add(to,
			 "pid %lld has it too, in the same frame; who writes to it first gets a "
			 "copy",
			 child);
}

static void tell_leave(struct teller *t, struct text *to)
{
	text_add(to, "nobody has it any more: its contents are gone");
	if (t->frame != NO_FRAME)
		text_add(to, ", frame %" PRIu32 " is free", t->frame);
	t->key = 0;
	t->frame = NO_FRAME;
}

static void tell_evict(struct teller *t, const struct event_evict *e, struct text *to)
{
	text_add(to, "evicted: frame %" PRIu32 " is wanted for another page; ", e->frame);
	if (e->slot)
		text_add(to, "%s, the contents are in slot %" PRIu64 " only",
			 e->dirty ? "it was dirty and is written"
				  : "it was clean, nothing is written",
			 e->slot);
	else if (e->file)
		text_add(to, "%s",
			 e->dirty ? "it was dirty, its file has it now"
				  : "it was clean, its file has the same");
	else
		text_add(to, "nobody wanted its contents any more");
	t->frame = NO_FRAME;
}

static void tell_swap_in(struct teller *t, const struct event_swap_in *e, struct text *to)
{
	text_add(to, "read back from slot %" PRIu64 " into frame %" PRIu32 ", in ", e->slot,
		 e->frame);
	text_add_time(to, e->took);
	t->frame = e->frame;
}

/* Events that name the page by its key. */
static void tell_key(struct teller *t, const struct event *e, struct text *to)
{
	if (!t->key)
		return;
	if (e->kind == EVENT_evict && e->evict.key == t->key)
		tell_evict(t, &e->evict, to);
	else if (e->kind == EVENT_swap_out && e->swap_out.key == t->key)
		text_add(to, "written from frame %" PRIu32 " to slot %" PRIu64, e->swap_out.frame,
			 e->swap_out.slot);
	else if (e->kind == EVENT_swap_in && e->swap_in.key == t->key)
		tell_swap_in(t, &e->swap_in, to);
	else if (e->kind == EVENT_page_write && e->page_write.key == t->key)
		text_add(to, "written to its file from frame %" PRIu32, e->page_write.frame);
	else if (e->kind == EVENT_page_leave && e->page_leave.key == t->key)
		tell_leave(t, to);
	else if (e->kind == EVENT_page_unmap && e->page_unmap.key == t->key)
		text_add(to, "leaves the page tables of pid %d", e->pid);
}

/* Events that name ranges of addresses, in this process. */
static void tell_range(struct teller *t, const struct event *e, struct text *to)
{
	char prot[4];
	uint64_t va = t->at->va;
	if (e->kind == EVENT_region_map && covers(e->region_map.start, e->region_map.end, va)) {
		prot_text(e->region_map.prot, prot);
		t->shared = e->region_map.flags & REGION_SHARED;
		t->mapped = true;
		text_add(to, "reserved: ");
		add_who(to, e);
		text_add(to, " maps 0x%" PRIx64 "-0x%" PRIx64 " (%s%c); no frame is taken",
			 e->region_map.start, e->region_map.end, prot, t->shared ? 's' : 'p');
	} else if (e->kind == EVENT_region_unmap &&
		   covers(e->region_unmap.start, e->region_unmap.end, va)) {
		add_who(to, e);
		text_add(to, " unmaps 0x%" PRIx64 "-0x%" PRIx64, e->region_unmap.start, e->region_unmap.end);
		t->mapped = false;
		t->key = 0;
	} else if (e->kind == EVENT_region_drop &&
		   covers(e->region_drop.start, e->region_drop.end, va)) {
		add_who(to, e);
		text_add(to, " drops what 0x%" PRIx64 "-0x%" PRIx64 " holds; the region stays",
			 e->region_drop.start, e->region_drop.end);
		t->key = 0;
	} else if (e->kind == EVENT_region_move &&
		   covers(e->region_move.start, e->region_move.end, va)) {
		add_who(to, e);
		text_add(to, " moves it to 0x%" PRIx64 "; its frame stays",
			 va - e->region_move.start + e->region_move.to);
	} else if (e->kind == EVENT_region_protect &&
		   covers(e->region_protect.start, e->region_protect.end, va)) {
		prot_text(e->region_protect.prot, prot);
		add_who(to, e);
		text_add(to, " protects 0x%" PRIx64 "-0x%" PRIx64 ": %s",
			 e->region_protect.start, e->region_protect.end, prot);
	}
}

static void tell(struct teller *t, const struct event *e)
{
	struct text says = TEXT;
	bool own = e->pid == t->at->pid;
	if (e->kind == EVENT_fault) {
		bool here = own && (e->fault.addr & ~(uint64_t)(PAGE_SIZE - 1)) == t->at->va;
		if (here || (t->key && (e->fault.key == t->key || e->fault.from == t->key)))
			tell_fault(t, e, &says);
	} else if (e->kind == EVENT_space_fork && own && t->mapped) {
		tell_fork(t, e, &says);
	} else if (e->kind == EVENT_process_exit && own && t->mapped) {
		text_add(&says, "pid %d ends%s", e->pid,
			 t->key >> 63 ? "; the page is the page cache's" : "");
	} else if (own) {
		tell_range(t, e, &says);
	}
	if (!says.size)
		tell_key(t, e, &says);
	if (says.size && t->json) {
		struct text event = TEXT;
		event_add_json(&event, e);
		json_t *j = json_loads(text_str(&event), 0, NULL);
		json_array_append_new(t->json, json_pack("{s:o, s:o}", "event", j ? j : json_null(),
							 "says", json_text(text_str(&says))));
		text_finish(&event);
	} else if (says.size) {
		text_add(t->text, "%14.9f s  %s\n", (double)e->time / 1e9, text_str(&says));
	}
	t->text->failed |= text_failed(&says);
	text_finish(&says);
}

/* --- the verb -------------------------------------------------------------------------------- */

static void story_tell(const struct story *st, const struct page *page, struct text *t,
		       json_t *json)
{
	enum { STRETCHES = 64 };
	struct stretch stretch[STRETCHES];
	struct teller teller = {.page = page, .frame = NO_FRAME, .text = t, .json = json};
	unsigned n = stretches_find(st, page, stretch, STRETCHES);
	stretch[n - 1].from = space_begins(st, &stretch[n - 1]);
	while (n-- > 0) {
		teller.at = &stretch[n];
		for (size_t i = stretch[n].from; i < stretch[n].to; i++)
			tell(&teller, &st->event[i]);
	}
}

struct story *story_create(size_t most)
{
	struct story *st = calloc(1, sizeof(*st));
	if (st)
		st->most = most;
	return st;
}

void story_destroy(struct story *st)
{
	if (!st)
		return;
	free(st->event);
	free(st->page);
	free(st);
}

void story_text(struct story *st, struct kernel *k, struct symbol_cache *symbols, struct process *p, const char *word,
		struct text *ret_text)
{
	struct page page;
	struct text t = TEXT;
	if (!page_find(st, k, symbols, p, word, &page)) {
		text_add(ret_text, "%s: no symbol, region or file of that name\n", word);
		return;
	}
	story_tell(st, &page, &t, NULL);
	text_add(ret_text, "%s\n%s", page.title, t.size ? text_str(&t) : "  nothing ever happened there\n");
	if (st->failed || text_failed(&t))
		text_add(ret_text, "no memory to keep what happened: the story is not whole\n");
	text_finish(&t);
}

static int by_pid(const void *a, const void *b)
{
	const struct page *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int story_end(struct session *s, int status)
{
	struct story *st = s->ctx;
	json_t *all = json_array();
	if (st->pages)
		qsort(st->page, st->pages, sizeof(*st->page), by_pid);
	for (unsigned i = 0; i < st->pages; i++) {
		struct text t = TEXT;
		json_t *events = s->o->json ? json_array() : NULL;
		story_tell(st, &st->page[i], &t, events);
		if (events)
			json_array_append_new(
			    all, json_pack("{s:i, s:o, s:o, s:o}", "pid", st->page[i].pid,
					   "address", json_hex(st->page[i].va), "title",
					   json_text(st->page[i].title), "story", events));
		else
			fprintf(s->out, "%s%s\n%s", i ? "\n" : "", st->page[i].title,
				t.size ? text_str(&t) : "  nothing ever happened there\n");
		st->failed |= text_failed(&t);
		text_finish(&t);
	}
	if (s->o->json)
		json_print(s->out, json_pack("{s:i, s:O}", "schema", 1, "stories", all));
	json_decref(all);
	if (st->failed)
		say("no memory to keep what happened: the story is not whole");
	free(st->event);
	free(st->page);
	return st->pages ? status : STATUS_CARREL << 8;
}

int verb_story(int argc, char **argv)
{
	static const struct session_hooks hooks = {
	    .seen = story_seen, .look = story_look, .end = story_end, .ctrl_c_ends = true};
	struct options o;
	struct story st = {0};
	int at = 0, r = session_options(&o, argc, argv, &st.word, &at);
	if (r < 0)
		r = session_main(&o, &hooks, &st, argv + at);
	options_finish(&o);
	return r;
}
