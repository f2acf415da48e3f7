/* SPDX-License-Identifier: MIT */
/* sched.c - the loop that everything runs in
 *
 *	kernel_run:  what is due? -> whose turn is it? -> run him for a slice -> again
 *	                                  |
 *	                                  +-- nobody's: idle, until a deadline or the host
 *
 * A slice ends early at the next deadline, so that a sleeper wakes at its very instruction.
 */
#include "kernel/sched.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/call.h"
#include "kernel/debug.h"
#include "kernel/file/file.h"
#include "kernel/kernel.h"
#include "kernel/program/rseq.h"
#include "kernel/timer.h"
#include "pmap/sv.h"

/* The host's descriptors are looked at this often while tasks run. */
enum { POLL_EVERY = 2000000 };

enum { CODE_ILL_ILLOPC = 1, CODE_TRAP_BRKPT = 1, CODE_BUS_ADRALN = 1 };

void sched_ready(struct task *t)
{
	bool ran = t->state == TASK_RUNNING;
	t->state = TASK_READY;
	if (unlikely(t->process->kernel->uneven))
		sched_join(t, ran);
	else
		TAILQ_INSERT_TAIL(&t->process->kernel->ready, t, run);
	t->sched.yields = false;
}

void sched_remove(struct task *t)
{
	struct kernel *k = t->process->kernel;
	if (k->goes_on == t)
		k->goes_on = NULL;
	if (t->state == TASK_READY)
		TAILQ_REMOVE(&k->ready, t, run);
}

void sched_look_at(struct kernel *k, uint64_t ns)
{
	if (ns < k->slice_end)
		k->slice_end = ns;
}

void sched_new_space(struct task *t)
{
	struct space *s = t->process->space;
	s->pid = t->process->pid;
	s->tally = &t->process->tally;
	s->mm->current = s;
	events_run(s->mm->events, s->pid, t->tid);
	hart_set_satp(t->process->kernel->hart, sv_satp(s->pmap));
}

/* The hart gets t's registers and address space, unless it has them from last time. */
static void switch_to(struct kernel *k, struct task *t)
{
	if (k->current != t) {
		if (k->current)
			k->current->regs = *hart_regs(k->hart);
		*hart_regs(k->hart) = t->regs;
		k->current = t;
		k->switches++;
		t->rseq_due = t->rseq != 0;
	}
	if (t->process->space)
		sched_new_space(t);
	t->state = TASK_RUNNING;
}

struct regs *task_regs(struct task *t)
{
	struct kernel *k = t->process->kernel;
	return k->current == t ? hart_regs(k->hart) : &t->regs;
}

/* What ran since the last time ran for t. */
static void account(struct kernel *k, struct task *t)
{
	uint64_t retired = hart_retired(k->hart), more = retired - k->accounted;
	k->accounted = retired;
	if (more)
		stall_pass(&k->stalls, more, true, !TAILQ_EMPTY(&k->ready));
	t->retired += more;
	t->process->retired += more;
	sched_charge(t, more);
	if (t->process->space && t->process->space->group)
		t->process->space->group->local.ran += more;
}

static void set_time(struct kernel *k)
{
	hart_set_time_offset(k->hart, k->idle_ns + k->work_ns);
}

/* A piece of a long work was done for t. */
static void pay(struct kernel *k, struct task *t)
{
	k->work_ns += WORK_NS;
	t->retired += WORK_NS;
	t->system += WORK_NS;
	t->process->retired += WORK_NS;
	t->process->system += WORK_NS;
	sched_charge(t, WORK_NS);
	set_time(k);
}

static void trap_handle(struct kernel *k, struct task *t, const struct trap *trap)
{
	uint64_t pc = hart_regs(k->hart)->pc;
	switch (trap->cause) {
	case TRAP_ECALL: call_dispatch(t); break;
	case TRAP_LOAD_PAGE:
	case TRAP_LOAD_ACCESS: trap_fault(t, trap->value, ACCESS_READ); break;
	case TRAP_STORE_PAGE:
	case TRAP_STORE_ACCESS: trap_fault(t, trap->value, ACCESS_WRITE); break;
	case TRAP_FETCH_PAGE:
	case TRAP_FETCH_ACCESS: trap_fault(t, trap->value, ACCESS_EXEC); break;
	case TRAP_ILLEGAL:
		trap_signal(t, SIGILL, CODE_ILL_ILLOPC, pc, "met an illegal instruction");
		break;
	case TRAP_BREAKPOINT:
		trap_signal(t, SIGTRAP, CODE_TRAP_BRKPT, pc, "met a breakpoint");
		break;
	case TRAP_FETCH_MISALIGNED:
		trap_signal(t, SIGBUS, CODE_BUS_ADRALN, trap->value, "jumped to an odd address");
		break;
	case TRAP_LOAD_MISALIGNED:
	case TRAP_STORE_MISALIGNED:
		trap_signal(t, SIGBUS, CODE_BUS_ADRALN, trap->value,
			    "used an atomic instruction on a misaligned address");
		break;
	case TRAP_STOP:
		/* Else hart_stop was called: the flags beside it say why. */
		if (trap->value != 0 && k->debugger)
			debug_tell(t, DEBUG_BREAK, trap->value);
		else if (trap->value != 0)
			k->stop = true;
		break;
	case TRAP_WATCH: debug_tell(t, DEBUG_WATCH, trap->value); break;
	case TRAP_BUDGET: break;
	}
}

static void run_due(struct kernel *k)
{
	struct task *t;
	uint64_t now = kernel_now(k);
	while ((t = RB_MIN(task_sleep, &k->sleepers)) && t->deadline <= now)
		wait_wake(t);
	timers_run(k);
	mm_run(k->mm);
	load_run(k);
	thrash_look(k);
}

/* Who runs next: the first that no debugger holds, or as sched_order.c says. */
static struct task *next_ready(struct kernel *k)
{
	struct task *t = TAILQ_FIRST(&k->ready);
	if (unlikely(k->goes_on != NULL) && !k->goes_on->debug.held)
		return k->goes_on;
	if (unlikely(k->uneven))
		return sched_pick(k);
	while (unlikely(k->debugger) && t && t->debug.held)
		t = TAILQ_NEXT(t, run);
	return t;
}

/* Runs t until its slice is over, it waits, or it is no more. */
static void run(struct kernel *k, struct task *t)
{
	switch_to(k, t);
	k->goes_on = NULL;
	t->call.paused = false; /* if it had: it goes on */
	while (t->state == TASK_RUNNING && !t->call.paused) {
		if (unlikely(k->debugger) && k->stop)
			break;
		if (signal_waiting(t) && !signal_deliver(t))
			break;
		if (t->call.active) {
			call_dispatch(t);
			continue;
		}
		if (unlikely(t->rseq_due) && !rseq_resume(t))
			continue;
		if (unlikely(t->debug.step) && debug_stepped(t))
			break;
		uint64_t now = kernel_now(k);
		if (now >= k->slice_end || k->stop ||
		    __atomic_load_n(&k->interrupt, __ATOMIC_RELAXED))
			break;
		uint64_t budget = k->slice_end - now;
		if (unlikely(k->config.drop_mappings > 0))
			budget = min_u64(budget, drop_mappings(k));
		if (unlikely(t->debug.step))
			budget = 1;
		struct trap trap = hart_run(k->hart, budget);
		account(k, t);
		trap_handle(k, t, &trap);
	}
	account(k, t);
	if (unlikely(t->call.paused) && t->state != TASK_DEAD)
		pay(k, t);
	if (t->state != TASK_RUNNING) {
		t->sched.burst = 0;
		t->switches.slept++;
		t->process->switches.slept++;
	}
	/* Who is due at this very instruction comes before t. */
	run_due(k);
	if (t->state != TASK_RUNNING)
		return;
	sched_ready(t);
	if (t->call.paused && t->call.alone)
		k->goes_on = t;
	if (next_ready(k) != t) {
		t->switches.preempted++;
		t->process->switches.preempted++;
	}
}

/* The earliest of what is due by itself. */
static uint64_t next_deadline(struct kernel *k)
{
	struct task *t = RB_MIN(task_sleep, &k->sleepers);
	uint64_t due = min_u64(timers_next(k), mm_next(k->mm));
	return min_u64(t ? t->deadline : NO_DEADLINE, due);
}

static void advance(struct kernel *k, uint64_t ns)
{
	k->idle_ns += ns;
	stall_pass(&k->stalls, ns, false, false);
	if (mm_next(k->mm) != NO_DEADLINE)
		k->io_idle_ns += ns;
	set_time(k);
}

void sched_pass_io(struct kernel *k)
{
	uint64_t now = kernel_now(k), next = mm_next(k->mm);
	if (next != NO_DEADLINE && next > now)
		advance(k, next - now);
	mm_run(k->mm);
}

static uint64_t host_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Does a task wait there, to be woken as long as there is something? */
static bool has_sleepers(const struct wait_queue *q)
{
	const struct wait_entry *e = TAILQ_LAST(q, wait_queue);
	return e && e->task;
}

static bool watched(const struct kernel *k)
{
	struct host_watch *w;
	LIST_FOREACH (w, &k->watches, link)
		if (!TAILQ_EMPTY(&w->queue))
			return true;
	return false;
}

/* Is there somebody at a terminal who may yet press a key? */
static bool awaited(const struct kernel *k)
{
	struct host_service *s;
	LIST_FOREACH (s, &k->services, link)
		if (s->awaited)
			return true;
	return false;
}

/* Something came from outside: epolls and O_ASYNC are told once. */
static void tell_edges(struct kernel *k)
{
	struct epoll_event e[16];
	int n = epoll_wait(k->edge_fd, e, array_size(e), 0);
	struct host_watch *w;
	for (int i = 0; i < n; i++) {
		LIST_FOREACH (w, &k->watches, link) {
			unsigned events = e[i].events & ((unsigned)w->events | EPOLLERR | EPOLLHUP);
			if (w->fd == e[i].data.fd && events)
				wait_wake_for(&w->queue, (int)events);
		}
	}
}

/* What is asked of the host at once: two of the kernel's own, services, then watches. */
enum { WAKE, EDGES, FIRST };
struct host_poll {
	struct pollfd *fds;
	void **who;
	unsigned n, watches;
};

static bool host_poll_fill(struct kernel *k, struct host_poll *p)
{
	struct host_watch *w;
	struct host_service *s;
	unsigned room = FIRST;
	LIST_FOREACH (s, &k->services, link)
		room++;
	LIST_FOREACH (w, &k->watches, link)
		room++;
	p->fds = calloc(room, sizeof(*p->fds));
	p->who = calloc(room, sizeof(*p->who));
	if (!p->fds || !p->who)
		return false;
	p->fds[WAKE] = (struct pollfd){.fd = k->wake_fd, .events = POLLIN};
	p->fds[EDGES] = (struct pollfd){.fd = -1, .events = POLLIN};
	p->n = FIRST;
	LIST_FOREACH (s, &k->services, link)
		if (s->events) {
			p->who[p->n] = s;
			p->fds[p->n++] = (struct pollfd){.fd = s->fd, .events = s->events};
		}
	p->watches = p->n;
	LIST_FOREACH (w, &k->watches, link) {
		if (has_sleepers(&w->queue)) {
			p->who[p->n] = w;
			p->fds[p->n++] = (struct pollfd){.fd = w->fd, .events = w->events};
		}
		if (wait_watched(&w->queue))
			p->fds[EDGES].fd = k->edge_fd;
	}
	return true;
}

static void host_poll_free(struct host_poll *p)
{
	free(p->fds);
	free(p->who);
}

/* Each may have been removed by one before it. */
static void host_poll_tell(struct kernel *k, const struct host_poll *p)
{
	struct host_watch *w;
	struct host_service *s;
	for (unsigned i = FIRST; i < p->n; i++) {
		if (!p->fds[i].revents)
			continue;
		if (i < p->watches) {
			LIST_FOREACH (s, &k->services, link)
				if (s == p->who[i])
					break;
			if (s && s->events)
				s->ready(s, p->fds[i].revents);
		} else {
			LIST_FOREACH (w, &k->watches, link)
				if (w == p->who[i])
					break;
			if (w)
				wait_wake_for(&w->queue, 0);
		}
	}
	if (p->fds[EDGES].revents)
		tell_edges(k);
}

/* Waits at most ns of host time (NO_DEADLINE: for ever) for what tasks wait for outside, for
 * kernel_interrupt, or for what a service is told, and wakes those tasks. */
static void poll_host(struct kernel *k, uint64_t ns)
{
	struct host_poll p = {0};
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000)};
	uint64_t count;
	if (host_poll_fill(k, &p) && ppoll(p.fds, p.n, ns == NO_DEADLINE ? NULL : &ts, NULL) > 0) {
		if (p.fds[WAKE].revents && read(k->wake_fd, &count, sizeof(count)) < 0 &&
		    errno != EAGAIN)
			kernel_say(k, "the host cannot be asked for its signals: errno %d", errno);
		host_poll_tell(k, &p);
	}
	host_poll_free(&p);
	k->polled = kernel_now(k);
}

void kernel_serve(struct kernel *k, uint64_t ns)
{
	poll_host(k, ns);
}

/* Nobody is ready. False: and nobody ever will be. */
static bool idle(struct kernel *k, uint64_t until)
{
	uint64_t now = kernel_now(k), deadline = next_deadline(k), next = min_u64(deadline, until);
	bool attended = awaited(k), watching = attended || watched(k),
	     pace = k->config.pace || attended;
	if (deadline == NO_DEADLINE && !watching)
		return false;
	if (pace || (watching && next == NO_DEADLINE)) {
		uint64_t before = host_ns();
		poll_host(k, next == NO_DEADLINE ? NO_DEADLINE : next - now);
		uint64_t passed = host_ns() - before;
		/* Time outside is time inside where sleeps are paced; a sleep ends on its deadline. */
		if (pace)
			advance(k, min_u64(passed, next - now));
		if (next != NO_DEADLINE && !next_ready(k) && passed >= next - now &&
		    kernel_now(k) < next)
			advance(k, next - kernel_now(k));
		return true;
	}
	if (watching || (!LIST_EMPTY(&k->services) && now - k->polled >= POLL_EVERY))
		poll_host(k, 0);
	if (!next_ready(k) && !k->stop)
		advance(k, next - now);
	return true;
}

static void take_interrupts(struct kernel *k)
{
	unsigned set = (unsigned)__atomic_exchange_n(&k->interrupt, 0, __ATOMIC_RELAXED);
	for (int n = 1; set >> n; n++)
		if (set >> n & 1)
			tty_interrupt(k, n);
}

static bool anybody(struct kernel *k)
{
	struct process *p = process_first(k);
	if (k->lead && k->lead_ended)
		return false;
	while (p && p == k->init)
		p = process_next(p);
	return p != NULL;
}

static enum kernel_stop run_until(struct kernel *k, uint64_t until)
{
	for (;;) {
		sched_bury(k);
		if (__atomic_load_n(&k->interrupt, __ATOMIC_RELAXED))
			take_interrupts(k);
		if (k->stop) {
			k->stop = false;
			return KERNEL_STOPPED;
		}
		run_due(k);
		uint64_t now = kernel_now(k);
		if (!anybody(k))
			return KERNEL_ENDED;
		if (now >= until)
			return KERNEL_TIME;
		if (now - k->polled >= POLL_EVERY && (watched(k) || !LIST_EMPTY(&k->services)))
			poll_host(k, 0);
		if (unlikely(k->stop))
			continue;
		struct task *t = next_ready(k);
		if (t) {
			TAILQ_REMOVE(&k->ready, t, run);
			k->slice_end = min_u64(now + sched_slice(t), until);
			sched_look_at(k, next_deadline(k));
			sched_look_at(k, timers_next_of(t));
			run(k, t);
		} else if (!idle(k, until)) {
			return KERNEL_IDLE;
		}
	}
}

enum kernel_stop kernel_run(struct kernel *k, uint64_t until)
{
	enum kernel_stop why = run_until(k, until);
	if (k->current)
		k->current->regs = *hart_regs(k->hart);
	return why;
}

/* A full eventfd is awake already. */
static void wake_poll(struct kernel *k)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t written = write(k->wake_fd, &one, sizeof(one));
	(void)written;
	errno = saved;
}

void kernel_stop(struct kernel *k)
{
	k->stop = true;
	hart_stop(k->hart);
	/* A poll that is about to begin must not sleep over it. */
	wake_poll(k);
}

bool kernel_wait(struct kernel *k, int fd, short events)
{
	bool ready = false, woken = false;
	while (!ready && !woken) {
		struct host_poll p = {0};
		uint64_t count;
		woken = !host_poll_fill(k, &p);
		if (!woken) {
			p.n = p.watches; /* programs are told nothing while they stand still */
			p.fds[EDGES] = (struct pollfd){.fd = fd, .events = events};
			woken = poll(p.fds, p.n, -1) <= 0 || p.fds[WAKE].revents;
			ready = !woken && p.fds[EDGES].revents;
			if (p.fds[WAKE].revents && read(k->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
				kernel_say(k, "the host cannot be asked for its signals: errno %d", errno);
			p.fds[EDGES].revents = 0;
			if (!woken)
				host_poll_tell(k, &p);
		}
		host_poll_free(&p);
	}
	return ready;
}

void kernel_interrupt(struct kernel *k, int number)
{
	if (number < 1 || number > 30)
		return;
	__atomic_fetch_or(&k->interrupt, 1 << number, __ATOMIC_RELAXED);
	hart_stop(k->hart);
	wake_poll(k);
}
