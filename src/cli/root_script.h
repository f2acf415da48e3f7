/* SPDX-License-Identifier: MIT */
/* root_script.h - the commands that a package's script would run, read without running anything
 *
 * Of a shell this knows what such scripts use around a plain command: comments, lines that go on,
 * NAME=WORDS, $NAME and ${NAME}, and for loops over words. Whatever is under a condition is read as if
 * it held. Words that need more than that ($(...), globs) stay as they stand: the reader of a command
 * has to look at its words anyway.
 */
#ifndef CLI_ROOT_SCRIPT_H
#define CLI_ROOT_SCRIPT_H

/* Calls each for every command with the word name in it, once for every turn of the loops around it.
 * command may be changed, and does not outlive the call. text is changed. A script has at most some
 * thousand such turns; what comes after them is left out. */
void script_read(char *text, const char *name, void (*each)(void *ctx, char *command), void *ctx);
/* The same for the scripts of all packages of a root, in the order of their names. */
void scripts_read(const char *dir, const char *name, void (*each)(void *ctx, char *command), void *ctx);

#endif
