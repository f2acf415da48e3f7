/* SPDX-License-Identifier: MIT */
/* task.c - processes and tasks: made, found, ended
 *
 *	process_create         process_exit                process_reap          sched_bury
 *	  |  its parent's child   |  nothing but its status    |  nobody finds it    |
 *	  +------- alive ---------+--------- zombie -----------+-------- dead -------+ freed
 *
 * What ended is freed by sched_bury, at the top of the run loop, so that whoever caused the end may
 * still look at it.
 */
#include "kernel/task.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/cred.h"
#include "kernel/event/pidfd.h"
#include "kernel/event/userfault.h"
#include "kernel/file/file.h"
#include "kernel/futex.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/program/core.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "kernel/tty/tty.h"
#include "kernel/uaccess.h"

/* As Linux's: pids begin again here when they have all been used once. */
enum { PID_AGAIN = 300 };
/* How late Linux lets a sleep be. */
enum { SLACK_NS = 50000 };

static int pid_order(const struct process *a, const struct process *b)
{
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}
RB_GENERATE(process_tree, process, by_pid, pid_order)

static int tid_order(const struct task *a, const struct task *b)
{
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}
RB_GENERATE_INTERNAL(thread_tree, task, by_tid, tid_order, __attribute__((unused)) static)

static bool pid_used(struct kernel *k, int32_t pid)
{
	for (struct process *p = process_first(k); p; p = process_next(p))
		if (p->sid == pid)
			return true;
	return task_find(k, pid) != NULL || process_group_first(k, pid) != NULL;
}

/* The next number that names nothing, or 0. The first time round nothing needs to be looked at. */
static int32_t pid_new(struct kernel *k)
{
	int32_t max = (int32_t)k->settings.pid_max;
	for (int32_t tries = 0; tries < max; tries++) {
		bool again = k->last_pid + 1 >= max || k->pids_again;
		if (k->last_pid + 1 >= max)
			k->last_pid = PID_AGAIN - 1;
		k->pids_again = again;
		k->last_pid++;
		if (!again || !pid_used(k, k->last_pid))
			return k->last_pid;
	}
	return 0;
}

/* Tasks that are not the first of their process. */
static void further_add(struct task *t)
{
	RB_INSERT(thread_tree, &t->process->kernel->threads, t);
	t->process->kernel->further_count++;
}

static void further_remove(struct task *t)
{
	RB_REMOVE(thread_tree, &t->process->kernel->threads, t);
	t->process->kernel->further_count--;
}

static struct task *task_create(struct process *p, int32_t tid)
{
	struct task *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	t->process = p;
	t->state = TASK_WAITING;
	t->deadline = NO_DEADLINE;
	t->slack.now = t->slack.usual = SLACK_NS;
	signals_init_task(t);
	if (!TAILQ_EMPTY(&p->tasks))
		further_add(t);
	TAILQ_INSERT_TAIL(&p->tasks, t, sibling);
	p->threads++;
	p->kernel->thread_count++;
	return t;
}

static void task_free(struct task *t)
{
	struct kernel *k = t->process->kernel;
	if (k->current == t)
		k->current = NULL;
	signals_finish_task(t);
	cred_give(t, NULL);
	free(t->wait_more);
	free(t);
}

static void process_free(struct process *p)
{
	struct task *t;
	while ((t = TAILQ_FIRST(&p->tasks))) {
		TAILQ_REMOVE(&p->tasks, t, sibling);
		task_free(t);
	}
	signals_finish_process(p);
	pidfd_forget(p);
	free(p->exe);
	free(p);
}

int process_create(struct kernel *k, struct process *parent, struct process **ret_process)
{
	int32_t pid = pid_new(k);
	if (pid == 0)
		return -EAGAIN;
	struct process *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kernel = k;
	p->pid = p->sid = pid;
	p->parent = parent;
	p->exit_signal = SIGCHLD;
	p->dumpable = true;
	p->core_filter = CORE_FILTER;
	p->started = kernel_now(k);
	p->stop_told = p->continued_told = true;
	TAILQ_INIT(&p->children);
	TAILQ_INIT(&p->tasks);
	LIST_INIT(&p->timers);
	LIST_INIT(&p->sem_undos);
	wait_queue_init(&p->child_wait);
	wait_queue_init(&p->vfork_wait);
	signals_init_process(p);
	if (!task_create(p, pid)) {
		process_free(p);
		return -ENOMEM;
	}
	if (parent) {
		TAILQ_INSERT_TAIL(&parent->children, p, sibling);
		p->sid = parent->sid;
		p->tty = parent->tty;
		cred_give(process_task(p), cred_ref(process_task(parent)->cred));
		memcpy(p->limit, parent->limit, sizeof(p->limit));
	}
	RB_INSERT(process_tree, &k->processes, p);
	process_group_join(p, parent ? parent->pgid : pid);
	k->process_count++;
	k->forks++;
	*ret_process = p;
	return 0;
}

struct process *process_find(struct kernel *k, int32_t pid)
{
	struct process key = {.pid = pid};
	return RB_FIND(process_tree, &k->processes, &key);
}

struct task *task_find(struct kernel *k, int32_t tid)
{
	struct process *p = process_find(k, tid);
	struct task key = {.tid = tid};
	return p ? process_task(p) : RB_FIND(thread_tree, &k->threads, &key);
}

struct process *process_first(struct kernel *k)
{
	return RB_MIN(process_tree, &k->processes);
}
struct process *process_next(struct process *p)
{
	return RB_NEXT(process_tree, &p->kernel->processes, p);
}
struct task *process_task(struct process *p)
{
	return TAILQ_FIRST(&p->tasks);
}

void task_stop(struct task *t)
{
	if (t->state == TASK_DEAD)
		return;
	sched_remove(t);
	t->state = TASK_STOPPED;
}

void task_continue(struct task *t)
{
	if (t->state != TASK_STOPPED)
		return;
	wait_forget(t);
	sched_ready(t);
}

void process_set_program(struct process *p, struct file *f)
{
	struct file *old = p->program;
	if (f && f->ops->execute)
		(void)f->ops->execute(f, 1);
	p->program = f ? file_ref(f) : NULL;
	if (old && old->ops->execute)
		(void)old->ops->execute(old, -1);
	if (old)
		file_put(old);
}

void process_set_space(struct process *p, struct space *s, unsigned *refs)
{
	struct space *old = p->space;
	unsigned *old_refs = p->space_refs;
	p->space = s;
	p->space_refs = refs;
	if (!old)
		return;
	p->resident_peak =
	    max_u64(p->resident_peak, max_u64(pmap_resident(old->pmap), old->resident_peak));
	if (old->tally == &p->tally)
		old->tally = NULL;
	if (--*old_refs > 0)
		return;
	old->pid = p->pid;
	old->tally = &p->tally;
	space_destroy(old);
	free(old_refs);
}

void process_vfork_done(struct process *child)
{
	/* Limits that the child set for itself were those of the memory that they shared. */
	if (child->vforked && child->vforked->space)
		limits_apply(child->vforked, child->vforked->space);
	child->vforked = NULL;
	wait_wake_all(&child->vfork_wait);
}

/* Who else sees t's memory is told that t is gone, if t asked for that. */
static void tell_memory(struct task *t)
{
	struct process *p = t->process;
	static const uint32_t zero;
	if (!t->clear_child_tid || !p->space || (*p->space_refs < 2 && p->threads < 2))
		return;
	/* A page that cannot be had now keeps its old value: nobody is left to try again. */
	if (uaccess_write(t, t->clear_child_tid, &zero, sizeof(zero)) == 0)
		futex_wake(p->kernel, p->space, t->clear_child_tid, 1);
	wait_forget(t);
}

static void tell_thread_exit(const struct task *t, int status)
{
	struct process *p = t->process;
	EVENT_OF(p->kernel->events, &p->tally, p->pid, t->tid, kernel_now(p->kernel), thread_exit,
		 .status = status);
}

/* All that live but the first, and but one. */
static void tell_threads_exit(struct process *p, const struct task *but, int status)
{
	const struct task *t;
	TAILQ_FOREACH (t, &p->tasks, sibling)
		if (t != process_task(p) && t != but && t->state != TASK_DEAD)
			tell_thread_exit(t, status);
}

static void task_end(struct task *t)
{
	if (t->state == TASK_DEAD)
		return;
	wait_forget(t);
	userfault_forget(t);
	futex_abandon(t);
	tell_memory(t);
	sched_remove(t);
	t->state = TASK_DEAD;
	pidfd_thread_ended(t);
	if (t->call.active && t->call.abandon)
		t->call.abandon(t);
	t->call.active = false;
	t->process->threads--;
	t->process->kernel->thread_count--;
	/* The first task stays: its number is the process's. */
	if (t != process_task(t->process)) {
		TAILQ_REMOVE(&t->process->tasks, t, sibling);
		further_remove(t);
		TAILQ_INSERT_TAIL(&t->process->kernel->dead, t, run);
	}
}

/* Who gets the children of p: the nearest ancestor that asked for them, else init. */
static struct process *adopter(const struct process *p)
{
	struct process *a = p->parent;
	while (a != p->kernel->init && (!a->subreaper || a->exiting))
		a = a->parent;
	return a;
}

static void give_children_away(struct process *p)
{
	struct kernel *k = p->kernel;
	struct process *c, *to = TAILQ_EMPTY(&p->children) ? NULL : adopter(p);
	while ((c = TAILQ_FIRST(&p->children))) {
		TAILQ_REMOVE(&p->children, c, sibling);
		TAILQ_INSERT_TAIL(&to->children, c, sibling);
		c->parent = to;
		c->exit_signal = SIGCHLD;
		if (c->vforked == p)
			c->vforked = NULL;
		if (c->zombie && (signal_exited(c) || to == k->init))
			process_reap(c);
	}
	if (to)
		wait_wake_all(&to->child_wait);
}

static void remember_status(struct process *p)
{
	struct kernel *k = p->kernel;
	for (unsigned i = 0; i < k->spawned_count; i++)
		if (k->spawned[i].pid == p->pid && !k->spawned[i].ended) {
			k->spawned[i].ended = true;
			k->spawned[i].status = p->status;
			k->lead_ended |= p->pid == k->lead;
			if (k->ended)
				k->ended(k->ended_ctx, p->pid, p->status);
		}
}

/* All that a process has, but its number and its status. */
static void give_all_back(struct process *p)
{
	struct task *t, *next;
	p->exiting = true;
	/* None of them takes a call that is meant for others. */
	TAILQ_FOREACH (t, &p->tasks, sibling)
		wait_forget(t);
	for (t = TAILQ_FIRST(&p->tasks); t; t = next) {
		next = TAILQ_NEXT(t, sibling);
		task_end(t);
	}
	timers_finish(p);
	sem_undo_all(p);
	if (p->files)
		fd_table_put(p->files);
	p->files = NULL;
	if (p->fs)
		fs_put(p->fs);
	p->fs = NULL;
	process_set_space(p, NULL, NULL);
	process_set_program(p, NULL);
	process_vfork_done(p);
}

void process_exit(struct process *p, int status)
{
	struct kernel *k = p->kernel;
	if (p->exiting)
		return;
	p->status = status;
	tell_threads_exit(p, NULL, status);
	/* Told while its memory is still there, for those who look at it. */
	EVENT_OF(k->events, &p->tally, p->pid, p->pid, kernel_now(k), process_exit, .status = status);
	(void)debug_tell(process_task(p), DEBUG_EXIT, (uint64_t)status);
	give_all_back(p);
	tty_process_ended(p);
	p->zombie = true;
	pidfd_exited(p);
	remember_status(p);
	bool reap = signal_exited(p) || p->parent == k->init;
	give_children_away(p);
	wait_wake_all(&p->parent->child_wait);
	if (reap)
		process_reap(p);
}

void process_abandon(struct process *p)
{
	give_all_back(p);
	process_reap(p);
}

int task_add(struct process *p, struct task **ret_task)
{
	int32_t tid = pid_new(p->kernel);
	if (tid == 0)
		return -EAGAIN;
	*ret_task = task_create(p, tid);
	return *ret_task ? 0 : -ENOMEM;
}

void task_exit(struct task *t, int status)
{
	struct process *p = t->process;
	if (p->threads <= 1) {
		process_exit(p, status);
		return;
	}
	tell_thread_exit(t, status);
	task_end(t);
	(void)debug_tell(t, DEBUG_THREAD_EXIT, (uint64_t)status);
}

void task_leave_alone(struct task *t)
{
	struct process *p = t->process;
	struct task *first = process_task(p), *other, *next;
	tell_threads_exit(p, t, 0);
	if (t != first) {
		EVENT_OF(p->kernel->events, &p->tally, p->pid, p->pid, kernel_now(p->kernel), thread_lead,
			 .was = t->tid);
		TAILQ_REMOVE(&p->tasks, t, sibling);
		TAILQ_INSERT_HEAD(&p->tasks, t, sibling);
		further_remove(t);
		first->tid = t->tid;
		t->tid = p->pid;
		if (first->state == TASK_DEAD) {
			TAILQ_REMOVE(&p->tasks, first, sibling);
			TAILQ_INSERT_TAIL(&p->kernel->dead, first, run);
		} else {
			further_add(first);
		}
		events_run(p->kernel->events, p->pid, t->tid);
	}
	for (other = TAILQ_NEXT(t, sibling); other; other = next) {
		next = TAILQ_NEXT(other, sibling);
		task_end(other);
	}
}

void process_reap(struct process *p)
{
	struct kernel *k = p->kernel;
	TAILQ_REMOVE(&p->parent->children, p, sibling);
	RB_REMOVE(process_tree, &k->processes, p);
	process_group_leave(p);
	k->process_count--;
	pidfd_forget(p);
	p->parent = NULL;
	TAILQ_INSERT_TAIL(&k->dead, process_task(p), run);
}

void sched_bury(struct kernel *k)
{
	struct task *t;
	while ((t = TAILQ_FIRST(&k->dead))) {
		TAILQ_REMOVE(&k->dead, t, run);
		if (t == process_task(t->process))
			process_free(t->process);
		else
			task_free(t);
	}
}
