/* SPDX-License-Identifier: MIT */
/* timerfd.c - timers that are waited for as files: timerfd(2)
 *
 * A timerfd is a timer of timer.h without a process: instead of sending a signal it counts the periods
 * that have ended, for who reads next. All of its clocks are virtual time, which nobody sets; so a
 * timer that asked to be told when the clock is set (CANCEL_ON_SET) never is.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

enum { ABSTIME = 1, CANCEL_ON_SET = 2 };

struct timerfd {
	struct timer timer; /* first: what expires is this */
	uint64_t ticks;
	uint32_t flags; /* of the last settime */
	struct wait_queue queue;
};

static void timerfd_expired(struct timer *x, uint64_t periods)
{
	struct timerfd *tf = (struct timerfd *)x;
	/* Linux counts further periods only when somebody reads: they are no edge. */
	bool first = tf->ticks == 0;
	tf->ticks += periods;
	if (first)
		wait_wake_for(&tf->queue, POLLIN);
}

static int64_t timerfd_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct timerfd *tf = f->ctx;
	if (size < sizeof(tf->ticks))
		return -EINVAL;
	timer_catch_up(&tf->timer);
	if (tf->ticks > 0)
		return sizeof(tf->ticks);
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &tf->queue);
	return err ? err : CALL_WAIT;
}

static int64_t timerfd_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			    uint64_t *pos)
{
	struct timerfd *tf = f->ctx;
	int64_t there = timerfd_look(f, t, size, pos);
	if (there < 0)
		return there;
	memcpy(ret_bytes, &tf->ticks, sizeof(tf->ticks));
	tf->ticks = 0;
	return there;
}

static int timerfd_poll(struct file *f, struct waiter *w)
{
	struct timerfd *tf = f->ctx;
	int err = wait_join(w, &tf->queue);
	timer_catch_up(&tf->timer);
	return err ? err : tf->ticks > 0 ? POLLIN : 0;
}

static void timerfd_free(struct timerfd *tf)
{
	timer_arm(&tf->timer, 0, 0);
	wait_queue_finish(&tf->queue);
	free(tf);
}

static void timerfd_release(struct file *f)
{
	timerfd_free(f->ctx);
}

static void timerfd_info(struct file *f, struct text *text)
{
	enum { SECOND = 1000000000 };
	struct timerfd *tf = f->ctx;
	timer_catch_up(&tf->timer);
	uint64_t left = timer_left(&tf->timer), interval = tf->timer.interval;
	text_add(text,
		 "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%lu, %lu)\n"
		 "it_interval: (%lu, %lu)\n",
		 tf->timer.clock, tf->ticks, tf->flags, left / SECOND, left % SECOND,
		 interval / SECOND, interval % SECOND);
}

static const struct file_ops timerfd_ops = {
    .name = "[timerfd]",
    .records = true,
    .look = timerfd_look,
    .read = timerfd_read,
    .stat = file_stat_anonymous,
    .poll = timerfd_poll,
    .info = timerfd_info,
    .release = timerfd_release,
};

static bool clock_known(int32_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM: return true;
	default: return false;
	}
}

int64_t sys_timerfd_create(struct task *t, const uint64_t a[6])
{
	int32_t clock = (int32_t)a[0];
	uint32_t flags = (uint32_t)a[1];
	if ((flags & ~(uint32_t)(ABI_O_NONBLOCK | ABI_O_CLOEXEC)) || !clock_known(clock))
		return -EINVAL;
	if ((clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) && !task_can(t, CAP_WAKE_ALARM))
		return -EPERM;
	struct timerfd *tf = calloc(1, sizeof(*tf));
	if (!tf)
		return -ENOMEM;
	timer_init_file(&tf->timer, t->process->kernel, clock, timerfd_expired);
	wait_queue_init(&tf->queue);
	int64_t fd = file_install_anonymous(t, &timerfd_ops, ABI_O_RDWR | flags, tf);
	if (fd < 0)
		timerfd_free(tf);
	return fd;
}

static int timerfd_find(struct task *t, uint64_t fd, struct timerfd **ret_timerfd)
{
	const struct file *f = fd_get(t->process->files, (int)fd);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	if (f->ops != &timerfd_ops)
		return -EINVAL;
	*ret_timerfd = f->ctx;
	return 0;
}

static uint64_t clock_now(const struct timerfd *tf)
{
	const struct kernel *k = tf->timer.kernel;
	bool real = tf->timer.clock == CLOCK_REALTIME || tf->timer.clock == CLOCK_REALTIME_ALARM;
	return real ? kernel_realtime(k) : kernel_now(k);
}

/* value 0: stops it. What an absolute time in the past has missed is told at once. */
static void timerfd_start(struct timerfd *tf, uint64_t value, uint64_t interval, bool absolute)
{
	uint64_t now = absolute ? clock_now(tf) : 0, here = timer_now(&tf->timer), left = value - now;
	tf->ticks = 0;
	timer_arm(&tf->timer, 0, interval);
	if (value == 0)
		return;
	if (absolute && value <= now) {
		timerfd_expired(&tf->timer, interval ? (now - value) / interval + 1 : 1);
		if (!interval)
			return;
		left = interval - (now - value) % interval;
	}
	timer_arm(&tf->timer, time_after(here, left), interval);
}

int64_t sys_timerfd_settime(struct task *t, const uint64_t a[6])
{
	struct timerfd *tf;
	uint64_t interval, value;
	int err = timespec_read(t, a[2], &interval);
	/* What is there but no time is found out after what is not there. */
	if (!err || err == -EINVAL) {
		int other = timespec_read(t, a[2] + sizeof(struct abi_timespec), &value);
		if (other == -EFAULT || other == CALL_WAIT || !err)
			err = other;
	}
	if (err && err != -EINVAL)
		return err;
	if (err || ((uint32_t)a[1] & ~(uint32_t)(ABSTIME | CANCEL_ON_SET)))
		return -EINVAL;
	err = timerfd_find(t, a[0], &tf);
	if (err)
		return err;
	timer_catch_up(&tf->timer);
	err = a[3] ? timer_write(t, a[3], &tf->timer) : 0;
	if (err == CALL_WAIT)
		return err;
	tf->flags = (uint32_t)a[1];
	timerfd_start(tf, value, interval, (uint32_t)a[1] & ABSTIME);
	return err;
}

int64_t sys_timerfd_gettime(struct task *t, const uint64_t a[6])
{
	struct timerfd *tf;
	int err = timerfd_find(t, a[0], &tf);
	if (err)
		return err;
	timer_catch_up(&tf->timer);
	return timer_write(t, a[1], &tf->timer);
}
