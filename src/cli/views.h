/* SPDX-License-Identifier: MIT */
/* views.h - verbs that show each process by itself: maps, smaps, pagetable
 *
 * make is called when a process is looked at. With --json it leaves an object in *ret_json, which
 * gets the process's pid and name; else it adds to ret_text. At the end all are printed in the
 * order of their pids.
 */
#ifndef CLI_VIEWS_H
#define CLI_VIEWS_H

#include <jansson.h>
#include <stdbool.h>

struct process;
struct session;
struct text;

typedef void view_make(struct session *s, struct process *p, struct text *ret_text,
		       json_t **ret_json);

/* All of a verb. titled: a process has a line with its number and name above it where there are
 * several; else make says it itself. first: without --pid only the first process is looked at. */
struct view_kind {
	view_make *make;
	bool titled, first;
};
int views_main(int argc, char **argv, const struct view_kind *kind);

#endif
