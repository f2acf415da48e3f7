/* SPDX-License-Identifier: MIT */
/* core.h - what a program was when it died of a signal, as an ELF file that debuggers open
 *
 *	ELF header | program headers | notes | ... | pages of the first region | of the second ...
 *
 * The notes are Linux's on riscv64: NT_PRSTATUS and NT_FPREGSET of each thread, the one that died
 * first; NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE. Every region has its PT_LOAD; which of them have
 * pages in the file is said by coredump_filter, by Linux's rules. Pages that nobody touched are
 * holes of the file.
 *
 * Pages are copied as they are, one after the other: those in swap are read from there and stay
 * there. So writing a core needs no frame for the memory that it shows.
 */
#ifndef KERNEL_CORE_H
#define KERNEL_CORE_H

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct process;
struct region;
struct signal_info;
struct task;
struct text;

/* What init has, as Linux: private and shared anonymous memory, ELF headers, huge pages. */
enum { CORE_FILTER = 0x33 };

/* t is about to die of this signal, which dumps cores: writes the file, to where --core says, or as
 * far as RLIMIT_CORE allows to core.PID in its working directory. True: there is one, be it cut
 * short. */
bool core_dump(struct task *t, const struct signal_info *info);

/* core_notes.c: all notes, as they stand in the file. */
void core_notes(struct task *t, const struct signal_info *info, struct text *ret_notes);

#endif
