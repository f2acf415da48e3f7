/* SPDX-License-Identifier: MIT */
/* async.c - SIGIO: see async.h */
#include "kernel/event/async.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"

enum { QUEUES = 4 };

struct async {
	struct waiter waiter; /* first: what a file is given is this */
	struct file *file;
	enum async_kind kind;
	int32_t id; /* of the owner; 0: none */
	uint32_t uid, euid; /* who named him */
	int number; /* 0: SIGIO */
	int fd;
	unsigned watches;
	struct async_watch {
		struct wait_entry entry; /* first */
		struct async *async;
	} watch[QUEUES];
};

/* As Linux's sigio_perm. */
static bool may_send(const struct async *a, const struct cred *to)
{
	return a->euid == 0 || a->euid == to->suid || a->euid == to->uid || a->uid == to->suid || a->uid == to->uid;
}

struct sending {
	const struct async *async;
	const struct signal_info *info;
};

static void send_one(struct process *p, void *ctx)
{
	const struct sending *s = ctx;
	if (may_send(s->async, process_cred(p)))
		(void)signal_send_process(p, s->info); /* a full queue loses it */
}

static void send(struct kernel *k, const struct async *a, const struct signal_info *info)
{
	struct sending s = {a, info};
	struct process *p;
	struct task *t;
	switch (a->kind) {
	case ASYNC_GROUP: process_group_each(k, a->id, send_one, &s); break;
	case ASYNC_PROCESS:
		p = process_find(k, a->id);
		if (p)
			send_one(p, &s);
		break;
	case ASYNC_THREAD:
		t = task_find(k, a->id);
		if (t && may_send(a, t->cred))
			(void)signal_send_task(t, info);
		break;
	}
}

/* What became true, as siginfo has it: POLL_IN, ... and the bits of poll. */
static void describe(struct signal_info *info, int events)
{
	static const struct {
		int events, code, band;
	} kinds[] = {{POLLPRI, POLL_PRI, POLLPRI | POLLRDBAND},
		     {POLLIN, POLL_IN, POLLIN | POLLRDNORM},
		     {POLLOUT, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND},
		     {POLLHUP, POLL_HUP, POLLHUP | POLLERR},
		     {POLLERR, POLL_ERR, POLLERR}};
	for (size_t i = 0; i < array_size(kinds); i++) {
		if (events & kinds[i].events) {
			info->code = kinds[i].code;
			info->band = (uint64_t)kinds[i].band;
			return;
		}
	}
}

static bool async_woken(struct wait_entry *w, int events)
{
	const struct async *a = ((struct async_watch *)w)->async;
	struct signal_info info = {.number = a->number ? a->number : SIGIO, .code = SI_KERNEL};
	if (!events)
		events = a->file->ops->poll(a->file, NULL);
	if (a->id == 0 || events <= 0)
		return false;
	if (a->number) {
		describe(&info, events);
		info.fd = a->fd;
	}
	send(a->file->kernel, a, &info);
	return false;
}

static int async_join(struct waiter *w, struct wait_queue *q)
{
	struct async *a = (struct async *)w;
	if (a->watches == QUEUES)
		return -ENOMEM;
	struct async_watch *x = &a->watch[a->watches++];
	*x = (struct async_watch){.entry = {.woken = async_woken}, .async = a};
	wait_watch(&x->entry, q);
	return 0;
}

static void leave(struct async *a)
{
	while (a->watches > 0)
		wait_unwatch(&a->watch[--a->watches].entry);
}

static int async_get(struct file *f)
{
	if (f->async)
		return 0;
	f->async = calloc(1, sizeof(*f->async));
	if (!f->async)
		return -ENOMEM;
	*f->async = (struct async){.waiter = {.join = async_join}, .file = f, .kind = ASYNC_PROCESS};
	return 0;
}

static bool exists(struct kernel *k, enum async_kind kind, int32_t id)
{
	switch (kind) {
	case ASYNC_GROUP: return process_group_first(k, id) != NULL;
	case ASYNC_THREAD: return task_find(k, id) != NULL;
	default: return process_find(k, id) != NULL;
	}
}

int async_set_owner(struct file *f, enum async_kind kind, int32_t id)
{
	if (id != 0 && !exists(f->kernel, kind, id))
		return -ESRCH;
	int err = async_get(f);
	if (err)
		return err;
	const struct cred *c = f->kernel->current ? f->kernel->current->cred : process_cred(f->kernel->init);
	f->async->kind = kind;
	f->async->id = id;
	f->async->uid = c->uid;
	f->async->euid = c->euid;
	return 0;
}

void async_owner(const struct file *f, enum async_kind *ret_kind, int32_t *ret_id)
{
	const struct async *a = f->async;
	bool there = a && a->id && exists(f->kernel, a->kind, a->id);
	*ret_kind = a ? a->kind : ASYNC_THREAD;
	*ret_id = there ? a->id : 0;
}

int async_set_signal(struct file *f, int number)
{
	if (number < 0 || number > SIGNALS)
		return -EINVAL;
	int err = async_get(f);
	if (!err)
		f->async->number = number;
	return err;
}

int async_signal(const struct file *f)
{
	return f->async ? f->async->number : 0;
}

int async_turn(struct file *f, int fd, bool on)
{
	/* Files that are always ready never have anything to tell. */
	if (!f->ops->poll || (!on && !f->async))
		return 0;
	int err = async_get(f);
	if (err)
		return err;
	leave(f->async);
	if (!on)
		return 0;
	f->async->fd = fd;
	int mask = f->ops->poll(f, &f->async->waiter);
	if (mask < 0)
		leave(f->async);
	return mask < 0 ? mask : 0;
}

void async_urgent(struct file *f)
{
	struct signal_info info = {.number = SIGURG, .code = SI_KERNEL};
	if (f->async && f->async->id)
		send(f->kernel, f->async, &info);
}

void async_notify(struct file *f, int fd)
{
	const struct async *a = f->async;
	struct signal_info info = {.number = a && a->number ? a->number : SIGIO, .code = SI_KERNEL};
	if (!a || !a->id)
		return;
	if (a->number) {
		info.code = POLL_MSG;
		info.band = POLLIN | POLLRDNORM | POLLMSG;
		info.fd = fd;
	}
	send(f->kernel, a, &info);
}

void async_forget_file(struct file *f)
{
	if (f->async)
		leave(f->async);
	free(f->async);
	f->async = NULL;
}
