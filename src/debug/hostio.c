/* SPDX-License-Identifier: MIT */
/* hostio.c - vFile packets: the files of the guest's tree, for reading
 *
 * gdb asks for them where its sysroot is "target:", which is its default: the program, its libraries
 * and /proc/PID/maps are then those that the program has. Nothing outside of the guest's tree can be
 * named, and nothing is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"

/* The protocol's own numbers. */
static int fileio_errno(int e)
{
	static const uint8_t same[] = {EPERM,  ENOENT, EINTR,  EBADF,  EACCES, EFAULT, EBUSY,  EEXIST, ENODEV,
				       ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, EFBIG,  ENOSPC, ESPIPE, EROFS};
	for (size_t i = 0; i < array_size(same); i++)
		if (same[i] == e)
			return e;
	return e == ENAMETOOLONG ? 91 : 9999;
}

static void fail(struct remote *r, int error)
{
	text_add(&r->reply, "F-1,%x", (unsigned)fileio_errno(error < 0 ? -error : error));
}

/* A path in hex up to a comma or the end. False: it is none. */
static bool path_read(const char **at, char ret_path[PATH_SIZE])
{
	size_t n = 0;
	while (**at && **at != ',') {
		int high = hex_digit((*at)[0]), low = high < 0 ? -1 : hex_digit((*at)[1]);
		if (low < 0 || n == PATH_SIZE - 1)
			return false;
		ret_path[n++] = (char)(high << 4 | low);
		*at += 2;
	}
	ret_path[n] = 0;
	return n > 0 && strlen(ret_path) == n;
}

static void do_open(struct remote *r, const char *at)
{
	char path[PATH_SIZE];
	uint64_t flags;
	int fd = 0;
	if (!path_read(&at, path) || *at++ != ',' || !hex_number(&at, &flags)) {
		fail(r, EINVAL);
		return;
	}
	while (fd < REMOTE_FILES && r->file[fd])
		fd++;
	int e = fd == REMOTE_FILES ? -EMFILE : flags & 3 ? -EACCES : path_open_kernel(r->k, path, &r->file[fd]);
	if (e != 0)
		fail(r, e == CALL_WAIT ? EINTR : e);
	else
		text_add(&r->reply, "F%x", (unsigned)fd);
}

static struct file *file_read(struct remote *r, const char **at, uint64_t *ret_fd)
{
	return hex_number(at, ret_fd) && *ret_fd < REMOTE_FILES ? r->file[*ret_fd] : NULL;
}

static void do_close(struct remote *r, const char *at)
{
	uint64_t fd;
	struct file *f = file_read(r, &at, &fd);
	if (!f) {
		fail(r, EBADF);
		return;
	}
	file_put(f);
	r->file[fd] = NULL;
	text_add(&r->reply, "F0");
}

static void do_pread(struct remote *r, const char *at)
{
	uint8_t bytes[PACKET_MOST / 2 - 64];
	uint64_t fd, size, offset;
	struct file *f = file_read(r, &at, &fd);
	if (!f || *at++ != ',' || !hex_number(&at, &size) || *at++ != ',' || !hex_number(&at, &offset)) {
		fail(r, f ? EINVAL : EBADF);
		return;
	}
	int64_t n = file_pread(f, bytes, min_u64(size, sizeof(bytes)), offset);
	if (n < 0) {
		fail(r, n == CALL_WAIT ? EINTR : (int)n);
		return;
	}
	text_add(&r->reply, "F%llx;", (unsigned long long)n);
	packet_add_binary(&r->reply, bytes, (size_t)n);
}

static void put_big(uint8_t **at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		(*at)[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	*at += size;
}

/* struct stat as the protocol lays it out: 64 bytes, the highest first. */
static void add_stat(struct remote *r, const struct stat *st)
{
	uint8_t bytes[64], *at = bytes;
	put_big(&at, st->st_dev, 4);
	put_big(&at, st->st_ino, 4);
	put_big(&at, st->st_mode & (S_IFREG | S_IFDIR | S_IFCHR | 0777), 4);
	put_big(&at, st->st_nlink, 4);
	put_big(&at, st->st_uid, 4);
	put_big(&at, st->st_gid, 4);
	put_big(&at, st->st_rdev, 4);
	put_big(&at, (uint64_t)st->st_size, 8);
	put_big(&at, (uint64_t)st->st_blksize, 8);
	put_big(&at, (uint64_t)st->st_blocks, 8);
	put_big(&at, (uint64_t)st->st_atime, 4);
	put_big(&at, (uint64_t)st->st_mtime, 4);
	put_big(&at, (uint64_t)st->st_ctime, 4);
	text_add(&r->reply, "F%zx;", sizeof(bytes));
	packet_add_binary(&r->reply, bytes, sizeof(bytes));
}

static void do_fstat(struct remote *r, const char *at)
{
	uint64_t fd;
	struct stat st;
	struct file *f = file_read(r, &at, &fd);
	int e = !f ? -EBADF : f->ops->stat ? f->ops->stat(f, &st) : -EINVAL;
	if (e != 0)
		fail(r, e);
	else
		add_stat(r, &st);
}

static void do_readlink(struct remote *r, const char *at)
{
	char path[PATH_SIZE], to[PATH_SIZE];
	struct place place;
	if (!path_read(&at, path)) {
		fail(r, EINVAL);
		return;
	}
	int n = path_find(r->k, NULL, ABI_AT_FDCWD, path, 0, &place);
	if (n == 0)
		n = place.exists && S_ISLNK(place.stat.st_mode) && place.mount->ops->readlink
			? place.mount->ops->readlink(&place, to, sizeof(to))
			: -EINVAL;
	if (n < 0) {
		fail(r, n);
		return;
	}
	text_add(&r->reply, "F%x;", (unsigned)n);
	packet_add_binary(&r->reply, to, (size_t)n);
}

void hostio_command(struct remote *r, const char *body, size_t size)
{
	static const struct {
		const char *name;
		void (*answer)(struct remote *r, const char *at);
	} calls[] = {{"open:", do_open},   {"close:", do_close},       {"pread:", do_pread},
		     {"fstat:", do_fstat}, {"readlink:", do_readlink}};
	(void)size;
	if (strncmp(body, "setfs:", 6) == 0) {
		text_add(&r->reply, "F0"); /* there is one tree for all */
		return;
	}
	for (size_t i = 0; i < array_size(calls); i++)
		if (strncmp(body, calls[i].name, strlen(calls[i].name)) == 0)
			calls[i].answer(r, body + strlen(calls[i].name));
}

void hostio_close_all(struct remote *r)
{
	for (unsigned fd = 0; fd < REMOTE_FILES; fd++)
		if (r->file[fd]) {
			file_put(r->file[fd]);
			r->file[fd] = NULL;
		}
}
