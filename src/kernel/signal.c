/* SPDX-License-Identifier: MIT */
/* signal.c - what is pending, who is told, what is done
 *
 *	signal_send_*  ->  pending at a process or a task  ->  signal_deliver, by the task itself
 *
 * Sending does at once what cannot wait for the receiver: SIGCONT takes pending stops back and
 * continues the process, a stop signal takes a pending SIGCONT back. All else, death included,
 * happens when a task of the receiver is about to run: nobody dies inside somebody else's call.
 */
#include "kernel/signal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/debug.h"
#include "kernel/kernel.h"
#include "kernel/program/core.h"
#include "kernel/program/rseq.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"
#include "kernel/timer.h"

#define BIT(n) (UINT64_C(1) << ((n)-1))

static const signal_set STOPPING = BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU);
static const signal_set HARMLESS = BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT);
static const signal_set SYNCHRONOUS = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGFPE) | BIT(SIGSYS);
static const signal_set CORE = BIT(SIGQUIT) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGFPE) | BIT(SIGSEGV) | BIT(SIGBUS) |
			       BIT(SIGSYS) | BIT(SIGXCPU) | BIT(SIGXFSZ);
static const signal_set UNSTOPPABLE = BIT(SIGKILL) | BIT(SIGSTOP);

enum { DEFAULT = 0, IGNORE = 1 };
enum { CORE_DUMPED = 0x80 }; /* in the status */

static void queue_init(struct signal_queue *q)
{
	q->set = 0;
	TAILQ_INIT(&q->list);
}

static struct signal_pending *queue_find(struct signal_queue *q, int n)
{
	struct signal_pending *e;

	TAILQ_FOREACH(e, &q->list, link)
		if (e->info.number == n)
			return e;
	return NULL;
}

static void queue_drop_entry(struct process *p, struct signal_queue *q, struct signal_pending *e)
{
	TAILQ_REMOVE(&q->list, e, link);
	p->signals.queued--;
	free(e);
}

static void queue_drop(struct process *p, struct signal_queue *q, signal_set which)
{
	struct signal_pending *e, *next;

	if (!(q->set & which))
		return;
	q->set &= ~which;
	for (e = TAILQ_FIRST(&q->list); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (signal_bit(e->info.number) & which)
			queue_drop_entry(p, q, e);
	}
}

static void pending_drop(struct process *p, signal_set which)
{
	struct task *t;

	queue_drop(p, &p->signals.pending, which);
	TAILQ_FOREACH(t, &p->tasks, sibling)
		queue_drop(p, &t->signals.pending, which);
}

/* Standard signals are kept once. Returns 0, or -EAGAIN for a real-time signal that found no room. */
static int queue_add(struct process *p, struct signal_queue *q, const struct signal_info *info)
{
	int n = info->number;
	struct signal_pending *e = NULL;

	if (n < SIGRTMIN_KERNEL && q->set & signal_bit(n))
		return 0;
	if (p->signals.queued < p->limit[RLIMIT_SIGPENDING].soft || n < SIGRTMIN_KERNEL)
		e = malloc(sizeof(*e));
	if (!e && n >= SIGRTMIN_KERNEL && info->code != SI_USER)
		return -EAGAIN;
	q->set |= signal_bit(n);
	if (e) {
		e->info = *info;
		TAILQ_INSERT_TAIL(&q->list, e, link);
		p->signals.queued++;
	}
	return 0;
}

static void queue_look(struct signal_queue *q, int n, struct signal_info *ret_info)
{
	struct signal_pending *e = queue_find(q, n);

	*ret_info = e ? e->info : (struct signal_info){.number = n, .code = SI_USER};
}

static void queue_take(struct process *p, struct signal_queue *q, int n)
{
	struct signal_pending *e = queue_find(q, n);

	if (e) {
		if (e->info.code == SI_TIMER)
			timer_taken(p, e->info.timer, e->info.overrun);
		queue_drop_entry(p, q, e);
	}
	if (!queue_find(q, n))
		q->set &= ~signal_bit(n);
}

/* Faults of the program itself come first, then the lowest number. */
static int set_first(signal_set set)
{
	if (set & SYNCHRONOUS)
		set &= SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

static struct signal_queue *queue_with(struct task *t, signal_set which)
{
	return t->signals.pending.set & which ? &t->signals.pending : &t->process->signals.pending;
}

int signal_look(struct task *t, signal_set which, struct signal_info *ret_info)
{
	struct signal_queue *q = queue_with(t, which);
	int n = set_first(q->set & which);

	if (n)
		queue_look(q, n, ret_info);
	return n;
}

void signal_take(struct task *t, int n) { queue_take(t->process, queue_with(t, signal_bit(n)), n); }

bool signal_timer_overran(struct process *p, struct task *t, int n, int32_t id, uint64_t periods)
{
	struct signal_queue *q = t ? &t->signals.pending : &p->signals.pending;
	struct signal_pending *e;

	TAILQ_FOREACH(e, &q->list, link) {
		if (e->info.number != n || e->info.code != SI_TIMER || e->info.timer != id)
			continue;
		uint64_t sum = (uint64_t)e->info.overrun + periods;
		e->info.overrun = (int32_t)min_u64(sum, INT32_MAX);
		return true;
	}
	return false;
}

/* --- actions --- */

struct signal_action signal_action_of(const struct process *p, int n)
{
	static const struct signal_action none;

	return p->signals.actions ? p->signals.actions->action[n - 1] : none;
}

static bool ignores(const struct process *p, int n)
{
	uint64_t h = signal_action_of(p, n).handler;

	return h == IGNORE || (h == DEFAULT && (HARMLESS & signal_bit(n)));
}

int signal_action_set(struct process *p, int n, const struct signal_action *action)
{
	if (!p->signals.actions) {
		p->signals.actions = calloc(1, sizeof(*p->signals.actions));
		if (!p->signals.actions)
			return -ENOMEM;
		p->signals.actions->refs = 1;
	}
	p->signals.actions->action[n - 1] = *action;
	if (ignores(p, n))
		pending_drop(p, signal_bit(n));
	return 0;
}

static void actions_put(struct process *p)
{
	if (p->signals.actions && --p->signals.actions->refs == 0)
		free(p->signals.actions);
	p->signals.actions = NULL;
}

void signals_init_process(struct process *p)
{
	p->signals = (struct process_signals){.actions = NULL};
	queue_init(&p->signals.pending);
	wait_queue_init(&p->signals.sent);
	p->stop_told = p->continued_told = true;
}

int signals_fork(struct process *parent, struct process *child, bool share_actions)
{
	struct signal_actions *from = parent->signals.actions;

	if (share_actions && !from) {
		static const struct signal_action none;
		int r = signal_action_set(parent, SIGCHLD, &none);
		if (r)
			return r;
		from = parent->signals.actions;
	}
	signals_init_process(child);
	child->trampoline = parent->trampoline;
	if (share_actions) {
		child->signals.actions = from;
		from->refs++;
	} else if (from) {
		child->signals.actions = malloc(sizeof(*from));
		if (!child->signals.actions)
			return -ENOMEM;
		*child->signals.actions = *from;
		child->signals.actions->refs = 1;
	}
	return 0;
}

void signals_exec(struct process *p)
{
	struct signal_actions *from = p->signals.actions;
	signal_set ignored = 0;
	struct task *t;

	for (int n = 1; from && n <= SIGNALS; n++)
		if (from->action[n - 1].handler == IGNORE)
			ignored |= signal_bit(n);
	actions_put(p);
	for (int n = 1; n <= SIGNALS; n++) {
		struct signal_action a = {.handler = IGNORE};
		if (ignored & signal_bit(n) && signal_action_set(p, n, &a) < 0) {
			/* The old program is gone already: without its actions the new one cannot be. */
			struct signal_info info = {.number = SIGKILL, .code = SI_KERNEL};
			queue_add(p, &p->signals.pending, &info);
			break;
		}
	}
	TAILQ_FOREACH(t, &p->tasks, sibling) {
		t->signals.stack = t->signals.stack_size = 0;
		t->signals.stack_flags = 0;
	}
	timers_exec(p);
}

void signals_finish_process(struct process *p)
{
	timers_finish(p);
	wait_queue_finish(&p->signals.sent);
	pending_drop(p, ~UINT64_C(0));
	actions_put(p);
}

void signals_init_task(struct task *t)
{
	t->signals = (struct task_signals){.stack_flags = SS_DISABLE};
	queue_init(&t->signals.pending);
}

void signals_clone_task(const struct task *from, struct task *t, bool share_memory)
{
	signals_init_task(t);
	t->signals.blocked = from->signals.restore_saved ? from->signals.saved : from->signals.blocked;
	if (!share_memory) {
		t->signals.stack = from->signals.stack;
		t->signals.stack_size = from->signals.stack_size;
		t->signals.stack_flags = from->signals.stack_flags;
	}
}

void signals_finish_task(struct task *t) { queue_drop(t->process, &t->signals.pending, ~UINT64_C(0)); }

/* --- sending --- */

static void wake(struct task *t)
{
	if (t->state == TASK_WAITING)
		wait_wake(t);
}

static bool would_take(const struct task *t, int n)
{
	signal_set bit = signal_bit(n);

	if (t->state == TASK_DEAD)
		return false;
	if (n == SIGKILL)
		return true;
	return t->state != TASK_STOPPED && (!(t->signals.blocked & bit) || t->signals.wanted & bit);
}

static void tell(struct process *p, struct task *only, int n)
{
	struct task *t;

	if (n == SIGKILL && p->stopped) {
		p->stopped = false;
		TAILQ_FOREACH(t, &p->tasks, sibling)
			if (t->state == TASK_STOPPED)
				task_continue(t);
	}
	TAILQ_FOREACH(t, &p->tasks, sibling) {
		if ((only && t != only) || !would_take(t, n))
			continue;
		wake(t);
		break;
	}
}

static void continue_process(struct process *p)
{
	struct task *t;

	pending_drop(p, STOPPING);
	if (!p->stopped)
		return;
	p->stopped = false;
	p->stop_told = true;
	p->continued_told = false;
	TAILQ_FOREACH(t, &p->tasks, sibling)
		if (t->state == TASK_STOPPED)
			task_continue(t);
	signal_tell_parent(p, CLD_CONTINUED, SIGCONT);
}

/* Is a debugger told of it, ignored or not? */
static bool debug_wants(const struct process *p, int n)
{
	return unlikely(p->traced) && p->kernel->debugger && p->kernel->debugger->signals & signal_bit(n);
}

static int send(struct process *p, struct task *only, const struct signal_info *info)
{
	struct task *first = only ? only : TAILQ_FIRST(&p->tasks);
	int n = info->number, r;

	if (!first || p->zombie || p->exiting || p == p->kernel->init)
		return 0;
	if (n == SIGCONT)
		continue_process(p);
	else if (STOPPING & signal_bit(n))
		pending_drop(p, signal_bit(SIGCONT));
	/* An ignored signal is kept while it is blocked: the program may yet change its mind. */
	if (ignores(p, n) && !debug_wants(p, n) && !((first->signals.blocked | first->signals.wanted) & signal_bit(n)))
		return 0;
	r = queue_add(p, only ? &only->signals.pending : &p->signals.pending, info);
	if (r)
		return r;
	wait_wake_for(&p->signals.sent, POLLIN);
	tell(p, only, n);
	return 0;
}

int signal_send_process(struct process *p, const struct signal_info *info) { return send(p, NULL, info); }

int signal_send_task(struct task *t, const struct signal_info *info)
{
	if (t->state == TASK_DEAD)
		return 0;
	return send(t->process, t, info);
}

void signal_fault(struct task *t, const struct signal_info *info)
{
	signal_set bit = signal_bit(info->number);

	if (t->signals.blocked & bit || signal_action_of(t->process, info->number).handler == IGNORE) {
		static const struct signal_action none;
		t->signals.blocked &= ~bit;
		/* Where there are no actions at all, the default needs no memory. */
		if (t->process->signals.actions)
			t->process->signals.actions->action[info->number - 1] = none;
	}
	/* Its own siginfo counts, not that of one that was sent before. */
	queue_drop(t->process, &t->signals.pending, bit);
	(void)queue_add(t->process, &t->signals.pending, info); /* a standard signal: cannot fail */
}

/* --- delivery --- */

static signal_set pending_of(const struct task *t) { return t->signals.pending.set | t->process->signals.pending.set; }

/* Does one of these signals end t's process? */
static bool ends_by(const struct task *t, signal_set set)
{
	for (int n = 1; n <= SIGNALS; n++)
		if (set & signal_bit(n) & ~STOPPING && signal_action_of(t->process, n).handler == DEFAULT &&
		    !ignores(t->process, n))
			return true;
	return false;
}

static __attribute__((noinline)) bool must_deliver(const struct task *t)
{
	const struct task_signals *s = &t->signals;

	if (t->state == TASK_DEAD)
		return false;
	if (pending_of(t) & signal_bit(SIGKILL))
		return true;
	if (t->call.active) {
		const struct call_info *info = call_info(t->call.number);
		if (info && info->restart == HELD)
			return false;
		if (t->call.held)
			return ends_by(t, pending_of(t) & ~(s->blocked | s->wanted));
	} else if (s->restore_saved) {
		return true;
	}
	return t->process->stopped || (pending_of(t) & ~(s->blocked | s->wanted)) != 0;
}

/* Asked after each trap. */
bool signal_waiting(const struct task *t)
{
	bool any = pending_of(t) || t->signals.restore_saved || t->process->stopped;
	return unlikely(any) && must_deliver(t);
}

void signal_mask_for_call(struct task *t, signal_set mask)
{
	struct task_signals *s = &t->signals;

	if (!s->restore_saved) {
		s->saved = s->blocked;
		s->restore_saved = true;
	}
	s->blocked = mask & ~UNSTOPPABLE;
}

static void tell_delivery(struct task *t, const struct signal_info *info)
{
	struct process *p = t->process;

	EVENT_OF(p->kernel->events, &p->tally, p->pid, t->tid, kernel_now(p->kernel), signal, .number = info->number,
		 .code = info->code, .addr = info->addr, .sender = info->pid);
}

static void stop_process(struct process *p, int n)
{
	struct task *t;

	p->stopped = true;
	p->stop_signal = n;
	p->stop_told = false;
	p->continued_told = true;
	TAILQ_FOREACH(t, &p->tasks, sibling)
		if (t->state != TASK_DEAD && t->state != TASK_STOPPED)
			task_stop(t);
	signal_tell_parent(p, CLD_STOPPED, n);
}

/* The next signal that t would take, and where it is pending. */
static int next_signal(struct task *t, struct signal_queue **ret_queue)
{
	struct task_signals *s = &t->signals;
	struct signal_queue *queue[2] = {&s->pending, &t->process->signals.pending};
	signal_set allowed = ~(s->blocked | s->wanted) | signal_bit(SIGKILL);

	for (int i = 0; i < 2; i++) {
		if (!(queue[i]->set & signal_bit(SIGKILL)))
			continue;
		*ret_queue = queue[i];
		return SIGKILL;
	}
	for (int i = 0; i < 2; i++) {
		int n = set_first(queue[i]->set & allowed);
		if (!n)
			continue;
		*ret_queue = queue[i];
		return n;
	}
	return 0;
}

/* Runs a handler: its frame goes onto the stack, the signal is taken. Returns 0 or CALL_WAIT, when
 * nothing but the end of an interrupted call has happened yet. */
static int run_handler(struct task *t, struct signal_queue *q, const struct signal_info *info,
		       const struct signal_action *a)
{
	static const struct signal_action none;
	struct task_signals *s = &t->signals;
	struct process *p = t->process;
	int n = info->number, r;

	if (t->call.active) {
		r = call_interrupt(t, a->flags & SA_RESTART);
		if (r)
			return r;
	}
	t->call.woken = false;
	r = rseq_abort(t);
	if (!r)
		r = signal_frame_push(t, info, a, s->restore_saved ? s->saved : s->blocked);
	if (r == CALL_WAIT) {
		if (!t->call.woken)
			t->state = TASK_WAITING;
		return r;
	}
	/* Getting a frame for the stack may have taken somebody's life. */
	if (t->state == TASK_DEAD)
		return CALL_WAIT;
	queue_take(p, q, n);
	/* Its flags stay, as on Linux. */
	if (a->flags & SA_RESETHAND)
		p->signals.actions->action[n - 1].handler = none.handler;
	if (r) {
		/* No room for the frame, or a broken rseq: SIGSEGV instead; when that was it, nobody can handle it. */
		struct signal_info segv = {.number = SIGSEGV, .code = SI_KERNEL};
		if (n == SIGSEGV && p->signals.actions)
			p->signals.actions->action[n - 1] = none;
		signal_fault(t, &segv);
		return 0;
	}
	s->restore_saved = false;
	s->blocked |= a->mask;
	if (!(a->flags & SA_NODEFER))
		s->blocked |= signal_bit(n);
	s->blocked &= ~UNSTOPPABLE;
	tell_delivery(t, info);
	return 0;
}

/* Is there a core? Not of a program that must not be looked at. */
static bool dumps_core(struct task *t, const struct signal_info *info)
{
	return CORE & signal_bit(info->number) && t->process->dumpable && core_dump(t, info);
}

bool signal_deliver(struct task *t)
{
	struct process *p = t->process;
	struct task_signals *s = &t->signals;
	struct signal_queue *q;
	struct signal_info info;
	int n;

	if (t->state == TASK_DEAD)
		return false;
	/* The call came to its end by itself. */
	if (s->restore_saved && !t->call.active) {
		s->blocked = s->saved;
		s->restore_saved = false;
	}
	while (!p->stopped && (n = next_signal(t, &q)) != 0) {
		struct signal_action a = signal_action_of(p, n);
		queue_look(q, n, &info);
		if (unlikely(p->traced) && n != SIGKILL) {
			enum debug_signal what = debug_signal(t, &info);
			if (what == DEBUG_HOLD)
				return false;
			if (what == DEBUG_DROP) {
				queue_take(p, q, n);
				continue;
			}
		}
		if (a.handler > IGNORE && n != SIGKILL && n != SIGSTOP) {
			if (run_handler(t, q, &info, &a) == CALL_WAIT)
				return false;
			continue;
		}
		queue_take(p, q, n);
		if (ignores(p, n) && n != SIGKILL && n != SIGSTOP)
			continue;
		if (STOPPING & signal_bit(n)) {
			if (n == SIGSTOP || !signal_group_orphaned(p->kernel, p->pgid, p->sid, NULL)) {
				tell_delivery(t, &info);
				stop_process(p, n);
			}
			continue;
		}
		tell_delivery(t, &info);
		process_exit(p, n | (dumps_core(t, &info) ? CORE_DUMPED : 0));
		return false;
	}
	if (p->stopped && t->state != TASK_STOPPED)
		task_stop(t);
	return !p->stopped;
}
