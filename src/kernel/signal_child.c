/* SPDX-License-Identifier: MIT */
/* signal_child.c - what parents are told of their children, and groups that lose their shell */
#include <signal.h>

#include "kernel/kernel.h"
#include "kernel/signal.h"
#include "kernel/signal_private.h"
#include "kernel/task.h"

static struct signal_info child_info(const struct process *p, int number, int code, int status)
{
	return (struct signal_info){
		.number = number, .code = code, .pid = p->pid, .uid = (int32_t)process_cred(p)->uid, .status = status, .retired = p->retired, .system = p->system};
}

void signal_tell_parent(struct process *p, int code, int status)
{
	struct process *parent = p->parent;

	if (!parent || parent == p->kernel->init)
		return;
	struct signal_action a = signal_action_of(parent, SIGCHLD);
	if (!(a.flags & SA_NOCLDSTOP)) {
		struct signal_info info = child_info(p, SIGCHLD, code, status);
		(void)signal_send_process(parent, &info); /* a standard signal: cannot fail */
	}
	wait_wake_all(&parent->child_wait);
}

bool signal_group_orphaned(struct kernel *k, int32_t pgid, int32_t sid, const struct process *dying)
{
	for (struct process *m = process_group_first(k, pgid); m; m = process_group_next(m)) {
		const struct process *parent = m->parent;
		if (m->zombie || m == dying)
			continue;
		if (!parent || parent == k->init || parent == dying)
			continue;
		if (parent->pgid != pgid && parent->sid == sid)
			return false;
	}
	return true;
}

static bool group_stopped(struct kernel *k, int32_t pgid)
{
	for (struct process *m = process_group_first(k, pgid); m; m = process_group_next(m))
		if (m->stopped && !m->zombie)
			return true;
	return false;
}

static void send_kernel(struct process *p, void *number)
{
	struct signal_info info = {.number = *(int *)number, .code = SI_KERNEL};

	(void)signal_send_process(p, &info); /* a standard signal: cannot fail */
}

/* The group of p had parent in the session to continue it; without, nobody could. */
static void look_for_orphans(struct process *p, const struct process *parent, const struct process *dying)
{
	struct kernel *k = p->kernel;
	int hup = SIGHUP, cont = SIGCONT;

	if (!parent || parent == k->init || parent->pgid == p->pgid || parent->sid != p->sid)
		return;
	if (!signal_group_orphaned(k, p->pgid, p->sid, dying) || !group_stopped(k, p->pgid))
		return;
	process_group_each(k, p->pgid, send_kernel, &hup);
	process_group_each(k, p->pgid, send_kernel, &cont);
}

bool signal_exited(struct process *p)
{
	struct process *parent = p->parent, *child;

	TAILQ_FOREACH(child, &p->children, sibling) {
		if (child->death_signal) {
			struct signal_info info = {.number = child->death_signal, .code = SI_USER, .pid = p->pid, .uid = (int32_t)process_cred(p)->uid};
			(void)signal_send_process(child, &info); /* as kill(): a full queue loses it */
		}
		look_for_orphans(child, p, p);
	}
	look_for_orphans(p, parent, p);

	if (!parent || parent == p->kernel->init)
		return true;
	if (p->exit_signal == 0)
		return false;
	struct signal_action a = signal_action_of(parent, SIGCHLD);
	bool ignored = a.handler == 1, reap = p->exit_signal == SIGCHLD && (ignored || a.flags & SA_NOCLDWAIT);
	if (p->exit_signal != SIGCHLD || !ignored) {
		int killed = p->status & 0x7f;
		int code = p->status & 0x80 ? CLD_DUMPED : killed ? CLD_KILLED : CLD_EXITED;
		struct signal_info info = child_info(p, p->exit_signal, code, killed ? killed : p->status >> 8 & 0xff);
		(void)signal_send_process(parent, &info);
	}
	return reap;
}
