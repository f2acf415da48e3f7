/* SPDX-License-Identifier: MIT */
#include "kernel/ipc/mqueue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/file/ring.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"
#include "kernel/net/netlink.h"
#include "kernel/net/sys_socket.h"
#include "kernel/uaccess.h"

/* Root may go beyond what /proc/sys/fs/mqueue says, up to these. */
enum {
	MESSAGES_HARD = 65536,
	SIZE_HARD = 16 * 1024 * 1024,
	PRIORITIES = 32768,
	RLIMIT_QUEUES = 12,
};

/* What the C library is told of in the last byte of what it gave us. */
enum { COOKIE = 32, COOKIE_WOKEN = 1, COOKIE_REMOVED = 2 };
enum { NOTIFY_SIGNAL = 0, NOTIFY_NONE = 1, NOTIFY_THREAD = 2, CODE_MESGQ = -3 };

struct head {
	uint32_t priority, size;
};

struct abi_mq_attr {
	int64_t flags, messages_max, size_max, messages;
	int64_t reserved[4];
};
_Static_assert(sizeof(struct abi_mq_attr) == 64, "struct mq_attr");

struct mqueue {
	struct kernel *kernel;
	char *name; /* NULL: unlinked */
	unsigned files;
	uint64_t inode;
	uint32_t mode, uid, gid;
	struct timespec atime, mtime;
	uint64_t messages_max, size_max;
	uint64_t charged; /* bytes, as RLIMIT_MSGQUEUE counts them */
	uint64_t count, bytes;
	struct ring ring;
	struct wait_queue receivers, senders; /* tasks */
	struct wait_queue polls;
	struct {
		int32_t pid; /* 0: nobody wants to know */
		const struct fd_table *files;
		int kind, signal;
		uint64_t value;
		struct socket *thread; /* NOTIFY_THREAD: where this is told; counted */
		uint8_t cookie[COOKIE];
	} notify;
	LIST_ENTRY(mqueue) link; /* all of them */
};

static struct timespec now_of(const struct kernel *k)
{
	uint64_t ns = kernel_realtime(k);
	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

/* Nobody wants to know any more; a thread that waited is told why. */
static void notify_end(struct mqueue *q, uint8_t why)
{
	struct socket *s = q->notify.thread;
	q->notify.pid = 0;
	q->notify.thread = NULL;
	if (!s)
		return;
	q->notify.cookie[COOKIE - 1] = why;
	netlink_tell(s, q->notify.cookie, COOKIE);
	socket_put(s);
}

static void mqueue_free(struct mqueue *q)
{
	notify_end(q, COOKIE_REMOVED);
	LIST_REMOVE(q, link);
	ring_finish(&q->ring);
	wait_queue_finish(&q->polls);
	free(q->name);
	free(q);
}

void mqueues_destroy(struct kernel *k)
{
	struct mqueue *q;
	while ((q = LIST_FIRST(&k->mqueues)))
		mqueue_free(q);
}

/* ---- Messages ---- */

/* Behind all of its priority and above. */
static uint64_t message_place(const struct mqueue *q, uint32_t priority)
{
	struct head h;
	uint64_t at = 0;
	for (; at < ring_used(&q->ring); at += sizeof(h) + h.size) {
		ring_peek(&q->ring, at, &h, sizeof(h));
		if (h.priority < priority)
			break;
	}
	return at;
}

static void message_notify(struct mqueue *q, const struct task *sender)
{
	struct process *p = q->notify.pid ? process_find(q->kernel, q->notify.pid) : NULL;
	notify_end(q, COOKIE_WOKEN);
	if (!p || q->notify.kind != NOTIFY_SIGNAL || q->notify.signal == 0)
		return;
	(void)signal_send_process(p, &(struct signal_info){.number = q->notify.signal,
							   .code = CODE_MESGQ,
							   .pid = sender->process->pid,
							   .uid = (int32_t)sender->cred->uid,
							   .value = q->notify.value});
}

static int message_add(struct mqueue *q, const struct task *t, uint32_t priority, const void *text,
		       uint32_t size)
{
	const struct head h = {priority, size};
	struct wait_entry *first = TAILQ_FIRST(&q->receivers);
	if (first && letter_deliver(first->task, priority, text, size))
		return 0;
	int err = ring_room(&q->ring, sizeof(h) + size);
	if (err)
		return err;
	uint64_t at = message_place(q, priority);
	ring_insert(&q->ring, at, &h, sizeof(h));
	ring_insert(&q->ring, at + sizeof(h), text, size);
	q->bytes += size;
	if (++q->count == 1 && q->notify.pid)
		message_notify(q, t);
	wait_wake_for(&q->polls, POLLIN);
	return 0;
}

/* A deadline of CLOCK_REALTIME, on virtual now. */
static int deadline_read(struct task *t, uint64_t va, uint64_t *ret_ns)
{
	const struct kernel *k = t->process->kernel;
	struct abi_timespec ts;
	*ret_ns = NO_DEADLINE;
	if (!va)
		return 0;
	int r = uaccess_read(t, &ts, va, sizeof(ts));
	if (r != 0)
		return r;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	uint64_t before = kernel_realtime(k) - kernel_now(k);
	if (ts.sec < INT64_MAX / 1000000000 - 1) {
		uint64_t ns = (uint64_t)ts.sec * 1000000000 + (uint64_t)ts.nsec;
		*ret_ns = ns > before ? ns - before : 0;
	}
	return 0;
}

static int64_t queue_sleep(struct task *t, struct wait_queue *q, uint64_t deadline)
{
	if (deadline <= kernel_now(t->process->kernel))
		return -ETIMEDOUT;
	(void)wait_on(t, q); /* the first four cannot fail */
	if (deadline != NO_DEADLINE)
		wait_until(t, deadline);
	return CALL_WAIT;
}

static const struct file_ops mqueue_ops;

static struct file *queue_file(const struct task *t, uint64_t fd, uint32_t refused)
{
	struct file *f = fd_get(t->process->files, (int)fd);
	return f && f->ops == &mqueue_ops && (f->flags & ABI_O_ACCMODE) != refused ? f : NULL;
}

int64_t sys_mq_timedsend(struct task *t, const uint64_t a[6])
{
	uint64_t deadline, size = a[2];
	int r = deadline_read(t, a[4], &deadline);
	if (r != 0)
		return r;
	if ((uint32_t)a[3] >= PRIORITIES)
		return -EINVAL;
	struct file *f = queue_file(t, a[0], ABI_O_RDONLY);
	if (!f)
		return -EBADF;
	struct mqueue *q = f->ctx;
	if (size > q->size_max)
		return -EMSGSIZE;
	uint8_t *text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	int64_t result = uaccess_read(t, text, a[1], size);
	if (result == 0 && q->count >= q->messages_max)
		result = f->flags & ABI_O_NONBLOCK ? -EAGAIN : queue_sleep(t, &q->senders, deadline);
	else if (result == 0)
		result = wait_result(t, message_add(q, t, (uint32_t)a[3], text, (uint32_t)size));
	free(text);
	if (result == 0)
		q->mtime = now_of(q->kernel);
	return result;
}

static int message_write(struct task *t, const uint64_t a[6], const void *text, uint32_t size,
			 uint32_t priority)
{
	int r = uaccess_write(t, a[1], text, size);
	return r == 0 && a[3] ? uaccess_write(t, a[3], &priority, sizeof(priority)) : r;
}

static int64_t message_take(struct task *t, struct mqueue *q, const uint64_t a[6])
{
	struct head h;
	ring_peek(&q->ring, 0, &h, sizeof(h));
	uint8_t *text = malloc(h.size + 1);
	if (!text)
		return -ENOMEM;
	ring_peek(&q->ring, sizeof(h), text, h.size);
	int r = message_write(t, a, text, h.size, h.priority);
	free(text);
	if (r == CALL_WAIT)
		return r;
	ring_remove(&q->ring, 0, sizeof(h) + h.size);
	q->bytes -= h.size;
	q->count--;
	q->atime = now_of(q->kernel);
	wait_wake_all(&q->senders);
	wait_wake_for(&q->polls, POLLOUT);
	return r ? r : (int64_t)h.size;
}

int64_t sys_mq_timedreceive(struct task *t, const uint64_t a[6])
{
	const struct letter *l = t->call.state[0] ? letter_of(t) : NULL;
	uint64_t deadline;
	if (l && l->done) {
		int err = message_write(t, a, l->bytes, l->size, (uint32_t)l->type);
		return err ? err : (int64_t)l->size;
	}
	int r = deadline_read(t, a[4], &deadline);
	if (r != 0)
		return r;
	struct file *f = queue_file(t, a[0], ABI_O_WRONLY);
	if (!f)
		return -EBADF;
	struct mqueue *q = f->ctx;
	if (a[2] < q->size_max)
		return -EMSGSIZE;
	if (q->count > 0)
		return message_take(t, q, a);
	if (f->flags & ABI_O_NONBLOCK)
		return -EAGAIN;
	return letter_of(t) ? queue_sleep(t, &q->receivers, deadline) : -ENOMEM;
}

/* ---- mq_notify, mq_getsetattr ---- */

int64_t sys_mq_notify(struct task *t, const uint64_t a[6])
{
	struct {
		uint64_t value;
		int32_t signal, notify;
		uint8_t more[48];
	} e = {.notify = NOTIFY_NONE};
	int r = a[1] ? uaccess_read(t, &e, a[1], sizeof(e)) : 0;
	if (r != 0)
		return r;
	if (e.notify < NOTIFY_SIGNAL || e.notify > NOTIFY_THREAD ||
	    (e.notify == NOTIFY_SIGNAL && (uint32_t)e.signal > SIGNALS))
		return -EINVAL;
	uint8_t cookie[COOKIE];
	struct socket *thread = NULL;
	if (e.notify == NOTIFY_THREAD) {
		r = uaccess_read(t, cookie, e.value, sizeof(cookie));
		if (r == 0)
			r = socket_get(t, (uint32_t)e.signal, &thread, NULL);
		if (r == 0 && !netlink_is(thread))
			r = -EINVAL;
		if (r != 0)
			return r;
	}
	struct file *f = queue_file(t, a[0], UINT32_MAX);
	if (!f)
		return -EBADF;
	struct mqueue *q = f->ctx;
	if (!a[1]) {
		if (q->notify.pid == t->process->pid)
			notify_end(q, COOKIE_REMOVED);
		return 0;
	}
	if (q->notify.pid)
		return -EBUSY;
	q->notify.pid = t->process->pid;
	q->notify.files = t->process->files;
	q->notify.kind = e.notify;
	q->notify.signal = e.signal;
	q->notify.value = e.value;
	if (thread) {
		q->notify.thread = socket_ref(thread);
		memcpy(q->notify.cookie, cookie, sizeof(cookie));
	}
	return 0;
}

int64_t sys_mq_getsetattr(struct task *t, const uint64_t a[6])
{
	struct abi_mq_attr set = {0};
	int r = a[1] ? uaccess_read(t, &set, a[1], sizeof(set)) : 0;
	if (r != 0)
		return r;
	if (set.flags & ~(int64_t)ABI_O_NONBLOCK)
		return -EINVAL;
	struct file *f = queue_file(t, a[0], UINT32_MAX);
	if (!f)
		return -EBADF;
	const struct mqueue *q = f->ctx;
	const struct abi_mq_attr is = {.flags = f->flags & ABI_O_NONBLOCK,
				       .messages_max = (int64_t)q->messages_max,
				       .size_max = (int64_t)q->size_max,
				       .messages = (int64_t)q->count};
	r = a[2] ? uaccess_write(t, a[2], &is, sizeof(is)) : 0;
	if (r == 0 && a[1])
		f->flags = (f->flags & ~(uint32_t)ABI_O_NONBLOCK) | (uint32_t)set.flags;
	return r;
}

/* ---- Names ---- */

/* Reads the name of a queue, which the program's library has taken the leading slash off. */
static int name_read(struct task *t, uint64_t va, char ret_name[PATH_SIZE])
{
	int n = uaccess_string(t, ret_name, va, PATH_SIZE);
	if (n < 0)
		return n;
	if (n == 0)
		return -ENOENT;
	if (strchr(ret_name, '/') || strcmp(ret_name, ".") == 0 || strcmp(ret_name, "..") == 0)
		return -EACCES;
	return n < NAME_SIZE ? 0 : -ENAMETOOLONG;
}

static struct mqueue *name_find(const struct kernel *k, const char *name)
{
	struct mqueue *q;
	LIST_FOREACH (q, &k->mqueues, link) {
		if (q->name && strcmp(q->name, name) == 0)
			return q;
	}
	return NULL;
}

/* How large it may be, and what it counts as: Linux's messages and nodes of its tree, 48 bytes each. */
static int attr_check(const struct task *t, const struct abi_mq_attr *a, uint64_t *ret_charge)
{
	bool root = task_can(t, CAP_SYS_RESOURCE);
	const struct settings *c = &t->process->kernel->settings;
	int64_t messages = root ? MESSAGES_HARD : (int64_t)c->mqueue.messages,
		size = root ? SIZE_HARD : (int64_t)c->mqueue.size;
	if (a->messages_max <= 0 || a->size_max <= 0 || a->messages_max > messages || a->size_max > size)
		return -EINVAL;
	uint64_t n = (uint64_t)a->messages_max;
	*ret_charge = 48 * n + 48 * min_u64(n, PRIORITIES) + n * (uint64_t)a->size_max;
	uint64_t charged = *ret_charge, queues = 0;
	const struct mqueue *q;
	LIST_FOREACH (q, &t->process->kernel->mqueues, link) {
		charged += q->uid == t->cred->uid ? q->charged : 0;
		queues++;
	}
	if (charged > t->process->limit[RLIMIT_QUEUES].soft)
		return -EMFILE;
	return queues >= c->mqueue.queues && !root ? -ENOSPC : 0;
}

static int queue_create(struct task *t, const char *name, uint32_t mode, const struct abi_mq_attr *a,
			struct mqueue **ret_queue)
{
	struct process *p = t->process;
	uint64_t charge;
	int err = attr_check(t, a, &charge);
	if (err)
		return err;
	struct mqueue *q = calloc(1, sizeof(*q));
	char *copy = strdup(name);
	if (!q || !copy) {
		free(q);
		free(copy);
		return -ENOMEM;
	}
	*q = (struct mqueue){.kernel = p->kernel,
			     .name = copy,
			     .inode = ++p->kernel->mounts->inode,
			     .mode = mode & 07777 & ~fs_umask(p->fs),
			     .uid = t->cred->fsuid,
			     .gid = t->cred->fsgid,
			     .atime = now_of(p->kernel),
			     .mtime = now_of(p->kernel),
			     .messages_max = (uint64_t)a->messages_max,
			     .size_max = (uint64_t)a->size_max,
			     .charged = charge};
	ring_init(&q->ring, p->kernel->mm);
	wait_queue_init(&q->receivers);
	wait_queue_init(&q->senders);
	wait_queue_init(&q->polls);
	LIST_INSERT_HEAD(&p->kernel->mqueues, q, link);
	*ret_queue = q;
	return 0;
}

static void queue_stat(const struct mqueue *q, struct stat *ret_stat)
{
	*ret_stat = (struct stat){.st_dev = 19,
				  .st_ino = q->inode,
				  .st_mode = S_IFREG | q->mode,
				  .st_nlink = q->name ? 1 : 0,
				  .st_uid = q->uid,
				  .st_gid = q->gid,
				  .st_size = 80,
				  .st_blksize = PAGE_SIZE,
				  .st_atim = q->atime,
				  .st_mtim = q->mtime,
				  .st_ctim = q->mtime};
}

static int queue_may_open(const struct task *t, const struct mqueue *q, uint32_t flags)
{
	static const int how[] = {R_OK, W_OK, R_OK | W_OK};
	struct stat st;
	if ((flags & ABI_O_ACCMODE) == ABI_O_ACCMODE)
		return -EINVAL;
	queue_stat(q, &st);
	return stat_access(&st, t, how[flags & ABI_O_ACCMODE]);
}

static int queue_find_or_create(struct task *t, const uint64_t a[6], struct mqueue **ret_queue,
				bool *ret_new)
{
	const struct settings *c = &t->process->kernel->settings;
	struct abi_mq_attr attr = {
	    .messages_max = (int64_t)min_u64(c->mqueue.messages_default, c->mqueue.messages),
	    .size_max = (int64_t)min_u64(c->mqueue.size_default, c->mqueue.size)};
	char name[PATH_SIZE];
	uint32_t flags = (uint32_t)a[1];
	int r = a[3] ? uaccess_read(t, &attr, a[3], sizeof(attr)) : 0;
	if (r == 0)
		r = name_read(t, a[0], name);
	if (r != 0)
		return r;
	struct mqueue *q = name_find(t->process->kernel, name);
	*ret_new = !q;
	*ret_queue = q;
	if (!q)
		return flags & ABI_O_CREAT ? queue_create(t, name, (uint32_t)a[2], &attr, ret_queue)
					   : -ENOENT;
	if (flags & ABI_O_CREAT && flags & ABI_O_EXCL)
		return -EEXIST;
	return queue_may_open(t, q, flags);
}

int64_t sys_mq_open(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	struct mqueue *q;
	struct file *f;
	bool new;
	uint32_t flags = (uint32_t)a[1] & (ABI_O_ACCMODE | ABI_O_NONBLOCK);
	int r = queue_find_or_create(t, a, &q, &new);
	if (r != 0)
		return r;
	r = file_create(p->kernel, &mqueue_ops, flags, NULL, q, &f);
	if (r != 0) {
		if (new)
			mqueue_free(q);
		return r;
	}
	q->files++;
	return fd_give(t, f, true);
}

int64_t sys_mq_unlink(struct task *t, const uint64_t a[6])
{
	char name[PATH_SIZE];
	int r = name_read(t, a[0], name);
	if (r != 0)
		return r;
	struct mqueue *q = name_find(t->process->kernel, name);
	if (!q)
		return -ENOENT;
	if (!task_can(t, CAP_FOWNER) && t->cred->fsuid != q->uid)
		return -EPERM;
	free(q->name);
	q->name = NULL;
	if (q->files == 0)
		mqueue_free(q);
	return 0;
}

/* ---- The open file ---- */

/* What its file in a mounted mqueue shows. */
static int64_t mqueue_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	const struct mqueue *q = f->ctx;
	struct text text = TEXT;
	bool told = q->notify.pid != 0;
	text_add(&text, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
		 told ? q->notify.kind : 0,
		 told && q->notify.kind == NOTIFY_SIGNAL ? q->notify.signal : 0, q->notify.pid);
	if (text_failed(&text))
		return -ENOMEM;
	uint64_t at = f->pos, n = at < text.size ? min_u64(size, text.size - at) : 0;
	if (n)
		memcpy(ret_bytes, text.bytes + at, n);
	f->pos += n;
	text_finish(&text);
	return (int64_t)n;
}

static int mqueue_stat(struct file *f, struct stat *ret_stat)
{
	queue_stat(f->ctx, ret_stat);
	return 0;
}

static int mqueue_poll(struct file *f, struct waiter *w)
{
	struct mqueue *q = f->ctx;
	int err = wait_join(w, &q->polls);
	if (err)
		return err;
	return (q->count > 0 ? POLLIN | POLLRDNORM : 0) |
	       (q->count < q->messages_max ? POLLOUT | POLLWRNORM : 0);
}

/* Who closes it, whichever of its descriptors, is notified no more. */
static void mqueue_closed(struct file *f, const struct fd_table *by)
{
	struct mqueue *q = f->ctx;
	if (q->notify.files == by)
		notify_end(q, COOKIE_REMOVED);
}

static void mqueue_release(struct file *f)
{
	struct mqueue *q = f->ctx;
	if (--q->files == 0 && !q->name)
		mqueue_free(q);
}

static const struct file_ops mqueue_ops = {
    .name = "mqueue",
    .read = mqueue_read,
    .stat = mqueue_stat,
    .poll = mqueue_poll,
    .closed = mqueue_closed,
    .release = mqueue_release,
};
