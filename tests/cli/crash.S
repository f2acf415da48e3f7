/* SPDX-License-Identifier: MIT */
/* crash.S - dies in as many ways as it may be given arguments: none, a null pointer */

	.option norelax
	.text
	.globl _start, main
	.type _start, @function
_start:
	ld a0, 0(sp) /* argc: 1 is for the name */
	call main
	.size _start, . - _start

	.type main, @function
main:
	addi a0, a0, -1
	beqz a0, null
	addi a0, a0, -1
	beqz a0, constant
	addi a0, a0, -1
	beqz a0, data
	addi a0, a0, -1
	beqz a0, unmapped
	addi a0, a0, -1
	beqz a0, overrun
	addi a0, a0, -1
	beqz a0, overwritten
	addi a0, a0, -1
	beqz a0, endless
	addi a0, a0, -1
	beqz a0, beyond
	addi a0, a0, -1
	beqz a0, guarded
	addi a0, a0, -1
	beqz a0, aborted
	unimp

null:	li a5, 0
	sd zero, 8(a5)

constant:
	lla a5, word
	li a4, 'H'
	sb a4, 0(a5)

data:	lla a5, number
	jalr a5

unmapped:
	call map
	mv s0, a0
	sd zero, 0(s0)
	li a1, 8192
	li a7, 215 /* munmap */
	ecall
	ld a4, 16(s0)

overrun:
	lla a5, block
1:	sd zero, 0(a5)
	addi a5, a5, 8
	j 1b

overwritten:
	lla a5, letters
	ld a5, 0(a5)
	ld a4, 0(a5)

endless:
	addi sp, sp, -2047
	sd ra, 0(sp)
	call endless

beyond:	/* a file of 3 bytes, mapped for two pages */
	li a0, -100
	lla a1, path
	li a2, 0
	li a7, 56 /* openat */
	ecall
	mv a4, a0
	li a0, 0
	li a1, 8192
	li a2, 1
	li a3, 1
	li a5, 0
	li a7, 222 /* mmap */
	ecall
	li a5, 4096
	add a5, a0, a5
	lb a4, 0(a5)

guarded:
	call map
	mv s0, a0
	li a1, 4096
	li a2, 0
	li a7, 226 /* mprotect: nothing */
	ecall
	ld a4, 0(s0)

aborted:
	li a7, 172 /* getpid */
	ecall
	li a1, 6 /* SIGABRT */
	li a7, 129 /* kill */
	ecall
	.size main, . - main

map:	li a0, 0
	li a1, 8192
	li a2, 3
	li a3, 0x22
	li a4, -1
	li a5, 0
	li a7, 222 /* mmap */
	ecall
	ret

	.section .rodata
word:	.asciz "hello"
path:	.asciz "/three"

	.data
	.balign 8
number:	.dword 1
letters: .ascii "a string"

	.bss
	.balign 4096
block:	.zero 4096
