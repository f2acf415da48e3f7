/* SPDX-License-Identifier: MIT */
/* proc_stall.c - what tasks wait for: /proc/pressure, and /proc/PID/wchan and stack */
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/event/userfault.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"

/* ---- /proc/pressure ---- */

static void pressure(const struct stalls *s, enum stall_kind kind, struct text *text)
{
	static const char *const parts[] = {"some", "full"};
	for (unsigned i = 0; i < STALL_PARTS; i++) {
		const uint64_t *average = s->of[kind][i].average;
		text_add(text, "%s avg10=%lu.%02lu avg60=%lu.%02lu avg300=%lu.%02lu total=%lu\n", parts[i],
			 average[0] / 2048, average[0] % 2048 * 100 / 2048, average[1] / 2048,
			 average[1] % 2048 * 100 / 2048, average[2] / 2048, average[2] % 2048 * 100 / 2048,
			 s->of[kind][i].total / 1000);
	}
}

int proc_pressure_cpu(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	pressure(&k->stalls, STALL_CPU, text);
	return 0;
}

int proc_pressure_memory(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	pressure(&k->stalls, STALL_MEMORY, text);
	return 0;
}

/* ---- wchan, stack ---- */

/* Where a call sleeps on Linux, for those that always sleep in the same place. */
static const struct {
	const char *call, *place;
} places[] = {{"clock_nanosleep", "hrtimer_nanosleep"},
	      {"nanosleep", "hrtimer_nanosleep"},
	      {"futex", "futex_do_wait"},
	      {"futex_wait", "futex_do_wait"},
	      {"futex_waitv", "futex_wait_multiple"},
	      {"wait4", "do_wait"},
	      {"waitid", "do_wait"},
	      {"ppoll", "poll_schedule_timeout"},
	      {"pselect6", "poll_schedule_timeout"},
	      {"epoll_pwait", "ep_poll"},
	      {"epoll_pwait2", "ep_poll"},
	      {"rt_sigsuspend", "sigsuspend"},
	      {"rt_sigtimedwait", "do_sigtimedwait"},
	      {"msgrcv", "do_msgrcv"},
	      {"msgsnd", "do_msgsnd"},
	      {"semop", "__do_semtimedop"},
	      {"semtimedop", "__do_semtimedop"},
	      {"mq_timedsend", "wq_sleep"},
	      {"mq_timedreceive", "wq_sleep"},
	      {"flock", "locks_lock_inode_wait"},
	      {"fcntl", "fcntl_setlk"},
	      {"clone", "kernel_clone"},
	      {"clone3", "kernel_clone"}};

static const char *place_of(const struct task *t)
{
	if (t->state == TASK_STOPPED)
		return "do_signal_stop";
	if (t->state != TASK_WAITING)
		return NULL;
	if (t->tells.unread > 0)
		return "userfaultfd_event_wait_completion";
	if (userfault_sleeps(t))
		return "handle_userfault";
	if (wait_is_for_io(t))
		return "folio_wait_bit_common";
	const char *call = t->call.active ? call_info(t->call.number)->name : NULL;
	for (size_t i = 0; call && i < array_size(places); i++) {
		if (strcmp(call, places[i].call) == 0)
			return places[i].place;
	}
	return "schedule_timeout";
}

int proc_wchan(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const char *place = t ? place_of(t) : NULL;
	text_add(text, "%s", place ? place : "0");
	return 0;
}

/* The kernel has no stack of its own for a task. What it has to do is its call, and what that waits for. */
int proc_stack(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	if (!t)
		return 0;
	const char *place = place_of(t), *call = t->call.active ? call_info(t->call.number)->name : NULL;
	if (place)
		text_add(text, "[<0>] %s+0x0/0x0\n", place);
	if (call)
		text_add(text, "[<0>] __riscv_sys_%s+0x0/0x0\n[<0>] do_trap_ecall_u+0x0/0x0\n", call);
	if (place || call)
		text_add(text, "[<0>] handle_exception+0x0/0x0\n");
	return 0;
}
