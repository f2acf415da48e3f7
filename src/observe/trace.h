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

enum { TRACE_CALLS = 512, TRACE_EXECVE = 221 };
#define TRACE_EVERYTHING "faults,calls,signals,exits"

/* What is shown. */
struct trace_filter {
	bool faults, calls, signals, exits; /* all of them */
	bool some_calls;
	bool call[TRACE_CALLS], cause[CAUSES];
};

enum trace_precision { TRACE_NONE, TRACE_S, TRACE_MS, TRACE_US, TRACE_NS };

/* Times in the lines, of the program's clock, as strace writes them; TRACE_NONE: not there. */
struct trace_times {
	enum trace_precision day;  /* -t: the time of day in UTC, */
	bool unix_day;		   /* -ttt: or seconds since 1970 */
	enum trace_precision step; /* -r: since the line before */
	enum trace_precision took; /* -T: how long a call took, behind its result */
};

/* What has come together of one system call. */
struct trace_sum {
	uint64_t calls, errors, ns;
};

struct trace_call {
	int32_t tid;
	uint64_t number, began;
	bool cut;
	bool ends_args; /* nothing is left of its arguments */
	struct trace_call *next;
};

struct trace {
	void (*write)(void *ctx, const char *bytes, size_t size);
	void *ctx;
	struct trace_filter filter;
	/* Of system calls, and of the exec that no call began: is this one shown? Asked as it begins; NULL: all are. */
	bool (*concerns)(void *ctx, const struct event *e);
	bool color;
	bool silent; /* no lines: only the summary is wanted */
	struct trace_times times;
	uint64_t epoch; /* added to an event's time it is the time of day */
	uint64_t now, last; /* the event's; that of the line before, */
	bool begun;	    /* if there was one */
	struct trace_sum sum[TRACE_CALLS + 1]; /* the last: calls that have no name */
	/* The command line of those that were not started by a call. */
	char **argv;
	unsigned envc;
	int32_t spawned; /* a process that was made for one of those; 0: none */
	struct trace_call *calls; /* those that are not NONE */
	struct trace_call *open;
	size_t column;       /* of the open line */
};

/* words: "faults,mmap,cow-copy,%memory"; "!futex,faults": everything else. "trace=" may stand in front.
 * Returns 0, or -EINVAL with the word that means nothing in ret_word (64 bytes). */
int trace_filter_parse(const char *words, struct trace_filter *ret_filter, char *ret_word);
/* Is it shown? */
bool trace_wants(const struct trace_filter *f, const struct event *e);

void trace_event(struct trace *tr, const struct event *e);
/* Ends the line that is open. */
void trace_finish(struct trace *tr);
/* A call that has returned; what has come together of all of them, as strace -c shows it. */
void trace_count(struct trace *tr, uint64_t number, uint64_t took, bool failed);
void trace_add_summary(const struct trace *tr, struct text *t);

#endif
