/* SPDX-License-Identifier: MIT */
/* registers.c - the registers of RV64GC as the protocol numbers them: x0 to x31, pc, f0 to f31, then
 * fflags, frm, fcsr of 32 bits, and the counters, which cannot be written */
#include <string.h>

#include "debug/impl.h"
#include "kernel/task.h"

enum { F0 = 33, FFLAGS = 65, FRM, FCSR, CYCLE, TIME, INSTRET };

#define X(name, type)	"<reg name=\"" name "\" bitsize=\"64\" type=\"" type "\"/>"
#define F(name)		"<reg name=\"" name "\" bitsize=\"64\" type=\"riscv_double\"/>"
#define CONTROL(name)	"<reg name=\"" name "\" bitsize=\"32\" type=\"int\"/>"
#define COUNTER(name)	"<reg name=\"" name "\" bitsize=\"64\" type=\"int\" save-restore=\"no\"/>"

const char registers_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target version=\"1.0\"><architecture>riscv:rv64</architecture><osabi>GNU/Linux</osabi>"
	"<feature name=\"org.gnu.gdb.riscv.cpu\">"
	X("zero", "int") X("ra", "code_ptr") X("sp", "data_ptr") X("gp", "data_ptr")
	X("tp", "data_ptr") X("t0", "int") X("t1", "int") X("t2", "int") X("fp", "data_ptr")
	X("s1", "int") X("a0", "int") X("a1", "int") X("a2", "int") X("a3", "int") X("a4", "int")
	X("a5", "int") X("a6", "int") X("a7", "int") X("s2", "int") X("s3", "int") X("s4", "int")
	X("s5", "int") X("s6", "int") X("s7", "int") X("s8", "int") X("s9", "int") X("s10", "int")
	X("s11", "int") X("t3", "int") X("t4", "int") X("t5", "int") X("t6", "int")
	X("pc", "code_ptr")
	"</feature><feature name=\"org.gnu.gdb.riscv.fpu\">"
	"<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>"
	"<field name=\"double\" type=\"ieee_double\"/></union>"
	F("ft0") F("ft1") F("ft2") F("ft3") F("ft4") F("ft5") F("ft6") F("ft7") F("fs0") F("fs1")
	F("fa0") F("fa1") F("fa2") F("fa3") F("fa4") F("fa5") F("fa6") F("fa7") F("fs2") F("fs3")
	F("fs4") F("fs5") F("fs6") F("fs7") F("fs8") F("fs9") F("fs10") F("fs11") F("ft8")
	F("ft9") F("ft10") F("ft11")
	CONTROL("fflags") CONTROL("frm") CONTROL("fcsr")
	"</feature><feature name=\"org.gnu.gdb.riscv.csr\">"
	COUNTER("cycle") COUNTER("time") COUNTER("instret")
	"</feature></target>";

unsigned register_size(unsigned number)
{
	if (number >= REMOTE_REGISTERS)
		return 0;
	return number >= FFLAGS && number <= FCSR ? 4 : 8;
}

void register_read(const struct remote *r, struct task *t, unsigned number, uint8_t ret_bytes[8])
{
	const struct regs *regs = task_regs(t);
	uint64_t v = 0;
	if (number < REMOTE_PC)
		v = regs->x[number];
	else if (number == REMOTE_PC)
		v = regs->pc;
	else if (number < FFLAGS)
		v = regs->f[number - F0];
	else if (number == FFLAGS)
		v = regs->fcsr & 31;
	else if (number == FRM)
		v = regs->fcsr >> 5 & 7;
	else if (number == FCSR)
		v = regs->fcsr;
	else if (number == TIME)
		v = kernel_now(r->k) / 100;
	else
		v = hart_retired(r->k->hart);
	memcpy(ret_bytes, &v, sizeof(v));
}

int register_write(struct task *t, unsigned number, const uint8_t bytes[8])
{
	struct regs *regs = task_regs(t);
	uint64_t v = 0;
	memcpy(&v, bytes, register_size(number));
	if (number == REMOTE_PC && regs->pc != v) {
		int r = debug_leave_call(t);
		if (r != 0)
			return r;
		regs->pc = v & ~UINT64_C(1);
	} else if (number > 0 && number < REMOTE_PC) {
		regs->x[number] = v;
	} else if (number >= F0 && number < FFLAGS) {
		regs->f[number - F0] = v;
	} else if (number == FFLAGS) {
		regs->fcsr = (regs->fcsr & ~31u) | ((uint32_t)v & 31);
	} else if (number == FRM) {
		regs->fcsr = (regs->fcsr & 31) | ((uint32_t)v & 7) << 5;
	} else if (number == FCSR) {
		regs->fcsr = (uint32_t)v & 0xff;
	}
	return 0;
}
