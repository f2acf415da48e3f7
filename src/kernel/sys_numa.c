/* SPDX-License-Identifier: MIT */
/* sys_numa.c - where memory lies: on a machine with one node. What is asked of it is kept and told again. */
#include <errno.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

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

/* May memory be placed so? mode has flags; what is kept of both goes to *ret_policy. */
static int policy_make(uint64_t mode_and_flags, uint64_t nodes, struct mempolicy *ret_policy)
{
	uint64_t flags = mode_and_flags & POLICY_FLAGS, mode = mode_and_flags & ~(uint64_t)POLICY_FLAGS;
	if (mode >= POLICIES ||
	    (flags & POLICY_STATIC_NODES && flags & POLICY_RELATIVE_NODES) ||
	    (flags & POLICY_NUMA_BALANCING && mode != POLICY_BIND && mode != POLICY_PREFERRED_MANY))
		return -EINVAL;
	*ret_policy = (struct mempolicy){0};
	if (mode == POLICY_DEFAULT)
		return nodes ? -EINVAL : 0;
	bool local = mode == POLICY_LOCAL || (mode == POLICY_PREFERRED && !nodes);
	if (local && (nodes || flags))
		return -EINVAL;
	/* Of nodes that are not there nothing is left; who asks for them by flags is told of them again. */
	bool kept = flags & (POLICY_STATIC_NODES | POLICY_RELATIVE_NODES);
	if (!local && !(nodes & 1) && !(flags & POLICY_RELATIVE_NODES && nodes))
		return -EINVAL;
	*ret_policy = (struct mempolicy){.mode = (uint16_t)(local ? POLICY_LOCAL : mode | flags),
					 .nodes = kept ? nodes : nodes & 1};
	return 0;
}

int64_t sys_set_mempolicy(struct task *t, const uint64_t a[6])
{
	uint64_t nodes;
	struct mempolicy policy;
	int r = nodes_read(t, a[1], a[2], &nodes);
	if (r == 0)
		r = policy_make(a[0] & UINT32_MAX, nodes, &policy);
	if (r == 0)
		t->mempolicy = policy;
	return r;
}

int64_t sys_get_mempolicy(struct task *t, const uint64_t a[6])
{
	enum { NODE = 1, ADDR = 2, MEMS_ALLOWED = 4 };
	uint64_t flags = a[4], nodes[PAGE_SIZE / 8] = {0};
	int32_t mode = 0;
	if (flags & ~(uint64_t)(NODE | ADDR | MEMS_ALLOWED) || (a[1] && a[2] == 0))
		return -EINVAL;
	if (flags & MEMS_ALLOWED) {
		if (flags & (NODE | ADDR))
			return -EINVAL;
		nodes[0] = 1;
	} else if (flags & ADDR) {
		const struct region *region = regions_find(&t->process->space->regions, a[3]);
		if (!region)
			return -EFAULT;
		if (!(flags & NODE)) {
			struct mempolicy policy = region_policy_at(region, a[3]);
			mode = policy.mode;
			nodes[0] = policy.nodes;
		}
		/* Where the page is that lies there, which is brought in for it. */
		uint8_t byte;
		int r = flags & NODE ? uaccess_read(t, &byte, a[3], 1) : 0;
		if (r != 0)
			return r;
	} else {
		if (a[3])
			return -EINVAL;
		if (flags & NODE && mempolicy_mode(t->mempolicy) != POLICY_INTERLEAVE &&
		    mempolicy_mode(t->mempolicy) != POLICY_WEIGHTED)
			return -EINVAL;
		mode = flags & NODE ? 0 : t->mempolicy.mode;
		nodes[0] = t->mempolicy.nodes;
	}
	int r = a[0] ? uaccess_write(t, a[0], &mode, sizeof(mode)) : 0;
	uint64_t size = align_up(a[2] - 1, 64) / 8;
	if (r == 0 && a[1])
		r = size > sizeof(nodes) ? -EINVAL : uaccess_write(t, a[1], nodes, size);
	return r;
}

int64_t sys_mbind(struct task *t, const uint64_t a[6])
{
	enum { STRICT = 1, MOVE = 2, MOVE_ALL = 4 };
	struct space *s = t->process->space;
	struct mempolicy policy;
	uint64_t nodes, end = a[0] + page_up(a[1]);
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
	r = policy_make(a[2] & UINT32_MAX, nodes, &policy);
	return r ? r : space_place_by(s, a[0], end, policy);
}

/* A node that is preferred among those that are bound to: there is one. */
int64_t sys_set_mempolicy_home_node(struct task *t, const uint64_t a[6])
{
	uint64_t end = a[0] + page_up(a[1]);
	const struct regions *regions = &t->process->space->regions;
	int64_t r = -ENOENT;
	if (a[0] % PAGE_SIZE || a[3] != 0 || a[2] != 0 || end < a[0])
		return -EINVAL;
	if (end == a[0])
		return 0;
	for (const struct region *g = regions_at_or_after(regions, a[0]); g && g->start < end; g = region_next(g)) {
		unsigned mode = mempolicy_mode(g->policy);
		if (mode == POLICY_DEFAULT)
			continue;
		if (mode != POLICY_BIND && mode != POLICY_PREFERRED_MANY)
			return -EOPNOTSUPP;
		r = 0;
	}
	return r;
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
