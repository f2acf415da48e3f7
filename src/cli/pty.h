/* SPDX-License-Identifier: MIT */
/* pty.h - run -t: a terminal between the program and whatever Carrel's own input and output are
 *
 *	outer terminal <--raw--> parent: relays <--> pty <--> child: the machine, in a new session
 *
 * The line discipline of the pty does what a terminal does: echo, Ctrl-C, window size. The outer
 * terminal is raw meanwhile and is put back however the run ends.
 */
#ifndef CLI_PTY_H
#define CLI_PTY_H

/* Returns twice, as fork does: -1 in the child, which runs the machine on the new terminal; in the
 * parent when that has ended, with the exit status (or it dies of the child's signal). */
int pty_run(void);

#endif
