/* SPDX-License-Identifier: MIT */
#include "kernel/program/elf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "vm/pmap.h"

enum { ET_EXEC = 2, ET_DYN = 3, ET_REL = 1, ET_CORE = 4, EM_RISCV = 243 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_GNU_STACK = 0x6474e551 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

/* No user address of any mode lies beyond. */
#define VA_END (UINT64_C(1) << 56)

static uint64_t get(const uint8_t *p, unsigned size)
{
	uint64_t x = 0;
	for (unsigned i = size; i-- > 0;)
		x = x << 8 | p[i];
	return x;
}

static __attribute__((format(printf, 2, 3))) int refuse(char *why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, ELF_WHY_SIZE, format, args);
	va_end(args);
	return -ENOEXEC;
}

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case 3: return "an x86 program";
	case 8: return "a MIPS program";
	case 20:
	case 21: return "a PowerPC program";
	case 22: return "an s390 program";
	case 40: return "an ARM program";
	case 62: return "an x86-64 program";
	case 183: return "an arm64 program";
	case 258: return "a LoongArch program";
	default: return NULL;
	}
}

int elf_header(const uint8_t *b, size_t size, uint64_t file_size, struct elf *ret_elf,
	       char why[ELF_WHY_SIZE])
{
	struct elf e = {.align = PAGE_SIZE};
	why[0] = 0;
	if (file_size == 0)
		return refuse(why, "an empty file");
	if (size < 4 || memcmp(b, "\177ELF", 4) != 0)
		return -ENOEXEC;
	if (size < ELF_HEADER_SIZE)
		return refuse(why, "cut short: an ELF file of %zu bytes, with a header of %d", size,
			      ELF_HEADER_SIZE);
	unsigned type = (unsigned)get(b + 16, 2), machine = (unsigned)get(b + 18, 2);
	if (b[5] == 2)
		return refuse(why, "a big-endian program; Carrel runs riscv64");
	if (machine == EM_RISCV && b[4] == 1)
		return refuse(why, "a 32-bit RISC-V program; Carrel runs riscv64");
	if (machine != EM_RISCV && machine_name(machine))
		return refuse(why, "%s; Carrel runs riscv64", machine_name(machine));
	if (machine != EM_RISCV)
		return refuse(why, "a program for machine type %u; Carrel runs riscv64", machine);
	if (b[4] != 2 || b[5] != 1 || b[6] != 1)
		return refuse(why,
			      "malformed: its ELF class is %u, its byte order %u, its version %u",
			      b[4], b[5], b[6]);
	if (type == ET_REL)
		return refuse(why, "an object file that was not linked yet");
	if (type == ET_CORE)
		return refuse(why, "a core dump, not a program");
	if (type != ET_EXEC && type != ET_DYN)
		return refuse(why, "malformed: its ELF type is %u", type);
	e.relative = type == ET_DYN;
	e.entry = get(b + 24, 8);
	e.header_offset = get(b + 32, 8);
	e.headers = (unsigned)get(b + 56, 2);
	e.header_size = (uint64_t)e.headers * ELF_PROGRAM_HEADER_SIZE;
	if (get(b + 54, 2) != ELF_PROGRAM_HEADER_SIZE)
		return refuse(why, "malformed: its program headers are of %u bytes, not %d",
			      (unsigned)get(b + 54, 2), ELF_PROGRAM_HEADER_SIZE);
	if (e.headers == 0)
		return refuse(why, "malformed: it has no program headers, so nothing to load");
	if (e.header_size > 65536)
		return refuse(why, "malformed: it has %u program headers", e.headers);
	if (e.header_offset > file_size || e.header_size > file_size - e.header_offset)
		return refuse(
		    why, "cut short or malformed: its program headers end beyond its %llu bytes",
		    (unsigned long long)file_size);
	*ret_elf = e;
	return 0;
}

/* One PT_LOAD joins e. */
static int add_load(const uint8_t *h, unsigned n, uint64_t file_size, struct elf *e, char *why)
{
	uint64_t flags = get(h + 4, 4), align = get(h + 48, 8);
	struct elf_segment s = {.offset = get(h + 8, 8),
				.va = get(h + 16, 8),
				.file_size = get(h + 32, 8),
				.memory_size = get(h + 40, 8)};
	s.prot =
	    (flags & PF_R ? PROT_R : 0) | (flags & PF_W ? PROT_W : 0) | (flags & PF_X ? PROT_X : 0);
	if (s.memory_size == 0 && s.file_size == 0)
		return 0;
	if (s.file_size > s.memory_size)
		return refuse(why,
			      "malformed: segment %u has more bytes in the file than in memory", n);
	if (s.va >= VA_END || s.memory_size > VA_END - s.va)
		return refuse(why, "malformed: segment %u reaches beyond any address", n);
	if (s.offset > file_size || s.file_size > file_size - s.offset)
		return refuse(
		    why, "cut short or malformed: segment %u ends beyond the file's %llu bytes", n,
		    (unsigned long long)file_size);
	if (s.file_size > 0 && (s.va - s.offset) % PAGE_SIZE != 0)
		return refuse(why,
			      "malformed: segment %u cannot be mapped, its address and offset "
			      "differ within a page",
			      n);
	if (e->segments > 0) {
		const struct elf_segment *last = &e->segment[e->segments - 1];
		if (s.va < last->va + last->memory_size)
			return refuse(
			    why, "malformed: segment %u overlaps or precedes the one before it", n);
	}
	if (e->segments == ELF_SEGMENTS_MAX)
		return refuse(why, "malformed: it has more than %d segments", ELF_SEGMENTS_MAX);
	if (align > e->align && (align & (align - 1)) == 0 && align <= UINT64_C(1) << 30)
		e->align = align;
	e->segment[e->segments++] = s;
	return 0;
}

static bool entry_is_code(const struct elf *e)
{
	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *s = &e->segment[i];
		if (s->prot & PROT_X && e->entry >= s->va && e->entry - s->va < s->memory_size)
			return e->entry % 2 == 0;
	}
	return false;
}

/* Where the program headers lie in memory, for AT_PHDR. */
static uint64_t headers_in_memory(const struct elf *e)
{
	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *s = &e->segment[i];
		if (e->header_offset >= s->offset && e->header_offset - s->offset < s->file_size)
			return s->va + (e->header_offset - s->offset);
	}
	return 0;
}

int elf_segments(const uint8_t *headers, uint64_t file_size, struct elf *e, char why[ELF_WHY_SIZE])
{
	bool interpreter = false;
	why[0] = 0;
	for (unsigned i = 0; i < e->headers; i++) {
		const uint8_t *h = headers + (size_t)i * ELF_PROGRAM_HEADER_SIZE;
		uint64_t offset = get(h + 8, 8), size = get(h + 32, 8);
		int r;
		switch (get(h, 4)) {
		case PT_LOAD:
			r = add_load(h, i, file_size, e, why);
			if (r != 0)
				return r;
			break;
		case PT_INTERP:
			if (interpreter)
				break;
			if (size < 2 || size > ELF_INTERPRETER_MAX)
				return refuse(
				    why, "malformed: the name of its interpreter has %llu bytes",
				    (unsigned long long)size);
			if (offset > file_size || size > file_size - offset)
				return refuse(why, "cut short or malformed: the name of its "
						   "interpreter lies beyond its end");
			interpreter = true;
			e->interpreter_offset = offset;
			e->interpreter_size = size;
			break;
		case PT_GNU_STACK: e->stack_executable = get(h + 4, 4) & PF_X; break;
		default: break;
		}
	}
	if (e->segments == 0)
		return refuse(why, "malformed: it has nothing to load");
	if (!entry_is_code(e))
		return refuse(why,
			      "not a program: its entry point 0x%llx is in no executable segment",
			      (unsigned long long)e->entry);
	const struct elf_segment *last = &e->segment[e->segments - 1];
	e->low = page_down(e->segment[0].va);
	e->high = page_up(last->va + last->memory_size);
	e->headers_va = headers_in_memory(e);
	return 0;
}
