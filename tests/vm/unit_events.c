/* SPDX-License-Identifier: MIT */
/* What the paging system tells is the whole truth: free frames, resident pages and counters are the
 * fold of the events, whatever happened. */
#include "unit.h"

enum { PIDS = 8, SLOTS = 12, SLOT_PAGES = 96, P = PAGE_SIZE, RW = PROT_R | PROT_W };

struct fold {
	int64_t free, resident[PIDS];
	struct tally tally[PIDS];
	uint64_t last_time;
	bool in_order;
};

static void fold_event(void *ctx, const struct event *e)
{
	struct fold *f = ctx;
	f->in_order &= e->time >= f->last_time;
	f->last_time = e->time;
	f->tally[0].event[e->kind]++;
	switch (e->kind) {
	case EVENT_frame_take: f->free--; break;
	case EVENT_frame_free: f->free++; break;
	case EVENT_fault:
		f->resident[e->pid] += e->fault.resident;
		f->tally[0].cause[e->fault.cause]++;
		f->tally[e->pid].cause[e->fault.cause]++;
		f->tally[0].by[e->fault.by]++;
		f->tally[e->pid].by[e->fault.by]++;
		break;
	case EVENT_page_unmap: f->resident[e->pid] += e->page_unmap.resident; break;
	case EVENT_region_unmap: f->resident[e->pid] += e->region_unmap.resident; break;
	case EVENT_region_drop: f->resident[e->pid] += e->region_drop.resident; break;
	case EVENT_region_move: f->resident[e->pid] += e->region_move.resident; break;
	case EVENT_space_fork: f->resident[e->space_fork.child] += e->space_fork.resident; break;
	case EVENT_space_end: f->resident[e->pid] += e->space_end.resident; break;
	default: break;
	}
}

static void fold_compare(const struct fold *f, struct lab *l)
{
	bool lives[PIDS] = {false};
	CHECK_EQ(f->free, l->mm->pool.free);
	for (struct space *s = l->mm->spaces; s; s = s->next) {
		lives[s->pid] = true;
		CHECK_EQ(f->resident[s->pid], lab_resident(s));
	}
	for (unsigned i = 0; i < PIDS; i++)
		CHECK(lives[i] || f->resident[i] == 0);
	CHECK(f->in_order);
}

static struct space *space_of(struct lab *l, int32_t pid)
{
	struct space *s = l->mm->spaces;
	while (s && s->pid != pid)
		s = s->next;
	return s;
}

/* One random step of a random process. Slot i of each space lies at a place of its own. */
static void step(struct lab *l, struct object *file, struct object *shared, uint64_t x)
{
	int32_t pid = 1 + x % 4, other = 1 + (x >> 4) % 4;
	struct space *s = space_of(l, pid);
	uint64_t slot = (x >> 8) % SLOTS, page = (x >> 16) % SLOT_PAGES, n = 1 + (x >> 24) % 40;
	uint64_t base = (UINT64_C(1) << 30) + slot * SLOT_PAGES * P, va = base + page * P, start;
	struct map_request m = {
	    .start = va, .length = n * P, .prot = RW, .prot_max = PROT_ALL, .map_flags = MAP_AT};
	if (!s) {
		space_create(l->mm, pid, &l->tally[pid], &lab_layout, &s);
		return;
	}
	switch ((x >> 32) % 24) {
	case 0: space_map(s, &m, &start); break;
	case 1:
		m.object = x >> 60 & 1 ? file : shared;
		m.region_flags = x >> 61 & 1 ? REGION_SHARED : 0;
		space_map(s, &m, &start);
		break;
	case 2: space_unmap(s, va, n * P); break;
	case 3: space_protect(s, va, n * P, x >> 60 & 3); break;
	case 4: space_remap(s, va, n * P, n * P + (x >> 60) * P, 1, 0, &start); break;
	case 5: {
		uint64_t to = (UINT64_C(1) << 30) + ((x >> 40) % (SLOTS * SLOT_PAGES)) * P;
		space_remap(s, va, n * P, n * P, 3, to, &start);
		break;
	}
	case 6: space_advise(s, va, n * P, x >> 60 & 1 ? 4 : 10 + (int)(x >> 61) % 2); break;
	case 7: space_advise(s, va, n * P, x >> 60 & 1 ? 18 : 19); break;
	case 8:
		if (!space_of(l, other)) {
			struct space *child;
			if (space_fork(s, other, &l->tally[other], &child) == 0)
				CHECK(child->pid == other);
		}
		break;
	case 9:
		if (x >> 60 < 4)
			space_destroy(s);
		break;
	case 10: space_sync(s, va, n * P, 4); break;
	case 11: space_lock(s, va, n * P, x >> 60 & 1 ? REGION_LOCKED : 0); break;
	case 12:
		object_resize(l->mm, x >> 60 & 1 ? file : shared,
			      (1 + (x >> 40) % FILE_PAGES) * P - (x >> 50) % P);
		break;
	case 13: space_populate(s, va, n * P, x >> 60 & 1 ? REGION_LOCKED : 0); break;
	default:
		for (uint64_t i = 0; i < n; i++) {
			if (x >> 60 & 1)
				lab_store(s, va + i * P, (uint8_t)x);
			else
				lab_read(s, va + i * P);
		}
	}
}

static void random_walk(enum world_kind kind, uint32_t frames, uint64_t seed, unsigned steps)
{
	static struct lab_file f;
	struct lab l = {.turn = 1};
	lab_begin(&l, kind, frames);
	struct object *file = lab_file(&l, &f), *shared = lab_shared(&l, FILE_PAGES);
	struct fold fold = {.free = l.mm->pool.free, .in_order = true};
	fold.tally[0] = l.w.events.total;
	l.w.events.seen = fold_event;
	l.w.events.ctx = &fold;
	l.w.events.observed = true;
	for (unsigned i = 0; i < steps; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		step(&l, file, shared, seed ^ seed >> 29);
		lab_verify(&l);
		fold_compare(&fold, &l);
	}
	while (l.mm->spaces)
		space_destroy(l.mm->spaces);
	object_put(l.mm, file);
	object_put(l.mm, shared);
	fold_compare(&fold, &l);
	for (unsigned k = 0; k < EVENTS; k++)
		CHECK_EQ(fold.tally[0].event[k], l.w.events.total.event[k]);
	for (unsigned k = 0; k < AGENTS; k++) {
		CHECK_EQ(fold.tally[0].by[k], l.w.events.total.by[k]);
		for (unsigned p = 1; p < PIDS; p++)
			CHECK_EQ(fold.tally[p].by[k], l.tally[p].by[k]);
	}
	for (unsigned k = 0; k < CAUSES; k++) {
		CHECK_EQ(fold.tally[0].cause[k], l.w.events.total.cause[k]);
		for (unsigned p = 1; p < PIDS; p++)
			CHECK_EQ(fold.tally[p].cause[k], l.tally[p].cause[k]);
	}
	lab_end(&l);
}

TEST(the_log_adds_up_whatever_happened)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		random_walk(WORLD_SOFT, 600, seed, 600);
}

TEST(the_log_adds_up_over_page_tables)
{
	for (uint64_t seed = 11; seed <= 14; seed++)
		random_walk(WORLD_SV48, 600, seed, 600);
}

TEST(the_log_adds_up_when_memory_is_short)
{
	for (uint64_t seed = 21; seed <= 26; seed++)
		random_walk(seed % 2 ? WORLD_SOFT : WORLD_SV39, 60, seed, 600);
}

TEST(each_cause_has_a_name_a_sentence_and_a_class)
{
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++) {
		CHECK(cause_text(c)[0]);
		CHECK(strlen(cause_sentence(c)) > 10);
	}
	struct tally t = {
	    .cause[CAUSE_zero_fill] = 2, .cause[CAUSE_file_read] = 3, .cause[CAUSE_bus_io] = 4};
	CHECK_EQ(tally_minor(&t), 2);
	CHECK_EQ(tally_major(&t), 3);
}

TEST_MAIN
