/* SPDX-License-Identifier: MIT */
/* sys_sched.c - policies, priorities and nice values: asked for, checked, inherited and shown as on Linux
 *
 * What they do stands in sched.h. Nothing holds a real-time task back that never waits: it is as with
 * Linux's sched_rt_runtime_us of -1.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

enum {
	POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_RR = 2, POLICY_BATCH = 3, POLICY_IDLE = 5,
	POLICY_DEADLINE = 6,
	RESET_ON_FORK = 0x40000000, /* in the policy */
	PRIORITY_MAX = 99,
};

static bool policy_known(int32_t policy)
{
	return policy >= POLICY_OTHER && policy <= POLICY_DEADLINE && policy != 4;
}

static bool real_time(int32_t policy) { return policy == POLICY_FIFO || policy == POLICY_RR; }

static struct task *task_or_self(struct task *t, uint64_t pid)
{
	return (int32_t)pid == 0 ? t : task_find(t->process->kernel, (int32_t)pid);
}

void sched_inherit(const struct task *parent, struct task *child)
{
	child->sched = parent->sched;
	if (!parent->sched.reset_on_fork)
		return;
	child->sched.reset_on_fork = false;
	if (real_time(child->sched.policy) || child->sched.nice < 0)
		child->sched.nice = 0;
	if (real_time(child->sched.policy)) {
		child->sched.policy = POLICY_OTHER;
		child->sched.priority = 0;
	}
}

/* May t give this to of? As Linux without CAP_SYS_NICE: no more than RLIMIT_RTPRIO, and what was more than
 * that already may stay. */
static bool may_schedule(const struct task *t, const struct task *of, int32_t policy, int32_t priority,
			 bool reset_on_fork)
{
	const struct process *p = of->process;

	if (task_can(t, CAP_SYS_NICE))
		return true;
	if (!cred_may_schedule(t, p))
		return false;
	if (of->sched.reset_on_fork && !reset_on_fork)
		return false;
	if (!real_time(policy))
		return true;
	uint64_t limit = p->limit[RLIMIT_RTPRIO].soft;
	if (policy != of->sched.policy && limit == 0)
		return false;
	return priority <= of->sched.priority || (uint64_t)priority <= limit;
}

/* Somebody has another place from now on. */
static void rearrange(struct kernel *k)
{
	sched_uneven(k);
	sched_look_at(k, 0);
}

/* May t make p as nice as this, which is less than p is? As far as RLIMIT_NICE goes. */
static bool may_nice(const struct task *t, const struct process *p, int32_t nice)
{
	return (uint64_t)(20 - nice) <= p->limit[RLIMIT_NICE].soft || task_can(t, CAP_SYS_NICE);
}

static int64_t schedule(struct task *t, uint64_t pid, int32_t policy, int32_t priority, bool reset_on_fork)
{
	struct task *of = task_or_self(t, pid);

	if (!of)
		return -ESRCH;
	if (!policy_known(policy) || priority < 0 || priority > PRIORITY_MAX ||
	    (policy != POLICY_DEADLINE && real_time(policy) != (priority != 0)))
		return -EINVAL;
	/* No share can be promised to anybody: as Linux when others have it all. */
	if (policy == POLICY_DEADLINE)
		return task_can(t, CAP_SYS_NICE) ? -EBUSY : -EPERM;
	if (!may_schedule(t, of, policy, priority, reset_on_fork))
		return -EPERM;
	of->sched.reset_on_fork = reset_on_fork;
	if (of->sched.policy != policy || of->sched.priority != priority)
		rearrange(of->process->kernel);
	of->sched.policy = policy;
	of->sched.priority = priority;
	return 0;
}

int64_t sys_sched_setscheduler(struct task *t, const uint64_t a[6])
{
	int32_t policy = (int32_t)a[1], priority;
	int r;

	if (policy < 0 || (int32_t)a[0] < 0 || !a[2])
		return -EINVAL;
	r = uaccess_read(t, &priority, a[2], sizeof(priority));
	if (r)
		return r;
	/* Of a deadline there is no room for the parameters. */
	if ((policy & ~RESET_ON_FORK) == POLICY_DEADLINE)
		return task_or_self(t, a[0]) ? -EINVAL : -ESRCH;
	return schedule(t, a[0], policy & ~RESET_ON_FORK, priority, policy & RESET_ON_FORK);
}

int64_t sys_sched_getscheduler(struct task *t, const uint64_t a[6])
{
	const struct task *of = task_or_self(t, a[0]);

	if ((int32_t)a[0] < 0)
		return -EINVAL;
	return of ? of->sched.policy | (of->sched.reset_on_fork ? RESET_ON_FORK : 0) : -ESRCH;
}

int64_t sys_sched_getparam(struct task *t, const uint64_t a[6])
{
	const struct task *of = task_or_self(t, a[0]);

	if ((int32_t)a[0] < 0 || !a[1])
		return -EINVAL;
	return of ? uaccess_write(t, a[1], &of->sched.priority, sizeof(of->sched.priority)) : -ESRCH;
}

int64_t sys_sched_setparam(struct task *t, const uint64_t a[6])
{
	const struct task *of = task_or_self(t, a[0]);
	int32_t priority;
	int r;

	if ((int32_t)a[0] < 0 || !a[1])
		return -EINVAL;
	r = uaccess_read(t, &priority, a[1], sizeof(priority));
	if (r)
		return r;
	return of ? schedule(t, a[0], of->sched.policy, priority, of->sched.reset_on_fork) : -ESRCH;
}

/* struct sched_attr as it is today; the first edition of it had no utilization. */
struct abi_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t utilization_min, utilization_max;
};
_Static_assert(sizeof(struct abi_sched_attr) == 56, "struct sched_attr");

enum {
	ATTR_FIRST = 48,
	ATTR_RESET_ON_FORK = 1, ATTR_KEEP_POLICY = 8, ATTR_KEEP_PARAMS = 0x10, ATTR_UTILIZATION = 0x60,
	ATTR_FLAGS = 0x7f,
};

/* A program of tomorrow may give more, if it is zero. */
static int read_attr(struct task *t, uint64_t va, struct abi_sched_attr *ret_attr)
{
	struct abi_sched_attr attr;
	uint32_t size, known = sizeof(attr);
	int r = uaccess_read(t, &size, va, sizeof(size));

	if (r)
		return r;
	if (size == 0)
		size = ATTR_FIRST;
	r = size < ATTR_FIRST ? -E2BIG : uaccess_struct(t, &attr, known, va, size);
	if (r == -E2BIG) {
		r = uaccess_write(t, va, &known, sizeof(known));
		return r ? r : -E2BIG;
	}
	if (r)
		return r;
	if (attr.flags & ATTR_UTILIZATION && size < sizeof(attr))
		return -EINVAL;
	*ret_attr = attr;
	return 0;
}

int64_t sys_sched_setattr(struct task *t, const uint64_t a[6])
{
	struct task *of = task_or_self(t, a[0]);
	struct abi_sched_attr attr;
	int64_t r;

	if (!a[1] || (int32_t)a[0] < 0 || a[2])
		return -EINVAL;
	r = read_attr(t, a[1], &attr);
	if (r)
		return r;
	if ((int32_t)attr.policy < 0)
		return -EINVAL;
	if (!of)
		return -ESRCH;
	if (attr.flags & ~(uint64_t)ATTR_FLAGS)
		return -EINVAL;
	if (attr.flags & ATTR_UTILIZATION)
		return -EOPNOTSUPP;
	bool reset = attr.flags & ATTR_RESET_ON_FORK;
	if (attr.flags & ATTR_KEEP_POLICY) {
		attr.policy = (uint32_t)of->sched.policy;
		reset = of->sched.reset_on_fork;
	}
	if (attr.flags & ATTR_KEEP_PARAMS) {
		attr.priority = (uint32_t)of->sched.priority;
		attr.nice = of->sched.nice;
	}
	if (attr.policy == POLICY_DEADLINE && (attr.runtime < 1024 || attr.runtime > attr.deadline ||
					       (attr.period && attr.period < attr.deadline)))
		return -EINVAL;
	int32_t nice = attr.nice < -20 ? -20 : attr.nice > 19 ? 19 : attr.nice;
	bool niced = attr.policy == POLICY_OTHER || attr.policy == POLICY_BATCH;
	if (niced && nice < of->sched.nice && !may_nice(t, of->process, nice))
		return -EPERM;
	r = schedule(t, a[0], (int32_t)attr.policy, (int32_t)min_u64(attr.priority, INT32_MAX), reset);
	if (r == 0 && niced) {
		if (of->sched.nice != nice)
			rearrange(of->process->kernel);
		of->sched.nice = nice;
	}
	return r;
}

int64_t sys_sched_getattr(struct task *t, const uint64_t a[6])
{
	const struct task *of = task_or_self(t, a[0]);
	uint32_t size = (uint32_t)a[2];

	if (!a[1] || (int32_t)a[0] < 0 || size > PAGE_SIZE || size < ATTR_FIRST || a[3])
		return -EINVAL;
	if (!of)
		return -ESRCH;
	struct abi_sched_attr attr = {
	    .size = (uint32_t)min_u64(size, sizeof(attr)),
	    .policy = (uint32_t)of->sched.policy,
	    .flags = of->sched.reset_on_fork ? ATTR_RESET_ON_FORK : 0,
	    .nice = real_time(of->sched.policy) ? 0 : of->sched.nice,
	    .priority = (uint32_t)of->sched.priority,
	};
	return uaccess_write(t, a[1], &attr, attr.size);
}

/* One processor, number 0. */
int64_t sys_sched_setaffinity(struct task *t, const uint64_t a[6])
{
	uint64_t set = 0;
	int r = uaccess_read(t, &set, a[2], min_u64(a[1], sizeof(set)));

	if (r)
		return r;
	const struct task *of = task_or_self(t, a[0]);
	if (!of)
		return -ESRCH;
	if (!cred_may_schedule(t, of->process))
		return -EPERM;
	return set & 1 ? 0 : -EINVAL;
}

int64_t sys_sched_getaffinity(struct task *t, const uint64_t a[6])
{
	static const uint64_t set = 1;
	int r;

	if (a[1] < sizeof(set) || a[1] % sizeof(set))
		return -EINVAL;
	if (!task_or_self(t, a[0]))
		return -ESRCH;
	r = uaccess_write(t, a[2], &set, sizeof(set));
	return r ? r : (int64_t)sizeof(set);
}

int64_t sys_sched_get_priority_max(struct task *t, const uint64_t a[6])
{
	int32_t policy = (int32_t)a[0];

	(void)t;
	if (!policy_known(policy))
		return -EINVAL;
	return real_time(policy) ? PRIORITY_MAX : 0;
}

int64_t sys_sched_get_priority_min(struct task *t, const uint64_t a[6])
{
	int32_t policy = (int32_t)a[0];

	(void)t;
	return policy_known(policy) ? real_time(policy) : -EINVAL;
}

int64_t sys_sched_rr_get_interval(struct task *t, const uint64_t a[6])
{
	static const uint64_t slice[2] = {0, SCHED_SLICE}, forever[2];
	const struct task *of = task_or_self(t, a[0]);

	if ((int32_t)a[0] < 0)
		return -EINVAL;
	if (!of)
		return -ESRCH;
	return uaccess_write(t, a[1], of->sched.policy == POLICY_FIFO ? forever : slice, sizeof(slice));
}

/* --- nice --- */

enum { WHICH_PROCESS = 0, WHICH_GROUP = 1, WHICH_USER = 2 };

/* Is p among those that which and who name? A single thread is looked up. */
static bool chosen(const struct task *t, const struct process *p, int32_t which, int32_t who)
{
	if (p == p->kernel->init)
		return false;
	if (which == WHICH_GROUP)
		return p->pgid == (who ? who : t->process->pgid);
	return process_cred(p)->uid == (who ? (uint32_t)who : t->cred->uid);
}

/* The first of those processes from p on. */
static struct task *chosen_from(const struct task *t, struct process *p, const uint64_t a[6])
{
	while (p && (!chosen(t, p, (int32_t)a[0], (int32_t)a[1]) || TAILQ_EMPTY(&p->tasks)))
		p = (uint32_t)a[0] == WHICH_GROUP ? process_group_next(p) : process_next(p);
	return p ? TAILQ_FIRST(&p->tasks) : NULL;
}

/* Each thread that is named, of all processes of a group or a user, or one by its number. Of a group nobody
 * else is looked at. */
static struct task *chosen_first(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	int32_t who = (int32_t)a[1];

	switch ((uint32_t)a[0]) {
	case WHICH_PROCESS: return who ? task_find(k, who) : t;
	case WHICH_GROUP: return chosen_from(t, process_group_first(k, who ? who : t->process->pgid), a);
	default: return chosen_from(t, process_first(k), a);
	}
}

static struct task *chosen_next(const struct task *t, struct task *of, const uint64_t a[6])
{
	struct process *p = of->process;

	if ((uint32_t)a[0] == WHICH_PROCESS)
		return NULL;
	if (TAILQ_NEXT(of, sibling))
		return TAILQ_NEXT(of, sibling);
	return chosen_from(t, (uint32_t)a[0] == WHICH_GROUP ? process_group_next(p) : process_next(p), a);
}

int64_t sys_getpriority(struct task *t, const uint64_t a[6])
{
	int64_t best = -ESRCH;

	if ((uint32_t)a[0] > WHICH_USER)
		return -EINVAL;
	for (struct task *of = chosen_first(t, a); of; of = chosen_next(t, of, a))
		if (20 - of->sched.nice > best)
			best = 20 - of->sched.nice;
	return best;
}

int64_t sys_setpriority(struct task *t, const uint64_t a[6])
{
	int32_t nice = (int32_t)a[2];
	int64_t result = -ESRCH;

	if ((uint32_t)a[0] > WHICH_USER)
		return -EINVAL;
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	for (struct task *of = chosen_first(t, a); of; of = chosen_next(t, of, a)) {
		if (!cred_may_schedule(t, of->process)) {
			result = -EPERM;
			continue;
		}
		if (nice < of->sched.nice && !may_nice(t, of->process, nice)) {
			result = -EACCES;
			continue;
		}
		if (nice != of->sched.nice)
			rearrange(of->process->kernel);
		of->sched.nice = nice;
		if (result == -ESRCH)
			result = 0;
	}
	return result;
}

/* --- the order of block I/O, kept and shown like the rest --- */

enum { IO_WHO = 1, IO_CLASS_SHIFT = 13, IO_NONE = 0, IO_REAL_TIME = 1, IO_BEST_EFFORT = 2, IO_IDLE = 3 };

/* Its which is one more than getpriority's. */
static bool io_who(const uint64_t a[6], uint64_t ret_who[6])
{
	ret_who[0] = (uint32_t)a[0] - IO_WHO;
	ret_who[1] = a[1];
	return (uint32_t)a[0] >= IO_WHO && (uint32_t)a[0] <= IO_WHO + WHICH_USER;
}

int64_t sys_ioprio_get(struct task *t, const uint64_t a[6])
{
	uint64_t who[6];
	int64_t best = -ESRCH;

	if (!io_who(a, who))
		return -EINVAL;
	for (struct task *of = chosen_first(t, who); of; of = chosen_next(t, of, who))
		if (best < 0 || of->sched.io < best)
			best = of->sched.io;
	return best;
}

int64_t sys_ioprio_set(struct task *t, const uint64_t a[6])
{
	int32_t priority = (int32_t)a[2], kind = priority >> IO_CLASS_SHIFT, level = priority & 7;
	uint64_t who[6];
	int64_t result = -ESRCH;

	if (priority < 0 || priority > UINT16_MAX || kind > IO_IDLE || (kind == IO_NONE && level))
		return -EINVAL;
	if (kind == IO_REAL_TIME && !task_can(t, CAP_SYS_NICE) && !task_can(t, CAP_SYS_ADMIN))
		return -EPERM;
	if (!io_who(a, who))
		return -EINVAL;
	for (struct task *of = chosen_first(t, who); of; of = chosen_next(t, of, who)) {
		const struct cred *c = process_cred(of->process);
		if (c->uid != t->cred->euid && c->uid != t->cred->uid && !task_can(t, CAP_SYS_NICE)) {
			result = -EPERM;
			continue;
		}
		of->sched.io = (uint16_t)priority;
		result = 0;
	}
	return result;
}
