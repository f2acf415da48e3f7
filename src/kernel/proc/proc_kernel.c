/* SPDX-License-Identifier: MIT */
/* proc_kernel.c - of /proc/PID: what a process asked of the kernel, what it is in, and where it belongs */
#include <errno.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/timer.h"

/* What a process read and wrote by calls; storage was touched for each page that had to be read in. */
int proc_io(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct io_count *c = &p->io;
	text_add(text, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", c->read, c->written, c->reads, c->writes);
	text_add(text, "read_bytes: %lu\nwrite_bytes: 0\ncancelled_write_bytes: 0\n", tally_major(&p->tally) * PAGE_SIZE);
	return 0;
}

/* The call that a task waits in: its number, six arguments, stack and program counter. */
int proc_syscall(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	/* Who runs is who asks. */
	if (!t || t->state == TASK_READY) {
		text_add(text, "running\n");
		return 0;
	}
	const struct regs *r = task_regs(t);
	if (!t->call.active) {
		text_add(text, "-1 0x%lx 0x%lx\n", r->x[2], r->pc);
		return 0;
	}
	text_add(text, "%u", t->call.number);
	for (unsigned i = 0; i < array_size(t->call.arg); i++)
		text_add(text, " 0x%lx", t->call.arg[i]);
	text_add(text, " 0x%lx 0x%lx\n", r->x[2], r->pc);
	return 0;
}

/* The timers of timer_create, the newest first. */
int proc_timers(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct timer *x;
	LIST_FOREACH (x, &p->timers, link) {
		if (x->id < 0)
			continue;
		text_add(text, "ID: %d\nsignal: %d/%016lx\nnotify: %s/%s.%d\nClockID: %d\n", x->id, x->signal, x->value,
			 x->signal ? "signal" : "none", x->tid ? "tid" : "pid", x->tid ? x->tid : p->pid, x->clock);
	}
	return 0;
}

int proc_timer_slack(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%lu\n", t ? t->slack.now : 0); /* as prctl says; sleeps end at their very instruction */
	return 0;
}

/* There is one user namespace, which maps everybody to himself. */
int proc_id_map(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%10u %10u %10u\n", 0, 0, UINT32_MAX);
	return 0;
}

int proc_setgroups(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "allow\n");
	return 0;
}

/* Nobody logged in. */
int proc_login(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%u", UINT32_MAX);
	return 0;
}

/* ---- /proc/PID/ns ---- */

/* Everybody is in the first namespaces, which have Linux's numbers. */
static const struct {
	const char *name, *kind;
	uint32_t number;
} namespaces[] = {
    {"cgroup", "cgroup", 4026531835}, {"ipc", "ipc", 4026531839},	   {"mnt", "mnt", 4026531841},
    {"net", "net", 4026531840},	      {"pid", "pid", 4026531836},	   {"pid_for_children", "pid", 4026531836},
    {"time", "time", 4026531834},     {"time_for_children", "time", 4026531834}, {"user", "user", 4026531837},
    {"uts", "uts", 4026531838},
};

const char *proc_namespace(unsigned i)
{
	return i < array_size(namespaces) ? namespaces[i].name : NULL;
}

void proc_namespace_link(unsigned i, struct text *text)
{
	text_add(text, "%s:[%u]", namespaces[i].kind, namespaces[i].number);
}
