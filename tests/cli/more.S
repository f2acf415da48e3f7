/* SPDX-License-Identifier: MIT */
/* more.S - has more pages than a small machine has frames: it writes each of them, and reads each
 * again; its status is 0 if they hold what they should */

	.option norelax
	.equ PAGES, 100
	.text
	.globl _start
	.type _start, @function
_start:
	lla s0, pages
	li s1, 4096
	li t0, 1
1:	sd t0, 0(s0)
	add s0, s0, s1
	addi t0, t0, 1
	li t1, PAGES
	ble t0, t1, 1b

	lla s0, pages
	li t0, 1
	li a0, 0
2:	ld t2, 0(s0)
	sub t2, t2, t0
	or a0, a0, t2
	add s0, s0, s1
	addi t0, t0, 1
	ble t0, t1, 2b

	li a7, 94 /* exit_group */
	ecall
	.size _start, . - _start

	.bss
	.balign 4096
	.globl pages
	.type pages, @object
pages:	.zero PAGES * 4096
	.size pages, PAGES * 4096
