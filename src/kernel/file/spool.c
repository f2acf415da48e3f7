/* SPDX-License-Identifier: MIT */
#include "kernel/file/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/kernel.h"

void spool_init(struct spool *s, struct kernel *k)
{
	*s = (struct spool){.kernel = k};
}

/* Gives back the frames behind what is kept. */
static void spool_trim(struct spool *s)
{
	uint64_t need = s->size ? page_up(s->head + s->size) >> PAGE_SHIFT : 0;
	while (s->frames > need)
		frame_free(s->kernel->mm, s->frame[--s->frames]);
	if (s->frames == 0) {
		free(s->frame);
		s->frame = NULL;
		s->size_frames = 0;
		s->head = 0;
	}
}

void spool_finish(struct spool *s)
{
	s->size = 0;
	spool_trim(s);
}

static int array_room(struct spool *s, uint64_t frames)
{
	if (frames <= s->size_frames)
		return 0;
	uint64_t size = max_u64(frames, 2 * (uint64_t)s->size_frames);
	uint32_t *more = realloc(s->frame, size * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->frame = more;
	s->size_frames = (unsigned)size;
	return 0;
}

int spool_room(struct spool *s, uint64_t more)
{
	uint64_t frames = page_up(s->head + s->size + more) >> PAGE_SHIFT;
	/* More than RAM has can never be. */
	int error = frames > s->kernel->mm->frames ? -ENOMEM : array_room(s, frames);
	while (!error && s->frames < frames) {
		error = frame_take_kernel(s->kernel->mm, s, &s->frame[s->frames]);
		s->frames += !error;
	}
	if (error)
		spool_trim(s);
	return error;
}

static uint8_t *spool_at(const struct spool *s, uint64_t at, uint64_t *size)
{
	uint64_t pos = s->head + at;
	*size = min_u64(*size, PAGE_SIZE - pos % PAGE_SIZE);
	return frame_bytes(s->kernel->mm, s->frame[pos >> PAGE_SHIFT]) + pos % PAGE_SIZE;
}

void spool_read(const struct spool *s, uint64_t at, void *ret_bytes, uint64_t size)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		part = size - done;
		const uint8_t *from = spool_at(s, at + done, &part);
		memcpy((uint8_t *)ret_bytes + done, from, part);
	}
}

void spool_write(struct spool *s, uint64_t at, const void *bytes, uint64_t size)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		part = size - done;
		uint8_t *to = spool_at(s, at + done, &part);
		if (bytes)
			memcpy(to, (const uint8_t *)bytes + done, part);
		else
			memset(to, 0, part);
	}
}

/* Moves size bytes up or down, in pieces that no overlap can spoil. */
static void spool_move(struct spool *s, uint64_t to, uint64_t from, uint64_t size)
{
	uint8_t some[1024];
	for (uint64_t done = 0, part; done < size; done += part) {
		part = min_u64(size - done, sizeof(some));
		uint64_t at = to < from ? done : size - done - part;
		spool_read(s, from + at, some, part);
		spool_write(s, to + at, some, part);
	}
}

void spool_insert(struct spool *s, uint64_t at, const void *bytes, uint64_t size)
{
	spool_move(s, at + size, at, s->size - at);
	s->size += size;
	spool_write(s, at, bytes, size);
}

/* From the front frames go at once, wherever the rest lies. */
static void spool_skip(struct spool *s, uint64_t size)
{
	unsigned whole = (unsigned)((s->head + size) >> PAGE_SHIFT);
	for (unsigned i = 0; i < whole; i++)
		frame_free(s->kernel->mm, s->frame[i]);
	s->frames -= whole;
	memmove(s->frame, s->frame + whole, s->frames * sizeof(*s->frame));
	s->head = (s->head + size) % PAGE_SIZE;
	s->size -= size;
}

void spool_remove(struct spool *s, uint64_t at, uint64_t size)
{
	if (at == 0) {
		spool_skip(s, size);
	} else {
		spool_move(s, at, at + size, s->size - at - size);
		s->size -= size;
	}
	spool_trim(s);
}
