/* SPDX-License-Identifier: MIT */
/* kernel.h - one machine with a small Linux on it, for those who run programs
 *
 *	kernel_create    RAM, harts, paging system, file system, init
 *	kernel_spawn     a program, as a child of init
 *	kernel_run       until something that the caller asked for
 *	kernel_destroy   everything back; the host keeps nothing
 *
 * One host thread; virtual time is the instructions retired, the time in which all slept, and that of
 * the kernel's long works. The
 * tasks run in turn, each for a slice of instructions. Nothing here depends on the host's time,
 * addresses or environment, unless the configuration asks for it.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/cred.h"
#include "kernel/file/file.h"
#include "kernel/file/owners.h"
#include "kernel/settings.h"
#include "kernel/stall.h"
#include "kernel/task.h"
#include "kernel/trouble.h"
#include "kernel/tty/tty.h"
#include "machine/hart.h"
#include "vm/mm.h"

struct ipc;
struct mounts;
struct mqueue;
struct relay;
struct sockets;
struct userfault;

struct kernel_bind {
	const char *host, *guest;
	bool readonly;
};

struct kernel_config {
	uint32_t frames;
	enum mmu_mode mode;
	uint64_t va_top;     /* 0: all of the user half; --va */
	uint64_t brk;	     /* where the heap starts; 0: after the program's data */
	uint64_t seed;	     /* of AT_RANDOM, getrandom and /dev/urandom */
	bool clock_real;     /* --clock real */
	bool pace;	     /* sleeps take their time on the host too: on a terminal */
	bool verbose;	     /* name unknown system calls once */
	bool show_names;     /* the texts of calls name the files of descriptors */
	uint32_t show_bytes; /* and show so many bytes of a string; 0: as many as strace */
	const char *root;    /* host directory that is the guest's / */
	bool root_writable;
	const struct kernel_bind *bind;
	unsigned binds;
	const char *home;    /* guest directory that is made for the run, empty; NULL: none */
	const char *user;    /* --user: who programs are, see user.h; NULL: who runs Carrel */
	const char *cwd;     /* host directory that the guest sees under its own path and starts in */
	const struct policy_ops *policy;
	const char *policy_params;
	bool exact_refs; /* --refs exact: the policy is told of every reference */
	bool eager;
	unsigned fault_around;
	struct swap_config swap;
	struct local_config local;
	uint32_t low, high;    /* marks of the background cleaner, in frames: see struct mm_config */
	enum overcommit overcommit;
	unsigned overcommit_ratio; /* 0: Linux's 50 */
	uint64_t cpu_limit;    /* --cpu-limit, ns of a process's own time; 0: none */
	const char *core;      /* --core: a file of the host for cores, %p in it the pid; NULL: as RLIMIT_CORE says */
	bool net_host;		/* --net host: AF_INET and AF_INET6 are the host's; paces too */
	unsigned drop_mappings; /* that many at random, now and then: see drop.c */
	struct events *events; /* the caller's: set observed and seen at will */
	/* Says a sentence to the person: without the leading "carrel: " and without a newline. */
	void (*say)(void *ctx, const char *sentence);
	void *say_ctx;
	/* "main+0x1c (mem.c:9)" for an address in a program, or false; ctx: say_ctx; may be NULL. */
	bool (*symbol)(void *ctx, struct process *p, uint64_t va, char *ret_text, unsigned size);
};

TAILQ_HEAD(task_list, task);
RB_HEAD(task_sleep, task);
RB_HEAD(process_tree, process);
RB_HEAD(group_tree, process);
RB_HEAD(thread_tree, task);
RB_PROTOTYPE(process_tree, process, by_pid, pid_order)
RB_PROTOTYPE(task_sleep, task, sleep, sleep_order)
RB_HEAD(timer_tree, timer);
LIST_HEAD(host_watches, host_watch);
LIST_HEAD(inotify_watches, inotify_watch);
LIST_HEAD(host_services, host_service);

struct kernel_spawned {
	int32_t pid;
	bool ended;
	int status;
};

struct kernel {
	struct kernel_config config;
	struct settings settings;
	struct machine *machine;
	struct hart *hart;
	struct mm *mm;
	struct events *events;
	struct process_tree processes;
	struct group_tree groups;   /* the same, by group */
	struct thread_tree threads; /* by tid, but for the first of each process */
	uint64_t process_count, thread_count;
	uint64_t further_count; /* tasks that are not the first of their process */
	struct process *init;
	struct owners owners; /* of the host's files: see owners.h */
	struct user_tree users; /* see cred.h */
	uint64_t groups_kept; /* of all credentials together */
	struct task_list ready;
	struct task_sleep sleepers;
	struct timer_tree timers; /* armed ones, by deadline: see timer.h */
	uint64_t epoll_watches;	/* of all epolls together: see epoll.h */
	uint64_t epoll_visit;	/* serial number of the last walk through them */
	struct inotify_watches inotify[64]; /* by hash of device and inode: see inotify.h */
	LIST_HEAD(, dnotify) dnotifies; /* see dnotify.h */
	uint64_t inotify_watches, inotify_bytes;
	uint32_t inotify_count, inotify_cookie;
	uint64_t last_file;  /* serial number of the file that was opened last */
	uint64_t open_files;
	uint64_t next_timer; /* serial number of the next timer that is made */
	struct object *trampoline; /* see signal.h */
	uint32_t trampoline_frame;
	struct task *goes_on;	/* is ready, and next in any case: it paused (PAUSE_ALONE); else NULL */
	struct task *current;	/* whose registers the hart has; it may wait or be stopped meanwhile */
	struct task_list dead;	/* tasks to free, when nobody can be using them */
	struct kernel_spawned *spawned; /* how those ended that kernel_spawn started */
	unsigned spawned_count;
	struct wait_queue futexes[64]; /* by hash of the address */
	unsigned lock_waiters;	       /* of these, who waits for a lock that has an owner */
	struct wait_queue io[64];      /* who waits for the I/O of a frame, by its number */
	uint64_t slice_end;	/* virtual time at which the current task is looked at again */
	uint64_t accounted;	/* instructions retired that tasks have been charged for */
	uint64_t fault_retired; /* as they were at the last fault */
	uint64_t polled;	/* virtual time at which the host's descriptors were looked at last */
	int wake_fd;		/* an eventfd: kernel_interrupt ends a poll that is under way */
	int edge_fd;		/* an epoll: says when something comes on a host_watch, once */
	void *pmap_config;
	uint64_t idle_ns; /* time in which nothing ran: virtual now = retired + idle_ns + work_ns */
	uint64_t work_ns; /* time that long works of the kernel took: see sched.h */
	uint64_t io_idle_ns; /* of that, while a transfer of the paging system was under way */
	uint64_t switches;   /* from one task to another */
	bool uneven;	     /* somebody is no ordinary task of nice 0, or was: see sched.h */
	uint64_t share_least; /* what the last one by shares had had */
	uint64_t load_due;   /* when load is looked at next */
	uint32_t load[3];    /* who wanted to run in the last 1, 5 and 15 minutes: see load.c */
	uint64_t random_state;
	uint64_t drop_state, drop_at;
	int32_t last_pid;
	bool pids_again; /* they have all been used once */
	LIST_HEAD(, userfault) userfaults;
	LIST_HEAD(, mqueue) mqueues;
	struct ipc *ipc; /* System V's: see ipc.h */
	struct mounts *mounts;
	struct tty *console; /* the host's terminal, if there is one: among ttys */
	struct tty *ttys[TTYS_MAX]; /* by number */
	struct relay *relay; /* the terminal that the host's signals are for; NULL: the console */
	struct sockets *sockets; /* see socket.h */
	struct host_watches watches;
	struct host_services services;
	int32_t lead; /* kernel_run ends with this process; 0: with the last */
	bool lead_ended;
	/* One that kernel_spawn started has ended; may be NULL. */
	void (*ended)(void *ctx, int32_t pid, int status);
	void *ended_ctx;
	volatile sig_atomic_t interrupt; /* the host got SIGINT and the like: signal numbers, see kernel_interrupt */
	bool stop; /* kernel_stop was called */
	bool refused_call[512]; /* told once */
	bool thrash_said;
	struct stalls stalls;
	struct troubles troubles; /* of swap devices, told and only counted */
	uint64_t forks;		/* processes made, for /proc/stat */
	const struct debugger *debugger; /* NULL: none; see debug.h */
};

/* Returns 0, or a negative errno after saying a sentence that names the option to change. */
int kernel_create(const struct kernel_config *config, struct kernel **ret_kernel);
void kernel_destroy(struct kernel *k);

struct kernel_program {
	const char *path;	   /* with a slash: a guest path; without: looked up in PATH of env */
	const char *const *argv;   /* NULL-terminated, as is env */
	const char *const *env;
	int stdio[3];		   /* host descriptors */
	struct relay *relay;	   /* instead: all three are this terminal, see pty.h; may be NULL */
	bool apart;		   /* a session of its own, not that of the first program */
	bool streams;		   /* terminals among stdio are mere streams: they are somebody else's */
	const char *cwd;	   /* a guest path, if it is a directory there; NULL: as configured */
	const char *user;	   /* who it is, see user.h; NULL: as configured */
};

/* Returns the pid, or -errno: -ENOENT, -EACCES, -ENOEXEC, ... after saying why and what to do. */
int kernel_spawn(struct kernel *k, const struct kernel_program *program);

enum kernel_stop {
	KERNEL_ENDED,	/* every process has ended */
	KERNEL_TIME,	/* virtual time until was reached */
	KERNEL_STOPPED, /* kernel_stop, or a stop address: k->current is at it */
	KERNEL_IDLE,	/* everybody waits for what can never come: a deadlock */
};

/* Runs. until: virtual ns, NO_DEADLINE for no end. */
enum kernel_stop kernel_run(struct kernel *k, uint64_t until);
/* Ends kernel_run before the next instruction; from an observer of events too. */
void kernel_stop(struct kernel *k);
/* Sleeps while the machine stands still, until fd is ready for events (of poll) or one of kernel_stop
 * and kernel_interrupt is called: true, it is ready. What was asked for stays to be seen by
 * kernel_run. Services are told meanwhile. */
bool kernel_wait(struct kernel *k, int fd, short events);
/* A signal of the host (SIGINT, SIGTERM, SIGQUIT, SIGWINCH...) for the guest's terminal; safe in a
 * signal handler. */
void kernel_interrupt(struct kernel *k, int number);

/* Looks at the host's descriptors for at most ns of host time while nobody can run, as after
 * KERNEL_IDLE: somebody outside may yet have something to say. */
void kernel_serve(struct kernel *k, uint64_t ns);

/* Virtual nanoseconds since the machine started. */
uint64_t kernel_now(const struct kernel *k);
/* What the guest sees as CLOCK_REALTIME: the fixed epoch, 2026-01-01 00:00:00 UTC, plus now. */
uint64_t kernel_realtime(const struct kernel *k);
uint64_t kernel_random(struct kernel *k);
void kernel_say(struct kernel *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What helps against this failure of the host, to stand behind strerror; "" where nothing is to be said. */
const char *kernel_advice(int error);

/* Status of a process that kernel_spawn started, as wait4 gives it; false: it runs. */
bool kernel_status(struct kernel *k, int32_t pid, int *ret_status);

/* execve for t (also for kernel_spawn): returns 0, and t is the new program, or -errno and nothing
 * has changed. A refusal after the point of no return kills with SIGSEGV, as Linux does. */
int exec_program(struct task *t, struct file *f, const char *path, const char *const *argv, const char *const *env);

#endif
