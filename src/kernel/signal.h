/* SPDX-License-Identifier: MIT */
/* signal.h - signals: sent, kept, delivered on return to the program
 *
 * A signal sent to a process is pending there until a task that does not block it returns to the
 * program; sent to a task, only that one takes it. Standard signals are kept once, real-time
 * signals (32 to 64) queue. Delivery pushes a frame with siginfo and ucontext, laid out as Linux
 * does on riscv64, onto the program's stack through uaccess; a stack that cannot take it is a
 * SIGSEGV that cannot be caught.
 *
 * Whoever runs tasks asks before a task goes back to its program or resumes a call:
 *
 *	if (signal_waiting(t) && !signal_deliver(t))
 *		it is dead, stopped, or sleeps: run another
 *	else if (t->call.active)
 *		call_dispatch(t)
 *	else
 *		hart_run
 *
 * and the dispatcher lets a task sleep on CALL_WAIT only if !signal_waiting(t). So a call that
 * waits stays active while signals are looked at: one that is ignored, or stops and continues the
 * process, leaves the call to be resumed as if nothing had happened. Only a handler ends the wait:
 * before its frame is pushed, call_interrupt (call.h) finishes the call, or leaves pc at the ecall
 * so that it begins again after the handler.
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/wait.h"

struct task;
struct process;
struct kernel;
struct object;
struct space;

enum { SIGNALS = 64 };

typedef uint64_t signal_set; /* bit n - 1: signal n */
static inline signal_set signal_bit(int n) { return UINT64_C(1) << (n - 1); }

/* What a handler sees in siginfo. */
struct signal_info {
	int32_t number, code;
	int32_t error;
	int32_t pid, uid; /* sender */
	int32_t status;	  /* SIGCHLD */
	uint64_t retired, system; /* SIGCHLD: the child's processor time, ns, and the kernel's part */
	uint64_t addr;	  /* SIGSEGV, SIGBUS, SIGILL, SIGTRAP */
	uint64_t value;	  /* sigval; timers, sigqueue */
	int32_t timer, overrun;
	uint64_t band; /* of a file that F_SETSIG was said of: events; 0: it is something else */
	int32_t fd;
};

struct signal_pending {
	struct signal_info info;
	TAILQ_ENTRY(signal_pending) link;
};

/* A number of the set without an entry in the list is a signal whose info found no memory. */
struct signal_queue {
	signal_set set;
	TAILQ_HEAD(, signal_pending) list;
};

/* sigaction, as the program set it. */
struct signal_action {
	uint64_t handler; /* 0: default, 1: ignore */
	uint64_t flags;
	signal_set mask;
};

struct signal_actions {
	unsigned refs;
	struct signal_action action[SIGNALS];
};

struct process_signals {
	struct signal_actions *actions; /* counted: CLONE_SIGHAND shares it; NULL: all defaults */
	struct signal_queue pending;
	unsigned queued; /* entries here and at the tasks, held to RLIMIT_SIGPENDING */
	struct wait_queue sent; /* told of each signal that is kept, here or at a task: signalfd */
};

struct task_signals {
	signal_set blocked;
	signal_set saved;  /* restored after the handler: see signal_mask_for_call */
	bool restore_saved;
	signal_set wanted; /* rt_sigtimedwait takes these itself */
	struct signal_queue pending;
	uint64_t stack, stack_size; /* sigaltstack */
	int32_t stack_flags;
};

void signals_init_process(struct process *p);  /* an empty one: all defaults */
/* Also copies the address of the trampoline. Returns 0 or -ENOMEM. */
int signals_fork(struct process *parent, struct process *child, bool share_actions);
/* Handlers back to default, ignored stay; alternate stack and timer_create's timers go. */
void signals_exec(struct process *p);
/* Pending ones, actions, timers. */
void signals_finish_process(struct process *p);
void signals_init_task(struct task *t);
void signals_finish_task(struct task *t);
/* A task of clone: its creator's mask; its alternate stack too, unless they share memory. */
void signals_clone_task(const struct task *from, struct task *t, bool share_memory);

/* The return from a handler: one page with rt_sigreturn, [vdso] in maps, the same object in every
 * space. execve maps it and keeps the address in process->trampoline. Returns 0 or an errno of
 * space_map. */
int signal_map_trampoline(struct kernel *k, struct space *s, uint64_t *ret_va);
/* Is this the trampoline's object? For the name in maps. */
bool signal_is_trampoline(const struct kernel *k, const struct object *o);
/* Gives the trampoline's object back, before mm_destroy. */
void signals_finish_kernel(struct kernel *k);

/* What the program asked for; number: 1 to 64. */
struct signal_action signal_action_of(const struct process *p, int number);
/* Returns 0 or -ENOMEM. What is pending and ignored from now on is dropped. */
int signal_action_set(struct process *p, int number, const struct signal_action *action);

/* Sends; wakes whoever must see it, and carries out stop, continue and kill. Returns 0 or -EAGAIN
 * (the queue is full). Sending cannot fail for standard signals. */
int signal_send_process(struct process *p, const struct signal_info *info);
int signal_send_task(struct task *t, const struct signal_info *info);
/* A synchronous fault of t itself: if it is blocked or ignored, the process dies of it. */
void signal_fault(struct task *t, const struct signal_info *info);

/* The last task of p is gone and p is a zombie with its status; its children still name it as
 * their parent. Tells the parent (its waiters are woken by the caller), sends children their
 * PR_SET_PDEATHSIG, and SIGHUP and SIGCONT to stopped groups that are orphans from now on. Returns
 * true when nobody will wait for p: reap it at once. */
bool signal_exited(struct process *p);

/* Is there something signal_deliver must do before t goes on? Ignored signals are never kept, so
 * this is false for them; while t is in a HELD call only SIGKILL counts, and in one that paused and is
 * held only what ends the process. */
bool signal_waiting(const struct task *t);
/* Takes what is pending: changes registers for a handler, ends or stops the process, or neither.
 * Returns false when the task no longer runs: dead, stopped, or waiting (for memory). */
bool signal_deliver(struct task *t);

/* ppoll, pselect6 and sigsuspend: blocked is mask until the call ends; a handler that interrupts it
 * returns to the old mask. Asked again by a resumed call it changes nothing. */
void signal_mask_for_call(struct task *t, signal_set mask);
/* Reads such a mask from the program. Returns 0, -EINVAL (size is not 8), -EFAULT or CALL_WAIT. */
int signal_read_set(struct task *t, uint64_t va, uint64_t size, signal_set *ret_set);
/* rt_sigreturn. */
int64_t signal_return(struct task *t);

#endif
