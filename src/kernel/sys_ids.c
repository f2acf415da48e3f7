/* SPDX-License-Identifier: MIT */
/* sys_ids.c - who a task is: user ids, group ids, groups; and what it has used
 *
 * Each set-call is: what it may become (the rules stand at each), a copy with that, and what follows
 * for capabilities. NONE, -1, is "as it is" where several are given, and no id anywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "kernel/call.h"
#include "kernel/cred.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

enum { NONE = -1 };
static bool none(uint64_t id) { return (uint32_t)id == (uint32_t)NONE; }

/* --- told --- */

int64_t sys_getuid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->cred->uid;
}

int64_t sys_geteuid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->cred->euid;
}

int64_t sys_getgid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->cred->gid;
}

int64_t sys_getegid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->cred->egid;
}

static int write_three(struct task *t, const uint64_t a[6], uint32_t real, uint32_t effective, uint32_t saved)
{
	const uint32_t id[3] = {real, effective, saved};
	int r = 0;

	for (int i = 0; !r && i < 3; i++)
		r = uaccess_write(t, a[i], &id[i], sizeof(id[i]));
	return r;
}

int64_t sys_getresuid(struct task *t, const uint64_t a[6])
{
	return write_three(t, a, t->cred->uid, t->cred->euid, t->cred->suid);
}

int64_t sys_getresgid(struct task *t, const uint64_t a[6])
{
	return write_three(t, a, t->cred->gid, t->cred->egid, t->cred->sgid);
}

/* --- users --- */

/* c is as it shall be but for what follows from it. */
static int64_t become_user(struct task *t, struct cred *c)
{
	int r = cred_set_user(c);

	if (r) {
		cred_put(c);
		return r;
	}
	c->fsuid = c->euid;
	cred_fix_setuid(c, t->cred);
	cred_commit(t, c);
	return 0;
}

/* Who may, sets all three; others can go to and fro between the real and the saved one. */
int64_t sys_setuid(struct task *t, const uint64_t a[6])
{
	uint32_t id = (uint32_t)a[0];
	const struct cred *old = t->cred;
	bool may = task_can(t, CAP_SETUID);
	struct cred *c;

	if (none(id))
		return -EINVAL;
	if (!may && id != old->uid && id != old->suid)
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->euid = id;
	if (may)
		c->uid = c->suid = id;
	return become_user(t, c);
}

int64_t sys_setreuid(struct task *t, const uint64_t a[6])
{
	uint32_t real = (uint32_t)a[0], effective = (uint32_t)a[1];
	const struct cred *old = t->cred;
	struct cred *c;

	if (!task_can(t, CAP_SETUID) &&
	    ((!none(real) && real != old->uid && real != old->euid) ||
	     (!none(effective) && effective != old->uid && effective != old->euid && effective != old->suid)))
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->uid = none(real) ? c->uid : real;
	c->euid = none(effective) ? c->euid : effective;
	if (!none(real) || (!none(effective) && effective != old->uid))
		c->suid = c->euid;
	return become_user(t, c);
}

int64_t sys_setresuid(struct task *t, const uint64_t a[6])
{
	const struct cred *old = t->cred;
	struct cred *c;

	for (int i = 0; i < 3 && !task_can(t, CAP_SETUID); i++) {
		uint32_t id = (uint32_t)a[i];
		if (!none(id) && id != old->uid && id != old->euid && id != old->suid)
			return -EPERM;
	}
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->uid = none(a[0]) ? c->uid : (uint32_t)a[0];
	c->euid = none(a[1]) ? c->euid : (uint32_t)a[1];
	c->suid = none(a[2]) ? c->suid : (uint32_t)a[2];
	return become_user(t, c);
}

/* These return what it was, whether or not it could be changed. */
int64_t sys_setfsuid(struct task *t, const uint64_t a[6])
{
	uint32_t id = (uint32_t)a[0], was = t->cred->fsuid;
	const struct cred *old = t->cred;
	struct cred *c;

	if (none(id) || id == was)
		return was;
	if (id != old->uid && id != old->euid && id != old->suid && !task_can(t, CAP_SETUID))
		return was;
	if (cred_change(t, &c))
		return was;
	c->fsuid = id;
	cred_fix_setfsuid(c, old);
	cred_commit(t, c);
	return was;
}

/* --- groups: the same, but that no capability hangs on them --- */

int64_t sys_setgid(struct task *t, const uint64_t a[6])
{
	uint32_t id = (uint32_t)a[0];
	const struct cred *old = t->cred;
	bool may = task_can(t, CAP_SETGID);
	struct cred *c;

	if (none(id))
		return -EINVAL;
	if (!may && id != old->gid && id != old->sgid)
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->egid = c->fsgid = id;
	if (may)
		c->gid = c->sgid = id;
	cred_commit(t, c);
	return 0;
}

int64_t sys_setregid(struct task *t, const uint64_t a[6])
{
	uint32_t real = (uint32_t)a[0], effective = (uint32_t)a[1];
	const struct cred *old = t->cred;
	struct cred *c;

	if (!task_can(t, CAP_SETGID) &&
	    ((!none(real) && real != old->gid && real != old->egid) ||
	     (!none(effective) && effective != old->gid && effective != old->egid && effective != old->sgid)))
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->gid = none(real) ? c->gid : real;
	c->egid = none(effective) ? c->egid : effective;
	if (!none(real) || (!none(effective) && effective != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	cred_commit(t, c);
	return 0;
}

int64_t sys_setresgid(struct task *t, const uint64_t a[6])
{
	const struct cred *old = t->cred;
	struct cred *c;

	for (int i = 0; i < 3 && !task_can(t, CAP_SETGID); i++) {
		uint32_t id = (uint32_t)a[i];
		if (!none(id) && id != old->gid && id != old->egid && id != old->sgid)
			return -EPERM;
	}
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->gid = none(a[0]) ? c->gid : (uint32_t)a[0];
	c->egid = none(a[1]) ? c->egid : (uint32_t)a[1];
	c->sgid = none(a[2]) ? c->sgid : (uint32_t)a[2];
	c->fsgid = c->egid;
	cred_commit(t, c);
	return 0;
}

int64_t sys_setfsgid(struct task *t, const uint64_t a[6])
{
	uint32_t id = (uint32_t)a[0], was = t->cred->fsgid;
	const struct cred *old = t->cred;
	struct cred *c;

	if (none(id) || id == was)
		return was;
	if (id != old->gid && id != old->egid && id != old->sgid && !task_can(t, CAP_SETGID))
		return was;
	if (cred_change(t, &c))
		return was;
	c->fsgid = id;
	cred_commit(t, c);
	return was;
}

int64_t sys_getgroups(struct task *t, const uint64_t a[6])
{
	const struct cred *c = t->cred;
	int32_t size = (int32_t)a[0];

	if (size < 0 || (size > 0 && (uint32_t)size < c->groups))
		return -EINVAL;
	int r = size > 0 && c->groups ? uaccess_write(t, a[1], c->group, c->groups * sizeof(c->group[0])) : 0;
	return r ? r : (int64_t)c->groups;
}

int64_t sys_setgroups(struct task *t, const uint64_t a[6])
{
	uint32_t count = (uint32_t)a[0], *group;
	struct cred *c;

	if (!task_can(t, CAP_SETGID))
		return -EPERM;
	if (count > GROUPS_MAX)
		return -EINVAL;
	group = malloc(count ? count * sizeof(*group) : 1);
	if (!group)
		return -ENOMEM;
	int r = count ? uaccess_read(t, group, a[1], count * sizeof(*group)) : 0;
	for (uint32_t i = 0; !r && i < count; i++)
		r = none(group[i]) ? -EINVAL : 0;
	if (!r)
		r = cred_change_groups(t, group, count, &c);
	free(group);
	if (!r)
		cred_commit(t, c);
	return r;
}

/* --- usage --- */

struct abi_rusage {
	int64_t utime[2], stime[2]; /* seconds, microseconds */
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct abi_rusage) == 144, "struct rusage");

int usage_write(struct task *t, uint64_t va, const struct usage *usage)
{
	uint64_t us = (usage->retired - usage->system) / 1000, system = usage->system / 1000;
	struct abi_rusage u = {
		.utime = {(int64_t)(us / 1000000), (int64_t)(us % 1000000)},
		.stime = {(int64_t)(system / 1000000), (int64_t)(system % 1000000)},
		.maxrss = (int64_t)(usage->resident_peak * PAGE_SIZE / 1024),
		.minflt = (int64_t)tally_minor(usage->tally),
		.majflt = (int64_t)tally_major(usage->tally),
		.nvcsw = (int64_t)usage->switches.slept,
		.nivcsw = (int64_t)usage->switches.preempted,
	};

	return uaccess_write(t, va, &u, sizeof(u));
}

static uint64_t resident_peak(const struct process *p)
{
	struct pmap_stats stats;
	uint64_t now = 0;

	if (!p->space)
		return 0;
	p->space->pmap->ops->stats(p->space->pmap, &stats);
	for (unsigned i = 0; i < RESIDENT_KINDS; i++)
		now += stats.resident[i];
	return max_u64(now, p->space->resident_peak);
}

int64_t sys_getrusage(struct task *t, const uint64_t a[6])
{
	const struct process *p = t->process;
	struct usage u;

	switch ((int32_t)a[0]) {
	case RUSAGE_SELF:
		u = (struct usage){p->retired, p->system, resident_peak(p), &p->tally, p->switches};
		break;
	case RUSAGE_CHILDREN:
		u = (struct usage){p->children_retired, p->children_system, p->children_resident_peak, &p->children_tally, p->children_switches};
		break;
	case RUSAGE_THREAD:
		u = (struct usage){t->retired, t->system, resident_peak(p), &p->tally, t->switches};
		break;
	default:
		return -EINVAL;
	}
	return usage_write(t, a[1], &u);
}
