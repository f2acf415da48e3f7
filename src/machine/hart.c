/* SPDX-License-Identifier: MIT */
#include "machine/hart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/impl.h"

/* How long hart_stop may go unnoticed. */
enum { STOP_POLL_INSNS = 100000 };

static struct hart *hart_create(struct machine *m)
{
	struct hart *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->m = m;
	h->scratch = code_scratch_create();
	if (!h->scratch) {
		free(h);
		return NULL;
	}
	h->seen_access = -1;
	tlb_init(h);
	return h;
}

int machine_create(uint64_t frames, unsigned harts, struct machine **ret_machine)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->harts = calloc(harts, sizeof(*m->harts));
	if (!m->harts || ram_init(&m->ram, frames) < 0)
		goto fail;
	m->stored = calloc(frames, sizeof(*m->stored));
	if (code_init(m) < 0 || !m->stored)
		goto fail;
	while (m->hart_count < harts) {
		m->harts[m->hart_count] = hart_create(m);
		if (!m->harts[m->hart_count])
			goto fail;
		m->hart_count++;
	}
	*ret_machine = m;
	return 0;
fail:
	machine_destroy(m);
	return -ENOMEM;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->hart_count; i++) {
		free(m->harts[i]->scratch);
		free(m->harts[i]);
	}
	free(m->harts);
	free(m->stored);
	code_finish(m);
	ram_finish(&m->ram);
	free(m);
}

struct ram *machine_ram(struct machine *m) { return &m->ram; }
struct hart *machine_hart(struct machine *m, unsigned n) { return m->harts[n]; }

void machine_flush_page(struct machine *m, unsigned asid, uint64_t va)
{
	for (unsigned i = 0; i < m->hart_count; i++)
		tlb_flush_page(m->harts[i], asid, va);
}

void machine_flush_space(struct machine *m, unsigned asid)
{
	for (unsigned i = 0; i < m->hart_count; i++)
		tlb_flush_space(m->harts[i], asid);
}

void machine_flush_all(struct machine *m)
{
	for (unsigned i = 0; i < m->hart_count; i++)
		tlb_flush_all(m->harts[i]);
}

void machine_frame_changed(struct machine *m, uint64_t frame)
{
	if (code_holds(&m->code, frame))
		code_forget(m, frame);
	for (unsigned i = 0; i < m->hart_count; i++)
		if (m->harts[i]->reserved_size && m->harts[i]->reserved_pa >> PAGE_SHIFT == frame)
			m->harts[i]->reserved_size = 0;
}

struct regs *hart_regs(struct hart *h) { return &h->regs; }

void hart_set_satp(struct hart *h, uint64_t satp)
{
	h->reserved_size = 0;
	if (satp != h->satp)
		tlb_choose(h, satp);
}

void hart_retire(struct hart *h)
{
	h->regs.pc += 4;
	h->retired++;
	h->stopped.va = 1;
}

uint64_t hart_retired(const struct hart *h) { return h->retired; }
void hart_set_time_offset(struct hart *h, uint64_t ns) { h->time_offset = ns; }
void hart_stop(struct hart *h) { h->stop_asked = true; }

static int stop_find(const struct hart *h, unsigned asid, uint64_t va)
{
	for (unsigned i = 0; i < h->stop_count; i++)
		if (h->stops[i].asid == asid && h->stops[i].va == va)
			return (int)i;
	return -1;
}

int hart_stop_at(struct hart *h, unsigned asid, uint64_t va)
{
	if (stop_find(h, asid, va) >= 0)
		return -EEXIST;
	if (h->stop_count == STOPS_MAX)
		return -ENOSPC;
	h->stops[h->stop_count++] = (struct stop){asid, va};
	code_reset(h->m); /* blocks that go through va are decoded again, ending there */
	return 0;
}

int hart_stop_forget(struct hart *h, unsigned asid, uint64_t va)
{
	int i = stop_find(h, asid, va);

	if (i < 0)
		return -ENOENT;
	h->stops[i] = h->stops[--h->stop_count];
	code_reset(h->m);
	return 0;
}

void hart_stop_again(struct hart *h) { h->stopped.va = 1; }

static int watch_find(const struct hart *h, const struct watch *w)
{
	for (unsigned i = 0; i < h->watch_count; i++) {
		const struct watch *o = &h->watches[i];
		if (o->asid == w->asid && o->start == w->start && o->end == w->end && o->read == w->read &&
		    o->write == w->write)
			return (int)i;
	}
	return -1;
}

int hart_watch(struct hart *h, unsigned asid, uint64_t va, uint64_t size, bool read, bool write)
{
	const struct watch w = {asid, va, va + size, read, write};

	if (size == 0 || va + size < va || !(read || write))
		return -EINVAL;
	if (watch_find(h, &w) >= 0)
		return -EEXIST;
	if (h->watch_count == WATCHES_MAX)
		return -ENOSPC;
	h->watches[h->watch_count++] = w;
	tlb_flush_space(h, asid);
	return 0;
}

int hart_watch_forget(struct hart *h, unsigned asid, uint64_t va, uint64_t size, bool read, bool write)
{
	const struct watch w = {asid, va, va + size, read, write};
	int i = watch_find(h, &w);

	if (i < 0)
		return -ENOENT;
	h->watches[i] = h->watches[--h->watch_count];
	return 0;
}

unsigned hart_watched(const struct hart *h) { return h->watched.did; }

void hart_stats(const struct hart *h, struct hart_stats *ret_stats)
{
	*ret_stats = (struct hart_stats){h->miss_count, h->m->code.decoded, h->m->code.forgotten};
}

void hart_observe(struct hart *h, void (*seen)(void *ctx, uint64_t va, enum mmu_access access),
		  void *ctx)
{
	h->seen = seen;
	h->seen_ctx = ctx;
	h->seen_access = -1;
	tlb_flush_all(h); /* so that every access is walked, and seen */
}

void hart_saw(struct hart *h, uint64_t va, enum mmu_access access)
{
	if (likely(!h->seen) ||
	    (h->seen_access == (int)access && h->seen_page == page_down(va)))
		return;
	h->seen_access = access;
	h->seen_page = page_down(va);
	csr_fp_finish(h); /* the observer has the host's unit as it expects it */
	h->seen(h->seen_ctx, va, access);
	csr_fp_start(h);
}

enum done hart_fault(struct hart *h, enum mmu_result result, uint64_t va, enum mmu_access access)
{
	static const enum trap_cause page[] = {
		[MMU_READ] = TRAP_LOAD_PAGE, [MMU_WRITE] = TRAP_STORE_PAGE, [MMU_EXEC] = TRAP_FETCH_PAGE};
	static const enum trap_cause outside[] = {[MMU_READ] = TRAP_LOAD_ACCESS,
						  [MMU_WRITE] = TRAP_STORE_ACCESS,
						  [MMU_EXEC] = TRAP_FETCH_ACCESS};

	h->trap = (struct trap){result == MMU_PAGE_FAULT ? page[access] : outside[access], va};
	return DONE_TRAP;
}

enum done hart_illegal(struct hart *h, const union slot *op)
{
	const struct block *b = code_block(op);
	const struct where *w = code_where(op);
	uint32_t word = 0;

	if (w->offset + w->length > PAGE_SIZE)
		word = b->word;
	else
		memcpy(&word, machine_frame(h->m, b->frame) + w->offset, w->length);
	h->trap = (struct trap){TRAP_ILLEGAL, word};
	return DONE_TRAP;
}

/* Fetches at most limit instructions from pc into the scratch block, or sets h->trap. */
static union slot *fetch_some(struct hart *h, uint64_t pc, unsigned limit)
{
	const uint8_t *second = NULL;
	uint64_t frame, second_frame;

	if (!tlb_fetch(h, pc, &frame))
		return NULL;
	hart_saw(h, pc, MMU_EXEC);
	if ((pc & (PAGE_SIZE - 1)) == PAGE_SIZE - 2 &&
	    (machine_frame(h->m, frame)[PAGE_SIZE - 2] & 3) == 3) {
		if (!tlb_fetch(h, pc + 2, &second_frame))
			return NULL;
		hart_saw(h, pc + 2, MMU_EXEC);
		second = machine_frame(h->m, second_frame);
	}
	return code_scratch(h->m, h->scratch, frame, pc, limit, second);
}

/* Runs some of the budget: *left of it, at least one instruction unless one traps. */
static enum exec_exit run_some(struct hart *h, uint64_t budget, bool step, uint64_t *ret_used)
{
	union slot *op = NULL;
	int64_t left = 0;
	enum exec_exit why;

	*ret_used = 0;
	h->stepping = step || h->seen || budget == 1;
	if (h->stepping || budget <= CODE_INSNS_MAX) {
		/* A scratch block is left after `left` fell below 0, however short it is. */
		op = fetch_some(h, h->regs.pc, h->stepping ? 1 : (unsigned)budget);
		if (!op)
			return EXEC_TRAP;
	} else {
		left = (int64_t)min_u64(budget - CODE_INSNS_MAX, STOP_POLL_INSNS);
	}
	int64_t before = left;
	h->clock = h->retired + (uint64_t)left;
	why = exec_run(h, op, &left);
	*ret_used = (uint64_t)(before - left);
	h->retired += *ret_used;
	return why;
}

static bool stops_at(const struct hart *h, uint64_t pc)
{
	return h->stop_count && stop_find(h, h->satp >> 44 & 0xffff, pc) >= 0;
}

static bool stopped_at(const struct hart *h, uint64_t pc)
{
	return h->stopped.va == pc && h->stopped.asid == (h->satp >> 44 & 0xffff);
}

static struct trap stop_at(struct hart *h)
{
	h->stopped = (struct stop){h->satp >> 44 & 0xffff, h->regs.pc};
	return (struct trap){TRAP_STOP, h->regs.pc};
}

static bool fetch_trapped(const struct hart *h)
{
	return h->trap.cause == TRAP_FETCH_PAGE || h->trap.cause == TRAP_FETCH_ACCESS;
}

static struct trap run(struct hart *h, uint64_t budget)
{
	bool step = stops_at(h, h->regs.pc);
	uint64_t used;

	h->watched.hit = false;
	if (h->regs.pc & 1)
		return (struct trap){TRAP_FETCH_MISALIGNED, h->regs.pc};
	for (; budget > 0; budget -= used) {
		if (h->stop_asked) {
			h->stop_asked = false;
			return (struct trap){TRAP_STOP, 0};
		}
		bool here = stops_at(h, h->regs.pc);
		if (here && !stopped_at(h, h->regs.pc))
			return stop_at(h);
		enum exec_exit why = run_some(h, budget, step, &used);
		/* It was stepped off, unless its own fetch trapped. */
		if (here && used > 0)
			h->stopped.va = 1;
		/* What has not happened touched nothing. */
		if (unlikely(h->watched.hit) && used == 0)
			h->watched.hit = false;
		if (unlikely(h->watched.hit))
			return (struct trap){TRAP_WATCH, h->watched.va};
		switch (why) {
		case EXEC_TRAP:
			/* Jumped to, but not there: yet it was reached. */
			if (fetch_trapped(h) && stops_at(h, h->regs.pc) && !stopped_at(h, h->regs.pc))
				return stop_at(h);
			return h->trap;
		case EXEC_STOP: return stop_at(h);
		case EXEC_BUDGET: step = false; break;
		case EXEC_STEP: step = true; break;
		case EXEC_ON: __builtin_unreachable();
		}
	}
	return (struct trap){TRAP_BUDGET, 0};
}

struct trap hart_run(struct hart *h, uint64_t budget)
{
	struct trap trap;

	h->regs.x[0] = 0;
	csr_fp_start(h);
	trap = run(h, budget);
	csr_fp_finish(h);
	return trap;
}
