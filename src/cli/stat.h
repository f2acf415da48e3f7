/* SPDX-License-Identifier: MIT */
/* stat.h - the figures of a run: folds of its events, and what the machine had at its end */
#ifndef CLI_STAT_H
#define CLI_STAT_H

#include <stdint.h>
#include <stdio.h>

#include "observe/paging.h"
#include "vm/event.h"

/* Of one process as it ended, or of all together. */
struct figures {
	int32_t pid; /* 0: the total */
	char name[32];
	struct tally tally;
	uint64_t instructions, time; /* time: ns of virtual time from start to end */
	uint64_t resident_peak;      /* pages */
	uint64_t tables, tables_shared, zero_pages, shared_pages;
	struct paging_counts paging;
};

enum { PROCESSES_KEPT = 10000 };

struct run_figures {
	uint64_t ended;		 /* processes; all are in the total */
	unsigned count, room;	 /* those that have figures of their own: the first PROCESSES_KEPT, and expect_pid */
	struct figures *process; /* in pid order once the run is over */
	struct figures total;
	struct paging paging;
	uint64_t forks, frames_used, frames;
	const char *like, *command;
	int32_t expect_pid; /* PID_ALL, or none: the total */
};

void stat_print(FILE *f, const struct run_figures *st);
void stat_print_json(FILE *f, const struct run_figures *st);

/* A figure by the name that stat prints for it, such as cow-copy, minor, instructions. Returns 0 or
 * -EINVAL. */
int stat_figure(const struct run_figures *st, const struct figures *g, const char *name,
		uint64_t *ret_value);
/* "cow-copy<=512". Returns 1: it holds; 0: it does not, after saying so; -EINVAL: it means nothing,
 * after saying why. */
int stat_expect(const struct run_figures *st, const struct figures *g, const char *expect);

#endif
