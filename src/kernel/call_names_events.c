/* SPDX-License-Identifier: MIT */
/* call_names_events.c - arguments that are numbers with names, by their type: those of events as files,
 * signals and file operations that no other call has */
#include "base/bits.h"
#include "base/text.h"
#include "kernel/call.h"
#include "kernel/call_names.h"

#define NAMES(list) static const struct call_name names_##list[]

const struct call_name names_epoll[] = {
    {1, "EPOLLIN"},		{2, "EPOLLPRI"},	{4, "EPOLLOUT"},
    {8, "EPOLLERR"},		{0x10, "EPOLLHUP"},	{0x40, "EPOLLRDNORM"},
    {0x80, "EPOLLRDBAND"},	{0x100, "EPOLLWRNORM"},	{0x200, "EPOLLWRBAND"},
    {0x2000, "EPOLLRDHUP"},	{1 << 28, "EPOLLEXCLUSIVE"}, {1 << 29, "EPOLLWAKEUP"},
    {1 << 30, "EPOLLONESHOT"},	{UINT64_C(1) << 31, "EPOLLET"}, {0, NULL}};

NAMES(eventfd) = {
    {1, "EFD_SEMAPHORE"}, {04000, "EFD_NONBLOCK"}, {02000000, "EFD_CLOEXEC"}, {0, NULL}};
NAMES(epoll_create) = {{02000000, "EPOLL_CLOEXEC"}, {0, NULL}};
NAMES(epoll_op) = {{1, "EPOLL_CTL_ADD"}, {2, "EPOLL_CTL_DEL"}, {3, "EPOLL_CTL_MOD"}, {0, NULL}};
NAMES(timerfd) = {{04000, "TFD_NONBLOCK"}, {02000000, "TFD_CLOEXEC"}, {0, NULL}};
NAMES(timer_flags) = {{1, "TFD_TIMER_ABSTIME"}, {2, "TFD_TIMER_CANCEL_ON_SET"}, {0, NULL}};
NAMES(signalfd) = {{04000, "SFD_NONBLOCK"}, {02000000, "SFD_CLOEXEC"}, {0, NULL}};
NAMES(inotify) = {{04000, "IN_NONBLOCK"}, {02000000, "IN_CLOEXEC"}, {0, NULL}};
NAMES(inotify_mask) = {{0xfff, "IN_ALL_EVENTS"},
		       {1, "IN_ACCESS"},
		       {2, "IN_MODIFY"},
		       {4, "IN_ATTRIB"},
		       {8, "IN_CLOSE_WRITE"},
		       {0x10, "IN_CLOSE_NOWRITE"},
		       {0x20, "IN_OPEN"},
		       {0x40, "IN_MOVED_FROM"},
		       {0x80, "IN_MOVED_TO"},
		       {0x100, "IN_CREATE"},
		       {0x200, "IN_DELETE"},
		       {0x400, "IN_DELETE_SELF"},
		       {0x800, "IN_MOVE_SELF"},
		       {0x1000000, "IN_ONLYDIR"},
		       {0x2000000, "IN_DONT_FOLLOW"},
		       {0x4000000, "IN_EXCL_UNLINK"},
		       {0x10000000, "IN_MASK_CREATE"},
		       {0x20000000, "IN_MASK_ADD"},
		       {0x80000000, "IN_ONESHOT"},
		       {0, NULL}};
NAMES(pidfd) = {{04000, "PIDFD_NONBLOCK"}, {0200, "PIDFD_THREAD"}, {0, NULL}};
NAMES(splice) = {{1, "SPLICE_F_MOVE"},
		 {2, "SPLICE_F_NONBLOCK"},
		 {4, "SPLICE_F_MORE"},
		 {8, "SPLICE_F_GIFT"},
		 {0, NULL}};
NAMES(rwf) = {{1, "RWF_HIPRI"},  {2, "RWF_DSYNC"},   {4, "RWF_SYNC"},
	      {8, "RWF_NOWAIT"}, {0x10, "RWF_APPEND"}, {0, NULL}};
NAMES(sync_range) = {{1, "SYNC_FILE_RANGE_WAIT_BEFORE"},
		     {2, "SYNC_FILE_RANGE_WRITE"},
		     {4, "SYNC_FILE_RANGE_WAIT_AFTER"},
		     {0, NULL}};

NAMES(random) = {{1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, {4, "GRND_INSECURE"}, {0, NULL}};

/* zero: what 0 is called, of flags; unknown: what else there is, of values. */
static const struct {
	enum call_type type;
	const struct call_name *names;
	const char *zero, *unknown;
} lists[] = {
    {T_eventfd_flags, names_eventfd, "0", NULL},
    {T_epoll_flags, names_epoll_create, "0", NULL},
    {T_epoll_op, names_epoll_op, NULL, "EPOLL_CTL_???"},
    {T_timerfd_flags, names_timerfd, "0", NULL},
    {T_timer_flags, names_timer_flags, "0", NULL},
    {T_signalfd_flags, names_signalfd, "0", NULL},
    {T_inotify_flags, names_inotify, "0", NULL},
    {T_inotify_mask, names_inotify_mask, "0", NULL},
    {T_pidfd_flags, names_pidfd, "0", NULL},
    {T_splice_flags, names_splice, "0", NULL},
    {T_rwf_flags, names_rwf, "0", NULL},
    {T_sync_range, names_sync_range, "0", NULL},
    {T_random_flags, names_random, "0", NULL},
};

bool names_add_listed(struct text *t, enum call_type type, uint64_t value)
{
	for (size_t i = 0; i < array_size(lists); i++) {
		if (lists[i].type != type)
			continue;
		if (lists[i].unknown)
			names_add_value(t, lists[i].names, (uint32_t)value, lists[i].unknown);
		else
			names_add_flags(t, lists[i].names, (uint32_t)value, lists[i].zero);
		return true;
	}
	return false;
}
