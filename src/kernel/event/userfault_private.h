/* SPDX-License-Identifier: MIT */
/* userfault_private.h - what the files of userfaultfds share: who watches, and the events that he is told
 *
 * An event (fork, mremap, munmap, madvise) is of the task whose call it was: the call is over, but returns
 * only once its events are read, so that a task has few and none is lost. Those of madvise come before the
 * pages go. Each belongs to the userfaultfd that it waits at; with either it goes, too. A fork's carries the
 * child's userfaultfd until somebody reads it and gets a descriptor.
 */
#ifndef KERNEL_USERFAULT_PRIVATE_H
#define KERNEL_USERFAULT_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/event/userfault.h"
#include "kernel/wait.h"

enum feature {
	PAGEFAULT_FLAG_WP = 1 << 0,
	EVENT_FORK = 1 << 1,
	EVENT_REMAP = 1 << 2,
	EVENT_REMOVE = 1 << 3,
	MISSING_HUGETLBFS = 1 << 4,
	MISSING_SHMEM = 1 << 5,
	EVENT_UNMAP = 1 << 6,
	SIGBUS_INSTEAD = 1 << 7,
	THREAD_ID = 1 << 8,
	MINOR_HUGETLBFS = 1 << 9,
	MINOR_SHMEM = 1 << 10,
	EXACT_ADDRESS = 1 << 11,
	WP_SHMEM = 1 << 12,
	WP_UNPOPULATED = 1 << 13,
	POISON = 1 << 14,
	WP_ASYNC = 1 << 15,
	MOVE = 1 << 16,
	/* Those of huge pages say that a region of them could be watched, if there was one. */
	FEATURES = (1 << 17) - 1,
};

/* struct uffd_msg. arg: of a fault its flags, address and thread; of others see Linux's. */
struct message {
	uint8_t event, pad1;
	uint16_t pad2;
	uint32_t pad3;
	uint64_t arg[3];
};
_Static_assert(sizeof(struct message) == 32, "struct uffd_msg");
enum { TOLD_FAULT = 0x12, TOLD_FORK, TOLD_REMAP, TOLD_REMOVE, TOLD_UNMAP };

struct userfault_event {
	struct userfault *of;
	struct task *task;	/* waits until it is read */
	struct userfault *heir; /* of a fork: who watches the child; NULL otherwise */
	struct message message;
	TAILQ_ENTRY(userfault_event) link; /* of->events, or what is about to be */
};

struct userfault {
	struct kernel *kernel;
	uint64_t serial; /* as regions name it */
	uint32_t space;	 /* its maker's */
	bool begun;	 /* UFFDIO_API was done */
	bool user_only;
	uint32_t flags; /* O_CLOEXEC, O_NONBLOCK: what a fork's gets, too */
	uint64_t features;
	struct wait_queue sleepers; /* tasks with a fault */
	struct wait_queue readers;  /* who waits for one */
	struct userfault_list events; /* not read yet, the oldest first */
	LIST_ENTRY(userfault) link;
};

/* userfault.c. One more that watches a space. Returns 0 or -ENOMEM. */
int userfault_make(struct kernel *k, uint32_t space, struct userfault **ret_userfault);
/* Nobody is watched by it any more. */
void userfault_free(struct userfault *u);
/* A descriptor of t's for it. Returns that or -errno. */
int64_t userfault_install(struct task *t, struct userfault *u);
struct userfault *userfault_find(const struct kernel *k, uint64_t serial);

/* userfault_event.c. The oldest is read by t: into *ret_message. Returns 0 or, of a fork whose descriptor
 * cannot be had, -errno; then it stays. */
int userfault_event_read(struct userfault *u, struct task *t, struct message *ret_message);
/* u goes: nobody waits for it to read. */
void userfault_events_drop(struct userfault *u);

#endif
