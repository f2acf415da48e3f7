/* SPDX-License-Identifier: MIT */
/* call.c - what happens to a system call, whichever it is
 *
 *	          dispatch                    result
 *	(ecall) ------------> active --------------------------> done: a0 set, pc moved on
 *	                       |   ^
 *	             CALL_WAIT |   | woken: dispatch again
 *	                       v   |
 *	                     asleep --- call_interrupt ---> done with its count or -EINTR, or left at
 *	                                                    its ecall to begin again
 */
#include "kernel/call.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/debug.h"
#include "kernel/event/userfault.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

#define CALL(number, name, restart, result, ...)                                                   \
	[number] = {                                                                               \
	    #name,     sys_##name, restart, CALL_ARGS(__VA_ARGS__), {CALL_TYPES(__VA_ARGS__)},     \
	    T_##result},
#define REFUSED(number, name, error, why, ...)                                                     \
	[number] = {                                                                               \
	    #name, NULL,  NEVER, CALL_ARGS(__VA_ARGS__) ?: 6, {CALL_TYPES(__VA_ARGS__)},           \
	    T_int, error},
/* How many types were listed, and each with its T_: 0 to 6 of them. */
#define CALL_ARGS(...)                        CALL_NTH(_, ##__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)
#define CALL_NTH(z, a, b, c, d, e, f, n, ...) n
#define CALL_TYPES(...)                       CALL_PASTE(CALL_NTH(_, ##__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0))(__VA_ARGS__)
#define CALL_PASTE(n)                         CALL_PASTE2(n)
#define CALL_PASTE2(n)                        CALL_TYPES##n
#define CALL_TYPES0(...)                      T_none
#define CALL_TYPES1(a)                        T_##a
#define CALL_TYPES2(a, b)                     T_##a, T_##b
#define CALL_TYPES3(a, b, c)                  T_##a, T_##b, T_##c
#define CALL_TYPES4(a, b, c, d)               T_##a, T_##b, T_##c, T_##d
#define CALL_TYPES5(a, b, c, d, e)            T_##a, T_##b, T_##c, T_##d, T_##e
#define CALL_TYPES6(a, b, c, d, e, f)         T_##a, T_##b, T_##c, T_##d, T_##e, T_##f

static const struct call_info calls[CALL_NUMBERS] = {
#include "kernel/syscalls.def"
};

static const struct call_info unknown = {.restart = NEVER,
					 .args = 6,
					 .type = {T_hex, T_hex, T_hex, T_hex, T_hex, T_hex},
					 .result = T_int,
					 .error = ENOSYS};

const struct call_info *call_info(uint64_t number)
{
	return number < CALL_NUMBERS && calls[number].name ? &calls[number] : &unknown;
}

/* A call that syscalls.def refuses, or that Linux has not either. */
static int64_t call_refused(struct task *t, const struct call_info *info)
{
	struct kernel *k = t->process->kernel;
	uint32_t number = t->call.number;
	bool told = number < CALL_NUMBERS && k->refused_call[number];
	if (number < CALL_NUMBERS)
		k->refused_call[number] = true;
	if (k->config.verbose && !told)
		kernel_say(k,
			   "%s (pid %d) asked for system call %u%s%s, which Carrel does not have; "
			   "it gets %s",
			   t->comm, t->process->pid, number, info->name ? ", " : "",
			   info->name ? info->name : "", strerrorname_np(info->error));
	return -info->error;
}

/* What strace shows of a call that begins again after a handler. */
enum { ERESTARTSYS = 512 };

static __attribute__((noinline)) void show_enter(struct task *t)
{
	struct kernel *k = t->process->kernel;
	struct text text = TEXT;
	call_text_enter(t, &text);
	EVENT_OF(k->events, &t->process->tally, t->process->pid, t->tid, kernel_now(k), syscall_enter,
		 .number = t->call.number, .text = text_str(&text));
	text_finish(&text);
}

static __attribute__((noinline)) void show_exit(struct task *t, int64_t result)
{
	struct kernel *k = t->process->kernel;
	struct text text = TEXT;
	call_text_exit(t, result, &text);
	EVENT_OF(k->events, &t->process->tally, t->process->pid, t->tid, kernel_now(k), syscall_exit,
		 .number = t->call.number, .result = result, .text = text_str(&text));
	text_finish(&text);
}

static void tell_enter(struct task *t)
{
	struct kernel *k = t->process->kernel;
	t->call.told = k->events->observed;
	if (unlikely(k->events->observed))
		show_enter(t);
	else
		EVENT(k->events, &t->process->tally, t->process->pid, 0, syscall_enter,
		      .number = t->call.number);
}

static void tell_exit(struct task *t, int64_t result)
{
	struct kernel *k = t->process->kernel;
	if (unlikely(k->events->observed))
		show_exit(t, result);
	else
		EVENT(k->events, &t->process->tally, t->process->pid, 0, syscall_exit,
		      .number = t->call.number, .result = result);
}

static void begin(struct task *t)
{
	const struct regs *r = task_regs(t);
	struct call *c = &t->call;
	c->active = true;
	c->interrupted = c->again = c->paused = c->held = false;
	c->number = (uint32_t)min_u64(r->x[REG_A7], UINT32_MAX);
	for (unsigned i = 0; i < array_size(c->arg); i++)
		c->arg[i] = r->x[REG_A0 + i];
	c->done = 0;
	memset(c->state, 0, sizeof(c->state));
	c->deadline = NO_DEADLINE;
	c->abandon = NULL;
	tell_enter(t);
}

#define CALL(number, name, ...) NUMBER_##name = number,
enum {
#include "kernel/syscalls.def"
};

/* For /proc/PID/io: what moves bytes between a program and a file. */
static void count_io(struct process *p, uint32_t number, int64_t result)
{
	bool in = false, out = false;
	switch (number) {
	case NUMBER_read:
	case NUMBER_readv:
	case NUMBER_pread64:
	case NUMBER_preadv:
	case NUMBER_preadv2: in = true; break;
	case NUMBER_write:
	case NUMBER_writev:
	case NUMBER_pwrite64:
	case NUMBER_pwritev:
	case NUMBER_pwritev2: out = true; break;
	case NUMBER_sendfile:
	case NUMBER_copy_file_range: in = out = true; break;
	default: return;
	}
	if (result == -EBADF)
		return;
	uint64_t bytes = result > 0 ? (uint64_t)result : 0;
	p->io.read += in ? bytes : 0;
	p->io.written += out ? bytes : 0;
	p->io.reads += in;
	p->io.writes += out;
}

/* The call is over: the program goes on behind its ecall. Only t, the current task, gets here. */
static void finish(struct task *t, int64_t result)
{
	struct kernel *k = t->process->kernel;
	tell_exit(t, result);
	count_io(t->process, t->call.number, result);
	if (t->call.abandon)
		t->call.abandon(t);
	t->call.active = t->call.paused = t->call.held = false;
	hart_regs(k->hart)->x[REG_A0] = (uint64_t)result;
	hart_retire(k->hart);
	if (k->mm->instruction_frames > 0)
		mm_retired(k->mm);
	if (unlikely(t->process->traced))
		(void)debug_tell(t, DEBUG_CALL_EXIT, t->call.number);
}

void call_give_up(struct task *t)
{
	tell_exit(t, -ERESTARTSYS);
	userfault_forget(t);
	if (t->call.abandon)
		t->call.abandon(t);
	t->call.active = false;
	if (t->state == TASK_WAITING)
		wait_wake(t);
	else if (t->state != TASK_READY)
		wait_forget(t);
}

static int64_t perform(struct task *t)
{
	const struct call_info *info = call_info(t->call.number);
	wait_forget(t);
	t->call.woken = t->call.paused = t->call.held = false;
	if (unlikely(t->tells.over))
		return userfault_result(t, 0);
	int64_t result = info->handler ? info->handler(t, t->call.arg) : call_refused(t, info);
	return unlikely(t->tells.unread > 0) && result != CALL_WAIT ? userfault_result(t, result) : result;
}

void call_dispatch(struct task *t)
{
	if (!t->call.active) {
		begin(t);
		if (unlikely(t->process->traced) && debug_tell(t, DEBUG_CALL_ENTER, t->call.number))
			return;
	}
	for (;;) {
		int64_t result = perform(t);
		if (t->state == TASK_DEAD)
			return;
		if (result != CALL_WAIT) {
			finish(t, result);
			return;
		}
		if (t->state != TASK_RUNNING || signal_waiting(t) || t->call.paused)
			return;
		if (!t->call.woken) {
			t->state = TASK_WAITING;
			return;
		}
	}
}

int call_interrupt(struct task *t, bool restart)
{
	struct call *c = &t->call;
	c->interrupted = true;
	int64_t result = perform(t);
	if (t->state != TASK_RUNNING)
		return CALL_WAIT;
	/* For a page of its own no signal can help it. */
	if (result == CALL_WAIT && (wait_is_for_io(t) || userfault_sleeps(t))) {
		t->state = TASK_WAITING;
		return CALL_WAIT;
	}
	if (result == CALL_WAIT)
		wait_forget(t);
	if (result != CALL_WAIT) {
		finish(t, result);
	} else if (c->done > 0) {
		finish(t, (int64_t)c->done);
	} else if (c->again || (restart && call_info(c->number)->restart == RESTART)) {
		tell_exit(t, -ERESTARTSYS);
		if (c->abandon)
			c->abandon(t);
		c->active = false;
	} else {
		finish(t, -EINTR);
	}
	return 0;
}
