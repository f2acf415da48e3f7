/* SPDX-License-Identifier: MIT */
/* paging.h - what paging cost, folded from the events of a run: in all, and for each process
 *
 * A page that is evicted is counted for a process that it was mapped by, one of them where there
 * were several. A page that comes back is a refault; of a process, where its fault brought it back. The time of a read is charged
 * to the process whose fault the read was for.
 */
#ifndef OBSERVE_PAGING_H
#define OBSERVE_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"
#include "observe/keys.h"
#include "vm/event.h"

struct paging_counts {
	uint64_t evicted_anon_clean, evicted_anon_dirty, evicted_file_clean, evicted_file_dirty;
	uint64_t refaults_anon, refaults_file;
	uint64_t swap_outs, swap_ins; /* pages; swap_outs only in all */
	uint64_t read_ns, write_ns;   /* virtual time of the device; write_ns only in all */
};

struct paging {
	struct paging_counts total;
	struct sparse by_pid; /* of struct paging_counts */
	struct keys keys;
	bool failed; /* for want of memory something was not counted */
};

void paging_init(struct paging *p);
void paging_finish(struct paging *p);
void paging_event(struct paging *p, const struct event *e);
/* What happened to a process; NULL: nothing of this. */
const struct paging_counts *paging_of(const struct paging *p, int32_t pid);

uint64_t paging_refaults(const struct paging_counts *c);
uint64_t paging_evictions(const struct paging_counts *c);

#endif
