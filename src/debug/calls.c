/* SPDX-License-Identifier: MIT */
/* calls.c - stops at system calls
 *
 * QCatchSyscalls is the protocol's way ("catch syscall" of gdb, where gdb knows the calls of riscv64:
 * those before 16 do not). "monitor catch NAME..." is one that asks nothing of the debugger: Carrel
 * writes the call, as trace does, and the stop is that of a trap.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/bits.h"
#include "debug/impl.h"
#include "kernel/call.h"
#include "kernel/task.h"

static bool set_has(const struct call_set *s, uint64_t number)
{
	return s->all || (number < CATCH_WORDS * 64 && s->call[number / 64] >> number % 64 & 1);
}

static void set_add(struct call_set *s, uint64_t number)
{
	if (number < CATCH_WORDS * 64)
		s->call[number / 64] |= UINT64_C(1) << number % 64;
}

bool calls_wanted(const struct traced *d, uint64_t number, bool *ret_told_by_us)
{
	*ret_told_by_us = !set_has(&d->catch, number);
	return set_has(&d->catch, number) || set_has(&d->named, number);
}

void calls_catch(struct remote *r, const char *at)
{
	const struct task *t = general_task(r);
	struct traced *d = t ? traced_find(r, t->process->pid) : NULL;
	uint64_t n;
	if (!d || (*at != '0' && *at != '1')) {
		reply_error(r, d ? EINVAL : ESRCH);
		return;
	}
	bool on = *at++ == '1';
	d->catch = (struct call_set){.all = on && *at != ';'};
	while (on && *at == ';' && at++ && hex_number(&at, &n))
		set_add(&d->catch, n);
	reply_ok(r);
}

/* --- monitor catch --- */

static bool call_number(const char *name, size_t length, uint64_t *ret_number)
{
	for (uint64_t n = 0; n < CALL_NUMBERS; n++) {
		const struct call_info *info = call_info(n);
		if (info && info->name && strlen(info->name) == length && strncmp(info->name, name, length) == 0) {
			*ret_number = n;
			return true;
		}
	}
	return false;
}

static void add_set(struct text *t, const struct call_set *s)
{
	unsigned count = 0;
	for (uint64_t n = 0; n < CALL_NUMBERS && !s->all; n++)
		if (set_has(s, n))
			text_add(t, "%s%s", count++ ? ", " : "stops before and behind ", call_info(n)->name);
	if (s->all)
		text_add(t, "stops before and behind every system call\n");
	else
		text_add(t, count ? "\n" : "stops at no system call\n");
}

bool calls_monitor(struct traced *d, const char *command, struct text *t)
{
	static const char verb[] = "catch";
	size_t length = sizeof(verb) - 1;
	struct call_set s = {.all = false};
	if (strncmp(command, verb, length) != 0 || (command[length] && command[length] != ' '))
		return false;
	for (const char *at = command + length;; at += length) {
		uint64_t n;
		at += strspn(at, " ,");
		length = strcspn(at, " ,");
		if (length == 0)
			break;
		if (length == 3 && strncmp(at, "all", 3) == 0) {
			s.all = true;
		} else if (length == 4 && strncmp(at, "none", 4) == 0) {
			s = (struct call_set){.all = false};
		} else if (call_number(at, length, &n)) {
			set_add(&s, n);
		} else {
			text_add(t, "%.*s is no system call that Carrel knows; also: all, none\n", (int)length, at);
			return true;
		}
	}
	/* Without a word it says what is set. */
	if (command[strlen(verb)])
		d->named = s;
	add_set(t, &d->named);
	return true;
}

void calls_tell(struct remote *r, struct task *t, bool done)
{
	struct text line = TEXT;
	text_add(&line, "[pid %d] ", t->tid);
	call_text_enter(t, &line);
	if (done)
		call_text_exit(t, (int64_t)task_regs(t)->x[REG_A0], &line);
	else
		text_add(&line, line.size > 2 && strcmp(line.bytes + line.size - 2, ", ") == 0 ? "...)" : ")");
	text_add(&line, "\n");
	(void)remote_console(r, text_str(&line), line.size); /* the stop that follows meets what fails */
	text_finish(&line);
}
