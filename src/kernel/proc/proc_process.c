/* SPDX-License-Identifier: MIT */
/* proc_process.c - /proc/PID/NAME, as Linux writes it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/tty/tty.h"

/* The clock tick of /proc: 100 a second. */
static uint64_t ticks(uint64_t ns)
{
	return ns / 10000000;
}

static char state_letter(const struct process *p, const struct task *t)
{
	if (p->zombie || !t)
		return 'Z';
	switch (t->state) {
	case TASK_READY:
	case TASK_RUNNING: return 'R';
	case TASK_WAITING: return wait_is_for_io(t) ? 'D' : 'S';
	case TASK_STOPPED: return 'T';
	default: return 'Z';
	}
}

static const char *state_name(char letter)
{
	switch (letter) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	default: return "Z (zombie)";
	}
}

static const char *comm(const struct process *p, const struct task *t)
{
	return t ? t->comm : p == p->kernel->init ? "init" : "";
}

static int32_t parent_pid(const struct process *p)
{
	return p->parent ? p->parent->pid : 0;
}

struct masks {
	signal_set ignored, caught;
};

static struct masks masks(const struct process *p)
{
	struct masks m = {0};
	for (int n = 1; p->signals.actions && n <= SIGNALS; n++) {
		uint64_t handler = p->signals.actions->action[n - 1].handler;
		if (handler == 1)
			m.ignored |= signal_bit(n);
		else if (handler)
			m.caught |= signal_bit(n);
	}
	return m;
}

static int fill_comm(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%s\n", comm(p, t));
	return 0;
}

static int store_comm(struct kernel *k, struct process *p, struct task *t, const char *bytes,
		      size_t size)
{
	if (!t)
		return -ESRCH;
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, bytes, min_u64(strcspn(bytes, "\n"), sizeof(t->comm) - 1));
	return 0;
}

static int fill_cmdline(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	proc_add_arguments(p, text);
	return 0;
}

static int fill_environ(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	proc_add_memory(p, p->env_start, p->env_end, text);
	return 0;
}

static int fill_auxv(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	if (p->space)
		text_add_bytes(text, p->auxv, p->auxv_words * sizeof(p->auxv[0]));
	return 0;
}

/* whole: the times of all threads. */
static void stat_line(const struct process *p, const struct task *t, bool whole, struct text *text)
{
	enum { FORKED = 0x40, EXITING = 4 };
	struct proc_memory m;
	struct masks sets = masks(p);
	const struct space *s = p->space;
	proc_memory(p, &m);
	uint32_t flags = (p->executed ? 0 : FORKED) | (p->exiting || p->zombie ? EXITING : 0);
	text_add(text, "%d (%s) %c %d %d %d %lu %d %u", t ? t->tid : p->pid, comm(p, t),
		 state_letter(p, t), parent_pid(p), p->pgid, p->sid, tty_device(p),
		 tty_foreground(p), flags);
	text_add(text, " %lu %lu %lu %lu", tally_minor(&p->tally), tally_minor(&p->children_tally),
		 tally_major(&p->tally), tally_major(&p->children_tally));
	const struct task *of = t ? t : process_task((struct process *)(uintptr_t)p);
	int32_t priority = of ? of->sched.priority : 0, nice = of ? of->sched.nice : 0;
	uint64_t used = whole ? p->retired : t->retired, system = whole ? p->system : t->system;
	text_add(text, " %lu %lu %lu %lu", ticks(used - system), ticks(system),
		 ticks(p->children_retired - p->children_system), ticks(p->children_system));
	text_add(text, " %d %d %u 0 %lu", priority ? -1 - priority : 20 + nice, nice, p->threads, ticks(p->started));
	text_add(text, " %lu %lu %lu", m.size * PAGE_SIZE, m.resident, p->limit[5].soft);
	text_add(text, " %lu %lu %lu 0 0", s ? p->code_start : 0, s ? p->code_end : 0,
		 s ? p->stack_start : 0);
	text_add(text, " %lu %lu %lu %lu", (t ? t->signals.pending.set : 0) & INT32_MAX,
		 (t ? t->signals.blocked : 0) & INT32_MAX, sets.ignored & INT32_MAX,
		 sets.caught & INT32_MAX);
	text_add(text, " %d 0 0 %d 0 %d %d 0 0 0", t && t->state == TASK_WAITING, p->exit_signal,
		 priority, of ? of->sched.policy : 0);
	text_add(text, " %lu %lu %lu %lu %lu %lu %lu %d\n", s ? p->data_start : 0,
		 s ? p->data_end : 0, s ? s->brk_start : 0, s ? p->arg_start : 0,
		 s ? p->arg_end : 0, s ? p->env_start : 0, s ? p->env_end : 0,
		 p->zombie ? p->status : 0);
}

static int fill_stat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	stat_line(p, t, true, text);
	return 0;
}

static int fill_thread_stat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	stat_line(p, t, !t, text);
	return 0;
}

static void memory_lines(const struct process *p, struct text *text)
{
	struct proc_memory m;
	proc_memory(p, &m);
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {
	    {"VmPeak", m.peak},   {"VmSize", m.size},         {"VmLck", m.locked},
	    {"VmPin", 0},         {"VmHWM", m.resident_peak}, {"VmRSS", m.resident},
	    {"RssAnon", m.anon},  {"RssFile", m.file},        {"RssShmem", m.shmem},
	    {"VmData", m.data},   {"VmStk", m.stack},         {"VmExe", m.text},
	    {"VmLib", m.library}, {"VmPTE", m.tables},        {"VmSwap", m.swapped},
	};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(text, "%s:\t%8lu kB\n", lines[i].name, lines[i].pages * 4);
	text_add(text,
		 "HugetlbPages:\t%8u "
		 "kB\nCoreDumping:\t0\nTHP_enabled:\t%d\nuntag_mask:\t0xffffffffffffffff\n",
		 0, !p->thp_disable);
}

static int fill_status(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct masks sets = masks(p);
	const struct cred *c = t ? t->cred : process_cred(p);
	int32_t tid = t ? t->tid : p->pid;
	text_add(text, "Name:\t%s\n", comm(p, t));
	if (p->fs)
		text_add(text, "Umask:\t%04o\n", fs_umask(p->fs));
	text_add(text, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		 state_name(state_letter(p, t)), p->pid, tid, parent_pid(p));
	cred_text_ids(c, text);
	text_add(text, "FDSize:\t%u\n", p->files ? fd_table_size(p->files) : 0);
	cred_text_groups(c, text);
	text_add(text, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", p->pid,
		 tid, p->pgid, p->sid);
	if (p->space)
		memory_lines(p, text);
	text_add(text, "Threads:\t%u\nSigQ:\t%u/%lu\n", p->threads, p->signals.queued,
		 p->limit[11].soft);
	text_add(
	    text,
	    "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
	    t ? t->signals.pending.set : 0, p->signals.pending.set, t ? t->signals.blocked : 0,
	    sets.ignored, sets.caught);
	cred_text_capabilities(c, text);
	text_add(text, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", p->no_new_privs);
	text_add(
	    text,
	    "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	text_add(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		 t ? t->switches.slept : 0, t ? t->switches.preempted : 0);
	return 0;
}

static void limit_value(struct text *text, uint64_t value)
{
	if (value == UINT64_MAX)
		text_add(text, "%-20s ", "unlimited");
	else
		text_add(text, "%-20lu ", value);
}

static int fill_limits(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	static const struct {
		const char *name, *unit;
	} names[16] = {
	    {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
	    {"Max data size", "bytes"},      {"Max stack size", "bytes"},
	    {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
	    {"Max processes", "processes"},  {"Max open files", "files"},
	    {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
	    {"Max file locks", "locks"},     {"Max pending signals", "signals"},
	    {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
	    {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
	};
	text_add(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (size_t i = 0; i < array_size(names); i++) {
		text_add(text, "%-25s ", names[i].name);
		limit_value(text, p->limit[i].soft);
		limit_value(text, p->limit[i].hard);
		if (names[i].unit[0])
			text_add(text, "%-10s", names[i].unit);
		text_add(text, "\n");
	}
	return 0;
}

static const char *root_of(const struct process *p)
{
	return p->fs ? fs_root(p->fs) : "/";
}

static int fill_mounts(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	mounts_text(k->mounts, root_of(p), text);
	return 0;
}

static int fill_mountinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	mounts_text_info(k->mounts, root_of(p), text);
	return 0;
}

static int fill_mountstats(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	mounts_text_stats(k->mounts, root_of(p), text);
	return 0;
}

static int fill_oom_score(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct proc_memory m;
	proc_memory(p, &m);
	uint64_t score = k->mm->frames ? m.resident * 1000 / k->mm->frames : 0;
	int64_t sum = (int64_t)score + p->oom_score_adj;
	text_add(text, "%ld\n", sum < 0 ? 0 : (int64_t)min_u64((uint64_t)sum, 2000));
	return 0;
}

static int fill_oom_score_adj(struct kernel *k, struct process *p, struct task *t,
			      struct text *text)
{
	text_add(text, "%d\n", p->oom_score_adj);
	return 0;
}

static int store_oom_score_adj(struct kernel *k, struct process *p, struct task *t,
			       const char *bytes, size_t size)
{
	char *end;
	long value = strtol(bytes, &end, 10);
	if (end == bytes || (*end && *end != '\n') || value < -1000 || value > 1000)
		return -EINVAL;
	p->oom_score_adj = (int)value;
	return 0;
}

static int fill_personality(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%08lx\n", p->personality);
	return 0;
}

static int fill_cgroup(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "0::/\n");
	return 0;
}

static int fill_coredump_filter(struct kernel *k, struct process *p, struct task *t,
				struct text *text)
{
	text_add(text, "%08x\n", p->core_filter);
	return 0;
}

static int store_coredump_filter(struct kernel *k, struct process *p, struct task *t, const char *bytes,
				 size_t size)
{
	char *end;
	unsigned long value = strtoul(bytes, &end, 0);
	if (end == bytes || (*end && *end != '\n'))
		return -EINVAL;
	p->core_filter = value & 0x1ff;
	return 0;
}

const struct proc_entry proc_process_entries[] = {
    {"auxv", fill_auxv, 0400, NULL},
    {"cgroup", fill_cgroup, 0444, NULL},
    {"clear_refs", proc_nothing, 0200, proc_clear_refs},
    {"cmdline", fill_cmdline, 0444, NULL},
    {"comm", fill_comm, 0644, store_comm},
    {"coredump_filter", fill_coredump_filter, 0644, store_coredump_filter},
    {"environ", fill_environ, 0400, NULL},
    {"gid_map", proc_id_map, 0444, NULL},
    {"io", proc_io, 0400, NULL},
    {"limits", fill_limits, 0444, NULL},
    {"loginuid", proc_login, 0444, NULL},
    {"maps", proc_maps, 0444, NULL},
    {"mem", NULL, 0600, NULL, &proc_mem},
    {"mountinfo", fill_mountinfo, 0444, NULL},
    {"mounts", fill_mounts, 0444, NULL},
    {"mountstats", fill_mountstats, 0400, NULL},
    {"numa_maps", proc_numa_maps, 0444, NULL},
    {"oom_score", fill_oom_score, 0444, NULL},
    {"oom_score_adj", fill_oom_score_adj, 0644, store_oom_score_adj},
    {"pagemap", NULL, 0400, NULL, &proc_pagemap},
    {"personality", fill_personality, 0400, NULL},
    {"projid_map", proc_id_map, 0444, NULL},
    {"sched", proc_sched, 0444, NULL},
    {"schedstat", proc_schedstat, 0444, NULL},
    {"sessionid", proc_login, 0444, NULL},
    {"setgroups", proc_setgroups, 0444, NULL},
    {"smaps", proc_smaps, 0444, NULL},
    {"smaps_rollup", proc_smaps_rollup, 0444, NULL},
    {"stack", proc_stack, 0400, NULL},
    {"stat", fill_stat, 0444, .thread_fill = fill_thread_stat},
    {"statm", proc_statm, 0444, NULL},
    {"status", fill_status, 0444, NULL},
    {"syscall", proc_syscall, 0400, NULL},
    {"timers", proc_timers, 0444, NULL},
    {"timerslack_ns", proc_timer_slack, 0444, NULL},
    {"uid_map", proc_id_map, 0444, NULL},
    {"wchan", proc_wchan, 0444, NULL},
    {NULL, NULL, 0, NULL},
};

int proc_text(struct kernel *k, struct process *p, const char *name, struct text *ret_text)
{
	for (const struct proc_entry *e = proc_process_entries; e->name; e++) {
		if (strcmp(e->name, name) == 0 && e->fill) {
			int err = e->fill(k, p, process_task(p), ret_text);
			return err ? err : text_failed(ret_text) ? -ENOMEM : 0;
		}
	}
	return -ENOENT;
}
