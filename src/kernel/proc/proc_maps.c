/* SPDX-License-Identifier: MIT */
/* proc_maps.c - maps, smaps and statm: the regions of a process as Linux prints them */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"
#include "kernel/signal.h"

/* Names start in this column, counted from 0. */
enum { NAME_COLUMN = 73 };

/* The name of a region; empty: it has none. */
static void region_name(const struct kernel *k, const struct process *p, const struct region *r,
			struct text *ret_name, uint64_t *ret_device, uint64_t *ret_inode)
{
	*ret_device = *ret_inode = 0;
	if (r->object && object_file_name(r->object, ret_name, ret_device, ret_inode))
		return;
	if (r->object && signal_is_trampoline(k, r->object))
		text_add(ret_name, "[vdso]");
	else if (r->object) {
		if (r->name)
			text_add(ret_name, "[anon_shmem:%s]", r->name->text);
		else
			text_add(ret_name, "/dev/zero (deleted)");
		*ret_device = 1;
		*ret_inode = r->object->serial;
	} else if (space_is_heap(p->space, r))
		text_add(ret_name, "[heap]");
	else if (r->start <= p->stack_start && p->stack_start < r->end)
		text_add(ret_name, "[stack]");
	else if (r->name)
		text_add(ret_name, "[anon:%s]", r->name->text);
}

bool proc_map_name(const struct kernel *k, const struct process *p, const struct region *r,
		   struct text *ret_name)
{
	uint64_t device, inode;
	if (!r->object || signal_is_trampoline(k, r->object))
		return false;
	region_name(k, p, r, ret_name, &device, &inode);
	return true;
}

const struct region *proc_map_find(const struct process *p, const char *name)
{
	char *end;
	uint64_t start = strtoul(name, &end, 16), last;
	if (!p->space || end == name || *end != '-')
		return NULL;
	name = end + 1;
	last = strtoul(name, &end, 16);
	const struct region *r = end == name || *end ? NULL : regions_find(&p->space->regions, start);
	bool is = r && r->start == start && r->end == last && r->object &&
		  !signal_is_trampoline(p->kernel, r->object);
	return is ? r : NULL;
}

/* A line is a region, whatever its file is called. */
static void name_add(struct text *t, const char *name)
{
	for (size_t n; *name; name += n) {
		n = strcspn(name, "\n");
		text_add_bytes(t, name, n);
		if (name[n]) {
			text_add(t, "\\012");
			n++;
		}
	}
}

static void header(const struct kernel *k, const struct process *p, const struct region *r,
		   struct text *t)
{
	struct text name = TEXT;
	uint64_t device, inode, offset = r->object ? r->offset : 0;
	region_name(k, p, r, &name, &device, &inode);
	size_t start = t->size;
	text_add(t, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", r->start, r->end,
		 r->prot & PROT_R ? 'r' : '-', r->prot & PROT_W ? 'w' : '-',
		 r->prot & PROT_X ? 'x' : '-', r->flags & REGION_SHARED ? 's' : 'p', offset,
		 major(device), minor(device), inode);
	if (name.size > 0) {
		size_t now = t->size - start;
		text_add(t, "%*s", now < NAME_COLUMN ? (int)(NAME_COLUMN - now) : 1, "");
		name_add(t, text_str(&name));
	}
	text_add(t, "\n");
	text_finish(&name);
}

int proc_maps(struct kernel *k, struct process *p, struct task *task, struct text *t)
{
	if (!p->space)
		return 0;
	for (const struct region *r = regions_first(&p->space->regions); r; r = region_next(r))
		header(k, p, r, t);
	return 0;
}

/* Sums for smaps, in pages; the pss in bytes. */
struct sums {
	uint64_t size, resident, pss, pss_dirty, shared_clean, shared_dirty, private_clean,
	    private_dirty;
	uint64_t referenced, anonymous, swapped, swap_pss, locked, lazy;
};

static void usage_add(struct space *s, const struct region *r, struct sums *sum)
{
	struct region_usage u;
	space_usage(s, r, &u);
	uint64_t shared_dirty = u.shared_dirty;
	sum->size += (r->end - r->start) / PAGE_SIZE;
	sum->resident += u.resident;
	sum->pss += u.pss >> PAGE_SHIFT;
	sum->pss_dirty += u.pss_dirty >> PAGE_SHIFT;
	sum->shared_dirty += shared_dirty;
	sum->shared_clean += u.shared - shared_dirty;
	sum->private_dirty += u.dirty - shared_dirty;
	sum->private_clean += u.resident - u.shared - (u.dirty - shared_dirty);
	sum->referenced += u.referenced;
	sum->anonymous += u.anonymous;
	sum->lazy += u.lazy;
	sum->swapped += u.swapped;
	sum->swap_pss += u.swap_pss >> PAGE_SHIFT;
	sum->locked += r->flags & REGION_LOCKED ? u.resident : 0;
}

/* "%-16s%8lu kB\n", by hand: a program may read the smaps of a thousand regions again and again, as
 * stress-ng does after each page that it gives up. */
static void line(struct text *t, const char *name, uint64_t kb)
{
	enum { NAME = 16, NUMBER = 8, MOST = 99999999 };
	static const char unit[] = " kB\n";
	char bytes[NAME + NUMBER], *digit = bytes + sizeof(bytes);
	if (kb > MOST) {
		text_add(t, "%-*s%lu kB\n", NAME, name, kb);
		return;
	}
	memset(bytes, ' ', sizeof(bytes));
	memcpy(bytes, name, strlen(name));
	do
		*--digit = (char)('0' + kb % 10);
	while (kb /= 10);
	text_add_bytes(t, bytes, sizeof(bytes));
	text_add_bytes(t, unit, sizeof(unit) - 1);
}

static void flag(struct text *t, const char name[static 2])
{
	const char bytes[3] = {' ', name[0], name[1]};
	text_add_bytes(t, bytes, sizeof(bytes));
}

static void usage_text(const struct sums *s, bool rollup, struct text *t)
{
	line(t, "Rss:", s->resident * 4);
	line(t, "Pss:", s->pss >> 10);
	line(t, "Pss_Dirty:", s->pss_dirty >> 10);
	if (rollup) {
		line(t, "Pss_Anon:", s->anonymous * 4);
		line(t, "Pss_File:", (s->pss >> 10) - min_u64(s->pss >> 10, s->anonymous * 4));
		line(t, "Pss_Shmem:", 0);
	}
	line(t, "Shared_Clean:", s->shared_clean * 4);
	line(t, "Shared_Dirty:", s->shared_dirty * 4);
	line(t, "Private_Clean:", s->private_clean * 4);
	line(t, "Private_Dirty:", s->private_dirty * 4);
	line(t, "Referenced:", s->referenced * 4);
	line(t, "Anonymous:", s->anonymous * 4);
	line(t, "KSM:", 0);
	line(t, "LazyFree:", s->lazy * 4);
	line(t, "AnonHugePages:", 0);
	line(t, "ShmemPmdMapped:", 0);
	line(t, "FilePmdMapped:", 0);
	line(t, "Shared_Hugetlb:", 0);
	line(t, "Private_Hugetlb:", 0);
	line(t, "Swap:", s->swapped * 4);
	line(t, "SwapPss:", s->swap_pss >> 10);
	line(t, "Locked:", s->locked * 4);
}

static void vm_flags(const struct region *r, struct text *t)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} more[] = {{REGION_GROWSDOWN, "gd"},	{REGION_LOCKED, "lo"},	    {REGION_SEQ_READ, "sr"},
		    {REGION_RAND_READ, "rr"},	{REGION_DONTFORK, "dc"},    {REGION_SPECIAL, "de"},
		    {REGION_LOCKONFAULT, "lf"}, {REGION_ACCOUNT, "ac"},	    {REGION_NORESERVE, "nr"},
		    {REGION_WIPEONFORK, "wf"},	{REGION_DONTDUMP, "dd"},    {REGION_HUGEPAGE, "hg"},
		    {REGION_NOHUGEPAGE, "nh"},	{REGION_MERGEABLE, "mg"},   {REGION_WATCH_MISSING, "um"},
		    {REGION_WATCH_GUARD, "uw"},	{REGION_WATCH_MINOR, "ui"}, {REGION_SEALED, "sl"}};
	static const char *const now[] = {"rd", "wr", "ex"}, *const may[] = {"mr", "mw", "me"};
	text_add_bytes(t, "VmFlags:", 8);
	for (unsigned i = 0; i < 3; i++) {
		if (r->prot >> i & 1)
			flag(t, now[i]);
	}
	bool shared = r->flags & REGION_SHARED;
	/* Of a file that was opened for reading it is shared memory that cannot be shared. */
	if (shared && r->prot_max & PROT_W)
		flag(t, "sh");
	for (unsigned i = 0; i < 3; i++) {
		if (r->prot_max >> i & 1)
			flag(t, may[i]);
	}
	if (shared)
		flag(t, "ms");
	for (size_t i = 0; i < array_size(more); i++) {
		if (r->flags & more[i].flag)
			flag(t, more[i].text);
	}
	text_add_bytes(t, " \n", 2);
}

int proc_smaps(struct kernel *k, struct process *p, struct task *task, struct text *t)
{
	static const char eligible[] = "THPeligible:           0\n";
	if (!p->space)
		return 0;
	for (const struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		struct sums s = {0};
		usage_add(p->space, r, &s);
		header(k, p, r, t);
		line(t, "Size:", s.size * 4);
		line(t, "KernelPageSize:", 4);
		line(t, "MMUPageSize:", 4);
		usage_text(&s, false, t);
		text_add_bytes(t, eligible, sizeof(eligible) - 1);
		vm_flags(r, t);
	}
	return 0;
}

int proc_smaps_rollup(struct kernel *k, struct process *p, struct task *task, struct text *t)
{
	struct sums s = {0};
	uint64_t first = 0, last = 0;
	if (!p->space)
		return -ESRCH;
	for (const struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		first = first ? first : r->start;
		last = r->end;
		usage_add(p->space, r, &s);
	}
	text_add(t, "%08lx-%08lx ---p 00000000 00:00 0 %*s[rollup]\n", first, last, 23, "");
	usage_text(&s, true, t);
	return 0;
}

void proc_memory(const struct process *p, struct proc_memory *ret_memory)
{
	struct proc_memory *m = ret_memory;
	const struct space *s = p->space;
	struct pmap_stats st;
	*m = (struct proc_memory){0};
	if (!s)
		return;
	s->pmap->ops->stats(s->pmap, &st);
	m->anon = st.resident[RESIDENT_ANON];
	m->file = st.resident[RESIDENT_FILE];
	m->shmem = st.resident[RESIDENT_SHMEM];
	m->resident = m->anon + m->file + m->shmem;
	m->resident_peak = max_u64(s->resident_peak, m->resident);
	m->size = s->pages;
	m->peak = max_u64(s->pages_peak, s->pages);
	m->text =
	    min_u64((page_up(p->code_end) - page_down(p->code_start)) / PAGE_SIZE, s->pages_exec);
	m->library = s->pages_exec - m->text;
	m->data = s->pages_data;
	m->stack = s->pages_stack;
	m->locked = s->pages_locked;
	m->swapped = space_swapped(s);
	m->tables = st.tables;
}

int proc_statm(struct kernel *k, struct process *p, struct task *task, struct text *t)
{
	struct proc_memory m;
	proc_memory(p, &m);
	text_add(t, "%lu %lu %lu %lu 0 %lu 0\n", m.size, m.resident, m.file + m.shmem, m.text,
		 m.data + m.stack);
	return 0;
}
