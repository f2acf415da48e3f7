/* SPDX-License-Identifier: MIT */
#include "kernel/call_names.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define NAMES(what) const struct call_name names_##what[]

NAMES(prot) = {{1, "PROT_READ"},
	       {2, "PROT_WRITE"},
	       {4, "PROT_EXEC"},
	       {0x01000000, "PROT_GROWSDOWN"},
	       {0x02000000, "PROT_GROWSUP"},
	       {0, NULL}};

/* Without the type, which is a number in the low four bits: see names_add_map_flags. */
NAMES(map) = {{0x10, "MAP_FIXED"},
	      {0x20, "MAP_ANONYMOUS"},
	      {0x100, "MAP_GROWSDOWN"},
	      {0x800, "MAP_DENYWRITE"},
	      {0x1000, "MAP_EXECUTABLE"},
	      {0x2000, "MAP_LOCKED"},
	      {0x4000, "MAP_NORESERVE"},
	      {0x8000, "MAP_POPULATE"},
	      {0x10000, "MAP_NONBLOCK"},
	      {0x20000, "MAP_STACK"},
	      {0x40000, "MAP_HUGETLB"},
	      {0x80000, "MAP_SYNC"},
	      {0x100000, "MAP_FIXED_NOREPLACE"},
	      {0, NULL}};

NAMES(remap) = {{1, "MREMAP_MAYMOVE"}, {2, "MREMAP_FIXED"}, {4, "MREMAP_DONTUNMAP"}, {0, NULL}};

NAMES(madvise) = {{0, "MADV_NORMAL"},          {1, "MADV_RANDOM"},
		  {2, "MADV_SEQUENTIAL"},      {3, "MADV_WILLNEED"},
		  {4, "MADV_DONTNEED"},        {8, "MADV_FREE"},
		  {9, "MADV_REMOVE"},          {10, "MADV_DONTFORK"},
		  {11, "MADV_DOFORK"},         {12, "MADV_MERGEABLE"},
		  {13, "MADV_UNMERGEABLE"},    {14, "MADV_HUGEPAGE"},
		  {15, "MADV_NOHUGEPAGE"},     {16, "MADV_DONTDUMP"},
		  {17, "MADV_DODUMP"},         {18, "MADV_WIPEONFORK"},
		  {19, "MADV_KEEPONFORK"},     {20, "MADV_COLD"},
		  {21, "MADV_PAGEOUT"},        {22, "MADV_POPULATE_READ"},
		  {23, "MADV_POPULATE_WRITE"}, {24, "MADV_DONTNEED_LOCKED"},
		  {25, "MADV_COLLAPSE"},       {100, "MADV_HWPOISON"},
		  {101, "MADV_SOFT_OFFLINE"},  {102, "MADV_GUARD_INSTALL"},
		  {103, "MADV_GUARD_REMOVE"},  {0, NULL}};

NAMES(fadvise) = {{0, "POSIX_FADV_NORMAL"},
		  {1, "POSIX_FADV_RANDOM"},
		  {2, "POSIX_FADV_SEQUENTIAL"},
		  {3, "POSIX_FADV_WILLNEED"},
		  {4, "POSIX_FADV_DONTNEED"},
		  {5, "POSIX_FADV_NOREUSE"},
		  {0, NULL}};

NAMES(msync) = {{1, "MS_ASYNC"}, {2, "MS_INVALIDATE"}, {4, "MS_SYNC"}, {0, NULL}};
NAMES(memfd) = {{1, "MFD_CLOEXEC"},      {2, "MFD_ALLOW_SEALING"}, {4, "MFD_HUGETLB"},
		{8, "MFD_NOEXEC_SEAL"},  {16, "MFD_EXEC"},         {0, NULL}};

/* Without the access mode, the low two bits: see names_add_open_flags. */
NAMES(open) = {{0100, "O_CREAT"},        {0200, "O_EXCL"},         {0400, "O_NOCTTY"},
	       {01000, "O_TRUNC"},       {02000, "O_APPEND"},      {04000, "O_NONBLOCK"},
	       {04010000, "O_SYNC"},     {010000, "O_DSYNC"},      {020000, "O_ASYNC"},
	       {040000, "O_DIRECT"},     {0100000, "O_LARGEFILE"}, {020200000, "O_TMPFILE"},
	       {0200000, "O_DIRECTORY"}, {0400000, "O_NOFOLLOW"},  {01000000, "O_NOATIME"},
	       {02000000, "O_CLOEXEC"},  {010000000, "O_PATH"},    {0, NULL}};

NAMES(at) = {
    {0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_EACCESS"},     {0x400, "AT_SYMLINK_FOLLOW"},
    {0x800, "AT_NO_AUTOMOUNT"},     {0x1000, "AT_EMPTY_PATH"}, {0x2000, "AT_STATX_FORCE_SYNC"},
    {0x4000, "AT_STATX_DONT_SYNC"}, {0x8000, "AT_RECURSIVE"},  {0, NULL}};

NAMES(access) = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}, {0, NULL}};

NAMES(clone) = {{0x100, "CLONE_VM"},
		{0x200, "CLONE_FS"},
		{0x400, "CLONE_FILES"},
		{0x800, "CLONE_SIGHAND"},
		{0x1000, "CLONE_PIDFD"},
		{0x2000, "CLONE_PTRACE"},
		{0x4000, "CLONE_VFORK"},
		{0x8000, "CLONE_PARENT"},
		{0x10000, "CLONE_THREAD"},
		{0x20000, "CLONE_NEWNS"},
		{0x40000, "CLONE_SYSVSEM"},
		{0x80000, "CLONE_SETTLS"},
		{0x100000, "CLONE_PARENT_SETTID"},
		{0x200000, "CLONE_CHILD_CLEARTID"},
		{0x400000, "CLONE_DETACHED"},
		{0x800000, "CLONE_UNTRACED"},
		{0x1000000, "CLONE_CHILD_SETTID"},
		{0x2000000, "CLONE_NEWCGROUP"},
		{0x4000000, "CLONE_NEWUTS"},
		{0x8000000, "CLONE_NEWIPC"},
		{0x10000000, "CLONE_NEWUSER"},
		{0x20000000, "CLONE_NEWPID"},
		{0x40000000, "CLONE_NEWNET"},
		{0x80000000, "CLONE_IO"}, {UINT64_C(1) << 32, "CLONE_CLEAR_SIGHAND"}, {UINT64_C(1) << 33, "CLONE_INTO_CGROUP"},
		{0, NULL}};

NAMES(wait) = {{1, "WNOHANG"},         {2, "WSTOPPED"},          {4, "WEXITED"},
	       {8, "WCONTINUED"},      {0x01000000, "WNOWAIT"},  {0x20000000, "__WNOTHREAD"},
	       {0x40000000, "__WALL"}, {0x80000000, "__WCLONE"}, {0, NULL}};

NAMES(seek) = {{0, "SEEK_SET"},  {1, "SEEK_CUR"},  {2, "SEEK_END"},
	       {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}, {0, NULL}};

NAMES(fcntl) = {{0, "F_DUPFD"},
		{1, "F_GETFD"},
		{2, "F_SETFD"},
		{3, "F_GETFL"},
		{4, "F_SETFL"},
		{5, "F_GETLK"},
		{6, "F_SETLK"},
		{7, "F_SETLKW"},
		{8, "F_SETOWN"},
		{9, "F_GETOWN"},
		{10, "F_SETSIG"},
		{11, "F_GETSIG"},
		{36, "F_OFD_GETLK"},
		{37, "F_OFD_SETLK"},
		{38, "F_OFD_SETLKW"},
		{1024, "F_SETLEASE"},
		{1025, "F_GETLEASE"},
		{1030, "F_DUPFD_CLOEXEC"},
		{1031, "F_SETPIPE_SZ"},
		{1032, "F_GETPIPE_SZ"},
		{1033, "F_ADD_SEALS"},
		{1034, "F_GET_SEALS"},
		{0, NULL}};

NAMES(ioctl) = {{0x5401, "TCGETS"},
		{0x5402, "TCSETS"},
		{0x5403, "TCSETSW"},
		{0x5404, "TCSETSF"},
		{0x5409, "TCSBRK"},
		{0x540a, "TCXONC"},
		{0x540b, "TCFLSH"},
		{0x540c, "TIOCEXCL"},
		{0x540e, "TIOCSCTTY"},
		{0x540f, "TIOCGPGRP"},
		{0x5410, "TIOCSPGRP"},
		{0x5411, "TIOCOUTQ"},
		{0x540d, "TIOCNXCL"},
		{0x5412, "TIOCSTI"},
		{0x5413, "TIOCGWINSZ"},
		{0x5414, "TIOCSWINSZ"},
		{0x541b, "FIONREAD"},
		{0x5421, "FIONBIO"},
		{0x5420, "TIOCPKT"},
		{0x5422, "TIOCNOTTY"},
		{0x5423, "TIOCSETD"},
		{0x5424, "TIOCGETD"},
		{0x5425, "TCSBRKP"},
		{0x5429, "TIOCGSID"},
		{0x802c542a, "TCGETS2"},
		{0x402c542b, "TCSETS2"},
		{0x402c542c, "TCSETSW2"},
		{0x402c542d, "TCSETSF2"},
		{0x5450, "FIONCLEX"},
		{0x5451, "FIOCLEX"},
		{0x5452, "FIOASYNC"},
		{0x80045430, "TIOCGPTN"},
		{0x40045431, "TIOCSPTLCK"},
		{0x40045436, "TIOCSIG"},
		{0x80045438, "TIOCGPKT"},
		{0x80045439, "TIOCGPTLCK"},
		{0x80045440, "TIOCGEXCL"},
		{0x5441, "TIOCGPTPEER"},
		{0x40049409, "FICLONE"},
		{0xc020660b, "FS_IOC_FIEMAP"},
		{0xc0606610, "PAGEMAP_SCAN"},
		{0xaa00, "USERFAULTFD_IOC_NEW"},
		{0xc018aa3f, "UFFDIO_API"},
		{0xc020aa00, "UFFDIO_REGISTER"},
		{0x8010aa01, "UFFDIO_UNREGISTER"},
		{0x8010aa02, "UFFDIO_WAKE"},
		{0xc028aa03, "UFFDIO_COPY"},
		{0xc020aa04, "UFFDIO_ZEROPAGE"},
		{0xc028aa05, "UFFDIO_MOVE"},
		{0xc018aa06, "UFFDIO_WRITEPROTECT"},
		{0xc020aa07, "UFFDIO_CONTINUE"},
		{0xc020aa08, "UFFDIO_POISON"},
		{0, NULL}};

NAMES(clock) = {
    {0, "CLOCK_REALTIME"},          {1, "CLOCK_MONOTONIC"},     {2, "CLOCK_PROCESS_CPUTIME_ID"},
    {3, "CLOCK_THREAD_CPUTIME_ID"}, {4, "CLOCK_MONOTONIC_RAW"}, {5, "CLOCK_REALTIME_COARSE"},
    {6, "CLOCK_MONOTONIC_COARSE"},  {7, "CLOCK_BOOTTIME"},      {8, "CLOCK_REALTIME_ALARM"},
    {9, "CLOCK_BOOTTIME_ALARM"},    {11, "CLOCK_TAI"},          {0, NULL}};

NAMES(sighow) = {{0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}, {0, NULL}};

NAMES(resource) = {{0, "RLIMIT_CPU"},
		   {1, "RLIMIT_FSIZE"},
		   {2, "RLIMIT_DATA"},
		   {3, "RLIMIT_STACK"},
		   {4, "RLIMIT_CORE"},
		   {5, "RLIMIT_RSS"},
		   {6, "RLIMIT_NPROC"},
		   {7, "RLIMIT_NOFILE"},
		   {8, "RLIMIT_MEMLOCK"},
		   {9, "RLIMIT_AS"},
		   {10, "RLIMIT_LOCKS"},
		   {11, "RLIMIT_SIGPENDING"},
		   {12, "RLIMIT_MSGQUEUE"},
		   {13, "RLIMIT_NICE"},
		   {14, "RLIMIT_RTPRIO"},
		   {15, "RLIMIT_RTTIME"},
		   {0, NULL}};

NAMES(sigaction) = {
    {0x04000000, "SA_RESTORER"}, {0x08000000, "SA_ONSTACK"},   {0x10000000, "SA_RESTART"},
    {0x40000000, "SA_NODEFER"},  {0x80000000, "SA_RESETHAND"}, {4, "SA_SIGINFO"},
    {1, "SA_NOCLDSTOP"},         {2, "SA_NOCLDWAIT"},          {0, NULL}};

NAMES(poll) = {{1, "POLLIN"},         {2, "POLLPRI"},        {4, "POLLOUT"},
	       {0x40, "POLLRDNORM"},  {0x80, "POLLRDBAND"},  {0x100, "POLLWRNORM"},
	       {0x200, "POLLWRBAND"}, {8, "POLLERR"},        {0x10, "POLLHUP"},
	       {0x20, "POLLNVAL"},    {0x2000, "POLLRDHUP"}, {0, NULL}};

NAMES(prctl) = {{1, "PR_SET_PDEATHSIG"},
		{2, "PR_GET_PDEATHSIG"},
		{3, "PR_GET_DUMPABLE"},
		{4, "PR_SET_DUMPABLE"},
		{8, "PR_SET_KEEPCAPS"},
		{15, "PR_SET_NAME"},
		{16, "PR_GET_NAME"},
		{22, "PR_SET_SECCOMP"},
		{23, "PR_CAPBSET_READ"},
		{29, "PR_SET_TIMERSLACK"},
		{30, "PR_GET_TIMERSLACK"},
		{35, "PR_SET_MM"},
		{36, "PR_SET_CHILD_SUBREAPER"},
		{37, "PR_GET_CHILD_SUBREAPER"},
		{38, "PR_SET_NO_NEW_PRIVS"},
		{39, "PR_GET_NO_NEW_PRIVS"},
		{40, "PR_GET_TID_ADDRESS"},
		{41, "PR_SET_THP_DISABLE"},
		{42, "PR_GET_THP_DISABLE"},
		{47, "PR_CAP_AMBIENT"},
		{0x53564d41, "PR_SET_VMA"},
		{0, NULL}};

NAMES(statx) = {{0xfff, "STATX_ALL"},
		{0x7ff, "STATX_BASIC_STATS"},
		{1, "STATX_TYPE"},
		{2, "STATX_MODE"},
		{4, "STATX_NLINK"},
		{8, "STATX_UID"},
		{0x10, "STATX_GID"},
		{0x20, "STATX_ATIME"},
		{0x40, "STATX_MTIME"},
		{0x80, "STATX_CTIME"},
		{0x100, "STATX_INO"},
		{0x200, "STATX_SIZE"},
		{0x400, "STATX_BLOCKS"},
		{0x800, "STATX_BTIME"},
		{0x1000, "STATX_MNT_ID"},
		{0x2000, "STATX_DIOALIGN"},
		{0, NULL}};

void names_add_flags(struct text *t, const struct call_name *names, uint64_t flags,
		     const char *zero)
{
	const char *between = "";
	if (flags == 0)
		text_add(t, "%s", zero ? zero : "0");
	for (const struct call_name *n = names; n->name; n++) {
		if (n->value == 0 || (flags & n->value) != n->value)
			continue;
		text_add(t, "%s%s", between, n->name);
		between = "|";
		flags &= ~n->value;
	}
	if (flags)
		text_add(t, "%s0x%" PRIx64, between, flags);
}

void names_add_value(struct text *t, const struct call_name *names, uint64_t value,
		     const char *unknown)
{
	for (const struct call_name *n = names; n->name; n++) {
		if (n->value == value) {
			text_add(t, "%s", n->name);
			return;
		}
	}
	text_add(t, "%#" PRIx64 " /* %s */", value, unknown);
}

void names_add_signal(struct text *t, int number)
{
	const char *name = number > 0 && number < 32 ? sigabbrev_np(number) : NULL;
	if (name)
		text_add(t, "SIG%s", name);
	else if (number == 32)
		text_add(t, "SIGRTMIN");
	else if (number > 32 && number <= 64)
		text_add(t, "SIGRT_%d", number - 32);
	else
		text_add(t, "%d", number);
}

void names_add_error(struct text *t, int64_t error)
{
	int number = (int)-error;
	const char *name = strerrorname_np(number);
	if (number == 512)
		text_add(t, "? ERESTARTSYS (To be restarted if SA_RESTART is set)");
	else if (name)
		text_add(t, "-1 %s (%s)", name, strerrordesc_np(number));
	else
		text_add(t, "-1 (errno %d)", number);
}

void names_add_open_flags(struct text *t, uint64_t flags)
{
	static const char *const mode[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
	text_add(t, "%s", mode[flags & 3]);
	if (flags & ~UINT64_C(3)) {
		text_add(t, "|");
		names_add_flags(t, names_open, flags & ~UINT64_C(3), NULL);
	}
}

void names_add_map_flags(struct text *t, uint64_t flags)
{
	static const char *const type[] = {
	    [1] = "MAP_SHARED", [2] = "MAP_PRIVATE", [3] = "MAP_SHARED_VALIDATE"};
	unsigned kind = flags & 15;
	if (kind < 4 && type[kind])
		text_add(t, "%s", type[kind]);
	else
		text_add(t, "%#x /* MAP_??? */", kind);
	if (flags & ~UINT64_C(15)) {
		text_add(t, "|");
		names_add_flags(t, names_map, flags & ~UINT64_C(15), NULL);
	}
}

void names_add_stat_mode(struct text *t, uint32_t mode)
{
	static const char *const type[16] = {
	    [1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",  [6] = "S_IFBLK",
	    [8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK"};
	const char *name = type[mode >> 12 & 15];
	if (name)
		text_add(t, "%s|", name);
	else
		text_add(t, "%#o|", mode & 0170000u);
	for (unsigned bit = 04000; bit >= 01000; bit >>= 1)
		if (mode & bit)
			text_add(t, "%s|",
				 bit == 04000   ? "S_ISUID"
				 : bit == 02000 ? "S_ISGID"
						: "S_ISVTX");
	text_add(t, "0%03o", mode & 0777);
}
