/* SPDX-License-Identifier: MIT */
/* streams.h - the three descriptors that Carrel was started with
 *
 * Any of them may be closed. What Carrel opens later must not get its number: a program inside
 * would read and write that instead.
 */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

/* Before anything is opened: closed ones become descriptors that can be neither read nor written, and
 * that no program is given. */
void streams_hold(void);

/* Files that a program inside has open are open here: as many as the host allows, not the 1024 that a
 * shell begins with. */
void streams_widen(void);

/* The last thing of a verb: what was printed has to have arrived. Returns the status to end with. */
int streams_finish(int status);

#endif
