/* SPDX-License-Identifier: MIT */
/* pidfd.c - pidfd_open, pidfd_send_signal, pidfd_getfd: see pidfd.h */
#include "kernel/event/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/signal_private.h"
#include "kernel/uaccess.h"

struct pidref {
	unsigned files;
	struct process *process; /* NULL: reaped */
	struct wait_queue queue;
};

static int pidfd_poll(struct file *f, struct waiter *w)
{
	struct pidref *r = f->ctx;
	int err = wait_join(w, &r->queue);
	if (err)
		return err;
	if (!r->process)
		return POLLIN | POLLRDNORM | POLLHUP;
	return r->process->zombie ? POLLIN | POLLRDNORM : 0;
}

static void pidref_free(struct pidref *r)
{
	wait_queue_finish(&r->queue);
	if (r->process)
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
	int32_t pid = r->process ? r->process->pid : -1;
	text_add(text, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .name = "[pidfd]",
    .stat = file_stat_anonymous,
    .poll = pidfd_poll,
    .info = pidfd_info,
    .release = pidfd_release,
};

int pidfd_create(struct process *p, uint32_t flags, struct file **ret_file)
{
	struct pidref *r = p->pidref;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		r->process = p;
		wait_queue_init(&r->queue);
	}
	int err = file_create(p->kernel, &pidfd_ops, ABI_O_RDWR | (flags & ABI_O_NONBLOCK), NULL, r,
			      ret_file);
	if (err) {
		if (r->files == 0)
			free(r);
		return err;
	}
	r->files++;
	p->pidref = r;
	return 0;
}

void pidfd_exited(struct process *p)
{
	if (p->pidref)
		wait_wake_for(&p->pidref->queue, POLLIN | POLLRDNORM);
}

void pidfd_forget(struct process *p)
{
	struct pidref *r = p->pidref;
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
	if (!r->process)
		return -ESRCH;
	*ret_process = r->process;
	if (ret_flags)
		*ret_flags = f->flags;
	return 0;
}

int64_t sys_pidfd_open(struct task *t, const uint64_t a[6])
{
	struct process *self = t->process, *p = process_find(self->kernel, (int32_t)a[0]);
	uint32_t flags = (uint32_t)a[1];
	struct file *f;
	if ((flags & ~(uint32_t)ABI_O_NONBLOCK) || (int32_t)a[0] <= 0)
		return -EINVAL;
	/* The number of a thread is that of no process. */
	if (!p)
		return task_find(self->kernel, (int32_t)a[0]) ? -EINVAL : -ESRCH;
	int err = pidfd_create(p, flags, &f);
	if (err)
		return err;
	int fd = fd_install(self->files, f, 0, self->limit[RLIMIT_NOFILE].soft, true);
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t sys_pidfd_send_signal(struct task *t, const uint64_t a[6])
{
	struct process *p;
	struct signal_info info;
	if ((uint32_t)a[3])
		return -EINVAL;
	int err = pidfd_process(t, (int)a[0], &p, NULL);
	if (err == -EBADF)
		return err;
	if (a[2]) {
		uint8_t bytes[SIGINFO_SIZE];
		int bad = uaccess_read(t, bytes, a[2], sizeof(bytes));
		if (bad)
			return bad;
		signal_info_decode(bytes, &info);
		if (info.number != (int32_t)a[1])
			return -EINVAL;
		if ((info.code >= 0 || info.code == SI_TKILL) && (err || p != t->process))
			return -EPERM;
	} else {
		info = (struct signal_info){.number = (int32_t)a[1],
					    .code = SI_USER,
					    .pid = t->process->pid,
					    .uid = (int32_t)t->cred->uid};
	}
	if (info.number < 0 || info.number > SIGNALS)
		return -EINVAL;
	if (err)
		return err;
	err = cred_may_signal(t, p, info.number);
	if (err)
		return err;
	return info.number ? signal_send_process(p, &info) : 0;
}

int64_t sys_pidfd_getfd(struct task *t, const uint64_t a[6])
{
	struct process *self = t->process, *p;
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
	int fd = fd_install(self->files, file_ref(f), 0, self->limit[RLIMIT_NOFILE].soft, true);
	if (fd < 0)
		file_put(f);
	return fd;
}
