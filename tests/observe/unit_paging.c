/* SPDX-License-Identifier: MIT */
#include "../test.h"
#include "observe/paging.h"

static void happen(struct paging *p, struct event e)
{
	paging_event(p, &e);
}

static void page_goes(struct paging *p, int32_t pid, uint64_t key, bool dirty, bool file)
{
	happen(p, (struct event){.kind = EVENT_page_unmap, .pid = pid, .page_unmap = {.key = key}});
	if (dirty && !file)
		happen(p, (struct event){.kind = EVENT_swap_out,
					 .swap_out = {.key = key, .took = 100}});
	happen(p, (struct event){.kind = EVENT_evict,
				 .evict = {.key = key, .dirty = dirty, .file = file}});
}

static void page_comes(struct paging *p, int32_t pid, uint64_t key, uint64_t took, bool again)
{
	if (again)
		happen(p, (struct event){.kind = EVENT_refault,
					 .refault = {.key = key, .file = !took}});
	if (took)
		happen(p, (struct event){.kind = EVENT_swap_in,
					 .swap_in = {.key = key, .took = took}});
	happen(p, (struct event){
		      .kind = EVENT_fault,
		      .pid = pid,
		      .fault = {.cause = took ? CAUSE_swap_in : CAUSE_file_read, .key = key}});
}

TEST(evictions_are_counted_by_kind_and_by_whose_page_it_was)
{
	struct paging p;
	paging_init(&p);
	page_goes(&p, 2, 1, true, false);
	page_goes(&p, 2, 2, false, false);
	page_goes(&p, 3, UINT64_C(1) << 63 | 1, false, true);
	page_goes(&p, 3, UINT64_C(1) << 63 | 2, true, true);
	page_goes(&p, 3, UINT64_C(1) << 63 | 3, true, true);
	CHECK_EQ(paging_evictions(&p.total), 5);
	CHECK_EQ(p.total.evicted_anon_dirty, 1);
	CHECK_EQ(p.total.evicted_anon_clean, 1);
	CHECK_EQ(p.total.evicted_file_clean, 1);
	CHECK_EQ(p.total.evicted_file_dirty, 2);
	CHECK_EQ(paging_evictions(paging_of(&p, 2)), 2);
	CHECK_EQ(paging_evictions(paging_of(&p, 3)), 3);
	CHECK_EQ(p.total.write_ns, 100);
	CHECK_EQ(p.total.swap_outs, 1);
	CHECK(!paging_of(&p, 4));
	paging_finish(&p);
}

TEST(a_refault_is_counted_for_whose_fault_it_was_and_pays_for_its_read)
{
	struct paging p;
	paging_init(&p);
	page_comes(&p, 2, UINT64_C(1) << 63 | 1, 0, false); /* the first time is none */
	CHECK_EQ(paging_refaults(&p.total), 0);
	page_comes(&p, 3, UINT64_C(1) << 63 | 1, 0, true);
	page_comes(&p, 3, UINT64_C(1) << 63 | 1, 0, false);
	CHECK_EQ(p.total.refaults_file, 1);
	CHECK_EQ(paging_of(&p, 3)->refaults_file, 1);
	page_goes(&p, 2, 7, true, false);
	page_comes(&p, 2, 7, 250, true);
	CHECK_EQ(p.total.refaults_anon, 1);
	CHECK_EQ(p.total.swap_ins, 1);
	CHECK_EQ(p.total.read_ns, 250);
	CHECK_EQ(paging_of(&p, 2)->read_ns, 250);
	CHECK_EQ(paging_of(&p, 2)->swap_ins, 1);
	CHECK_EQ(paging_of(&p, 2)->refaults_anon, 1);
	CHECK_EQ(paging_of(&p, 3)->read_ns, 0);
	page_comes(&p, 2, 8, 50, false); /* it was read, but had not been evicted before */
	CHECK_EQ(paging_of(&p, 2)->refaults_anon, 1);
	CHECK_EQ(paging_of(&p, 2)->swap_ins, 2);
	paging_finish(&p);
}

TEST(a_page_that_is_gone_is_forgotten)
{
	struct paging p;
	paging_init(&p);
	page_goes(&p, 2, 7, true, false);
	happen(&p, (struct event){.kind = EVENT_page_leave, .page_leave = {.key = 7}});
	page_comes(&p, 3, 7, 10, false);
	page_goes(&p, 3, 7, true, false);
	CHECK_EQ(paging_evictions(paging_of(&p, 2)), 1);
	CHECK_EQ(paging_evictions(paging_of(&p, 3)), 1);
	paging_finish(&p);
}

TEST_MAIN
