/* SPDX-License-Identifier: MIT */
/* tls.c - where a thread has its copy of a thread-local variable: qGetTLSAddr
 *
 *	          dtv[0]  dtv[1]  dtv[2]            a dtv entry: address, and what to free
 *	            ^
 *	+-----+---------+-------------------+
 *	| ... | dtv | . | program's variables ...   module 1: where tp points to
 *	+-----+---------+-------------------+
 *	                ^ tp
 *
 * As the RISC-V ELF psABI (chapter "Thread Local Storage") and glibc have it. The program itself is
 * found with tp alone, under any C library. A library is a module whose number glibc keeps in a
 * private place of its link_map; libc says where, in the symbol that libthread_db reads too, and the
 * debugger tells where that symbol is (qSymbol).
 */
#include <errno.h>
#include <string.h>

#include "debug/impl.h"
#include "kernel/task.h"

static const char symbol[] = "_thread_db_link_map_l_tls_modid";

enum { LINK_MAP_PREV = 32, DTV_BEFORE_TP = 16, DTV_ENTRY = 16 };

static bool peek(const struct task *t, uint64_t va, void *ret_bytes, size_t size)
{
	/* What is read is aligned, and so in one page. */
	return va % size == 0 && space_peek(t->process->space, va, ret_bytes, size);
}

/* qSymbol::, qSymbol:VALUE:NAME, qSymbol::NAME (which it does not know) */
void tls_symbol(struct remote *r, const char *at)
{
	const struct task *t = general_task(r);
	struct traced *d = t ? traced_find(r, t->process->pid) : NULL;
	uint64_t va;
	if (d && strcmp(at, ":") == 0 && d->tls_module == 0) {
		text_add(&r->reply, "qSymbol:");
		packet_add_hex(&r->reply, symbol, strlen(symbol));
		return;
	}
	if (d && hex_number(&at, &va))
		d->tls_module = va;
	reply_ok(r);
}

/* The number of the module with this link map. */
static int module_number(const struct remote *r, const struct task *t, uint64_t link_map, uint64_t *ret_number)
{
	uint32_t bits, count, offset;
	const struct traced *d = traced_find(r, t->process->pid);
	uint64_t at = d ? d->tls_module : 0;
	if (at == 0)
		return ENOSYS;
	if (!peek(t, at, &bits, 4) || !peek(t, at + 4, &count, 4) || !peek(t, at + 8, &offset, 4))
		return EFAULT;
	/* Before the loader is done with libc its contents are those of the file. */
	if (bits != 64 || count != 1)
		return ENOSYS;
	return peek(t, link_map + offset, ret_number, sizeof(*ret_number)) ? 0 : EFAULT;
}

static int find(const struct remote *r, struct task *t, uint64_t link_map, uint64_t *ret_block)
{
	uint64_t tp = task_regs(t)->x[REG_TP], before = 0, module, dtv, slots, block;
	if (tp == 0)
		return EAGAIN;
	if (link_map != 0 && !peek(t, link_map + LINK_MAP_PREV, &before, sizeof(before)))
		return EFAULT;
	if (before == 0) {
		*ret_block = tp;
		return 0;
	}
	int e = module_number(r, t, link_map, &module);
	if (e != 0)
		return e;
	if (!peek(t, tp - DTV_BEFORE_TP, &dtv, sizeof(dtv)) || !peek(t, dtv - DTV_ENTRY, &slots, sizeof(slots)))
		return EFAULT;
	if (module == 0 || module > slots)
		return EAGAIN;
	if (!peek(t, dtv + module * DTV_ENTRY, &block, sizeof(block)))
		return EFAULT;
	if (block == UINT64_MAX || block == 0)
		return EAGAIN; /* this thread has not touched any of them */
	*ret_block = block;
	return 0;
}

/* qGetTLSAddr:THREAD,OFFSET,LINK_MAP */
void tls_address(struct remote *r, const char *at)
{
	int32_t pid, tid;
	uint64_t offset, link_map, block;
	if (!thread_id(&at, &pid, &tid) || *at++ != ',' || !hex_number(&at, &offset) || *at++ != ',' ||
	    !hex_number(&at, &link_map) || *at) {
		reply_error(r, EINVAL);
		return;
	}
	struct task *t = traced_task(r, tid);
	int e = t ? find(r, t, link_map, &block) : ESRCH;
	if (e != 0)
		reply_error(r, e);
	else
		text_add(&r->reply, "%llx", (unsigned long long)(block + offset));
}
