# SPDX-License-Identifier: MIT
# threads.S - a program with threads and no library: one that touches memory, is sent a signal and ends; one that
# waits for ever; and, with an argument, one that executes the program anew. Without: exit_group while it waits.
	.equ	SYS_write, 64
	.equ	SYS_exit, 93
	.equ	SYS_exit_group, 94
	.equ	SYS_futex, 98
	.equ	SYS_tgkill, 131
	.equ	SYS_sigaction, 134
	.equ	SYS_getpid, 172
	.equ	SYS_gettid, 178
	.equ	SYS_clone, 220
	.equ	SYS_execve, 221
	# VM FS FILES SIGHAND THREAD SYSVSEM PARENT_SETTID CHILD_CLEARTID
	.equ	THREAD, 0x350f00

	.globl	_start, main
	.text
_start:
main:	ld	s0, 0(sp)		# argc
	li	a0, 10			# SIGUSR1
	la	a1, action
	li	a2, 0
	li	a3, 8
	li	a7, SYS_sigaction
	ecall

	la	s1, worker
	call	start
	call	join
	la	s1, sleeper
	call	start
	li	t0, 2
	blt	s0, t0, done
	la	s1, executer
	call	start
	call	join			# never
done:	li	a0, 3
	li	a7, SYS_exit_group
	ecall

# A thread at s1. Its stack lies behind the one before.
start:	la	t0, stacks
	ld	t1, 0(t0)
	li	t2, 4096
	add	t1, t1, t2
	sd	t1, 0(t0)
	li	a0, THREAD
	mv	a1, t1
	la	a2, tid
	li	a3, 0
	la	a4, tid
	li	a7, SYS_clone
	ecall
	beqz	a0, 1f
	ret
1:	jr	s1

# Until the thread that was started last has ended.
join:	la	a0, tid
	lw	a2, 0(a0)
	beqz	a2, 1f
	li	a1, 0			# FUTEX_WAIT
	li	a3, 0
	li	a7, SYS_futex
	ecall
	j	join
1:	ret

worker:	sd	zero, -8(sp)		# its stack
	la	t0, shared
	sd	sp, 0(t0)
	li	a7, SYS_getpid
	ecall
	mv	s2, a0
	li	a7, SYS_gettid
	ecall
	mv	a1, a0
	mv	a0, s2
	li	a2, 10
	li	a7, SYS_tgkill
	ecall
	li	a0, 1
	la	a1, text
	li	a2, 7
	li	a7, SYS_write
	ecall
	li	a0, 0
	li	a7, SYS_exit
	ecall

sleeper: la	a0, never
	li	a1, 0x80		# FUTEX_WAIT_PRIVATE
	li	a2, 0
	li	a3, 0
	li	a7, SYS_futex
	ecall
	j	sleeper

executer: la	a0, path
	la	a1, argv
	addi	a2, a1, 8
	li	a7, SYS_execve
	ecall
	ebreak

handler: ret

	.section .rodata
text:	.ascii	"thread\n"
path:	.asciz	"/threads"
	.data
	.balign	8
argv:	.dword	path, 0
action:	.dword	handler, 0, 0
stacks:	.dword	space
tid:	.word	0
never:	.word	0
	.bss
	.balign	4096
space:	.skip	4 * 4096
	.balign	4096
shared:	.skip	4096
