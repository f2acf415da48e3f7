/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/program/exec.h"

/* Linux's: one string, all of them at most, all of them at least, room below what is filled. */
enum { STRING_MAX = 131072, STRINGS_MOST = 6 << 20, STRINGS_LEAST = 131072, STACK_ROOM = 131072 };

enum {
	AT_NULL,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_BASE = 7,
	AT_FLAGS = 8,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_HWCAP = 16,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
};
/* One bit per letter of the extensions: I, M, A, F, D, C. */
enum { HWCAP = 0x112d };

static int strings_size(const struct exec_strings *s, uint64_t *ret_size)
{
	uint64_t size = 0;
	for (unsigned i = 0; i < s->count; i++) {
		size_t n = strlen(s->list[i]) + 1;
		if (n > STRING_MAX)
			return -E2BIG;
		size += n;
	}
	*ret_size = size;
	return 0;
}

int exec_strings_check(const struct exec *x)
{
	uint64_t args, envs, limit = min_u64(x->stack_limit / 4, STRINGS_MOST);
	int r = strings_size(&x->argv, &args);
	if (r == 0)
		r = strings_size(&x->env, &envs);
	if (r != 0)
		return r;
	uint64_t pointers = ((uint64_t)x->argv.count + x->env.count) * 8;
	return args + envs + strlen(x->path) + 1 + pointers > max_u64(limit, STRINGS_LEAST) ? -E2BIG
											    : 0;
}

int exec_write(struct kernel *k, struct space *s, uint64_t va, const void *bytes, size_t size)
{
	struct mm *mm = k->mm;
	const uint8_t *from = bytes;
	while (size > 0) {
		size_t offset = va % PAGE_SIZE, n = min_u64(size, PAGE_SIZE - offset);
		const struct fault_request q = {.va = va, .access = ACCESS_WRITE, .by = BY_KERNEL};
		uint32_t frame;
		enum fault_result r = space_access(s, &q, &frame);
		if (r != FAULT_DONE)
			return r == FAULT_WAIT ? -EAGAIN : r == FAULT_NO_MEMORY ? -ENOMEM : -EFAULT;
		mm->pmap->frame_changed(mm, frame);
		if (from)
			memcpy(frame_bytes(mm, frame) + offset, from, n);
		else
			memset(frame_bytes(mm, frame) + offset, 0, n);
		frame_unhold(mm, frame);
		va += n;
		from = from ? from + n : NULL;
		size -= n;
	}
	return 0;
}

static void aux(struct exec *x, uint64_t key, uint64_t value)
{
	x->auxv[x->auxv_words++] = key;
	x->auxv[x->auxv_words++] = value;
}

static void fill_auxv(struct exec *x, uint64_t random_va, uint64_t path_va)
{
	x->auxv_words = 0;
	aux(x, AT_HWCAP, HWCAP);
	aux(x, AT_PAGESZ, PAGE_SIZE);
	aux(x, AT_CLKTCK, 100);
	aux(x, AT_PHDR, x->elf.headers_va ? x->elf.headers_va + x->bias : 0);
	aux(x, AT_PHENT, ELF_PROGRAM_HEADER_SIZE);
	aux(x, AT_PHNUM, x->elf.headers);
	aux(x, AT_BASE, x->interpreter_bias);
	aux(x, AT_FLAGS, 0);
	aux(x, AT_ENTRY, x->elf.entry + x->bias);
	aux(x, AT_UID, x->cred->uid);
	aux(x, AT_EUID, x->cred->euid);
	aux(x, AT_GID, x->cred->gid);
	aux(x, AT_EGID, x->cred->egid);
	aux(x, AT_SECURE, x->secure);
	aux(x, AT_RANDOM, random_va);
	aux(x, AT_EXECFN, path_va);
	aux(x, AT_NULL, 0);
}

/* Copies strings to bytes + at, and their addresses to *word. Returns where the next may go. */
static uint64_t place_strings(const struct exec_strings *s, uint8_t *bytes, uint64_t base,
			      uint64_t at, uint64_t **word)
{
	for (unsigned i = 0; i < s->count; i++) {
		size_t n = strlen(s->list[i]) + 1;
		memcpy(bytes + (at - base), s->list[i], n);
		*(*word)++ = at;
		at += n;
	}
	*(*word)++ = 0;
	return at;
}

static int map_stack(struct exec *x, uint64_t top)
{
	uint64_t limit = max_u64(page_up(min_u64(x->stack_limit, top / 2)), page_up(top - x->sp));
	uint64_t start = page_down(x->sp) - STACK_ROOM, at;
	if (top - start > limit)
		start = top - limit;
	const struct map_request m = {.start = start,
				      .length = top - start,
				      .prot =
					  PROT_R | PROT_W | (x->elf.stack_executable ? PROT_X : 0),
				      .prot_max = PROT_ALL,
				      .region_flags = REGION_STACK | REGION_GROWSDOWN,
				      .map_flags = MAP_AT_FREE};
	return space_map(x->space, &m, &at);
}

int exec_stack(struct exec *x)
{
	uint64_t top = x->space->layout.top, args, envs, path_size = strlen(x->path) + 1;
	int r = strings_size(&x->argv, &args);
	if (r == 0)
		r = strings_size(&x->env, &envs);
	if (r != 0)
		return r;
	uint64_t path_va = top - 8 - path_size;
	x->env_end = path_va;
	x->arg_end = path_va - envs;
	x->arg_start = x->arg_end - args;
	uint64_t random_va = align_down(x->arg_start - 16, 16);
	fill_auxv(x, random_va, path_va);
	uint64_t words = 1 + x->argv.count + 1 + x->env.count + 1 + x->auxv_words;
	x->sp = align_down(random_va - words * 8, 16);
	uint64_t size = top - x->sp;
	uint8_t *bytes = calloc(1, size);
	if (!bytes)
		return -ENOMEM;
	uint64_t *word = (uint64_t *)(void *)bytes;
	*word++ = x->argv.count;
	uint64_t at = place_strings(&x->argv, bytes, x->sp, x->arg_start, &word);
	at = place_strings(&x->env, bytes, x->sp, at, &word);
	memcpy(bytes + (at - x->sp), x->path, path_size);
	memcpy(word, x->auxv, x->auxv_words * sizeof(uint64_t));
	uint64_t random[2] = {kernel_random(x->kernel), kernel_random(x->kernel)};
	memcpy(bytes + (random_va - x->sp), random, sizeof(random));
	r = map_stack(x, top);
	if (r == 0)
		r = exec_write(x->kernel, x->space, x->sp, bytes, size);
	free(bytes);
	return r;
}
