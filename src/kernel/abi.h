/* SPDX-License-Identifier: MIT */
/* abi.h - numbers and layouts that a riscv64 Linux program exchanges with its kernel
 *
 * Those of asm-generic, which may differ from the host's; so nothing here comes from the host's
 * headers. errno values and signal numbers are the same on every host that Carrel runs on.
 */
#ifndef KERNEL_ABI_H
#define KERNEL_ABI_H

#include <stdint.h>

/* open flags */
enum {
	ABI_O_ACCMODE = 03,
	ABI_O_RDONLY = 0,
	ABI_O_WRONLY = 01,
	ABI_O_RDWR = 02,
	ABI_O_CREAT = 0100,
	ABI_O_EXCL = 0200,
	ABI_O_NOCTTY = 0400,
	ABI_O_TRUNC = 01000,
	ABI_O_APPEND = 02000,
	ABI_O_NONBLOCK = 04000,
	ABI_O_DSYNC = 010000,
	ABI_O_ASYNC = 020000,
	ABI_O_DIRECT = 040000,
	ABI_O_LARGEFILE = 0100000,
	ABI_O_DIRECTORY = 0200000,
	ABI_O_NOFOLLOW = 0400000,
	ABI_O_NOATIME = 01000000,
	ABI_O_CLOEXEC = 02000000,
	ABI_O_SYNC = 04010000,
	ABI_O_PATH = 010000000,
	ABI_O_TMPFILE = 020200000,
};

enum {
	ABI_AT_FDCWD = -100,
	ABI_AT_SYMLINK_NOFOLLOW = 0x100,
	ABI_AT_REMOVEDIR = 0x200,
	ABI_AT_EACCESS = 0x200,
	ABI_AT_SYMLINK_FOLLOW = 0x400,
	ABI_AT_NO_AUTOMOUNT = 0x800,
	ABI_AT_EMPTY_PATH = 0x1000,
};

struct abi_timespec {
	int64_t sec, nsec;
};

struct abi_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev, pad1;
	int64_t size;
	int32_t blksize, pad2;
	int64_t blocks;
	struct abi_timespec atime, mtime, ctime;
	uint32_t unused[2];
};
_Static_assert(sizeof(struct abi_stat) == 128, "struct stat of asm-generic");

struct abi_statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t pad;
};

struct abi_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad1;
	uint64_t ino, size, blocks, attributes_mask;
	struct abi_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id;
	uint32_t dio_memory_align, dio_offset_align;
	uint64_t spare[12];
};
_Static_assert(sizeof(struct abi_statx) == 256, "struct statx");

struct abi_statfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	int32_t fsid[2];
	int64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct abi_statfs) == 120, "struct statfs of 64-bit asm-generic");

/* Followed by the name and its NUL; reclen is rounded up to 8. */
struct abi_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};
enum { ABI_DIRENT_HEAD = 19 };

struct abi_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};
_Static_assert(sizeof(struct abi_termios) == 36, "the kernel's struct termios");

struct abi_winsize {
	uint16_t row, col, xpixel, ypixel;
};

struct abi_flock {
	int16_t type, whence;
	int32_t pad;
	int64_t start, len;
	int32_t pid, pad2;
};

struct abi_iovec {
	uint64_t base, len;
};

struct abi_pollfd {
	int32_t fd;
	int16_t events, revents;
};

/* ioctl requests */
enum {
	ABI_TCGETS = 0x5401,
	ABI_TCSETS,
	ABI_TCSETSW,
	ABI_TCSETSF,
	ABI_TCSBRK = 0x5409,
	ABI_TCXONC,
	ABI_TCFLSH,
	ABI_TIOCEXCL = 0x540c,
	ABI_TIOCNXCL,
	ABI_TIOCSCTTY,
	ABI_TIOCGPGRP,
	ABI_TIOCSPGRP,
	ABI_TIOCOUTQ,
	ABI_TIOCSTI,
	ABI_TIOCGWINSZ = 0x5413,
	ABI_TIOCSWINSZ,
	ABI_FIONREAD = 0x541b,
	ABI_TIOCPKT = 0x5420,
	ABI_FIONBIO,
	ABI_TIOCNOTTY,
	ABI_TIOCSETD,
	ABI_TIOCGETD,
	ABI_TCSBRKP,
	ABI_TIOCGSID = 0x5429,
	ABI_TIOCGPTPEER = 0x5441,
	ABI_FIONCLEX = 0x5450,
	ABI_FIOCLEX,
	ABI_FIOASYNC,
	ABI_TIOCSPTLCK = 0x40045431,
	ABI_TIOCSIG = 0x40045436,
	ABI_TCSETS2 = 0x402c542b,
	ABI_TCSETSW2,
	ABI_TCSETSF2,
	ABI_FICLONE = 0x40049409,
	ABI_FICLONERANGE = 0x4020940d,
};
/* Those that read; too large for an enum. */
#define ABI_TIOCGPTN   UINT32_C(0x80045430)
#define ABI_TIOCGPKT   UINT32_C(0x80045438)
#define ABI_TIOCGPTLCK UINT32_C(0x80045439)
#define ABI_TIOCGEXCL  UINT32_C(0x80045440)
#define ABI_TCGETS2    UINT32_C(0x802c542a)

struct abi_open_how {
	uint64_t flags, mode, resolve;
};

#endif
