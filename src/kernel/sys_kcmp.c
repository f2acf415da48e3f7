/* SPDX-License-Identifier: MIT */
/* sys_kcmp.c - do two processes share something? */
#include <errno.h>

#include "kernel/call.h"
#include "kernel/event/epoll.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

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

/* Is a file of p's one that an epoll of q's watches? That is named by its number when it was added, and
 * which of those it is. */
static int kcmp_epoll(struct task *t, const struct process *p, const struct process *q, const uint64_t a[6])
{
	struct {
		uint32_t epoll, fd, offset;
	} slot;
	int r = uaccess_read(t, &slot, a[4], sizeof(slot));
	if (r != 0)
		return r;
	const struct file *f = p->files ? fd_get(p->files, (int)a[3]) : NULL;
	const struct file *e = q->files ? fd_get(q->files, (int)slot.epoll) : NULL;
	const struct file *g;
	if (!f || !e)
		return -EBADF;
	r = epoll_target(e, (int)slot.fd, slot.offset, &g);
	return r ? r : compare(f->serial, g->serial);
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
	case KCMP_EPOLL: return kcmp_epoll(t, p, q, a);
	default: return -EINVAL;
	}
}
