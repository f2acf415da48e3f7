/* SPDX-License-Identifier: MIT */
/* proc_system.c - the files of /proc that tell of the whole machine */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/lock.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/proc/proc.h"
#include "kernel/sched.h"
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

/* Which pages are active is the replacement policy's to say, and not every policy knows: here, as a
 * rule of thumb, those that something maps. */
static int fill_meminfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct mm_usage u;
	struct census c = census(k);
	mm_usage(k->mm, &u);
	uint64_t file = u.kind[FRAME_FILE], anon = u.kind[FRAME_ANON],
		 kernel = u.kind[FRAME_KERNEL];
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {
	    {"MemTotal:", u.frames},
	    {"MemFree:", u.free},
	    {"MemAvailable:", u.free + u.file_clean_unmapped},
	    {"Buffers:", 0},
	    {"Cached:", file + u.shared},
	    {"SwapCached:", k->mm->swap.cached},
	    {"Active:", u.anon_mapped + u.file_mapped},
	    {"Inactive:", anon - u.anon_mapped + file - u.file_mapped},
	    {"Active(anon):", u.anon_mapped},
	    {"Inactive(anon):", anon - u.anon_mapped},
	    {"Active(file):", u.file_mapped},
	    {"Inactive(file):", file - u.file_mapped},
	    {"Unevictable:", c.locked},
	    {"Mlocked:", c.locked},
	    {"SwapTotal:", u.swap},
	    {"SwapFree:", u.swap - u.swap_used},
	    {"Dirty:", u.file_dirty},
	    {"Writeback:", u.writeback},
	    {"AnonPages:", u.anon_mapped - u.shared_mapped},
	    {"Mapped:", u.file_mapped + u.shared_mapped},
	    {"Shmem:", u.shared},
	    {"KReclaimable:", 0},
	    {"Slab:", kernel},
	    {"SReclaimable:", 0},
	    {"SUnreclaim:", kernel},
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

/* pgpgin and pgpgout are in KiB, as on Linux. */
static int fill_vmstat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct mm_usage u;
	const struct mm *mm = k->mm;
	const struct tally *sum = &k->events->total;
	mm_usage(mm, &u);
	uint64_t minor = tally_minor(sum), major = tally_major(sum), file = u.kind[FRAME_FILE],
		 in = sum->event[EVENT_swap_in], out = sum->event[EVENT_swap_out],
		 stolen = sum->event[EVENT_evict],
		 inactive_anon = u.kind[FRAME_ANON] - u.anon_mapped;
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
	    {"nr_free_pages", u.free},
	    {"nr_zone_inactive_anon", inactive_anon},
	    {"nr_zone_active_anon", u.anon_mapped},
	    {"nr_zone_inactive_file", file - u.file_mapped},
	    {"nr_zone_active_file", u.file_mapped},
	    {"nr_mlock", census(k).locked},
	    {"nr_inactive_anon", inactive_anon},
	    {"nr_active_anon", u.anon_mapped},
	    {"nr_inactive_file", file - u.file_mapped},
	    {"nr_active_file", u.file_mapped},
	    {"workingset_refault_anon", mm->refaults - mm->file_refaults},
	    {"workingset_refault_file", mm->file_refaults},
	    {"nr_anon_pages", u.anon_mapped - u.shared_mapped},
	    {"nr_mapped", u.file_mapped + u.shared_mapped},
	    {"nr_file_pages", file + u.shared},
	    {"nr_dirty", u.file_dirty},
	    {"nr_writeback", u.writeback},
	    {"nr_shmem", u.shared},
	    {"nr_page_table_pages", u.kind[FRAME_TABLE]},
	    {"nr_swapcached", mm->swap.cached},
	    {"pgpgin", (sum->cause[CAUSE_file_read] + in) * 4},
	    {"pgpgout", (sum->event[EVENT_page_write] + out) * 4},
	    {"pswpin", in},
	    {"pswpout", out},
	    {"pgalloc_normal", sum->event[EVENT_frame_take]},
	    {"pgfree", sum->event[EVENT_frame_free]},
	    {"pgfault", minor + major},
	    {"pgmajfault", major},
	    {"pgsteal_kswapd", 0},
	    {"pgsteal_direct", stolen},
	    {"pgsteal_anon", stolen - mm->file_evictions},
	    {"pgsteal_file", mm->file_evictions},
	    {"oom_kill", sum->cause[CAUSE_out_of_memory]},
	};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(text, "%s %lu\n", lines[i].name, lines[i].value);
	return 0;
}

static int fill_stat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct census c = census(k);
	uint64_t now = kernel_now(k), idle = ticks(k->idle_ns - k->io_idle_ns),
		 waits = ticks(k->io_idle_ns), system = ticks(k->work_ns), user = ticks(now - k->idle_ns - k->work_ns);
	for (int i = 0; i < 2; i++)
		text_add(text, "cpu%s %lu 0 %lu %lu %lu 0 0 0 0 0\n", i ? "0" : " ", user, system, idle, waits);
	text_add(text,
		 "intr 0\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked %u\n",
		 k->switches, (kernel_realtime(k) - now) / 1000000000, k->forks, c.runnable, c.blocked);
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
	load_text(k, text);
	text_add(text, "%u/%u %d\n", c.runnable, c.threads, k->last_pid);
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
	text_add(text, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n");
	return 0;
}

/* A name as Linux writes it into a table: blanks and backslashes in octal. Returns its length. */
static unsigned add_name(struct text *text, const char *name)
{
	unsigned length = 0;
	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		bool plain = !strchr(" \t\n\\", *c);
		text_add(text, plain ? "%c" : "\\%03o", *c);
		length += plain ? 1 : 4;
	}
	return length;
}

static int fill_swaps(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	enum { TYPE_COLUMN = 40 };
	text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (unsigned i = 0; i < k->mm->swap.areas; i++) {
		const struct swap_area *a = &k->mm->swap.area[i];
		uint64_t size = (uint64_t)a->slots.count * 4, used = (uint64_t)a->slots.used * 4;
		bool file = strcmp(a->config.ops->name, "file") == 0;
		unsigned length = add_name(text, a->config.name);
		text_add(text, "%*s%s\t%lu\t%s%lu\t%s%d\n",
			 length < TYPE_COLUMN ? (int)(TYPE_COLUMN - length) : 1, " ",
			 file ? "file\t" : "partition", size, size < 10000000 ? "\t" : "", used,
			 used < 10000000 ? "\t" : "", a->config.priority);
	}
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

static int fill_pty_max(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%d\n", TTYS_MAX);
	return 0;
}

static int fill_pty_nr(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	unsigned n = 0;
	for (unsigned i = 0; i < TTYS_MAX; i++)
		n += k->ttys[i] != NULL;
	text_add(text, "%u\n", n);
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
FILL_TEXT(zero, "0\n")
FILL_TEXT(ngroups_max, "65536\n")
FILL_TEXT(cap_last_cap, "40\n")
FILL_TEXT(entropy, "256\n")
FILL_TEXT(mmap_min_addr, "65536\n")
FILL_TEXT(tty_drivers, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
		       "/dev/ptmx            /dev/ptmx       5       2 system\n"
		       "pty_slave            /dev/pts      136 0-1048575 pty:slave\n")
FILL_TEXT(empty, "%s", "")
FILL_TEXT(forever, "-1\n") /* real-time tasks are never held back: see sched.h */
FILL_TEXT(rt_period, "1000000\n")
FILL_TEXT(execdomains, "0-0\tLinux           \t[kernel]\n")
FILL_TEXT(nr_open, "1048576\n") /* OPEN_MAX_EVER of sys_limits.c */
FILL_TEXT(somaxconn, "4096\n")
FILL_TEXT(socket_memory, "212992\n")
FILL_TEXT(port_range, "32768\t60999\n")
FILL_TEXT(unprivileged_port, "1024\n")
FILL_TEXT(tcp_rmem, "4096\t131072\t2097152\n")
FILL_TEXT(tcp_wmem, "4096\t16384\t2097152\n")
FILL_TEXT(dgram_qlen, "10\n")
FILL_TEXT(net_dev,
	  "Inter-|   Receive                                                |  Transmit\n"
	  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
	  "drop fifo colls carrier compressed\n"
	  "    lo:       0       0    0    0    0     0          0         0        0       0    0    0 "
	  "   0     0       0          0\n")
FILL_TEXT(net_route, "%-127s\n",
	  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")
FILL_TEXT(if_inet6, "00000000000000000000000000000001 01 80 10 80       lo\n")

#define FILL_SOCKETS(name, domain, type)                                                           \
	static int fill_##name(struct kernel *k, struct process *p, struct task *t,                \
			       struct text *text)                                                  \
	{                                                                                          \
		sockets_text_inet(k, domain, type, text);                                          \
		return 0;                                                                          \
	}

FILL_SOCKETS(net_raw, SOCK_AF_INET, SOCK_TYPE_RAW)
FILL_SOCKETS(net_raw6, SOCK_AF_INET6, SOCK_TYPE_RAW)
FILL_SOCKETS(net_tcp, SOCK_AF_INET, SOCK_TYPE_STREAM)
FILL_SOCKETS(net_tcp6, SOCK_AF_INET6, SOCK_TYPE_STREAM)
FILL_SOCKETS(net_udp, SOCK_AF_INET, SOCK_TYPE_DGRAM)
FILL_SOCKETS(net_udp6, SOCK_AF_INET6, SOCK_TYPE_DGRAM)

static int fill_sockstat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	sockets_text_inuse(k, SOCK_AF_INET, text);
	return 0;
}

static int fill_sockstat6(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	sockets_text_inuse(k, SOCK_AF_INET6, text);
	return 0;
}

static int fill_net_unix(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	sockets_text_unix(k, text);
	return 0;
}

static int fill_locks(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	(void)p, (void)t;
	locks_tell(k, text);
	return 0;
}

/* Everybody may, as Debian says; see icmp.c. */
static int fill_ping_groups(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "0\t2147483647\n");
	return 0;
}

const struct proc_entry proc_system_entries[] = {
    {"buddyinfo", proc_buddyinfo, 0444, NULL},
    {"cmdline", fill_empty, 0444, NULL},
    {"consoles", proc_empty, 0444, NULL},
    {"cpuinfo", fill_cpuinfo, 0444, NULL},
    {"crypto", proc_empty, 0444, NULL},
    {"devices", proc_devices, 0444, NULL},
    {"diskstats", proc_empty, 0444, NULL},
    {"execdomains", fill_execdomains, 0444, NULL},
    {"filesystems", fill_filesystems, 0444, NULL},
    {"interrupts", proc_interrupts, 0444, NULL},
    {"key-users", proc_empty, 0444, NULL},
    {"keys", proc_empty, 0444, NULL},
    {"kpagecgroup", NULL, 0400, NULL, &proc_kpagecgroup},
    {"kpagecount", NULL, 0400, NULL, &proc_kpagecount},
    {"kpageflags", NULL, 0400, NULL, &proc_kpageflags},
    {"loadavg", fill_loadavg, 0444, NULL},
    {"locks", fill_locks, 0444, NULL},
    {"meminfo", fill_meminfo, 0444, NULL},
    {"misc", proc_empty, 0444, NULL},
    {"net/dev", fill_net_dev, 0444, NULL},
    {"net/if_inet6", fill_if_inet6, 0444, NULL},
    {"net/raw", fill_net_raw, 0444, NULL},
    {"net/raw6", fill_net_raw6, 0444, NULL},
    {"net/route", fill_net_route, 0444, NULL},
    {"net/sockstat", fill_sockstat, 0444, NULL},
    {"net/sockstat6", fill_sockstat6, 0444, NULL},
    {"net/tcp", fill_net_tcp, 0444, NULL},
    {"net/tcp6", fill_net_tcp6, 0444, NULL},
    {"net/udp", fill_net_udp, 0444, NULL},
    {"net/udp6", fill_net_udp6, 0444, NULL},
    {"net/unix", fill_net_unix, 0444, NULL},
    {"pagetypeinfo", proc_pagetypeinfo, 0400, NULL},
    {"partitions", proc_partitions, 0444, NULL},
    {"pressure/cpu", proc_pressure_cpu, 0444, NULL},
    {"pressure/io", proc_pressure_memory, 0444, NULL},
    {"pressure/memory", proc_pressure_memory, 0444, NULL},
    {"slabinfo", proc_slabinfo, 0400, NULL},
    {"softirqs", proc_softirqs, 0444, NULL},
    {"stat", fill_stat, 0444, NULL},
    {"swaps", fill_swaps, 0444, NULL},
    {"sys/fs/file-max", proc_file_max, 0644, proc_set_file_max},
    {"sys/fs/file-nr", proc_file_nr, 0444, NULL},
    {"sys/fs/inotify/max_queued_events", proc_max_queued_events, 0644, proc_set_max_queued_events},
    {"sys/fs/inotify/max_user_instances", proc_max_user_instances, 0644, proc_set_max_user_instances},
    {"sys/fs/inotify/max_user_watches", proc_max_user_watches, 0644, proc_set_max_user_watches},
    {"sys/fs/lease-break-time", proc_lease_break, 0644, proc_set_lease_break},
    {"sys/fs/mqueue/msg_default", proc_msg_default, 0644, proc_set_msg_default},
    {"sys/fs/mqueue/msg_max", proc_msg_max, 0644, proc_set_msg_max},
    {"sys/fs/mqueue/msgsize_default", proc_msgsize_default, 0644, proc_set_msgsize_default},
    {"sys/fs/mqueue/msgsize_max", proc_msgsize_max, 0644, proc_set_msgsize_max},
    {"sys/fs/mqueue/queues_max", proc_queues_max, 0644, proc_set_queues_max},
    {"sys/fs/nr_open", fill_nr_open, 0444, NULL},
    {"sys/fs/pipe-max-size", proc_pipe_max_size, 0644, proc_set_pipe_max_size},
    {"sys/fs/pipe-user-pages-hard", proc_pipe_user_hard, 0644, proc_set_pipe_user_hard},
    {"sys/fs/pipe-user-pages-soft", proc_pipe_user_soft, 0644, proc_set_pipe_user_soft},
    {"sys/kernel/cap_last_cap", fill_cap_last_cap, 0444, NULL},
    {"sys/kernel/core_pattern", proc_core_pattern, 0644, proc_set_core_pattern},
    {"sys/kernel/core_uses_pid", proc_core_uses_pid, 0644, proc_set_core_uses_pid},
    {"sys/kernel/domainname", proc_domainname, 0644, proc_set_domainname},
    {"sys/kernel/hostname", proc_hostname, 0644, proc_set_hostname},
    {"sys/kernel/msgmax", proc_msgmax, 0644, proc_set_msgmax},
    {"sys/kernel/msgmnb", proc_msgmnb, 0644, proc_set_msgmnb},
    {"sys/kernel/msgmni", proc_msgmni, 0644, proc_set_msgmni},
    {"sys/kernel/ngroups_max", fill_ngroups_max, 0444, NULL},
    {"sys/kernel/osrelease", fill_osrelease, 0444, NULL},
    {"sys/kernel/ostype", fill_ostype, 0444, NULL},
    {"sys/kernel/panic", fill_zero, 0444, NULL},
    {"sys/kernel/pid_max", proc_pid_max, 0644, proc_set_pid_max},
    {"sys/kernel/pty/max", fill_pty_max, 0444, NULL},
    {"sys/kernel/pty/nr", fill_pty_nr, 0444, NULL},
    {"sys/kernel/random/boot_id", fill_boot_id, 0444, NULL},
    {"sys/kernel/random/entropy_avail", fill_entropy, 0444, NULL},
    {"sys/kernel/random/uuid", fill_uuid, 0444, NULL},
    {"sys/kernel/randomize_va_space", fill_zero, 0444, NULL},
    {"sys/kernel/sched_rt_period_us", fill_rt_period, 0444, NULL},
    {"sys/kernel/sched_rt_runtime_us", fill_forever, 0444, NULL},
    {"sys/kernel/sem", proc_sem, 0644, proc_set_sem},
    {"sys/kernel/shm_rmid_forced", fill_zero, 0444, NULL},
    {"sys/kernel/shmall", proc_shmall, 0644, proc_set_shmall},
    {"sys/kernel/shmmax", proc_shmmax, 0644, proc_set_shmmax},
    {"sys/kernel/shmmni", proc_shmmni, 0644, proc_set_shmmni},
    {"sys/kernel/tainted", fill_zero, 0444, NULL},
    {"sys/kernel/threads-max", proc_threads_max, 0644, proc_set_threads_max},
    {"sys/kernel/version", fill_osversion, 0444, NULL},
    {"sys/net/core/rmem_default", fill_socket_memory, 0444, NULL},
    {"sys/net/core/rmem_max", fill_socket_memory, 0444, NULL},
    {"sys/net/core/somaxconn", fill_somaxconn, 0444, NULL},
    {"sys/net/core/wmem_default", fill_socket_memory, 0444, NULL},
    {"sys/net/core/wmem_max", fill_socket_memory, 0444, NULL},
    {"sys/net/ipv4/ip_local_port_range", fill_port_range, 0444, NULL},
    {"sys/net/ipv4/ip_unprivileged_port_start", fill_unprivileged_port, 0444, NULL},
    {"sys/net/ipv4/ping_group_range", fill_ping_groups, 0444, NULL},
    {"sys/net/ipv4/tcp_max_syn_backlog", fill_somaxconn, 0444, NULL},
    {"sys/net/ipv4/tcp_rmem", fill_tcp_rmem, 0444, NULL},
    {"sys/net/ipv4/tcp_wmem", fill_tcp_wmem, 0444, NULL},
    {"sys/net/unix/max_dgram_qlen", fill_dgram_qlen, 0444, NULL},
    {"sys/vm/admin_reserve_kbytes", proc_admin_reserve, 0644, proc_set_admin_reserve},
    {"sys/vm/compact_memory", proc_nothing, 0200, proc_set_compact_memory},
    {"sys/vm/drop_caches", proc_nothing, 0200, proc_set_drop_caches},
    {"sys/vm/max_map_count", proc_max_map_count, 0644, proc_set_max_map_count},
    {"sys/vm/min_free_kbytes", proc_min_free, 0644, proc_set_min_free},
    {"sys/vm/mmap_min_addr", fill_mmap_min_addr, 0444, NULL},
    {"sys/vm/nr_hugepages", fill_zero, 0444, NULL},
    {"sys/vm/overcommit_kbytes", proc_overcommit_kbytes, 0644, proc_set_overcommit_kbytes},
    {"sys/vm/overcommit_memory", proc_overcommit_memory, 0644, proc_set_overcommit_memory},
    {"sys/vm/overcommit_ratio", proc_overcommit_ratio, 0644, proc_set_overcommit_ratio},
    {"sys/vm/panic_on_oom", fill_zero, 0444, NULL},
    {"sys/vm/swappiness", proc_swappiness, 0644, proc_set_swappiness},
    {"sys/vm/unprivileged_userfaultfd", fill_zero, 0444, NULL},
    {"sys/vm/user_reserve_kbytes", proc_user_reserve, 0644, proc_set_user_reserve},
    {"sysvipc/msg", proc_sysvipc_msg, 0444, NULL},
    {"sysvipc/sem", proc_sysvipc_sem, 0444, NULL},
    {"sysvipc/shm", proc_sysvipc_shm, 0444, NULL},
    {"tty/drivers", fill_tty_drivers, 0444, NULL},
    {"uptime", fill_uptime, 0444, NULL},
    {"version", fill_version, 0444, NULL},
    {"vmallocinfo", proc_empty, 0400, NULL},
    {"vmstat", fill_vmstat, 0444, NULL},
    {"zoneinfo", proc_zoneinfo, 0444, NULL},
    {NULL, NULL, 0, NULL},
};
