/* SPDX-License-Identifier: MIT */
#include "kernel/program/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"
#include "kernel/task.h"

/* Bits of coredump_filter; see core(5). */
enum { ANON_PRIVATE = 1, ANON_SHARED = 2, FILE_PRIVATE = 4, FILE_SHARED = 8, ELF_HEADERS = 16 };

/* Where it goes: a file of the guest, or of the host. */
struct core {
	struct kernel *k;
	struct space *space;
	unsigned filter;
	struct file *file;
	int fd;
	uint64_t most; /* bytes */
	uint64_t end;  /* of what was written */
	int error;
};

/* --- bytes --- */

static int64_t write_some(struct core *c, const void *bytes, size_t size, uint64_t at)
{
	if (c->fd >= 0) {
		ssize_t n = pwrite(c->fd, bytes, size, (off_t)at);
		return n < 0 ? -errno : n;
	}
	for (;;) {
		uint64_t pos = at;
		int64_t n = c->file->ops->write(c->file, NULL, bytes, size, &pos);
		if (n != -EAGAIN || mm_next(c->k->mm) == NO_DEADLINE)
			return n;
		sched_pass_io(c->k);
	}
}

static void put(struct core *c, const void *bytes, size_t size, uint64_t at)
{
	const uint8_t *from = bytes;
	while (size > 0 && c->error == 0) {
		if (at >= c->most) {
			c->error = -EFBIG;
			return;
		}
		int64_t n = write_some(c, from, min_u64(size, c->most - at), at);
		if (n == -EINTR)
			continue;
		if (n <= 0) {
			c->error = n < 0 ? (int)n : -EIO;
			return;
		}
		from += n;
		at += (uint64_t)n;
		size -= (size_t)n;
		c->end = max_u64(c->end, at);
	}
}

/* --- which pages --- */

static bool starts_elf(const struct core *c, const struct region *r)
{
	char magic[SELFMAG];
	return r->offset == 0 && r->prot & PROT_R && space_peek(c->space, r->start, magic, sizeof(magic)) &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* Linux's vma_dump_size. */
static uint64_t size_of(const struct core *c, const struct region *r)
{
	uint64_t whole = r->end - r->start;
	if (r->flags & REGION_SPECIAL)
		return whole;
	if (r->flags & (REGION_DONTDUMP | REGION_SECRET))
		return 0;
	if (r->flags & REGION_SHARED)
		return c->filter & (r->object && r->object->kind == OBJECT_FILE ? FILE_SHARED : ANON_SHARED) ? whole : 0;
	if (r->lineage && c->filter & ANON_PRIVATE)
		return whole;
	if (!r->object)
		return 0;
	if (c->filter & FILE_PRIVATE)
		return whole;
	return c->filter & ELF_HEADERS && starts_elf(c, r) ? PAGE_SIZE : 0;
}

/* The first page at or after *va that may be anything but untouched; false: there is none before end. */
static bool next_page(const struct core *c, const struct region *r, uint64_t end, uint64_t *va)
{
	if (r->object && r->object->kind == OBJECT_FILE)
		return *va < end;
	uint64_t own = *va, shared = end, last = (end - 1 - r->start + r->offset) >> PAGE_SHIFT;
	if (r->flags & REGION_SHARED || !anon_map_next(&c->space->anons, &own, end))
		own = end;
	uint64_t index = (*va - r->start + r->offset) >> PAGE_SHIFT;
	if (r->object && sparse_next(&r->object->pages, &index, last))
		shared = (index << PAGE_SHIFT) - r->offset + r->start;
	*va = min_u64(own, shared);
	return *va < end;
}

static bool is_zero(const uint8_t *page)
{
	static const uint8_t zeros[PAGE_SIZE];
	return memcmp(page, zeros, PAGE_SIZE) == 0;
}

static void put_region(struct core *c, const struct region *r, uint64_t size, uint64_t at)
{
	uint8_t page[PAGE_SIZE];
	/* Who wants the run to end need not wait for it. */
	for (uint64_t va = r->start; c->error == 0 && !c->k->stop && next_page(c, r, r->start + size, &va); va += PAGE_SIZE)
		if (space_peek(c->space, va, page, PAGE_SIZE) && !is_zero(page))
			put(c, page, PAGE_SIZE, at + (va - r->start));
}

/* --- the file --- */

static Elf64_Phdr header_of(const struct core *c, const struct region *r, uint64_t at)
{
	return (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = (r->prot & PROT_R ? PF_R : 0u) | (r->prot & PROT_W ? PF_W : 0u) | (r->prot & PROT_X ? PF_X : 0u),
	    .p_offset = at,
	    .p_vaddr = r->start,
	    .p_filesz = size_of(c, r),
	    .p_memsz = r->end - r->start,
	    .p_align = PAGE_SIZE,
	};
}

static void put_headers(struct core *c, const struct text *notes, uint64_t data)
{
	uint64_t regions = c->space->regions.count, at = sizeof(Elf64_Ehdr);
	Elf64_Ehdr e = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_RISCV,
	    .e_version = EV_CURRENT,
	    .e_phoff = sizeof(e),
	    .e_flags = 5, /* RVC, and doubles in registers: as its program */
	    .e_ehsize = sizeof(e),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = (uint16_t)min_u64(regions + 1, PN_XNUM),
	};
	uint64_t notes_at = sizeof(e) + (regions + 1) * sizeof(Elf64_Phdr);
	/* So many that a section has to say how many. */
	const Elf64_Shdr section = {.sh_info = (uint32_t)(regions + 1)};
	if (e.e_phnum == PN_XNUM) {
		e.e_shoff = align_up(notes_at + notes->size, 8);
		e.e_shnum = 1;
		e.e_shentsize = sizeof(section);
		put(c, &section, sizeof(section), e.e_shoff);
	}
	put(c, &e, sizeof(e), 0);
	const Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes->size, .p_align = 4};
	put(c, &note, sizeof(note), at);
	for (const struct region *r = regions_first(&c->space->regions); r; r = region_next(r)) {
		const Elf64_Phdr load = header_of(c, r, data);
		at += sizeof(note);
		put(c, &load, sizeof(load), at);
		data += load.p_filesz;
	}
	put(c, text_str(notes), notes->size, notes_at);
}

static void put_all(struct core *c, const struct text *notes)
{
	uint64_t headers = sizeof(Elf64_Ehdr) + (c->space->regions.count + 1) * sizeof(Elf64_Phdr);
	uint64_t data = align_up(headers + align_up(notes->size, 8) + sizeof(Elf64_Shdr), PAGE_SIZE);
	put_headers(c, notes, data);
	for (const struct region *r = regions_first(&c->space->regions); r; r = region_next(r)) {
		uint64_t size = size_of(c, r);
		put_region(c, r, size, data);
		data += size;
	}
	/* A hole at the end is part of it, too. */
	if (c->error != 0 || c->end >= data)
		return;
	if (c->fd >= 0)
		c->error = ftruncate(c->fd, (off_t)min_u64(data, c->most)) < 0 ? -errno : 0;
	else if (c->file->ops->truncate)
		c->error = c->file->ops->truncate(c->file, min_u64(data, c->most));
}

/* A part of a name, which makes no directory of it. */
static void add_plain(struct text *text, const char *part)
{
	for (; *part; part++)
		text_add_bytes(text, *part == '/' ? "!" : part, 1);
}

/* What a letter behind % stands for, as core(5) has it; others stand for nothing. */
static void add_part(struct task *t, const struct signal_info *info, char letter, struct text *text)
{
	const struct process *p = t->process;
	switch (letter) {
	case '%': text_add(text, "%%"); break;
	case 'p':
	case 'P': text_add(text, "%d", p->pid); break;
	case 'i':
	case 'I': text_add(text, "%d", t->tid); break;
	case 'u': text_add(text, "%u", process_cred(p)->uid); break;
	case 'g': text_add(text, "%u", process_cred(p)->gid); break;
	case 'd': text_add(text, "%d", p->dumpable); break;
	case 's': text_add(text, "%d", info->number); break;
	case 't': text_add(text, "%lu", kernel_realtime(p->kernel) / 1000000000); break;
	case 'h': text_add(text, "%s", p->kernel->settings.host_name); break;
	case 'e': add_plain(text, t->comm); break;
	case 'f': add_plain(text, p->exe && strrchr(p->exe, '/') ? strrchr(p->exe, '/') + 1 : t->comm); break;
	case 'E': add_plain(text, p->exe ? p->exe : t->comm); break;
	case 'c': text_add(text, "%lu", p->limit[RLIMIT_CORE].soft); break;
	default: break;
	}
}

/* The name that core_pattern gives. */
static void guest_name(struct task *t, const struct signal_info *info, struct text *ret_name)
{
	const struct settings *c = &t->process->kernel->settings;
	bool numbered = false;
	for (const char *at = c->core_pattern; *at; at++) {
		if (*at != '%') {
			text_add_bytes(ret_name, at, 1);
		} else if (*++at) {
			numbered |= *at == 'p';
			add_part(t, info, *at, ret_name);
		} else {
			break;
		}
	}
	if (c->core_uses_pid && !numbered)
		text_add(ret_name, ".%d", t->process->pid);
}

/* A file of the guest that nobody else has, empty. */
static int open_guest(struct task *t, const struct signal_info *info, struct file **ret_file)
{
	struct file *f;
	struct stat st;
	struct text name = TEXT;
	guest_name(t, info, &name);
	int r = text_failed(&name) ? -ENOMEM
		: name.size >= PATH_SIZE
		    ? -ENAMETOOLONG
		    : path_open(t, ABI_AT_FDCWD, text_str(&name), ABI_O_CREAT | O_WRONLY | ABI_O_NOFOLLOW, 0600, &f);
	text_finish(&name);
	if (r != 0)
		return r;
	if (!f->ops->write || !f->ops->truncate || !f->ops->stat || f->ops->stat(f, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink > 1)
		r = -EPERM;
	else
		r = f->ops->truncate(f, 0);
	if (r != 0)
		file_put(f);
	else
		*ret_file = f;
	return r;
}

/* The name that --core gives: %p is the number of the process. */
static int open_host(struct kernel *k, struct process *p, struct text *ret_name, int *ret_fd)
{
	for (const char *at = k->config.core; *at; at++) {
		bool number = at[0] == '%' && at[1] == 'p';
		if (number)
			text_add(ret_name, "%d", p->pid);
		else
			text_add_bytes(ret_name, at, 1);
		at += number;
	}
	if (text_failed(ret_name))
		return -ENOMEM;
	int fd = open(text_str(ret_name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static bool dump_to(struct core *c, struct task *t, const struct signal_info *info)
{
	struct text notes = TEXT;
	core_notes(t, info, &notes);
	if (text_failed(&notes))
		c->error = -ENOMEM;
	else
		put_all(c, &notes);
	text_finish(&notes);
	return c->error != -ENOMEM;
}

static bool dump_to_host(struct core *c, struct task *t, const struct signal_info *info)
{
	struct process *p = t->process;
	struct text name = TEXT;
	bool dumped = false;
	int r = open_host(c->k, p, &name, &c->fd);
	if (r == 0) {
		dumped = dump_to(c, t, info);
		if (close(c->fd) < 0 && c->error == 0)
			c->error = -errno;
		r = c->error;
	}
	if (r != 0)
		kernel_say(c->k, "--core %s: %s; %s (pid %d) is not in it as a whole", text_str(&name), strerror(-r), t->comm,
			   p->pid);
	else
		kernel_say(c->k, "%s is what was left of %s (pid %d): gdb-multiarch %s %s", text_str(&name), t->comm, p->pid,
			   p->exe ? p->exe : "PROGRAM", text_str(&name));
	text_finish(&name);
	return dumped;
}

bool core_dump(struct task *t, const struct signal_info *info)
{
	struct process *p = t->process;
	struct kernel *k = p->kernel;
	struct core c = {.k = k, .space = p->space, .filter = p->core_filter, .fd = -1, .most = UINT64_MAX};
	if (k->config.core)
		return dump_to_host(&c, t, info);
	c.most = p->limit[RLIMIT_CORE].soft;
	/* No room for its first page. */
	if (c.most < PAGE_SIZE || open_guest(t, info, &c.file) != 0)
		return false;
	bool dumped = dump_to(&c, t, info);
	file_put(c.file);
	return dumped;
}
