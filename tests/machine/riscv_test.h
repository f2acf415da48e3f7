/* SPDX-License-Identifier: MIT */
/* riscv_test.h - lets the user-level riscv-tests run as Linux programs
 *
 * The tests (https://github.com/riscv-software-src/riscv-tests) are not part of Carrel. With this
 * file in place of theirs, `exit` tells: 0 passed, else the number of the case that failed.
 *
 *	riscv64-linux-gnu-gcc -nostdlib -nostartfiles -static -march=rv64gc -Wl,--no-relax \
 *		-I carrel/tests/machine -I riscv-tests/isa/macros/scalar \
 *		-o rv64ui-add riscv-tests/isa/rv64ui/add.S
 *
 * test_riscv_tests runs every file of the folder that CARREL_RISCV_TESTS names.
 */
#ifndef TESTS_MACHINE_RISCV_TEST_H
#define TESTS_MACHINE_RISCV_TEST_H

#define TESTNUM gp

#define RVTEST_RV64U
#define RVTEST_RV64UF

#define RVTEST_CODE_BEGIN                                                                          \
	.section .text.init;                                                                       \
	.globl _start;                                                                             \
	_start:                                                                                    \
	li TESTNUM, 0
#define RVTEST_CODE_END

#define RVTEST_PASS                                                                                \
	li a0, 0;                                                                                  \
	li a7, 93;                                                                                 \
	ecall
#define RVTEST_FAIL                                                                                \
	mv a0, TESTNUM;                                                                            \
	li a7, 93;                                                                                 \
	ecall

#define EXTRA_DATA
#define RVTEST_DATA_BEGIN .align 4
#define RVTEST_DATA_END

#endif
