/* SPDX-License-Identifier: MIT */
#include "kernel/futex.h"

#include <errno.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/futex_private.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

enum {
	OP_WAIT = 0,
	OP_WAKE = 1,
	OP_REQUEUE = 3,
	OP_CMP_REQUEUE = 4,
	OP_WAKE_OP = 5,
	OP_LOCK_PI = 6,
	OP_UNLOCK_PI = 7,
	OP_TRYLOCK_PI = 8,
	OP_WAIT_BITSET = 9,
	OP_WAKE_BITSET = 10,
	OP_WAIT_REQUEUE_PI = 11,
	OP_CMP_REQUEUE_PI = 12,
	OP_LOCK_PI2 = 13,
	OP_PRIVATE = 128,
	OP_CLOCK_REALTIME = 256,
};

struct word futex_word_at(const struct space *s, uint64_t va)
{
	const struct region *r = regions_find(&s->regions, va);
	if (r && r->flags & REGION_SHARED && r->object)
		return (struct word){(uint64_t)r->object->serial << 1, va - r->start + r->offset};
	return (struct word){(uint64_t)s->serial << 1 | 1, va};
}

struct wait_queue *futex_queue_of(struct kernel *k, struct word w)
{
	uint64_t h = (w.where * UINT64_C(0x9e3779b97f4a7c15)) ^
		     (w.offset >> 2) * UINT64_C(0xff51afd7ed558ccd);
	return &k->futexes[h >> 58];
}

static bool same_word(struct word a, struct word b)
{
	return a.where == b.where && a.offset == b.offset;
}

/* Which of the words that t waits for is this? -1: none. */
static int many_index(const struct task *t, struct word w)
{
	const struct futex_many *m = futex_many_of(t);
	for (unsigned i = 0; i < m->count; i++) {
		if (same_word(m->word[i], w))
			return (int)i;
	}
	return -1;
}

static bool waits_for(const struct task *t, struct word w, uint32_t bits)
{
	const uint64_t *s = t->call.state;
	if (s[FUTEX_PHASE] == PHASE_MANY)
		return many_index(t, w) >= 0;
	return s[FUTEX_PHASE] == PHASE_ASLEEP && s[FUTEX_WHERE] == w.where &&
	       s[FUTEX_OFFSET] == w.offset && s[FUTEX_BITS] & bits;
}

/* Does somebody wait there who can only be given a lock? */
static bool lock_is_due(struct kernel *k, struct word w)
{
	struct wait_entry *e;
	TAILQ_FOREACH (e, futex_queue_of(k, w), link) {
		const uint64_t *s = e->task->call.state;
		if (s[FUTEX_PHASE] == PHASE_DUE && s[FUTEX_WHERE] == w.where && s[FUTEX_OFFSET] == w.offset)
			return true;
	}
	return false;
}

/* Wakes the first of them; false: there is none. */
static bool call_one(struct kernel *k, struct word w, uint32_t bits)
{
	struct wait_entry *e;
	TAILQ_FOREACH (e, futex_queue_of(k, w), link) {
		if (!waits_for(e->task, w, bits))
			continue;
		if (e->task->call.state[FUTEX_PHASE] == PHASE_MANY)
			futex_many_of(e->task)->called = (unsigned)many_index(e->task, w);
		e->task->call.state[FUTEX_PHASE] = PHASE_CALLED;
		wait_wake(e->task);
		return true;
	}
	return false;
}

int64_t futex_call_some(struct kernel *k, struct word w, uint32_t bits, uint64_t count)
{
	uint64_t n = 0;
	while (n < count && call_one(k, w, bits))
		n++;
	return n < count && lock_is_due(k, w) ? -EINVAL : (int64_t)n;
}

int64_t futex_wake(struct kernel *k, struct space *s, uint64_t va, uint64_t count)
{
	return futex_call_some(k, futex_word_at(s, va), UINT32_MAX, count);
}

int64_t futex_move(struct kernel *k, struct word from, struct word to, uint64_t count)
{
	uint64_t n = 0;
	struct wait_entry *e, *next;
	for (e = TAILQ_FIRST(futex_queue_of(k, from)); e && n < count; e = next) {
		struct task *t = e->task;
		next = TAILQ_NEXT(e, link);
		if (!waits_for(t, from, UINT32_MAX))
			continue;
		if (t->call.state[FUTEX_PHASE] == PHASE_MANY) {
			futex_many_of(t)->word[many_index(t, from)] = to;
		} else {
			t->call.state[FUTEX_WHERE] = to.where;
			t->call.state[FUTEX_OFFSET] = to.offset;
		}
		TAILQ_REMOVE(e->queue, e, link);
		e->queue = futex_queue_of(k, to);
		TAILQ_INSERT_TAIL(e->queue, e, link);
		n++;
	}
	return (int64_t)n;
}

/* The deadline of a wait, on virtual now. Returns 0, -EFAULT, -EINVAL or CALL_WAIT. */
static int deadline(struct task *t, const uint64_t a[6], int op, uint64_t *ret_ns)
{
	struct kernel *k = t->process->kernel;
	struct {
		int64_t sec, nsec;
	} ts;
	if (!a[3]) {
		*ret_ns = NO_DEADLINE;
		return 0;
	}
	int r = uaccess_read(t, &ts, a[3], sizeof(ts));
	if (r != 0)
		return r;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	uint64_t ns = ts.sec > INT64_MAX / 1000000000 - 1
			  ? NO_DEADLINE
			  : (uint64_t)ts.sec * 1000000000 + (uint64_t)ts.nsec;
	uint64_t now = kernel_now(k),
		 zero = a[1] & OP_CLOCK_REALTIME ? kernel_realtime(k) - now : 0;
	if (op == OP_LOCK_PI)
		zero = kernel_realtime(k) - now;
	if (op == OP_WAIT && !(a[1] & OP_CLOCK_REALTIME))
		ns = ns > NO_DEADLINE - 1 - now ? NO_DEADLINE : now + ns;
	else if (ns != NO_DEADLINE)
		ns = ns > zero ? ns - zero : 0;
	*ret_ns = ns;
	return 0;
}

int64_t futex_wait_at(struct task *t, uint64_t va, uint32_t wanted, uint32_t bits)
{
	struct kernel *k = t->process->kernel;
	struct call *c = &t->call;
	uint32_t value;
	if (c->state[FUTEX_PHASE] == PHASE_CALLED)
		return 0;
	if (c->state[FUTEX_PHASE] == PHASE_ASLEEP && c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	/* Also for one that something else woke, such as a signal that another thread took: it was on
	 * no queue when it may have been called. */
	int r = uaccess_read(t, &value, va, sizeof(value));
	if (r != 0)
		return r;
	if (value != wanted)
		return -EAGAIN;
	struct word w = futex_word_at(t->process->space, va);
	c->state[FUTEX_WHERE] = w.where;
	c->state[FUTEX_OFFSET] = w.offset;
	c->state[FUTEX_BITS] = bits;
	c->state[FUTEX_PHASE] = PHASE_ASLEEP;
	if (c->deadline <= kernel_now(k))
		return -ETIMEDOUT;
	(void)wait_on(t, futex_queue_of(k, w)); /* the first four queues cannot fail */
	wait_until(t, c->deadline);
	return CALL_WAIT;
}

static int64_t futex_wait(struct task *t, const uint64_t a[6], int op)
{
	uint32_t bits = op == OP_WAIT_BITSET ? (uint32_t)a[5] : UINT32_MAX;
	if (t->call.state[FUTEX_PHASE] == PHASE_NEW) {
		if (bits == 0)
			return -EINVAL;
		int r = deadline(t, a, op, &t->call.deadline);
		if (r != 0)
			return r;
	}
	return futex_wait_at(t, a[0], (uint32_t)a[2], bits);
}

/* FUTEX_WAKE_OP: changes the second word, wakes on the first, and on the second if it was so. */
static int64_t wake_op(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	uint32_t code = (uint32_t)a[5], old, new;
	int32_t op_arg = (int32_t)(code << 8) >> 20, cmp_arg = (int32_t)(code << 20) >> 20;
	int r = uaccess_read(t, &old, a[4], sizeof(old));
	if (r != 0)
		return r;
	uint32_t operand = code >> 31 ? 1u << (op_arg & 31) : (uint32_t)op_arg;
	switch (code >> 28 & 7) {
	case 0: new = operand; break;
	case 1: new = old + operand; break;
	case 2: new = old | operand; break;
	case 3: new = old & ~operand; break;
	case 4: new = old ^ operand; break;
	default: return -ENOSYS;
	}
	int32_t was = (int32_t)old;
	bool so;
	switch (code >> 24 & 15) {
	case 0: so = was == cmp_arg; break;
	case 1: so = was != cmp_arg; break;
	case 2: so = was < cmp_arg; break;
	case 3: so = was <= cmp_arg; break;
	case 4: so = was > cmp_arg; break;
	case 5: so = was >= cmp_arg; break;
	default: return -ENOSYS;
	}
	r = uaccess_write(t, a[4], &new, sizeof(new));
	if (r != 0)
		return r;
	int64_t n = futex_wake(k, t->process->space, a[0], (uint32_t)a[2]);
	return so ? n + futex_wake(k, t->process->space, a[4], (uint32_t)a[3]) : n;
}

static int64_t move(struct task *t, const uint64_t a[6], bool compare)
{
	struct kernel *k = t->process->kernel;
	struct space *s = t->process->space;
	uint32_t value;
	if ((int32_t)a[2] < 0 || (int32_t)a[3] < 0)
		return -EINVAL;
	int r = uaccess_read(t, &value, a[0], sizeof(value));
	if (r != 0)
		return r;
	if (compare && value != (uint32_t)a[5])
		return -EAGAIN;
	struct word from = futex_word_at(s, a[0]), to = futex_word_at(s, a[4]);
	int64_t n = futex_call_some(k, from, UINT32_MAX, (uint32_t)a[2]);
	if (n < 0)
		return n;
	int64_t moved = futex_move(k, from, to, (uint32_t)a[3]);
	return compare ? n + moved : n;
}

/* --- robust lists: locks whose owner ends with them --- */

enum { ROBUST_MAX = 2048 };

/* At task.robust_list. Entries lead to each other and back to the head, each at offset from its
 * lock's word; bit 0 of a link says that the lock inherits priorities, and has no waiters here. */
struct robust_head {
	uint64_t first, offset, pending;
};

/* The lock at va is abandoned, if t has it. False: there can be no lock. pending: t was about to
 * take it or give it back, so that it may have none to tell of that. */
static bool lock_abandon(struct task *t, uint64_t va, bool inherits, bool pending)
{
	struct process *p = t->process;
	uint32_t value, owner;
	if (va % sizeof(value) != 0 || uaccess_read(t, &value, va, sizeof(value)) != 0)
		return false;
	owner = value & FUTEX_OWNER_MASK;
	if (pending && !inherits && owner == 0) {
		futex_wake(p->kernel, p->space, va, 1);
		return true;
	}
	if (owner != (uint32_t)t->tid)
		return true;
	uint32_t now = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	if (uaccess_write(t, va, &now, sizeof(now)) != 0)
		return false;
	if (!inherits && value & FUTEX_WAITERS)
		futex_wake(p->kernel, p->space, va, 1);
	return true;
}

static void robust_walk(struct task *t, uint64_t list)
{
	struct robust_head h;
	if (uaccess_read(t, &h, list, sizeof(h)) != 0)
		return;
	uint64_t entry = h.first, pending = h.pending & ~UINT64_C(1);
	for (unsigned i = 0; (entry & ~UINT64_C(1)) != list && i < ROBUST_MAX; i++) {
		/* The next one first: whoever gets the lock may reuse its memory. */
		uint64_t at = entry & ~UINT64_C(1), next;
		int r = uaccess_read(t, &next, at, sizeof(next));
		if (at != pending && !lock_abandon(t, at + h.offset, entry & 1, false))
			return;
		if (r != 0)
			return;
		entry = next;
	}
	if (pending)
		(void)lock_abandon(t, pending + h.offset, h.pending & 1, true);
}

void futex_abandon(struct task *t)
{
	uint64_t list = t->robust_list;
	t->robust_list = 0;
	futex_locks_orphan(t);
	if (!list || !t->process->space)
		return;
	robust_walk(t, list);
	/* A page that cannot be had now keeps its old value: nobody is left to try again. */
	wait_forget(t);
}

static int64_t lock(struct task *t, const uint64_t a[6], int op)
{
	if (t->call.state[FUTEX_PHASE] == PHASE_NEW && op != OP_TRYLOCK_PI) {
		int r = deadline(t, a, op, &t->call.deadline);
		if (r != 0)
			return r;
	}
	return futex_lock(t, a[0], op == OP_TRYLOCK_PI);
}

static int64_t wait_for_lock(struct task *t, const uint64_t a[6])
{
	if (t->call.state[FUTEX_PHASE] == PHASE_NEW) {
		int r = a[0] == a[4] || a[4] % 4 ? -EINVAL : deadline(t, a, OP_WAIT_REQUEUE_PI, &t->call.deadline);
		if (r != 0)
			return r;
	}
	return futex_wait_for_lock(t, a);
}

/* The word of a futex that is not private must be there to be named. */
static int word_check(const struct task *t, uint64_t va)
{
	const struct space *s = t->process->space;
	const struct region *r = regions_find(&s->regions, va);
	bool beyond = r && r->flags & REGION_SHARED && r->object && region_index(r, va) << PAGE_SHIFT >= r->object->size;
	return r && r->prot & (PROT_R | PROT_W) && !(r->flags & REGION_SECRET) && !beyond ? 0 : -EFAULT;
}

/* The call names two words. */
static bool has_second(int op)
{
	return op == OP_REQUEUE || op == OP_CMP_REQUEUE || op == OP_WAKE_OP || op == OP_WAIT_REQUEUE_PI ||
	       op == OP_CMP_REQUEUE_PI;
}

int64_t sys_futex(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	int op = (int)(a[1] & ~(uint64_t)(OP_PRIVATE | OP_CLOCK_REALTIME) & UINT32_MAX);
	if (a[0] % 4 != 0 && op != OP_UNLOCK_PI) /* which reads first */
		return -EINVAL;
	if (a[0] >= t->process->space->layout.top)
		return -EFAULT;
	if (!(a[1] & OP_PRIVATE) && (word_check(t, a[0]) != 0 || (has_second(op) && word_check(t, a[4]) != 0)))
		return -EFAULT;
	switch (op) {
	case OP_WAIT:
	case OP_WAIT_BITSET: return futex_wait(t, a, op);
	case OP_WAKE: return futex_wake(k, t->process->space, a[0], (uint32_t)a[2]);
	case OP_WAKE_BITSET:
		if ((uint32_t)a[5] == 0)
			return -EINVAL;
		return futex_call_some(k, futex_word_at(t->process->space, a[0]), (uint32_t)a[5],
				 (uint32_t)a[2]);
	case OP_REQUEUE: return move(t, a, false);
	case OP_CMP_REQUEUE: return move(t, a, true);
	case OP_LOCK_PI:
	case OP_LOCK_PI2:
	case OP_TRYLOCK_PI: return lock(t, a, op);
	case OP_UNLOCK_PI: return futex_unlock(t, a[0]);
	case OP_WAIT_REQUEUE_PI: return wait_for_lock(t, a);
	case OP_CMP_REQUEUE_PI: return futex_requeue_lock(t, a);
	case OP_WAKE_OP: return a[4] % 4 != 0 ? -EINVAL : wake_op(t, a);
	default: return -ENOSYS;
	}
}
