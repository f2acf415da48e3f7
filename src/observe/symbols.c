/* SPDX-License-Identifier: MIT */
#include "observe/symbols.h"

#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"

struct symbols {
	char *bytes;
	Elf *elf;
	Dwarf *dwarf; /* NULL: no lines are known */
	uint64_t base;
};

static uint64_t first_load(Elf *elf)
{
	size_t count = 0;
	GElf_Phdr ph;
	if (elf_getphdrnum(elf, &count) < 0)
		return 0;
	for (size_t i = 0; i < count && i < INT32_MAX; i++)
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD)
			return page_down(ph.p_vaddr);
	return 0;
}

int symbols_open(void *bytes, size_t size, struct symbols **ret_symbols)
{
	struct symbols *s = calloc(1, sizeof(*s));
	elf_version(EV_CURRENT);
	Elf *elf = s ? elf_memory(bytes, size) : NULL;
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		int r = s ? -ENOEXEC : -ENOMEM;
		elf_end(elf);
		free(bytes);
		free(s);
		return r;
	}
	*s = (struct symbols){.bytes = bytes, .elf = elf, .base = first_load(elf)};
	s->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	*ret_symbols = s;
	return 0;
}

void symbols_close(struct symbols *s)
{
	if (!s)
		return;
	dwarf_end(s->dwarf);
	elf_end(s->elf);
	free(s->bytes);
	free(s);
}

uint64_t symbols_base(const struct symbols *s)
{
	return s->base;
}

/* Calls fn for each symbol of the table of this type until it returns true. */
static bool each_symbol(const struct symbols *s, unsigned table,
			bool (*fn)(void *ctx, const GElf_Sym *sym, const char *name), void *ctx)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Sym sym;
	while ((scn = elf_nextscn(s->elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != table || sh.sh_entsize == 0)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		size_t count = data ? sh.sh_size / sh.sh_entsize : 0;
		for (size_t i = 0; i < count && i < INT32_MAX; i++) {
			if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF)
				continue;
			const char *name = elf_strptr(s->elf, sh.sh_link, sym.st_name);
			if (name && *name && fn(ctx, &sym, name))
				return true;
		}
	}
	return false;
}

/* .symtab has all names; a stripped file still has .dynsym. */
static bool each(const struct symbols *s,
		 bool (*fn)(void *ctx, const GElf_Sym *sym, const char *name), void *ctx)
{
	return each_symbol(s, SHT_SYMTAB, fn, ctx) || each_symbol(s, SHT_DYNSYM, fn, ctx);
}

struct nearest {
	uint64_t address, best;
	const char *name;
	bool global;
};

/* Of several names of one place a global one is the one that people know. */
static bool near(void *ctx, const GElf_Sym *sym, const char *name)
{
	struct nearest *n = ctx;
	unsigned type = GELF_ST_TYPE(sym->st_info);
	bool global = GELF_ST_BIND(sym->st_info) != STB_LOCAL;
	if ((type != STT_FUNC && type != STT_OBJECT) || sym->st_value > n->address ||
	    (sym->st_size ? n->address - sym->st_value >= sym->st_size
			  : n->address != sym->st_value))
		return false;
	if (!n->name || sym->st_value > n->best ||
	    (sym->st_value == n->best && global && !n->global))
		*n = (struct nearest){n->address, sym->st_value, name, global};
	return false;
}

/* The compilation unit that has this address. Not every compiler writes the index of them. */
static Dwarf_Die *find_unit(Dwarf *dwarf, uint64_t address, Dwarf_Die *ret_die)
{
	if (dwarf_addrdie(dwarf, address, ret_die))
		return ret_die;
	Dwarf_CU *cu = NULL;
	while (dwarf_get_units(dwarf, cu, &cu, NULL, NULL, ret_die, NULL) == 0)
		if (dwarf_haspc(ret_die, address) > 0)
			return ret_die;
	return NULL;
}

static bool add_line(const struct symbols *s, uint64_t address, const char *before, struct text *t)
{
	Dwarf_Die die;
	int number = 0;
	if (!s->dwarf || !find_unit(s->dwarf, address, &die))
		return false;
	Dwarf_Line *line = dwarf_getsrc_die(&die, address);
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (!file || dwarf_lineno(line, &number) < 0 || number == 0)
		return false;
	const char *slash = strrchr(file, '/');
	text_add(t, "%s(%s:%d)", before, slash ? slash + 1 : file, number);
	return true;
}

bool symbols_add(const struct symbols *s, uint64_t address, struct text *t)
{
	struct nearest n = {.address = address};
	each(s, near, &n);
	if (!n.name)
		return add_line(s, address, "", t);
	text_add(t, "%s", n.name);
	if (address > n.best)
		text_add(t, "+0x%" PRIx64, address - n.best);
	add_line(s, address, " ", t);
	return true;
}

struct wanted {
	const char *name;
	bool function;
	uint64_t address;
};

static bool is_wanted(void *ctx, const GElf_Sym *sym, const char *name)
{
	struct wanted *w = ctx;
	unsigned type = GELF_ST_TYPE(sym->st_info);
	if (strcmp(name, w->name) != 0 || type == STT_TLS || type == STT_SECTION ||
	    type == STT_FILE || (w->function && type != STT_FUNC && type != STT_NOTYPE))
		return false;
	w->address = sym->st_value;
	return true;
}

bool symbols_find(const struct symbols *s, const char *name, bool function, uint64_t *ret_address)
{
	struct wanted w = {.name = name, .function = function};
	if (!each(s, is_wanted, &w))
		return false;
	*ret_address = w.address;
	return true;
}
