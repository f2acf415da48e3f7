/* SPDX-License-Identifier: MIT */
/* futex_private.h - what the files of futexes share: words, who waits for them, and how they are called
 *
 * A waiter keeps in call.state what it waits for and how far that came:
 *
 *	NEW ----> ASLEEP ---woken by a program---> CALLED
 *	 |        MANY: for several words, which lie in a struct futex_many
 *	 +------> LOCKS, ORPHANED: for a lock that has an owner, see futex_lock.c
 *	 +------> DUE: for a word, until it is given a lock or made to wait for it
 */
#ifndef KERNEL_FUTEX_PRIVATE_H
#define KERNEL_FUTEX_PRIVATE_H

#include <stdint.h>

#include "kernel/task.h"

/* The name of a word: whose memory, and where in it. */
struct word {
	uint64_t where, offset;
};

/* Places in call.state. */
enum { FUTEX_WHERE, FUTEX_OFFSET, FUTEX_BITS, FUTEX_PHASE, FUTEX_OWNER = FUTEX_BITS };
enum futex_phase { PHASE_NEW, PHASE_ASLEEP, PHASE_CALLED, PHASE_LOCKS, PHASE_ORPHANED, PHASE_MANY, PHASE_DUE };

/* The bits of a lock's word beside its owner's tid. */
#define FUTEX_OWNER_DIED (UINT32_C(1) << 30)
#define FUTEX_WAITERS    (UINT32_C(1) << 31)
#define FUTEX_OWNER_MASK (FUTEX_OWNER_DIED - 1)

/* At call.state[FUTEX_WHERE] of who waits for several. */
enum { FUTEX_MANY_MAX = 128 };
struct futex_many {
	unsigned count, called; /* called: for which it was woken */
	struct word word[];
};

static inline struct futex_many *futex_many_of(const struct task *t)
{
	return (struct futex_many *)(uintptr_t)t->call.state[FUTEX_WHERE];
}

struct word futex_word_at(const struct space *s, uint64_t va);
struct wait_queue *futex_queue_of(struct kernel *k, struct word w);
/* Wakes up to count who wait for w with one of these bits. Returns how many. */
int64_t futex_call_some(struct kernel *k, struct word w, uint32_t bits, uint64_t count);
/* Up to count who wait for one word wait for another from now on. Returns how many. */
int64_t futex_move(struct kernel *k, struct word from, struct word to, uint64_t count);
/* Waits until call.deadline while the word at va has this value. */
int64_t futex_wait_at(struct task *t, uint64_t va, uint32_t value, uint32_t bits);


/* futex_lock.c. Takes the lock at va, or waits for it until call.deadline; try: or says -EAGAIN. */
int64_t futex_lock(struct task *t, uint64_t va, bool try);
int64_t futex_unlock(struct task *t, uint64_t va);
/* FUTEX_WAIT_REQUEUE_PI, whose deadline is read, and FUTEX_CMP_REQUEUE_PI. */
int64_t futex_wait_for_lock(struct task *t, const uint64_t a[6]);
int64_t futex_requeue_lock(struct task *t, const uint64_t a[6]);
/* t dies: who waits for a lock of its is to look again. */
void futex_locks_orphan(struct task *t);

#endif
