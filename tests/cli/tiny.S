/* SPDX-License-Identifier: MIT */
/* tiny.S - a program without a library, whose faults and calls are the same whatever compiled it */

#define AT_FDCWD -100
#define SIGCHLD 17

	.option norelax
	.text
	.globl _start, main
	.type _start, @function
_start:
	call main
	li a7, 94 /* exit_group */
	ecall
	.size _start, . - _start

	.type main, @function
main:
	addi sp, sp, -64
	sd ra, 56(sp)

	li a0, 1
	lla a1, hello
	li a2, 3
	li a7, 64 /* write */
	ecall

	/* zero-fill; zero-map, then zero-fill */
	lla s0, counter
	sd a0, 0(s0)
	li t0, 4096
	add t0, s0, t0
	ld t1, 0(t0)
	sd t1, 0(t0)

	li a0, AT_FDCWD
	lla a1, nothing
	li a2, 0
	li a7, 56 /* openat */
	ecall

	/* A page that the kernel is the first to touch, in the middle of a call. */
	li a0, 0
	li a1, 8192
	li a2, 3
	li a3, 0x22
	li a4, -1
	li a5, 0
	li a7, 222 /* mmap */
	ecall
	mv s1, a0
	addi a0, sp, 16
	li a1, 0
	li a7, 59 /* pipe2 */
	ecall
	lw a0, 20(sp)
	lla a1, hello
	li a2, 3
	li a7, 64
	ecall
	lw a0, 16(sp)
	mv a1, s1
	li a2, 100
	li a7, 63 /* read */
	ecall

	li a0, SIGCHLD
	li a1, 0
	li a7, 220 /* clone */
	ecall
	bnez a0, parent
	sd a0, 0(s0) /* cow-copy */
	li a0, 5
	li a7, 94
	ecall
parent:
	li a0, -1
	addi a1, sp, 24
	li a2, 0
	li a3, 0
	li a7, 260 /* wait4 */
	ecall
	sd a0, 0(s0) /* cow-reuse */

	ld ra, 56(sp)
	addi sp, sp, 64
	li a0, 3
	ret
	.size main, . - main

	.type poke, @function
	.globl poke
poke:
	sd zero, 8(zero)
	.size poke, . - poke

	.section .rodata
hello:	.ascii "hi\n"
nothing: .asciz "/nothing"

	.bss
	.balign 4096
	.globl counter
	.type counter, @object
counter: .zero 8192
	.size counter, 8192
