/* SPDX-License-Identifier: MIT */
/* secret.c - memory that those who map it can reach, and nobody through the kernel: memfd_secret(2)
 *
 * A file without a name that can only be mapped: its pages are locked in RAM, never go to swap, and its
 * regions are REGION_SECRET. After mm/secretmem.c of Linux, which takes the pages out of the kernel's own
 * mapping as well; here system calls reach them as there, by the program's translation.
 */
#include <errno.h>
#include <sys/stat.h>

#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"

/* Once, from nothing. */
static int secret_truncate(struct file *f, uint64_t size)
{
	struct shm_node *n = f->ctx;
	return n->object->size ? -EINVAL : shm_node_resize(n, size);
}

static int secret_allocate(struct file *f, unsigned mode, uint64_t offset, uint64_t length)
{
	return -EOPNOTSUPP;
}

static int secret_reopen(struct file *f, uint32_t flags, struct file **ret_file)
{
	return -ENXIO;
}

static const struct file_ops secret_ops = {
    .name = "file",
    .stat = shm_stat,
    .truncate = secret_truncate,
    .object = shm_object,
    .allocate = secret_allocate,
    .chmod = shm_chmod,
    .chown = shm_chown,
    .utimens = shm_utimens,
    .reopen = secret_reopen,
    .release = shm_release,
};

bool file_is_secret(const struct file *f)
{
	return f->ops == &secret_ops;
}

static int secret_open(struct task *t, struct file **ret_file)
{
	struct kernel *k = t->process->kernel;
	struct shm_node *n;
	int err = shm_node_create(k->mounts->memfds, t, S_IFREG | 0600, NULL, &n);
	if (err)
		return err;
	n->links = 1;
	object_lock(k->mm, n->object, true);
	err = shm_open(n, ABI_O_RDWR, "/secretmem", ret_file);
	if (!err) {
		(*ret_file)->ops = &secret_ops;
		(*ret_file)->unlinked = n->gone = true;
	}
	shm_node_put(n);
	return err;
}

int64_t sys_memfd_secret(struct task *t, const uint64_t a[6])
{
	uint32_t flags = (uint32_t)a[0];
	struct file *f;
	if (flags & ~(uint32_t)ABI_O_CLOEXEC)
		return -EINVAL;
	int err = secret_open(t, &f);
	if (err)
		return err;
	return fd_give(t, f, flags & ABI_O_CLOEXEC);
}
