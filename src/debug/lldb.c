/* SPDX-License-Identifier: MIT */
/* lldb.c - what lldb asks and gdb does not: extensions of the protocol, as lldb's
 * docs/lldb-gdb-remote.txt tells them */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "debug/impl.h"
#include "kernel/cred.h"
#include "kernel/task.h"

static void add_key_hex(struct text *t, const char *key, const char *value)
{
	text_add(t, "%s:", key);
	packet_add_hex(t, value, strlen(value));
	text_add(t, ";");
}

static void add_machine(struct text *t)
{
	add_key_hex(t, "triple", "riscv64-unknown-linux-gnu");
	text_add(t, "ostype:linux;vendor:unknown;endian:little;ptrsize:8;");
}

void lldb_host(struct remote *r)
{
	add_machine(&r->reply);
	add_key_hex(&r->reply, "hostname", "carrel");
}

void lldb_process(struct remote *r)
{
	const struct task *task = general_task(r);
	if (!task) {
		reply_error(r, ESRCH);
		return;
	}
	const struct process *p = task->process;
	const struct cred *c = task->cred;
	text_add(&r->reply, "pid:%x;parent-pid:%x;real-uid:%x;real-gid:%x;effective-uid:%x;effective-gid:%x;",
		 (unsigned)p->pid, (unsigned)p->parent->pid, c->uid, c->gid, c->euid, c->egid);
	add_machine(&r->reply);
}

/* qMemoryRegionInfo:ADDR: the region there, or the hole. */
void lldb_region(struct remote *r, const char *at)
{
	const struct task *t = general_task(r);
	uint64_t va;
	if (!t || !hex_number(&at, &va) || *at) {
		reply_error(r, t ? EINVAL : ESRCH);
		return;
	}
	const struct region *g = regions_first(&t->process->space->regions);
	uint64_t start = 0;
	for (; g && g->end <= va; g = region_next(g))
		start = g->end;
	if (g && g->start <= va) {
		text_add(&r->reply, "start:%" PRIx64 ";size:%" PRIx64 ";permissions:%s%s%s;", g->start, g->end - g->start,
			 g->prot & PROT_R ? "r" : "", g->prot & PROT_W ? "w" : "", g->prot & PROT_X ? "x" : "");
		return;
	}
	text_add(&r->reply, "start:%" PRIx64 ";size:%" PRIx64 ";", start, (g ? g->start : 0) - start);
}
