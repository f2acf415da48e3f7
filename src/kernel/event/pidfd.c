/* SPDX-License-Identifier: MIT */
/* pidfd.c - pidfd_open, pidfd_send_signal, pidfd_getfd: see pidfd.h */
#include "kernel/event/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/signal_private.h"
#include "kernel/uaccess.h"

struct pidref {
	unsigned files;
	struct process *process; /* NULL: reaped */
	int32_t tid;		 /* of a further thread; 0: the process, and its first thread */
	bool ended;		 /* that thread has */
	struct wait_queue queue;
	LIST_ENTRY(pidref) link; /* of a thread: the process's */
};

static int pidfd_poll(struct file *f, struct waiter *w)
{
	struct pidref *r = f->ctx;
	int err = wait_join(w, &r->queue);
	if (err)
		return err;
	if (!r->process || r->ended)
		return POLLIN | POLLRDNORM | POLLHUP;
	bool first_ended = f->flags & ABI_O_EXCL && !r->tid && process_task(r->process)->state == TASK_DEAD;
	return r->process->zombie || first_ended ? POLLIN | POLLRDNORM : 0;
}

static void pidref_free(struct pidref *r)
{
	wait_queue_finish(&r->queue);
	if (r->tid)
		LIST_REMOVE(r, link);
	else if (r->process)
		r->process->pidref = NULL;
	free(r);
}

static void pidfd_release(struct file *f)
{
	struct pidref *r = f->ctx;
	if (--r->files == 0)
		pidref_free(r);
}

static void pidfd_info(struct file *f, struct text *text)
{
	const struct pidref *r = f->ctx;
	int32_t pid = !r->process || r->ended ? -1 : r->tid ? r->tid : r->process->pid;
	text_add(text, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .name = "[pidfd]",
    .stat = file_stat_anonymous,
    .poll = pidfd_poll,
    .info = pidfd_info,
    .release = pidfd_release,
};

static struct pidref *pidref_find(const struct process *p, int32_t tid)
{
	struct pidref *r;
	if (tid == p->pid)
		return p->pidref;
	LIST_FOREACH (r, &p->thread_pidrefs, link) {
		if (r->tid == tid && !r->ended)
			return r;
	}
	return NULL;
}

int pidfd_create(const struct task *t, uint32_t flags, struct file **ret_file)
{
	struct process *p = t->process;
	struct pidref *r = pidref_find(p, t->tid);
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		r->process = p;
		r->tid = t->tid == p->pid ? 0 : t->tid;
		wait_queue_init(&r->queue);
	}
	int err = file_create(p->kernel, &pidfd_ops, ABI_O_RDWR | (flags & ABI_O_NONBLOCK), NULL, r, ret_file);
	if (err) {
		if (r->files == 0)
			free(r);
		return err;
	}
	(*ret_file)->flags |= flags & ABI_O_EXCL; /* which F_GETFL shows of these */
	if (r->files++ > 0)
		return 0;
	if (r->tid)
		LIST_INSERT_HEAD(&p->thread_pidrefs, r, link);
	else
		p->pidref = r;
	return 0;
}

void pidfd_thread_ended(const struct task *t)
{
	struct process *p = t->process;
	struct pidref *r = pidref_find(p, t->tid);
	if (!r)
		return;
	r->ended = r->tid;
	wait_wake_for(&r->queue, POLLIN | POLLRDNORM | (r->ended ? POLLHUP : 0));
}

void pidfd_exited(struct process *p)
{
	if (p->pidref)
		wait_wake_for(&p->pidref->queue, POLLIN | POLLRDNORM);
}

void pidfd_forget(struct process *p)
{
	struct pidref *r = p->pidref, *thread;
	LIST_FOREACH (thread, &p->thread_pidrefs, link)
		thread->process = NULL;
	/* The list's head goes with p. */
	while ((thread = LIST_FIRST(&p->thread_pidrefs))) {
		LIST_REMOVE(thread, link);
		thread->tid = 0;
	}
	if (!r)
		return;
	p->pidref = NULL;
	r->process = NULL;
	wait_wake_for(&r->queue, POLLIN | POLLRDNORM | POLLHUP);
}

int pidfd_process(struct task *t, int fd, struct process **ret_process, uint32_t *ret_flags)
{
	const struct file *f = fd_get(t->process->files, fd);
	if (!f || (f->flags & ABI_O_PATH) || f->ops != &pidfd_ops)
		return -EBADF;
	const struct pidref *r = f->ctx;
	if (!r->process || r->ended)
		return -ESRCH;
	*ret_process = r->process;
	if (ret_flags)
		*ret_flags = f->flags;
	return 0;
}

/* The thread of a descriptor that names one of p: its first, or a further one. */
static struct task *pidfd_task(const struct task *t, int fd, struct process *p)
{
	const struct pidref *r = fd_get(t->process->files, fd)->ctx;
	return r->tid ? task_find(p->kernel, r->tid) : process_task(p);
}

int64_t sys_pidfd_open(struct task *t, const uint64_t a[6])
{
	struct process *self = t->process, *p = process_find(self->kernel, (int32_t)a[0]);
	uint32_t flags = (uint32_t)a[1];
	struct file *f;
	if ((flags & ~(uint32_t)(ABI_O_NONBLOCK | ABI_O_EXCL)) || (int32_t)a[0] <= 0)
		return -EINVAL;
	/* The number of a thread is that of no process. */
	const struct task *of = p ? process_task(p) : task_find(self->kernel, (int32_t)a[0]);
	if (!of)
		return -ESRCH;
	if (!p && !(flags & ABI_O_EXCL))
		return -ENOENT;
	int err = pidfd_create(of, flags, &f);
	if (err)
		return err;
	return fd_give(t, f, true);
}

int64_t sys_pidfd_send_signal(struct task *t, const uint64_t a[6])
{
	enum { TO_THREAD = 1, TO_PROCESS = 2, TO_GROUP = 4 };
	struct process *p = NULL;
	struct signal_info info;
	uint32_t to = (uint32_t)a[3], flags = 0;
	if (to & ~(uint32_t)(TO_THREAD | TO_PROCESS | TO_GROUP) || to & (to - 1))
		return -EINVAL;
	int err = pidfd_process(t, (int)a[0], &p, &flags);
	const struct file *f = err == -EBADF ? fd_get(t->process->files, (int)a[0]) : NULL;
	/* As Linux had it before there were pidfds: a directory of /proc will do. */
	struct task *thread = NULL;
	if (f && !(f->flags & ABI_O_PATH) && (p = proc_process_of(f))) {
		thread = process_task(p);
		err = 0;
	}
	if (err == -EBADF)
		return err;
	to = to ? to : flags & ABI_O_EXCL ? TO_THREAD : TO_PROCESS;
	if (!err && !thread)
		thread = pidfd_task(t, (int)a[0], p);
	err = err || thread ? err : -ESRCH;
	if (a[2]) {
		uint8_t bytes[SIGINFO_SIZE];
		int bad = uaccess_read(t, bytes, a[2], sizeof(bytes));
		if (bad)
			return bad;
		signal_info_decode(bytes, &info);
		if (info.number != (int32_t)a[1])
			return -EINVAL;
		if ((info.code >= 0 || info.code == SI_TKILL) && (thread != t || to == TO_GROUP))
			return -EPERM;
	} else {
		info = (struct signal_info){.number = (int32_t)a[1],
					    .code = to == TO_THREAD ? SI_TKILL : SI_USER,
					    .pid = t->process->pid,
					    .uid = (int32_t)t->cred->uid};
	}
	if (info.number < 0 || info.number > SIGNALS)
		return -EINVAL;
	if (err)
		return err;
	if (to == TO_GROUP)
		return signal_send_group(t, thread->tid, &info);
	err = cred_may_signal(t, p, info.number);
	if (err || !info.number)
		return err;
	return to == TO_THREAD ? signal_send_task(thread, &info) : signal_send_process(p, &info);
}

int64_t sys_pidfd_getfd(struct task *t, const uint64_t a[6])
{
	struct process *p;
	if ((uint32_t)a[2])
		return -EINVAL;
	int err = pidfd_process(t, (int)a[0], &p, NULL);
	if (err)
		return err;
	if (!cred_may_trace(t, p, false))
		return -EPERM;
	if (!p->files)
		return p->zombie ? -ESRCH : -EBADF;
	struct file *f = fd_get(p->files, (int)a[1]);
	if (!f)
		return -EBADF;
	return fd_give(t, file_ref(f), true);
}
