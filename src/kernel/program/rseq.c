/* SPDX-License-Identifier: MIT */
#include "kernel/program/rseq.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

/* The registered memory, as Linux lays it out. Later fields than these may follow. */
struct rseq {
	uint32_t cpu_id_start, cpu_id;
	uint64_t section; /* address of the section's descriptor; 0: none */
	uint32_t flags, node_id, mm_cid, pad;
};

struct section {
	uint32_t version, flags;
	uint64_t start, size, abort;
};

enum { RSEQ_SIZE = 32, RSEQ_FIELDS = offsetof(struct rseq, pad), UNREGISTER = 1 };
_Static_assert(sizeof(struct rseq) == RSEQ_SIZE, "struct rseq");

void rseq_forget(struct task *t)
{
	t->rseq = 0;
	t->rseq_size = t->rseq_signature = 0;
	t->rseq_due = false;
}

void rseq_fork(const struct task *t, struct task *child)
{
	child->rseq = t->rseq;
	child->rseq_size = t->rseq_size;
	child->rseq_signature = t->rseq_signature;
}

/* Is it a section that can be left? The abort address lies outside of it, behind the signature that
 * was registered: nobody who can write to the descriptor can choose any other. */
static int section_check(struct task *t, const struct section *s)
{
	uint64_t top = t->process->space->layout.top;
	uint32_t signature;
	if (s->version != 0 || s->flags != 0 || s->start >= top || s->size >= top - s->start ||
	    s->abort < sizeof(signature) || s->abort >= top || s->abort - s->start < s->size)
		return -EFAULT;
	int r = uaccess_read(t, &signature, s->abort - sizeof(signature), sizeof(signature));
	return r == 0 && signature != t->rseq_signature ? -EFAULT : r;
}

int rseq_abort(struct task *t)
{
	struct rseq u;
	struct section s;
	if (!t->rseq)
		return 0;
	int r = uaccess_read(t, &u, t->rseq, RSEQ_FIELDS);
	if (r != 0 || u.section == 0)
		return r;
	r = uaccess_read(t, &s, u.section, sizeof(s));
	if (r == 0)
		r = section_check(t, &s);
	bool inside = r == 0 && task_regs(t)->pc - s.start < s.size;
	if (inside && u.flags != 0)
		r = -EFAULT;
	if (r != 0)
		return r;
	/* The last thing that may have to wait. */
	static const uint64_t none;
	r = uaccess_write(t, t->rseq + offsetof(struct rseq, section), &none, sizeof(none));
	if (r == 0 && inside)
		task_regs(t)->pc = s.abort & ~UINT64_C(1);
	return r;
}

bool rseq_resume(struct task *t)
{
	t->call.woken = false;
	int r = rseq_abort(t);
	/* Getting a frame may have taken somebody's life. */
	if (t->state == TASK_DEAD)
		return false;
	if (r == CALL_WAIT) {
		if (!t->call.woken)
			t->state = TASK_WAITING;
		return false;
	}
	t->rseq_due = false;
	if (r != 0)
		signal_fault(t, &(struct signal_info){.number = SIGSEGV, .code = SI_KERNEL});
	return r == 0;
}

static int64_t unregister(struct task *t, const uint64_t a[6])
{
	static const struct rseq unknown = {.cpu_id = UINT32_MAX};
	if (!t->rseq || a[0] != t->rseq || (uint32_t)a[1] != t->rseq_size)
		return -EINVAL;
	if ((uint32_t)a[3] != t->rseq_signature)
		return -EPERM;
	int r = uaccess_write(t, t->rseq, &unknown, RSEQ_FIELDS);
	if (r == 0)
		rseq_forget(t);
	return r;
}

int64_t sys_rseq(struct task *t, const uint64_t a[6])
{
	static const struct rseq first;
	uint32_t size = (uint32_t)a[1], flags = (uint32_t)a[2], signature = (uint32_t)a[3];
	uint64_t top = t->process->space->layout.top;
	if (flags == UNREGISTER)
		return unregister(t, a);
	if (flags != 0)
		return -EINVAL;
	if (t->rseq && (a[0] != t->rseq || size != t->rseq_size))
		return -EINVAL;
	if (t->rseq)
		return signature == t->rseq_signature ? -EBUSY : -EPERM;
	if (size < RSEQ_SIZE || a[0] % RSEQ_SIZE != 0)
		return -EINVAL;
	if (a[0] == 0 || a[0] >= top || size > top - a[0])
		return -EFAULT;
	int r = uaccess_write(t, a[0], &first, RSEQ_FIELDS);
	if (r != 0)
		return r;
	t->rseq = a[0];
	t->rseq_size = size;
	t->rseq_signature = signature;
	return 0;
}
