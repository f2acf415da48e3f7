/* SPDX-License-Identifier: MIT */
/* epoll.c - epoll_create1, epoll_ctl, epoll_pwait: see epoll.h, and epoll_nest.c for those in others */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/epoll_private.h"
#include "kernel/event/polling.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

/* struct epoll_event, packed on x86 only. */
struct abi_epoll_event {
	uint32_t events, pad;
	uint64_t data;
};

enum { CTL_ADD = 1, CTL_DEL = 2, CTL_MOD = 3 };

static const uint32_t EXCLUSIVE = UINT32_C(1) << 28, WAKEUP = UINT32_C(1) << 29,
		      ONESHOT = UINT32_C(1) << 30, EDGE = UINT32_C(1) << 31;
/* Not events, but how they are told. */
static const uint32_t PRIVATE = UINT32_C(0xf) << 28;

static int item_order(const struct epoll_item *a, const struct epoll_item *b)
{
	if (a->file != b->file)
		return a->file->serial < b->file->serial ? -1 : 1;
	return a->fd < b->fd ? -1 : a->fd > b->fd;
}
RB_GENERATE_INTERNAL(epoll_items, epoll_item, tree, item_order, __attribute__((unused)) static)

struct epoll_item *epoll_item_next(struct epoll *e, struct epoll_item *i)
{
	return i ? RB_NEXT(epoll_items, &e->items, i) : RB_MIN(epoll_items, &e->items);
}

int epoll_target(const struct file *epoll, int fd, unsigned offset, const struct file **ret_file)
{
	struct epoll *e = epoll_of(epoll);
	if (!e)
		return -EINVAL;
	for (struct epoll_item *i = epoll_item_next(e, NULL); i; i = epoll_item_next(e, i)) {
		if (i->fd == fd && offset-- == 0) {
			*ret_file = i->file;
			return 0;
		}
	}
	return -ENOENT;
}

/* --- one item --- */

static void item_ready(struct epoll_item *i)
{
	if (!i->is_ready)
		TAILQ_INSERT_TAIL(&i->epoll->ready, i, ready);
	i->is_ready = true;
}

static void item_not_ready(struct epoll_item *i)
{
	if (i->is_ready)
		TAILQ_REMOVE(&i->epoll->ready, i, ready);
	i->is_ready = false;
}

static void tell(struct epoll *e)
{
	wait_wake_one(&e->waiters);
	wait_wake_for(&e->pollers, POLLIN | POLLRDNORM);
}

/* The file changed. True: somebody waits for that here. */
static bool item_woken(struct wait_entry *w, int events)
{
	struct epoll_item *i = ((struct epoll_watch *)w)->item;
	uint32_t wanted = i->events & ~PRIVATE;
	bool waited = !TAILQ_EMPTY(&i->epoll->waiters);
	if (!wanted || (events && !((uint32_t)events & wanted)))
		return false;
	item_ready(i);
	tell(i->epoll);
	return waited;
}

/* Which of the events that the item asks for hold now. */
static uint32_t item_poll(struct epoll_item *i)
{
	int mask = i->file->ops->poll(i->file, NULL);
	return mask > 0 ? (uint32_t)mask & i->events & ~PRIVATE : 0;
}

struct joining {
	struct waiter waiter;
	struct epoll_item *item;
};

static int item_join(struct waiter *w, struct wait_queue *q)
{
	struct epoll_item *i = ((struct joining *)w)->item;
	if (i->watches == array_size(i->watch))
		return -ENOMEM;
	struct epoll_watch *x = &i->watch[i->watches++];
	*x = (struct epoll_watch){.entry = {.woken = item_woken, .shares = i->events & EXCLUSIVE},
				  .item = i};
	wait_watch(&x->entry, q);
	return 0;
}

static void item_remove(struct epoll_item *i)
{
	while (i->watches > 0)
		wait_unwatch(&i->watch[--i->watches].entry);
	item_not_ready(i);
	RB_REMOVE(epoll_items, &i->epoll->items, i);
	LIST_REMOVE(i, of_file);
	i->epoll->kernel->epoll_watches--;
	free(i);
}

void epoll_forget_file(struct file *f)
{
	struct epoll_item *i;
	while ((i = LIST_FIRST(&f->epolls)))
		item_remove(i);
}

/* --- the epoll as a file --- */

static int epoll_poll(struct file *f, struct waiter *w)
{
	struct epoll *e = f->ctx;
	struct epoll_item *i;
	int err = wait_join(w, &e->pollers);
	if (err)
		return err;
	while ((i = TAILQ_FIRST(&e->ready))) {
		if (item_poll(i))
			return POLLIN | POLLRDNORM;
		item_not_ready(i);
	}
	return 0;
}

static void epoll_free(struct epoll *e)
{
	struct epoll_item *i;
	while ((i = RB_ROOT(&e->items)))
		item_remove(i);
	wait_queue_finish(&e->waiters);
	wait_queue_finish(&e->pollers);
	free(e);
}

static void epoll_release(struct file *f)
{
	epoll_free(f->ctx);
}

static void epoll_info(struct file *f, struct text *text)
{
	struct epoll *e = f->ctx;
	struct stat st;
	for (struct epoll_item *i = epoll_item_next(e, NULL); i; i = epoll_item_next(e, i)) {
		if (!i->file->ops->stat || i->file->ops->stat(i->file, &st) != 0)
			st = (struct stat){0};
		text_add(text, "tfd: %8d events: %8x data: %16lx  pos:%lu ino:%lx sdev:%lx\n", i->fd,
			 i->events, i->data, i->file->pos, st.st_ino, st.st_dev);
	}
}

static const struct file_ops epoll_ops = {
    .name = "[eventpoll]",
    .stat = file_stat_anonymous,
    .poll = epoll_poll,
    .info = epoll_info,
    .release = epoll_release,
};

struct epoll *epoll_of(const struct file *f)
{
	return f->ops == &epoll_ops ? f->ctx : NULL;
}

int64_t sys_epoll_create1(struct task *t, const uint64_t a[6])
{
	if ((uint32_t)a[0] & ~(uint32_t)ABI_O_CLOEXEC)
		return -EINVAL;
	struct epoll *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->kernel = t->process->kernel;
	RB_INIT(&e->items);
	TAILQ_INIT(&e->ready);
	wait_queue_init(&e->waiters);
	wait_queue_init(&e->pollers);
	int64_t fd = file_install_anonymous(t, &epoll_ops, ABI_O_RDWR | (uint32_t)a[0], e);
	if (fd < 0)
		epoll_free(e);
	else
		e->file = fd_get(t->process->files, (int)fd);
	return fd;
}

/* --- epoll_ctl --- */

/* As Linux's max_user_watches, with the size that an item and its place in a queue have there. */
static uint64_t items_max(const struct kernel *k)
{
	enum { PART = 25, ITEM_COST = 184 };
	return (uint64_t)k->mm->frames / PART * PAGE_SIZE / ITEM_COST;
}

static void item_look(struct epoll_item *i, uint32_t events)
{
	if (events & i->events & ~PRIVATE) {
		item_ready(i);
		tell(i->epoll);
	}
}

static int epoll_add(struct epoll *e, struct file *f, int fd, uint32_t events, uint64_t data)
{
	struct kernel *k = e->kernel;
	if (k->epoll_watches >= items_max(k))
		return -ENOSPC;
	struct epoll_item *i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	*i = (struct epoll_item){.epoll = e, .file = f, .fd = fd, .events = events, .data = data};
	RB_INSERT(epoll_items, &e->items, i);
	LIST_INSERT_HEAD(&f->epolls, i, of_file);
	k->epoll_watches++;
	struct joining j = {.waiter = {.join = item_join}, .item = i};
	int mask = epoll_nest_paths(i);
	if (!mask)
		mask = f->ops->poll(f, &j.waiter);
	if (mask < 0) {
		item_remove(i);
		return mask;
	}
	item_look(i, (uint32_t)mask);
	return 0;
}

static int epoll_modify(struct epoll_item *i, uint32_t events, uint64_t data)
{
	if (i->events & EXCLUSIVE)
		return -EINVAL;
	i->events = events;
	i->data = data;
	item_look(i, item_poll(i));
	return 0;
}

static int exclusive_check(int op, const struct file *f, uint32_t events)
{
	static const uint32_t allowed = POLLIN | POLLOUT | POLLERR | POLLHUP;
	if (!(events & EXCLUSIVE))
		return 0;
	if (op == CTL_MOD)
		return -EINVAL;
	if (op == CTL_ADD && (epoll_of(f) || events & ~(allowed | WAKEUP | EDGE | EXCLUSIVE)))
		return -EINVAL;
	return 0;
}

int64_t sys_epoll_ctl(struct task *t, const uint64_t a[6])
{
	const struct fd_table *ft = t->process->files;
	int op = (int)a[1], fd = (int)a[2];
	struct abi_epoll_event event = {0};
	int err = op != CTL_DEL ? uaccess_read(t, &event, a[3], sizeof(event)) : 0;
	if (err)
		return err;
	struct file *f = fd_get(ft, (int)a[0]), *target = fd_get(ft, fd);
	if (!f || !target || (f->flags & ABI_O_PATH) || (target->flags & ABI_O_PATH))
		return -EBADF;
	if (!target->ops->poll)
		return -EPERM;
	struct epoll *e = epoll_of(f);
	if (f == target || !e)
		return -EINVAL;
	err = op != CTL_DEL ? exclusive_check(op, target, event.events) : 0;
	if (!err && op == CTL_ADD && epoll_of(target))
		err = epoll_nest_check(e, epoll_of(target));
	if (err)
		return err;
	struct epoll_item key = {.file = target, .fd = fd};
	struct epoll_item *i = RB_FIND(epoll_items, &e->items, &key);
	uint32_t events = event.events | POLLERR | POLLHUP;
	switch (op) {
	case CTL_ADD: return i ? -EEXIST : epoll_add(e, target, fd, events, event.data);
	case CTL_MOD: return i ? epoll_modify(i, events, event.data) : -ENOENT;
	case CTL_DEL:
		if (!i)
			return -ENOENT;
		item_remove(i);
		return 0;
	default: return -EINVAL;
	}
}

/* --- epoll_pwait --- */

/* One event is told. */
static void item_told(struct epoll_item *i)
{
	if (i->events & ONESHOT)
		i->events &= PRIVATE;
	else if (!(i->events & EDGE))
		item_ready(i);
}

/* Tells up to max events to the program at va; returns how many, or -EFAULT or CALL_WAIT when that is
 * the first. What is left over comes first the next time, and what stays ready after that. */
static int64_t epoll_collect(struct task *t, struct epoll *e, uint64_t va, int max)
{
	struct epoll_ready left = TAILQ_HEAD_INITIALIZER(left);
	struct epoll_item *i;
	int n = 0, err = 0;
	TAILQ_CONCAT(&left, &e->ready, ready);
	while (n < max && (i = TAILQ_FIRST(&left))) {
		uint32_t events = item_poll(i);
		struct abi_epoll_event event = {.events = events, .data = i->data};
		if (events)
			err = uaccess_write(t, va + (uint64_t)n * sizeof(event), &event, sizeof(event));
		if (err)
			break;
		TAILQ_REMOVE(&left, i, ready);
		i->is_ready = false;
		if (events) {
			n++;
			item_told(i);
		}
	}
	TAILQ_CONCAT(&left, &e->ready, ready);
	TAILQ_CONCAT(&e->ready, &left, ready);
	if (n > 0 && err)
		wait_forget(t);
	if (n > 0 && !TAILQ_EMPTY(&e->ready))
		wait_wake_one(&e->waiters);
	return n > 0 ? n : err;
}

/* Its deadline and its mask are set. */
static int64_t epoll_wait_for(struct task *t, const uint64_t a[6])
{
	enum { EVENTS_MAX = INT32_MAX / (int)sizeof(struct abi_epoll_event) };
	const struct file *f = fd_get(t->process->files, (int)a[0]);
	int max = (int)a[2];
	if (max <= 0 || max > EVENTS_MAX)
		return -EINVAL;
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	struct epoll *e = epoll_of(f);
	if (!e)
		return -EINVAL;
	int64_t n = epoll_collect(t, e, a[1], max);
	if (n != 0)
		return n;
	if (t->call.deadline <= kernel_now(t->process->kernel))
		return 0;
	if (t->call.interrupted)
		return -EINTR;
	int err = wait_on(t, &e->waiters);
	if (err)
		return err;
	if (t->call.deadline != NO_DEADLINE)
		wait_until(t, t->call.deadline);
	return CALL_WAIT;
}

int64_t sys_epoll_pwait(struct task *t, const uint64_t a[6])
{
	int timeout = (int)a[3];
	int err = poll_mask(t, a[4], a[5]);
	if (err)
		return err;
	poll_timeout(t, timeout < 0 ? NO_DEADLINE : (uint64_t)timeout * 1000000);
	return epoll_wait_for(t, a);
}

int64_t sys_epoll_pwait2(struct task *t, const uint64_t a[6])
{
	int err = poll_deadline(t, a[3]);
	if (!err)
		err = poll_mask(t, a[4], a[5]);
	return err ? err : epoll_wait_for(t, a);
}
