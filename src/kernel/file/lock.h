/* SPDX-License-Identifier: MIT */
/* lock.h - advisory locks: flock, and fcntl's record locks
 *
 * A lock lies on a file of the host, named by device and inode, or of the kernel's own, and belongs
 * to an owner: flock's to the open file, fcntl's to the process, that is its table of descriptors, or
 * (F_OFD_SETLK) to the open file, too. They hold among the programs of one machine; the host's own
 * processes do not see them.
 *
 * Ranges [start, end] are bytes, end UINT64_MAX: to the end, whatever that becomes. An owner's
 * ranges on one file do not overlap: a new one replaces what it covers, and is one with its
 * neighbours of the same type. A machine has at most LOCKS_MAX.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct file;
struct fd_table;
struct task;
struct kernel;
struct text;

enum { LOCKS_MAX = 1 << 16 };

enum lock_kind { LOCK_FLOCK, LOCK_RECORD };
enum lock_type { LOCK_READ = 0, LOCK_WRITE = 1, LOCK_NONE = 2 }; /* F_RDLCK, F_WRLCK, F_UNLCK */

struct lock {
	enum lock_kind kind;
	enum lock_type type;
	uint64_t start, end;
	const void *owner; /* the file, or, of RECORD, the table of descriptors */
	int32_t pid;	   /* -1: it is a file's record */
};

/* Sets or, with LOCK_NONE, removes. t not NULL: waits for others' (CALL_WAIT). Returns 0, -EAGAIN,
 * -ENOLCK (no memory, or too many) or -EDEADLK (the owner waits for a lock of t's process already). */
int lock_set(struct file *f, const struct lock *l, struct task *t);
/* The first lock that would keep l out. */
bool lock_conflict(struct file *f, const struct lock *l, struct lock *ret_lock);
/* The open file is gone: its flock; a descriptor of the table is closed: its records. */
void locks_forget_file(struct file *f);
void locks_forget_owner(struct file *f, const struct fd_table *ft);
/* /proc/locks */
void locks_tell(struct kernel *k, struct text *ret_text);

#endif
