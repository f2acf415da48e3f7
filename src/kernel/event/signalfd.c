/* SPDX-License-Identifier: MIT */
/* signalfd.c - signals that are read instead of handled: signalfd(2)
 *
 * The file is nothing but a set of signals. Who reads gets his own: those that are pending for the
 * task that reads, or for its process, whoever made the file. The same holds for poll, so an epoll is
 * told of the signals of the process that added the file.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/call.h"
#include "kernel/file/fd.h"
#include "kernel/kernel.h"
#include "kernel/signal_private.h"

/* As Linux gives it. */
struct abi_signalfd_siginfo {
	uint32_t number;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trap;
	int32_t status, value;
	uint64_t pointer, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t call;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};
_Static_assert(sizeof(struct abi_signalfd_siginfo) == 128, "struct signalfd_siginfo");

struct signalfd {
	signal_set set;
};

static void describe(const struct signal_info *info, struct abi_signalfd_siginfo *ret)
{
	enum { TICK = 10000000 };
	bool by_kernel = info->code > SI_USER && info->code < SI_KERNEL;
	*ret = (struct abi_signalfd_siginfo){
	    .number = (uint32_t)info->number, .error = info->error, .code = info->code};
	if (info->code == SI_TIMER) {
		ret->tid = (uint32_t)info->timer;
		ret->overrun = (uint32_t)info->overrun;
	} else if (info->band) {
		ret->band = (uint32_t)info->band;
		ret->fd = info->fd;
		return;
	} else if (by_kernel && info->addr) {
		ret->addr = info->addr;
		return;
	} else {
		ret->pid = (uint32_t)info->pid;
		ret->uid = (uint32_t)info->uid;
	}
	if (by_kernel) {
		ret->status = info->status;
		ret->utime = (info->retired - info->system) / TICK;
		ret->stime = info->system / TICK;
	} else if (info->code < 0) {
		ret->pointer = info->value;
		ret->value = (int32_t)info->value;
	}
}

/* Who asks. */
static struct task *reader(const struct file *f)
{
	return f->kernel->current;
}

static int64_t signalfd_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	const struct signalfd *sf = f->ctx;
	struct task *me = reader(f);
	struct signal_info info;
	if (size < sizeof(struct abi_signalfd_siginfo))
		return -EINVAL;
	if (signal_look(me, sf->set, &info))
		return (int64_t)(max_u64(me->process->signals.queued, 1) *
				 sizeof(struct abi_signalfd_siginfo));
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, &me->process->signals.sent);
	return err ? err : CALL_WAIT;
}

static int64_t signalfd_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			     uint64_t *pos)
{
	const struct signalfd *sf = f->ctx;
	struct abi_signalfd_siginfo out;
	struct task *me = reader(f);
	size_t done = 0;
	int n;
	while (size - done >= sizeof(out)) {
		struct signal_info info;
		n = signal_look(me, sf->set, &info);
		if (n == 0)
			break;
		signal_take(me, n);
		describe(&info, &out);
		memcpy((uint8_t *)ret_bytes + done, &out, sizeof(out));
		done += sizeof(out);
	}
	return done > 0 ? (int64_t)done : size < sizeof(out) ? -EINVAL : -EAGAIN;
}

static int signalfd_poll(struct file *f, struct waiter *w)
{
	const struct signalfd *sf = f->ctx;
	struct task *me = reader(f);
	struct signal_info info;
	if (!me || me->process->zombie)
		return 0;
	int err = wait_join(w, &me->process->signals.sent);
	return err ? err : signal_look(me, sf->set, &info) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	free(f->ctx);
}

static void signalfd_info(struct file *f, struct text *text)
{
	const struct signalfd *sf = f->ctx;
	text_add(text, "sigmask:\t%016lx\n", sf->set);
}

static const struct file_ops signalfd_ops = {
    .name = "[signalfd]",
    .records = true,
    .look = signalfd_look,
    .read = signalfd_read,
    .stat = file_stat_anonymous,
    .poll = signalfd_poll,
    .info = signalfd_info,
    .release = signalfd_release,
};

int64_t sys_signalfd4(struct task *t, const uint64_t a[6])
{
	static const signal_set never = UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1);
	uint32_t flags = (uint32_t)a[3];
	signal_set set;
	int err = signal_read_set(t, a[1], a[2], &set);
	if (err)
		return err;
	if (flags & ~(uint32_t)(ABI_O_NONBLOCK | ABI_O_CLOEXEC))
		return -EINVAL;
	set &= ~never;
	if ((int)a[0] != -1) {
		const struct file *f = fd_get(t->process->files, (int)a[0]);
		if (!f || (f->flags & ABI_O_PATH))
			return -EBADF;
		if (f->ops != &signalfd_ops)
			return -EINVAL;
		((struct signalfd *)f->ctx)->set = set;
		wait_wake_all(&t->process->signals.sent);
		return (int)a[0];
	}
	struct signalfd *sf = malloc(sizeof(*sf));
	if (!sf)
		return -ENOMEM;
	sf->set = set;
	int64_t fd = file_install_anonymous(t, &signalfd_ops, ABI_O_RDWR | flags, sf);
	if (fd < 0)
		free(sf);
	return fd;
}
