/* SPDX-License-Identifier: MIT */
/* gdb.h - run -g: a debugger drives the machine; what "monitor" says is said here
 *
 *	gdb_open   before the machine exists: the port is ours, or the run does not begin
 *	gdb_start  the first program is there and has not run: waits for whoever connects
 *	gdb_run    instead of kernel_run
 */
#ifndef CLI_GDB_H
#define CLI_GDB_H

#include <stdint.h>

#include "cli/session.h"

struct gdb;

/* spec: "1234", ":1234", "unix:PATH" or "-". Returns -1, or the exit status after saying why. */
int gdb_open(const char *spec, struct gdb **ret_gdb);
void gdb_close(struct gdb *g);
int gdb_start(struct gdb *g, struct session *s);
/* The machine goes next: lets it go. */
void gdb_stop(struct gdb *g);
enum kernel_stop gdb_run(struct gdb *g, uint64_t until);
/* Would the program run if nobody had stopped it? Then Ctrl-C is the program's. */
bool gdb_runs(const struct gdb *g);
/* Has nobody connected, or not again? */
bool gdb_waits(const struct gdb *g);
void gdb_seen(struct gdb *g, const struct event *e);

#endif
