/* SPDX-License-Identifier: MIT */
/* pids.h - the processes that have something, to be named in a line: the lowest few and a count */
#ifndef CLI_PIDS_H
#define CLI_PIDS_H

#include <stdint.h>

#include "base/text.h"

enum { PIDS_SHOWN = 8 };

struct pids {
	unsigned count;          /* of all that were added */
	int32_t pid[PIDS_SHOWN]; /* the lowest ones, in order */
};

static inline void pids_add(struct pids *p, int32_t pid)
{
	unsigned i = p->count < PIDS_SHOWN ? p->count : PIDS_SHOWN;
	p->count++;
	if (i == PIDS_SHOWN && pid > p->pid[--i])
		return;
	for (; i > 0 && p->pid[i - 1] > pid; i--)
		p->pid[i] = p->pid[i - 1];
	p->pid[i] = pid;
}

/* "pid 2", "pids 2, 3 and 5 more" */
static inline void pids_text(const struct pids *p, struct text *t)
{
	text_add(t, p->count == 1 ? "pid" : "pids");
	for (unsigned i = 0; i < p->count && i < PIDS_SHOWN; i++)
		text_add(t, "%s%d", i ? ", " : " ", p->pid[i]);
	if (p->count > PIDS_SHOWN)
		text_add(t, " and %u more", p->count - PIDS_SHOWN);
}

#endif
