/* SPDX-License-Identifier: MIT */
/* proc_machine.c - files of /proc that tell of memory, devices and interrupts, true to a machine that has few
 * of them; and of /proc/PID those that tell what was done */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/proc/proc.h"

enum { ORDERS = 11 };

/* How many free blocks there are of each size, as a buddy allocator would have them: of the runs of free
 * frames, the largest aligned blocks. */
static void free_blocks(const struct mm *mm, uint64_t count[ORDERS])
{
	memset(count, 0, ORDERS * sizeof(count[0]));
	for (uint32_t at = 0, end; at < mm->frames; at = end) {
		end = at + 1;
		if (frame_at(mm, at)->state != FRAME_FREE)
			continue;
		while (end < mm->frames && frame_at(mm, end)->state == FRAME_FREE)
			end++;
		for (uint32_t start = at; start < end;) {
			unsigned order = 0;
			while (order + 1 < ORDERS && start % (2u << order) == 0 && start + (2u << order) <= end)
				order++;
			count[order]++;
			start += 1u << order;
		}
	}
}

int proc_buddyinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	uint64_t count[ORDERS];
	free_blocks(k->mm, count);
	text_add(text, "Node 0, zone %8s ", "Normal");
	for (unsigned i = 0; i < ORDERS; i++)
		text_add(text, "%6lu ", count[i]);
	text_add(text, "\n");
	return 0;
}

int proc_pagetypeinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	static const char *const types[] = {"Unmovable", "Movable", "Reclaimable", "HighAtomic"};
	uint64_t count[ORDERS];
	free_blocks(k->mm, count);
	text_add(text, "Page block order: 9\nPages per block:  512\n\n%-43s", "Free pages count per migrate type at order");
	for (unsigned i = 0; i < ORDERS; i++)
		text_add(text, "%6u ", i);
	text_add(text, "\n");
	for (unsigned type = 0; type < array_size(types); type++) {
		text_add(text, "Node %4d, zone %8s, type %12s ", 0, "Normal", types[type]);
		for (unsigned i = 0; i < ORDERS; i++)
			text_add(text, "%6lu ", type == 1 ? count[i] : 0);
		text_add(text, "\n");
	}
	text_add(text, "\n%-23s", "Number of blocks type ");
	for (unsigned type = 0; type < array_size(types); type++)
		text_add(text, "%12s ", types[type]);
	text_add(text, "\nNode 0, zone %8s ", "Normal");
	for (unsigned type = 0; type < array_size(types); type++)
		text_add(text, "%12u ", type == 1 ? (k->mm->frames + 511) / 512 : 0);
	text_add(text, "\n");
	return 0;
}

int proc_zoneinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	struct mm_usage u;
	mm_usage(k->mm, &u);
	uint64_t file = u.kind[FRAME_FILE], anon = u.kind[FRAME_ANON];
	text_add(text, "Node 0, zone %8s\n  per-node stats\n", "Normal");
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {{"nr_inactive_anon", anon - u.anon_mapped}, {"nr_active_anon", u.anon_mapped},
		     {"nr_inactive_file", file - u.file_mapped}, {"nr_active_file", u.file_mapped},
		     {"nr_anon_pages", u.anon_mapped - u.shared_mapped},
		     {"nr_mapped", u.file_mapped + u.shared_mapped}, {"nr_file_pages", file + u.shared},
		     {"nr_dirty", u.file_dirty}, {"nr_writeback", u.writeback}, {"nr_shmem", u.shared},
		     {"nr_page_table_pages", u.kind[FRAME_TABLE]}};
	for (size_t i = 0; i < array_size(lines); i++)
		text_add(text, "      %-12s %lu\n", lines[i].name, lines[i].pages);
	uint64_t low = k->mm->config.low, high = k->mm->config.high;
	text_add(text,
		 "  pages free     %lu\n        boost    0\n        min      %lu\n        low      %lu\n"
		 "        high     %lu\n        spanned  %lu\n        present  %lu\n        managed  %lu\n"
		 "        cma      0\n        protection: (0)\n      nr_free_pages %lu\n",
		 u.free, low / 2, low, high, u.frames, u.frames, u.frames, u.free);
	text_add(text, "  pagesets\n  node_unreclaimable:  0\n  start_pfn:           0\n");
	return 0;
}

int proc_slabinfo(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "slabinfo - version: 2.1\n"
		       "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
		       "tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> "
		       "<sharedavail>\n");
	return 0;
}

int proc_interrupts(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "           CPU0       \n");
	return 0;
}

int proc_softirqs(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	static const char *const names[] = {"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK",
					    "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};
	text_add(text, "                    CPU0       \n");
	for (size_t i = 0; i < array_size(names); i++)
		text_add(text, "%12s: %10u\n", names[i], 0);
	return 0;
}

/* Disks are what swaps to them: a device for each area that is not a file. */
static bool is_disk(const struct swap_area *a)
{
	return strcmp(a->config.ops->name, "file") != 0;
}

int proc_partitions(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	const struct swap *s = &k->mm->swap;
	text_add(text, "major minor  #blocks  name\n\n");
	for (unsigned i = 0; i < s->areas; i++) {
		if (is_disk(&s->area[i]))
			text_add(text, "%4d  %7d %10lu %s%u\n", 252, i,
				 (uint64_t)s->area[i].slots.count * 4, s->area[i].config.ops->name, i);
	}
	return 0;
}

int proc_devices(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n 10 misc\n136 pts\n\n"
		       "Block devices:\n");
	return 0;
}

/* It has none: an empty file, as of a Linux without any. */
int proc_empty(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	return 0;
}

/* ---- /proc/PID ---- */

int proc_schedstat(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	text_add(text, "%lu 0 0\n", t ? t->retired : p->retired);
	return 0;
}

int proc_sched(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	uint64_t ns = t ? t->retired : p->retired;
	text_add(text, "%s (%d, #threads: %u)\n", t ? t->comm : "", t ? t->tid : p->pid, p->threads);
	text_add(text, "-------------------------------------------------------------------\n");
	text_add(text, "%-45s:%21lu.%06lu\n", "se.sum_exec_runtime", ns / 1000000, ns % 1000000);
	text_add(text, "%-45s:%21d\n%-45s:%21d\n", "policy",
		 t ? t->sched.policy : 0, "prio", t && t->sched.priority ? 99 - t->sched.priority : 120 + (t ? t->sched.nice : 0));
	return 0;
}

/* As Linux's mpol_to_str; nodes that are not there are not told. */
static void policy_text(struct mempolicy policy, struct text *text)
{
	static const char *const names[POLICIES] = {"default", "prefer",	"bind",		      "interleave",
						    "local",   "prefer (many)", "weighted interleave"};
	unsigned mode = mempolicy_mode(policy);
	text_add(text, "%s", names[mode]);
	if (policy.mode & POLICY_FLAGS)
		text_add(text, "=%s%s%s",
			 policy.mode & POLICY_STATIC_NODES     ? "static"
			 : policy.mode & POLICY_RELATIVE_NODES ? "relative"
							       : "",
			 policy.mode & POLICY_NUMA_BALANCING && policy.mode & (POLICY_STATIC_NODES | POLICY_RELATIVE_NODES)
			     ? "|"
			     : "",
			 policy.mode & POLICY_NUMA_BALANCING ? "balancing" : "");
	if (mode != POLICY_DEFAULT && mode != POLICY_LOCAL)
		text_add(text, ":0");
}

/* mapped: pages that are resident; anon and dirty among them; all of it on the one node. */
int proc_numa_maps(struct kernel *k, struct process *p, struct task *t, struct text *text)
{
	if (!p->space)
		return 0;
	for (const struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		struct region_usage u;
		uint64_t device, inode;
		struct text name = TEXT;
		space_usage(p->space, r, &u);
		text_add(text, "%08lx ", r->start);
		struct mempolicy policy = region_policy_at(r, r->start);
		policy_text(policy.mode || !t ? policy : t->mempolicy, text);
		if (r->object && object_file_name(r->object, &name, &device, &inode) && name.size)
			text_add(text, " file=%s", text_str(&name));
		else if (space_is_heap(p->space, r))
			text_add(text, " heap");
		else if (r->start <= p->stack_start && p->stack_start < r->end)
			text_add(text, " stack");
		text_finish(&name);
		if (u.resident) {
			if (u.anonymous)
				text_add(text, " anon=%lu", u.anonymous);
			if (u.dirty)
				text_add(text, " dirty=%lu", u.dirty);
			if (u.resident != u.anonymous)
				text_add(text, " mapped=%lu", u.resident);
			text_add(text, " N0=%lu kernelpagesize_kB=4", u.resident);
		}
		text_add(text, "\n");
	}
	return 0;
}
