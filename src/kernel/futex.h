/* SPDX-License-Identifier: MIT */
/* futex.h - tasks that wait for a word of memory to change
 *
 * A word is named by where its contents live: in an object for shared mappings, else in a space.
 * Waiters lie on queues by the hash of that name, and keep the name in call.state: no memory is
 * taken. FUTEX_WAKE marks the very tasks that it wakes, so that exactly as many go on as were asked.
 */
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

#include <stdint.h>

struct space;
struct kernel;
struct task;

/* Wakes at most count waiters of the word at va; returns how many. */
int64_t futex_wake(struct kernel *k, struct space *s, uint64_t va, uint64_t count);

/* t leaves its memory: who waits for a lock that it owns (FUTEX_LOCK_PI) gets it. The locks of its
 * robust list that it still has get FUTEX_OWNER_DIED, and a waiter of each is woken. Whatever is in
 * that memory, 2048 entries are all that is looked at. */
void futex_abandon(struct task *t);

#endif
