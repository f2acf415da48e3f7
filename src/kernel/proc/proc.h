/* SPDX-License-Identifier: MIT */
/* proc.h - the files of /proc: who fills which
 *
 *	proc.c          names: what a path below /proc stands for (proc_node.h); links
 *	proc_file.c     open files              proc_list.c  directories
 *	proc_process.c  /proc/PID/NAME          proc_maps.c  those that tell of memory
 *	proc_kernel.c   what it asked of the kernel, what it is in, and where it belongs
 *	proc_arguments.c  cmdline and environ
 *	proc_system.c   the machine's own: meminfo, stat, sys/kernel/...
 *	proc_machine.c  zones, devices, interrupts, and what little of them there is
 *	proc_stall.c    what is waited for: pressure/..., PID/wchan, PID/stack
 *	proc_vm.c       sys/vm/... that says how far memory may be promised
 *	proc_settings.c sys/... that can be set otherwise
 *	proc_window.c   windows into memory: mem, kpagecount, ...; proc_pagemap.c  pagemap
 *
 * A file's text is made when it is read from its start, and stays until then. fill returns 0 or a
 * negative errno, and leaves running out of memory to the text.
 */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/event.h"

struct file;
struct kernel;
struct process;
struct region;
struct space;
struct task;
struct text;

/* p and t are NULL for the machine's own files. */
typedef int proc_fill(struct kernel *k, struct process *p, struct task *t, struct text *ret_text);
/* What a program writes to it; size bytes and a NUL. Returns how many of them count, 0: all, or a negative errno. */
typedef int proc_store(struct kernel *k, struct process *p, struct task *t, const char *bytes,
		       size_t size);

/* A file whose bytes are made where they are read, at any position: nothing is kept. Both return how
 * many bytes, a negative errno, or CALL_WAIT (asker sleeps). */
struct proc_window {
	int64_t (*read)(struct task *asker, struct process *p, void *ret_bytes, size_t size, uint64_t pos);
	int64_t (*write)(struct task *asker, struct process *p, const void *bytes, size_t size,
			 uint64_t pos); /* NULL: cannot be written */
	int64_t (*ioctl)(struct task *asker, struct process *p, uint64_t request, uint64_t arg); /* may be NULL */
};

struct proc_entry {
	const char *name; /* below /proc/PID, or below /proc */
	proc_fill *fill;
	uint16_t mode;
	proc_store *store; /* NULL: cannot be written */
	const struct proc_window *window; /* then fill is NULL */
	proc_fill *thread_fill; /* below /proc/PID/task/TID; NULL: fill */
};

/* Sorted by name; a NULL name ends them. */
extern const struct proc_entry proc_process_entries[], proc_system_entries[];

proc_fill proc_overcommit_memory, proc_overcommit_ratio, proc_overcommit_kbytes,
	  proc_user_reserve, proc_admin_reserve;
proc_store proc_set_overcommit_memory, proc_set_overcommit_ratio, proc_set_overcommit_kbytes,
	   proc_set_user_reserve, proc_set_admin_reserve;

/* proc_settings.c */
proc_fill proc_core_pattern, proc_core_uses_pid, proc_domainname, proc_file_max, proc_hostname, proc_lease_break, proc_max_map_count,
	  proc_max_queued_events, proc_max_user_instances, proc_max_user_watches, proc_min_free, proc_msg_default,
	  proc_msg_max, proc_msgmax, proc_msgmnb, proc_msgmni, proc_msgsize_default, proc_msgsize_max, proc_pid_max,
	  proc_pipe_max_size, proc_pipe_user_hard, proc_pipe_user_soft, proc_queues_max, proc_sem, proc_shmall, proc_shmmax, proc_shmmni, proc_swappiness,
	  proc_threads_max, proc_file_nr;
proc_store proc_set_compact_memory, proc_set_core_pattern, proc_set_core_uses_pid, proc_set_domainname,
	   proc_set_drop_caches, proc_set_file_max, proc_set_hostname, proc_set_lease_break, proc_set_max_map_count,
	   proc_set_max_queued_events, proc_set_max_user_instances, proc_set_max_user_watches, proc_set_min_free,
	   proc_set_msg_default, proc_set_msg_max, proc_set_msgmax, proc_set_msgmnb, proc_set_msgmni,
	   proc_set_msgsize_default, proc_set_msgsize_max, proc_set_pid_max, proc_set_pipe_max_size,
	   proc_set_pipe_user_hard, proc_set_pipe_user_soft,
	   proc_set_queues_max, proc_set_sem, proc_set_shmall, proc_set_shmmax, proc_set_shmmni, proc_set_swappiness,
	   proc_set_threads_max;

proc_fill proc_sysvipc_shm, proc_sysvipc_sem, proc_sysvipc_msg;

/* proc_window.c, proc_pagemap.c */
extern const struct proc_window proc_mem, proc_pagemap, proc_kpagecount, proc_kpageflags, proc_kpagecgroup;
proc_store proc_clear_refs;
proc_fill proc_nothing;
/* Copies between the host's bytes and another's memory, with faults of his: as much as can be. force: as a
 * debugger, whatever the region's protection. Returns how many bytes, -EFAULT: none, or CALL_WAIT. */
int64_t process_copy(struct task *asker, struct space *s, uint64_t va, void *bytes, size_t size,
		     enum access access, bool force);

/* proc_kernel.c */
proc_fill proc_io, proc_syscall, proc_timers, proc_timer_slack, proc_id_map, proc_setgroups, proc_login;
/* The names in /proc/PID/ns, NULL after the last; and what the link says. */
const char *proc_namespace(unsigned i);
void proc_namespace_link(unsigned i, struct text *text);

/* proc_stall.c */
proc_fill proc_pressure_cpu, proc_pressure_memory, proc_wchan, proc_stack;

/* proc_machine.c */
proc_fill proc_buddyinfo, proc_pagetypeinfo, proc_zoneinfo, proc_slabinfo, proc_interrupts, proc_softirqs,
	  proc_partitions, proc_devices, proc_empty, proc_schedstat, proc_sched, proc_numa_maps;

/* The process whose directory /proc/PID an open file is, or NULL. */
struct process *proc_process_of(const struct file *f);

/* map_files: the region of a name, "START-END"; NULL: there is none that shows a file. Its file's name;
 * false: it shows none. */
const struct region *proc_map_find(const struct process *p, const char *name);
bool proc_map_name(const struct kernel *k, const struct process *p, const struct region *r,
		   struct text *ret_name);

proc_fill proc_maps, proc_smaps, proc_smaps_rollup, proc_statm;

/* What a process has of memory, in pages, for stat, statm and status. */
struct proc_memory {
	uint64_t size, peak, resident, resident_peak;
	uint64_t anon, file, shmem;
	uint64_t text, library, data, stack, locked, tables, swapped;
};
void proc_memory(const struct process *p, struct proc_memory *ret_memory);

/* proc_arguments.c: what lies in memory in a range, as far as it is there; and what cmdline tells. */
void proc_add_memory(const struct process *p, uint64_t start, uint64_t end, struct text *text);
void proc_add_arguments(const struct process *p, struct text *text);

#endif
