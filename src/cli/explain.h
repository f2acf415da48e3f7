/* SPDX-License-Identifier: MIT */
/* explain.h - the run told step by step, as a textbook tells it, with the numbers of this run
 *
 *	explain.c         the verb: which event goes to whom, and what is printed of it
 *	explain_step.c    steps: a title, sentences, rows, and the events that they were told from
 *	explain_space.c   execve and its regions, brk, libraries, fork, what is shared, the end
 *	explain_touch.c   page faults: the first of each kind, copy-on-write, those inside the kernel
 *	explain_call.c    system calls: the write whose buffer is translated, the read that faults
 *	explain_death.c   why it died, and what to do
 *
 * A step is told while its event happens, since only then the machine is as it was: tables can be
 * walked, registers read. What is told only once for each process is remembered in its struct
 * tale; what all tales need, in struct explain.
 *
 * Nothing of the machine is changed. Memory that runs out makes a tale shorter, and is said.
 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"
#include "base/text.h"
#include "cli/session.h"
#include "observe/keys.h"

/* --- steps ----------------------------------------------------------------------------------- */

/* body: sentences, in paragraphs that end with a newline; a line that begins with a tab is a row
 * of a table, printed as it is. */
struct step {
	const char *kind; /* for --json: "execve", "touch", "fork"... */
	uint64_t time;
	struct text title, body;
	json_t *events; /* NULL without --json */
};

/* What backs an address, in the words of a textbook. */
enum part {
	PART_NONE,
	PART_TEXT,
	PART_CONSTANTS,
	PART_DATA,
	PART_BSS,
	PART_HEAP,
	PART_STACK,
	PART_ANONYMOUS,
	PART_SHARED,
	PART_KERNEL,
	PARTS
};

/* Whose file: of the program, of its loader, of anything else. */
enum role { ROLE_NONE, ROLE_PROGRAM, ROLE_LOADER, ROLE_OTHER, ROLES };

struct place {
	enum part part;
	enum role role;
	const struct region *region; /* NULL: none */
	char name[96];               /* "libc.so.6 text", "[stack]" */
};

/* What a process gave back between two events of it. */
struct given {
	uint64_t frames[FRAME_KINDS];
};

struct unmapped {
	uint64_t start, end, time;
};

enum { UNMAPPED_MAX = 64 };

/* All that is told of one process. */
struct tale {
	int32_t pid, parent;
	char name[32];
	unsigned steps, room;
	struct step **step;
	struct step *touches; /* the step that rows of faults go to; NULL: a new one is begun */
	bool skipped;         /* --pid is about another */
	int32_t like;         /* pid of an earlier tale that tells the same; 0: none */
	bool begun;           /* how it began was told */
	bool executed;        /* a program was loaded */
	uint64_t making;    /* serial number of the address space that execve is filling; 0: none */
	bool ran;           /* its first instruction was told */
	bool ended, closed; /* closed: nothing more is told */
	uint32_t program, loader; /* serial numbers of their files */
	/* What is told only once. */
	bool told[ROLES][PARTS][CAUSES][AGENTS];
	bool told_write, told_read[2], told_heap, told_map, told_fork, told_copy, told_reuse,
	    told_signal, told_evict[2], told_swap_in, told_thread;
	unsigned libraries, forks, rows, faults_told;
	/* The system call that it is in. */
	uint64_t call;
	bool in_call;
	int32_t call_tid; /* which thread: of several, the one that called last */
	struct text call_text;
	struct step *call_step; /* to be finished when it returns */
	unsigned call_faults;   /* by the kernel, since it began */
	/* What happened since the last event that was told. */
	unsigned tables_taken;
	bool unshared;
	uint32_t unshared_frame;
	/* For the death. */
	struct unmapped unmapped[UNMAPPED_MAX];
	unsigned unmapped_count;
	struct step death; /* of the last fatal fault: kind NULL: none */
	int64_t signal, signal_sender;
	uint64_t signal_addr;
	struct text sentence;
	/* The end. */
	struct given before;
	int status;
	struct tally tally;
	uint64_t instructions, started, over;
};

/* Is the thread of e in the call that the tale knows? */
static inline bool tale_in_call(const struct tale *t, const struct event *e)
{
	return t->in_call && t->call_tid == e->tid;
}

/* --- the whole ------------------------------------------------------------------------------- */

struct explain {
	struct session *session;
	bool all;
	struct sparse by_pid; /* of struct tale */
	unsigned tales, room;
	struct tale **tale;  /* in the order in which they began */
	struct keys pages;   /* which frame a page is in, and who had it brought in */
	struct given given;  /* frames that were freed since the last event of another kind */
	struct tale *ending; /* whose frames they are */
	/* Said once in a run: what a first touch is, what mapping a library is, what a trap is. */
	bool taught_touch, taught_library, taught_trap;
	bool failed;
};

/* explain_step.c */
struct step *step_begin(struct explain *x, struct tale *t, const char *kind, uint64_t time,
			const char *title, ...) __attribute__((format(printf, 5, 6)));
void step_says(struct step *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a paragraph. */
void step_break(struct step *s);
void step_row(struct step *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void step_event(struct step *s, const struct event *e);
void step_finish(struct step *s);
void step_print(FILE *f, const struct step *s, unsigned number);
json_t *step_json(const struct step *s);
/* A sentence of its own, wrapped as those of steps. */
void explain_wrap(FILE *f, const char *text, unsigned indent);

/* "5 pages", "1 page" */
const char *plural(uint64_t n);
void place_find(struct explain *x, const struct tale *t, struct process *p, uint64_t va,
		struct place *ret_place);
/* The walk of va, a row for each level. Returns whether it arrives, and where. */
bool step_walk(struct explain *x, struct step *s, struct process *p, uint64_t va,
	       uint64_t *ret_physical);
/* "at main+0x8 (mem.c:9)", "at 0x1040 in mem text" */
void add_place(struct explain *x, const struct tale *t, struct process *p, uint64_t pc,
	       struct text *to);
/* "sd zero,8(zero) at main+0x8 (mem.c:9)"; the instruction is left out where it cannot be read. */
void add_instruction(struct explain *x, const struct tale *t, struct process *p, uint64_t pc,
		     struct text *to);

/* explain_space.c */
/* "rw-p" */
void region_perms(const struct region *r, char ret_text[5]);
void explain_exec(struct explain *x, struct tale *t, struct process *p, const struct event *e);
void explain_map(struct explain *x, struct tale *t, struct process *p, const struct event *e);
/* The child begins; e: the event of its parent. */
void explain_begin(struct explain *x, struct tale *t, const struct event *e);
/* The child begins in the address space of its parent: vfork. */
void explain_borrow(struct explain *x, struct tale *t, const struct event *e);
void explain_fork(struct explain *x, struct tale *t, struct process *p, const struct event *e);
void explain_thread(struct explain *x, struct tale *t, const struct event *e);
/* What the pages of its files are shared with, and what it has. */
void explain_shared(struct explain *x, struct tale *t, struct process *p, uint64_t time);
void explain_exit(struct explain *x, struct tale *t, struct process *p, const struct event *e);
/* The frames that its end gave back are all counted. */
void explain_given(struct explain *x, struct tale *t);

/* explain_touch.c */
void explain_fault(struct explain *x, struct tale *t, struct process *p, const struct event *e);

/* explain_call.c */
void explain_enter(struct explain *x, struct tale *t, struct process *p, const struct event *e);
void explain_return(struct explain *x, struct tale *t, struct process *p, const struct event *e);
/* The title of what a call does: write(1, "hi\n", 3), or only its name where that is too long; and
 * about. */
void add_call(const struct tale *t, const char *about, struct text *to);

/* explain_death.c */
void explain_fatal(struct explain *x, struct tale *t, struct process *p, const struct event *e);
void explain_death(struct explain *x, struct tale *t, struct process *p, const struct event *e);

#endif
