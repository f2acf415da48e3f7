/* SPDX-License-Identifier: MIT */
/* eventfd.c - a counter that can be waited for: eventfd(2) */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/kernel.h"

enum { SEMAPHORE = 1 };

struct eventfd {
	uint64_t count; /* at most UINT64_MAX - 1 */
	bool semaphore;
	struct wait_queue queue; /* for a count; for room */
};

static int64_t eventfd_wait(const struct file *f, struct task *t)
{
	struct eventfd *e = f->ctx;
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &e->queue);
	return err ? err : CALL_WAIT;
}

static int64_t eventfd_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	const struct eventfd *e = f->ctx;
	if (size < sizeof(e->count))
		return -EINVAL;
	return e->count > 0 ? (int64_t)sizeof(e->count) : eventfd_wait(f, t);
}

static int64_t eventfd_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			    uint64_t *pos)
{
	struct eventfd *e = f->ctx;
	int64_t there = eventfd_look(f, t, size, pos);
	if (there < 0)
		return there;
	uint64_t taken = e->semaphore ? 1 : e->count;
	memcpy(ret_bytes, &taken, sizeof(taken));
	e->count -= taken;
	wait_wake_for(&e->queue, POLLOUT);
	return sizeof(taken);
}

static int64_t eventfd_write(struct file *f, struct task *t, const void *bytes, size_t size,
			     uint64_t *pos)
{
	struct eventfd *e = f->ctx;
	uint64_t more;
	if (size != sizeof(more))
		return -EINVAL;
	memcpy(&more, bytes, sizeof(more));
	if (more == UINT64_MAX)
		return -EINVAL;
	if (more > UINT64_MAX - 1 - e->count)
		return eventfd_wait(f, t);
	e->count += more;
	wait_wake_for(&e->queue, POLLIN);
	return sizeof(more);
}

static int eventfd_poll(struct file *f, struct waiter *w)
{
	struct eventfd *e = f->ctx;
	int err = wait_join(w, &e->queue);
	if (err)
		return err;
	return (e->count > 0 ? POLLIN : 0) | (e->count < UINT64_MAX - 1 ? POLLOUT : 0);
}

static void eventfd_free(struct eventfd *e)
{
	wait_queue_finish(&e->queue);
	free(e);
}

static void eventfd_release(struct file *f)
{
	eventfd_free(f->ctx);
}

static void eventfd_info(struct file *f, struct text *text)
{
	const struct eventfd *e = f->ctx;
	text_add(text, "eventfd-count: %16lx\neventfd-id: %lu\neventfd-semaphore: %d\n", e->count,
		 f->serial, e->semaphore);
}

static const struct file_ops eventfd_ops = {
    .name = "[eventfd]",
    .records = true,
    .look = eventfd_look,
    .read = eventfd_read,
    .write = eventfd_write,
    .stat = file_stat_anonymous,
    .poll = eventfd_poll,
    .info = eventfd_info,
    .release = eventfd_release,
};

int64_t sys_eventfd2(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[1];
	if (flags & ~(uint32_t)(SEMAPHORE | ABI_O_NONBLOCK | ABI_O_CLOEXEC))
		return -EINVAL;
	struct eventfd *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->count = (uint32_t)a[0];
	e->semaphore = flags & SEMAPHORE;
	wait_queue_init(&e->queue);
	int64_t fd = file_install_anonymous(t, &eventfd_ops, ABI_O_RDWR | (flags & ~(uint32_t)SEMAPHORE), e);
	if (fd < 0)
		eventfd_free(e);
	return fd;
}
