/* SPDX-License-Identifier: MIT */
/* sched.h - whose turn it is, between the rooms of the kernel
 *
 *	         slice over                       turn
 *	  +---------------------- RUNNING <----------------- ready queue
 *	  |                          |                            ^
 *	  +--------------------------|----------------------------+
 *	                             | CALL_WAIT                  | wait_wake, deadline
 *	                             +-------> WAITING -----------+
 *
 * Round robin: who becomes ready goes to the end of the queue. The running task is looked at again
 * at slice_end at the latest; sched_look_at brings that forward.
 *
 * That is so while all are alike, which is most often. Once somebody has asked for another nice value
 * or policy, the order is Linux's (sched_order.c):
 *
 *	FIFO, RR      the highest priority first, and nobody else meanwhile; who becomes ready with a
 *		      higher one takes over at that very instruction. FIFO has no slices
 *	OTHER, BATCH  who had least, counted by weight: 1024 of nice 0, a quarter more for each step
 *		      down, to 88817 of -20, a fifth less for each step up, to 14 of 19
 *	IDLE          when nobody else wants to
 *
 * Calls take no time but for the instructions around them, as long as they are short. A long one is done
 * in pieces (wait_pause), and each of these takes WORK_NS, which count as the system's time of who called,
 * so that timers go off, others have their turn and limits are met meanwhile.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/fault.h"

struct kernel;
struct task;

/* Instructions, and so virtual nanoseconds, that a task runs while others are ready. */
enum { SCHED_SLICE = 1000000 };
/* What a piece of the kernel's long work takes, ns: about what copying 1 MiB takes natively. */
enum { WORK_NS = 100000 };
/* Linux's numbers; its 6, DEADLINE, is refused. */
enum { SCHED_POLICY_OTHER = 0, SCHED_POLICY_FIFO = 1, SCHED_POLICY_RR = 2, SCHED_POLICY_BATCH = 3, SCHED_POLICY_IDLE = 5 };

/* t can run: it goes to the end of the ready queue. */
void sched_ready(struct task *t);
/* Off the ready queue, if it is there; the state is the caller's to set. */
void sched_remove(struct task *t);
/* Something is due at virtual time ns. */
void sched_look_at(struct kernel *k, uint64_t ns);
/* sched_order.c: from now on not all are alike. */
void sched_uneven(struct kernel *k);
/* Who is next, and stays in the queue; NULL: nobody is ready. */
struct task *sched_pick(struct kernel *k);
/* t is ready; ran: and was running until now. */
void sched_join(struct task *t, bool ran);
/* How long it may run now, if others want to. */
uint64_t sched_slice(const struct task *t);
/* t ran for so long. */
void sched_charge(struct task *t, uint64_t ns);
/* t, which is the current task, has another space from now on. */
void sched_new_space(struct task *t);
/* For --drop-mappings: drops some if it is time to. Returns the instructions until the next time. */
uint64_t drop_mappings(struct kernel *k);
/* Frees tasks and processes that ended: nothing on the host's stack may name one. */
void sched_bury(struct kernel *k);

/* Off every wait queue, and no deadline; the state stays. */
void wait_forget(struct task *t);

/* What a trap of t means: a fault is handled, or becomes a signal and a sentence. */
void trap_fault(struct task *t, uint64_t va, enum access access);
void trap_signal(struct task *t, int number, int code, uint64_t addr, const char *what);
/* No frame can be had: ends the process whose end gives most. False: there is none. */
bool oom_kill(struct kernel *k);

/* Says once, when it begins, that the machine thrashes. */
void thrash_look(struct kernel *k);

/* load.c. Looks at how many want to run, where it is time to; the load as text of /proc/loadavg. */
void load_run(struct kernel *k);
struct text;
void load_text(const struct kernel *k, struct text *text);

/* Lets virtual time pass until the next transfer of the paging system ends. */
void sched_pass_io(struct kernel *k);

/* What a new thread or process has of its parent's policy and priority. */
void sched_inherit(const struct task *parent, struct task *child);

#endif
