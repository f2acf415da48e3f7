/* SPDX-License-Identifier: MIT */
/* swap_model.c - many pages in few frames, against arrays of bytes
 *
 * Four processes with private pages, and pages that all share, do random things in 64 frames over
 * stores in memory whose transfers take time and fail. After each operation the system is verified;
 * each byte that is read is what was last written there, or the device was told to fail.
 */
#include <errno.h>

#include "../test.h"
#include "memory_store.h"
#include "pmap_world.h"
#include "policy/policies.h"

enum { SPACES = 4, PRIVATE = 96, SHARED = 40, FRAMES = 64 };

static const uint64_t private_at = UINT64_C(0x10000000), shared_at = UINT64_C(0x20000000);

struct plan {
	enum world_kind kind;
	const struct policy_ops *policy;
	uint64_t seed;
	unsigned operations;
	uint64_t latency; /* of a transfer; 0: none */
	uint32_t slots[3]; /* of each store; 0: no such store */
	unsigned cluster, readahead, low, high;
	struct local_config local;
	struct store_faults faults; /* of the first store, again and again */
};

struct sim {
	struct plan plan;
	struct world w;
	struct mm *mm;
	struct store *store[3];
	struct object *object;
	struct space *space[SPACES];
	struct group *group[2]; /* of the even and of the odd ones */
	struct tally tally[SPACES];
	uint8_t private[SPACES][PRIVATE][PAGE_SIZE], shared[SHARED][PAGE_SIZE];
	uint64_t random, lost, killed, waits;
};

static uint64_t below(struct sim *x, uint64_t n)
{
	x->random ^= x->random << 13;
	x->random ^= x->random >> 7;
	x->random ^= x->random << 17;
	return x->random % n;
}

static uint64_t sim_ends(void *ctx, uint32_t slot, unsigned pages, bool write, uint64_t now)
{
	struct sim *x = ctx;
	return now + x->plan.latency * pages + (write ? 7 : 0);
}

static void verify(struct sim *x)
{
	char why[200] = "";
	if (!mm_verify(x->mm, why, sizeof(why)))
		FAIL("%s, seed %" PRIu64 ": %s", x->plan.policy->name, x->plan.seed, why);
}

static void wait(struct sim *x)
{
	uint64_t next = mm_next(x->mm);
	CHECK(next != UINT64_MAX);
	x->waits++;
	x->w.now = max_u64(x->w.now, next);
	mm_run(x->mm);
}

static void map(struct sim *x, unsigned i)
{
	static const struct space_layout layout = {.bottom = 65536,
						   .top = UINT64_C(1) << 38,
						   .map_top = UINT64_C(1) << 37,
						   .stack_limit = 8 << 20};
	uint64_t start;
	int error;
	while ((error = space_create(x->mm, (int32_t)i + 1, &x->tally[i], &layout, &x->space[i])) == -EAGAIN)
		wait(x);
	CHECK_EQ(error, 0);
	group_join(x->group[i % 2], x->space[i]);
	struct map_request m = {.start = private_at,
				.length = PRIVATE * PAGE_SIZE,
				.prot = PROT_R | PROT_W,
				.prot_max = PROT_ALL,
				.map_flags = MAP_AT};
	CHECK_EQ(space_map(x->space[i], &m, &start), 0);
	m.start = shared_at;
	m.length = SHARED * PAGE_SIZE;
	m.object = x->object;
	m.region_flags = REGION_SHARED;
	CHECK_EQ(space_map(x->space[i], &m, &start), 0);
	memset(x->private[i], 0, sizeof(x->private[i]));
}

static uint8_t *page_of(struct sim *x, unsigned i, uint64_t va)
{
	return va >= shared_at ? x->shared[(va - shared_at) >> PAGE_SHIFT]
			       : x->private[i][(va - private_at) >> PAGE_SHIFT];
}

/* The page cannot be had back: the program starts it anew. */
static void lose(struct sim *x, unsigned i, uint64_t va)
{
	int error = 0;
	uint64_t index = (va - shared_at) >> PAGE_SHIFT;
	CHECK(x->store[0]->failed > 0);
	x->lost++;
	memset(page_of(x, i, va), 0, PAGE_SIZE);
	if (va >= shared_at)
		object_punch(x->mm, x->object, index, index);
	else
		while ((error = space_advise(x->space[i], va, PAGE_SIZE, 4)) == -EAGAIN)
			wait(x);
	CHECK_EQ(error, 0);
}

static void kill_one(struct sim *x, unsigned but)
{
	unsigned i = (but + 1 + (unsigned)below(x, SPACES - 1)) % SPACES;
	space_destroy(x->space[i]);
	map(x, i);
	x->killed++;
}

/* The page of an access, in its frame; NULL: it was lost, and is zeros. */
static uint8_t *access_page(struct sim *x, unsigned i, uint64_t va, enum access access)
{
	struct space *s = x->space[i];
	const struct fault_request q = {.va = va, .access = access, .by = BY_PROGRAM};
	uint32_t frame;
	for (unsigned failed = 0; !x->mm->pmap->touch(s->pmap, va, access, &frame);) {
		switch (fault_handle(s, &q)) {
		case FAULT_DONE: break;
		case FAULT_WAIT: wait(x); break;
		case FAULT_NO_MEMORY: kill_one(x, i); break;
		case FAULT_BUS_IO:
			if (++failed == 3) {
				lose(x, i, va);
				return NULL;
			}
			break;
		default: FAIL("no such fault should be");
		}
	}
	mm_retired(x->mm);
	return frame_bytes(x->mm, frame);
}

static uint64_t any_page(struct sim *x)
{
	uint64_t n = below(x, PRIVATE + SHARED);
	return n < PRIVATE ? private_at + n * PAGE_SIZE : shared_at + (n - PRIVATE) * PAGE_SIZE;
}

static void do_store(struct sim *x, unsigned i)
{
	uint64_t va = any_page(x), at = below(x, PAGE_SIZE - 8), value = below(x, UINT64_MAX);
	uint8_t *bytes = access_page(x, i, va, ACCESS_WRITE);
	if (!bytes)
		return;
	memcpy(bytes + at, &value, 8);
	memcpy(page_of(x, i, va) + at, &value, 8);
}

static void do_load(struct sim *x, unsigned i)
{
	uint64_t va = any_page(x);
	uint8_t *bytes = access_page(x, i, va, ACCESS_READ);
	if (bytes && memcmp(bytes, page_of(x, i, va), PAGE_SIZE) != 0)
		FAIL("%s, seed %" PRIu64 ": other bytes came back at 0x%" PRIx64 " of process %u",
		     x->plan.policy->name, x->plan.seed, va, i);
}

static void do_peek(struct sim *x, unsigned i)
{
	uint8_t page[PAGE_SIZE];
	uint64_t va = any_page(x);
	if (x->store[0]->failed == 0) {
		CHECK(space_peek(x->space[i], va, page, PAGE_SIZE));
		CHECK(memcmp(page, page_of(x, i, va), PAGE_SIZE) == 0);
	}
}

static void do_fork(struct sim *x, unsigned i)
{
	unsigned to = (i + 1 + (unsigned)below(x, SPACES - 1)) % SPACES;
	struct space *child;
	int error;
	space_destroy(x->space[to]);
	while ((error = space_fork(x->space[i], (int32_t)to + 1, &x->tally[to], &child)) == -EAGAIN)
		wait(x);
	if (error == -ENOMEM) {
		map(x, to);
		return;
	}
	CHECK_EQ(error, 0);
	x->space[to] = child;
	group_join(x->group[to % 2], child);
	memcpy(x->private[to], x->private[i], sizeof(x->private[i]));
}

static void do_drop(struct sim *x, unsigned i)
{
	uint64_t first = below(x, PRIVATE), n = 1 + below(x, PRIVATE - first);
	int error;
	while ((error = space_advise(x->space[i], private_at + first * PAGE_SIZE, n * PAGE_SIZE, 4)) ==
	       -EAGAIN)
		wait(x);
	if (error == 0)
		memset(x->private[i][first], 0, n * PAGE_SIZE);
	else
		CHECK_EQ(error, -ENOMEM);
}

static void do_punch(struct sim *x)
{
	uint64_t first = below(x, SHARED), last = first + below(x, SHARED - first);
	object_punch(x->mm, x->object, first, last);
	memset(x->shared[first], 0, (last - first + 1) * PAGE_SIZE);
}

static void do_unmap(struct sim *x)
{
	uint32_t frame = (uint32_t)below(x, FRAMES);
	const struct frame *f = frame_at(x->mm, frame);
	if (f->state == FRAME_OWNED && (f->kind == FRAME_ANON || f->kind == FRAME_FILE))
		frame_unmap(x->mm, frame);
}

static void step(struct sim *x)
{
	unsigned i = (unsigned)below(x, SPACES), what = (unsigned)below(x, 200);
	if (x->plan.faults.read_fails && below(x, 50) == 0)
		x->store[0]->faults = x->plan.faults;
	if (what < 80)
		do_store(x, i);
	else if (what < 160)
		do_load(x, i);
	else if (what < 170)
		do_peek(x, i);
	else if (what < 174)
		do_fork(x, i);
	else if (what < 177)
		do_drop(x, i);
	else if (what < 178)
		do_punch(x);
	else if (what < 190)
		do_unmap(x);
	else
		x->w.now += below(x, 3 * x->plan.latency + 10);
	x->group[i % 2]->local.ran += below(x, 200);
	mm_run(x->mm);
	verify(x);
}

static struct sim *sim_begin(const struct plan *plan)
{
	struct sim *x = calloc(1, sizeof(*x));
	CHECK(x != NULL);
	x->plan = *plan;
	x->random = plan->seed * 2654435761u + 1;
	struct world_options o = {.policy = plan->policy,
				  .swap = {.cluster = plan->cluster, .readahead = plan->readahead},
				  .local = plan->local,
				  .low = plan->low,
				  .high = plan->high};
	world_begin_as(&x->w, plan->kind, FRAMES, &o);
	x->mm = x->w.mm;
	for (unsigned i = 0; i < array_size(plan->slots) && plan->slots[i]; i++) {
		x->store[i] = memory_store(plan->slots[i]);
		struct swap_area_config c = {.ops = &memory_ops,
					     .store = x->store[i],
					     .name = "memory",
					     .priority = i == 2 ? 1 : -(int)i};
		if (plan->latency)
			c.clock = (struct swap_clock){sim_ends, x};
		CHECK_EQ(swap_add(x->mm, &c), 0);
	}
	CHECK_EQ(object_create(x->mm, OBJECT_SHARED, SHARED * PAGE_SIZE, NULL, NULL, &x->object), 0);
	for (unsigned i = 0; i < array_size(x->group); i++)
		CHECK_EQ(group_create(x->mm, &x->group[i]), 0);
	for (unsigned i = 0; i < SPACES; i++)
		map(x, i);
	return x;
}

static void sim_end(struct sim *x)
{
	for (unsigned i = 0; i < SPACES; i++)
		space_destroy(x->space[i]);
	group_put(x->group[0]);
	object_put(x->mm, x->object);
	group_put(x->group[1]);
	mm_retired(x->mm);
	swap_drain(x->mm);
	CHECK_EQ(x->mm->swap.used, 0);
	CHECK_EQ(x->mm->pool.free, x->mm->frames - 1);
	world_end(&x->w);
	CHECK_EQ(x->w.bytes, 0);
	free(x);
}

static void simulate(const struct plan *plan)
{
	struct sim *x = sim_begin(plan);
	for (unsigned n = 0; n < plan->operations; n++)
		step(x);
	printf("# %s, %s, seed %" PRIu64 ": %u operations, %" PRIu64 " out, %" PRIu64 " in, %" PRIu64
	       " evictions, %" PRIu64 " waits, %" PRIu64 " killed, %" PRIu64 " lost\n",
	       plan->policy->name, world_name[plan->kind], plan->seed, plan->operations,
	       x->w.events.total.event[EVENT_swap_out], x->w.events.total.event[EVENT_swap_in],
	       x->w.events.total.event[EVENT_evict], x->waits, x->killed, x->lost);
	CHECK(x->w.events.total.event[EVENT_swap_in] > plan->operations / 20);
	sim_end(x);
}

static unsigned operations(unsigned quick)
{
	return getenv("CARREL_LONG") ? 50 * quick : quick;
}

TEST(four_processes_in_64_frames_read_what_they_wrote_under_every_policy)
{
	for (unsigned p = 0; policies[p]; p++)
		simulate(&(struct plan){.kind = WORLD_SOFT,
					.policy = policies[p],
					.seed = 1,
					.operations = operations(2000),
					.latency = 100,
					.slots = {1000}});
}

TEST(so_they_do_over_page_tables_that_lie_in_the_same_frames)
{
	for (enum world_kind k = WORLD_SV39; k < WORLD_KINDS; k++)
		simulate(&(struct plan){.kind = k,
					.policy = &policy_fifo,
					.seed = k,
					.operations = operations(2000),
					.latency = 1000,
					.slots = {1000}});
}

TEST(and_with_a_device_that_takes_no_time)
{
	simulate(&(struct plan){.kind = WORLD_SV48,
				.policy = &policy_fifo,
				.seed = 5,
				.operations = operations(2000),
				.slots = {1000}});
}

TEST(several_stores_are_filled_and_none_loses_a_page_when_all_are_too_small)
{
	simulate(&(struct plan){.kind = WORLD_SV48,
				.policy = &policy_fifo,
				.seed = 6,
				.operations = operations(3000),
				.latency = 50,
				.slots = {90, 60, 70}});
}

TEST(clusters_readahead_and_a_background_cleaner_change_no_byte)
{
	simulate(&(struct plan){.kind = WORLD_SV48,
				.policy = &policy_fifo,
				.seed = 7,
				.operations = operations(3000),
				.latency = 50,
				.slots = {1000},
				.cluster = 8,
				.readahead = 8,
				.low = 4,
				.high = 12});
}

TEST(groups_that_evict_only_their_own_lose_nothing_by_it)
{
	static const struct local_config local[] = {
	    {LOCAL_FIXED, 0}, {LOCAL_PFF, 100}, {LOCAL_WS, 2000}};
	for (unsigned i = 0; i < array_size(local); i++)
		simulate(&(struct plan){.kind = i % 2 ? WORLD_SOFT : WORLD_SV48,
					.policy = policies[i],
					.seed = 20 + i,
					.operations = operations(2000),
					.latency = 100,
					.slots = {1000},
					.local = local[i]});
}

TEST(a_device_that_fails_harms_only_who_needs_what_it_lost)
{
	static const struct store_faults faults[] = {
	    {.read_fails = 3, .write_fails = 2},
	    {.read_fails = 1000, .read_garbles = 2, .write_fails = 5},
	    {.read_fails = 5, .write_garbles = 9},
	    {.read_fails = 1000, .write_full = 3},
	};
	for (unsigned i = 0; i < array_size(faults); i++)
		for (unsigned latency = 0; latency < 200; latency += 100)
			simulate(&(struct plan){.kind = i % 2 ? WORLD_SV48 : WORLD_SOFT,
						.policy = &policy_fifo,
						.seed = 10 + i,
						.operations = operations(2000),
						.latency = latency,
						.slots = {600, 200},
						.faults = faults[i]});
}

TEST_MAIN
