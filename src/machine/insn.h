/* SPDX-License-Identifier: MIT */
/* insn.h - instruction words taken apart
 *
 * insn_decode turns a word into a struct insn: which instruction of insn.def it is, and its
 * operands. A 16-bit instruction decodes to the one it stands for. insn_text (hart.h) writes one
 * as text. Nothing here fails: a word that is no instruction has id INSN_illegal.
 */
#ifndef MACHINE_INSN_H
#define MACHINE_INSN_H

#include <stdbool.h>
#include <stdint.h>

/* FORMAT(name, text template, f registers among the operands). Letters of the template:
 *	d s t r	rd, rs1, rs2, rs3 (D S T R: f registers)	i h	immediate, decimal or hex
 *	u	upper immediate		p	target of a jump	c z	CSR, its immediate
 *	m n	rounding mode, but not the usual one (dyn; n: rne)	f	fence sets
 *	a	.aq and .rl */
#define INSN_FORMATS(FORMAT)                                                                       \
	FORMAT(NONE, "")                                                                           \
	FORMAT(R, "d,s,t")                                                                         \
	FORMAT(I, "d,s,i")                                                                         \
	FORMAT(SH, "d,s,h")                                                                        \
	FORMAT(LD, "d,i(s)")                                                                       \
	FORMAT(ST, "t,i(s)")                                                                       \
	FORMAT(B, "s,t,p")                                                                         \
	FORMAT(U, "d,u")                                                                           \
	FORMAT(J, "d,p")                                                                           \
	FORMAT(JR, "d,i(s)")                                                                       \
	FORMAT(CSR, "d,c,s")                                                                       \
	FORMAT(CSRI, "d,c,z")                                                                      \
	FORMAT(FENCE, "f")                                                                         \
	FORMAT(AMO, "ad,t,(s)")                                                                    \
	FORMAT(LR, "ad,(s)")                                                                       \
	FORMAT(FLD, "D,i(s)")                                                                      \
	FORMAT(FST, "T,i(s)")                                                                      \
	FORMAT(FR4, "D,S,T,Rm")                                                                    \
	FORMAT(FRM, "D,S,Tm")                                                                      \
	FORMAT(FRM1, "D,Sm")                                                                       \
	FORMAT(FRM1X, "D,Sn")                                                                      \
	FORMAT(FR, "D,S,T")                                                                        \
	FORMAT(FCMP, "d,S,T")                                                                      \
	FORMAT(FX, "d,S")                                                                          \
	FORMAT(FXM, "d,Sm")                                                                        \
	FORMAT(XF, "D,s")                                                                          \
	FORMAT(XFM, "D,sm")                                                                        \
	FORMAT(XFMX, "D,sn")                                                                       \
	FORMAT(CIW, "d,s,i")                                                                       \
	FORMAT(CFLD, "D,i(s)")                                                                     \
	FORMAT(CLW, "d,i(s)")                                                                      \
	FORMAT(CLD, "d,i(s)")                                                                      \
	FORMAT(CFSD, "T,i(s)")                                                                     \
	FORMAT(CSW, "t,i(s)")                                                                      \
	FORMAT(CSD, "t,i(s)")                                                                      \
	FORMAT(CI, "d,i")                                                                          \
	FORMAT(CLI, "d,i")                                                                         \
	FORMAT(C16SP, "d,i")                                                                       \
	FORMAT(CLUI, "d,u")                                                                        \
	FORMAT(CSHB, "d,h")                                                                        \
	FORMAT(CANDI, "d,i")                                                                       \
	FORMAT(CA, "d,t")                                                                          \
	FORMAT(CJ, "p")                                                                            \
	FORMAT(CB, "s,p")                                                                          \
	FORMAT(CSH, "d,h")                                                                         \
	FORMAT(CFLDSP, "D,i(s)")                                                                   \
	FORMAT(CLWSP, "d,i(s)")                                                                    \
	FORMAT(CLDSP, "d,i(s)")                                                                    \
	FORMAT(CJR, "s")                                                                           \
	FORMAT(CJALR, "s")                                                                         \
	FORMAT(CMV, "d,t")                                                                         \
	FORMAT(CADD, "d,t")                                                                        \
	FORMAT(CNONE, "")                                                                          \
	FORMAT(CFSDSP, "T,i(s)")                                                                   \
	FORMAT(CSWSP, "t,i(s)")                                                                    \
	FORMAT(CSDSP, "t,i(s)")

enum insn_format {
#define FORMAT(name, text) FORMAT_##name,
	INSN_FORMATS(FORMAT)
#undef FORMAT
};

enum insn_id {
#define INSN(name, ...)	 INSN_##name,
#define ROUND(name, ...) INSN_##name,
#define INNER(name, ...) INSN_##name,
#include "machine/insn.def"
#undef INSN
#undef ROUND
#undef INNER
	INSN_COUNT
};

struct insn {
	enum insn_id id;
	enum insn_format format;
	uint8_t length; /* 2 or 4 */
	uint8_t rd, rs1, rs2, rs3;
	uint8_t rm;
	int32_t imm; /* csr number for CSR formats, their 5-bit field is in rs1 */
	uint32_t word;
	const char *name;
};

/* Rounding modes of instructions and of frm. */
enum insn_rm { RM_RNE, RM_RTZ, RM_RDN, RM_RUP, RM_RMM, RM_DYN = 7 };

/* Length in bytes of the instruction whose first half is given. Longer ones than 4 are not known
 * and count as 4. */
static inline unsigned insn_length(uint16_t first) { return (first & 3) == 3 ? 4 : 2; }

/* Decodes a word; of a 16-bit instruction only the low half counts. */
void insn_decode(uint32_t word, struct insn *ret_insn);

/* Does this format's register field name an f register? */
bool insn_f_rd(enum insn_format format);
bool insn_f_rs1(enum insn_format format);
bool insn_f_rs2(enum insn_format format);

#endif
