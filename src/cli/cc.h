/* SPDX-License-Identifier: MIT */
/* cc.h - compiling for the guest */
#ifndef CLI_CC_H
#define CLI_CC_H

#include <stddef.h>

/* carrel cc ARGUMENT...: argv[0] is the verb. Does not return when a compiler was found. */
int verb_cc(int argc, char **argv);

/* Compiles one C file to a program in a new private directory, with symbols and frame pointers.
 * Returns 0, when the caller shall call cc_program_remove in the end; else an exit status, after
 * the compiler or this function said what was wrong. */
int cc_program(const char *source, char *ret_program, size_t size);
void cc_program_remove(const char *program);

#endif
