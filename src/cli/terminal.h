/* SPDX-License-Identifier: MIT */
/* terminal.h - the person's own terminal while a terminal of the machine is shown on it
 *
 * Then it is raw: each key goes to the machine as it is, and what comes from there is shown as it is.
 * It gets its settings back however the run ends, but by SIGKILL.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/* Does nothing where standard input is no terminal. */
void terminal_raw(void);
void terminal_restore(void);
/* Then a line that is written ends with a carriage return, too. */
bool terminal_is_raw(void);
/* Ends as the status of wait4 says: dies of the same signal, or returns the exit status. */
int terminal_end_as(int status);

#endif
