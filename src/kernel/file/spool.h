/* SPDX-License-Identifier: MIT */
/* spool.h - bytes that programs leave with the kernel, in frames of the machine
 *
 *	head                      size
 *	  v                         v
 *	[.########|########|#######...]    frame[0], frame[1], ...
 *
 * What programs can make the kernel keep in bulk (messages, arrays of semaphores) is part of the N
 * frames of RAM like everything else of theirs. Positions count from head. Taking from the front moves
 * head on; everything else moves the bytes behind it. An empty spool has no frame.
 *
 * Only spool_room can fail: it is asked for what comes before anything is changed.
 */
#ifndef KERNEL_SPOOL_H
#define KERNEL_SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct kernel;

struct spool {
	struct kernel *kernel;
	uint32_t *frame;
	unsigned frames, size_frames; /* taken; the array's */
	uint64_t head;		      /* below PAGE_SIZE */
	uint64_t size;
};

void spool_init(struct spool *s, struct kernel *k);
void spool_finish(struct spool *s);
/* Makes room for more bytes. Returns 0, -ENOMEM, or -EAGAIN: a frame must be waited for. */
int spool_room(struct spool *s, uint64_t more);
/* Room was made; bytes NULL: zeros. */
void spool_insert(struct spool *s, uint64_t at, const void *bytes, uint64_t size);
void spool_remove(struct spool *s, uint64_t at, uint64_t size);
void spool_read(const struct spool *s, uint64_t at, void *ret_bytes, uint64_t size);
void spool_write(struct spool *s, uint64_t at, const void *bytes, uint64_t size);

#endif
