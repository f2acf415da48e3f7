/* SPDX-License-Identifier: MIT */
#include "machine/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/impl.h"

enum {
	/* A block in the arena: header, operations, and their struct where behind them. */
	BLOCK_HEADER_SLOTS = (sizeof(struct block) + sizeof(union slot) - 1) / sizeof(union slot),
	BLOCK_SLOTS_MAX = BLOCK_HEADER_SLOTS + CODE_SLOTS_MAX + CODE_SLOTS_MAX / 4 + 1,
	JUMPS_FOLLOWED = 8, /* within one block, so that a loop is not unrolled for long */
};

_Static_assert(sizeof(union slot) == 16, "an operation is 16 bytes");
_Static_assert(offsetof(struct block, op) % sizeof(union slot) == 0, "slots are aligned");
_Static_assert(CODE_SLOTS_MAX <= 255, "slot.at is a byte");

int code_init(struct machine *m)
{
	struct code *code = &m->code;
	size_t size = CODE_ARENA_SLOTS * sizeof(union slot);

	code->of_frame = calloc(m->ram.frames, sizeof(*code->of_frame));
	code->pages = calloc(CODE_PAGES + 1, sizeof(*code->pages));
	code->arena = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (code->arena == MAP_FAILED)
		code->arena = NULL;
	code->used = 1; /* 0 means no block */
	return code->of_frame && code->pages && code->arena ? 0 : -ENOMEM;
}

void code_finish(struct machine *m)
{
	free(m->code.of_frame);
	free(m->code.pages);
	if (m->code.arena)
		munmap(m->code.arena, CODE_ARENA_SLOTS * sizeof(union slot));
}

/* A block being made. */
struct builder {
	struct machine *m;
	struct block *b;
	unsigned slots, before;
	unsigned last; /* slot of the last operation */
	bool ended;
	bool has_stops;
	struct where here;
	struct where where[CODE_SLOTS_MAX];
	uint8_t id[CODE_SLOTS_MAX]; /* at first slots of operations */
};

_Static_assert(INSN_COUNT <= 256, "builder.id is a byte");

/* Appends an operation and returns its slots. */
static union slot *emit(struct builder *w, enum insn_id id, unsigned rd, unsigned rs1, unsigned rs2,
			int32_t imm)
{
	union slot *op = &w->b->op[w->slots];

	w->last = w->slots;
	*op = (union slot){{exec_handlers[id][SOURCE_REGS], {imm}, (uint8_t)rd, (uint8_t)rs1, (uint8_t)rs2,
			    (uint8_t)w->slots}};
	for (unsigned i = 0; i < insn_slots[id]; i++) {
		w->id[w->slots] = (uint8_t)id;
		w->where[w->slots++] = w->here;
	}
	return op;
}

/* Fills the link and the value of a jump to an address in or outside the block's page. */
static void emit_link(struct builder *w, union slot *op, uint64_t target, uint64_t constant)
{
	bool near = page_down(target) == w->b->va;

	op[1].link_run = near ? exec_unlinked : exec_far;
	op[1].to = &op[1];
	op[2].target = target;
	op[2].constant = constant;
}

/* Of an instruction that compares x0 with a register, the other one. */
static enum insn_id turned(struct insn *n, enum insn_id id)
{
	n->rs1 = n->rs2;
	return id;
}

/* What an instruction is turned into before it is emitted. INSN_nop: nothing at all. */
static enum insn_id simplify(struct insn *n)
{
	switch (n->id) {
	case INSN_fence:
	case INSN_fence_i:
	case INSN_fence_tso:
	case INSN_pause: return INSN_nop;
	case INSN_addi:
		if (n->rd == 0)
			return INSN_nop;
		if (n->rs1 == 0)
			return INSN_li;
		return n->imm == 0 ? INSN_mv : INSN_addi;
	case INSN_addiw: return n->rd == 0 ? INSN_nop : n->rs1 == 0 ? INSN_li : INSN_addiw;
	case INSN_lui: return n->rd == 0 ? INSN_nop : INSN_li;
	case INSN_auipc: return n->rd == 0 ? INSN_nop : INSN_constant;
	case INSN_add:
		if (n->rd == 0)
			return INSN_nop;
		if (n->rs1 == 0) {
			n->rs1 = n->rs2;
			return INSN_mv;
		}
		return n->rs2 == 0 ? INSN_mv : INSN_add;
	case INSN_beq: return n->rs2 == 0 ? INSN_beqz : INSN_beq;
	case INSN_bne: return n->rs2 == 0 ? INSN_bnez : INSN_bne;
	case INSN_blt: return n->rs2 == 0 ? INSN_bltz : n->rs1 == 0 ? turned(n, INSN_bgtz) : INSN_blt;
	case INSN_bge: return n->rs2 == 0 ? INSN_bgez : n->rs1 == 0 ? turned(n, INSN_blez) : INSN_bge;
	default: return n->id;
	}
}

static unsigned reg_to(const struct insn *n)
{
	if (insn_f_rd(n->format))
		return R_F + n->rd;
	return n->rd ? n->rd : R_SINK;
}

static unsigned reg_from1(const struct insn *n)
{
	return insn_f_rs1(n->format) ? R_F + n->rs1 : n->rs1;
}

static unsigned reg_from2(const struct insn *n)
{
	return insn_f_rs2(n->format) ? R_F + n->rs2 : n->rs2;
}

/* imm of an operation: for floating-point arithmetic the rounding mode and the third operand. */
static int32_t third(const struct insn *n)
{
	switch (n->format) {
	case FORMAT_FR4:
	case FORMAT_FRM:
	case FORMAT_FRM1:
	case FORMAT_FRM1X:
	case FORMAT_FXM:
	case FORMAT_XFM:
	case FORMAT_XFMX: return n->rm | (int32_t)(R_F + n->rs3) << 8;
	default: return n->imm;
	}
}

/* An addition to the register that the instruction before it loaded with a constant changes that
 * constant. Neither can trap, so nobody sees them apart. */
static bool build_merged(struct builder *w, const struct insn *n, enum insn_id id)
{
	if ((id != INSN_addi && id != INSN_addiw) || n->rd != n->rs1 || w->slots == 0)
		return false;
	union slot *op = &w->b->op[w->last];
	if (w->where[w->last].before + 1u != w->before || op->rd != n->rd)
		return false;
	if (w->id[w->last] == INSN_constant && id == INSN_addi) {
		op[1].constant += (uint64_t)(int64_t)n->imm;
		return true;
	}
	if (w->id[w->last] == INSN_li) {
		int64_t sum = (int64_t)op->imm + n->imm;
		op->imm = (int32_t)(uint32_t)sum;
		if (id == INSN_addiw || sum == op->imm)
			return true;
		op->imm = (int32_t)(sum - n->imm);
	}
	return false;
}

/* Loads and stores that look in the TLB by themselves. */
static bool has_window(enum insn_id id)
{
	return (id >= INSN_lb && id <= INSN_sd) || id == INSN_flw || id == INSN_fsw ||
	       id == INSN_fld || id == INSN_fsd;
}

/* Emits the instruction at pc. Returns where to go on decoding. */
static uint64_t build_insn(struct builder *w, uint64_t pc, struct insn *n, unsigned *jumps_left)
{
	uint64_t next = pc + n->length, target = pc + (uint64_t)(int64_t)n->imm;
	enum insn_id id = simplify(n);
	union slot *op;

	if (build_merged(w, n, id))
		return next;
	switch (id) {
	case INSN_nop: return next;
	case INSN_illegal:
		emit(w, id, R_SINK, 0, 0, (int32_t)n->word);
		w->ended = true;
		return next;
	case INSN_ecall:
	case INSN_ebreak:
		emit(w, id, R_SINK, 0, 0, 0);
		w->ended = true;
		return next;
	case INSN_constant:
		op = emit(w, id, n->rd, 0, 0, 0);
		op[1].constant = target;
		return next;
	case INSN_beq ... INSN_bgeu:
	case INSN_beqz ... INSN_blez:
		op = emit(w, id, R_SINK, n->rs1, n->rs2, 0);
		emit_link(w, op, target, w->before + 1);
		return next;
	case INSN_jal:
		if (page_down(target) == w->b->va && *jumps_left > 0) {
			--*jumps_left;
			if (n->rd)
				emit(w, INSN_constant, n->rd, 0, 0, 0)[1].constant = next;
			return target;
		}
		op = emit(w, id, reg_to(n), 0, 0, (int32_t)w->before + 1);
		emit_link(w, op, target, next);
		w->ended = true;
		return next;
	case INSN_jalr:
		op = emit(w, id, reg_to(n), n->rs1, w->before + 1, n->imm);
		op[1].constant = next;
		w->ended = true;
		return next;
	case INSN_csrrw:
	case INSN_csrrs:
	case INSN_csrrc:
	case INSN_csrrwi:
	case INSN_csrrsi:
	case INSN_csrrci: emit(w, id, reg_to(n), n->rs1, n->rs1, n->imm); return next;
	default: break;
	}
	op = emit(w, id, reg_to(n), reg_from1(n), reg_from2(n), third(n));
	if (has_window(id))
		op->offset = (int16_t)n->imm, op->window = 0;
	return next;
}

/* Where op finds its operands when register `last` was written last (0: none was). */
static enum code_source source_of(const union slot *op, unsigned id, unsigned last)
{
	bool same = op->rs1 == op->rd && exec_handlers[id][SOURCE_SAME];

	if (last == 0)
		return same ? SOURCE_SAME : SOURCE_REGS;
	if (op->rs1 == last && exec_handlers[id][SOURCE_1])
		return SOURCE_1;
	if (op->rs2 == last && exec_handlers[id][SOURCE_2])
		return same ? SOURCE_2_SAME : SOURCE_2;
	if (exec_handlers[id][SOURCE_3] && op->imm >> 8 == (int)last)
		return SOURCE_3;
	return same ? SOURCE_SAME : SOURCE_REGS;
}

/* Operations that write a register and do nothing else whatever their operands are. */
static bool is_plain(unsigned id)
{
	switch (id) {
	case INSN_addi ... INSN_sraw:
	case INSN_mul ... INSN_remuw:
	case INSN_mv:
	case INSN_li:
	case INSN_constant: return true;
	default: return false;
	}
}

/* Does op, which takes the last result from `source`, make it impossible that anyone reads the
 * register where that should be? */
static bool kills_last(const union slot *op, unsigned id, enum code_source source, unsigned last)
{
	if (!is_plain(id) || op->rd != last)
		return false;
	if (source == SOURCE_1)
		return !exec_handlers[id][SOURCE_2] || op->rs2 != last;
	return source == SOURCE_2; /* then rs1 is another; SOURCE_2_SAME reads it as rs1, too */
}

/* Chooses an implementation for each operation: one that takes the last result from where it still
 * is, and one for several neighbours where there is one. */
static void build_finish(struct builder *w)
{
	struct fuse_part part[CODE_INSNS_MAX + 1] = {{0}};
	struct fuse_choice choice[CODE_INSNS_MAX + 2];
	unsigned last = 0, n = 0;

	for (unsigned i = 0; i < w->slots; i += insn_slots[w->id[i]], n++) {
		union slot *op = &w->b->op[i];
		unsigned id = w->id[i];
		enum code_source source = source_of(op, id, last);
		part[n] = (struct fuse_part){(uint8_t)id, (uint8_t)i, (uint8_t)source, false};
		op->run = exec_handlers[id][source];
		if (n > 0 && last && insn_writes[part[n - 1].id] && kills_last(op, id, source, last))
			part[n - 1].dead = true;
		if (insn_writes[id])
			last = op->rd == R_SINK ? 0 : op->rd;
	}
	fuse_choose(part, n, choice);
	for (unsigned i = 0; i < n; i += choice[i].count)
		w->b->op[part[i].slot].run = choice[i].run;
}

static bool stop_wanted(const struct machine *m, uint64_t va)
{
	for (unsigned i = 0; i < m->hart_count; i++)
		for (unsigned s = 0; s < m->harts[i]->stop_count; s++)
			if (m->harts[i]->stops[s].va == va)
				return true;
	return false;
}

static uint32_t word_at(const uint8_t *p, const uint8_t *second)
{
	uint32_t word = (uint32_t)(p[0] | p[1] << 8);

	if (insn_length((uint16_t)word) == 4)
		word |= (uint32_t)second[0] << 16 | (uint32_t)second[1] << 24;
	return word;
}

/* Decodes from pc into w->b. Returns false when the first instruction crosses the page and the
 * rest of it (second) is not given. */
static bool build(struct builder *w, uint64_t frame, uint64_t pc, unsigned limit,
		  const uint8_t *second)
{
	const uint8_t *page = machine_frame(w->m, frame);
	unsigned jumps_left = JUMPS_FOLLOWED;
	struct insn n;

	w->b->va = page_down(pc);
	w->b->frame = frame;
	while (!w->ended && w->before < limit && page_down(pc) == w->b->va) {
		unsigned offset = pc & (PAGE_SIZE - 1);
		const uint8_t *rest = page + offset + 2;
		if (offset == PAGE_SIZE - 2 && insn_length((uint16_t)(page[offset] | page[offset + 1] << 8)) == 4) {
			if (w->before > 0)
				break;
			if (!second)
				return false;
			rest = second;
		}
		w->here = (struct where){(uint16_t)offset, (uint8_t)w->before, 0};
		if (w->has_stops && stop_wanted(w->m, pc)) {
			emit(w, INSN_stop, R_SINK, 0, 0, 0);
			w->ended = true;
			break;
		}
		insn_decode(word_at(page + offset, rest), &n);
		if (rest == second)
			w->b->word = n.word;
		w->here.length = n.length;
		pc = build_insn(w, pc, &n, &jumps_left);
		w->before++;
	}
	if (!w->ended) {
		w->here = (struct where){(uint16_t)(pc & (PAGE_SIZE - 1)), (uint8_t)w->before, 0};
		union slot *op = emit(w, INSN_next, R_SINK, 0, 0, 0);
		emit_link(w, op, pc, w->before);
	}
	build_finish(w);
	w->b->slots = w->slots;
	memcpy(w->b->where, w->where, w->slots * sizeof(w->where[0]));
	return true;
}

struct block *code_scratch_create(void)
{
	struct block *b = aligned_alloc(16, BLOCK_SLOTS_MAX * sizeof(union slot));

	if (b)
		b->where = (struct where *)&b->op[CODE_SLOTS_MAX];
	return b;
}

union slot *code_scratch(struct machine *m, struct block *b, uint64_t frame, uint64_t pc,
			 unsigned limit, const uint8_t *second)
{
	struct builder w = {.m = m, .b = b};

	if (limit > CODE_INSNS_MAX)
		limit = CODE_INSNS_MAX;
	if (!build(&w, frame, pc, limit, second))
		return NULL;
	return b->op;
}

static struct code_page *page_find(struct code *code, uint64_t frame, uint64_t va)
{
	for (uint32_t i = code->of_frame[frame]; i; i = code->pages[i].next)
		if (code->pages[i].va == va)
			return &code->pages[i];
	return NULL;
}

/* A page without blocks yet. Empties the arena when there are too many. */
static struct code_page *page_add(struct machine *m, uint64_t frame, uint64_t va)
{
	struct code *code = &m->code;

	if (!code->pages_free && code->pages_used == CODE_PAGES)
		code_reset(m);
	uint32_t i = code->pages_free;
	if (i)
		code->pages_free = code->pages[i].next;
	else
		i = ++code->pages_used;

	struct code_page *page = &code->pages[i];
	memset(page->at, 0, sizeof(page->at));
	page->frame = frame;
	page->va = va;
	page->next = code->of_frame[frame];
	if (!code_holds(code, frame))
		tlb_deny_writes(m, frame);
	code->of_frame[frame] = i;
	return page;
}

union slot *code_find(struct machine *m, uint64_t frame, uint64_t pc)
{
	struct code *code = &m->code;
	struct code_page *page = page_find(code, frame, page_down(pc));
	unsigned index = (pc & (PAGE_SIZE - 1)) / 2;

	if (page && page->at[index])
		return ((struct block *)&code->arena[page->at[index]])->op;

	if (code->used + BLOCK_SLOTS_MAX > CODE_ARENA_SLOTS) {
		code_reset(m);
		page = NULL;
	}
	if (!page)
		page = page_add(m, frame, page_down(pc));

	struct block *b = (struct block *)&code->arena[code->used];
	struct builder w = {.m = m, .b = b, .has_stops = true};
	struct where where[CODE_SLOTS_MAX];
	b->where = where;
	if (!build(&w, frame, pc, CODE_INSNS_MAX, NULL))
		return NULL;
	b->where = (struct where *)&b->op[b->slots];
	memcpy(b->where, where, b->slots * sizeof(where[0]));
	page->at[index] = code->used;
	code->used += BLOCK_HEADER_SLOTS + b->slots + (b->slots + 3) / 4;
	code->decoded++;
	return b->op;
}

void code_forget(struct machine *m, uint64_t frame)
{
	struct code *code = &m->code;
	uint32_t i = code->of_frame[frame];

	code->of_frame[frame] = 0;
	while (i) {
		struct code_page *page = &code->pages[i];
		uint32_t next = page->next;
		for (unsigned k = 0; k < array_size(page->at); k++)
			if (page->at[k]) {
				struct block *b = (struct block *)&code->arena[page->at[k]];
				b->op[0].run = exec_stale;
				code->forgotten++;
			}
		page->next = code->pages_free;
		code->pages_free = i;
		i = next;
	}
}

void code_reset(struct machine *m)
{
	struct code *code = &m->code;

	for (uint32_t i = 1; i <= code->pages_used; i++)
		code->of_frame[code->pages[i].frame] = 0;
	code->forgotten = code->decoded;
	code->used = 1;
	code->pages_used = code->pages_free = 0;
	code->resets++;
	for (unsigned i = 0; i < m->hart_count; i++)
		memset(m->harts[i]->jumps, 0, sizeof(m->harts[i]->jumps));
}
