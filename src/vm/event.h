/* SPDX-License-Identifier: MIT */
/* event.h - one stream of events, from which everything a person sees is folded
 *
 *	EVENT(events, tally, pid, now, fault, .cause = CAUSE_zero_fill, .addr = va);
 *
 * counts the event always, in the total and in the tally of whom it concerns (NULL: nobody's),
 * and tells the observer only when there is one: a predictable branch otherwise. Counting is a
 * fold that is kept up to date: the figures are those of folding the recorded stream, and a test
 * checks that they are.
 *
 * An event has the process and the thread it concerns. The paging system knows spaces and their
 * processes, and no threads: what happens in the process that runs is of the thread that runs, which
 * the kernel says at each switch (events_run); elsewhere tid is pid, a process's first thread. The
 * kernel names the thread itself where it may be another (EVENT_OF).
 *
 * Events name pages by key, the serial name of a page's contents: the same while the contents
 * move between frames, swap slots and files. A key is never reused. 0 is no key.
 */
#ifndef VM_EVENT_H
#define VM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* Who made an access: the program, or the kernel for it inside a system call. Ahead: nobody yet; the
 * page is brought in before it is touched (MAP_POPULATE, mlock, --paging eager). */
enum agent { BY_PROGRAM, BY_KERNEL, BY_AHEAD, AGENTS };

enum cause {
	CAUSE_none,
#define CAUSE(name, text, class, sentence) CAUSE_##name,
#include "vm/causes.def"
#undef CAUSE
	CAUSES
};

enum cause_class { CLASS_minor, CLASS_major, CLASS_fatal };

/* What a frame is used for. */
enum frame_kind {
	FRAME_NONE_KIND,
	FRAME_ANON,   /* a page of private or shared anonymous memory */
	FRAME_FILE,   /* a page of a file: the page cache */
	FRAME_TABLE,  /* a page table */
	FRAME_KERNEL, /* the kernel's own: pipe buffers */
	FRAME_ZERO,   /* the one shared zero frame */
	FRAME_STORE,  /* a store's own: compressed pages */
	FRAME_KINDS
};

/* The C type of each field type of events.def. */
#define F(type, name) EVENT_FIELD_##type name;
#define EVENT_FIELD_u64	   uint64_t
#define EVENT_FIELD_addr   uint64_t
#define EVENT_FIELD_hex	   uint64_t
#define EVENT_FIELD_key	   uint64_t
#define EVENT_FIELD_num	   int64_t
#define EVENT_FIELD_frame  uint32_t
#define EVENT_FIELD_flag   bool
#define EVENT_FIELD_text   const char *
#define EVENT_FIELD_access enum access
#define EVENT_FIELD_agent  enum agent
#define EVENT_FIELD_cause  enum cause
#define EVENT_FIELD_kind   enum frame_kind

#define EVENT(name, text, sentence, fields) struct event_##name { fields };
#include "vm/events.def"
#undef EVENT
#undef F

enum event_kind {
#define EVENT(name, text, sentence, fields) EVENT_##name,
#include "vm/events.def"
#undef EVENT
	EVENTS
};

struct event {
	enum event_kind kind;
	int32_t pid;   /* 0: none */
	int32_t tid;   /* pid: its first thread */
	uint64_t time; /* virtual, ns */
	union {
#define EVENT(name, text, sentence, fields) struct event_##name name;
#include "vm/events.def"
#undef EVENT
	};
};

/* Counts of events, and of faults by cause and by whom. */
struct tally {
	uint64_t event[EVENTS];
	uint64_t cause[CAUSES];
	uint64_t by[AGENTS];
};

/* Where events go. One for a machine; the paging system is given a pointer to it. */
struct events {
	struct tally total;
	bool observed; /* seen is called */
	int32_t pid, tid; /* who runs; 0: nobody */
	void (*seen)(void *ctx, const struct event *e);
	void *ctx;
};

static inline void events_run(struct events *ev, int32_t pid, int32_t tid)
{
	ev->pid = pid;
	ev->tid = tid;
}

static inline int32_t events_thread(const struct events *ev, int32_t pid)
{
	return pid == ev->pid ? ev->tid : pid;
}

/* name: an event of events.def; the rest: its fields, as designated initialisers. tally may be
 * NULL. tid, now: expressions, evaluated only when observed. */
#define EVENT_OF(events_, tally_, pid_, tid_, now_, name, ...)                                     \
	do {                                                                                       \
		struct events *ev_ = (events_);                                                    \
		struct tally *ta_ = (tally_);                                                      \
		ev_->total.event[EVENT_##name]++;                                                  \
		if (ta_)                                                                           \
			ta_->event[EVENT_##name]++;                                                \
		if (unlikely(ev_->observed))                                                       \
			ev_->seen(ev_->ctx, &(struct event){.kind = EVENT_##name,                  \
							    .pid = (pid_),                         \
							    .tid = (tid_),                         \
							    .time = (now_),                        \
							    .name = {__VA_ARGS__}});               \
	} while (0)

#define EVENT(events_, tally_, pid_, now_, name, ...)                                              \
	EVENT_OF(events_, tally_, pid_, events_thread(events_, pid_), now_, name, __VA_ARGS__)

/* The texts of causes.def. */
const char *cause_text(enum cause c);	  /* "zero-fill" */
const char *cause_sentence(enum cause c);
enum cause_class cause_class(enum cause c);

/* Minor and major faults of a tally, as Linux counts them: fatal ones are in neither. */
uint64_t tally_minor(const struct tally *t);
uint64_t tally_major(const struct tally *t);

#endif
