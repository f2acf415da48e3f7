/* SPDX-License-Identifier: MIT */
/* task.h - processes and their threads
 *
 *	process   what its threads share: space, files, working directory, signal handlers, ids
 *	  |
 *	 task     one thread: registers, signal mask, what it waits for
 *
 * A task is in exactly one state:
 *
 *	          chosen                    trap, budget used up
 *	READY <----------> RUNNING --+---------------------------> READY
 *	  ^                          | CALL_WAIT, fault waits
 *	  |   wake, deadline, signal v
 *	  +----------------------- WAITING        STOPPED: by a signal, until SIGCONT
 *	                                          DEAD: exited; a zombie process keeps its status
 *
 * A process lives until its parent has waited for it; orphans go to init (pid 1), the kernel's
 * own, which has no program and reaps at once.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/debug.h"
#include "kernel/signal.h"
#include "kernel/wait.h"
#include "machine/hart.h"
#include "vm/mm.h"

struct cred;
struct kernel;
struct fd_table;
struct fs;
struct file;

enum task_state { TASK_READY, TASK_RUNNING, TASK_WAITING, TASK_STOPPED, TASK_DEAD };

/* The system call that a task is in. */
struct call {
	bool active;	   /* begun and not finished: it is resumed, not begun again */
	bool told;	   /* its enter event was emitted */
	bool interrupted;  /* a signal arrived while it waited: finish with what there is, or -EINTR */
	bool again;	   /* its handler: a signal's handler does not end it, it is begun anew afterwards */
	bool paused;	   /* its handler does not wait, but let others have their turn: see wait.h */
	bool held, alone;  /* meanwhile only a signal that ends the process counts; nobody else runs */
	bool woken;	   /* its handler waits, but what it waits for has happened already: ask again */
	uint32_t number;
	uint64_t arg[6];
	uint64_t done;	   /* progress that counts: bytes transferred so far */
	uint64_t state[4]; /* the handler's own; zero when it begins */
	uint64_t deadline; /* the handler's own; NO_DEADLINE when it begins */
	/* Gives back what a waiting handler holds in state, when the call or the task ends; NULL: nothing. */
	void (*abandon)(struct task *t);
};

/* How often a task gave up the hart, and how often others took it. */
struct switches {
	uint64_t slept, preempted;
};

/* What was read and written by calls: bytes, and how often. */
struct io_count {
	uint64_t read, written, reads, writes;
};

struct task {
	int32_t tid;
	struct process *process;
	enum task_state state;
	struct regs regs; /* while it is not running */
	struct call call;
	struct cred *cred; /* who it is: see cred.h */
	struct task_signals signals;
	uint64_t clear_child_tid, robust_list, robust_size;
	uint64_t rseq; /* 0: not registered; see rseq.h */
	uint32_t rseq_size, rseq_signature;
	bool rseq_due; /* others had the hart since it ran */
	struct wait_entry wait[4], *wait_more; /* wait_more: an array, for poll */
	unsigned waits, wait_more_size;
	uint64_t deadline; /* NO_DEADLINE: none */
	uint64_t retired;  /* processor time, ns: instructions, and the kernel's work */
	uint64_t system;   /* of that, the kernel's work */
	struct switches switches;
	struct {
		uint64_t now, usual; /* of timers, in ns: see prctl */
	} slack;
	struct mempolicy mempolicy; /* kept and told: see sys_numa.c */
	struct {
		uint64_t watcher, va; /* who was told of its fault, and where that is: see userfault.h */
		uint32_t flags;
		bool told;
	} handed;
	struct {
		unsigned unread; /* events of its call that it waits for to be read: see userfault.h */
		bool over;	 /* the call is done otherwise, with this result */
		int64_t result;
	} tells;
	struct {
		int32_t policy, priority; /* as sched_setscheduler has them; priority: 0, or 1 to 99 of real time */
		int32_t nice;
		uint16_t io; /* priority of its transfers, kept and shown: they keep their order */
		bool reset_on_fork, yields;
		/* What it ran, by weight; since it was last in line; since it last waited: see sched_order.c. */
		uint64_t had, slice, burst;
	} sched;
	char comm[16];
	struct task_debug debug;
	TAILQ_ENTRY(task) run;	   /* the run queue; once dead, those to free */
	RB_ENTRY(task) sleep;	   /* by deadline, then tid */
	RB_ENTRY(task) by_tid;	   /* not of the first task of a process */
	TAILQ_ENTRY(task) sibling; /* process->tasks */
};

struct sem_undo;
struct timer;
struct tty;

struct process {
	int32_t pid, pgid, sid;
	struct kernel *kernel;
	struct process *parent;
	TAILQ_HEAD(, process) children;
	TAILQ_ENTRY(process) sibling;
	RB_ENTRY(process) by_pid;
	RB_ENTRY(process) by_group;
	TAILQ_HEAD(, task) tasks;
	unsigned threads;
	struct space *space; /* NULL: exited, or init */
	unsigned *space_refs; /* processes that share it: vfork, CLONE_VM */
	struct fd_table *files;
	struct fs *fs; /* working directory and umask */
	struct process_signals signals;
	uint64_t trampoline; /* where handlers return to: see signal.h */
	struct tally tally;	     /* faults and calls, kept across execve */
	struct tally children_tally; /* of children that were waited for */
	uint64_t retired, children_retired; /* as a task's */
	uint64_t system, children_system;
	struct switches switches, children_switches;
	struct io_count io;
	uint64_t resident_peak; /* pages; of programs that it no longer is */
	uint64_t children_resident_peak; /* pages, of the largest that was waited for */
	uint64_t started; /* virtual ns */
	struct {
		uint64_t soft, hard;
	} limit[16];
	struct file *program;	 /* that it executes; NULL: init, or it has ended */
	char *exe;		 /* guest path of the program */
	uint64_t auxv[64]; /* as given at execve, for /proc/PID/auxv */
	unsigned auxv_words;
	uint64_t arg_start, arg_end, env_start, env_end, stack_start, code_start, code_end, data_start, data_end;
	bool zombie, exiting, stopped;
	int stop_signal; /* while stopped */
	bool stop_told, continued_told; /* wait4 told of it; both true until it happens */
	int status; /* as wait4 gives it, once zombie */
	int exit_signal; /* what the parent is sent: SIGCHLD, or as clone asked */
	struct process *vforked; /* parent that waits until this child executes or ends */
	struct wait_queue vfork_wait; /* where that parent waits */
	struct wait_queue child_wait; /* the parent's tasks that wait for any child of its */
	LIST_HEAD(, timer) timers; /* see timer.h */
	int32_t next_timer_id;
	LIST_HEAD(, sem_undo) sem_undos; /* see ipc_sem.c */
	uint32_t barriers; /* of membarrier, what it has registered for */
	struct pidref *pidref;	   /* see pidfd.h; NULL: nobody has opened it */
	LIST_HEAD(, pidref) thread_pidrefs; /* of further threads */
	int oom_score_adj;
	unsigned core_filter; /* coredump_filter: see core.h */
	unsigned long personality;
	bool dumpable, no_new_privs, thp_disable;
	bool subreaper; /* orphans among its descendants become its children */
	bool executed; /* it called execve since it was made: setpgid by its parent comes too late */
	bool traced; /* a debugger is told what happens to it */
	struct tty *tty; /* of its session; NULL: none */
	int32_t hung_group; /* of a leader: who was in the foreground of the terminal it lost */
	int death_signal; /* prctl(PR_SET_PDEATHSIG) */
};

/* A new process with one task, a child of parent, its space empty (NULL). Returns 0, -ENOMEM or
 * -EAGAIN (no pid left). */
int process_create(struct kernel *k, struct process *parent, struct process **ret_process);
/* fork, vfork, clone: the child of t, with a copy of registers and all that flags do not share.
 * flags, stack and the rest as clone takes them. Returns the new tid or a negative errno. */
int64_t task_clone(struct task *t, uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t pidfd, uint64_t tls,
		   uint64_t child_tid);
/* One more task of a process. Returns 0, -ENOMEM or -EAGAIN. */
int task_add(struct process *p, struct task **ret_task);
/* Gives up a process that never ran: nobody is told of its end. */
void process_abandon(struct process *p);
/* Ends a task; the last one of a process makes it a zombie with this status. */
void task_exit(struct task *t, int status);
/* Ends all tasks of a process: exit_group, and death by a signal (status as wait4 gives it). */
void process_exit(struct process *p, int status);
/* Ends all other tasks of its process; it takes over the process's number: for execve. */
void task_leave_alone(struct task *t);
struct process *process_find(struct kernel *k, int32_t pid);
struct task *task_find(struct kernel *k, int32_t tid);
/* Stops a task wherever it is, and lets it go on from there: what it waited for it asks again. */
void task_stop(struct task *t);
void task_continue(struct task *t);
/* Gives up a zombie: its parent has its status. */
void process_reap(struct process *p);
/* The child leaves its parent's memory (execve, exit): the parent goes on. */
void process_vfork_done(struct process *child);
/* f: the program that it executes from now on, or NULL; another reference. */
void process_set_program(struct process *p, struct file *f);
/* The process has this space from now on, alone; the one it had loses a user. */
void process_set_space(struct process *p, struct space *s, unsigned *refs);
/* In pid order; NULL after the last. */
struct process *process_first(struct kernel *k);
struct process *process_next(struct process *p);
/* The registers of t, wherever they are now: the hart's while it runs. */
struct regs *task_regs(struct task *t);
/* The first task of a process: its main thread. */
struct task *process_task(struct process *p);
/* group.c. In and out of a group: when a process is made and reaped, and when it changes to another.
 * Walking a group looks at nobody else. In pid order; NULL after the last. */
void process_group_join(struct process *p, int32_t pgid);
void process_group_leave(struct process *p);
struct process *process_group_first(struct kernel *k, int32_t pgid);
struct process *process_group_next(struct process *p);
/* Calls fn, which may end any of them, for each but init; returns how many there were. */
unsigned process_group_each(struct kernel *k, int32_t pgid, void (*fn)(struct process *p, void *ctx), void *ctx);

#endif
