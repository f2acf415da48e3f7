/* SPDX-License-Identifier: MIT */
/* elf.h - what an ELF file asks for, and what is wrong with it
 *
 * Pure: bytes in, a description or a reason out. Nothing is believed: every field is checked
 * against the file's size, the others, and overflow, so that whoever maps the segments need not.
 *
 *	elf_header     the first 64 bytes: is it one of ours, and where are the program headers?
 *	elf_segments   the program headers: what to load where
 *
 * What holds afterwards: segments are in ascending order and do not overlap; each lies in the file
 * and below 2^56; offset and address agree modulo the page size; the entry point lies in an
 * executable segment.
 */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ELF_HEADER_SIZE = 64,
	ELF_PROGRAM_HEADER_SIZE = 56,
	ELF_SEGMENTS_MAX = 64,
	ELF_INTERPRETER_MAX = 4096
};

struct elf_segment {
	uint64_t va, memory_size; /* bytes in memory, at least file_size */
	uint64_t offset, file_size;
	unsigned prot; /* enum prot */
};

struct elf {
	bool relative; /* ET_DYN: addresses are offsets from where it is put */
	uint64_t entry;
	uint64_t header_offset, header_size; /* the program headers in the file */
	unsigned headers;
	unsigned segments;
	struct elf_segment segment[ELF_SEGMENTS_MAX];
	uint64_t headers_va; /* of the program headers in memory; 0: not loaded */
	uint64_t align;      /* of a relative file's place: a power of two, at least a page */
	uint64_t interpreter_offset, interpreter_size; /* size 0: none; counts its NUL */
	bool stack_executable;
	uint64_t low, high; /* the pages of all segments */
};

enum { ELF_WHY_SIZE = 160 };

/* size: bytes given, at most ELF_HEADER_SIZE. Returns 0; -ENOEXEC with a clause in why that goes
 * on "x is ...": "an x86-64 program; Carrel runs riscv64"; or with an empty why: no ELF file at all. */
int elf_header(const uint8_t *bytes, size_t size, uint64_t file_size, struct elf *ret_elf,
	       char why[ELF_WHY_SIZE]);
/* headers: header_size bytes. Completes e. */
int elf_segments(const uint8_t *headers, uint64_t file_size, struct elf *e, char why[ELF_WHY_SIZE]);

#endif
