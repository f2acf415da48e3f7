/* SPDX-License-Identifier: MIT */
/* exec.h - a program's first memory, between exec.c and exec_stack.c
 *
 *	top   8 zero bytes
 *	      the program's path, environment strings, argument strings
 *	      16 random bytes
 *	      auxv, envp, argv, argc          <- sp
 *	      room for the first calls
 *	      the stack's limit
 */
#ifndef KERNEL_EXEC_H
#define KERNEL_EXEC_H

#include "kernel/program/elf.h"
#include "vm/space.h"

struct cred;
struct file;
struct task;

/* Arguments as they are passed on through scripts: strings that somebody else owns. */
struct exec_strings {
	const char **list; /* NULL-terminated */
	unsigned count;
};

struct exec {
	struct task *task;
	struct kernel *kernel;
	struct file *file; /* the ELF file, with a reference */
	const char *path;  /* as execve was told */
	struct exec_strings argv, env;
	char *owned[16]; /* strings that scripts added */
	unsigned owned_count;
	bool begun; /* its space is being made: Linux could not go back any more */
	bool say; /* a person started it and wants to know why it cannot be */
	struct elf elf, interpreter;
	uint64_t bias, interpreter_bias, end;
	struct space *space;
	struct cred *cred; /* who the program will be */
	bool readable;	   /* by who starts it */
	bool secure;	   /* it gets more than who started it had */
	uint64_t stack_limit;
	uint64_t sp, arg_start, arg_end, env_end;
	uint64_t auxv[64];
	unsigned auxv_words;
};

/* Checks argv and env against Linux's limits: 0 or -E2BIG. */
int exec_strings_check(const struct exec *x);
/* Maps the stack and fills it. Returns 0, -ENOMEM, -EAGAIN (wait). */
int exec_stack(struct exec *x);
/* Bytes into the memory of a program that does not run yet; NULL: zeros. Returns 0, -ENOMEM,
 * -EFAULT, -EAGAIN. */
int exec_write(struct kernel *k, struct space *s, uint64_t va, const void *bytes, size_t size);
/* #!: as long as x->file is a script, its interpreter takes its place. 0, -ENOEXEC, -ELOOP, ... */
int exec_scripts(struct exec *x);

#endif
