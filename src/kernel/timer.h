/* SPDX-License-Identifier: MIT */
/* timer.h - what happens at a time: setitimer, timer_create, RLIMIT_CPU of a process; timerfds
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
struct task;

/* Ids of setitimer's three; timer_create's count from 0. */
enum { TIMER_REAL = -1, TIMER_VIRTUAL = -2, TIMER_PROF = -3 };

struct timer {
	struct kernel *kernel;
	struct process *process; /* NULL: a file's (timerfd.c), which is told instead of sending */
	void (*expired)(struct timer *x, uint64_t periods);
	int32_t id;
	int32_t clock;	   /* CLOCK_* */
	bool cpu;	   /* deadline is in processor time of the process */
	bool armed;
	int32_t signal;	   /* 0: none (SIGEV_NONE) */
	int32_t tid;	   /* SIGEV_THREAD_ID; 0: the process */
	uint64_t value;	   /* sigev_value */
	uint64_t deadline; /* ns of its clock, virtual now or processor time */
	uint64_t interval; /* 0: once */
	uint64_t missed;   /* periods that were over when it was armed, and will be told with the first */
	uint64_t bunched;  /* periods that end before deadline and will be told with it */
	int32_t overrun;   /* of the signal last taken */
	uint64_t serial;   /* orders equal deadlines */
	LIST_ENTRY(timer) link;
	RB_ENTRY(timer) tree;
};

/* When the next timer is due, in virtual ns; NO_DEADLINE: none. */
uint64_t timers_next(struct kernel *k);
/* When the next processor-time timer or limit of t or its process is due if t runs from now on. */
uint64_t timers_next_of(struct task *t);
/* Sends the signals of those that are due; of processor time: those of k->current's process. Cheap
 * when none is. */
void timers_run(struct kernel *k);

/* The process ended: its timers go. execve keeps setitimer's and drops timer_create's. */
void timers_finish(struct process *p);
void timers_exec(struct process *p);

/* The signal of a timer is taken by the program: overrun becomes what timer_getoverrun tells. */
void timer_taken(struct process *p, int32_t id, int32_t overrun);

/* How many timer_create has made. */
unsigned timers_count(const struct process *p);
/* NULL: there is none. */
struct timer *timer_find(struct process *p, int32_t id);
/* Not armed. Returns 0 or -ENOMEM. */
int timer_create_for(struct process *p, int32_t id, struct timer **ret_timer);
void timer_destroy(struct timer *x);
/* deadline: on the timer's clock, 0: disarms. */
void timer_arm(struct timer *x, uint64_t deadline, uint64_t interval);
/* Its deadline was late ns ago: it is due now, with the periods that were missed. */
void timer_arm_late(struct timer *x, uint64_t late, uint64_t interval);
/* A timer that belongs to a file, idle. */
void timer_init_file(struct timer *x, struct kernel *k, int32_t clock,
		     void (*expired)(struct timer *x, uint64_t periods));
/* Tells of periods that have ended, but were to be told later, several at once. */
void timer_catch_up(struct timer *x);
/* The program's struct itimerspec: interval and what is left. */
int timer_write(struct task *t, uint64_t va, const struct timer *x);
/* What is left, 0: not armed. A timer that is due has 1 ns left. */
uint64_t timer_left(const struct timer *x);
/* The timer's clock now: virtual ns, or processor time. */
uint64_t timer_now(const struct timer *x);

/* Times as programs give them; one of more than 292 years is as good as for ever. Return 0, -EINVAL,
 * -EFAULT or CALL_WAIT. */
int timespec_read(struct task *t, uint64_t va, uint64_t *ret_ns);
int timespec_write(struct task *t, uint64_t va, uint64_t ns);
/* now + ns, less than NO_DEADLINE. */
uint64_t time_after(uint64_t now, uint64_t ns);

#endif
