/* SPDX-License-Identifier: MIT */
/* sys_poll.c - waiting for several files at once */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/polling.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/timer.h"
#include "kernel/uaccess.h"

enum { LIMIT_NOFILE = 7 };

/* A file without poll never makes anybody wait. */
static int poll_file(struct file *f, struct waiter *w)
{
	return f->ops->poll ? f->ops->poll(f, w) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* Asks each; returns how many have something. With t also waits for all, or a negative errno. */
static int64_t poll_all(const struct fd_table *ft, struct abi_pollfd *p, size_t n, struct task *t)
{
	struct waiter w = {.task = t};
	int64_t count = 0;
	for (size_t i = 0; i < n; i++) {
		p[i].revents = 0;
		if (p[i].fd < 0)
			continue;
		struct file *f = fd_get(ft, p[i].fd);
		int mask = f && !(f->flags & ABI_O_PATH) ? poll_file(f, t ? &w : NULL) : POLLNVAL;
		if (mask < 0)
			return mask;
		p[i].revents = (int16_t)(mask & (p[i].events | POLLERR | POLLHUP | POLLNVAL));
		count += p[i].revents != 0;
	}
	return count;
}

enum { KNOWN = 1 }; /* in state[0]: the deadline is set */

void poll_timeout(struct task *t, uint64_t ns)
{
	if (!(t->call.state[0] & KNOWN) && ns != NO_DEADLINE)
		t->call.deadline = time_after(kernel_now(t->process->kernel), ns);
	t->call.state[0] |= KNOWN;
}

int poll_deadline(struct task *t, uint64_t va)
{
	uint64_t ns = NO_DEADLINE;
	if (t->call.state[0] & KNOWN)
		return 0;
	int err = va ? timespec_read(t, va, &ns) : 0;
	if (!err)
		poll_timeout(t, ns);
	return err;
}

/* Linux changes the program's timeout to what was left of it. */
static int write_left(struct task *t, uint64_t va)
{
	if (!va || t->call.deadline == NO_DEADLINE)
		return 0;
	uint64_t now = kernel_now(t->process->kernel);
	uint64_t left = t->call.deadline > now ? t->call.deadline - now : 0;
	struct abi_timespec ts = {(int64_t)(left / 1000000000), (int64_t)(left % 1000000000)};
	int err = uaccess_write(t, va, &ts, sizeof(ts));
	return err == CALL_WAIT ? err : 0;
}

/* Polls and, when nothing is ready and there is time, waits. Returns a count, -EINTR or
 * CALL_WAIT. */
static int64_t poll_wait(struct task *t, struct abi_pollfd *p, size_t n)
{
	const struct fd_table *ft = t->process->files;
	int64_t count = poll_all(ft, p, n, NULL);
	if (count != 0)
		return count;
	if (t->call.deadline <= kernel_now(t->process->kernel))
		return 0;
	if (t->call.interrupted)
		return -EINTR;
	count = poll_all(ft, p, n, t);
	if (count < 0)
		return count;
	if (t->call.deadline != NO_DEADLINE)
		wait_until(t, t->call.deadline);
	return CALL_WAIT;
}

int poll_mask(struct task *t, uint64_t va, uint64_t size)
{
	signal_set mask;
	if (!va)
		return 0;
	int err = signal_read_set(t, va, size, &mask);
	if (!err)
		signal_mask_for_call(t, mask);
	return err;
}

int64_t sys_ppoll(struct task *t, const uint64_t a[6])
{
	uint64_t n = (uint32_t)a[1];
	if (n > t->process->limit[LIMIT_NOFILE].soft)
		return -EINVAL;
	int64_t err = poll_deadline(t, a[2]);
	if (!err)
		err = poll_mask(t, a[3], a[4]);
	if (err)
		return err;
	struct abi_pollfd *p = calloc(n ? n : 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	int64_t count = uaccess_read(t, p, a[0], n * sizeof(*p));
	if (count == 0)
		count = poll_wait(t, p, n);
	if (count != CALL_WAIT && (count >= 0 || count == -EINTR)) {
		err = n ? uaccess_write(t, a[0], p, n * sizeof(*p)) : 0;
		if (!err)
			err = write_left(t, a[2]);
		if (err)
			count = err;
	}
	free(p);
	return count;
}

/* select's sets: words of 64 bits, as many as n bits take. */
enum { FDS_MAX = 1024, WORDS = FDS_MAX / 64 };

struct sets {
	uint64_t in[3][WORDS], out[3][WORDS];
};

static const int set_events[3] = {POLLIN | POLLHUP | POLLERR | POLLRDNORM,
				  POLLOUT | POLLERR | POLLWRNORM, POLLPRI};

static bool bit(const uint64_t *set, unsigned n)
{
	return set[n / 64] >> (n % 64) & 1;
}

static int read_sets(struct task *t, const uint64_t a[6], unsigned words, struct sets *s)
{
	for (int i = 0; i < 3; i++) {
		int err = a[1 + i] ? uaccess_read(t, s->in[i], a[1 + i], words * 8) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int64_t select_result(const struct abi_pollfd *p, size_t n, struct sets *s)
{
	int64_t count = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned fd = (unsigned)p[i].fd;
		if (p[i].revents & POLLNVAL)
			return -EBADF;
		for (int j = 0; j < 3; j++) {
			if (bit(s->in[j], fd) && (p[i].revents & set_events[j])) {
				s->out[j][fd / 64] |= UINT64_C(1) << fd % 64;
				count++;
			}
		}
	}
	return count;
}

int64_t sys_pselect6(struct task *t, const uint64_t a[6])
{
	struct abi_pollfd p[FDS_MAX];
	struct sets s = {0};
	uint64_t mask[2] = {0};
	size_t n = 0;
	if ((int)a[0] < 0)
		return -EINVAL;
	unsigned fds = (unsigned)min_u64((uint32_t)a[0], FDS_MAX), words = (fds + 63) / 64;
	int64_t err = poll_deadline(t, a[4]);
	if (!err && a[5])
		err = uaccess_read(t, mask, a[5], sizeof(mask));
	if (!err)
		err = poll_mask(t, mask[0], mask[1]);
	if (!err)
		err = read_sets(t, a, words, &s);
	if (err)
		return err;
	for (unsigned fd = 0; fd < fds; fd++) {
		int events = 0;
		for (int j = 0; j < 3; j++)
			events |= bit(s.in[j], fd) ? set_events[j] : 0;
		if (events)
			p[n++] = (struct abi_pollfd){.fd = (int)fd, .events = (int16_t)events};
	}
	int64_t count = poll_wait(t, p, n);
	if (count < 0)
		return count;
	count = select_result(p, n, &s);
	for (int i = 0; count >= 0 && i < 3; i++) {
		err = a[1 + i] ? uaccess_write(t, a[1 + i], s.out[i], words * 8) : 0;
		if (err)
			return err;
	}
	err = count >= 0 ? write_left(t, a[4]) : 0;
	return err ? err : count;
}
