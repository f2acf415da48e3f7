/* SPDX-License-Identifier: MIT */
/* ipc_sem.h - System V semaphores: a set, and who waits for it
 *
 *	set -> value and last pid of each	in host memory while there are few, else in frames
 *	    -> queue: tasks that wait, each with its operations (struct wish) at call.state[0]
 *	    -> undos <- process: what is given back when the process ends
 *
 * ipc_sem.c has the sets: semget and semctl. ipc_semop.c changes values: semop, and what is undone.
 */
#ifndef KERNEL_IPC_SEM_H
#define KERNEL_IPC_SEM_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/ring.h"
#include "kernel/ipc/ipc.h"
#include "kernel/wait.h"

struct abi_sembuf {
	uint16_t number;
	int16_t change;
	int16_t flags;
};

struct sem {
	int32_t value;
	int32_t pid;
};

struct undo {
	uint16_t number;
	int16_t change;
};

/* What one process changed in one set with SEM_UNDO. */
struct sem_undo {
	struct sem_set *set;
	struct process *process;
	LIST_ENTRY(sem_undo) of_set, of_process;
	unsigned count, room;
	struct undo *undo;
};

struct sem_set {
	struct ipc_object o;
	struct kernel *kernel;
	unsigned count;
	struct sem *few; /* NULL: in the ring */
	struct ring ring;
	int64_t otime, ctime;
	struct wait_queue queue;
	LIST_HEAD(, sem_undo) undos;
};

/* A call that waits. */
struct wish {
	struct process *process;
	bool done;
	int error;
	unsigned count;
	unsigned blocks; /* at which semaphore it waits */
	bool for_zero;
	struct abi_sembuf op[];
};

struct sem sem_get(const struct sem_set *s, unsigned n);
void sem_put(struct sem_set *s, unsigned n, struct sem sem);

/* What a task that waits in a set's queue waits for. */
struct wish *wish_of(const struct task *t);
/* A value has changed: does for those that wait what can be done now. */
void sem_wake(struct sem_set *s);
/* Its value was set: nobody undoes anything from before. */
void undo_forget(struct sem_set *s, unsigned n);
void undo_free(struct sem_undo *u);

#endif
