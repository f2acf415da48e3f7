/* SPDX-License-Identifier: MIT */
/* sys_sched.c - sched_getattr and its like: what is asked for, kept and shown; and kcmp
 *
 * Everybody has the same share of the one processor, and files of the host are written at once: nice,
 * policies and I/O priorities change nothing, but programs that set them find them set.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/fd.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

/* Linux's struct sched_attr; the last two came later. */
struct abi_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

enum { ATTR_SIZE_FIRST = 48 };
enum { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_RR = 2, POLICY_BATCH = 3, POLICY_IDLE = 5, POLICY_DEADLINE = 6 };

static struct task *named(struct task *t, uint64_t pid)
{
	return (int32_t)pid == 0 ? t : task_find(t->process->kernel, (int32_t)pid);
}

int64_t sys_sched_getattr(struct task *t, const uint64_t a[6])
{
	uint32_t size = (uint32_t)a[2];
	if (!a[1] || (int32_t)a[0] < 0 || size > PAGE_SIZE || size < ATTR_SIZE_FIRST || (uint32_t)a[3])
		return -EINVAL;
	const struct task *of = named(t, a[0]);
	if (!of)
		return -ESRCH;
	struct abi_sched_attr x = {.size = (uint32_t)min_u64(size, sizeof(x)),
				   .policy = (uint32_t)of->process->sched_policy,
				   .nice = of->process->nice,
				   .util_max = 1024};
	return uaccess_write(t, a[1], &x, x.size);
}

/* A structure of another size than this kernel's: what it does not know must be zero. */
static int attr_read(struct task *t, uint64_t va, struct abi_sched_attr *ret)
{
	uint8_t rest[PAGE_SIZE];
	uint32_t size;
	int err = uaccess_read(t, &size, va, sizeof(size));
	if (err)
		return err;
	if (size == 0)
		size = ATTR_SIZE_FIRST;
	if (size >= ATTR_SIZE_FIRST && size <= PAGE_SIZE)
		err = uaccess_read(t, rest, va, size);
	else
		err = -E2BIG;
	for (uint32_t i = sizeof(*ret); !err && i < size; i++)
		if (rest[i])
			err = -E2BIG;
	if (err == -E2BIG) {
		size = sizeof(*ret);
		int other = uaccess_write(t, va, &size, sizeof(size));
		return other == CALL_WAIT ? other : err;
	}
	if (err)
		return err;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, rest, min_u64(size, sizeof(*ret)));
	return 0;
}

int64_t sys_sched_setattr(struct task *t, const uint64_t a[6])
{
	enum { RESET_ON_FORK = 1, KEEP_POLICY = 8, KEEP_PARAMS = 16, KNOWN = 0x7f };
	struct abi_sched_attr x;
	if (!a[1] || (int32_t)a[0] < 0 || (uint32_t)a[2])
		return -EINVAL;
	int err = attr_read(t, a[1], &x);
	if (err)
		return err;
	if ((int32_t)x.policy < 0 || (x.flags & ~(uint64_t)KNOWN))
		return -EINVAL;
	const struct task *of = named(t, a[0]);
	if (!of)
		return -ESRCH;
	struct process *p = of->process;
	if (x.flags & KEEP_POLICY)
		x.policy = (uint32_t)p->sched_policy;
	if (x.flags & KEEP_PARAMS)
		x.nice = p->nice;
	if (x.policy == POLICY_FIFO || x.policy == POLICY_RR)
		return x.priority < 1 || x.priority > 99 ? -EINVAL : -EPERM;
	if (x.policy == POLICY_DEADLINE)
		return x.runtime == 0 || x.deadline < x.runtime ? -EINVAL : -EPERM;
	if (x.policy != POLICY_OTHER && x.policy != POLICY_BATCH && x.policy != POLICY_IDLE)
		return -EINVAL;
	if (x.priority != 0)
		return -EINVAL;
	x.nice = x.nice < -20 ? -20 : x.nice > 19 ? 19 : x.nice;
	if (x.nice < p->nice && t->process->euid != 0)
		return -EPERM;
	p->sched_policy = (int)x.policy;
	if (x.policy != POLICY_IDLE)
		p->nice = x.nice;
	return 0;
}

/* --- I/O priorities --- */

enum { IO_PROCESS = 1, IO_GROUP = 2, IO_USER = 3 };
enum { IO_NONE = 0, IO_REALTIME = 1, IO_BEST_EFFORT = 2, IO_IDLE = 3, IO_CLASS_SHIFT = 13, IO_LEVELS = 8 };

static bool io_meant(const struct task *t, const struct process *p, int32_t which, int32_t who)
{
	if (p == p->kernel->init || p->zombie)
		return false;
	switch (which) {
	case IO_GROUP: return p->pgid == (who ? who : t->process->pgid);
	case IO_USER: return p->uid == (who ? (uint32_t)who : t->process->uid);
	default: return false;
	}
}

/* The bits between level and class are hints to devices that know them. */
static int io_check(const struct task *t, int32_t priority)
{
	switch (priority >> IO_CLASS_SHIFT) {
	case IO_REALTIME: return t->process->euid != 0 ? -EPERM : 0;
	case IO_BEST_EFFORT:
	case IO_IDLE: return 0;
	case IO_NONE: return priority & (IO_LEVELS - 1) ? -EINVAL : 0;
	default: return -EINVAL;
	}
}

int64_t sys_ioprio_set(struct task *t, const uint64_t a[6])
{
	int32_t which = (int32_t)a[0], who = (int32_t)a[1], priority = (int32_t)a[2];
	int64_t result = -ESRCH;
	int err = io_check(t, priority);
	if (err)
		return err;
	if (which < IO_PROCESS || which > IO_USER)
		return -EINVAL;
	if (which == IO_PROCESS) {
		const struct task *of = named(t, (uint64_t)(int64_t)who);
		if (!of)
			return -ESRCH;
		of->process->io_priority = priority;
		return 0;
	}
	for (struct process *p = process_first(t->process->kernel); p; p = process_next(p)) {
		if (io_meant(t, p, which, who)) {
			p->io_priority = priority;
			result = 0;
		}
	}
	return result;
}

/* Of several the best: the lowest class, then the lowest level; none at all counts as best effort. */
static int io_rank(int priority)
{
	enum { NORMAL = IO_BEST_EFFORT << IO_CLASS_SHIFT | 4 };
	return priority >> IO_CLASS_SHIFT == IO_NONE ? NORMAL : priority;
}

int64_t sys_ioprio_get(struct task *t, const uint64_t a[6])
{
	int32_t which = (int32_t)a[0], who = (int32_t)a[1];
	const struct process *best = NULL;
	if (which < IO_PROCESS || which > IO_USER)
		return -EINVAL;
	if (which == IO_PROCESS) {
		const struct task *of = named(t, (uint64_t)(int64_t)who);
		return of ? of->process->io_priority : -ESRCH;
	}
	for (struct process *p = process_first(t->process->kernel); p; p = process_next(p)) {
		if (io_meant(t, p, which, who) &&
		    (!best || io_rank(p->io_priority) < io_rank(best->io_priority)))
			best = p;
	}
	return best ? io_rank(best->io_priority) : -ESRCH;
}

/* --- kcmp --- */

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM, KCMP_EPOLL };

/* 0: the same, else in which order; that of things that have none is that of their processes. */
static int compare(uint64_t a, uint64_t b)
{
	return a == b ? 0 : a < b ? 1 : 2;
}

static int kcmp_files(const struct process *p, const struct process *q, uint64_t x, uint64_t y)
{
	const struct file *f = p->files ? fd_get(p->files, (int)x) : NULL;
	const struct file *g = q->files ? fd_get(q->files, (int)y) : NULL;
	return f && g ? compare(f->serial, g->serial) : -EBADF;
}

int64_t sys_kcmp(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	const struct task *x = task_find(k, (int32_t)a[0]), *y = task_find(k, (int32_t)a[1]);
	if (!x || !y)
		return -ESRCH;
	const struct process *p = x->process, *q = y->process;
	int order = compare((uint64_t)p->pid, (uint64_t)q->pid);
	switch ((int32_t)a[2]) {
	case KCMP_FILE: return kcmp_files(p, q, a[3], a[4]);
	case KCMP_VM: return p->space == q->space ? 0 : order;
	case KCMP_FILES: return p->files == q->files ? 0 : order;
	case KCMP_FS: return p->fs == q->fs ? 0 : order;
	case KCMP_SIGHAND: return p->signals.actions == q->signals.actions ? 0 : order;
	case KCMP_IO:
	case KCMP_SYSVSEM: return order;
	case KCMP_EPOLL: return -EOPNOTSUPP;
	default: return -EINVAL;
	}
}
