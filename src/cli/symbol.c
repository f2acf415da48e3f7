/* SPDX-License-Identifier: MIT */
#include "cli/symbol.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "cli/session.h"
#include "kernel/kernel.h"
#include "observe/symbols.h"

/* No file larger than this is read for its names. */
enum { FILE_MAX = 1 << 30 };

struct entry {
	uint32_t object;         /* serial */
	struct symbols *symbols; /* NULL: it has none */
	struct entry *next;
};

struct symbol_cache {
	struct entry *first;
};

struct symbol_cache *symbol_cache_create(void)
{
	return calloc(1, sizeof(struct symbol_cache));
}

void symbol_cache_destroy(struct symbol_cache *c)
{
	if (!c)
		return;
	while (c->first) {
		struct entry *e = c->first;
		c->first = e->next;
		symbols_close(e->symbols);
		free(e);
	}
	free(c);
}

/* The whole file behind an object, from malloc; NULL: it cannot be had. */
static uint8_t *read_object(const struct object *o)
{
	uint8_t page[PAGE_SIZE], *bytes;
	if (o->kind != OBJECT_FILE || !o->pager || !o->pager->peek || o->size == 0 ||
	    o->size > FILE_MAX)
		return NULL;
	bytes = malloc(o->size);
	for (uint64_t at = 0; bytes && at < o->size; at += PAGE_SIZE) {
		if (o->pager->peek(o->ctx, at >> PAGE_SHIFT, page) < 0) {
			free(bytes);
			return NULL;
		}
		memcpy(bytes + at, page, min_u64(PAGE_SIZE, o->size - at));
	}
	return bytes;
}

static struct symbols *symbols_of(struct symbol_cache *c, const struct object *o)
{
	for (struct entry *e = c->first; e; e = e->next)
		if (e->object == o->serial)
			return e->symbols;
	struct entry *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	*e = (struct entry){.object = o->serial, .next = c->first};
	c->first = e;
	uint8_t *bytes = read_object(o);
	if (bytes && symbols_open(bytes, o->size, &e->symbols) < 0)
		e->symbols = NULL;
	return e->symbols;
}

/* Where the file of region r begins in memory: at the lowest region that maps it, unless it is
 * mapped again further down. */
static uint64_t load_start(const struct region *r)
{
	const struct region *first = r;
	for (const struct region *q = r; q && r->start - q->start < UINT64_C(1) << 32;
	     q = region_prev(q)) {
		if (q->object == r->object && q->offset <= first->offset)
			first = q;
		if (first->offset == 0)
			break;
	}
	return first->start - first->offset;
}

bool symbol_add(struct symbol_cache *c, struct process *p, uint64_t va, struct text *t)
{
	struct region *r = c && p->space ? regions_find(&p->space->regions, va) : NULL;
	/* What lies behind a file's last page in memory, its zeroed data, has no object: look
	 * below. */
	for (struct region *q = r; q && q->end > va - min_u64(va, 16 << 20); q = region_prev(q)) {
		struct symbols *s =
		    q->object && !(q->flags & REGION_SHARED) ? symbols_of(c, q->object) : NULL;
		if (s)
			return symbols_add(s, va - load_start(q) + symbols_base(s), t);
		bool own = q->flags & REGION_STACK || space_is_heap(p->space, q);
		if (own || (q == r && r->object))
			break;
	}
	return false;
}

bool symbol_text(void *cache, struct process *p, uint64_t va, char *ret_text, unsigned size)
{
	struct text t = TEXT;
	bool known = symbol_add(cache, p, va, &t) && !text_failed(&t) && size > 0;
	if (known) {
		size_t n = min_u64(t.size, size - 1);
		memcpy(ret_text, t.bytes, n);
		ret_text[n] = 0;
	}
	text_finish(&t);
	return known;
}

bool symbol_find(struct symbol_cache *c, struct process *p, const char *name, bool function,
		 uint64_t *ret_va)
{
	const struct object *last = NULL;
	if (!c || !p->space)
		return false;
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		uint64_t address;
		struct symbols *s =
		    r->object && r->object != last ? symbols_of(c, r->object) : NULL;
		last = r->object;
		if (!s || !symbols_find(s, name, function, &address))
			continue;
		*ret_va = address - symbols_base(s) + load_start(r);
		return true;
	}
	return false;
}

/* "libc": the first page of text of libc.so.6, or of the file whose name begins so. */
static bool file_address(struct process *p, const char *word, uint64_t *ret_va)
{
	bool found = false;
	size_t length = strlen(word);
	for (struct region *r = regions_first(&p->space->regions); r && !found;
	     r = region_next(r)) {
		struct text name = TEXT;
		uint64_t device, inode;
		if (r->object && (r->prot & PROT_X) &&
		    object_file_name(r->object, &name, &device, &inode)) {
			const char *slash = strrchr(text_str(&name), '/');
			const char *base = slash ? slash + 1 : text_str(&name);
			found = strncmp(base, word, length) == 0 &&
				!isalnum((unsigned char)base[length]);
			if (found)
				*ret_va = r->start;
		}
		text_finish(&name);
	}
	return found;
}

static bool region_address(struct process *p, const char *word, uint64_t *ret_va)
{
	bool heap = strcmp(word, "heap") == 0 || strcmp(word, "[heap]") == 0;
	bool stack = strcmp(word, "stack") == 0 || strcmp(word, "[stack]") == 0;
	for (struct region *r = regions_first(&p->space->regions); r; r = region_next(r)) {
		/* The heap from its start, the stack from the page that every program has. */
		if (heap && space_is_heap(p->space, r)) {
			*ret_va = max_u64(r->start, p->space->brk_start);
			return true;
		}
		if (stack && r->flags & REGION_STACK) {
			*ret_va = r->end - PAGE_SIZE;
			return true;
		}
	}
	return false;
}

bool symbol_address(struct symbol_cache *c, struct process *p, const char *word, uint64_t *ret_va)
{
	uint64_t va, plus = 0;
	if (parse_u64(word, ret_va) == 0)
		return true;
	const char *sign = strrchr(word, '+');
	char *name =
	    sign && parse_u64(sign + 1, &plus) == 0 ? strndup(word, sign - word) : strdup(word);
	bool found = name && p->space &&
		     (parse_u64(name, &va) == 0 || symbol_find(c, p, name, false, &va) ||
		      region_address(p, name, &va) || file_address(p, name, &va));
	free(name);
	if (found)
		*ret_va = va + plus;
	return found;
}
