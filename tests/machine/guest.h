/* SPDX-License-Identifier: MIT */
/* guest.h - a machine with one address space, for tests
 *
 * Frames are handed out from 1 upwards: frame 1 is the root table. Nothing is ever freed but with
 * the whole. Running out of frames ends the test program.
 */
#ifndef TESTS_MACHINE_GUEST_H
#define TESTS_MACHINE_GUEST_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/hart.h"

#define UNUSED __attribute__((unused))

enum {
	GUEST_RWX = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U,
	GUEST_RW = PTE_V | PTE_R | PTE_W | PTE_U,
	GUEST_R = PTE_V | PTE_R | PTE_U,
	GUEST_RX = PTE_V | PTE_R | PTE_X | PTE_U,
};

struct guest {
	struct machine *m;
	struct ram *ram;
	struct hart *h;
	struct regs *r;
	enum mmu_mode mode;
	uint64_t root, next_frame;
};

static inline uint64_t guest_frame(struct guest *g)
{
	if (g->next_frame == g->ram->frames) {
		printf("Bail out! the test machine is too small\n");
		exit(1);
	}
	return g->next_frame++;
}

static inline uint8_t *guest_bytes(struct guest *g, uint64_t frame)
{
	return g->ram->bytes + (frame << PAGE_SHIFT);
}

/* The leaf entry of va on a level, making the tables above it. */
UNUSED static uint64_t *guest_pte(struct guest *g, uint64_t va, unsigned to_level)
{
	uint64_t table = g->root;

	for (unsigned level = mmu_levels(g->mode) - 1; level > to_level; level--) {
		uint64_t *e = (uint64_t *)guest_bytes(g, table) + mmu_index(va, level);
		if (!(*e & PTE_V))
			*e = guest_frame(g) << PTE_PPN_SHIFT | PTE_V;
		table = *e >> PTE_PPN_SHIFT;
	}
	return (uint64_t *)guest_bytes(g, table) + mmu_index(va, to_level);
}

UNUSED static void guest_map(struct guest *g, uint64_t va, uint64_t frame, unsigned bits)
{
	*guest_pte(g, va, 0) = frame << PTE_PPN_SHIFT | bits;
}

/* Maps size bytes of fresh zeroed frames. */
UNUSED static void guest_map_new(struct guest *g, uint64_t va, uint64_t size, unsigned bits)
{
	for (uint64_t at = page_down(va); at < va + size; at += PAGE_SIZE)
		if (!(*guest_pte(g, at, 0) & PTE_V))
			guest_map(g, at, guest_frame(g), bits);
}

/* The host address of a mapped byte. */
UNUSED static uint8_t *guest_at(struct guest *g, uint64_t va)
{
	uint64_t pte = *guest_pte(g, va, 0);

	return guest_bytes(g, pte >> PTE_PPN_SHIFT) + (va & (PAGE_SIZE - 1));
}

UNUSED static void guest_put(struct guest *g, uint64_t va, const void *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		*guest_at(g, va + i) = ((const uint8_t *)bytes)[i];
}

UNUSED static void guest_init_mode(struct guest *g, uint64_t frames, unsigned harts, enum mmu_mode mode)
{
	memset(g, 0, sizeof(*g));
	if (machine_create(frames, harts, &g->m) < 0) {
		printf("Bail out! no memory\n");
		exit(1);
	}
	g->ram = machine_ram(g->m);
	g->h = machine_hart(g->m, 0);
	g->r = hart_regs(g->h);
	g->mode = mode;
	g->next_frame = 1;
	g->root = guest_frame(g);
	hart_set_satp(g->h, mmu_satp(mode, 1, g->root));
}

UNUSED static void guest_init(struct guest *g, uint64_t frames) { guest_init_mode(g, frames, 1, MMU_SV48); }
UNUSED static void guest_finish(struct guest *g) { machine_destroy(g->m); }

/* Loads a static ELF file, all of it RWX, and gives it a stack. Returns false when it is not a
 * RISC-V 64 executable. */
UNUSED static bool guest_load(struct guest *g, const uint8_t *file, uint64_t size)
{
	enum { STACK = 0x7f0000000, STACK_SIZE = 256 << 10 };
	const Elf64_Ehdr *e = (const void *)file;

	if (size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_machine != EM_RISCV ||
	    e->e_phoff + e->e_phnum * sizeof(Elf64_Phdr) > size)
		return false;
	for (unsigned i = 0; i < e->e_phnum; i++) {
		const Elf64_Phdr *p = (const Elf64_Phdr *)(file + e->e_phoff) + i;
		if (p->p_type != PT_LOAD)
			continue;
		guest_map_new(g, p->p_vaddr, p->p_memsz, GUEST_RWX);
		for (uint64_t done = 0; done < p->p_filesz;) {
			uint64_t va = p->p_vaddr + done, n = PAGE_SIZE - (va & (PAGE_SIZE - 1));
			n = min_u64(n, p->p_filesz - done);
			memcpy(guest_at(g, va), file + p->p_offset + done, n);
			done += n;
		}
	}
	guest_map_new(g, STACK - STACK_SIZE, STACK_SIZE, GUEST_RW);
	memset(g->r, 0, sizeof(*g->r));
	g->r->x[REG_SP] = STACK - 256; /* argc 0, and ends of argv, envp and auxv */
	g->r->pc = e->e_entry;
	return true;
}

/* Runs until exit; serves write, and nothing else. Returns the exit code, or -1 after a trap. */
UNUSED static int guest_run(struct guest *g, uint64_t slice, struct trap *ret_trap)
{
	for (;;) {
		struct trap t = hart_run(g->h, slice);
		*ret_trap = t;
		if (t.cause == TRAP_BUDGET)
			continue;
		if (t.cause != TRAP_ECALL)
			return -1;
		uint64_t *a = &g->r->x[REG_A0];
		switch (g->r->x[REG_A7]) {
		case 93:
		case 94: return (int)*a;
		case 64:
			for (uint64_t i = 0; i < a[2]; i++)
				fputc(*guest_at(g, a[1] + i), stdout);
			*a = a[2];
			break;
		default: *a = (uint64_t)-38;
		}
		hart_retire(g->h);
	}
}

/* Reads a whole file; NULL when there is none. */
UNUSED static uint8_t *file_read(const char *path, uint64_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;

	if (!f)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0) {
		*ret_size = (uint64_t)ftell(f);
		rewind(f);
		bytes = malloc(*ret_size + 1);
		if (bytes && fread(bytes, 1, *ret_size, f) != *ret_size) {
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(f);
	return bytes;
}

#endif
