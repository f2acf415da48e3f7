/* SPDX-License-Identifier: MIT */
#include "policy/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The plug-in's policy, and which of its frames it knows. */
struct policy {
	struct policy *inner;
	struct policy_env env;
	size_t size;
	bool entered[]; /* by frame */
};

enum { NAME_ROOM = 512 };

static struct {
	const struct policy_ops *inner;
	struct policy_ops ops;
	char name[NAME_ROOM];
	const char *volatile call; /* the plug-in's, under way; NULL: none */
	volatile uint64_t calls;
	uint64_t seen; /* calls, at the last tick of the timer */
	unsigned ticks; /* since when it is the same call */
	bool ready;
} guard;

/* ---- What is said ---- */

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void wrong(const char *format, ...)
{
	va_list args;
	fprintf(stderr, "carrel: the policy %s ", guard.name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; correct it and compile it again\n");
	exit(GUARD_STATUS);
}

static void put(const char *text)
{
	/* There is nobody to tell that this failed. */
	ssize_t n = write(STDERR_FILENO, text, strlen(text));
	(void)n;
}

/* In a signal handler: what may be called is little. */
static void wrong_now(const char *what, const char *remedy)
{
	put("carrel: the policy ");
	put(guard.name);
	put(" ");
	put(what);
	put(" in ");
	put(guard.call);
	put(remedy);
}

/* ---- Signals ---- */

static const struct {
	int number;
	const char *what;
} deadly[] = {{SIGSEGV, "died of SIGSEGV"},
	      {SIGBUS, "died of SIGBUS"},
	      {SIGFPE, "died of SIGFPE"},
	      {SIGILL, "died of SIGILL"},
	      {SIGABRT, "died of SIGABRT"}};
enum { DEADLY = sizeof(deadly) / sizeof(deadly[0]) };
static struct sigaction before[DEADLY];

static void on_death(int number)
{
	for (unsigned i = 0; i < DEADLY; i++) {
		if (deadly[i].number != number)
			continue;
		if (guard.call) {
			wrong_now(deadly[i].what, "; gdb --args shows where\n");
			_exit(GUARD_STATUS);
		}
		/* Somebody else's: as if this had not been here. */
		sigaction(number, &before[i], NULL);
		raise(number);
	}
}

_Static_assert(GUARD_S == 3, "the sentence says three");

/* Each second of the processor's time. */
static void on_tick(int number)
{
	if (!guard.call || guard.calls != guard.seen) {
		guard.seen = guard.calls;
		guard.ticks = 0;
	} else if (++guard.ticks >= GUARD_S) {
		wrong_now("does not come back: three seconds of the processor's time went by", "; gdb --args shows where\n");
		_exit(GUARD_STATUS);
	}
}

/* What fails here is only not watched. */
static void signals_take(void)
{
	/* One that calls itself for ever has no stack left. */
	static uint8_t stack[64 << 10];
	const stack_t s = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction a = {.sa_handler = on_death, .sa_flags = SA_ONSTACK | SA_NODEFER};
	sigaltstack(&s, NULL);
	for (unsigned i = 0; i < DEADLY; i++)
		sigaction(deadly[i].number, &a, &before[i]);
	a = (struct sigaction){.sa_handler = on_tick, .sa_flags = SA_RESTART | SA_ONSTACK};
	sigaction(SIGVTALRM, &a, NULL);
}

static void watch(void)
{
	const struct itimerval second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
	if (!guard.ready)
		signals_take();
	guard.ready = true;
	/* Each time: a child does not have its parent's timer. */
	setitimer(ITIMER_VIRTUAL, &second, NULL);
}

static void begin(const char *call)
{
	guard.calls++;
	guard.call = call;
}

static void end(void)
{
	guard.call = NULL;
}

/* ---- The calls ---- */

static int guard_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	size_t size = sizeof(struct policy) + env->frames * sizeof(bool);
	struct policy *p = alloc_get(env->alloc, size);
	if (!p)
		return -ENOMEM;
	*p = (struct policy){.env = *env, .size = size};
	watch();
	begin("create");
	int error = guard.inner->create(&p->env, params, &p->inner);
	end();
	if (error && error != -ENOMEM && error != -EINVAL)
		wrong("returned %d from create, which is neither 0, -ENOMEM nor -EINVAL", error);
	if (!error && !p->inner)
		wrong("returned 0 from create and made no policy");
	if (error)
		alloc_put(env->alloc, p, size);
	else
		*ret_policy = p;
	return error;
}

static void guard_destroy(struct policy *p)
{
	begin("destroy");
	guard.inner->destroy(p->inner);
	end();
	alloc_put(p->env.alloc, p, p->size);
}

static void guard_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	p->entered[frame] = true;
	begin("enter");
	guard.inner->enter(p->inner, frame, how);
	end();
}

static void guard_touch(struct policy *p, uint32_t frame)
{
	begin("touch");
	guard.inner->touch(p->inner, frame);
	end();
}

static void guard_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	p->entered[frame] = false;
	begin("leave");
	guard.inner->leave(p->inner, frame, key, why);
	end();
}

static void guard_forget(struct policy *p, uint64_t key)
{
	begin("forget");
	guard.inner->forget(p->inner, key);
	end();
}

static bool may_go(const struct policy *p, uint32_t frame)
{
	return p->entered[frame] && p->env.evictable(p->env.ctx, frame);
}

static uint32_t guard_victim(struct policy *p, uint64_t incoming)
{
	begin("victim");
	uint32_t frame = guard.inner->victim(p->inner, incoming);
	end();
	if (frame == NO_FRAME) {
		for (uint32_t f = 0; f < p->env.frames; f++)
			if (may_go(p, f))
				wrong("named no victim, although frame %u may go", f);
	} else if (frame >= p->env.frames) {
		wrong("named frame %u as its victim, of %u that there are", frame, p->env.frames);
	} else if (!p->entered[frame]) {
		wrong("named frame %u as its victim, which was not entered, or has left", frame);
	} else if (!may_go(p, frame)) {
		wrong("named frame %u as its victim, for which evictable says no", frame);
	}
	return frame;
}

static void guard_rejected(struct policy *p, uint32_t frame)
{
	begin("rejected");
	guard.inner->rejected(p->inner, frame);
	end();
}

static void guard_tick(struct policy *p, uint64_t now)
{
	begin("tick");
	guard.inner->tick(p->inner, now);
	end();
}

const struct policy_ops *guard_make(const struct policy_ops *inner, const char *name)
{
	guard.inner = inner;
	guard.ops = *inner;
	guard.ops.create = guard_create;
	guard.ops.destroy = guard_destroy;
	guard.ops.enter = guard_enter;
	guard.ops.touch = guard_touch;
	guard.ops.leave = guard_leave;
	guard.ops.forget = guard_forget;
	guard.ops.victim = guard_victim;
	guard.ops.rejected = guard_rejected;
	guard.ops.tick = guard_tick;
	snprintf(guard.name, sizeof(guard.name), "%s", name);
	return &guard.ops;
}
