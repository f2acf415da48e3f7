/* SPDX-License-Identifier: MIT */
/* call_path.c - which files a system call is about: by the types of its arguments, before it is done
 *
 * Memory is peeked at only, as in call_show.c, and no file is asked.
 */
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"
#include "kernel/task.h"
#include "vm/space.h"

/* The string at va; false: it cannot be seen, or does not end. */
static bool peek_string(const struct task *t, uint64_t va, char ret_text[PATH_SIZE])
{
	const struct space *space = t->process->space;
	for (size_t got = 0; space && va && got < PATH_SIZE;) {
		uint64_t at = va + got;
		size_t part = min_u64(PATH_SIZE - got, page_down(at) + PAGE_SIZE - at);
		if (!space_peek(space, at, ret_text + got, part))
			return false;
		if (memchr(ret_text + got, 0, part))
			return true;
		got += part;
	}
	return false;
}

static const char *path_of(const struct task *t, int fd)
{
	const struct process *p = t->process;
	if (fd == ABI_AT_FDCWD)
		return p->fs ? fs_cwd(p->fs) : NULL;
	const struct file *f = p->files ? fd_get(p->files, fd) : NULL;
	return f ? f->path : NULL;
}

/* The file that argument n names, or has open; NULL: none. */
static const char *file_of(const struct task *t, const struct call_info *info, unsigned n, char room[PATH_SIZE])
{
	const uint64_t *arg = t->call.arg;
	char name[PATH_SIZE];
	if (info->type[n] == T_fd || info->type[n] == T_dirfd)
		return path_of(t, (int)arg[n]);
	if (info->type[n] != T_path || !peek_string(t, arg[n], name))
		return NULL;
	bool at = n > 0 && info->type[n - 1] == T_dirfd, from_root = *name == '/' && t->process->fs;
	const char *base = from_root ? fs_root(t->process->fs) : path_of(t, at ? (int)arg[n - 1] : ABI_AT_FDCWD);
	return path_join(base ? base : "", name + (from_root ? strspn(name, "/") : 0), room) ? room : NULL;
}

bool call_names_path(struct task *t, const char *path)
{
	const struct call_info *info = call_info(t->call.number);
	char room[PATH_SIZE];
	for (unsigned n = 0; info && info->name && n < info->args; n++) {
		const char *file = file_of(t, info, n, room);
		if (file && strcmp(file, path) == 0)
			return true;
	}
	return false;
}
