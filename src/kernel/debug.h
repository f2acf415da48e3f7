/* SPDX-License-Identifier: MIT */
/* debug.h - what the kernel tells a debugger, and what a debugger may ask of it
 *
 * A debugger stands outside the machine: while it looks nothing runs and no time passes, so that no
 * program can see it but by what it changes. It is told what happens to the processes that are
 * traced, by the task to which it happens, and answers whether the machine is to stop for it:
 *
 *	run:  ... an instruction, a call, a signal ... -> told -> true: kernel_run returns
 *	                                                   |      KERNEL_STOPPED
 *	                                                   +----> false: as if nobody had asked
 *
 * Whoever drives the machine lets it go on by the next kernel_run; a task that is held does not run
 * then, whatever its state, while others do.
 *
 * A debugger keeps numbers, not pointers: tasks and processes end between any two kernel_runs.
 */
#ifndef KERNEL_DEBUG_H
#define KERNEL_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

struct task;
struct signal_info;

enum debug_what {
	DEBUG_BREAK,	   /* it is at a stop address of its hart: value */
	DEBUG_WATCH,	   /* it touched what is watched: value */
	DEBUG_STEP,	   /* the step that it was to make is done: value is the pc */
	DEBUG_CALL_ENTER,  /* it is about to do system call value */
	DEBUG_CALL_EXIT,   /* it has done it */
	DEBUG_FORK,	   /* it has a child, of process number value, which has not run yet */
	DEBUG_VFORK,	   /* the same, and waits until the child executes or ends */
	DEBUG_VFORK_DONE,  /* that wait is over */
	DEBUG_EXEC,	   /* it is another program from here on */
	DEBUG_EXIT,	   /* its process ends, with status value as wait4 gives it; its memory is
			    * still there */
	DEBUG_THREAD_EXIT, /* it ends, and others of its process do not */
};

enum debug_signal {
	DEBUG_PASS, /* as if nobody had asked */
	DEBUG_DROP, /* it was never sent */
	DEBUG_HOLD, /* the machine stops; asked again when t goes on */
};

struct debugger {
	bool (*told)(void *ctx, struct task *t, enum debug_what what, uint64_t value);
	/* t is about to take a signal, not SIGKILL: be it by a handler, by dying of it, or by
	 * ignoring it. */
	enum debug_signal (*signal)(void *ctx, struct task *t, const struct signal_info *info);
	uint64_t signals; /* bit n - 1: n is told of even where it is ignored */
	void *ctx;
};

/* A task's, written by the debugger while the machine stands still. */
struct task_debug {
	bool held;
	bool step;			  /* DEBUG_STEP after one instruction, or at the start of a handler */
	uint64_t range_start, range_size; /* and no step ends in here */
	uint64_t step_pc, step_retired;	  /* where it began */
};

/* Asks the debugger, if t is traced. True: the machine stops before t runs on. */
bool debug_tell(struct task *t, enum debug_what what, uint64_t value);
/* The same for a signal. */
enum debug_signal debug_signal(struct task *t, const struct signal_info *info);
/* Of a task that steps, between two instructions: is the step done, and the machine to stop? */
bool debug_stepped(struct task *t);

/* t, which does not run now, makes one step; with size, it steps until it is outside [start, start +
 * size). */
void debug_step(struct task *t, uint64_t start, uint64_t size);
/* Writes into the memory of t as it looks to t, even where t itself may not write: private mappings
 * then get a copy. Lets virtual time pass where a page must be brought in. Returns 0, -EFAULT (no
 * region, or the end of a file), -EACCES (a shared mapping that may not be written), -ENOMEM. */
int debug_write(struct task *t, uint64_t va, const void *bytes, uint64_t size);
/* Before a debugger changes registers of t: a call that waits is given up, and begins again if pc is
 * left at its ecall. Returns 0, or -EBUSY: t waits for its vfork child, and cannot go elsewhere. */
int debug_leave_call(struct task *t);

#endif
