/* SPDX-License-Identifier: MIT */
/* sys_xattr.c - extended attributes
 *
 * Attributes named user.* of files and directories of the host are the host's, where it keeps any; a tmpfs
 * keeps them in Carrel. security.capability says what a program may (owners.h). There are no others: those of
 * the namespaces trusted and system, and the rest of security, are never there, and cannot be set. Only what
 * the guest may have is ever asked of the host.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/event/inotify.h"
#include "kernel/file/attributes.h"
#include "kernel/file/fd.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

enum { VALUE_MAX = 65536, FLAGS = 3 };

static bool is_user(const char *name)
{
	return strncmp(name, "user.", 5) == 0 && name[5];
}

static bool is_capability(const char *name)
{
	return strcmp(name, ATTRIBUTE_CAPABILITY) == 0;
}

static bool is_known(const char *name)
{
	static const char *const spaces[] = {"trusted.", "security.", "system.posix_acl_"};
	for (size_t i = 0; i < array_size(spaces); i++)
		if (strncmp(name, spaces[i], strlen(spaces[i])) == 0)
			return true;
	return false;
}

static int read_name(struct task *t, uint64_t va, char ret_name[NAME_SIZE])
{
	int n = uaccess_string(t, ret_name, va, NAME_SIZE);
	if (n == -ENAMETOOLONG || n == 0)
		return -ERANGE;
	return n < 0 ? n : 0;
}

/* Can it have attributes, and may they be read (written)? */
static int attribute_check(const struct place *at, struct task *t, const char *name, bool write)
{
	mode_t type = at->stat.st_mode & S_IFMT;
	bool none = at->file || at->synthetic || !at->mount->ops->xattr;
	if (is_capability(name)) {
		if (none || S_ISLNK(at->stat.st_mode))
			return write ? -EOPNOTSUPP : -ENODATA;
		if (!write)
			return 0;
		return at->mount->readonly ? -EROFS : task_can(t, CAP_SETFCAP) ? 0 : -EPERM;
	}
	if (!is_user(name))
		return !is_known(name) ? -EOPNOTSUPP : write ? -EOPNOTSUPP : -ENODATA;
	if (write && !at->file && (at->mount->readonly || at->synthetic))
		return -EROFS;
	if (type != S_IFREG && type != S_IFDIR)
		return write ? -EPERM : -ENODATA;
	int err = place_access(at, t, write ? W_OK : R_OK);
	if (err)
		return err;
	return none ? -EOPNOTSUPP : 0;
}

static int64_t get(struct task *t, const struct place *at, const uint64_t a[6])
{
	char name[NAME_SIZE];
	int64_t n = read_name(t, a[1], name);
	size_t size = min_u64(a[3], VALUE_MAX);
	if (!n)
		n = attribute_check(at, t, name, false);
	if (n)
		return n;
	void *value = malloc(size ? size : 1);
	n = value ? at->mount->ops->xattr(at, XATTR_GET, name, value, size, 0) : -ENOMEM;
	if (n > 0 && size) {
		int err = uaccess_write(t, a[2], value, (size_t)n);
		n = err ? err : n;
	}
	free(value);
	return n;
}

static int64_t set(struct task *t, const struct place *at, const uint64_t a[6])
{
	char name[NAME_SIZE];
	void *value = NULL;
	if ((uint32_t)a[4] & ~(uint32_t)FLAGS)
		return -EINVAL;
	int64_t n = read_name(t, a[1], name);
	if (!n && a[3] > VALUE_MAX)
		n = -E2BIG;
	if (!n && a[3]) {
		value = malloc(a[3]);
		n = value ? uaccess_read(t, value, a[2], a[3]) : -ENOMEM;
	}
	if (!n)
		n = attribute_check(at, t, name, true);
	struct cred_file caps;
	if (!n && is_capability(name))
		n = capability_read(value, (int64_t)a[3], &caps);
	if (!n)
		n = at->mount->ops->xattr(at, XATTR_SET, name, value ? value : "", a[3], (int)a[4]);
	free(value);
	if (!n)
		inotify_place(at, EVENT_ATTRIB);
	return n;
}

/* Only those that it may have are the guest's to see. */
static int64_t list(struct task *t, const struct place *at, const uint64_t a[6])
{
	size_t size = min_u64(a[2], VALUE_MAX), done = 0;
	if (at->file || at->synthetic || !at->mount->ops->xattr || S_ISLNK(at->stat.st_mode))
		return 0;
	char *names = malloc(VALUE_MAX);
	int64_t n = names ? at->mount->ops->xattr(at, XATTR_LIST, NULL, names, VALUE_MAX, 0) : -ENOMEM;
	for (int64_t i = 0; i < n;) {
		size_t length = strlen(names + i) + 1;
		if (is_user(names + i) || is_capability(names + i)) {
			memmove(names + done, names + i, length);
			done += length;
		}
		i += (int64_t)length;
	}
	if (n == -EOPNOTSUPP)
		n = 0;
	if (n >= 0)
		n = size && done > size ? -ERANGE : (int64_t)done;
	if (n > 0 && size) {
		int err = uaccess_write(t, a[1], names, done);
		n = err ? err : n;
	}
	free(names);
	return n;
}

static int64_t remove_one(struct task *t, const struct place *at, const uint64_t a[6])
{
	char name[NAME_SIZE];
	int64_t n = read_name(t, a[1], name);
	if (!n)
		n = attribute_check(at, t, name, true);
	if (!n)
		n = at->mount->ops->xattr(at, XATTR_REMOVE, name, NULL, 0, 0);
	if (!n)
		inotify_place(at, EVENT_ATTRIB);
	return n;
}

typedef int64_t operation(struct task *t, const struct place *at, const uint64_t a[6]);

static int64_t by_path(struct task *t, const uint64_t a[6], unsigned flags, operation *what)
{
	struct place at;
	int err = path_find_user(t, ABI_AT_FDCWD, a[0], flags, &at);
	return err ? err : what(t, &at, a);
}

static int64_t by_file(struct task *t, const uint64_t a[6], operation *what)
{
	struct place at;
	const struct file *f = fd_get(t->process->files, (int)a[0]);
	if (!f || (f->flags & ABI_O_PATH))
		return -EBADF;
	int err = path_find(t->process->kernel, t, (int)a[0], "", FIND_EMPTY, &at);
	return err ? err : what(t, &at, a);
}

#define CALLS(call, what)                                                                          \
	int64_t sys_##call(struct task *t, const uint64_t a[6])                                    \
	{                                                                                          \
		return by_path(t, a, FIND_FOLLOW, what);                                           \
	}                                                                                          \
	int64_t sys_l##call(struct task *t, const uint64_t a[6])                                   \
	{                                                                                          \
		return by_path(t, a, 0, what);                                                     \
	}                                                                                          \
	int64_t sys_f##call(struct task *t, const uint64_t a[6])                                   \
	{                                                                                          \
		return by_file(t, a, what);                                                        \
	}

CALLS(getxattr, get)
CALLS(setxattr, set)
CALLS(listxattr, list)
CALLS(removexattr, remove_one)
