/* SPDX-License-Identifier: MIT */
/* region_text.h - the regions of a process as /proc/PID/maps names them
 *
 * The kernel writes that text; this reads it, so that there is one place that knows the names.
 */
#ifndef CLI_REGION_TEXT_H
#define CLI_REGION_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct process;

struct region_line {
	uint64_t start, end, offset, inode;
	char perms[5]; /* "r-xp" */
	char device[16];
	char *name; /* "" for anonymous memory */
};

struct region_lines {
	unsigned count;
	struct region_line *line;
	char *text; /* the whole of maps; the names point into it */
};

/* Returns 0 or a negative errno. */
int region_lines_read(struct kernel *k, struct process *p, struct region_lines *ret_lines);
void region_lines_finish(struct region_lines *l);
/* The line that contains va, or NULL. */
const struct region_line *region_lines_at(const struct region_lines *l, uint64_t va);
/* "libc.so.6 text", "[heap]", "anonymous memory": the last part of the name and what it is used
 * for. */
void region_describe(const struct region_line *l, char *ret_text, unsigned size);

#endif
