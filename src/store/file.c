/* SPDX-License-Identifier: MIT */
/* file.c - swapped pages in a file of the host, or on a block device
 *
 *	page 0		the header of a Linux swap area (header.h)
 *	page n + 1	slot n
 *
 * A new or empty file gets the header, and its size without its blocks: they come as pages are
 * written. Whatever else has something in it is not overwritten: without the signature it is not
 * ours. The file stays locked while it is open, so that two machines never share one. It outlives
 * the machine; its contents mean nothing then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.h"
#include "store/header.h"
#include "store/store.h"

enum { SIZE_USUAL = 1 << 30 };

struct store {
	struct alloc alloc;
	struct store_map kept;
	int fd;
	uint32_t slots;
	char path[PATH_MAX];
	char why[PATH_MAX + 200];
};

/* Returns how many pages the header says; 0: there is none. */
static uint32_t header_read(int fd)
{
	uint8_t page[PAGE_SIZE];
	return pread(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) ? header_pages(page) : 0;
}

/* Returns 0 or a negative errno. */
static int header_write(int fd, uint64_t bytes)
{
	uint8_t page[PAGE_SIZE];
	header_make(page, (uint32_t)(bytes / PAGE_SIZE));
	ssize_t n = pwrite(fd, page, sizeof(page), 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(page) ? 0 : -ENOSPC;
}

static int file_open_why(const char *path, int error, char *ret_why, unsigned whys)
{
	const char *remedy = "";
	switch (error) {
	case EISDIR: remedy = "; name a file in it"; break;
	case EACCES:
	case EPERM: remedy = "; choose a file that you may write"; break;
	case ENOENT: remedy = "; make its directory first, or what it is a link to"; break;
	case ELOOP: remedy = "; name the file itself"; break;
	case EROFS: remedy = "; choose a file on another file system"; break;
	case ETXTBSY: remedy = ": this Linux itself swaps to it; choose another"; break;
	default: break;
	}
	return store_why(ret_why, whys, -error, "cannot open the swap file %s: %s%s", path,
			 strerror(error), remedy);
}

/* The bytes that an open file or device has; its kind is checked. */
static int file_bytes(const char *path, int fd, bool *ret_device, uint64_t *ret_bytes,
		      char *ret_why, unsigned whys)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return file_open_why(path, errno, ret_why, whys);
	uint64_t bytes = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return store_why(ret_why, whys, -EINVAL,
				 "%s is neither a file nor a block device; choose one that is",
				 path);
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return file_open_why(path, errno, ret_why, whys);
	*ret_device = S_ISBLK(st.st_mode);
	*ret_bytes = bytes;
	return 0;
}

/* What stands in the way of a file with something in it: the remedy. */
static const char *file_other(int fd, bool device)
{
	uint8_t page[PAGE_SIZE] = {0};
	bool blank = lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO;
	if (!blank && pread(fd, page, sizeof(page), 0) > 0)
		blank = !page[0] && memcmp(page, page + 1, sizeof(page) - 1) == 0;
	if (device)
		return ", or run mkswap on it";
	return blank ? " name, or run mkswap on it, as it begins with nothing but zeros" : " name";
}

/* Decides how large the area will be, and makes the file so. wanted: bytes for pages, 0: not said. */
static int file_make(const char *path, int fd, uint64_t wanted, uint64_t *ret_bytes, char *ret_why,
		     unsigned whys)
{
	bool device = false;
	uint64_t bytes = 0;
	int error = file_bytes(path, fd, &device, &bytes, ret_why, whys);
	if (error)
		return error;
	uint64_t has = header_read(fd) * (uint64_t)PAGE_SIZE;
	if (bytes && !has)
		return store_why(ret_why, whys, -EEXIST,
				 "%s has something in it and is no swap area, so it is left alone; "
				 "choose another%s",
				 path, file_other(fd, device));
	uint64_t want = wanted ? wanted + PAGE_SIZE : 0;
	if (!want)
		want = has ? min_u64(has, bytes) : SIZE_USUAL + PAGE_SIZE;
	if (device && want > bytes)
		return store_why(ret_why, whys, -EINVAL,
				 "the device %s has only %" PRIu64 "K; leave size= away", path,
				 bytes >> 10);
	if (want < 2 * PAGE_SIZE || want >> PAGE_SHIFT > UINT32_MAX)
		return store_why(ret_why, whys, -EINVAL,
				 "the swap area %s says that it has %" PRIu64
				 " pages; give it another size, as in size=1G",
				 path, want >> PAGE_SHIFT);
	if (!device && want != bytes && ftruncate(fd, (off_t)want) < 0)
		return store_why(ret_why, whys, -errno,
				 "cannot make %s %" PRIu64 "K large: %s; give it another size=", path,
				 want >> 10, strerror(errno));
	error = header_write(fd, want);
	if (error)
		return store_why(ret_why, whys, error, "cannot write to the swap file %s: %s", path,
				 strerror(-error));
	*ret_bytes = want;
	return 0;
}

/* Opens and locks. ret_new: it was not there before. Returns the descriptor or a negative errno. */
static int file_descriptor(const char *path, bool *ret_new, char *ret_why, unsigned whys)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	bool new = false;
	int fd = open(path, flags);
	if (fd < 0 && errno == ENOENT) {
		fd = open(path, flags | O_CREAT | O_EXCL, 0600);
		new = fd >= 0;
		/* Another machine was faster: then it has locked it. */
		if (fd < 0 && errno == EEXIST)
			fd = open(path, flags);
	}
	if (fd < 0)
		return file_open_why(path, errno, ret_why, whys);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;
		close(fd);
		if (error == EWOULDBLOCK)
			return store_why(ret_why, whys, -EBUSY,
					 "the swap file %s is in use by another machine, or named "
					 "twice; give each its own",
					 path);
		return store_why(ret_why, whys, -error, "cannot lock the swap file %s: %s", path,
				 strerror(error));
	}
	*ret_new = new;
	return fd;
}

static int file_create(const struct store_env *env, const char *path, int fd, uint64_t bytes,
		       struct store **ret_store, char *ret_why, unsigned whys)
{
	struct store *s = alloc_get(env->alloc, sizeof(*s));
	if (!s)
		return store_why(ret_why, whys, -ENOMEM, "no memory for a store");
	s->alloc = *env->alloc;
	s->fd = fd;
	s->slots = (uint32_t)(bytes / PAGE_SIZE - 1);
	memcpy(s->path, path, strlen(path) + 1);
	int error = store_map_init(&s->kept, env->alloc, s->slots);
	if (error) {
		alloc_put(env->alloc, s, sizeof(*s));
		return store_why(ret_why, whys, error, "no memory for a map of %" PRIu64 " pages",
				 bytes / PAGE_SIZE);
	}
	*ret_store = s;
	return 0;
}

/* A path may have commas, but what looks like an option at the end of a new one is a slip of the hand. */
static int path_has_no_option(const char *path, char *ret_why, unsigned whys)
{
	const char *comma = strrchr(path, ','), *name = comma ? comma + 1 : "";
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
	if (!length || name[length] != '=' || access(path, F_OK) == 0)
		return 0;
	if (strncmp(name, "size=", 5) == 0)
		return store_why(ret_why, whys, -EINVAL, "size stands there twice; once is enough");
	return store_why(ret_why, whys, -EINVAL,
			 "there is no option \"%.*s\"; there is size, prio. (A file whose name ends in \"%s\" "
			 "must be there before.)",
			 (int)length, name, comma);
}

static int file_open(const struct store_env *env, const char *params, struct store **ret_store,
		     char *ret_why, unsigned whys)
{
	char path[STORE_PARAMS];
	uint64_t wanted = 0, bytes = 0;
	bool new = false;
	snprintf(path, sizeof(path), "%s", params ? params : "");
	const char *size = store_option(path, "size");
	int error = size ? store_size("size", size, &wanted, ret_why, whys) : 0;
	if (!error)
		error = path_has_no_option(path, ret_why, whys);
	if (error)
		return error;
	if (!path[0] || strlen(path) >= PATH_MAX)
		return store_why(ret_why, whys, -EINVAL,
				 "file wants a path, as in file:/tmp/swap.img,size=1G");
	int fd = file_descriptor(path, &new, ret_why, whys);
	if (fd < 0)
		return fd;
	error = file_make(path, fd, wanted, &bytes, ret_why, whys);
	if (!error)
		error = file_create(env, path, fd, bytes, ret_store, ret_why, whys);
	if (error) {
		if (new)
			unlink(path);
		close(fd);
	}
	return error;
}

static void file_close(struct store *s)
{
	struct alloc alloc = s->alloc;
	/* Nobody will read it again, so what close says changes nothing. */
	(void)close(s->fd);
	store_map_finish(&s->kept, &alloc);
	alloc_put(&alloc, s, sizeof(*s));
}

static uint32_t file_slots(const struct store *s)
{
	return s->slots;
}

/* Moves the whole transfer. Returns 0 or a negative errno. */
static int file_move(struct store *s, const struct store_transfer *t)
{
	struct iovec parts[STORE_CLUSTER], *part = parts;
	for (uint32_t i = 0; i < t->pages; i++)
		parts[i] = (struct iovec){t->bytes[i], PAGE_SIZE};
	off_t at = ((off_t)t->slot + 1) * PAGE_SIZE;
	for (int left = (int)t->pages; left;) {
		ssize_t n =
		    t->write ? pwritev(s->fd, part, left, at) : preadv(s->fd, part, left, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		at += n;
		for (; left && (size_t)n >= part->iov_len; part++, left--)
			n -= (ssize_t)part->iov_len;
		if (left) {
			part->iov_base = (char *)part->iov_base + n;
			part->iov_len -= (size_t)n;
		}
	}
	return 0;
}

static void file_submit(struct store *s, struct store_transfer *t)
{
	int error = file_move(s, t);
	t->error = 0;
	if (error) {
		const char *reason =
		    error == -ENODATA ? "it was cut short by another program" : strerror(-error);
		snprintf(s->why, sizeof(s->why), "%s %s at slot %" PRIu32 ": %s",
			 t->write ? "writing to" : "reading from", s->path, t->slot, reason);
		bool full = error == -ENOSPC || error == -EDQUOT || error == -EFBIG;
		t->error = t->write && full ? -ENOSPC : -EIO;
	}
	for (uint32_t i = 0; t->write && i < t->pages; i++)
		store_map_set(&s->kept, t->slot + i, !error);
}

static int file_finish(struct store *s, struct store_transfer *t)
{
	return t->error;
}

static void file_discard(struct store *s, uint32_t slot)
{
	store_map_set(&s->kept, slot, false);
}

static void file_usage(const struct store *s, struct store_usage *ret_usage)
{
	*ret_usage =
	    (struct store_usage){.stored = s->kept.count, .bytes = s->kept.count * PAGE_SIZE};
}

static const char *file_why(const struct store *s)
{
	return s->why;
}

const struct store_ops store_file = {
    .name = "file",
    .summary = "a file or block device of the host: file:PATH[,size=1G]",
    .open = file_open,
    .close = file_close,
    .slots = file_slots,
    .submit = file_submit,
    .finish = file_finish,
    .discard = file_discard,
    .usage = file_usage,
    .why = file_why,
};
