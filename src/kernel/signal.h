/* SPDX-License-Identifier: MIT */
/* signal.h - signals: sent, kept, delivered on return to the program
 *
 * A signal sent to a process is pending there until a task that does not block it returns to the
 * program; sent to a task, only that one takes it. Standard signals are kept once, real-time
 * signals (32 to 64) queue. Delivery pushes a frame with siginfo and ucontext, laid out as Linux
 * does on riscv64, onto the program's stack through uaccess; a stack that cannot take it is a
 * SIGSEGV that cannot be caught.
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct task;
struct process;
struct kernel;

enum { SIGNALS = 64 };

typedef uint64_t signal_set; /* bit n - 1: signal n */
static inline signal_set signal_bit(int n) { return UINT64_C(1) << (n - 1); }

/* What a handler sees in siginfo. */
struct signal_info {
	int32_t number, code;
	int32_t error;
	int32_t pid, uid; /* sender */
	int32_t status;	  /* SIGCHLD */
	uint64_t addr;	  /* SIGSEGV, SIGBUS, SIGILL, SIGTRAP */
	uint64_t value;	  /* sigval; timers, sigqueue */
	int32_t timer, overrun;
};

struct signal_pending {
	struct signal_info info;
	TAILQ_ENTRY(signal_pending) link;
};

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

struct process_signals {
	struct signal_action *action; /* [SIGNALS], counted: CLONE_SIGHAND shares it */
	unsigned *action_refs;
	struct signal_queue pending;
};

struct task_signals {
	signal_set blocked;
	signal_set saved;  /* restored after the handler: sigsuspend, ppoll, pselect */
	bool restore_saved;
	struct signal_queue pending;
	uint64_t stack, stack_size; /* sigaltstack */
	int32_t stack_flags;
};

void signals_init_process(struct process *p);  /* an empty one: all defaults */
int signals_fork(struct process *parent, struct process *child, bool share_actions);
void signals_exec(struct process *p);	       /* handlers back to default, ignored stay */
void signals_finish_process(struct process *p);
void signals_init_task(struct task *t);
void signals_finish_task(struct task *t);

/* Sends; wakes whoever must see it, and carries out stop, continue and kill. Returns 0 or -EAGAIN
 * (the queue is full). Sending cannot fail for standard signals. */
int signal_send_process(struct process *p, const struct signal_info *info);
int signal_send_task(struct task *t, const struct signal_info *info);
/* A synchronous fault of t itself: if it is blocked or ignored, the process dies of it. */
void signal_fault(struct task *t, const struct signal_info *info);

/* Is there one that t would take now? */
bool signal_waiting(const struct task *t);
/* Before t returns to the program: takes what is pending; changes registers for a handler, ends or
 * stops the process, or neither. call_result: what an interrupted system call is to return, for
 * restart decisions (see signal.c). Returns false when the task no longer runs, or waits. */
bool signal_deliver(struct task *t);
/* rt_sigreturn. */
int64_t signal_return(struct task *t);

#endif
