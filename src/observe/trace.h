/* SPDX-License-Identifier: MIT */
/* trace.h - events as strace would print them
 *
 *	[pid 2] read(3,  <unfinished ...>
 *	[pid 2] --- page_fault {kind=minor, cause=zero-fill, ...} ---
 *	[pid 2] <... read resumed> "..."..., 100000) = 100000
 *
 * Lines name the thread, as strace -f does: a process's first thread has its number. A call is a state
 * of its thread:
 *
 *	          enter              another line comes between
 *	NONE ------------>  OPEN  ----------------------------->  CUT
 *	  ^                   | exit: the rest                     | exit: "<... resumed>", the rest
 *	  +-------------------+------------------------------------+
 *
 * At most one call is OPEN: its line has begun and its newline is still to come. What is written
 * depends on the events alone.
 */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "vm/event.h"

/* What is shown. Signals and exits are, unless others are asked for by these names. */
struct trace_filter {
	bool faults, calls, signals, exits;
	bool by_call, by_cause; /* only those below */
	bool call[512], cause[CAUSES];
};

struct trace_call {
	int32_t tid;
	uint64_t number;
	bool cut;
	bool ends_args; /* nothing is left of its arguments */
	struct trace_call *next;
};

struct trace {
	void (*write)(void *ctx, const char *bytes, size_t size);
	void *ctx;
	struct trace_filter filter;
	bool color;
	/* The command line of those that were not started by a call. */
	char **argv;
	unsigned envc;
	int32_t spawned; /* a process that was made for one of those; 0: none */
	struct trace_call *calls; /* those that are not NONE */
	struct trace_call *open;
	size_t column;       /* of the open line */
};

/* words: "faults,mmap,cow-copy", or NULL for everything. Returns 0, or -EINVAL with the word that
 * means nothing in ret_word (64 bytes). */
int trace_filter_parse(const char *words, struct trace_filter *ret_filter, char *ret_word);
/* Is it shown? */
bool trace_wants(const struct trace_filter *f, const struct event *e);

void trace_event(struct trace *tr, const struct event *e);
/* Ends the line that is open. */
void trace_finish(struct trace *tr);

#endif
