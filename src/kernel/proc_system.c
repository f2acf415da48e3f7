/* SPDX-License-Identifier: MIT */
/* proc_system.c - the files of /proc that tell of the whole machine */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/proc.h"
#include "kernel/version.h"

static uint64_t ticks(uint64_t ns)
{
	return ns / 10000000;
}

struct census {
	unsigned processes, threads, runnable, blocked;
	uint64_t locked;
};

static struct census census(struct kernel *k)
{
	struct census c = {0};
	struct task *t;
	for (struct process *p = process_first(k); p; p = process_next(p)) {
		c.processes++;
		TAILQ_FOREACH (t, &p->tasks, sibling) {
			c.threads++;
			c.runnable += t->state == TASK_READY || t->state == TASK_RUNNING;
			c.blocked += t->state == TASK_WAITING && wait_is_for_io(t);
		}
		if (p->space)
			c.locked += p->space->pages_locked;
	}
	return c;
}

static int fill_meminfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct mm_usage u;
	struct census c = census(k);
	mm_usage(k->mm, &u);
	uint64_t file = u.kind[FRAME_FILE], anon = u.kind[FRAME_ANON],
		 mapped = file - u.file_clean_unmapped, shared = u.shared;
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {
	    {"MemTotal:", u.frames},
	    {"MemFree:", u.free},
	    {"MemAvailable:", u.free + u.file_clean_unmapped},
	    {"Buffers:", 0},
	    {"Cached:", file + shared},
	    {"SwapCached:", 0},
	    {"Active:", anon},
	    {"Inactive:", file},
	    {"Active(anon):", anon},
	    {"Inactive(anon):", 0},
	    {"Active(file):", 0},
	    {"Inactive(file):", file},
	    {"Unevictable:", c.locked},
	    {"Mlocked:", c.locked},
	    {"SwapTotal:", 0},
	    {"SwapFree:", 0},
	    {"Dirty:", 0},
	    {"Writeback:", 0},
	    {"AnonPages:", anon - shared},
	    {"Mapped:", mapped},
	    {"Shmem:", shared},
	    {"KReclaimable:", 0},
	    {"Slab:", u.kind[FRAME_KERNEL]},
	    {"SReclaimable:", 0},
	    {"SUnreclaim:", u.kind[FRAME_KERNEL]},
	    {"KernelStack:", 0},
	    {"PageTables:", u.kind[FRAME_TABLE]},
	    {"SecPageTables:", 0},
	    {"NFS_Unstable:", 0},
	    {"Bounce:", 0},
	    {"WritebackTmp:", 0},
	    {"CommitLimit:", commit_limit(k->mm)},
	    {"Committed_AS:", k->mm->commit.pages},
	    {"VmallocTotal:", UINT64_C(16777216)},
	    {"VmallocUsed:", 0},
	    {"VmallocChunk:", 0},
	    {"Percpu:", 0},
	};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(text, "%-16s%8lu kB\n", lines[i].name, lines[i].pages * 4);
	return 0;
}

static int fill_vmstat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct mm_usage u;
	const struct tally *sum = &k->events->total;
	mm_usage(k->mm, &u);
	uint64_t minor = tally_minor(sum), major = tally_major(sum);
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
	    {"nr_free_pages", u.free},
	    {"nr_zone_inactive_file", u.kind[FRAME_FILE]},
	    {"nr_zone_active_anon", u.kind[FRAME_ANON]},
	    {"nr_mlock", census(k).locked},
	    {"nr_inactive_anon", 0},
	    {"nr_active_anon", u.kind[FRAME_ANON]},
	    {"nr_inactive_file", u.kind[FRAME_FILE]},
	    {"nr_active_file", 0},
	    {"nr_anon_pages", u.kind[FRAME_ANON] - u.shared},
	    {"nr_mapped", u.kind[FRAME_FILE] - u.file_clean_unmapped},
	    {"nr_file_pages", u.kind[FRAME_FILE] + u.shared},
	    {"nr_dirty", 0},
	    {"nr_writeback", 0},
	    {"nr_shmem", u.shared},
	    {"nr_page_table_pages", u.kind[FRAME_TABLE]},
	    {"pgpgin", sum->cause[CAUSE_file_read] * 4},
	    {"pgpgout", 0},
	    {"pswpin", sum->cause[CAUSE_swap_in]},
	    {"pswpout", 0},
	    {"pgalloc_normal", sum->event[EVENT_frame_take]},
	    {"pgfree", sum->event[EVENT_frame_free]},
	    {"pgfault", minor + major},
	    {"pgmajfault", major},
	    {"pgsteal_kswapd", 0},
	    {"pgsteal_direct", sum->event[EVENT_evict]},
	    {"oom_kill", sum->cause[CAUSE_out_of_memory]},
	};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(text, "%s %lu\n", lines[i].name, lines[i].value);
	return 0;
}

static int fill_stat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct census c = census(k);
	uint64_t now = kernel_now(k), idle = ticks(k->idle_ns), user = ticks(now - k->idle_ns);
	for (int i = 0; i < 2; i++)
		text_add(text, "cpu%s %lu 0 0 %lu 0 0 0 0 0 0\n", i ? "0" : " ", user, idle);
	text_add(text,
		 "intr 0\nctxt 0\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked %u\n",
		 (kernel_realtime(k) - now) / 1000000000, k->forks, c.runnable, c.blocked);
	text_add(text, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

static int fill_uptime(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	uint64_t now = ticks(kernel_now(k)), idle = ticks(k->idle_ns);
	text_add(text, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
	return 0;
}

static int fill_loadavg(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct census c = census(k);
	text_add(text, "0.00 0.00 0.00 %u/%u %d\n", c.runnable, c.threads, k->last_pid);
	return 0;
}

static int fill_version(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%s version %s (carrel) %s\n", KERNEL_SYSNAME, KERNEL_RELEASE,
		 KERNEL_VERSION);
	return 0;
}

static int fill_cpuinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	static const char isa[] = "rv64imafdc_zicsr_zifencei";
	static const struct {
		enum mmu_mode mode;
		const char *name;
	} modes[] = {{MMU_SV39, "sv39"}, {MMU_SV48, "sv48"}, {MMU_SV57, "sv57"}};
	const char *mode = "sv48";
	for (size_t i = 0; i < array_size(modes); i++) {
		if (modes[i].mode == k->config.mode)
			mode = modes[i].name;
	}
	text_add(text, "processor\t: 0\nhart\t\t: 0\nisa\t\t: %s\nmmu\t\t: %s\nuarch\t\t: carrel\n",
		 isa, mode);
	text_add(text, "mvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: %s\n\n",
		 isa);
	return 0;
}

static int fill_filesystems(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n\text4\n");
	return 0;
}

static int fill_swaps(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static void uuid(struct text *text, uint64_t a, uint64_t b)
{
	text_add(text, "%08lx-%04lx-4%03lx-%04lx-%012lx\n", a >> 32, a >> 16 & 0xffff, a & 0xfff,
		 (b >> 48 & 0x3fff) | 0x8000, b & UINT64_C(0xffffffffffff));
}

static int fill_uuid(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	uint64_t a = kernel_random(k), b = kernel_random(k);
	uuid(text, a, b);
	return 0;
}

static int fill_boot_id(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	uint64_t a = (k->config.seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uuid(text, a, a * UINT64_C(0xbf58476d1ce4e5b9));
	return 0;
}

#define FILL_TEXT(name, ...)                                                                       \
	static int fill_##name(struct kernel *k, struct process *p, struct task *t,                \
			       struct text *text)                                                  \
	{                                                                                          \
		text_add(text, __VA_ARGS__);                                                       \
		return 0;                                                                          \
	}

FILL_TEXT(ostype, KERNEL_SYSNAME "\n")
FILL_TEXT(osrelease, KERNEL_RELEASE "\n")
FILL_TEXT(osversion, KERNEL_VERSION "\n")
FILL_TEXT(hostname, KERNEL_NODENAME "\n")
FILL_TEXT(domainname, "(none)\n")
FILL_TEXT(zero, "0\n")
FILL_TEXT(pid_max, "4194304\n")
FILL_TEXT(ngroups_max, "65536\n")
FILL_TEXT(cap_last_cap, "40\n")
FILL_TEXT(threads_max, "4096\n")
FILL_TEXT(entropy, "256\n")
FILL_TEXT(mmap_min_addr, "65536\n")
FILL_TEXT(max_map_count, "65530\n")
FILL_TEXT(swappiness, "60\n")
FILL_TEXT(pipe_max_size, "1048576\n")
FILL_TEXT(file_max, "1048576\n")
FILL_TEXT(shmmax, "18446744073692774399\n")
FILL_TEXT(shmmni, "4096\n")
FILL_TEXT(tty_drivers, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
		       "pty_slave            /dev/pts      136 0-1048575 pty:slave\n")
FILL_TEXT(empty, "%s", "")

const struct proc_entry proc_system_entries[] = {
    {"cmdline", fill_empty, 0444, NULL},
    {"cpuinfo", fill_cpuinfo, 0444, NULL},
    {"filesystems", fill_filesystems, 0444, NULL},
    {"loadavg", fill_loadavg, 0444, NULL},
    {"meminfo", fill_meminfo, 0444, NULL},
    {"stat", fill_stat, 0444, NULL},
    {"swaps", fill_swaps, 0444, NULL},
    {"sys/fs/file-max", fill_file_max, 0444, NULL},
    {"sys/fs/pipe-max-size", fill_pipe_max_size, 0444, NULL},
    {"sys/kernel/cap_last_cap", fill_cap_last_cap, 0444, NULL},
    {"sys/kernel/domainname", fill_domainname, 0444, NULL},
    {"sys/kernel/hostname", fill_hostname, 0444, NULL},
    {"sys/kernel/ngroups_max", fill_ngroups_max, 0444, NULL},
    {"sys/kernel/osrelease", fill_osrelease, 0444, NULL},
    {"sys/kernel/ostype", fill_ostype, 0444, NULL},
    {"sys/kernel/pid_max", fill_pid_max, 0444, NULL},
    {"sys/kernel/random/boot_id", fill_boot_id, 0444, NULL},
    {"sys/kernel/random/entropy_avail", fill_entropy, 0444, NULL},
    {"sys/kernel/random/uuid", fill_uuid, 0444, NULL},
    {"sys/kernel/randomize_va_space", fill_zero, 0444, NULL},
    {"sys/kernel/shmall", fill_shmmax, 0444, NULL},
    {"sys/kernel/shmmax", fill_shmmax, 0444, NULL},
    {"sys/kernel/shmmni", fill_shmmni, 0444, NULL},
    {"sys/kernel/threads-max", fill_threads_max, 0444, NULL},
    {"sys/kernel/version", fill_osversion, 0444, NULL},
    {"sys/vm/admin_reserve_kbytes", proc_admin_reserve, 0644, proc_set_admin_reserve},
    {"sys/vm/max_map_count", fill_max_map_count, 0444, NULL},
    {"sys/vm/mmap_min_addr", fill_mmap_min_addr, 0444, NULL},
    {"sys/vm/overcommit_kbytes", proc_overcommit_kbytes, 0644, proc_set_overcommit_kbytes},
    {"sys/vm/overcommit_memory", proc_overcommit_memory, 0644, proc_set_overcommit_memory},
    {"sys/vm/overcommit_ratio", proc_overcommit_ratio, 0644, proc_set_overcommit_ratio},
    {"sys/vm/swappiness", fill_swappiness, 0444, NULL},
    {"sys/vm/user_reserve_kbytes", proc_user_reserve, 0644, proc_set_user_reserve},
    {"tty/drivers", fill_tty_drivers, 0444, NULL},
    {"uptime", fill_uptime, 0444, NULL},
    {"version", fill_version, 0444, NULL},
    {"vmstat", fill_vmstat, 0444, NULL},
    {NULL, NULL, 0, NULL},
};
