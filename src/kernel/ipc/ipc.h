/* SPDX-License-Identifier: MIT */
/* ipc.h - what System V's three kinds of objects have in common: keys, numbers, permissions
 *
 *	key --ipc_get--> id = sequence * 32768 + index --ipc_find--> object
 *
 *	ipc_shm.c	segments of shared memory	contents: an object of src/vm, as of a memfd
 *	ipc_sem.h	sets of semaphores		contents: host memory while few, else a ring
 *	ipc_msg.c	queues of messages		contents: a ring
 *	mqueue.c	POSIX message queues, which have names and descriptors instead
 *
 * Indexes are given out in turn, and the sequence counts the turns, as Linux does: an id comes back
 * only after 2^16 turns. An object's first member is its struct ipc_object. It lives from ipc_add to
 * ipc_remove; who waited for it is told -EIDRM by its kind.
 *
 * Linux serves those who wait in the order in which they came, and does what they wait for in their
 * place, so that nobody who runs can be faster. Here, too: see sem_wake, and struct letter.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/task.h"

struct kernel;
struct object;
struct text;

enum ipc_kind { IPC_KIND_SHM, IPC_KIND_SEM, IPC_KIND_MSG, IPC_KINDS };

enum { IPC_INDEX_BITS = 15, IPC_KEY_PRIVATE = 0 };

/* Linux's defaults for /proc/sys/kernel. */
enum {
	IPC_SHM_MAX_COUNT = 4096,
	IPC_SEM_MAX_COUNT = 32000,
	IPC_SEM_PER_SET = 32000,
	IPC_SEM_TOTAL = 1024000000,
	IPC_SEM_OPS = 500,
	IPC_SEM_OPS_HARD = 65536, /* that it may be set to */
	IPC_SEM_VALUE = 32767,
	IPC_MSG_MAX_COUNT = 32000,
	IPC_MSG_SIZE = 8192,
	IPC_MSG_BYTES = 16384,
};
/* Bytes of a segment, and pages of all. */
#define IPC_SHM_MAX (UINT64_MAX - (UINT64_C(1) << 24))

/* Flags of *get and *ctl, Linux's numbers. */
enum { IPC_CREATE = 01000, IPC_EXCLUSIVE = 02000, IPC_NO_WAIT = 04000 };
enum { IPC_CMD_REMOVE = 0, IPC_CMD_SET = 1, IPC_CMD_STAT = 2, IPC_CMD_INFO = 3 };

struct ipc_object {
	int32_t key, id;
	uint32_t uid, gid, cuid, cgid;
	uint32_t mode;
};

struct ipc_set {
	struct ipc_object **slot; /* by index */
	unsigned size;		  /* of the array */
	unsigned count;
	const uint64_t *max; /* how many there may be: a setting */
	int last; /* the index given out last; -1: none yet */
	uint32_t sequence;
};

struct ipc {
	struct ipc_set set[IPC_KINDS];
	uint64_t shm_pages, sem_count; /* of all */
};

/* struct ipc64_perm of asm-generic. */
struct abi_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t sequence, pad[3];
	uint64_t unused[2];
};
_Static_assert(sizeof(struct abi_ipc_perm) == 48, "struct ipc64_perm");

/* For kernel_create and kernel_destroy. All processes are gone by then. */
int ipc_create(struct kernel *k);
void ipc_destroy(struct kernel *k);

/* *get: finds the object of a key, or makes one. check: does what is there do? create: makes one, with
 * ipc_add. Returns the id or a negative errno. */
struct ipc_get {
	enum ipc_kind kind;
	int32_t key;
	uint32_t flags;
	uint64_t size; /* bytes, or how many semaphores */
	int (*check)(const struct ipc_object *o, uint64_t size);
	int64_t (*create)(struct task *t, const struct ipc_get *g);
};
int64_t ipc_get(struct task *t, const struct ipc_get *g);

/* Gives o a number and t's ids. Returns the id, -ENOSPC or -ENOMEM. */
int64_t ipc_add(struct task *t, const struct ipc_get *g, struct ipc_object *o);
/* It has its number no more; its memory is its kind's. */
void ipc_remove(struct kernel *k, enum ipc_kind kind, struct ipc_object *o);
/* NULL: no such. */
struct ipc_object *ipc_find(const struct kernel *k, enum ipc_kind kind, int32_t id);
struct ipc_object *ipc_at(const struct kernel *k, enum ipc_kind kind, int32_t index);
/* For the STAT calls, which name an index where by_index. Returns 0 or -EINVAL. */
int ipc_named(const struct kernel *k, enum ipc_kind kind, int32_t name, bool by_index,
	      struct ipc_object **ret_object);
/* The highest index in use; 0 where there is none. */
int ipc_highest(const struct kernel *k, enum ipc_kind kind);

/* May t do this (0400 read, 0200 write)? Returns 0 or -EACCES. */
int ipc_may(const struct task *t, const struct ipc_object *o, uint32_t mode);
/* May t change or remove it? Returns 0 or -EPERM. */
int ipc_owns(const struct task *t, const struct ipc_object *o);
void ipc_perm_fill(const struct ipc_object *o, struct abi_ipc_perm *ret_perm);
/* IPC_SET. */
void ipc_perm_set(struct ipc_object *o, const struct abi_ipc_perm *perm);
/* Seconds of the guest's clock. */
int64_t ipc_now(const struct kernel *k);

/* What a message is delivered in, to a task that waits for one: task.call.state[0] points to it. */
struct letter {
	bool done;
	int error;     /* what the wait comes to, instead of a message */
	uint64_t what; /* which queue it waits at: an id, or a serial number */
	int64_t wanted;
	uint32_t mode, room; /* how wanted is meant; how long a message may be */
	int64_t type;	     /* of the message */
	uint32_t size;
	uint8_t *bytes;
};
/* The letter of t's call: made when the call begins, freed when it ends. NULL: no memory. */
struct letter *letter_of(struct task *t);
/* A copy of the message into the letter; t goes on. False: no memory, and nothing has changed. */
bool letter_deliver(struct task *t, int64_t type, const void *bytes, uint32_t size);
void letter_fail(struct task *t, int error);

/* What one process will undo when it ends: see ipc_semop.c. */
void sem_undo_all(struct process *p);

/* Freed by ipc_destroy, whatever is attached. */
void shm_segment_free(struct kernel *k, struct ipc_object *o);
void sem_set_free(struct kernel *k, struct ipc_object *o);
void msg_queue_free(struct kernel *k, struct ipc_object *o);

/* object_file_name, for segments: "/SYSV00000000 (deleted)". */
bool shm_segment_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		      uint64_t *ret_inode);

#endif
