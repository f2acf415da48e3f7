/* SPDX-License-Identifier: MIT */
/* sys_unshare.c - a process parts from those with whom clone made it share
 *
 * Threads of one process always share their descriptors and working directory here, so a thread cannot
 * part from the others. Namespaces are refused as by a Linux that was built without.
 */
#include <errno.h>

#include "kernel/call.h"
#include "kernel/cred.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/ipc/ipc.h"
#include "kernel/kernel.h"

int process_unshare_files(struct process *p)
{
	struct fd_table *own;
	if (!fd_table_shared(p->files))
		return 0;
	int r = fd_table_copy(p->files, &own);
	if (r == 0) {
		fd_table_put(p->files);
		p->files = own;
	}
	return r;
}

int64_t sys_unshare(struct task *t, const uint64_t a[6])
{
	const uint64_t VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, THREAD = 0x10000, SYSVSEM = 0x40000,
		       NEWUSER = 0x10000000, NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000;
	struct process *p = t->process;
	uint64_t flags = a[0];
	if (flags & ~(VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | NEWUSER | NAMESPACES))
		return -EINVAL;
	bool alone = p->threads == 1;
	if (flags & (VM | SIGHAND | THREAD | FS | FILES | NEWUSER) && !alone)
		return -EINVAL;
	bool shares_actions = p->signals.actions && p->signals.actions->refs > 1;
	if ((flags & VM && *p->space_refs > 1) || (flags & (VM | SIGHAND) && shares_actions))
		return -EINVAL;
	if (flags & NAMESPACES && !cred_can(t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & (NAMESPACES | NEWUSER))
		return -EINVAL;
	struct fs *fs = NULL;
	int r = flags & FS && fs_shared(p->fs) ? fs_copy(p->fs, &fs) : 0;
	if (r == 0 && flags & FILES)
		r = process_unshare_files(p);
	if (r != 0) {
		if (fs)
			fs_put(fs);
		return r;
	}
	if (fs) {
		fs_put(p->fs);
		p->fs = fs;
	}
	if (flags & SYSVSEM)
		sem_undo_all(p);
	return 0;
}
