/* SPDX-License-Identifier: MIT */
/* sys_other.c - the memory of other processes, and where memory lies on a machine with one node */
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
			at[1] = at[2] = 0;
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

/* ---- One node ---- */

enum {
	POLICY_DEFAULT,
	POLICY_PREFERRED,
	POLICY_BIND,
	POLICY_INTERLEAVE,
	POLICY_LOCAL,
	POLICY_PREFERRED_MANY,
	POLICY_WEIGHTED,
	POLICIES,
	POLICY_STATIC_NODES = 1 << 15,
	POLICY_RELATIVE_NODES = 1 << 14,
	POLICY_NUMA_BALANCING = 1 << 13,
	POLICY_FLAGS = POLICY_STATIC_NODES | POLICY_RELATIVE_NODES | POLICY_NUMA_BALANCING,
	NODES_MAX = 64, /* as many bits are looked at as a page has: more must be 0 */
};

/* A set of nodes. Returns 0, -EINVAL (one that there cannot be), -EFAULT or CALL_WAIT. */
static int nodes_read(struct task *t, uint64_t va, uint64_t bits, uint64_t *ret_nodes)
{
	uint64_t words[PAGE_SIZE / 8 / 8], nodes = 0;
	if (bits > 0)
		bits--; /* Linux's own count is one too many */
	*ret_nodes = 0;
	if (bits == 0 || !va)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	for (uint64_t at = 0; at < bits; at += 64 * array_size(words)) {
		uint64_t count = (min_u64(bits - at, 64 * array_size(words)) + 63) / 64;
		int r = uaccess_read(t, words, va + at / 8, count * 8);
		if (r != 0)
			return r;
		for (uint64_t i = 0; i < count; i++) {
			uint64_t left = bits - at - i * 64;
			uint64_t word = left < 64 ? words[i] & ((UINT64_C(1) << left) - 1) : words[i];
			if (at == 0 && i == 0)
				nodes = word;
			else if (word)
				return -EINVAL;
		}
	}
	*ret_nodes = nodes;
	return 0;
}

/* May memory be placed so? mode is without flags on success. */
static int policy_check(uint64_t *mode, uint64_t nodes)
{
	uint64_t flags = *mode & POLICY_FLAGS;
	*mode &= ~(uint64_t)POLICY_FLAGS;
	if (*mode >= POLICIES ||
	    (flags & POLICY_STATIC_NODES && flags & POLICY_RELATIVE_NODES) ||
	    (flags & POLICY_NUMA_BALANCING && *mode != POLICY_BIND && *mode != POLICY_PREFERRED_MANY))
		return -EINVAL;
	if (*mode == POLICY_DEFAULT)
		return nodes ? -EINVAL : 0;
	if (*mode == POLICY_LOCAL)
		return nodes || flags ? -EINVAL : 0;
	if (*mode == POLICY_PREFERRED && !nodes)
		return flags ? -EINVAL : 0;
	/* Of nodes that are not there nothing is left. */
	return nodes & 1 || (flags & POLICY_RELATIVE_NODES && nodes) ? 0 : -EINVAL;
}

/* All memory lies on node 0 whatever is asked for; what was asked is kept, to be told again. */
int64_t sys_set_mempolicy(struct task *t, const uint64_t a[6])
{
	uint64_t nodes, mode = a[0] & UINT32_MAX;
	int r = nodes_read(t, a[1], a[2], &nodes);
	if (r == 0)
		r = policy_check(&mode, nodes);
	if (r != 0)
		return r;
	t->mempolicy = (uint16_t)(a[0] & (POLICY_FLAGS | 0xff));
	t->mempolicy_nodes = mode == POLICY_DEFAULT || mode == POLICY_LOCAL ? 0 : nodes & 1;
	return 0;
}

int64_t sys_get_mempolicy(struct task *t, const uint64_t a[6])
{
	enum { NODE = 1, ADDR = 2, MEMS_ALLOWED = 4 };
	uint64_t flags = a[4], nodes[16] = {0};
	int32_t mode = 0;
	if (flags & ~(uint64_t)(NODE | ADDR | MEMS_ALLOWED) || (a[1] && a[2] < NODES_MAX))
		return -EINVAL;
	if (flags & MEMS_ALLOWED) {
		if (flags & (NODE | ADDR))
			return -EINVAL;
		nodes[0] = 1;
	} else if (flags & ADDR) {
		if (!regions_find(&t->process->space->regions, a[3]))
			return -EFAULT;
		/* Where the page is that lies there, which is brought in for it. */
		uint8_t byte;
		int r = flags & NODE ? uaccess_read(t, &byte, a[3], 1) : 0;
		if (r != 0)
			return r;
	} else {
		if (a[3])
			return -EINVAL;
		if (flags & NODE && (t->mempolicy & 0xff) != POLICY_INTERLEAVE &&
		    (t->mempolicy & 0xff) != POLICY_WEIGHTED)
			return -EINVAL;
		mode = flags & NODE ? 0 : t->mempolicy;
		nodes[0] = t->mempolicy_nodes;
	}
	int r = a[0] ? uaccess_write(t, a[0], &mode, sizeof(mode)) : 0;
	uint64_t size = min_u64((a[2] - 1 + 63) / 64 * 8, sizeof(nodes));
	if (r == 0 && a[1])
		r = uaccess_write(t, a[1], nodes, size);
	return r;
}

int64_t sys_mbind(struct task *t, const uint64_t a[6])
{
	enum { STRICT = 1, MOVE = 2, MOVE_ALL = 4 };
	const struct space *s = t->process->space;
	uint64_t nodes, mode = a[2], end = a[0] + page_up(a[1]);
	int r = nodes_read(t, a[3], a[4], &nodes);
	if (r != 0)
		return r;
	uint64_t flags = a[5] & UINT32_MAX;
	if (flags & ~(uint64_t)(STRICT | MOVE | MOVE_ALL))
		return -EINVAL;
	if (flags & MOVE_ALL && !task_can(t, CAP_SYS_NICE))
		return -EPERM;
	if (a[0] % PAGE_SIZE || end < a[0])
		return -EINVAL;
	if (end == a[0])
		return 0;
	r = policy_check(&mode, nodes);
	if (r != 0)
		return r;
	for (uint64_t at = a[0]; at < end;) {
		const struct region *region = regions_find(&s->regions, at);
		/* Linux minds holes only where it looks for pages to move, and at both ends. */
		if (!region)
			return -EFAULT;
		at = region->end;
	}
	return 0;
}

int64_t sys_set_mempolicy_home_node(struct task *t, const uint64_t a[6])
{
	uint64_t end = a[0] + page_up(a[1]);
	if (a[0] % PAGE_SIZE || a[3] != 0 || a[2] != 0 || end < a[0])
		return -EINVAL;
	return end == a[0] ? 0 : regions_find(&t->process->space->regions, a[0]) ? -ENOENT : 0;
}

/* Finds a process that t may ask such things of. */
static int process_of(const struct task *t, int32_t pid, struct process **ret_process)
{
	struct process *p = pid ? NULL : t->process;
	if (!p) {
		struct task *other = task_find(t->process->kernel, pid);
		if (!other)
			return -ESRCH;
		p = other->process;
	}
	if (!cred_may_trace(t, p, false))
		return -EPERM;
	*ret_process = p;
	return p->space ? 0 : -EINVAL;
}

int64_t sys_migrate_pages(struct task *t, const uint64_t a[6])
{
	struct process *p;
	uint64_t from, to;
	int r = nodes_read(t, a[2], a[1], &from);
	if (r == 0)
		r = nodes_read(t, a[3], a[1], &to);
	if (r == 0)
		r = process_of(t, (int32_t)a[0], &p);
	if (r != 0)
		return r;
	if (to & ~UINT64_C(1) && !task_can(t, CAP_SYS_NICE))
		return -EPERM;
	return to & 1 ? 0 : -EINVAL;
}

/* Where one page is, as move_pages tells it: node 0, or why nowhere. */
static int32_t page_status(const struct space *s, uint64_t va)
{
	const struct region *r = va < s->layout.top ? regions_find(&s->regions, va) : NULL;
	struct pmap_entry e;
	if (!r)
		return -EFAULT;
	if (!s->mm->pmap->lookup(s->pmap, page_down(va), &e))
		return -ENOENT;
	return e.frame == s->mm->zero ? -EFAULT : 0;
}

int64_t sys_move_pages(struct task *t, const uint64_t a[6])
{
	enum { MOVE = 2, MOVE_ALL = 4 };
	struct process *p;
	if (a[5] & UINT32_MAX & ~(uint64_t)(MOVE | MOVE_ALL))
		return -EINVAL;
	if (a[5] & MOVE_ALL && !task_can(t, CAP_SYS_NICE))
		return -EPERM;
	int r = process_of(t, (int32_t)a[0], &p);
	if (r != 0)
		return r;
	for (uint64_t *i = &t->call.state[0]; *i < a[1]; ++*i) {
		uint64_t va;
		int32_t node;
		r = uaccess_read(t, &va, a[2] + *i * sizeof(va), sizeof(va));
		if (r == 0 && a[3])
			r = uaccess_read(t, &node, a[3] + *i * sizeof(node), sizeof(node));
		if (r == 0 && a[3] && node != 0)
			r = -ENODEV;
		int32_t status = page_status(p->space, va);
		if (r == 0)
			r = uaccess_write(t, a[4] + *i * sizeof(status), &status, sizeof(status));
		if (r != 0)
			return r;
	}
	return 0;
}
