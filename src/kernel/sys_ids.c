/* SPDX-License-Identifier: MIT */
/* sys_ids.c - who a process is, and what it may
 *
 * A machine has one user: whoever a process is, it stays. Root may do what root may elsewhere where
 * that means something here (raise a limit, lower a nice value); it cannot become somebody else.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

int64_t sys_getuid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->uid;
}

int64_t sys_geteuid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->euid;
}

int64_t sys_getgid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->gid;
}

int64_t sys_getegid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->egid;
}

/* Real, effective, saved: the saved one is the effective one. */
static int64_t write_three(struct task *t, const uint64_t a[6], uint32_t real, uint32_t effective)
{
	const uint32_t id[3] = {real, effective, effective};
	int r = 0;

	for (int i = 0; !r && i < 3; i++)
		r = uaccess_write(t, a[i], &id[i], sizeof(id[i]));
	return r;
}

int64_t sys_getresuid(struct task *t, const uint64_t a[6]) { return write_three(t, a, t->process->uid, t->process->euid); }
int64_t sys_getresgid(struct task *t, const uint64_t a[6]) { return write_three(t, a, t->process->gid, t->process->egid); }

/* -1 is "as it is", where that can be said. */
static int64_t stays(const uint64_t *a, unsigned n, uint32_t real, uint32_t effective, bool minus_one)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = (uint32_t)a[i];
		if (id == UINT32_MAX && !minus_one)
			return -EINVAL;
		if (id != UINT32_MAX && id != real && id != effective)
			return -EPERM;
	}
	return 0;
}

int64_t sys_setuid(struct task *t, const uint64_t a[6]) { return stays(a, 1, t->process->uid, t->process->euid, false); }
int64_t sys_setgid(struct task *t, const uint64_t a[6]) { return stays(a, 1, t->process->gid, t->process->egid, false); }
int64_t sys_setreuid(struct task *t, const uint64_t a[6]) { return stays(a, 2, t->process->uid, t->process->euid, true); }
int64_t sys_setregid(struct task *t, const uint64_t a[6]) { return stays(a, 2, t->process->gid, t->process->egid, true); }
int64_t sys_setresuid(struct task *t, const uint64_t a[6]) { return stays(a, 3, t->process->uid, t->process->euid, true); }
int64_t sys_setresgid(struct task *t, const uint64_t a[6]) { return stays(a, 3, t->process->gid, t->process->egid, true); }

/* These return what it was, whether or not it could be changed. */
int64_t sys_setfsuid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->euid;
}

int64_t sys_setfsgid(struct task *t, const uint64_t a[6])
{
	(void)a;
	return t->process->egid;
}

int64_t sys_getgroups(struct task *t, const uint64_t a[6])
{
	uint32_t group = t->process->gid;
	int32_t size = (int32_t)a[0];

	if (size < 0)
		return -EINVAL;
	if (size > 0) {
		int r = uaccess_write(t, a[1], &group, sizeof(group));
		if (r)
			return r;
	}
	return 1;
}

/* --- capabilities --- */

enum { CAPABILITY_LAST = 40, CAPABILITY_VERSION_3 = 0x20080522 };

struct abi_capability {
	uint32_t effective, permitted, inheritable;
};

/* Fills low and high words; root has them all, others none. */
static void capabilities(const struct process *p, struct abi_capability ret_word[2])
{
	uint64_t all = p->euid == 0 ? (UINT64_C(2) << CAPABILITY_LAST) - 1 : 0;

	ret_word[0] = (struct abi_capability){(uint32_t)all, (uint32_t)all, 0};
	ret_word[1] = (struct abi_capability){(uint32_t)(all >> 32), (uint32_t)(all >> 32), 0};
}

/* Returns 0, -EINVAL after writing the version that is known, or as uaccess. */
static int capability_header(struct task *t, uint64_t va, int32_t *ret_pid)
{
	struct {
		uint32_t version;
		int32_t pid;
	} header;
	int r = uaccess_read(t, &header, va, sizeof(header));

	if (r)
		return r;
	if (header.version != CAPABILITY_VERSION_3) {
		header.version = CAPABILITY_VERSION_3;
		r = uaccess_write(t, va, &header.version, sizeof(header.version));
		return r ? r : -EINVAL;
	}
	*ret_pid = header.pid;
	return 0;
}

int64_t sys_capget(struct task *t, const uint64_t a[6])
{
	struct abi_capability word[2];
	struct process *p = t->process;
	int32_t pid;
	int r = capability_header(t, a[0], &pid);

	if (r)
		return r == -EINVAL && !a[1] ? 0 : r;
	if (pid < 0)
		return -EINVAL;
	if (pid > 0) {
		struct task *of = task_find(p->kernel, pid);
		if (!of)
			return -ESRCH;
		p = of->process;
	}
	capabilities(p, word);
	return uaccess_write(t, a[1], word, sizeof(word));
}

/* What one has can be asked for again; giving some up is not kept, so it is refused. */
int64_t sys_capset(struct task *t, const uint64_t a[6])
{
	struct abi_capability has[2], wants[2];
	int32_t pid;
	int r = capability_header(t, a[0], &pid);

	if (r)
		return r;
	r = uaccess_read(t, wants, a[1], sizeof(wants));
	if (r)
		return r;
	capabilities(t->process, has);
	if ((pid != 0 && pid != t->tid) || memcmp(has, wants, sizeof(has)) != 0)
		return -EPERM;
	return 0;
}

/* --- usage --- */

struct abi_rusage {
	int64_t utime[2], stime[2]; /* seconds, microseconds */
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct abi_rusage) == 144, "struct rusage");

int usage_write(struct task *t, uint64_t va, const struct usage *usage)
{
	uint64_t us = usage->retired / 1000;
	struct abi_rusage u = {
		.utime = {(int64_t)(us / 1000000), (int64_t)(us % 1000000)},
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
		u = (struct usage){p->retired, resident_peak(p), &p->tally, p->switches};
		break;
	case RUSAGE_CHILDREN:
		u = (struct usage){p->children_retired, p->children_resident_peak, &p->children_tally, p->children_switches};
		break;
	case RUSAGE_THREAD:
		u = (struct usage){t->retired, resident_peak(p), &p->tally, t->switches};
		break;
	default:
		return -EINVAL;
	}
	return usage_write(t, a[1], &u);
}
