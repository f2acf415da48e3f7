/* SPDX-License-Identifier: MIT */
/* command.c - packets: who answers which; threads, registers and memory */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/task.h"

/* --- answers --- */

void reply_ok(struct remote *r) { text_add(&r->reply, "OK"); }

void reply_error(struct remote *r, int error)
{
	text_add(&r->reply, "E%02x", (unsigned)(error < 0 ? -error : error) & 0xff);
}

/* --- threads --- */

struct traced *traced_find(const struct remote *r, int32_t pid)
{
	struct traced *d;
	LIST_FOREACH (d, &r->traced, link)
		if (d->pid == pid)
			return d;
	return NULL;
}

static bool is_alive(const struct task *t)
{
	const struct process *p = t->process;
	return t->state != TASK_DEAD && !p->zombie && !p->exiting && p->space;
}

struct task *traced_task(const struct remote *r, int32_t tid)
{
	struct task *t = tid > 0 ? task_find(r->k, tid) : NULL;
	return t && t->process->traced && is_alive(t) ? t : NULL;
}

static struct task *alive_from(struct task *t)
{
	while (t && !is_alive(t))
		t = TAILQ_NEXT(t, sibling);
	return t;
}

struct task *traced_first(const struct remote *r, const struct traced *d)
{
	struct process *p = process_find(r->k, d->pid);
	return p && p->traced ? alive_from(process_task(p)) : NULL;
}

struct task *traced_next(struct task *t) { return alive_from(TAILQ_NEXT(t, sibling)); }

static struct task *first_of(const struct remote *r, int32_t pid)
{
	const struct traced *d;
	LIST_FOREACH (d, &r->traced, link) {
		struct task *t = pid <= 0 || d->pid == pid ? traced_first(r, d) : NULL;
		if (t)
			return t;
	}
	return NULL;
}

struct task *general_task(const struct remote *r)
{
	struct task *t = traced_task(r, r->general);
	return t ? t : first_of(r, 0);
}

static bool signed_hex(const char **at, int32_t *ret)
{
	uint64_t v;
	if ((*at)[0] == '-' && (*at)[1] == '1') {
		*at += 2;
		*ret = -1;
		return true;
	}
	if (!hex_number(at, &v) || v > INT32_MAX)
		return false;
	*ret = (int32_t)v;
	return true;
}

bool thread_id(const char **at, int32_t *ret_pid, int32_t *ret_tid)
{
	int32_t pid = -1, tid = -1;
	if (**at == 'p') {
		++*at;
		if (!signed_hex(at, &pid))
			return false;
		if (**at == '.') {
			++*at;
			if (!signed_hex(at, &tid))
				return false;
		}
	} else if (!signed_hex(at, &tid)) {
		return false;
	}
	*ret_pid = pid;
	*ret_tid = tid;
	return true;
}

void add_thread_id(const struct remote *r, struct text *t, int32_t pid, int32_t tid)
{
	if (r->multiprocess)
		text_add(t, "p%x.%x", (unsigned)pid, (unsigned)tid);
	else
		text_add(t, "%x", (unsigned)tid);
}

/* Hg: for looking; Hc: for going on. */
static void choose(struct remote *r, const char *body)
{
	const char *at = body + 2;
	int32_t pid, tid;
	if (!body[1] || !thread_id(&at, &pid, &tid)) {
		reply_error(r, EINVAL);
		return;
	}
	struct task *t = tid > 0 ? traced_task(r, tid) : first_of(r, pid);
	if (tid > 0 && !t) {
		reply_error(r, ESRCH);
		return;
	}
	if (body[1] == 'g')
		r->general = t ? t->tid : 0;
	else
		r->continued = tid > 0 ? tid : -1;
	reply_ok(r);
}

static void is_thread_alive(struct remote *r, const char *body)
{
	const char *at = body + 1;
	int32_t pid, tid;
	if (thread_id(&at, &pid, &tid) && traced_task(r, tid))
		reply_ok(r);
	else
		reply_error(r, ESRCH);
}

/* --- registers --- */

static void all_registers(struct remote *r, struct task *t)
{
	for (unsigned n = 0; n < REMOTE_REGISTERS; n++) {
		uint8_t bytes[8];
		register_read(r, t, n, bytes);
		packet_add_hex(&r->reply, bytes, register_size(n));
	}
}

static void write_all_registers(struct remote *r, struct task *t, const char *at)
{
	uint8_t bytes[REMOTE_REGISTERS * 8];
	long size = hex_bytes(at, bytes, sizeof(bytes)), used = 0;
	int e = size < 0 ? -EINVAL : 0;
	for (unsigned n = 0; e == 0 && n < REMOTE_REGISTERS && used + (long)register_size(n) <= size; n++) {
		uint8_t one[8] = {0};
		memcpy(one, bytes + used, register_size(n));
		e = register_write(t, n, one);
		used += register_size(n);
	}
	if (e != 0)
		reply_error(r, e);
	else
		reply_ok(r);
}

static void one_register(struct remote *r, struct task *t, const char *body)
{
	uint8_t bytes[8] = {0};
	const char *at = body + 1;
	uint64_t n;
	if (!hex_number(&at, &n) || n >= REMOTE_REGISTERS) {
		reply_error(r, EINVAL);
		return;
	}
	if (body[0] == 'p') {
		register_read(r, t, (unsigned)n, bytes);
		packet_add_hex(&r->reply, bytes, register_size((unsigned)n));
		return;
	}
	int e = *at == '=' && hex_bytes(at + 1, bytes, sizeof(bytes)) == (long)register_size((unsigned)n)
		    ? register_write(t, (unsigned)n, bytes)
		    : -EINVAL;
	if (e != 0)
		reply_error(r, e);
	else
		reply_ok(r);
}

/* --- memory --- */

static void read_memory(struct remote *r, struct task *t, const char *body)
{
	const char *at = body + 1;
	uint64_t va, size;
	if (!hex_number(&at, &va) || *at++ != ',' || !hex_number(&at, &size)) {
		reply_error(r, EINVAL);
		return;
	}
	size = min_u64(size, PACKET_MOST / 2 - 16);
	uint64_t done = 0;
	while (done < size) {
		uint8_t bytes[PAGE_SIZE];
		uint64_t n = min_u64(size - done, PAGE_SIZE - (va + done) % PAGE_SIZE);
		if (va + done < va || !space_peek(t->process->space, va + done, bytes, n))
			break;
		packet_add_hex(&r->reply, bytes, n);
		done += n;
	}
	if (done == 0)
		reply_error(r, size > 0 ? EFAULT : 0);
}

/* MADDR,SIZE:HEX and XADDR,SIZE:BINARY. */
static void write_memory(struct remote *r, struct task *t, const char *body, size_t body_size)
{
	uint8_t unhexed[PACKET_MOST / 2];
	const char *at = body + 1;
	uint64_t va, size;
	if (!hex_number(&at, &va) || *at++ != ',' || !hex_number(&at, &size) || *at++ != ':') {
		reply_error(r, EINVAL);
		return;
	}
	const uint8_t *bytes = (const uint8_t *)at;
	uint64_t given = body_size - (size_t)(at - body);
	if (body[0] == 'M') {
		long n = hex_bytes(at, unhexed, sizeof(unhexed));
		bytes = unhexed;
		given = n < 0 ? UINT64_MAX : (uint64_t)n;
	}
	int e = given != size ? -EINVAL : debug_write(t, va, bytes, size);
	if (e != 0)
		reply_error(r, e);
	else
		reply_ok(r);
}

/* --- v packets --- */

static bool starts(const char *body, const char *with) { return strncmp(body, with, strlen(with)) == 0; }

static void kill_process(struct remote *r, struct traced *d)
{
	struct process *p = process_find(r->k, d->pid);
	remote_let_go(r, d);
	r->quiet = true;
	if (p && !p->zombie)
		process_exit(p, SIGKILL);
	r->quiet = false;
}

static void kill_one(struct remote *r, const char *at)
{
	uint64_t pid;
	struct traced *d = hex_number(&at, &pid) && pid <= INT32_MAX ? traced_find(r, (int32_t)pid) : NULL;
	if (!d) {
		reply_error(r, ESRCH);
		return;
	}
	kill_process(r, d);
	reply_ok(r);
}

static void attach(struct remote *r, const char *at)
{
	uint64_t pid;
	struct process *p = hex_number(&at, &pid) && pid <= INT32_MAX ? process_find(r->k, (int32_t)pid) : NULL;
	struct traced *d;
	if (!p || !p->space || p->zombie || p->traced) {
		reply_error(r, p && p->traced ? EPERM : ESRCH);
		return;
	}
	int e = remote_trace(r, p, true, &d);
	if (e != 0) {
		reply_error(r, e);
		return;
	}
	r->general = traced_first(r, d) ? traced_first(r, d)->tid : 0;
	text_add(&r->reply, "T00thread:");
	add_thread_id(r, &r->reply, p->pid, r->general);
	text_add(&r->reply, ";");
}

static enum commanded verbose(struct remote *r, const char *body, size_t size)
{
	if (strcmp(body, "vCont?") == 0)
		text_add(&r->reply, "vCont;c;C;s;S;t;r");
	else if (starts(body, "vCont;"))
		return resume_vcont(r, body);
	else if (starts(body, "vFile:"))
		hostio_command(r, body + strlen("vFile:"), size - strlen("vFile:"));
	else if (starts(body, "vKill;"))
		kill_one(r, body + strlen("vKill;"));
	else if (starts(body, "vAttach;"))
		attach(r, body + strlen("vAttach;"));
	return COMMAND_DONE;
}

/* --- all --- */

/* D, or D;PID */
static enum commanded detach(struct remote *r, const char *body)
{
	const char *at = body + 2;
	uint64_t pid;
	if (body[1] == ';') {
		struct traced *d = hex_number(&at, &pid) && pid <= INT32_MAX ? traced_find(r, (int32_t)pid) : NULL;
		if (!d) {
			reply_error(r, ESRCH);
			return COMMAND_DONE;
		}
		remote_let_go(r, d);
	} else {
		while (!LIST_EMPTY(&r->traced))
			remote_let_go(r, LIST_FIRST(&r->traced));
	}
	reply_ok(r);
	return LIST_EMPTY(&r->traced) ? COMMAND_RESUME : COMMAND_DONE;
}

static void halted(struct remote *r)
{
	struct task *t = general_task(r);
	if (r->last_stop[0] && (t || r->last_stop[0] != 'T')) {
		text_add(&r->reply, "%s", r->last_stop);
	} else if (t) {
		text_add(&r->reply, "T05thread:");
		add_thread_id(r, &r->reply, t->process->pid, t->tid);
		text_add(&r->reply, ";");
	} else {
		text_add(&r->reply, "W00");
	}
}

/* What needs a thread that is there. */
static void of_thread(struct remote *r, const char *body, size_t size)
{
	struct task *t = general_task(r);
	if (!t) {
		reply_error(r, ESRCH);
		return;
	}
	switch (body[0]) {
	case 'g': all_registers(r, t); break;
	case 'G': write_all_registers(r, t, body + 1); break;
	case 'p':
	case 'P': one_register(r, t, body); break;
	case 'm': read_memory(r, t, body); break;
	default: write_memory(r, t, body, size); break;
	}
}

enum commanded command_do(struct remote *r, const char *body, size_t size)
{
	switch (body[0]) {
	case '?': halted(r); break;
	case '!': reply_ok(r); break;
	case 'H': choose(r, body); break;
	case 'T': is_thread_alive(r, body); break;
	case 'g':
	case 'G':
	case 'p':
	case 'P':
	case 'm':
	case 'M':
	case 'X': of_thread(r, body, size); break;
	case 'Z':
	case 'z': points_command(r, body); break;
	case 'c':
	case 'C':
	case 's':
	case 'S': return resume_command(r, body);
	case 'v': return verbose(r, body, size);
	case 'q': query_command(r, body); break;
	case 'Q': query_set(r, body); break;
	case 'D': return detach(r, body);
	case 'k':
		while (!LIST_EMPTY(&r->traced))
			kill_process(r, LIST_FIRST(&r->traced));
		return COMMAND_QUIT;
	default: break;
	}
	return COMMAND_DONE;
}
