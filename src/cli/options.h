/* SPDX-License-Identifier: MIT */
/* options.h - what stands between the verb and PROG
 *
 * Options stop at the first word that is none, or at "--". Every value is checked here, so that the
 * verbs need not. Strings point into argv.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "kernel/kernel.h"
#include "observe/trace.h"
#include "store/device.h"
#include "vm/local.h"

/* Sets of verbs, for options.def. */
enum option_verbs {
	RUN = 1 << 0,
	TRACE = 1 << 1,
	STAT = 1 << 2,
	MAPS = 1 << 3,
	WALK = 1 << 4,
	FRAMES = 1 << 5,
	PAGETABLE = 1 << 6,
	SMAPS = 1 << 7,
	STORY = 1 << 8,
	EXPLAIN = 1 << 9,
	SHELL = 1 << 10,
	RUNS = RUN | SHELL,
	LOOK = MAPS | SMAPS | WALK | PAGETABLE | FRAMES | STORY | EXPLAIN,
	JSON = STAT | LOOK,
	OBSERVE = TRACE | JSON,
	ALL = RUNS | OBSERVE,
	NOSHELL = RUN | OBSERVE,
};

/* When a looking verb looks. */
enum at { AT_EXIT, AT_FUNCTION, AT_FAULT, AT_CALL, AT_TIME };

enum {
	BINDS_MAX = 32,
	ENVS_MAX = 256,
	EXPECTS_MAX = 32,
	TRACE_PATHS_MAX = 32,
	COPIES_MAX = 1000,
	SWAPS_MAX = 8,
	PID_FIRST = 0,
	PID_ALL = -1
};

struct options {
	enum option_verbs verb;
	uint64_t memory, va, brk, seed, for_time, timeout, cpu_limit; /* times: ns, 0: no end */
	uint64_t every; /* ns of virtual time; 0: not asked for */
	enum mmu_mode mmu;
	bool eager, clock_real, clock_given, net_host, clean_env, tty, verbose, json, jsonl, brief, all, color;
	bool pid_given;
	enum overcommit overcommit;
	unsigned overcommit_ratio; /* 0: as Linux */
	unsigned fault_around, copies, drop_mappings;
	const struct policy_ops *policy;
	const char *policy_params;
	const char *like;     /* what --like has set: "linux: --fault-around 16"; NULL: it was not given */
	char like_words[128]; /* values that it set point into this */
	bool exact_refs;
	struct local_config local;
	unsigned swap_cluster, swap_readahead;
	uint32_t low, high; /* --cleaner, frames */
	const char *swap[SWAPS_MAX]; /* for store_open; store_parse has found nothing wrong with them */
	unsigned swaps;
	struct device_model swap_device;
	char *root; /* owned; NULL: the default */
	bool root_writable;
	const char *user; /* --user; NULL: who runs this */
	const char *home; /* a guest directory that is made for this run; NULL: none */
	char *workdir;
	struct kernel_bind bind[BINDS_MAX]; /* strings owned */
	unsigned binds;
	const char *env[ENVS_MAX];
	unsigned envs;
	const char *expect[EXPECTS_MAX];
	unsigned expects;
	enum at at;
	const char *at_name; /* function or call */
	uint64_t at_number;  /* fault number, ns */
	int32_t pid;         /* or PID_FIRST, PID_ALL */
	const char *filter, *output;
	const char *trace_path[TRACE_PATHS_MAX];
	unsigned trace_paths, day_times; /* how often -t was given */
	struct trace_times times;
	bool decode_fds, summary, summary_only;
	uint32_t string_limit; /* 0: as strace */
	const char *core; /* NULL: as RLIMIT_CORE says */
	const char *gdb; /* where a debugger connects; NULL: nowhere */
};

/* Reads options of argv from argv[*at] on, and leaves *at at the first word that is none. Returns
 * -1: go on; else the exit status: an option was wrong, or help was asked for. */
int options_parse(struct options *o, int argc, char **argv, int *at);
void options_init(struct options *o, enum option_verbs verb);
void options_finish(struct options *o);

/* The options of a verb as text for a terminal. */
void options_help(FILE *f, enum option_verbs verb);
/* By name; 0: it is no verb that runs programs. */
enum option_verbs options_verb(const char *name);

#endif
