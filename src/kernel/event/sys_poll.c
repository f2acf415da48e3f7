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

/* A file without poll never makes anybody wait. */
static int poll_file(struct file *f, struct waiter *w)
{
	return f->ops->poll ? f->ops->poll(f, w) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* Files to ask, and what is told of each whether it was asked for or not. */
struct asked {
	struct abi_pollfd *p;
	size_t n;
	int always;
};

/* Asks each; returns how many have something. With t also waits for all, or a negative errno. */
static int64_t poll_all(const struct fd_table *ft, const struct asked *a, struct task *t)
{
	struct waiter w = {.task = t};
	int64_t count = 0;
	for (size_t i = 0; i < a->n; i++) {
		struct abi_pollfd *p = &a->p[i];
		p->revents = 0;
		if (p->fd < 0)
			continue;
		struct file *f = fd_get(ft, p->fd);
		int mask = f && !(f->flags & ABI_O_PATH) ? poll_file(f, t ? &w : NULL) : POLLNVAL;
		if (mask < 0)
			return mask;
		p->revents = (int16_t)(mask & (p->events | a->always));
		count += p->revents != 0;
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

/* Linux changes the program's timeout to what was left of it, however the call ends, unless the program's personality
 * is that of a system which did not. */
static int write_left(struct task *t, uint64_t va)
{
	const unsigned long sticky_timeouts = 0x4000000;
	if (!va || t->call.deadline == NO_DEADLINE || t->process->personality & sticky_timeouts)
		return 0;
	uint64_t now = kernel_now(t->process->kernel);
	uint64_t left = t->call.deadline > now ? t->call.deadline - now : 0;
	struct abi_timespec ts = {(int64_t)(left / 1000000000), (int64_t)(left % 1000000000)};
	int err = uaccess_write(t, va, &ts, sizeof(ts));
	return err == CALL_WAIT ? err : 0;
}

/* Polls and, when nothing is ready and there is time, waits. A signal counts before the end of the
 * time, as on Linux: one that the call's mask lets in ends even a call without any. Returns a count,
 * -EINTR or CALL_WAIT. */
static int64_t poll_wait(struct task *t, const struct asked *a)
{
	const struct fd_table *ft = t->process->files;
	int64_t count = poll_all(ft, a, NULL);
	if (count != 0)
		return count;
	if (t->call.interrupted)
		return -EINTR;
	if (signal_waiting(t))
		return CALL_WAIT;
	if (t->call.deadline <= kernel_now(t->process->kernel))
		return 0;
	count = poll_all(ft, a, t);
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
	int64_t err = poll_deadline(t, a[2]);
	if (!err)
		err = poll_mask(t, a[3], a[4]);
	if (!err && n > fd_limit(t))
		err = -EINVAL;
	if (err)
		return err;
	struct abi_pollfd *p = calloc(n ? n : 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	int64_t count = uaccess_read(t, p, a[0], n * sizeof(*p));
	if (count == 0)
		count = poll_wait(t, &(struct asked){p, n, POLLERR | POLLHUP | POLLNVAL});
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

/* select's three sets as the program gives them and as it gets them, each of as many words of 64 bits
 * as its files take. */
struct sets {
	unsigned words;
	uint64_t *in[3], *out[3];
};

/* Nothing is told that was not asked for. */
static const int set_events[3] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR | POLLNVAL,
    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR | POLLNVAL, POLLPRI | POLLNVAL};

static int sets_init(struct sets *s, unsigned files)
{
	s->words = (files + 63) / 64;
	uint64_t *words = calloc(6 * (size_t)s->words + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (unsigned i = 0; i < 3; i++) {
		s->in[i] = words + 2 * i * s->words;
		s->out[i] = s->in[i] + s->words;
	}
	return 0;
}

static void sets_finish(struct sets *s)
{
	free(s->in[0]);
}

static bool bit(const uint64_t *set, unsigned n)
{
	return set[n / 64] >> (n % 64) & 1;
}

static int sets_read(struct task *t, const uint64_t a[6], struct sets *s)
{
	int err = 0;
	for (int i = 0; i < 3 && !err; i++)
		err = a[1 + i] ? uaccess_read(t, s->in[i], a[1 + i], s->words * 8) : 0;
	return err;
}

static int sets_write(struct task *t, const uint64_t a[6], const struct sets *s)
{
	int err = 0;
	for (int i = 0; i < 3 && !err; i++)
		err = a[1 + i] ? uaccess_write(t, a[1 + i], s->out[i], s->words * 8) : 0;
	return err;
}

/* What the sets ask for. Returns 0; -EBADF: not all are open; or -ENOMEM. ret_asked is to be freed. */
static int sets_ask(const struct task *t, const struct sets *s, unsigned files, struct asked *ret_asked)
{
	size_t n = 0;
	struct abi_pollfd *p = calloc(files ? files : 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (unsigned fd = 0; fd < files; fd++) {
		int events = 0;
		for (int j = 0; j < 3; j++)
			events |= bit(s->in[j], fd) ? set_events[j] : 0;
		if (events && !fd_get(t->process->files, (int)fd)) {
			free(p);
			return -EBADF;
		}
		if (events)
			p[n++] = (struct abi_pollfd){.fd = (int)fd, .events = (int16_t)events};
	}
	*ret_asked = (struct asked){p, n, 0};
	return 0;
}

static int64_t sets_answer(const struct asked *a, struct sets *s)
{
	int64_t count = 0;
	for (size_t i = 0; i < a->n; i++) {
		unsigned fd = (unsigned)a->p[i].fd;
		for (int j = 0; j < 3; j++) {
			if (bit(s->in[j], fd) && (a->p[i].revents & set_events[j])) {
				s->out[j][fd / 64] |= UINT64_C(1) << fd % 64;
				count++;
			}
		}
	}
	return count;
}

static int64_t select_files(struct task *t, const uint64_t a[6], struct sets *s, unsigned files)
{
	struct asked asked;
	int64_t count = sets_read(t, a, s);
	if (!count)
		count = sets_ask(t, s, files, &asked);
	if (count)
		return count;
	count = poll_wait(t, &asked);
	if (count >= 0) {
		count = sets_answer(&asked, s);
		int err = sets_write(t, a, s);
		if (err)
			count = err;
	}
	free(asked.p);
	return count;
}

int64_t sys_pselect6(struct task *t, const uint64_t a[6])
{
	struct sets s;
	uint64_t mask[2] = {0};
	int64_t err = a[5] ? uaccess_read(t, mask, a[5], sizeof(mask)) : 0;
	if (!err)
		err = poll_deadline(t, a[4]);
	if (!err)
		err = poll_mask(t, mask[0], mask[1]);
	if (err)
		return err;
	if ((int)a[0] < 0)
		return -EINVAL;
	/* Of more than its table has room for, Linux says nothing. */
	unsigned files = (unsigned)min_u64((uint32_t)a[0], fd_table_size(t->process->files));
	err = sets_init(&s, files);
	if (err)
		return err;
	int64_t count = select_files(t, a, &s, files);
	sets_finish(&s);
	if (count == CALL_WAIT)
		return count;
	err = write_left(t, a[4]);
	return err ? err : count;
}
