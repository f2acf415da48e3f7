/* SPDX-License-Identifier: MIT */
/* sys_limits.c - what a process may use: getrlimit, setrlimit, prlimit */
#include <errno.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

enum { OPEN_MAX_EVER = 1048576 };

#define SECOND UINT64_C(1000000000)

void limits_default(struct process *p)
{
	for (unsigned i = 0; i < array_size(p->limit); i++)
		p->limit[i].soft = p->limit[i].hard = UINT64_MAX;
	p->limit[RLIMIT_STACK].soft = UINT64_C(8) << 20;
	p->limit[RLIMIT_CORE].soft = 0;
	p->limit[RLIMIT_NOFILE].soft = 1024;
	p->limit[RLIMIT_NOFILE].hard = 4096;
	p->limit[RLIMIT_MEMLOCK].soft = p->limit[RLIMIT_MEMLOCK].hard = UINT64_C(8) << 20;
	p->limit[RLIMIT_NPROC].soft = p->limit[RLIMIT_NPROC].hard = 16384;
	p->limit[RLIMIT_SIGPENDING].soft = p->limit[RLIMIT_SIGPENDING].hard = 4096;
	p->limit[RLIMIT_MSGQUEUE].soft = p->limit[RLIMIT_MSGQUEUE].hard = 819200;
	p->limit[RLIMIT_NICE].soft = p->limit[RLIMIT_NICE].hard = 0;
	p->limit[RLIMIT_RTPRIO].soft = p->limit[RLIMIT_RTPRIO].hard = 0;
	uint64_t cpu = p->kernel->config.cpu_limit;
	if (cpu) {
		p->limit[RLIMIT_CPU].soft = (cpu + SECOND - 1) / SECOND;
		p->limit[RLIMIT_CPU].hard = p->limit[RLIMIT_CPU].soft + 1;
	}
}

void limits_apply(const struct process *p, struct space *s)
{
	const struct cred *c = process_cred(p);
	s->layout.stack_limit = p->limit[RLIMIT_STACK].soft;
	s->limits = (struct space_limits){
	    .size = p->limit[RLIMIT_AS].soft,
	    .data = p->limit[RLIMIT_DATA].soft,
	    .data_hard = p->limit[RLIMIT_DATA].hard,
	    .locked = cred_can(c, CAP_IPC_LOCK) ? UINT64_MAX : p->limit[RLIMIT_MEMLOCK].soft,
	    .privileged = cred_can(c, CAP_SYS_ADMIN),
	};
}

struct abi_rlimit {
	uint64_t soft, hard;
};

static int64_t limit_change(struct task *t, struct process *p, uint64_t which, uint64_t new_va, uint64_t old_va)
{
	struct abi_rlimit new = {0}, old;
	int r = 0;

	if ((uint32_t)which >= array_size(p->limit))
		return -EINVAL;
	which = (uint32_t)which;
	old = (struct abi_rlimit){p->limit[which].soft, p->limit[which].hard};
	if (new_va)
		r = uaccess_read(t, &new, new_va, sizeof(new));
	if (r)
		return r;
	if (new_va) {
		if (new.soft > new.hard)
			return -EINVAL;
		if (which == RLIMIT_NOFILE && new.hard > OPEN_MAX_EVER)
			return -EPERM;
		if (new.hard > old.hard && !task_can(t, CAP_SYS_RESOURCE))
			return -EPERM;
	}
	if (old_va)
		r = uaccess_write(t, old_va, &old, sizeof(old));
	if (r || !new_va)
		return r;
	p->limit[which].soft = new.soft;
	p->limit[which].hard = new.hard;
	if (p->space)
		limits_apply(p, p->space);
	return 0;
}

int64_t sys_prlimit64(struct task *t, const uint64_t a[6])
{
	struct task *of = (int32_t)a[0] ? task_find(t->process->kernel, (int32_t)a[0]) : t;

	if (!of)
		return -ESRCH;
	return cred_may_limit(t, of->process) ? limit_change(t, of->process, a[1], a[2], a[3]) : -EPERM;
}

int64_t sys_getrlimit(struct task *t, const uint64_t a[6]) { return limit_change(t, t->process, a[0], 0, a[1]); }

int64_t sys_setrlimit(struct task *t, const uint64_t a[6])
{
	return a[1] ? limit_change(t, t->process, a[0], a[1], 0) : -EFAULT;
}
