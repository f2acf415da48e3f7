/* SPDX-License-Identifier: MIT */
/* csr.c - the control registers that user mode has, and the unusual rounding modes */
#include "machine/do.h"
#include "machine/impl.h"

enum {
	CSR_FFLAGS = 0x001,
	CSR_FRM = 0x002,
	CSR_FCSR = 0x003,
	CSR_CYCLE = 0xc00,
	CSR_TIME = 0xc01,
	CSR_INSTRET = 0xc02,

	FCSR_FLAGS = 0x1f,
	FCSR_FRM_SHIFT = 5,
	FCSR_MASK = 0xff,
	NS_PER_TICK = 100,
};

#if defined(__x86_64__)
bool fp_has_fma;

__attribute__((constructor)) static void fp_ask_host(void)
{
	__builtin_cpu_init();
	fp_has_fma = __builtin_cpu_supports("fma");
}
#endif

static unsigned frm(const struct hart *h) { return h->regs.fcsr >> FCSR_FRM_SHIFT & 7; }

/* frm changed: instructions with the dynamic mode may use the unit directly or not. */
static void frm_follow(struct hart *h)
{
	h->rm_fast = frm(h) <= RM_RUP ? RM_DYN : UINT32_MAX;
	fp_set_mode(frm(h));
}

void csr_fp_start(struct hart *h)
{
	h->regs.fcsr &= FCSR_MASK;
	fp_enter(&h->fp_host, frm(h));
	h->rm_fast = frm(h) <= RM_RUP ? RM_DYN : UINT32_MAX;
}

void csr_fp_finish(struct hart *h)
{
	h->regs.fcsr |= fp_leave(&h->fp_host);
}

int csr_read(struct hart *h, unsigned csr, uint64_t now, uint64_t *ret_value)
{
	if (csr >= CSR_FFLAGS && csr <= CSR_FCSR)
		h->regs.fcsr |= fp_flags();
	switch (csr) {
	case CSR_FFLAGS: *ret_value = h->regs.fcsr & FCSR_FLAGS; return 0;
	case CSR_FRM: *ret_value = frm(h); return 0;
	case CSR_FCSR: *ret_value = h->regs.fcsr & FCSR_MASK; return 0;
	case CSR_CYCLE:
	case CSR_INSTRET: *ret_value = now; return 0;
	case CSR_TIME: *ret_value = (now + h->time_offset) / NS_PER_TICK; return 0;
	default: return -1;
	}
}

int csr_write(struct hart *h, unsigned csr, uint64_t value)
{
	uint32_t *fcsr = &h->regs.fcsr;

	if (csr < CSR_FFLAGS || csr > CSR_FCSR)
		return -1;
	fp_flags(); /* gathered before the write: overwritten, or read just now */
	if (csr == CSR_FFLAGS)
		*fcsr = (*fcsr & ~(uint32_t)FCSR_FLAGS) | (value & FCSR_FLAGS);
	else if (csr == CSR_FRM)
		*fcsr = (*fcsr & FCSR_FLAGS) | (uint32_t)(value & 7) << FCSR_FRM_SHIFT;
	else
		*fcsr = value & FCSR_MASK;
	frm_follow(h);
	return 0;
}

int fp_rounding(const struct hart *h, const union slot *op)
{
	unsigned rm = op->imm & 7;

	if (rm == RM_DYN)
		rm = frm(h);
	return rm <= RM_RMM ? (int)rm : -1;
}

enum done fp_slow(struct hart *h, const union slot *op, fp_fast *fast, enum soft_kind kind,
		  uint64_t *ret_rd)
{
	uint64_t a = h->r[op->rs1], b = h->r[op->rs2], c = h->r[op->imm >> 8];
	int rm = fp_rounding(h, op);

	if (rm < 0)
		return hart_illegal(h, op);
	if (rm != RM_RMM) {
		fp_set_mode((unsigned)rm);
		fast(h, op, a, b, c, ret_rd);
		fp_set_mode(frm(h));
		return DONE_NEXT;
	}

	if (kind < SOFT_I32_S)
		a = fp_unbox(a), b = fp_unbox(b), c = fp_unbox(c);
	uint64_t r = soft_op(kind, RM_RMM, a, b, c, &h->regs.fcsr);
	*ret_rd = kind <= SOFT_D_S ? S_BOX | r : r;
	return DONE_NEXT;
}
