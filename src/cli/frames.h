/* SPDX-License-Identifier: MIT */
/* frames.h - who owns each physical frame
 *
 * A look goes through all frames once, in order, and keeps runs of neighbours with one owner; the
 * printers in frames_text.c know nothing of the machine.
 */
#ifndef CLI_FRAMES_H
#define CLI_FRAMES_H

#include <stdio.h>

#include "vm/mm.h"

/* Frames first to first + count - 1. */
struct frame_run {
	uint32_t first, count;
	enum frame_state state;
	enum frame_kind kind;
	char owner[128]; /* "" for free and reserved ones */
	/* What of the owner's they hold, if that goes up by one from frame to frame: the first and
	 * the last page's address, or for a file its number. */
	bool placed;
	uint64_t from, to;
};

struct frames_look {
	uint64_t time;                              /* virtual, ns */
	uint32_t frames;                            /* of the machine */
	uint32_t free, reserved, kind[FRAME_KINDS]; /* counted; the sum is frames */
	unsigned runs;
	struct frame_run *run; /* none with --every */
};

void frames_print(FILE *f, const struct frames_look *l);
/* One line for a look, after the one that names the columns. */
void frames_print_header(FILE *f);
void frames_print_line(FILE *f, const struct frames_look *l);
void frames_print_json(FILE *f, const struct frames_look *l, unsigned count);

#endif
