/* SPDX-License-Identifier: MIT */
/* pagetable.c - the page tables of a process as a tree, as xv6's vmprint shows them
 *
 * What a hart would read is shown: every entry that is not zero, with its index, the addresses that
 * it is for, its raw value and flags. Beside it stands what the paging system knows: what the
 * page is, and who else uses a table that fork shared.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/pids.h"
#include "cli/region_text.h"
#include "cli/session.h"
#include "cli/tables.h"
#include "cli/verb.h"
#include "cli/views.h"

struct tree {
	struct kernel *k;
	struct process *p;
	unsigned top; /* level of the root */
	struct region_lines lines;
	unsigned tables, shared, pages;
	struct text text; /* the lines below the first */
	json_t *list[8];  /* with --json: where entries of each level go */
};

/* Other spaces that have this leaf table: fork shares it at the address where it was. */
static void sharers(const struct tree *t, const struct table_entry *e, struct pids *ret_pids)
{
	*ret_pids = (struct pids){0};
	if (e->level != 1)
		return;
	for (struct space *s = t->k->mm->spaces; s; s = s->next)
		if (s != t->p->space && tables_leaf(t->k, s, e->va) == pte_frame(e->pte))
			pids_add(ret_pids, s->pid);
}

static void page_what(const struct tree *t, const struct table_entry *e, char *ret_what,
		      unsigned size)
{
	const struct region_line *l = region_lines_at(&t->lines, e->va);
	const struct mm *mm = t->k->mm;
	*ret_what = 0;
	if (l)
		region_describe(l, ret_what, size);
	if (pte_frame(e->pte) == mm->zero)
		snprintf(ret_what, size, "the zero frame");
}

static void page_line(struct tree *t, const struct table_entry *e)
{
	char what[128];
	page_what(t, e, what, sizeof(what));
	text_add(&t->text, "page in frame %" PRIu32 "%s%s%s\n", pte_frame(e->pte),
		 *what ? ", " : "", what,
		 e->pte & PTE_V ? "" : "; kept, but PROT_NONE allows nothing");
}

static void table_line(struct tree *t, const struct table_entry *e)
{
	struct pids pids;
	sharers(t, e, &pids);
	t->shared += pids.count > 0;
	text_add(&t->text, "table in frame %" PRIu32, pte_frame(e->pte));
	if (pids.count) {
		text_add(&t->text, ", shared by fork with ");
		pids_text(&pids, &t->text);
	}
	text_add(&t->text, "\n");
}

static void entry_line(void *ctx, const struct table_entry *e)
{
	struct tree *t = ctx;
	char flags[9];
	pte_flags(e->pte, flags);
	for (unsigned level = t->top; level > e->level; level--)
		text_add(&t->text, " ..");
	text_add(&t->text, " ..%u: 0x%" PRIx64 "-0x%" PRIx64 "  0x%016" PRIx64 "  %s  ", e->index,
		 e->va, e->va + level_bytes(e->level), e->pte, flags);
	t->tables += e->down;
	t->pages += !e->down;
	if (e->down)
		table_line(t, e);
	else
		page_line(t, e);
}

static void entry_json(void *ctx, const struct table_entry *e)
{
	struct tree *t = ctx;
	char flags[9], what[128];
	struct pids pids;
	pte_flags(e->pte, flags);
	json_t *j = json_pack("{s:i, s:i, s:o, s:o, s:o, s:s, s:I}", "level", (int)e->level,
			      "index", (int)e->index, "start", json_hex(e->va), "end",
			      json_hex(e->va + level_bytes(e->level)), "entry", json_hex(e->pte),
			      "flags", flags, "frame", (json_int_t)pte_frame(e->pte));
	t->tables += e->down;
	t->pages += !e->down;
	if (e->down) {
		sharers(t, e, &pids);
		t->shared += pids.count > 0;
		json_object_set_new(j, "shared_with", json_integer(pids.count));
		json_object_set_new(j, "entries", t->list[e->level - 1] = json_array());
	} else {
		page_what(t, e, what, sizeof(what));
		json_object_set_new(j, "what", json_text(what));
	}
	json_array_append_new(t->list[e->level], j);
}

static void pagetable_make(struct session *s, struct process *p, struct text *ret_text,
			   json_t **ret_json)
{
	struct kernel *k = s->kernel;
	struct tree t = {
	    .k = k, .p = p, .top = mmu_levels(k->config.mode) - 1, .tables = 1, .text = TEXT};
	if (region_lines_read(k, p, &t.lines) < 0)
		t.lines = (struct region_lines){0};
	if (s->o->json) {
		json_t *root = t.list[t.top] = json_array();
		tables_each(k, p->space, entry_json, &t);
		*ret_json = json_pack(
		    "{s:s, s:I, s:i, s:i, s:i, s:o}", "format", mmu_mode_text(k->config.mode),
		    "root_frame", (json_int_t)tables_root(p->space), "tables", (int)t.tables,
		    "tables_shared", (int)t.shared, "pages", (int)t.pages, "entries", root);
	} else {
		tables_each(k, p->space, entry_line, &t);
		text_add(ret_text, "%s (pid %d), %s: %u tables", process_name(p), p->pid,
			 mmu_mode_text(k->config.mode), t.tables);
		if (t.shared)
			text_add(ret_text, ", %u of them shared by fork", t.shared);
		text_add(ret_text, ", %u page%s; root table in frame %" PRIu32 "\n%s", t.pages,
			 t.pages == 1 ? "" : "s", tables_root(p->space), text_str(&t.text));
		ret_text->failed |= text_failed(&t.text);
	}
	text_finish(&t.text);
	region_lines_finish(&t.lines);
}

int verb_pagetable(int argc, char **argv)
{
	static const struct view_kind kind = {.make = pagetable_make, .first = true};
	return views_main(argc, argv, &kind);
}
