/* SPDX-License-Identifier: MIT */
#include "observe/paging.h"

#include <stdlib.h>

#include "base/alloc.h"

void paging_init(struct paging *p)
{
	*p = (struct paging){0};
	sparse_init(&p->by_pid, &alloc_libc);
	RB_INIT(&p->keys);
}

void paging_finish(struct paging *p)
{
	uint64_t pid = 0;
	for (struct paging_counts *c; (c = sparse_next(&p->by_pid, &pid, INT32_MAX)); pid++)
		free(c);
	sparse_finish(&p->by_pid);
	keys_finish(&p->keys);
}

const struct paging_counts *paging_of(const struct paging *p, int32_t pid)
{
	return pid > 0 ? sparse_get(&p->by_pid, (uint64_t)pid) : NULL;
}

uint64_t paging_evictions(const struct paging_counts *c)
{
	return c->evicted_anon_clean + c->evicted_anon_dirty + c->evicted_file_clean +
	       c->evicted_file_dirty;
}

uint64_t paging_refaults(const struct paging_counts *c)
{
	return c->refaults_anon + c->refaults_file;
}

/* The counts of a process, to be changed. Without memory, or a process, those that nobody reads. */
static struct paging_counts *counts(struct paging *p, int32_t pid, struct paging_counts *spare)
{
	struct paging_counts *c = pid > 0 ? sparse_get(&p->by_pid, (uint64_t)pid) : NULL;
	if (c || pid <= 0)
		return c ? c : spare;
	c = calloc(1, sizeof(*c));
	if (c && sparse_set(&p->by_pid, (uint64_t)pid, c) == 0)
		return c;
	free(c);
	p->failed = true;
	return spare;
}

static void evicted(struct paging *p, const struct event_evict *e)
{
	struct paging_counts spare, *both[2] = {&p->total, &spare};
	struct key_note *k = keys_note(&p->keys, e->key);
	p->failed |= !k;
	if (k)
		both[1] = counts(p, k->pid, &spare);
	for (unsigned i = 0; i < 2; i++) {
		if (e->file)
			*(e->dirty ? &both[i]->evicted_file_dirty : &both[i]->evicted_file_clean) +=
			    1;
		else
			*(e->dirty ? &both[i]->evicted_anon_dirty : &both[i]->evicted_anon_clean) +=
			    1;
	}
}

static void faulted(struct paging *p, const struct event *e)
{
	const struct event_fault *f = &e->fault;
	/* Of a page that was read only to be copied, the file's. */
	uint64_t key = f->from ? f->from : f->key;
	struct paging_counts spare, *c;
	struct key_note *k;
	if (cause_class(f->cause) != CLASS_major || !(k = keys_find(&p->keys, key)))
		return;
	c = counts(p, e->pid, &spare);
	c->refaults_anon += k->again && f->cause == CAUSE_swap_in;
	c->refaults_file += k->again && f->cause == CAUSE_file_read;
	c->swap_ins += f->cause == CAUSE_swap_in;
	c->read_ns += k->took;
	k->again = false;
	k->took = 0;
}

static void unmapped(struct paging *p, const struct event *e)
{
	struct key_note *k = keys_note(&p->keys, e->page_unmap.key);
	p->failed |= !k;
	if (k)
		k->pid = e->pid;
}

static void refaulted(struct paging *p, const struct event_refault *r)
{
	struct key_note *k = keys_note(&p->keys, r->key);
	p->failed |= !k;
	*(r->file ? &p->total.refaults_file : &p->total.refaults_anon) += 1;
	if (k)
		k->again = true;
}

static void swapped_in(struct paging *p, const struct event_swap_in *s)
{
	struct key_note *k = keys_note(&p->keys, s->key);
	p->failed |= !k;
	p->total.swap_ins++;
	p->total.read_ns += s->took;
	if (k)
		k->took += s->took;
}

void paging_event(struct paging *p, const struct event *e)
{
	switch (e->kind) {
	case EVENT_page_unmap: unmapped(p, e); break;
	case EVENT_evict: evicted(p, &e->evict); break;
	case EVENT_swap_out:
		p->total.swap_outs++;
		p->total.write_ns += e->swap_out.took;
		break;
	case EVENT_swap_in: swapped_in(p, &e->swap_in); break;
	case EVENT_refault: refaulted(p, &e->refault); break;
	case EVENT_fault: faulted(p, e); break;
	case EVENT_page_leave: keys_forget(&p->keys, e->page_leave.key); break;
	default: break;
	}
}
