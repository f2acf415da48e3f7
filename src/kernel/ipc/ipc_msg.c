/* SPDX-License-Identifier: MIT */
/* ipc_msg.c - System V message queues
 *
 *	ring: [head|text][head|text][head|text]...	in the order in which they were sent
 *
 * A message for which somebody waits is never queued: it goes into the letter of the first who wants it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/file/ring.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/uaccess.h"

enum { FLAG_NOERROR = 010000, FLAG_EXCEPT = 020000, FLAG_COPY = 040000 };

struct head {
	int64_t type;
	uint64_t size;
};

struct msg_queue {
	struct ipc_object o;
	struct kernel *kernel;
	struct ring ring;
	uint64_t bytes, count, bytes_max;
	int32_t lspid, lrpid;
	int64_t stime, rtime, ctime;
	struct wait_queue senders, receivers;
};

static struct msg_queue *queue_find(const struct task *t, int32_t id)
{
	return (struct msg_queue *)ipc_find(t->process->kernel, IPC_KIND_MSG, id);
}

/* ---- Which message is wanted ---- */

enum mode { ANY, EQUAL, OTHER, AT_MOST, NUMBERED };

static enum mode mode_of(int64_t *type, uint64_t flags)
{
	if (flags & FLAG_COPY)
		return NUMBERED;
	if (*type == 0)
		return ANY;
	if (*type < 0) {
		*type = *type == INT64_MIN ? INT64_MAX : -*type;
		return AT_MOST;
	}
	return flags & FLAG_EXCEPT ? OTHER : EQUAL;
}

static bool wants(enum mode mode, int64_t wanted, int64_t type)
{
	switch (mode) {
	case ANY:
	case NUMBERED: return true;
	case EQUAL: return type == wanted;
	case OTHER: return type != wanted;
	default: return type <= wanted;
	}
}

/* The place of the first message that is wanted, or of the lowest type; false: none. */
static bool message_find(const struct msg_queue *q, enum mode mode, int64_t wanted, uint64_t *ret_at,
			 struct head *ret_head)
{
	bool found = false;
	struct head h;
	int64_t number = 0;
	for (uint64_t at = 0; at < ring_used(&q->ring); at += sizeof(h) + h.size, number++) {
		ring_peek(&q->ring, at, &h, sizeof(h));
		if (!wants(mode, wanted, h.type) || (mode == NUMBERED && number != wanted))
			continue;
		*ret_at = at;
		*ret_head = h;
		found = true;
		if (mode != AT_MOST || h.type == 1)
			break;
		wanted = h.type - 1;
	}
	return found;
}

/* ---- msgget ---- */

void msg_queue_free(struct kernel *k, struct ipc_object *o)
{
	struct msg_queue *q = (struct msg_queue *)o;
	ring_finish(&q->ring);
	free(q);
}

static int64_t queue_create(struct task *t, const struct ipc_get *get)
{
	struct kernel *k = t->process->kernel;
	struct msg_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->kernel = k;
	q->bytes_max = k->settings.queue_bytes;
	q->ctime = ipc_now(k);
	ring_init(&q->ring, k->mm);
	wait_queue_init(&q->senders);
	wait_queue_init(&q->receivers);
	int64_t r = ipc_add(t, get, &q->o);
	if (r < 0)
		free(q);
	return r;
}

int64_t sys_msgget(struct task *t, const uint64_t a[6])
{
	const struct ipc_get get = {.kind = IPC_KIND_MSG,
				    .key = (int32_t)a[0],
				    .flags = (uint32_t)a[1],
				    .create = queue_create};
	return ipc_get(t, &get);
}

/* ---- msgsnd ---- */

/* Gives the message to the first who waits for one like it. Who has no room for it is told. */
static bool message_hand_over(struct msg_queue *q, int64_t type, const void *text, uint32_t size)
{
	struct wait_entry *e, *next;
	for (e = TAILQ_FIRST(&q->receivers); e; e = next) {
		struct task *to = e->task;
		const struct letter *l = letter_of(to);
		next = TAILQ_NEXT(e, link);
		if (!wants((enum mode)(l->mode & 7), l->wanted, type))
			continue;
		if (size > l->room && !(l->mode & FLAG_NOERROR)) {
			letter_fail(to, -E2BIG);
			continue;
		}
		if (!letter_deliver(to, type, text, size))
			return false;
		q->lrpid = to->process->pid;
		q->rtime = ipc_now(q->kernel);
		return true;
	}
	return false;
}

static int64_t message_queue(struct msg_queue *q, int64_t type, const void *text, uint64_t size)
{
	const struct head h = {type, size};
	int err = ring_room(&q->ring, sizeof(h) + size);
	if (err)
		return err;
	uint64_t end = ring_used(&q->ring);
	ring_insert(&q->ring, end, &h, sizeof(h));
	ring_insert(&q->ring, end + sizeof(h), text, size);
	q->bytes += size;
	q->count++;
	return 0;
}

/* state[0]: it waited. */
static int64_t message_send(struct task *t, int32_t id, int64_t type, const void *text, uint64_t size,
			    uint64_t flags)
{
	struct msg_queue *q = queue_find(t, id);
	if (!q)
		return t->call.state[0] ? -EIDRM : -EINVAL;
	int r = ipc_may(t, &q->o, 0222);
	if (r != 0)
		return r;
	if (size + q->bytes > q->bytes_max || 1 + q->count > q->bytes_max) {
		if (flags & IPC_NO_WAIT)
			return -EAGAIN;
		t->call.state[0] = 1;
		(void)wait_on(t, &q->senders); /* the first four cannot fail */
		return CALL_WAIT;
	}
	if (!message_hand_over(q, type, text, (uint32_t)size)) {
		int64_t err = message_queue(q, type, text, size);
		if (err)
			return wait_result(t, err);
	}
	q->lspid = t->process->pid;
	q->stime = ipc_now(q->kernel);
	return 0;
}

int64_t sys_msgsnd(struct task *t, const uint64_t a[6])
{
	int64_t type;
	uint64_t size = a[2];
	int r = uaccess_read(t, &type, a[1], sizeof(type));
	if (r != 0)
		return r;
	if (size > t->process->kernel->settings.message_size || (int32_t)a[0] < 0 || type < 1)
		return -EINVAL;
	uint8_t text[SETTINGS_MESSAGE];
	r = uaccess_read(t, text, a[1] + sizeof(type), size);
	return r ? r : message_send(t, (int32_t)a[0], type, text, size, a[3]);
}

/* ---- msgrcv ---- */

static int message_write(struct task *t, uint64_t va, int64_t type, const void *text, uint64_t size)
{
	int r = uaccess_write(t, va, &type, sizeof(type));
	return r ? r : uaccess_write(t, va + sizeof(type), text, size);
}

/* As on Linux a message that the program has no memory for is lost. */
static int64_t message_take(struct task *t, struct msg_queue *q, uint64_t at, struct head h,
			    uint64_t va, uint64_t room, uint64_t flags)
{
	if (h.size > room && !(flags & FLAG_NOERROR))
		return -E2BIG;
	uint64_t size = min_u64(h.size, room);
	uint8_t text[SETTINGS_MESSAGE];
	ring_peek(&q->ring, at + sizeof(h), text, size);
	int r = message_write(t, va, h.type, text, size);
	if (r == CALL_WAIT)
		return r;
	if (!(flags & FLAG_COPY)) {
		ring_remove(&q->ring, at, sizeof(h) + h.size);
		q->bytes -= h.size;
		q->count--;
		q->lrpid = t->process->pid;
		q->rtime = ipc_now(q->kernel);
		wait_wake_all(&q->senders);
	}
	return r ? r : (int64_t)size;
}

static int64_t message_wait(struct task *t, struct msg_queue *q, int64_t wanted, enum mode mode,
			    uint64_t room, uint64_t flags)
{
	struct letter *l = letter_of(t);
	if (!l)
		return -ENOMEM;
	l->wanted = wanted;
	l->mode = (uint32_t)mode | (flags & FLAG_NOERROR);
	l->room = (uint32_t)min_u64(room, UINT32_MAX);
	(void)wait_on(t, &q->receivers);
	return CALL_WAIT;
}

int64_t sys_msgrcv(struct task *t, const uint64_t a[6])
{
	const struct letter *l = t->call.state[0] ? letter_of(t) : NULL;
	uint64_t room = a[2], flags = a[4], at;
	int64_t wanted = (int64_t)a[3];
	struct head h;
	if (l && l->done) {
		uint64_t size = min_u64(l->size, room);
		int r = l->error ? l->error : message_write(t, a[1], l->type, l->bytes, size);
		return r ? r : (int64_t)size;
	}
	if ((int32_t)a[0] < 0 || (int64_t)room < 0 ||
	    (flags & FLAG_COPY && (flags & FLAG_EXCEPT || !(flags & IPC_NO_WAIT))))
		return -EINVAL;
	enum mode mode = mode_of(&wanted, flags);
	struct msg_queue *q = queue_find(t, (int32_t)a[0]);
	if (!q)
		return -EINVAL;
	int r = ipc_may(t, &q->o, 0444);
	if (r != 0)
		return r;
	if (message_find(q, mode, wanted, &at, &h))
		return message_take(t, q, at, h, a[1], room, flags);
	if (flags & IPC_NO_WAIT)
		return -ENOMSG;
	return message_wait(t, q, wanted, mode, room, flags);
}

/* ---- msgctl ---- */

enum { STAT = 11, INFO, STAT_ANY };

struct abi_msqid {
	struct abi_ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t bytes, count, bytes_max;
	int32_t lspid, lrpid;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct abi_msqid) == 120, "struct msqid64_ds");

static int64_t queue_stat(struct task *t, int32_t name, bool by_index, bool anybody, uint64_t va)
{
	struct ipc_object *o;
	int r = ipc_named(t->process->kernel, IPC_KIND_MSG, name, by_index, &o);
	if (r == 0 && !anybody)
		r = ipc_may(t, o, 0444);
	if (r != 0)
		return r;
	const struct msg_queue *q = (const struct msg_queue *)o;
	struct abi_msqid ds = {.stime = q->stime,
			       .rtime = q->rtime,
			       .ctime = q->ctime,
			       .bytes = q->bytes,
			       .count = q->count,
			       .bytes_max = q->bytes_max,
			       .lspid = q->lspid,
			       .lrpid = q->lrpid};
	ipc_perm_fill(o, &ds.perm);
	r = uaccess_write(t, va, &ds, sizeof(ds));
	return r ? r : by_index ? o->id : 0;
}

/* struct msginfo: pool, map, max, mnb, mni, ssz, tql, and the 16 bits of seg. */
static int64_t queue_limits(struct task *t, bool usage, uint64_t va)
{
	const struct kernel *k = t->process->kernel;
	const struct ipc_set *set = &k->ipc->set[IPC_KIND_MSG];
	const struct settings *c = &k->settings;
	int32_t bytes_max = (int32_t)c->queue_bytes, queues = (int32_t)c->queue_count;
	int32_t info[8] = {(int32_t)min_u64(c->queue_count * c->queue_bytes / 1024, INT32_MAX),
			   bytes_max,
			   (int32_t)c->message_size,
			   bytes_max,
			   queues,
			   16,
			   bytes_max,
			   0xffff};
	if (usage) {
		uint64_t count = 0, bytes = 0;
		for (unsigned i = 0; i < set->size; i++) {
			const struct msg_queue *q = (const struct msg_queue *)set->slot[i];
			count += q ? q->count : 0;
			bytes += q ? q->bytes : 0;
		}
		info[0] = (int32_t)set->count;
		info[1] = (int32_t)min_u64(count, INT32_MAX);
		info[6] = (int32_t)min_u64(bytes, INT32_MAX);
	}
	int r = uaccess_write(t, va, info, sizeof(info));
	return r ? r : ipc_highest(k, IPC_KIND_MSG);
}

/* They find that the queue is gone, or that its limits or its owner changed. */
static void queue_expunge(struct msg_queue *q, int error)
{
	struct wait_entry *e;
	while ((e = TAILQ_FIRST(&q->receivers)))
		letter_fail(e->task, error);
	wait_wake_all(&q->senders);
}

static int64_t queue_change(struct task *t, int32_t id, uint64_t va)
{
	struct abi_msqid ds;
	int r = uaccess_read(t, &ds, va, sizeof(ds));
	if (r != 0)
		return r;
	struct msg_queue *q = queue_find(t, id);
	r = q ? ipc_owns(t, &q->o) : -EINVAL;
	if (r == 0 && ds.bytes_max > t->process->kernel->settings.queue_bytes && !task_can(t, CAP_SYS_RESOURCE))
		r = -EPERM;
	if (r != 0)
		return r;
	ipc_perm_set(&q->o, &ds.perm);
	q->bytes_max = ds.bytes_max;
	q->ctime = ipc_now(q->kernel);
	/* Who waits asks again, under what holds now. */
	wait_wake_all(&q->receivers);
	wait_wake_all(&q->senders);
	return 0;
}

static int64_t queue_remove(struct task *t, int32_t id)
{
	struct kernel *k = t->process->kernel;
	struct msg_queue *q = queue_find(t, id);
	int r = q ? ipc_owns(t, &q->o) : -EINVAL;
	if (r != 0)
		return r;
	queue_expunge(q, -EIDRM);
	ipc_remove(k, IPC_KIND_MSG, &q->o);
	msg_queue_free(k, &q->o);
	return 0;
}

int64_t sys_msgctl(struct task *t, const uint64_t a[6])
{
	int32_t id = (int32_t)a[0], command = (int32_t)a[1];
	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_CMD_INFO:
	case INFO: return queue_limits(t, command == INFO, a[2]);
	case IPC_CMD_STAT: return queue_stat(t, id, false, false, a[2]);
	case STAT: return queue_stat(t, id, true, false, a[2]);
	case STAT_ANY: return queue_stat(t, id, true, true, a[2]);
	case IPC_CMD_SET: return queue_change(t, id, a[2]);
	case IPC_CMD_REMOVE: return queue_remove(t, id);
	default: return -EINVAL;
	}
}

int proc_sysvipc_msg(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct ipc_set *set = &k->ipc->set[IPC_KIND_MSG];
	text_add(text, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid "
		       " cgid      stime      rtime      ctime\n");
	for (unsigned i = 0; i < set->size; i++) {
		const struct msg_queue *q = (const struct msg_queue *)set->slot[i];
		if (q)
			text_add(text,
				 "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu "
				 "%10lu\n",
				 q->o.key, q->o.id, q->o.mode, q->bytes, q->count, q->lspid,
				 q->lrpid, q->o.uid, q->o.gid, q->o.cuid, q->o.cgid,
				 (uint64_t)q->stime, (uint64_t)q->rtime, (uint64_t)q->ctime);
	}
	return 0;
}
