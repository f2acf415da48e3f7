/* SPDX-License-Identifier: MIT */
/* pty.c - pseudo-terminals and the directory of their names, /dev/pts */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/bits.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/tty/pty_private.h"
#include "kernel/uaccess.h"

enum { TTY_GROUP = 5, PTMX_MAJOR = 5, PTMX_MINOR = 2, DEVPTS_MAGIC = 0x1cd1, TENTH = 100000000 };

static struct pty *of(struct tty *tty)
{
	return (struct pty *)tty;
}

static void pty_signal(void *ctx, int number)
{
	tty_signal(ctx, number);
}

static bool slave_readable(const struct pty *p)
{
	const uint8_t *cc = p->ldisc.termios.cc;
	size_t least = cc[CC_TIME] || !cc[CC_MIN] ? 1 : cc[CC_MIN];
	if (ldisc_canonical(&p->ldisc))
		return ldisc_readable(&p->ldisc, 1) >= 0;
	return ldisc_in_size(&p->ldisc) >= least;
}

static bool has_news(const struct pty *p)
{
	return p->packet && p->ldisc.news;
}

/* Bytes that came make a side readable anew; to be writable again is told once. */
void pty_changed(struct pty *p)
{
	struct ldisc *l = &p->ldisc;
	bool typed = l->stored != p->stored && slave_readable(p), shown = l->shown != p->shown || has_news(p);
	bool writable = ldisc_writable(l), room = ldisc_receive_room(l) > 0;
	int to_slave = writable && !p->writable ? POLLOUT | POLLWRNORM : 0;
	int to_master = (shown ? POLLIN | POLLRDNORM : 0) | (has_news(p) ? POLLPRI : 0) |
			(room && !p->room ? POLLOUT | POLLWRNORM : 0);
	p->stored = l->stored;
	p->shown = l->shown;
	p->writable = writable;
	p->room = room;
	wait_wake_for(&p->readers, typed ? POLLIN | POLLRDNORM : 0);
	wait_wake_for(&p->writers, to_slave);
	wait_wake_for(&p->masters, to_master);
	if (p->relay)
		relay_show(p->relay);
}

/* One side is gone: everybody looks again. */
void pty_closed(struct pty *p)
{
	wait_wake_for(&p->readers, POLLIN | POLLHUP);
	wait_wake_for(&p->writers, POLLOUT | POLLHUP);
	wait_wake_for(&p->masters, POLLIN | POLLHUP);
}

static void pty_free(struct pty *p)
{
	wait_queue_finish(&p->readers);
	wait_queue_finish(&p->writers);
	wait_queue_finish(&p->masters);
	tty_finish(&p->tty);
	free(p);
}

void pty_master_gone(struct pty *p)
{
	p->relay = NULL;
	p->has_master = false;
	tty_hangup(&p->tty);
	pty_closed(p);
	if (p->slaves == 0)
		pty_free(p);
}

/* --- the slave ------------------------------------------------------------------------------- */

static void slave_open(struct tty *tty)
{
	struct pty *p = of(tty);
	p->slaves++;
	p->opened = true;
}

static void slave_release(struct tty *tty)
{
	struct pty *p = of(tty);
	if (--p->slaves > 0)
		return;
	pty_closed(p);
	if (!p->has_master)
		pty_free(p);
}

static int64_t wait_for(struct file *f, struct task *t, struct wait_queue *q)
{
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, q);
	return err ? err : CALL_WAIT;
}

/* MIN and TIME of termios(3): how long a read outside canonical mode waits, and for how much.
 * call.deadline is TIME's, call.state[3] what there was when it began. */
static int64_t raw_look(struct pty *p, struct file *f, struct task *t, size_t size)
{
	size_t there = min_u64(ldisc_in_size(&p->ldisc), size),
	       least = p->ldisc.termios.cc[CC_MIN];
	uint64_t time = (uint64_t)p->ldisc.termios.cc[CC_TIME] * TENTH,
		 now = kernel_now(p->tty.kernel);
	bool timed = time > 0 && (least == 0 || there > 0);
	if (there > 0 && (there >= least || there == size || !t || t->call.interrupted))
		return (int64_t)there;
	if (least == 0 && time == 0)
		return 0;
	if (!t || (f->flags & ABI_O_NONBLOCK))
		return there > 0 ? (int64_t)there : -EAGAIN;
	if (timed && (t->call.deadline == NO_DEADLINE || there != t->call.state[3])) {
		t->call.deadline = now + time;
		t->call.state[3] = there;
	}
	if (timed && now >= t->call.deadline)
		return (int64_t)there;
	int64_t r = wait_for(f, t, &p->readers);
	if (r == CALL_WAIT && timed)
		wait_until(t, t->call.deadline);
	return r;
}

static int64_t slave_look(struct tty *tty, struct file *f, struct task *t, size_t size)
{
	struct pty *p = of(tty);
	if (!ldisc_canonical(&p->ldisc))
		return raw_look(p, f, t, size);
	int64_t n = ldisc_readable(&p->ldisc, size);
	if (n < 0)
		return wait_for(f, t, &p->readers);
	if (n == 0 && size > 0) {
		(void)ldisc_read(&p->ldisc, NULL, size); /* the end of file is over */
		pty_changed(p);
	}
	return n;
}

static int64_t slave_read(struct tty *tty, struct file *f, struct task *t, void *ret_bytes,
			  size_t size)
{
	struct pty *p = of(tty);
	if (size == 0)
		return 0;
	int64_t n = slave_look(tty, f, t, size);
	if (n <= 0)
		return n;
	n = (int64_t)ldisc_read(&p->ldisc, ret_bytes, size);
	pty_changed(p);
	return n;
}

static int64_t slave_write(struct tty *tty, struct file *f, struct task *t, const void *bytes,
			   size_t size)
{
	struct pty *p = of(tty);
	size_t n = ldisc_write(&p->ldisc, bytes, size);
	if (n > 0)
		pty_changed(p);
	return n > 0 || size == 0 ? (int64_t)n : wait_for(f, t, &p->writers);
}

static int slave_poll(struct tty *tty, struct waiter *w)
{
	struct pty *p = of(tty);
	int err = wait_join(w, &p->readers);
	if (!err)
		err = wait_join(w, &p->writers);
	if (err)
		return err;
	return (slave_readable(p) ? POLLIN | POLLRDNORM : 0) |
	       (ldisc_writable(&p->ldisc) ? POLLOUT | POLLWRNORM : 0);
}

static int slave_get(struct tty *tty, struct abi_termios *ret_termios)
{
	*ret_termios = of(tty)->ldisc.termios;
	return 0;
}

static int slave_set(struct tty *tty, const struct abi_termios *termios, uint64_t request)
{
	enum { SIZE = 060, CS8_BITS = 060, PARITY = 0400, RECEIVES = 0200 };
	struct abi_termios wanted = *termios;
	struct pty *p = of(tty);
	/* Eight bits without parity is all that a pty can do. */
	wanted.cflag = (wanted.cflag & ~(uint32_t)(SIZE | PARITY)) | CS8_BITS | RECEIVES;
	wanted.line = 0;
	if (request == ABI_TCSETSF)
		ldisc_flush_in(&p->ldisc);
	ldisc_set(&p->ldisc, &wanted);
	pty_changed(p);
	return 0;
}

static int slave_get_size(struct tty *tty, struct abi_winsize *ret_size)
{
	*ret_size = of(tty)->size;
	return 0;
}

static int slave_set_size(struct tty *tty, const struct abi_winsize *size)
{
	struct pty *p = of(tty);
	if (memcmp(&p->size, size, sizeof(*size)) == 0)
		return 0;
	p->size = *size;
	tty_signal(tty, SIGWINCH);
	return 0;
}

static int slave_flow(struct tty *tty, uint64_t request, int32_t *inout_number)
{
	struct ldisc *l = &of(tty)->ldisc;
	switch (request) {
	case ABI_FIONREAD: *inout_number = (int32_t)ldisc_in_size(l); return 0;
	/* What was written is at the other side already. */
	case ABI_TIOCOUTQ: *inout_number = 0; return 0;
	case ABI_TCXONC:
		if (*inout_number < 0 || *inout_number > 3)
			return -EINVAL;
		if (*inout_number < 2)
			ldisc_freeze(l, *inout_number == 0);
		else
			ldisc_send(l, *inout_number == 2 ? CC_STOP : CC_START);
		break;
	case ABI_TCFLSH:
		if (*inout_number < 0 || *inout_number > 2)
			return -EINVAL;
		if (*inout_number != 1)
			ldisc_flush_in(l);
		if (*inout_number != 0)
			l->news |= PACKET_FLUSH_WRITE;
		break;
	default: return -ENOTTY;
	}
	pty_changed(of(tty));
	return 0;
}

static const struct tty_kind pty_kind = {
    .look = slave_look,
    .read = slave_read,
    .write = slave_write,
    .poll = slave_poll,
    .get = slave_get,
    .set = slave_set,
    .get_size = slave_get_size,
    .set_size = slave_set_size,
    .flow = slave_flow,
    .open = slave_open,
    .release = slave_release,
};

int pty_slave_open(struct pty *p, struct task *t, uint32_t flags, struct file **ret_file)
{
	char path[32];
	if (p->locked)
		return -EIO;
	if (p->tty.exclusive && t && !task_can(t, CAP_SYS_ADMIN))
		return -EBUSY;
	snprintf(path, sizeof(path), "/dev/pts/%u", p->tty.number);
	return tty_file(&p->tty, t, flags, path, ret_file);
}

int pty_create(struct kernel *k, struct pty **ret_pty)
{
	struct pty *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	int err = tty_init(&p->tty, k, &pty_kind);
	if (err) {
		free(p);
		return err;
	}
	wait_queue_init(&p->readers);
	wait_queue_init(&p->writers);
	wait_queue_init(&p->masters);
	ldisc_init(&p->ldisc, pty_signal, &p->tty);
	p->has_master = p->writable = p->room = true;
	p->mode = 0620;
	p->uid = process_cred(k->init)->fsuid;
	p->gid = TTY_GROUP;
	*ret_pty = p;
	return 0;
}

/* --- the master ------------------------------------------------------------------------------ */

static bool slave_closed(const struct pty *p)
{
	return p->opened && p->slaves == 0;
}

static int64_t master_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	struct pty *p = f->ctx;
	size_t there = ldisc_out_size(&p->ldisc);
	if (has_news(p))
		return 1;
	if (there > 0)
		return (int64_t)there + p->packet;
	return slave_closed(p) ? -EIO : wait_for(f, t, &p->masters);
}

static int64_t master_read(struct file *f, struct task *t, void *ret_bytes, size_t size,
			   uint64_t *pos)
{
	struct pty *p = f->ctx;
	uint8_t *bytes = ret_bytes;
	int64_t n = size == 0 ? 0 : master_look(f, t, size, pos);
	if (n <= 0)
		return n;
	if (p->packet) {
		bytes[0] = p->ldisc.news;
		if (p->ldisc.news) {
			p->ldisc.news = 0;
			return 1;
		}
	}
	n = (int64_t)ldisc_take_out(&p->ldisc, bytes + p->packet, size - p->packet) + p->packet;
	pty_changed(p);
	return n;
}

static int64_t master_write(struct file *f, struct task *t, const void *bytes, size_t size,
			    uint64_t *pos)
{
	struct pty *p = f->ctx;
	size_t n = ldisc_receive(&p->ldisc, bytes, size);
	if (n > 0)
		pty_changed(p);
	return n > 0 || size == 0 ? (int64_t)n : wait_for(f, t, &p->masters);
}

static int master_poll(struct file *f, struct waiter *w)
{
	struct pty *p = f->ctx;
	int mask = 0, err = wait_join(w, &p->masters);
	if (err)
		return err;
	if (ldisc_out_size(&p->ldisc) > 0 || has_news(p))
		mask |= POLLIN | POLLRDNORM;
	if (has_news(p))
		mask |= POLLPRI;
	if (ldisc_receive_room(&p->ldisc) > 0)
		mask |= POLLOUT | POLLWRNORM;
	return slave_closed(p) ? mask | POLLHUP : mask;
}

static int64_t open_peer(struct pty *p, struct task *t, uint32_t flags)
{
	struct file *f;
	int err = pty_slave_open(p, t, flags & ~(uint32_t)ABI_O_CLOEXEC, &f);
	if (err)
		return err;
	return fd_give(t, f, flags & ABI_O_CLOEXEC);
}

static int64_t master_ioctl(struct file *f, struct task *t, uint64_t request, uint64_t arg)
{
	struct pty *p = f->ctx;
	int32_t number;
	int err = 0;
	switch (request) {
	case ABI_TIOCGPTN: number = (int32_t)p->tty.number; break;
	case ABI_TIOCGPTLCK: number = p->locked; break;
	case ABI_TIOCGPKT: number = p->packet; break;
	case ABI_FIONREAD: number = (int32_t)ldisc_out_size(&p->ldisc); break;
	case ABI_TIOCSPTLCK:
	case ABI_TIOCPKT:
		err = uaccess_read(t, &number, arg, 4);
		if (err)
			return err;
		if (request == ABI_TIOCSPTLCK) {
			p->locked = number != 0;
		} else {
			if (number && !p->packet)
				p->ldisc.news = 0;
			p->packet = number != 0;
		}
		return 0;
	case ABI_TIOCSIG:
		if (arg < 1 || arg > 64)
			return -EINVAL;
		tty_signal(&p->tty, (int)arg);
		return 0;
	case ABI_TIOCGPTPEER: return open_peer(p, t, (uint32_t)arg);
	/* A master is nobody's terminal. */
	case ABI_TIOCNOTTY: return -ENOTTY;
	default: return tty_control(&p->tty, f, t, request, arg, true);
	}
	return uaccess_write(t, arg, &number, 4);
}

static int master_stat(struct file *f, struct stat *ret_stat)
{
	struct place at;
	int err = path_find(f->kernel, NULL, ABI_AT_FDCWD, f->path, 0, &at);
	if (!err)
		*ret_stat = at.stat;
	return err;
}

static void master_release(struct file *f)
{
	pty_master_gone(f->ctx);
}

static const struct file_ops master_ops = {
    .name = "ptmx",
    .look = master_look,
    .read = master_read,
    .write = master_write,
    .stat = master_stat,
    .ioctl = master_ioctl,
    .poll = master_poll,
    .release = master_release,
};

int ptmx_open(struct kernel *k, struct task *t, uint32_t flags, const char *path,
	      struct file **ret_file)
{
	struct pty *p;
	int err = pty_create(k, &p);
	if (err)
		return err;
	p->locked = true;
	if (t)
		p->uid = t->cred->fsuid;
	err = file_create(k, &master_ops, flags, path, p, ret_file);
	if (err)
		pty_master_gone(p);
	return err;
}

/* --- /dev/pts -------------------------------------------------------------------------------- */

enum { ROOT_INODE = 1, PTMX_INODE = 2, FIRST_INODE = 3 };

/* The terminal of a name such as "3"; NULL: there is none. */
static struct tty *named(const struct place *at)
{
	const char *rel = place_rel(at);
	unsigned n = 0;
	if (!*rel || (rel[0] == '0' && rel[1]))
		return NULL;
	for (; *rel >= '0' && *rel <= '9' && n < TTYS_MAX; rel++)
		n = 10 * n + (unsigned)(*rel - '0');
	struct tty *tty = *rel ? NULL : tty_find(at->kernel, n);
	return tty && !tty->hung ? tty : NULL;
}

static bool is_ptmx(const struct place *at)
{
	return strcmp(place_rel(at), "ptmx") == 0;
}

static int pts_stat(const struct place *at, struct stat *ret_stat)
{
	const struct tty *tty = named(at);
	*ret_stat = (struct stat){.st_dev = at->mount->device, .st_nlink = 1, .st_blksize = 1024};
	if (*place_rel(at) == '\0') {
		ret_stat->st_mode = S_IFDIR | 0755;
		ret_stat->st_ino = ROOT_INODE;
		ret_stat->st_nlink = 2;
	} else if (is_ptmx(at)) {
		ret_stat->st_mode = S_IFCHR | 0666;
		ret_stat->st_ino = PTMX_INODE;
		ret_stat->st_rdev = makedev(PTMX_MAJOR, PTMX_MINOR);
	} else if (tty) {
		bool own = tty->kind == &pty_kind;
		const struct pty *p = (const struct pty *)tty;
		ret_stat->st_mode = S_IFCHR | (own ? p->mode : 0620);
		ret_stat->st_ino = FIRST_INODE + tty->number;
		ret_stat->st_rdev = makedev(PTS_MAJOR, tty->number);
		ret_stat->st_uid = own ? p->uid : process_cred(at->kernel->init)->fsuid;
		ret_stat->st_gid = own ? p->gid : TTY_GROUP;
	} else {
		return -ENOENT;
	}
	return 0;
}

static int pts_open(const struct place *at, struct task *t, uint32_t flags, uint32_t mode,
		    struct file **ret_file)
{
	struct tty *tty = named(at);
	if (is_ptmx(at))
		return ptmx_open(at->kernel, t, flags, at->guest, ret_file);
	if (!tty)
		return at->exists ? -EIO : -EACCES;
	if (tty->kind == &pty_kind)
		return pty_slave_open(of(tty), t, flags, ret_file);
	return tty_file(tty, t, flags, at->guest, ret_file);
}

static int pts_list(const struct place *at, struct dir *d)
{
	char name[16];
	int err = dir_add(d, "ptmx", PTMX_INODE, DT_CHR);
	for (unsigned n = 0; n < TTYS_MAX && !err; n++) {
		const struct tty *tty = tty_find(at->kernel, n);
		if (!tty || tty->hung)
			continue;
		snprintf(name, sizeof(name), "%u", n);
		err = dir_add(d, name, FIRST_INODE + n, DT_CHR);
	}
	return err;
}

static int pts_statfs(const struct place *at, struct statfs *ret_statfs)
{
	*ret_statfs = (struct statfs){
	    .f_type = DEVPTS_MAGIC, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
	return 0;
}

static int pts_chmod(const struct place *at, uint32_t mode)
{
	struct tty *tty = named(at);
	if (!tty || tty->kind != &pty_kind)
		return -EPERM;
	of(tty)->mode = mode & 07777;
	return 0;
}

static int pts_chown(const struct place *at, uint32_t uid, uint32_t gid)
{
	struct tty *tty = named(at);
	if (!tty || tty->kind != &pty_kind)
		return -EPERM;
	if (uid != UINT32_MAX)
		of(tty)->uid = uid;
	if (gid != UINT32_MAX)
		of(tty)->gid = gid;
	return 0;
}

const struct tree_ops devpts_tree = {
    .type = "devpts",
    .stat = pts_stat,
    .open = pts_open,
    .list = pts_list,
    .statfs = pts_statfs,
    .chmod = pts_chmod,
    .chown = pts_chown,
};

int tty_open_current(struct kernel *k, struct task *t, uint32_t flags, struct file **ret_file)
{
	struct tty *tty = t ? t->process->tty : NULL;
	return tty ? tty_file(tty, NULL, flags, "/dev/tty", ret_file) : -ENXIO;
}
