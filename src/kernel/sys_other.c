/* SPDX-License-Identifier: MIT */
/* sys_other.c - the memory of other processes */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/pidfd.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

/* ---- process_vm_readv, process_vm_writev ---- */

enum { VECTORS_MAX = 1024, PIECE = 4096 };

/* Reads an array of parts, which is the caller's to free. */
static int vectors_read(struct task *t, uint64_t va, uint64_t count, struct abi_iovec **ret_iov)
{
	if (count > VECTORS_MAX)
		return -EINVAL;
	struct abi_iovec *iov = malloc((count + 1) * sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	uint64_t sum = 0;
	int r = uaccess_read(t, iov, va, count * sizeof(*iov));
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		if (iov[i].len > INT64_MAX || sum + iov[i].len > INT64_MAX)
			r = -EINVAL;
		sum += iov[i].len;
	}
	if (r != 0)
		free(iov);
	else
		*ret_iov = iov;
	return r;
}

/* Where byte at of all the parts together lies, and how many follow it there; false: behind the end. */
static bool part_at(const struct abi_iovec *iov, uint64_t count, uint64_t at, uint64_t *ret_va,
		    uint64_t *ret_size)
{
	for (uint64_t i = 0; i < count; i++) {
		if (at < iov[i].len) {
			*ret_va = iov[i].base + at;
			*ret_size = iov[i].len - at;
			return true;
		}
		at -= iov[i].len;
	}
	return false;
}

struct parts {
	struct abi_iovec *here, *there;
	uint64_t here_count, there_count;
};

/* call.done: how much is copied. A part of theirs that cannot be reached ends it; so does one here. */
static int64_t parts_copy(struct task *t, struct space *s, const struct parts *p, bool write)
{
	uint64_t *done = &t->call.done, here, there, size, left;
	uint8_t bytes[PIECE];
	const uint64_t pause = *done + WORK_BYTES;
	while (part_at(p->there, p->there_count, *done, &there, &size) &&
	       part_at(p->here, p->here_count, *done, &here, &left)) {
		size = min_u64(min_u64(size, left), PIECE - there % PIECE);
		if (*done >= pause)
			return wait_pause(t, PAUSE_HELD);
		int64_t n = write ? uaccess_read(t, bytes, here, size)
				  : process_copy(t, s, there, bytes, size, ACCESS_READ, false);
		if (n < 0)
			return *done && n != CALL_WAIT ? (int64_t)*done : n;
		size = write ? size : (uint64_t)n;
		n = write ? process_copy(t, s, there, bytes, size, ACCESS_WRITE, false)
			  : uaccess_write(t, here, bytes, size);
		if (n < 0)
			return *done && n != CALL_WAIT ? (int64_t)*done : n;
		*done += write ? (uint64_t)n : size;
	}
	return (int64_t)*done;
}

static int64_t process_vm(struct task *t, const uint64_t a[6], bool write)
{
	struct parts p = {.here_count = a[2], .there_count = a[4]};
	if (a[5] != 0)
		return -EINVAL;
	int64_t r = vectors_read(t, a[1], a[2], &p.here);
	if (r != 0)
		return r;
	r = vectors_read(t, a[3], a[4], &p.there);
	const struct task *other = r == 0 ? task_find(t->process->kernel, (int32_t)a[0]) : NULL;
	uint64_t va, size;
	bool nothing = r == 0 && (!part_at(p.here, p.here_count, 0, &va, &size) ||
				  !part_at(p.there, p.there_count, 0, &va, &size));
	if (r == 0 && !nothing) {
		if (!other || !other->process->space)
			r = -ESRCH;
		else if (!cred_may_trace(t, other->process, false))
			r = -EPERM;
		else
			r = parts_copy(t, other->process->space, &p, write);
		free(p.there);
	} else if (nothing) {
		free(p.there);
	}
	free(p.here);
	return r;
}

int64_t sys_process_vm_readv(struct task *t, const uint64_t a[6])
{
	return process_vm(t, a, false);
}

int64_t sys_process_vm_writev(struct task *t, const uint64_t a[6])
{
	return process_vm(t, a, true);
}

/* ---- process_madvise, process_mrelease ---- */

enum { ADVICE_WILLNEED = 3, ADVICE_COLD = 20, ADVICE_PAGEOUT = 21, ADVICE_COLLAPSE = 25 };

int64_t sys_process_madvise(struct task *t, const uint64_t a[6])
{
	struct abi_iovec *iov;
	struct process *p;
	int advice = (int)a[3];
	if (a[4] != 0)
		return -EINVAL;
	int64_t r = vectors_read(t, a[1], a[2], &iov);
	if (r != 0)
		return r;
	r = pidfd_process(t, (int)a[0], &p, NULL);
	bool others = advice == ADVICE_WILLNEED || advice == ADVICE_COLD || advice == ADVICE_PAGEOUT ||
		      advice == ADVICE_COLLAPSE;
	if (r == 0 && p != t->process && !others)
		r = -EINVAL;
	if (r == 0 && !p->space)
		r = -ESRCH;
	if (r == 0 && !cred_may_trace(t, p, false))
		r = -EPERM;
	/* state: how many parts are done, and how far the next one is. */
	uint64_t *at = t->call.state, sum = 0;
	while (r == 0 && *at < a[2]) {
		r = memory_advise(t, p->space, iov[*at].base, iov[*at].len, advice, at + 1);
		if (r == 0) {
			++*at;
			at[1] = at[2] = at[3] = 0;
		}
	}
	for (uint64_t i = 0; i < *at; i++)
		sum += iov[i].len;
	free(iov);
	return r == CALL_WAIT || !sum ? r : (int64_t)sum;
}

/* What has been killed gives its memory back at once here, so that there is nothing left to do: but who is
 * alive must be refused. */
int64_t sys_process_mrelease(struct task *t, const uint64_t a[6])
{
	struct process *p;
	if (a[1] != 0)
		return -EINVAL;
	int r = pidfd_process(t, (int)a[0], &p, NULL);
	if (r != 0)
		return r;
	if (!p->space)
		return -ESRCH;
	return p->exiting || p->signals.pending.set & signal_bit(9) ? 0 : -EINVAL;
}
