/* SPDX-License-Identifier: MIT */
/* pressure.c - when memory is short: who dies of it, and what is said
 *
 * Out of memory: no frame is free, and nothing can be evicted: without swap, or with it full, what
 * programs made has nowhere to go. One process is killed, the one with the most points, and of
 * several the one with the lowest pid:
 *
 *	resident pages + pages in swap + page tables + oom_score_adj * (RAM + swap) / 1000
 *
 * as on Linux; an oom_score_adj of -1000 exempts. The sentence says how much would have been
 * enough: what all programs asked for, as far as a store can come to it, beyond RAM and swap.
 */
#include <signal.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

static uint64_t space_held(struct space *s)
{
	struct pmap_stats st;
	s->mm->pmap->stats(s->pmap, &st);
	return pmap_resident(s->pmap) + st.tables + space_swapped(s);
}

static int64_t badness(const struct process *p)
{
	if (!p->space || p->exiting || p->oom_score_adj == -1000)
		return INT64_MIN;
	const struct mm *mm = p->space->mm;
	return (int64_t)space_held(p->space) +
	       (int64_t)p->oom_score_adj * (int64_t)(mm->frames + swap_slots(mm)) / 1000;
}

/* KiB, or MiB of what is large. */
static void add_size(struct text *s, uint64_t pages)
{
	uint64_t kib = pages * (PAGE_SIZE / 1024);
	if (kib < 10240)
		text_add(s, "%llu KiB", (unsigned long long)kib);
	else
		text_add(s, "%llu MiB", (unsigned long long)(kib + 512) / 1024);
}

static void say(struct kernel *k, struct text *s)
{
	if (!text_failed(s))
		kernel_say(k, "%s", text_str(s));
	text_finish(s);
}

/* Pages that programs may store to, all in all. */
static uint64_t pages_asked_for(struct kernel *k)
{
	uint64_t pages = 0;
	for (struct process *p = process_first(k); p; p = process_next(p))
		if (p->space)
			pages += p->space->pages_data + p->space->pages_stack;
	return pages;
}

static void oom_say(struct kernel *k, struct process *victim)
{
	const struct mm *mm = k->mm;
	uint64_t slots = swap_slots(mm), asked = pages_asked_for(k), have = mm->frames + slots;
	struct text s = TEXT;
	text_add(&s, "RAM is full (%u frames, ", mm->frames);
	add_size(&s, mm->frames);
	text_add(&s, ")");
	if (slots && mm->swap.used < slots) {
		text_add(&s, ", swap cannot be written to");
	} else if (slots) {
		text_add(&s, ", swap is full (");
		add_size(&s, slots);
		text_add(&s, ")");
	} else {
		text_add(&s, ", there is no swap");
	}
	text_add(&s, " and nothing else can be evicted; %s (pid %d), which has the most (",
		 process_task(victim)->comm, victim->pid);
	add_size(&s, space_held(victim->space));
	text_add(&s, "%s), was killed.", victim->oom_score_adj ? ", by its oom_score_adj" : "");
	uint64_t enough = asked > have ? mm->frames + (asked - have) : 2 * (uint64_t)mm->frames;
	if (asked > have) {
		text_add(&s, " About ");
		add_size(&s, asked - have);
		text_add(&s, " more would have been enough for all that is asked for: give ");
	} else {
		text_add(&s, " More would help: give ");
	}
	text_add(&s, "-m %lluM or --swap.", (unsigned long long)((enough >> 8) + 1));
	say(k, &s);
}

bool oom_kill(struct kernel *k)
{
	struct process *victim = NULL;
	int64_t most = INT64_MIN;
	for (struct process *p = process_first(k); p; p = process_next(p)) {
		int64_t b = badness(p);
		if (b > most) {
			most = b;
			victim = p;
		}
	}
	if (!victim)
		return false;
	oom_say(k, victim);
	process_exit(victim, SIGKILL);
	return true;
}

/* Those whose pages came back most, and what each would keep. */
static void add_sufferers(struct kernel *k, struct text *s)
{
	enum { NAMED = 4 };
	uint64_t below = UINT64_MAX, total = 0;
	for (struct process *p = process_first(k); p; p = process_next(p))
		total += p->space ? p->space->refaults_window : 0;
	for (unsigned n = 0; n < NAMED && total; n++) {
		struct process *most = NULL;
		for (struct process *p = process_first(k); p; p = process_next(p))
			if (p->space && p->space->refaults_window && p->space->refaults_window < below &&
			    (!most || p->space->refaults_window > most->space->refaults_window))
				most = p;
		if (!most)
			break;
		below = most->space->refaults_window;
		uint64_t lacks = (k->mm->thrash.wanted - k->mm->frames) * below / total;
		text_add(s, "%s%s (pid %d) about ", n ? ", " : ": ", process_task(most)->comm, most->pid);
		add_size(s, pmap_resident(most->space->pmap) + lacks);
	}
}

void thrash_look(struct kernel *k)
{
	const struct thrash *t = &k->mm->thrash;
	if (likely(!t->now) || k->thrash_said)
		return;
	k->thrash_said = true;
	struct text s = TEXT;
	text_add(&s, "thrashing: of the last %u pages that came in, %u had been evicted shortly before. ",
		 t->share_evictions, t->share_refaults);
	text_add(&s, "The working sets do not fit into ");
	add_size(&s, k->mm->frames);
	add_sufferers(k, &s);
	text_add(&s, "; together they take about ");
	add_size(&s, t->wanted);
	text_add(&s, ". Give more -m, or run fewer programs at once.");
	say(k, &s);
}
