/* SPDX-License-Identifier: MIT */
#include "kernel/event/userfault_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum { USER_MODE_ONLY = 1, API = 0xaa };

enum request {
	DO_REGISTER = 0xc020aa00,
	DO_UNREGISTER = 0x8010aa01,
	DO_WAKE = 0x8010aa02,
	DO_COPY = 0xc028aa03,
	DO_ZEROPAGE = 0xc020aa04,
	DO_MOVE = 0xc028aa05,
	DO_WRITEPROTECT = 0xc018aa06,
	DO_CONTINUE = 0xc020aa07,
	DO_POISON = 0xc020aa08,
	DO_API = 0xc018aa3f,
	DEVICE_NEW = 0xaa00,
};

enum { MODE_MISSING = 1, MODE_WP = 2, MODE_MINOR = 4 }; /* of REGISTER */
enum { FLAG_WRITE = 1, FLAG_WP = 2, FLAG_MINOR = 4 };	/* of a message */
enum { DONTWAKE = 1, COPY_WP = 2, ALLOW_HOLES = 2, GUARD_WP = 1, GUARD_DONTWAKE = 2 };

static struct space *space_of(const struct userfault *u)
{
	return mm_space(u->kernel->mm, u->space);
}

/* ---- Those who sleep ---- */

struct userfault *userfault_find(const struct kernel *k, uint64_t serial)
{
	struct userfault *u;
	LIST_FOREACH (u, &k->userfaults, link) {
		if (u->serial == serial)
			return u;
	}
	return NULL;
}

int userfault_wait(struct task *t, uint64_t va, bool by_kernel)
{
	const struct handed *h = &t->process->kernel->mm->handed;
	struct userfault *u = userfault_find(t->process->kernel, h->watcher);
	if (!u)
		return 0;
	if (u->features & SIGBUS_INSTEAD || (by_kernel && u->user_only))
		return -EFAULT;
	uint32_t flags = (h->write ? FLAG_WRITE : 0) |
			 (h->watched == REGION_WATCH_GUARD ? FLAG_WP : 0) |
			 (h->watched == REGION_WATCH_MINOR ? FLAG_MINOR : 0);
	/* One that was disturbed while it slept is not told of twice. */
	bool again = t->handed.watcher == u->serial && page_down(t->handed.va) == page_down(va) &&
		     t->handed.flags == flags;
	if (!again) {
		t->handed.watcher = u->serial;
		t->handed.va = va;
		t->handed.flags = flags;
		t->handed.told = false;
	}
	int err = wait_on(t, &u->sleepers);
	if (err)
		return err;
	if (!t->handed.told)
		wait_wake_for(&u->readers, POLLIN);
	return CALL_WAIT;
}

bool userfault_sleeps(const struct task *t)
{
	if (t->tells.unread > 0)
		return true;
	const struct userfault *u =
	    t->handed.watcher ? userfault_find(t->process->kernel, t->handed.watcher) : NULL;
	return u && t->waits > 0 && t->wait[0].queue == &u->sleepers;
}

static struct task *sleeper_untold(const struct userfault *u)
{
	struct wait_entry *e;
	TAILQ_FOREACH (e, &u->sleepers, link) {
		if (!e->task->handed.told)
			return e->task;
	}
	return NULL;
}

/* They try again, with what they find then. */
static void sleepers_wake(struct userfault *u, uint64_t start, uint64_t end)
{
	struct wait_entry *e, *next;
	for (e = TAILQ_FIRST(&u->sleepers); e; e = next) {
		struct task *t = e->task;
		next = TAILQ_NEXT(e, link);
		if (t->handed.va < start || t->handed.va >= end)
			continue;
		t->handed.watcher = 0;
		wait_wake(t);
	}
}

/* ---- The descriptor ---- */

static int64_t userfault_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct userfault *u = f->ctx;
	if (!u->begun || size < sizeof(struct message))
		return -EINVAL;
	int64_t there = 0;
	const struct wait_entry *e;
	TAILQ_FOREACH (e, &u->sleepers, link)
		there += e->task->handed.told ? 0 : (int64_t)sizeof(struct message);
	const struct userfault_event *event;
	TAILQ_FOREACH (event, &u->events, link)
		there += (int64_t)sizeof(struct message);
	if (there)
		return there;
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &u->readers);
	return err ? err : CALL_WAIT;
}

static int64_t userfault_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			      uint64_t *pos)
{
	struct userfault *u = f->ctx;
	struct task *from;
	size_t done = 0;
	int64_t there = userfault_look(f, t, size, pos);
	if (there < 0)
		return there;
	while (done + sizeof(struct message) <= size && (from = sleeper_untold(u))) {
		uint64_t va = from->handed.va;
		struct message m = {.event = TOLD_FAULT,
				    .arg = {from->handed.flags, u->features & EXACT_ADDRESS ? va : page_down(va),
					    u->features & THREAD_ID ? (uint32_t)from->tid : 0}};
		memcpy((uint8_t *)ret_bytes + done, &m, sizeof(m));
		from->handed.told = true;
		done += sizeof(m);
	}
	while (done + sizeof(struct message) <= size && !TAILQ_EMPTY(&u->events)) {
		struct message m;
		int r = userfault_event_read(u, t ? t : u->kernel->current, &m);
		if (r != 0)
			return done ? (int64_t)done : r;
		memcpy((uint8_t *)ret_bytes + done, &m, sizeof(m));
		done += sizeof(m);
	}
	return (int64_t)done;
}

static int userfault_poll(struct file *f, struct waiter *w)
{
	struct userfault *u = f->ctx;
	int err = wait_join(w, &u->readers);
	if (err)
		return err;
	/* As on Linux one that blocks cannot be polled. */
	if (!u->begun || !(f->flags & ABI_O_NONBLOCK))
		return POLLERR;
	return sleeper_untold(u) || !TAILQ_EMPTY(&u->events) ? POLLIN : 0;
}

void userfault_free(struct userfault *u)
{
	if (space_of(u))
		watch_forget(space_of(u), u->serial);
	LIST_REMOVE(u, link);
	userfault_events_drop(u);
	sleepers_wake(u, 0, UINT64_MAX);
	wait_queue_finish(&u->sleepers);
	wait_queue_finish(&u->readers);
	free(u);
}

static void userfault_release(struct file *f)
{
	userfault_free(f->ctx);
}

/* ---- What it is told to do ---- */

/* struct uffdio_range. */
struct range_arg {
	uint64_t start, length;
};

static int range_check_arg(const struct space *s, struct range_arg r)
{
	return r.start % PAGE_SIZE || r.length % PAGE_SIZE || r.length == 0 || r.length > s->layout.top ||
		       r.start > s->layout.top - r.length || r.start < s->layout.bottom
		   ? -EINVAL
		   : 0;
}

static int64_t do_api(struct userfault *u, struct task *t, uint64_t arg)
{
	uint64_t api[3];
	int r = uaccess_read(t, api, arg, sizeof(api));
	if (r != 0)
		return r;
	if (api[0] != API || api[1] & ~(uint64_t)FEATURES || u->begun) {
		static const uint64_t none[3];
		r = uaccess_write(t, arg, none, sizeof(none));
		return r ? r : -EINVAL;
	}
	if (api[1] & EVENT_FORK && !task_can(t, CAP_SYS_PTRACE)) {
		static const uint64_t none[3];
		r = uaccess_write(t, arg, none, sizeof(none));
		return r ? r : -EPERM;
	}
	uint64_t wanted = api[1];
	api[1] = FEATURES;
	api[2] = UINT64_C(1) << 0x3f | 1 << 1 | 1 << 0;
	r = uaccess_write(t, arg, api, sizeof(api));
	if (r != 0)
		return r;
	u->features = wanted;
	u->begun = true;
	return 0;
}

static int64_t do_register(struct userfault *u, struct space *s, struct task *t, uint64_t arg)
{
	struct {
		struct range_arg range;
		uint64_t mode, ioctls;
	} a;
	int r = uaccess_read(t, &a, arg, sizeof(a) - sizeof(a.ioctls));
	if (r != 0)
		return r;
	if (!a.mode || a.mode & ~(uint64_t)(MODE_MISSING | MODE_WP | MODE_MINOR))
		return -EINVAL;
	r = range_check_arg(s, a.range);
	if (r != 0)
		return r;
	a.ioctls = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | (a.mode & MODE_WP ? 1 << 6 : 0) |
		   (a.mode & MODE_MINOR ? 1 << 7 : 0);
	r = uaccess_write(t, arg, &a, sizeof(a));
	if (r != 0)
		return r;
	uint32_t flags = (a.mode & MODE_MISSING ? REGION_WATCH_MISSING : 0) |
			 (a.mode & MODE_WP ? REGION_WATCH_GUARD : 0) |
			 (a.mode & MODE_MINOR ? REGION_WATCH_MINOR : 0) |
			 (u->features & WP_ASYNC ? REGION_WATCH_ASYNC : 0) |
			 (u->features & (WP_ASYNC | WP_UNPOPULATED) ? REGION_WATCH_EMPTY : 0) |
			 (u->features & EVENT_REMAP ? REGION_WATCH_MOVES : 0);
	return wait_result(t, watch_register(s, a.range.start, a.range.start + a.range.length, flags,
					     u->serial));
}

/* UNREGISTER and WAKE. */
static int64_t do_range(struct userfault *u, struct space *s, struct task *t, uint64_t arg, bool wake)
{
	struct range_arg a;
	int r = uaccess_read(t, &a, arg, sizeof(a));
	if (r == 0)
		r = range_check_arg(s, a);
	if (r == 0 && !wake)
		r = watch_unregister(s, a.start, a.start + a.length);
	if (r == 0)
		sleepers_wake(u, a.start, a.start + a.length);
	return wait_result(t, r);
}

static int64_t do_guard(struct userfault *u, struct space *s, struct task *t, uint64_t arg)
{
	struct {
		struct range_arg range;
		uint64_t mode;
	} a;
	int r = uaccess_read(t, &a, arg, sizeof(a));
	if (r == 0)
		r = range_check_arg(s, a.range);
	if (r != 0)
		return r;
	if (!TAILQ_EMPTY(&u->events))
		return -EAGAIN;
	uint64_t start = a.range.start, end = start + a.range.length;
	bool guard = a.mode & GUARD_WP, quiet = a.mode & GUARD_DONTWAKE;
	if (a.mode & ~(uint64_t)(GUARD_WP | GUARD_DONTWAKE) || (guard && quiet))
		return -EINVAL;
	for (const struct region *region = regions_at_or_after(&s->regions, start);
	     region && region->start < end; region = region_next(region)) {
		if (!(region->flags & REGION_WATCH_GUARD) || region->watcher != u->serial)
			return -ENOENT;
	}
	if (!regions_find(&s->regions, start))
		return -ENOENT;
	r = watch_guard(s, start, end, guard);
	if (r != 0)
		return wait_result(t, r);
	if (!guard && !quiet)
		sleepers_wake(u, start, end);
	return 0;
}

/* One page of COPY, ZEROPAGE, CONTINUE or POISON. from: where its bytes are; 0: zeros. */
static int page_put(struct space *s, struct task *t, enum request what, uint64_t to, uint64_t from,
		    bool guard)
{
	uint8_t page[PAGE_SIZE];
	if (what == DO_CONTINUE)
		return watch_continue(s, to, guard);
	if (what == DO_POISON)
		return watch_poison(s, to);
	int r = what == DO_COPY ? uaccess_read(t, page, from, PAGE_SIZE) : 0;
	return r ? r : watch_fill(s, to, what == DO_COPY ? page : NULL, guard);
}

struct put {
	struct range_arg range;
	uint64_t from, mode;
	uint64_t result_at; /* where the number of bytes goes */
};

/* Reads what the four of them have in common. */
static int put_read(struct task *t, enum request what, uint64_t arg, struct put *ret_put)
{
	uint64_t a[4];
	unsigned words = what == DO_COPY ? 4 : 3;
	int r = uaccess_read(t, a, arg, words * sizeof(a[0]));
	if (r != 0)
		return r;
	*ret_put = (struct put){.range = {a[0], what == DO_COPY ? a[2] : a[1]},
				.from = what == DO_COPY ? a[1] : 0,
				.mode = a[words - 1],
				.result_at = arg + words * sizeof(a[0])};
	return 0;
}

/* Of what is about to change nothing can be said. */
static int64_t put_changing(struct task *t, uint64_t result_at)
{
	static const int64_t again = -EAGAIN;
	int r = uaccess_write(t, result_at, &again, sizeof(again));
	return r ? r : -EAGAIN;
}

/* It may be guarded alone. */
static bool is_plain_file(const struct space *s, uint64_t va)
{
	const struct region *r = regions_find(&s->regions, va);
	return r && r->object && r->object->kind == OBJECT_FILE;
}

/* state[0]: how many bytes are put in already. */
static int64_t do_put(struct userfault *u, struct space *s, struct task *t, uint64_t arg,
		      enum request what)
{
	struct put p;
	uint64_t *done = &t->call.state[0];
	int r = put_read(t, what, arg, &p);
	if (r == 0 && !*done && !TAILQ_EMPTY(&u->events))
		return put_changing(t, p.result_at);
	if (r == 0)
		r = range_check_arg(s, p.range);
	if (r != 0)
		return r;
	bool guards = what == DO_COPY || what == DO_CONTINUE, guard = guards && p.mode & COPY_WP;
	uint64_t known = guards ? DONTWAKE | COPY_WP : DONTWAKE, start = p.range.start;
	if (p.mode & ~known || (what == DO_COPY && p.from + p.range.length <= p.from))
		return -EINVAL;
	if (!watch_is(s, start, start + p.range.length, 0))
		r = -ENOENT;
	else if (is_plain_file(s, start))
		r = -EINVAL;
	else if (guard && !watch_is(s, start, start + p.range.length, REGION_WATCH_GUARD))
		r = -EINVAL;
	else if (what == DO_CONTINUE &&
		 !watch_is(s, start, start + p.range.length, REGION_WATCH_MINOR))
		r = -EINVAL;
	while (r == 0 && *done < p.range.length) {
		r = page_put(s, t, what, start + *done, p.from + *done, guard);
		*done += r == 0 ? PAGE_SIZE : 0;
	}
	if (r == -EAGAIN || r == CALL_WAIT)
		return r == CALL_WAIT ? r : wait_result(t, r);
	int64_t result = *done ? (int64_t)*done : r;
	r = uaccess_write(t, p.result_at, &result, sizeof(result));
	if (r != 0)
		return r;
	if (*done && !(p.mode & DONTWAKE))
		sleepers_wake(u, start, start + *done);
	return result < 0 ? result : (uint64_t)result == p.range.length ? 0 : -EAGAIN;
}

/* May pages go from one region to the other? Both are private memory, and alike. */
static int move_check(const struct userfault *u, const struct space *s, uint64_t to, uint64_t from, uint64_t length)
{
	const struct region *d = regions_find(&s->regions, to), *r = regions_find(&s->regions, from);
	const uint32_t alike = REGION_LOCKED;
	if (!d || !r)
		return -ENOENT;
	if (r->object || d->object || r->flags & REGION_SHARED || from + length > r->end || to + length > d->end ||
	    r->prot != d->prot || !(r->prot & PROT_W) || (r->flags ^ d->flags) & alike || d->watcher != u->serial)
		return -EINVAL;
	return 0;
}

/* state[0]: how many bytes are moved already. */
static int64_t do_move(struct userfault *u, struct space *s, struct task *t, uint64_t arg)
{
	struct {
		uint64_t to, from, length, mode;
	} a;
	uint64_t *done = &t->call.state[0];
	if (!*done && !TAILQ_EMPTY(&u->events))
		return put_changing(t, arg + sizeof(a));
	int r = uaccess_read(t, &a, arg, sizeof(a));
	if (r == 0 && s != t->process->space)
		r = -EINVAL;
	if (r == 0)
		r = range_check_arg(s, (struct range_arg){a.to, a.length});
	if (r == 0)
		r = range_check_arg(s, (struct range_arg){a.from, a.length});
	if (r == 0 && a.mode & ~(uint64_t)(DONTWAKE | ALLOW_HOLES))
		r = -EINVAL;
	if (r != 0)
		return r;
	r = move_check(u, s, a.to, a.from, a.length);
	while (r == 0 && *done < a.length) {
		r = watch_move(s, a.from + *done, a.to + *done);
		if (r == -ENOENT && a.mode & ALLOW_HOLES)
			r = 0;
		*done += r == 0 ? PAGE_SIZE : 0;
	}
	if (r == -EAGAIN)
		return wait_result(t, r);
	int64_t result = *done ? (int64_t)*done : r;
	r = uaccess_write(t, arg + sizeof(a), &result, sizeof(result));
	if (r != 0)
		return r;
	if (*done && !(a.mode & DONTWAKE))
		sleepers_wake(u, a.to, a.to + *done);
	return result < 0 ? result : (uint64_t)result == a.length ? 0 : -EAGAIN;
}

static int64_t userfault_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct userfault *u = f->ctx;
	struct space *s = space_of(u);
	enum request what = (enum request)request;
	if (what == DO_API)
		return do_api(u, t, arg);
	if (!u->begun)
		return -EINVAL;
	if (!s)
		return what == DO_REGISTER || what == DO_UNREGISTER ? -ENOMEM : -ESRCH;
	switch (what) {
	case DO_REGISTER: return do_register(u, s, t, arg);
	case DO_UNREGISTER:
	case DO_WAKE: return do_range(u, s, t, arg, what == DO_WAKE);
	case DO_COPY:
	case DO_ZEROPAGE:
	case DO_POISON:
	case DO_CONTINUE: return do_put(u, s, t, arg, what);
	case DO_MOVE: return do_move(u, s, t, arg);
	case DO_WRITEPROTECT: return do_guard(u, s, t, arg);
	default: return -EINVAL;
	}
}

static const struct file_ops userfault_ops = {
    .name = "[userfaultfd]",
    .records = true,
    .look = userfault_look,
    .read = userfault_read,
    .stat = file_stat_anonymous,
    .ioctl = userfault_ioctl,
    .poll = userfault_poll,
    .release = userfault_release,
};

/* ---- Its beginning ---- */

int userfault_make(struct kernel *k, uint32_t space, struct userfault **ret_userfault)
{
	struct userfault *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	*u = (struct userfault){.kernel = k, .serial = ++k->last_file, .space = space};
	wait_queue_init(&u->sleepers);
	wait_queue_init(&u->readers);
	TAILQ_INIT(&u->events);
	LIST_INSERT_HEAD(&k->userfaults, u, link);
	*ret_userfault = u;
	return 0;
}

int64_t userfault_install(struct task *t, struct userfault *u)
{
	return file_install_anonymous(t, &userfault_ops, ABI_O_RDWR | u->flags, u);
}

static int64_t userfault_create(struct task *t, uint32_t flags)
{
	struct userfault *u;
	if (flags & ~(uint32_t)(USER_MODE_ONLY | ABI_O_NONBLOCK | ABI_O_CLOEXEC))
		return -EINVAL;
	int r = userfault_make(t->process->kernel, t->process->space->serial, &u);
	if (r != 0)
		return r;
	u->user_only = flags & USER_MODE_ONLY;
	u->flags = flags & ~(uint32_t)USER_MODE_ONLY;
	int64_t fd = userfault_install(t, u);
	if (fd < 0)
		userfault_free(u);
	return fd;
}

/* As Linux, whose vm.unprivileged_userfaultfd is 0 unless an administrator says otherwise. */
int64_t sys_userfaultfd(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[0];
	if (!task_can(t, CAP_SYS_PTRACE) && !(flags & USER_MODE_ONLY))
		return -EPERM;
	return userfault_create(t, flags);
}

static int64_t device_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	return request == DEVICE_NEW ? userfault_create(t, (uint32_t)arg) : -EINVAL;
}

static int64_t device_refuse(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	return -EINVAL;
}

const struct file_ops userfault_device_ops = {
    .name = "userfaultfd", .read = device_refuse, .ioctl = device_ioctl};
