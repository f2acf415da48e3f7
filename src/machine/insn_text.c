/* SPDX-License-Identifier: MIT */
/* insn_text.c - instructions as text, as objdump -M no-aliases prints them */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "machine/hart.h"
#include "machine/insn.h"

static const char *const templates[] = {
#define FORMAT(name, text) text,
	INSN_FORMATS(FORMAT)
#undef FORMAT
};

static const char x_names[32][5] = {
	"zero", "ra", "sp", "gp", "tp",	 "t0",	"t1", "t2", "s0", "s1", "a0",
	"a1",	"a2", "a3", "a4", "a5",	 "a6",	"a7", "s2", "s3", "s4", "s5",
	"s6",	"s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
static const char f_names[32][5] = {
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5",  "ft6",  "ft7", "fs0",  "fs1",  "fa0",
	"fa1", "fa2", "fa3", "fa4", "fa5", "fa6",  "fa7",  "fs2", "fs3",  "fs4",  "fs5",
	"fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

/* Text that is cut off when it does not fit. */
struct text {
	char *at, *end;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list args;

	if (t->at >= t->end)
		return;
	va_start(args, format);
	int n = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
	va_end(args);
	t->at += n < t->end - t->at ? n : t->end - t->at;
}

static void put_csr(struct text *t, unsigned csr)
{
	static const struct {
		unsigned csr;
		const char *name;
	} names[] = {{1, "fflags"},	 {2, "frm"},	   {3, "fcsr"},
		     {0xc00, "cycle"}, {0xc01, "time"}, {0xc02, "instret"}};

	for (unsigned i = 0; i < array_size(names); i++)
		if (names[i].csr == csr) {
			put(t, "%s", names[i].name);
			return;
		}
	put(t, "0x%x", csr);
}

static void put_fence_set(struct text *t, unsigned set)
{
	if (set == 0)
		put(t, "unknown");
	for (unsigned i = 0; i < 4; i++)
		if (set & 8 >> i)
			put(t, "%c", "iorw"[i]);
}

static void put_rm(struct text *t, unsigned rm, unsigned usual)
{
	static const char names[8][4] = {"rne", "rtz", "rdn", "rup", "rmm", "?5", "?6", "dyn"};

	if (rm != usual)
		put(t, ",%s", names[rm]);
}

static void put_operand(struct text *t, const struct insn *insn, char letter, uint64_t pc)
{
	switch (letter) {
	case 'd': put(t, "%s", x_names[insn->rd]); break;
	case 's': put(t, "%s", x_names[insn->rs1]); break;
	case 't': put(t, "%s", x_names[insn->rs2]); break;
	case 'D': put(t, "%s", f_names[insn->rd]); break;
	case 'S': put(t, "%s", f_names[insn->rs1]); break;
	case 'T': put(t, "%s", f_names[insn->rs2]); break;
	case 'R': put(t, "%s", f_names[insn->rs3]); break;
	case 'i': put(t, "%d", insn->imm); break;
	case 'h': put(t, "0x%x", (unsigned)insn->imm); break;
	case 'u': put(t, "0x%x", (unsigned)insn->imm >> 12 & 0xfffff); break;
	case 'p': put(t, "0x%" PRIx64, pc + (uint64_t)(int64_t)insn->imm); break;
	case 'c': put_csr(t, (unsigned)insn->imm); break;
	case 'z': put(t, "%u", insn->rs1); break;
	case 'm': put_rm(t, insn->rm, RM_DYN); break;
	case 'n': put_rm(t, insn->rm, RM_RNE); break;
	case 'f':
		put_fence_set(t, insn->word >> 24 & 15);
		put(t, ",");
		put_fence_set(t, insn->word >> 20 & 15);
		break;
	case 'a': break; /* part of the name */
	default: put(t, "%c", letter); break;
	}
}

unsigned insn_text(const uint8_t *bytes, uint64_t pc, char *ret_text, unsigned size)
{
	struct text t = {ret_text, ret_text + size};
	uint32_t word = (uint32_t)(bytes[0] | bytes[1] << 8);
	struct insn insn;

	if (size)
		*ret_text = '\0';
	if (insn_length((uint16_t)word) == 4)
		word |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	insn_decode(word, &insn);
	if (insn.id == INSN_illegal) {
		if (insn.length == 2)
			put(&t, ".short\t0x%04x", insn.word);
		else
			put(&t, ".word\t0x%08x", insn.word);
		return insn.length;
	}

	const char *template = templates[insn.format];
	put(&t, "%s", insn.name);
	if (*template == 'a') {
		static const char order[4][6] = {"", ".rl", ".aq", ".aqrl"};
		put(&t, "%s", order[word >> 25 & 3]);
		template ++;
	}
	if (*template)
		put(&t, "\t");
	for (; *template; template ++)
		put_operand(&t, &insn, *template, pc);
	return insn.length;
}
