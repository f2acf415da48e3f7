/* SPDX-License-Identifier: MIT */
/* lease.h - F_SETLEASE: an open file whose holder is asked before others open what he holds
 *
 *	                   another opens                  F_SETLEASE, or the time is up
 *	READ or WRITE lease -------------> being broken -----------------------------> READ, or none
 *	                     a signal for             the opener sleeps until then
 *	                     the holder
 *
 * A read lease keeps writers waiting, a write lease everybody. It belongs to the open file, goes with
 * it, and lies on a regular file of the host or of /dev/shm, by device and inode. The holder has
 * lease-break-time, LEASE_BREAK_SECONDS of virtual time unless set. A machine has at most LEASES_MAX.
 */
#ifndef KERNEL_LEASE_H
#define KERNEL_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/wait.h"

struct file;
struct lease;
struct place;
struct task;

enum { LEASES_MAX = 4096, LEASE_BUCKETS = 64, LEASE_BREAK_SECONDS = 45 };
enum lease_type { LEASE_READ = 0, LEASE_WRITE = 1, LEASE_NONE = 2 }; /* F_RDLCK, F_WRLCK, F_UNLCK */

LIST_HEAD(lease_list, lease);

struct leases {
	struct lease_list bucket[LEASE_BUCKETS]; /* by inode */
	unsigned count;
	struct wait_queue queue; /* who waits for any of them */
};

void leases_init(struct leases *l);
/* Takes, changes or gives back a lease. fd: what the signal names. Returns 0, -EINVAL, -EACCES (not t's
 * file, nor CAP_LEASE), -EAGAIN (others have it open, or there is nothing to give back), -ENOLCK. */
int lease_set(struct task *t, struct file *f, int fd, uint64_t type);
/* As F_GETLEASE tells: what it will be, where it is being broken. */
enum lease_type lease_get(const struct file *f);
/* t is about to open what is at a place, or to cut it. Returns 0, -EAGAIN where it does not want to wait
 * (nonblocking), or CALL_WAIT. */
int lease_break(const struct place *at, struct task *t, bool writes, bool nonblocking);
void lease_forget_file(struct file *f);

#endif
