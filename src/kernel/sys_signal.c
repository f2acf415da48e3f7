/* SPDX-License-Identifier: MIT */
/* sys_signal.c - the system calls of signals */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/signal.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

static const signal_set UNSTOPPABLE = UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1);

struct abi_sigaction {
	uint64_t handler, flags, mask;
};

struct abi_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

/* What sigaction knows; other bits are cleared, so that a program can ask. */
static const uint64_t FLAGS_KNOWN = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | (uint64_t)SA_ONSTACK |
				    (uint64_t)SA_RESTART | (uint64_t)SA_NODEFER | 0x80000000u /* SA_RESETHAND */;

int signal_read_set(struct task *t, uint64_t va, uint64_t size, signal_set *ret_set)
{
	if (size != sizeof(*ret_set))
		return -EINVAL;
	return uaccess_read(t, ret_set, va, sizeof(*ret_set));
}

int64_t sys_rt_sigaction(struct task *t, const uint64_t a[6])
{
	int64_t n = (int32_t)a[0];
	struct abi_sigaction new = {0}, old;
	int r = 0;

	if (a[3] != sizeof(signal_set) || n < 1 || n > SIGNALS || (a[1] && signal_bit((int)n) & UNSTOPPABLE))
		return -EINVAL;
	if (a[1])
		r = uaccess_read(t, &new, a[1], sizeof(new));
	if (r)
		return r;
	if (a[2]) {
		struct signal_action was = signal_action_of(t->process, (int)n);
		old = (struct abi_sigaction){was.handler, was.flags, was.mask};
		r = uaccess_write(t, a[2], &old, sizeof(old));
	}
	if (r || !a[1])
		return r;
	struct signal_action action = {
		.handler = new.handler,
		.flags = new.flags & FLAGS_KNOWN,
		.mask = new.mask & ~UNSTOPPABLE,
	};
	return signal_action_set(t->process, (int)n, &action);
}

int64_t sys_rt_sigprocmask(struct task *t, const uint64_t a[6])
{
	enum { BLOCK, UNBLOCK, SETMASK };
	struct task_signals *s = &t->signals;
	signal_set set = 0;
	int how = (int)a[0], r;

	if (a[3] != sizeof(set))
		return -EINVAL;
	if (a[1]) {
		r = signal_read_set(t, a[1], a[3], &set);
		if (r)
			return r;
		if (how != BLOCK && how != UNBLOCK && how != SETMASK)
			return -EINVAL;
	}
	if (a[2]) {
		r = uaccess_write(t, a[2], &s->blocked, sizeof(s->blocked));
		if (r)
			return r;
	}
	if (a[1]) {
		set &= ~UNSTOPPABLE;
		s->blocked = how == BLOCK ? s->blocked | set : how == UNBLOCK ? s->blocked & ~set : set;
	}
	return 0;
}

int64_t sys_rt_sigpending(struct task *t, const uint64_t a[6])
{
	signal_set set = (t->signals.pending.set | t->process->signals.pending.set) & t->signals.blocked;

	if (a[1] > sizeof(set))
		return -EINVAL;
	return uaccess_write(t, a[0], &set, a[1]);
}

/* Waits for ever: only a handler ends it, with -EINTR. */
int64_t sys_rt_sigsuspend(struct task *t, const uint64_t a[6])
{
	signal_set mask;

	if (!t->signals.restore_saved) {
		int r = signal_read_set(t, a[0], a[1], &mask);
		if (r)
			return r;
		signal_mask_for_call(t, mask);
	}
	return CALL_WAIT;
}

int64_t sys_rt_sigreturn(struct task *t, const uint64_t a[6])
{
	(void)a;
	return signal_return(t);
}

static int64_t timed_wait(struct task *t, const uint64_t a[6], signal_set which)
{
	struct call *c = &t->call;
	struct signal_info info;
	int r, n = signal_look(t, which, &info);

	if (n) {
		uint8_t bytes[SIGINFO_SIZE];
		signal_info_encode(&info, bytes);
		r = a[1] ? uaccess_write(t, a[1], bytes, sizeof(bytes)) : 0;
		if (r == CALL_WAIT)
			return r;
		signal_take(t, n);
		return r ? r : n;
	}
	if (c->interrupted)
		return -EINTR;
	if (a[2] && !c->state[0]) {
		uint64_t ns;
		r = timespec_read(t, a[2], &ns);
		if (r)
			return r;
		c->deadline = time_after(kernel_now(t->process->kernel), ns);
	}
	c->state[0] = 1;
	if (c->deadline <= kernel_now(t->process->kernel))
		return -EAGAIN;
	if (c->deadline != NO_DEADLINE)
		wait_until(t, c->deadline);
	return CALL_WAIT;
}

int64_t sys_rt_sigtimedwait(struct task *t, const uint64_t a[6])
{
	signal_set which;
	int64_t r = signal_read_set(t, a[0], a[3], &which);

	if (r)
		return r;
	which &= ~UNSTOPPABLE;
	r = timed_wait(t, a, which);
	t->signals.wanted = r == CALL_WAIT ? which : 0;
	return r;
}

int64_t sys_sigaltstack(struct task *t, const uint64_t a[6])
{
	struct task_signals *s = &t->signals;
	uint64_t sp = task_regs(t)->x[REG_SP];
	struct abi_stack new = {0};
	int r;

	if (a[0]) {
		r = uaccess_read(t, &new, a[0], sizeof(new));
		if (r)
			return r;
	}
	if (a[1]) {
		struct abi_stack old = {
			.sp = s->stack,
			.flags = signal_stack_state(t, sp) | (s->stack_flags & (int32_t)SS_AUTODISARM_KERNEL),
			.size = s->stack_size,
		};
		r = uaccess_write(t, a[1], &old, sizeof(old));
		if (r)
			return r;
	}
	return a[0] ? signal_stack_set(t, sp, new.sp, new.flags, new.size) : 0;
}

/* --- sending --- */

static bool valid(uint64_t number) { return (int32_t)number >= 0 && (int32_t)number <= SIGNALS; }

static struct signal_info from_program(const struct task *t, uint64_t number, int code)
{
	const struct process *p = t->process;

	return (struct signal_info){.number = (int32_t)number, .code = code, .pid = p->pid, .uid = (int32_t)t->cred->uid};
}

static int send_to(struct process *p, const struct signal_info *info, const struct task *from)
{
	int r = cred_may_signal(from, p, info->number);

	if (r)
		return r;
	return info->number ? signal_send_process(p, info) : 0;
}

struct sending {
	struct signal_info info;
	struct task *from;
	int result;
	bool sent;
};

static void send_one(struct process *p, void *ctx)
{
	struct sending *s = ctx;

	s->result = send_to(p, &s->info, s->from);
	if (s->result == 0)
		s->sent = true;
}

/* Any thread stands for its process. */
static struct process *named(struct kernel *k, int32_t pid)
{
	struct process *p = process_find(k, pid);
	const struct task *of = p ? NULL : task_find(k, pid);
	return of ? of->process : p;
}

int64_t sys_kill(struct task *t, const uint64_t a[6])
{
	struct process *self = t->process, *p;
	struct kernel *k = self->kernel;
	struct sending s = {.info = from_program(t, a[1], SI_USER), .from = t, .result = -ESRCH};
	int32_t pid = (int32_t)a[0];

	if (!valid(a[1]))
		return -EINVAL;
	if (pid > 0) {
		p = named(k, pid);
		return p ? send_to(p, &s.info, t) : -ESRCH;
	}
	if (pid == -1) {
		/* Those that it may not reach are not missed. */
		for (p = process_first(k); p; p = process_next(p))
			if (p != k->init && p != self && cred_may_signal(t, p, s.info.number) == 0)
				send_one(p, &s);
	} else if (pid != INT32_MIN) {
		process_group_each(k, pid == 0 ? self->pgid : -pid, send_one, &s);
	}
	return s.sent ? 0 : s.result;
}

int64_t signal_send_group(struct task *from, int32_t pgid, const struct signal_info *info)
{
	struct sending s = {.info = *info, .from = from, .result = -ESRCH};
	process_group_each(from->process->kernel, pgid, send_one, &s);
	return s.sent ? 0 : s.result;
}

static struct task *find_thread(struct kernel *k, int32_t pid, int32_t tid)
{
	struct task *t = task_find(k, tid);

	return t && (pid < 0 || t->process->pid == pid) ? t : NULL;
}

static int64_t send_to_thread(struct task *from, int32_t pid, int32_t tid, const struct signal_info *info)
{
	struct kernel *k = from->process->kernel;
	struct task *t = find_thread(k, pid, tid);

	if (!t)
		return -ESRCH;
	int r = cred_may_signal(from, t->process, info->number);
	if (r)
		return r;
	return info->number ? signal_send_task(t, info) : 0;
}

int64_t sys_tkill(struct task *t, const uint64_t a[6])
{
	struct signal_info info = from_program(t, a[1], SI_TKILL);

	if ((int32_t)a[0] <= 0 || !valid(a[1]))
		return -EINVAL;
	return send_to_thread(t, -1, (int32_t)a[0], &info);
}

int64_t sys_tgkill(struct task *t, const uint64_t a[6])
{
	struct signal_info info = from_program(t, a[2], SI_TKILL);

	if ((int32_t)a[0] <= 0 || (int32_t)a[1] <= 0 || !valid(a[2]))
		return -EINVAL;
	return send_to_thread(t, (int32_t)a[0], (int32_t)a[1], &info);
}

/* A siginfo of the program's own; only to itself may it look like the kernel's. */
static int read_info(struct task *t, uint64_t va, uint64_t number, int32_t pid, struct signal_info *ret_info)
{
	uint8_t bytes[SIGINFO_SIZE];
	int r = uaccess_read(t, bytes, va, sizeof(bytes));

	if (r)
		return r;
	if (!valid(number))
		return -EINVAL;
	signal_info_decode(bytes, ret_info);
	ret_info->number = (int32_t)number;
	if ((ret_info->code >= 0 || ret_info->code == SI_TKILL) && t->process->pid != pid)
		return -EPERM;
	return 0;
}

int64_t sys_rt_sigqueueinfo(struct task *t, const uint64_t a[6])
{
	struct signal_info info;
	int r = read_info(t, a[2], a[1], (int32_t)a[0], &info);

	if (r)
		return r;
	struct process *p = named(t->process->kernel, (int32_t)a[0]);
	return p ? send_to(p, &info, t) : -ESRCH;
}

int64_t sys_rt_tgsigqueueinfo(struct task *t, const uint64_t a[6])
{
	struct signal_info info;
	int r;

	if ((int32_t)a[0] <= 0 || (int32_t)a[1] <= 0)
		return -EINVAL;
	r = read_info(t, a[3], a[2], (int32_t)a[0], &info);
	if (r)
		return r;
	return send_to_thread(t, (int32_t)a[0], (int32_t)a[1], &info);
}
