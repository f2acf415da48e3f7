/* SPDX-License-Identifier: MIT */
/* file.h - open files, descriptors, and the operations behind them
 *
 *	process -> fd_table -> file (open file description: position, flags) -> ops, by what it is
 *
 * What can be opened: files and directories of the host that the guest was given (hostfs.c), pipes
 * (pipe.c), devices (dev.c), terminals (tty.c), the pages of /proc (proc.c). Each is one struct
 * file_ops; operations that a kind has not are NULL and give Linux's errno.
 *
 * read and write move bytes between the file and memory of the host that the caller holds: for
 * system calls the program's pages, held by uaccess; for execve a buffer. They return a count, 0 at
 * the end, a negative errno, or CALL_WAIT after putting t on a queue (t NULL: -EAGAIN instead).
 */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "kernel/wait.h"

struct abi_iovec;
struct cred_file;
struct kernel;
struct task;
struct process;
struct object;
struct file;
struct text;
struct fd_table;
struct fs;
struct place;
struct mount;

struct file_ops {
	/* As /proc/PID/fd shows what has no path: name:[inode], or anon_inode:name of what is no kind of
	 * inode (file_stat_anonymous). */
	const char *name;
	/* What is read and written are records: look is there, and read and write get memory in one
	 * piece, as long as what the program gave (READ_WHOLE at most), even nothing. */
	bool records;
	/* As read, but moves nothing: how many bytes it would give, however many were asked for, so
	 * that memory is touched only where something comes. size: what matters to the caller. NULL:
	 * a read gives all that is asked for. */
	int64_t (*look)(struct file *f, struct task *t, size_t size, uint64_t *pos);
	int64_t (*read)(struct file *f, struct task *t, void *ret_bytes, size_t size,
			uint64_t *pos);
	/* pos NULL, for files that cannot seek: a write that a pipe takes whole or not at all. */
	int64_t (*write)(struct file *f, struct task *t, const void *bytes, size_t size,
			 uint64_t *pos);
	/* read, write and their vectors as a whole, for kinds whose pieces are not to be cut: instead
	 * of look, read and write, which then serve the kernel itself. Keeps its progress in
	 * t->call. */
	int64_t (*transfer)(struct file *f, struct task *t, bool write,
			    const struct abi_iovec *iov, unsigned count);
	/* Size for SEEK_END; NULL: the file cannot seek (-ESPIPE). */
	int (*size)(struct file *f, uint64_t *ret_size);
	int (*stat)(struct file *f, struct stat *ret_stat);
	int (*truncate)(struct file *f, uint64_t size);
	int (*sync)(struct file *f);
	/* The next directory entry at *pos, which moves on. Returns 1, 0 at the end, or -errno. */
	int (*entry)(struct file *f, uint64_t *pos, char ret_name[256], uint64_t *ret_inode,
		     uint8_t *ret_type);
	/* A new position, for kinds that keep their own; NULL: pos is all there is, size says the
	 * end. */
	int64_t (*seek)(struct file *f, int64_t offset, int whence);
	int64_t (*ioctl)(struct file *f, struct task *t, uint64_t request, uint64_t arg);
	/* Which of POLLIN, POLLOUT, POLLERR, POLLHUP hold now, or -ENOMEM; w, if not NULL, first joins
	 * (wait_join) every queue on which a change of that is told. NULL: always ready. */
	int (*poll)(struct file *f, struct waiter *w);
	/* The object whose pages a mapping shows, referenced for the caller. NULL: -ENODEV. */
	int (*object)(struct file *f, struct object **ret_object);
	/* fallocate; mode bits are Linux's, the range was checked. NULL: -EOPNOTSUPP, or -ENODEV for
	 * what cannot seek. */
	int (*allocate)(struct file *f, unsigned mode, uint64_t offset, uint64_t length);
	/* May no new mapping store to it? NULL: it may. */
	bool (*sealed)(struct file *f);
	/* What is changed by name elsewhere, for a file that has none (any more); NULL: -EPERM. The
	 * caller has checked that it is open for writing. */
	int (*chmod)(struct file *f, struct task *t, uint32_t mode);
	int (*chown)(struct file *f, struct task *t, uint32_t uid, uint32_t gid);
	int (*utimens)(struct file *f, struct task *t, const struct timespec times[2]);
	/* Gives it a name; place_may_change has been asked. NULL: -EXDEV. */
	int (*link)(struct file *f, const struct place *to);
	/* Another open file of the same contents, for /proc/PID/fd/N of what has no name; its mode
	 * was asked. NULL: the same one. */
	int (*reopen)(struct file *f, uint32_t flags, struct file **ret_file);
	/* A process begins to execute it (by 1), ceases to (-1), or asks if it could (0): meanwhile
	 * it cannot be opened for writing. -ETXTBSY where it is. NULL: nobody counts. */
	int (*execute)(struct file *f, int by);
	/* The capabilities that it gives to who executes it; untouched where there are none. NULL: none. */
	void (*capability)(struct file *f, struct cred_file *ret_caps);
	/* One of its descriptors is closed. May be NULL. */
	void (*closed)(struct file *f, const struct fd_table *by);
	/* Adds its lines of /proc/PID/fdinfo. NULL: none. */
	void (*info)(struct file *f, struct text *text);
	/* The last reference is gone. */
	void (*release)(struct file *f);
};

struct file {
	unsigned refs;
	const struct file_ops *ops;
	struct kernel *kernel;
	uint32_t flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, ... as F_GETFL gives them */
	uint64_t pos;
	uint64_t serial; /* never reused: which open file a region came from */
	/* As the guest names it, for /proc/PID/fd and maps; follows renames. NULL: none. */
	char *path;
	struct mount *mount;    /* through which it was opened, counted; NULL: path is */
	bool unlinked;          /* path was removed by the guest: "(deleted)" */
	uint8_t write_hint;	/* F_SET_RW_HINT, of what keeps none elsewhere */
	bool created;           /* by the open that made this */
	void *ctx;              /* the kind's own */
	LIST_ENTRY(file) named; /* those with a path, so that a rename finds them */
	LIST_HEAD(, epoll_item) epolls; /* who watches it: see epoll.h */
	struct async *async;		/* who is sent SIGIO: see async.h; NULL: nobody */
};

enum { READ_WHOLE = 65536 };

/* Everything of this header that a machine has one of: namespace, private /tmp, page cache,
 * terminal. files_create comes after mm_create and says why it failed; files_destroy when every
 * process is gone, before mm_destroy. */
int files_create(struct kernel *k);
void files_destroy(struct kernel *k);

/* One reference, the caller's. path is copied. Returns 0 or -ENOMEM; on failure ctx stays the
 * caller's. */
int file_create(struct kernel *k, const struct file_ops *ops, uint32_t flags, const char *path,
		void *ctx, struct file **ret_file);
struct file *file_ref(struct file *f);
void file_put(struct file *f);
/* How much may be written at pos under RLIMIT_FSIZE: makes *size less. Returns 0, or -EFBIG after a
 * SIGXFSZ. t may be NULL: no limit. */
int file_limit(struct task *t, uint64_t pos, size_t *size);
/* May t make a file of this size so large? Returns 0, or -EFBIG after a SIGXFSZ. */
int file_limit_size(struct task *t, uint64_t old, uint64_t size);
/* lseek of what has no end that is known: SEEK_SET and SEEK_CUR move pos. Returns it or -EINVAL. */
int64_t file_seek_within(struct file *f, int64_t offset, int whence);
/* stat of what has neither a name nor a type: eventfds, epolls and their like. */
int file_stat_anonymous(struct file *f, struct stat *ret_stat);
/* Adds what the link of its descriptor says to t: a path, or a description of what has none. */
void file_describe(const struct file *f, const struct task *t, struct text *ret_name);
/* Its descriptor is the program's; access mode, O_CLOEXEC and O_NONBLOCK as flags say. Returns it or
 * -errno; then ctx stays the caller's. */
int64_t file_install_anonymous(struct task *t, const struct file_ops *ops, uint32_t flags, void *ctx);
/* A plain read into host memory at a position: for execve and the like. */
int64_t file_pread(struct file *f, void *ret_bytes, size_t size, uint64_t pos);

/* Descriptors. Counted: CLONE_FILES shares a table. */
int fd_table_create(struct fd_table **ret_table);
int fd_table_copy(const struct fd_table *from, struct fd_table **ret_table);
struct fd_table *fd_table_ref(struct fd_table *ft);
void fd_table_put(struct fd_table *ft);
/* The file of a descriptor, not referenced for the caller; NULL: -EBADF. */
struct file *fd_get(const struct fd_table *ft, int fd);
/* Takes the lowest free descriptor at or above from, below limit; the file's reference passes to
 * the table. Returns it, -EMFILE or -ENOMEM. */
int fd_install(struct fd_table *ft, struct file *f, int from, uint64_t limit, bool cloexec);
/* The same for t's program, from 0 up to its limit; the reference passes in any case. */
int fd_give(struct task *t, struct file *f, bool cloexec);
/* RLIMIT_NOFILE of t's program. */
uint64_t fd_limit(const struct task *t);
int fd_close(struct fd_table *ft, int fd);
void fd_close_on_exec(struct fd_table *ft);

/* The guest's file system as one process sees it: working directory, umask. */
int fs_create(struct kernel *k, const char *cwd, struct fs **ret_fs);
int fs_copy(const struct fs *from, struct fs **ret_fs);
struct fs *fs_ref(struct fs *fs);
void fs_put(struct fs *fs);
const char *fs_cwd(const struct fs *fs);
/* Does another process have it too? */
bool fs_shared(const struct fs *fs);

/* Opens a guest path relative to dirfd (AT_FDCWD: the working directory). Returns 0 or -errno. Also
 * for execve, which asks with for_exec that x permission is checked and that it is a regular file.
 */
int path_open(struct task *t, int dirfd, const char *path, uint32_t flags, uint32_t mode,
	      struct file **ret_file);
/* The same by a walk that is restricted: find is of FIND_RESTRICTED. */
int path_open_within(struct task *t, int dirfd, const char *path, uint32_t flags, uint32_t mode,
		     unsigned find, struct file **ret_file);
int path_open_exec(struct task *t, int dirfd, const char *path, int at_flags,
		   struct file **ret_file);
/* Opens an absolute guest path for reading, for no task: the interpreter of a program. */
int path_open_kernel(struct kernel *k, const char *path, struct file **ret_file);

/* Opens the host's descriptor (0, 1, 2) as a file of the guest: a terminal, pipe or file as it
 * is. */
int file_from_host(struct kernel *k, int host_fd, uint32_t flags, struct file **ret_file);

/* The host got a signal that concerns the terminal: passes it to the foreground group. */
void tty_interrupt(struct kernel *k, int number);

/* What maps says of the file behind an object: its guest path (with " (deleted)" where it is),
 * device and inode. Returns false for objects that are no file. */
bool object_file_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		      uint64_t *ret_inode);

/* Host descriptors that somebody waits for: the idle loop polls those that have waiters. Tasks are
 * woken while there is something; watches when something comes (the host's own epoll tells). */
struct host_watch {
	int fd;
	short events;
	struct kernel *kernel;
	struct wait_queue queue;
	LIST_ENTRY(host_watch) link;
};
void host_watch_add(struct kernel *k, struct host_watch *w);
void host_watch_remove(struct host_watch *w);
struct waiter;
/* For a file's poll, which has found this mask: a task that waits although it can read, or write, does not wait for that,
 * else the host would wake it at once, again and again. Returns as wait_join. */
int host_watch_join(struct waiter *w, struct host_watch *in, struct host_watch *out, int mask);

/* Host descriptors that somebody outside the machine speaks through: looked at with the others,
 * whether or not a task waits. What ready does may add and remove any of them. */
struct host_service {
	int fd;
	short events; /* 0: not now */
	bool awaited; /* as long as it is there the machine may yet be told something */
	void (*ready)(struct host_service *s, short revents);
	LIST_ENTRY(host_service) link;
};
void host_service_add(struct kernel *k, struct host_service *s);
void host_service_remove(struct host_service *s);

/* Contents of /proc/PID/NAME as text; used by the verbs too (maps). Returns 0, -ENOENT or
 * -ENOMEM. */
int proc_text(struct kernel *k, struct process *p, const char *name, struct text *ret_text);

#endif
