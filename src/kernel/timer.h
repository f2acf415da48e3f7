/* SPDX-License-Identifier: MIT */
/* timer.h - what happens to a process at a time: setitimer, timer_create, RLIMIT_CPU
 *
 * A timer runs on a clock of virtual time, or on the processor time of its process. Armed ones of
 * the first kind lie in one tree of the kernel, by deadline; those of the second kind are few, and
 * only the current process's can come due.
 *
 *	             arm                     deadline, interval 0
 *	IDLE  ---------------->  ARMED  -------------------------->  IDLE, signal sent
 *	      <----------------    ^ |
 *	        arm with 0         +-+ deadline, interval > 0: signal sent, missed periods counted
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct kernel;
struct process;

/* Ids of setitimer's three; timer_create's count from 0. */
enum { TIMER_REAL = -1, TIMER_VIRTUAL = -2, TIMER_PROF = -3 };

struct timer {
	struct process *process;
	int32_t id;
	int32_t clock;	   /* CLOCK_* */
	bool cpu;	   /* deadline is in processor time of the process */
	bool armed;
	int32_t signal;	   /* 0: none (SIGEV_NONE) */
	int32_t tid;	   /* SIGEV_THREAD_ID; 0: the process */
	uint64_t value;	   /* sigev_value */
	uint64_t deadline; /* ns of its clock, virtual now or processor time */
	uint64_t interval; /* 0: once */
	int32_t overrun;   /* of the signal last taken */
	uint64_t serial;   /* orders equal deadlines */
	LIST_ENTRY(timer) link;
	RB_ENTRY(timer) tree;
};

/* When the next timer is due, in virtual ns; NO_DEADLINE: none. Processor-time timers of
 * k->current count as if it ran until then. */
uint64_t timers_next(struct kernel *k);
/* Sends the signals of those that are due. Cheap when none is. */
void timers_run(struct kernel *k);

/* The process ended: its timers go. execve keeps setitimer's and drops timer_create's. */
void timers_finish(struct process *p);
void timers_exec(struct process *p);

/* The signal of a timer is taken by the program: overrun becomes what timer_getoverrun tells. */
void timer_taken(struct process *p, int32_t id, int32_t overrun);

#endif
