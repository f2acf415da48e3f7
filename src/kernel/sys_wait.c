/* SPDX-License-Identifier: MIT */
/* sys_wait.c - wait4 and waitid: what became of one's children */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/pidfd.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/uaccess.h"

enum {
	OPT_NOHANG = 1,
	OPT_STOPPED = 2,
	OPT_EXITED = 4,
	OPT_CONTINUED = 8,
	OPT_NOWAIT = 0x01000000,
	OPT_NOTHREAD = 0x20000000,
	OPT_ALL = 0x40000000,
};
#define OPT_CLONE UINT32_C(0x80000000)

/* Whom a caller waits for, and for what. */
struct wish {
	enum { ANY, PID, GROUP } kind;
	int32_t id;
	uint32_t options;
	bool nonblock; /* a pidfd that does not wait says so */
};

/* What happened to a child. */
struct news {
	struct process *child;
	int code;   /* CLD_* */
	int status; /* as siginfo has it */
	int word;   /* as wait4 gives it */
};

static bool meant(const struct wish *w, const struct process *c)
{
	if (w->kind == PID && c->pid != w->id)
		return false;
	if (w->kind == GROUP && c->pgid != w->id)
		return false;
	/* Children of clone are those that send another signal than SIGCHLD. */
	return w->options & OPT_ALL ||
	       (c->exit_signal != SIGCHLD) == ((w->options & OPT_CLONE) != 0);
}

static bool look(const struct wish *w, struct process *c, struct news *ret)
{
	int killed = c->status & 0x7f;
	if (c->zombie) {
		if (!(w->options & OPT_EXITED))
			return false;
		*ret = (struct news){c,
				     c->status & 0x80 ? CLD_DUMPED
				     : killed         ? CLD_KILLED
						      : CLD_EXITED,
				     killed ? killed : c->status >> 8 & 0xff, c->status};
		return true;
	}
	if (w->options & OPT_STOPPED && c->stopped && !c->stop_told) {
		*ret = (struct news){c, CLD_STOPPED, c->stop_signal, c->stop_signal << 8 | 0x7f};
		return true;
	}
	if (w->options & OPT_CONTINUED && !c->stopped && !c->continued_told) {
		*ret = (struct news){c, CLD_CONTINUED, SIGCONT, 0xffff};
		return true;
	}
	return false;
}

/* Returns 1 with news; 0: nothing yet; -ECHILD; CALL_WAIT. */
static int find_news(struct task *t, const struct wish *w, struct news *ret)
{
	bool any = false;
	/* One that is named is found among thousands at once. */
	struct process *c = w->kind == PID ? process_find(t->process->kernel, w->id)
					   : TAILQ_FIRST(&t->process->children);
	if (c && c->parent != t->process)
		c = NULL;
	for (; c; c = w->kind == PID ? NULL : TAILQ_NEXT(c, sibling)) {
		if (!meant(w, c))
			continue;
		/* One that cannot report what is asked for is still a child to wait for. */
		any = true;
		if (look(w, c, ret))
			return 1;
	}
	if (!any)
		return -ECHILD;
	if (w->options & OPT_NOHANG)
		return 0;
	return wait_on(t, &t->process->child_wait) == 0 ? CALL_WAIT : -ENOMEM;
}

static void tally_add(struct tally *sum, const struct tally *more)
{
	for (unsigned i = 0; i < array_size(sum->event); i++)
		sum->event[i] += more->event[i];
	for (unsigned i = 0; i < array_size(sum->cause); i++)
		sum->cause[i] += more->cause[i];
	for (unsigned i = 0; i < array_size(sum->by); i++)
		sum->by[i] += more->by[i];
}

static struct switches switches_sum(struct switches a, struct switches b)
{
	return (struct switches){a.slept + b.slept, a.preempted + b.preempted};
}

/* Of a child and those it waited for. */
static int write_usage(struct task *t, uint64_t va, const struct process *c)
{
	struct tally sum = c->tally;
	tally_add(&sum, &c->children_tally);
	const struct usage u = {.retired = c->retired + c->children_retired,
				.system = c->system + c->children_system,
				.resident_peak =
				    max_u64(c->resident_peak, c->children_resident_peak),
				.tally = &sum,
				.switches = switches_sum(c->switches, c->children_switches)};
	return usage_write(t, va, &u);
}

/* The news have been told. */
static void consume(struct task *t, const struct wish *w, const struct news *n)
{
	struct process *p = t->process, *c = n->child;
	if (w->options & OPT_NOWAIT)
		return;
	if (n->code == CLD_STOPPED) {
		c->stop_told = true;
	} else if (n->code == CLD_CONTINUED) {
		c->continued_told = true;
	} else {
		tally_add(&p->children_tally, &c->tally);
		tally_add(&p->children_tally, &c->children_tally);
		p->children_retired += c->retired + c->children_retired;
		p->children_system += c->system + c->children_system;
		p->children_switches =
		    switches_sum(p->children_switches, switches_sum(c->switches, c->children_switches));
		p->children_resident_peak =
		    max_u64(p->children_resident_peak,
			    max_u64(c->resident_peak, c->children_resident_peak));
		process_reap(c);
	}
}

int64_t sys_wait4(struct task *t, const uint64_t a[6])
{
	int32_t pid = (int32_t)a[0];
	uint32_t options = (uint32_t)a[2];
	struct news n;
	if (options &
	    ~(OPT_NOHANG | OPT_STOPPED | OPT_CONTINUED | OPT_NOTHREAD | OPT_ALL | OPT_CLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	struct wish w = {.kind = PID, .id = pid, .options = options | OPT_EXITED};
	if (pid == -1)
		w.kind = ANY;
	else if (pid <= 0)
		w = (struct wish){
		    .kind = GROUP, .id = pid == 0 ? t->process->pgid : -pid, .options = w.options};
	int r = find_news(t, &w, &n);
	if (r != 1)
		return r;
	r = a[1] ? uaccess_write(t, a[1], &n.word, sizeof(n.word)) : 0;
	if (r == 0 && a[3])
		r = write_usage(t, a[3], n.child);
	if (r == CALL_WAIT)
		return r;
	/* As on Linux the child is gone even if its status found no place. */
	pid = n.child->pid;
	consume(t, &w, &n);
	return r != 0 ? r : pid;
}

/* The fields of siginfo that waitid writes; n->child NULL: zeros. */
static int write_info(struct task *t, uint64_t va, const struct news *n)
{
	int32_t head[3] = {0}, rest[3] = {0};
	if (n->child) {
		head[0] = SIGCHLD;
		head[2] = n->code;
		rest[0] = n->child->pid;
		rest[1] = (int32_t)process_cred(n->child)->uid;
		rest[2] = n->status;
	}
	int r = uaccess_write(t, va, head, sizeof(head));
	return r != 0 ? r : uaccess_write(t, va + 16, rest, sizeof(rest));
}

/* The child of a pidfd. */
static int wish_pidfd(struct task *t, struct wish *w, int fd)
{
	struct process *p;
	uint32_t flags;
	int r = fd < 0 ? -EINVAL : pidfd_process(t, fd, &p, &flags);
	if (r)
		return r == -ESRCH ? -ECHILD : r;
	w->kind = PID;
	w->id = p->pid;
	w->nonblock = (flags & ABI_O_NONBLOCK) && !(w->options & OPT_NOHANG);
	if (w->nonblock)
		w->options |= OPT_NOHANG;
	return 0;
}

int64_t sys_waitid(struct task *t, const uint64_t a[6])
{
	uint32_t options = (uint32_t)a[3];
	struct news n = {0};
	struct wish w = {.id = (int32_t)a[1], .options = options};
	if (options & ~(OPT_NOHANG | OPT_STOPPED | OPT_EXITED | OPT_CONTINUED | OPT_NOWAIT |
			OPT_NOTHREAD | OPT_ALL | OPT_CLONE))
		return -EINVAL;
	if (!(options & (OPT_STOPPED | OPT_EXITED | OPT_CONTINUED)))
		return -EINVAL;
	switch ((int32_t)a[0]) {
	case 0: w.kind = ANY; break;
	case 1:
		w.kind = PID;
		if (w.id <= 0)
			return -EINVAL;
		break;
	case 2:
		w.kind = GROUP;
		if (w.id < 0)
			return -EINVAL;
		if (w.id == 0)
			w.id = t->process->pgid;
		break;
	case 3: {
		int r = wish_pidfd(t, &w, (int)w.id);
		if (r)
			return r;
		break;
	}
	default: return -EINVAL;
	}
	int r = find_news(t, &w, &n);
	if (r < 0)
		return r;
	if (r == 0 && w.nonblock)
		return -EAGAIN;
	r = a[2] ? write_info(t, a[2], &n) : 0;
	if (r == 0 && a[4] && n.child)
		r = write_usage(t, a[4], n.child);
	if (r == CALL_WAIT)
		return r;
	if (n.child)
		consume(t, &w, &n);
	return r;
}
