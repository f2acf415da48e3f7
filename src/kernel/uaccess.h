/* SPDX-License-Identifier: MIT */
/* uaccess.h - how the kernel reaches the memory of a program
 *
 * There is no other way: every byte goes through the same translation and the same fault path as
 * the program's own accesses, faults by the kernel are told as such, and the frames are held
 * while the kernel uses them.
 *
 * All return 0, -EFAULT (which a handler returns to the program; SIGBUS cases too, as Linux), or
 * CALL_WAIT: a page is on its way, the task has been put to sleep, and the handler must return
 * CALL_WAIT and will be called again. So user memory comes before side effects.
 */
#ifndef KERNEL_UACCESS_H
#define KERNEL_UACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "vm/event.h"

struct task;

int uaccess_read(struct task *t, void *ret_bytes, uint64_t va, size_t size);
int uaccess_write(struct task *t, uint64_t va, const void *bytes, size_t size);
/* A structure that grows from one Linux to the next, of which known bytes are known here, and of which
 * the program has size: what it has not is zero, and -E2BIG when what is not known here is not. */
int uaccess_struct(struct task *t, void *ret_bytes, size_t known, uint64_t va, uint64_t size);
/* A string of at most size - 1 bytes and its NUL. Returns its length, -EFAULT, -ENAMETOOLONG or CALL_WAIT. */
int uaccess_string(struct task *t, char *ret_text, uint64_t va, size_t size);

/* Up to 16 pages of user memory, held: where they are in the host's memory. */
enum { HOLD_PAGES = 16 };

struct hold {
	struct mm *mm;
	unsigned pieces;
	size_t size; /* the sum */
	struct {
		uint8_t *bytes;
		uint32_t size;
		uint32_t frame;
	} piece[HOLD_PAGES];
};

/* Holds [va, va + size), or the beginning of it when it is longer than 16 pages, than RAM allows,
 * or meets an address that cannot be accessed: at least one byte on success. size > 0. */
int uaccess_hold(struct task *t, uint64_t va, size_t size, enum access access, struct hold *ret_hold);
void uaccess_release(struct hold *h);
/* Copies what the kernel has in one piece to the beginning of what is held; no more than that. */
void uaccess_put(const struct hold *h, const void *bytes, size_t size);

#endif
