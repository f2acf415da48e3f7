/* SPDX-License-Identifier: MIT */
/* session.h - one run of one machine, from the words on the command line to an exit status
 *
 *	options -> root, .c files compiled -> begin -> machine made -> copies started
 *	        -> run until all have ended, --for, --timeout, Ctrl-C, or a look that ends it
 *	        -> end -> everything given back -> exit status
 *
 * A verb that watches gives hooks. seen is called for every event as it happens. look is called
 * when --at says so, with the process to look at, whose space is whole: it may look at anything and
 * changes nothing. With --at exit it is called as each process ends, and the run goes on.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "kernel/kernel.h"

struct session;
struct server;

struct session_hooks {
	/* Before anything happens in the machine, or it exists. */
	void (*begin)(struct session *s);
	void (*seen)(struct session *s, const struct event *e);
	void (*look)(struct session *s, struct process *p);
	/* Every --every of virtual time, between two instructions; the run goes on. */
	void (*tick)(struct session *s);
	/* The run is over, the machine is still there. Returns what became of status. */
	int (*end)(struct session *s, int status);
	/* Ctrl-C ends the run instead of being the program's. */
	bool ctrl_c_ends;
};

struct gdb;

/* What has been asked for; written by signal handlers and observers, read between runs. */
struct session_wishes {
	volatile sig_atomic_t timed_out;
	volatile sig_atomic_t interrupted; /* the signal's number */
	bool look; /* at fault:N and syscall:NAME */
	bool exec; /* a program was loaded: its stop addresses are to be set */
};

struct session {
	const struct options *o;
	const struct session_hooks *hooks;
	void *ctx; /* the verb's */
	struct kernel *kernel;
	struct device device[SWAPS_MAX]; /* of each --swap */
	struct events events;
	struct symbol_cache *symbols;
	struct relay *relay;   /* the machine's terminal that is shown on ours; NULL: ours as it is */
	struct server *server; /* who answers ps and exec; may be NULL */
	struct session_wishes wish;
	FILE *out; /* what Carrel says: standard error or -o */
	int32_t pid[COPIES_MAX];
	unsigned started;
	char **argv; /* the program's, its own words */
	unsigned argc, envc;
	const char *path; /* as the guest names it */
	char *compiled, *compiled_guest,
	    *compiled_name; /* of a .c file: on the host, in the guest, argv[0] */
	char *cwd, *root;
	struct kernel_bind bind[BINDS_MAX + 2]; /* --bind's, the name servers', and the compiled program */
	struct gdb *gdb; /* of -g; else NULL */
	uint64_t next_tick; /* virtual time; with --every */
	uint64_t faults; /* seen so far, for --at fault:N */
	bool looked;
	bool pid_seen; /* --pid: something happened in that process */
};

/* Reads options and PROG from argv; argv[0] is the verb. operands: how many words stand between the
 * options and PROG (ADDR of walk); they are left in ret_operand. Returns -1, or the exit status. */
int session_options(struct options *o, int argc, char **argv, const char **ret_operand,
		    int *ret_at);

/* All of a run. argv: PROG and its arguments. Returns the exit status; if the program was killed by
 * a signal, dies of the same one. */
int session_main(const struct options *o, const struct session_hooks *hooks, void *ctx,
		 char **argv);

/* The processes to look at, by --pid: in pid order. */
bool session_wants(const struct session *s, const struct process *p);
/* "mem": the last part of the program's path. */
const char *process_name(const struct process *p);
/* Has it a program and an address space? */
bool process_alive(const struct process *p);

#endif
