/* SPDX-License-Identifier: MIT */
/* stall.h - how much time tasks lose by waiting for the processor, for memory, for its transfers
 *
 * Linux's pressure stall information (Weiner 2018), in virtual time:
 *
 *		some: one task at least		full: and nobody got anything done
 *	cpu	another has the processor	(never of the whole machine)
 *	memory	waits for a page that		...
 *	io	the paging system moves		...
 *
 * A machine whose pages come from swap alone waits for memory where it waits for transfers, so that the two
 * are the same here; files are read by the host, in no time.
 *
 * Averages are moved on every two seconds, as on Linux, by what was lost in them.
 */
#ifndef KERNEL_STALL_H
#define KERNEL_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

enum stall_kind { STALL_CPU, STALL_MEMORY, STALL_KINDS };
enum { STALL_SOME, STALL_FULL, STALL_PARTS, STALL_AVERAGES = 3 };

struct stalls {
	unsigned waiting; /* tasks that wait for a frame's transfer: wait.c counts them */
	uint64_t now;	  /* up to when all is counted */
	uint64_t due, begun; /* when averages are moved next; when the time that they are of began */
	struct {
		uint64_t total, before; /* ns; of that, what averages know already */
		uint64_t average[STALL_AVERAGES]; /* over 10, 60, 300 s: percent, 11 bits behind the point */
	} of[STALL_KINDS][STALL_PARTS];
};

/* Moves the averages, when that is due. */
void stall_look(struct stalls *s);

/* ns went by. busy: a task ran; more: others would have. */
static inline void stall_pass(struct stalls *s, uint64_t ns, bool busy, bool more)
{
	s->now += ns;
	if (busy && more)
		s->of[STALL_CPU][STALL_SOME].total += ns;
	if (s->waiting)
		s->of[STALL_MEMORY][STALL_SOME].total += ns;
	if (s->waiting && !busy)
		s->of[STALL_MEMORY][STALL_FULL].total += ns;
	if (unlikely(s->now >= s->due))
		stall_look(s);
}

#endif
