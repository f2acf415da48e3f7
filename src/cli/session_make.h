/* SPDX-License-Identifier: MIT */
/* session_make.h - a machine and its first programs, as the options say
 *
 * Steps of session_start, in this order. Each returns -1, or the exit status with which the run ends
 * before it began, and has told why. What they make hangs on the session, which gives it back.
 */
#ifndef CLI_SESSION_MAKE_H
#define CLI_SESSION_MAKE_H

#include "cli/session.h"

/* mem.c becomes a program that the guest sees beside its source, as if it had been compiled there. */
int make_program(struct session *s);
/* s->kernel, with its root, what is bound, and its swap. */
int make_machine(struct session *s);
/* -t: the terminal of the machine that is shown on ours. */
int make_terminal(struct session *s);
/* The copies of PROG. */
int make_processes(struct session *s);

#endif
