/* SPDX-License-Identifier: MIT */
/* memfd.c - files in RAM that never had a name, and seals: memfd_create(2), fcntl(2) */
#include <errno.h>
#include <string.h>

#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/path.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

int shm_seals_get(const struct file *f)
{
	const struct shm_node *n = shm_node_of(f);
	return n ? (int)n->seals : -EINVAL;
}

int shm_seals_add(struct file *f, uint32_t seals)
{
	struct shm_node *n = shm_node_of(f);
	if ((f->flags & ABI_O_ACCMODE) == ABI_O_RDONLY)
		return -EPERM;
	if (seals & ~(uint32_t)SHM_SEALS || !n)
		return -EINVAL;
	if (n->seals & SHM_SEAL_SEAL)
		return -EPERM;
	/* Through a shared mapping that may be made writable, writes would go on. */
	if (seals & SHM_SEAL_WRITE && !(n->seals & SHM_SEAL_WRITE) && n->object->sharers)
		return -EBUSY;
	/* What may be executed for ever is what it is for ever. */
	if (seals & SHM_SEAL_EXEC && n->mode & 0111)
		seals |= SHM_SEAL_SHRINK | SHM_SEAL_GROW | SHM_SEAL_WRITE | SHM_SEAL_FUTURE_WRITE;
	n->seals |= seals;
	return 0;
}

/* memfd_create: a file without a name. */
enum {
	MEMFD_CLOEXEC = 1,
	MEMFD_ALLOW_SEALING = 2,
	MEMFD_HUGETLB = 4,
	MEMFD_NOEXEC_SEAL = 8,
	MEMFD_EXEC = 16,
	MEMFD_HUGE_SHIFT = 26,
	MEMFD_NAME_MAX = 249,
};

static int memfd_flags_check(uint32_t flags)
{
	uint32_t known = MEMFD_CLOEXEC | MEMFD_ALLOW_SEALING | MEMFD_HUGETLB | MEMFD_NOEXEC_SEAL | MEMFD_EXEC;
	if (flags & MEMFD_HUGETLB)
		known |= UINT32_C(0x3f) << MEMFD_HUGE_SHIFT;
	if (flags & ~known || (flags & MEMFD_EXEC && flags & MEMFD_NOEXEC_SEAL))
		return -EINVAL;
	return 0;
}

static int memfd_open(struct kernel *k, struct task *t, const char *name, uint32_t flags,
		      struct file **ret_file)
{
	struct shm_node *n;
	char path[sizeof("/memfd:") + MEMFD_NAME_MAX];
	bool exec = !(flags & MEMFD_NOEXEC_SEAL);
	int err = shm_node_create(k->mounts->memfds, t, S_IFREG | (exec ? 0777 : 0666), NULL, &n);
	if (err)
		return err;
	if (!exec)
		n->seals = SHM_SEAL_EXEC;
	else if (flags & MEMFD_ALLOW_SEALING)
		n->seals = 0;
	memcpy(path, "/memfd:", sizeof("/memfd:"));
	strcat(path, name);
	err = shm_open(n, ABI_O_RDWR, path, ret_file);
	if (!err)
		(*ret_file)->unlinked = n->gone = true;
	shm_node_put(n);
	return err;
}

int64_t sys_memfd_create(struct task *t, const uint64_t a[6])
{
	char name[MEMFD_NAME_MAX + 1];
	uint32_t flags = (uint32_t)a[1];
	struct file *f;
	int err = memfd_flags_check(flags);
	if (err)
		return err;
	int n = uaccess_string(t, name, a[0], sizeof(name));
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	/* As a Linux that was built without huge pages. */
	if (flags & MEMFD_HUGETLB)
		return -ENOSYS;
	err = memfd_open(t->process->kernel, t, name, flags, &f);
	if (err)
		return err;
	return fd_give(t, f, flags & MEMFD_CLOEXEC);
}
