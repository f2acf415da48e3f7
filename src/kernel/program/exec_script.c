/* SPDX-License-Identifier: MIT */
/* exec_script.c - "#!interpreter one-argument": becomes interpreter one-argument path arguments */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/kernel.h"
#include "kernel/program/exec.h"

/* Linux's: bytes of the first line that count, and interpreters of interpreters. */
enum { LINE_SIZE = 256, DEPTH_MAX = 5 };

struct line {
	char text[LINE_SIZE + 1];
	char *interpreter, *argument; /* into text; argument may be NULL */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Returns 1, 0: no script, or -ENOEXEC: a script that names nobody. */
static int line_parse(struct line *l, size_t size)
{
	if (size < 2 || l->text[0] != '#' || l->text[1] != '!')
		return 0;
	l->text[size] = 0;
	char *end = memchr(l->text, '\n', size), *p = l->text + 2;
	bool whole = end || size < LINE_SIZE;
	if (!end)
		end = l->text + strlen(l->text);
	while (end > p && blank(end[-1]))
		end--;
	*end = 0;
	while (blank(*p))
		p++;
	if (!*p)
		return -ENOEXEC;
	l->interpreter = p;
	while (*p && !blank(*p))
		p++;
	/* A name that was cut could be that of something else. */
	if (!*p && !whole)
		return -ENOEXEC;
	l->argument = NULL;
	if (*p) {
		*p++ = 0;
		while (blank(*p))
			p++;
		l->argument = *p ? p : NULL;
	}
	return 1;
}

static const char *own(struct exec *x, const char *s)
{
	char *copy = strdup(s);
	if (copy)
		x->owned[x->owned_count++] = copy;
	return copy;
}

/* argv[0] makes room for what the script's line and path say. */
static int prepend(struct exec *x, const struct line *l, const char *path)
{
	const char **list = calloc(x->argv.count + 4, sizeof(*list));
	unsigned n = 0;
	if (!list)
		return -ENOMEM;
	list[n++] = own(x, l->interpreter);
	if (l->argument)
		list[n++] = own(x, l->argument);
	list[n++] = own(x, path);
	for (unsigned i = 0; i < n; i++)
		if (!list[i]) {
			free(list);
			return -ENOMEM;
		}
	for (unsigned i = 1; i < x->argv.count; i++)
		list[n++] = x->argv.list[i];
	free(x->argv.list);
	x->argv.list = list;
	x->argv.count = n;
	return 0;
}

int exec_scripts(struct exec *x)
{
	const char *path = x->path;
	for (unsigned depth = 0;; depth++) {
		struct line l;
		struct file *f;
		int64_t size = file_pread(x->file, l.text, LINE_SIZE, 0);
		if (size < 0)
			return (int)size;
		int r = line_parse(&l, (size_t)size);
		if (r <= 0)
			return r;
		if (depth == DEPTH_MAX)
			return -ELOOP;
		r = path_open_exec(x->task, ABI_AT_FDCWD, l.interpreter, 0, &f);
		if (r != 0) {
			if (x->say && (r == -ENOENT || r == -EACCES))
				kernel_say(x->kernel,
					   "%s starts with #!%s, which the guest's tree %s; -L "
					   "ROOT names a tree that has it",
					   path, l.interpreter,
					   r == -ENOENT ? "has not" : "cannot execute");
			return r;
		}
		r = prepend(x, &l, path);
		if (r != 0) {
			file_put(f);
			return r;
		}
		path = x->argv.list[0];
		file_put(x->file);
		x->file = f;
	}
}
