/* SPDX-License-Identifier: MIT */
/* registers.c - the registers of RV64GC as the protocol numbers them: x0 to x31, pc, f0 to f31, then
 * fflags, frm, fcsr of 32 bits, and the counters, which cannot be written */
#include <string.h>

#include "debug/impl.h"
#include "kernel/task.h"

enum { F0 = 33, FFLAGS = 65, FRM, FCSR, CYCLE, TIME, INSTRET };

/* gdb passes over the attributes that lldb wants: numbers of DWARF (riscv-elf-psabi, "DWARF Register
 * Numbers"), and which ones are the program counter and the like. */
#define NUMBER(n)	" dwarf_regnum=\"" #n "\" ehframe_regnum=\"" #n "\""
#define X(n, name, type) "<reg name=\"" name "\" bitsize=\"64\" type=\"" type "\"" NUMBER(n) "/>"
#define R(n, name, type, role) \
	"<reg name=\"" name "\" bitsize=\"64\" type=\"" type "\" generic=\"" role "\"" NUMBER(n) "/>"
#define F(n, name)	"<reg name=\"" name "\" bitsize=\"64\" type=\"riscv_double\"" NUMBER(n) "/>"
#define CONTROL(name)	"<reg name=\"" name "\" bitsize=\"32\" type=\"int\"/>"
#define COUNTER(name)	"<reg name=\"" name "\" bitsize=\"64\" type=\"int\" save-restore=\"no\"/>"

const char registers_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target version=\"1.0\"><architecture>riscv:rv64</architecture><osabi>GNU/Linux</osabi>"
	"<feature name=\"org.gnu.gdb.riscv.cpu\">"
	X(0, "zero", "int") R(1, "ra", "code_ptr", "ra") R(2, "sp", "data_ptr", "sp")
	X(3, "gp", "data_ptr") X(4, "tp", "data_ptr") X(5, "t0", "int") X(6, "t1", "int") X(7, "t2", "int")
	R(8, "fp", "data_ptr", "fp") X(9, "s1", "int") R(10, "a0", "int", "arg1")
	R(11, "a1", "int", "arg2") R(12, "a2", "int", "arg3") R(13, "a3", "int", "arg4")
	R(14, "a4", "int", "arg5") R(15, "a5", "int", "arg6") R(16, "a6", "int", "arg7")
	R(17, "a7", "int", "arg8") X(18, "s2", "int") X(19, "s3", "int") X(20, "s4", "int")
	X(21, "s5", "int") X(22, "s6", "int") X(23, "s7", "int") X(24, "s8", "int") X(25, "s9", "int")
	X(26, "s10", "int") X(27, "s11", "int") X(28, "t3", "int") X(29, "t4", "int") X(30, "t5", "int")
	X(31, "t6", "int")
	"<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\" generic=\"pc\"/>"
	"</feature><feature name=\"org.gnu.gdb.riscv.fpu\">"
	"<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>"
	"<field name=\"double\" type=\"ieee_double\"/></union>"
	F(32, "ft0") F(33, "ft1") F(34, "ft2") F(35, "ft3") F(36, "ft4") F(37, "ft5") F(38, "ft6")
	F(39, "ft7") F(40, "fs0") F(41, "fs1") F(42, "fa0") F(43, "fa1") F(44, "fa2") F(45, "fa3")
	F(46, "fa4") F(47, "fa5") F(48, "fa6") F(49, "fa7") F(50, "fs2") F(51, "fs3") F(52, "fs4")
	F(53, "fs5") F(54, "fs6") F(55, "fs7") F(56, "fs8") F(57, "fs9") F(58, "fs10") F(59, "fs11")
	F(60, "ft8") F(61, "ft9") F(62, "ft10") F(63, "ft11")
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
