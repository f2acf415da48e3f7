/* SPDX-License-Identifier: MIT */
/* faulty.c - a store that fails when it is told to, around any other
 *
 *	faulty[RULE,RULE,...]:STORE
 *
 *	RULE	read=WHEN:WHAT	write=WHEN:WHAT  seed=N
 *	WHEN	100		the 100th page of this kind
 *		100+		that one and all after it
 *		every=10	each 10th
 *		1/50		each with a chance of one in 50, by the seed
 *	WHAT	fail		an error, and nothing is moved
 *		full		(write) no room, and nothing is moved
 *		corrupt		one bit of the page differs, which nobody says
 *		tear		only the first half of the page is moved, which nobody says
 *		delay=5ms	all is well, but later
 *
 * Of several rules that meet, the first in the text strikes. What is counted are pages, so that it
 * does not matter how many a transfer has. A page that is written wrongly lies wrongly in the store;
 * the caller's bytes are never changed by a write.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "store/store.h"

enum { RULES_MAX = 16, RULE_TEXT = 48, DEEP_MAX = 8 };

enum what { FAIL, FULL, CORRUPT, TEAR, DELAY };
enum when { ONCE, FROM, EVERY, CHANCE };

struct rule {
	char text[RULE_TEXT]; /* as it was given */
	bool write;
	enum when when;
	enum what what;
	uint64_t n;
	uint64_t delay; /* ns */
};

/* A transfer under way, with the pages that go another way than the caller's. */
struct faulty_io {
	struct store_transfer inner;
	const struct rule *rule[STORE_CLUSTER]; /* what strikes each page; NULL: nothing */
	int error;                              /* nothing was moved */
	uint8_t page[STORE_CLUSTER][PAGE_SIZE];
};

struct store {
	struct alloc alloc;
	struct store_opened inner;
	struct rule rule[RULES_MAX];
	unsigned rules;
	uint64_t seed, reads, writes; /* pages so far */
	bool seeded;		      /* a rule said which seed */
	char why[256];
};

/* ---- The rules ---- */

static int parse_when(const char *text, struct rule *r, char *ret_why, unsigned whys)
{
	char number[RULE_TEXT];
	snprintf(number, sizeof(number), "%s", text);
	size_t length = strlen(number);
	r->when = ONCE;
	if (strncmp(number, "every=", 6) == 0) {
		r->when = EVERY;
		memmove(number, number + 6, length - 5);
	} else if (strncmp(number, "1/", 2) == 0) {
		r->when = CHANCE;
		memmove(number, number + 2, length - 1);
	} else if (length && number[length - 1] == '+') {
		r->when = FROM;
		number[length - 1] = 0;
	}
	if (parse_u64(number, &r->n) < 0 || r->n == 0)
		return store_why(ret_why, whys, -EINVAL,
				 "\"%s\" does not say when; write 100, 100+, every=10 or 1/50",
				 text);
	return 0;
}

static int parse_what(const char *text, struct rule *r, char *ret_why, unsigned whys)
{
	static const char *const names[] = {
	    [FAIL] = "fail", [FULL] = "full", [CORRUPT] = "corrupt", [TEAR] = "tear"};
	for (unsigned i = 0; i < array_size(names); i++)
		if (strcmp(text, names[i]) == 0 && (i != FULL || r->write)) {
			r->what = i;
			return 0;
		}
	r->what = DELAY;
	if (strncmp(text, "delay=", 6) == 0 && parse_time(text + 6, &r->delay) == 0 &&
	    r->delay <= UINT64_C(1000000000) * 3600)
		return 0;
	return store_why(
	    ret_why, whys, -EINVAL,
	    "\"%s\" does not say what a %s does; write fail, %scorrupt, tear or delay=5ms", text,
	    r->write ? "write" : "read", r->write ? "full, " : "");
}

static int parse_rule(struct store *s, char *text, char *ret_why, unsigned whys)
{
	struct rule r = {.write = strncmp(text, "write=", 6) == 0};
	char *colon = strrchr(text, ':');
	if (strncmp(text, "seed=", 5) == 0) {
		if (s->seeded)
			return store_why(ret_why, whys, -EINVAL, "seed stands there twice; once is enough");
		s->seeded = true;
		if (parse_u64(text + 5, &s->seed) == 0)
			return 0;
		return store_why(ret_why, whys, -EINVAL, "\"%s\" is not seed=N, N being a number", text);
	}
	if ((!r.write && strncmp(text, "read=", 5) != 0) || !colon || strlen(text) >= RULE_TEXT)
		return store_why(
		    ret_why, whys, -EINVAL,
		    "\"%s\" is no rule; write read=100:corrupt, write=every=7:fail or seed=1",
		    text);
	if (s->rules == RULES_MAX)
		return store_why(ret_why, whys, -EINVAL, "more than %d rules; leave some away",
				 RULES_MAX);
	memcpy(r.text, text, strlen(text) + 1);
	*colon = 0;
	int error = parse_when(text + (r.write ? 6 : 5), &r, ret_why, whys);
	if (!error)
		error = parse_what(colon + 1, &r, ret_why, whys);
	if (!error)
		s->rule[s->rules++] = r;
	return error;
}

/* rules: what stands between the brackets; it is cut into pieces. */
static int parse_rules(struct store *s, char *rules, char *ret_why, unsigned whys)
{
	for (char *next = rules; next && *next;) {
		char *rule = next;
		next = strchr(rule, ',');
		if (next)
			*next++ = 0;
		int error = parse_rule(s, rule, ret_why, whys);
		if (error)
			return error;
	}
	return 0;
}

/* ---- Opening and closing ---- */

static int faulty_open(const struct store_env *env, const char *params, struct store **ret_store,
		       char *ret_why, unsigned whys)
{
	char text[STORE_PARAMS];
	snprintf(text, sizeof(text), "%s", params ? params : "");
	char *end = strstr(text, "]:");
	unsigned deep = 0;
	for (const char *p = text; (p = strstr(p, "faulty[")); p++)
		deep++;
	if (deep >= DEEP_MAX)
		return store_why(ret_why, whys, -EINVAL, "faulty stores may stand %d one in another at most; "
				 "one can have several rules", DEEP_MAX);
	if (text[0] != '[' || !end)
		return store_why(ret_why, whys, -EINVAL,
				 "faulty wants rules and a store, as in "
				 "faulty[read=100:corrupt,write=7:fail]:zram:64M");
	*end = 0;
	struct store *s = alloc_get(env->alloc, sizeof(*s));
	if (!s)
		return store_why(ret_why, whys, -ENOMEM, "no memory for a store");
	s->alloc = *env->alloc;
	int error = parse_rules(s, text + 1, ret_why, whys);
	if (!error)
		error = store_open(end + 2, env, &s->inner, ret_why, whys);
	if (error) {
		alloc_put(env->alloc, s, sizeof(*s));
		return error;
	}
	*ret_store = s;
	return 0;
}

static void faulty_close(struct store *s)
{
	struct alloc alloc = s->alloc;
	s->inner.ops->close(s->inner.store);
	alloc_put(&alloc, s, sizeof(*s));
}

static uint32_t faulty_slots(const struct store *s)
{
	return s->inner.ops->slots(s->inner.store);
}

/* ---- Transfers ---- */

static uint64_t draw(struct store *s)
{
	s->seed = s->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return s->seed >> 33;
}

static bool strikes(struct store *s, const struct rule *r, uint64_t count)
{
	switch (r->when) {
	case ONCE: return count == r->n;
	case FROM: return count >= r->n;
	case EVERY: return count % r->n == 0;
	case CHANCE: break;
	}
	return draw(s) % r->n == 0;
}

/* The rule that the next page of this kind meets, or NULL. */
static const struct rule *next_rule(struct store *s, bool write)
{
	uint64_t count = write ? ++s->writes : ++s->reads;
	const struct rule *found = NULL;
	for (unsigned i = 0; i < s->rules; i++)
		if (s->rule[i].write == write && strikes(s, &s->rule[i], count) && !found)
			found = &s->rule[i];
	if (found)
		snprintf(s->why, sizeof(s->why), "the rule %s struck %s %" PRIu64, found->text,
			 write ? "write" : "read", count);
	return found;
}

static void flip(struct store *s, uint8_t *page)
{
	uint64_t bit = draw(s) % (PAGE_SIZE * 8);
	page[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* Makes of a page to be written what will lie in the store. Returns 0 or the inner store's error. */
static int spoil_write(struct store *s, struct faulty_io *io, uint32_t i)
{
	struct store_transfer *t = &io->inner;
	if (io->rule[i]->what == CORRUPT) {
		memcpy(io->page[i], t->bytes[i], PAGE_SIZE);
		flip(s, io->page[i]);
	} else {
		/* The second half stays as it was. */
		struct store_transfer old = {
		    .slot = t->slot + i, .pages = 1, .bytes = {io->page[i]}};
		s->inner.ops->submit(s->inner.store, &old);
		int error = s->inner.ops->finish(s->inner.store, &old);
		if (error)
			return error;
		memcpy(io->page[i], t->bytes[i], PAGE_SIZE / 2);
	}
	t->bytes[i] = io->page[i];
	return 0;
}

static void spoil_read(struct store *s, const struct faulty_io *io, uint32_t i)
{
	if (io->rule[i]->what == CORRUPT)
		flip(s, io->inner.bytes[i]);
	else
		memset(io->inner.bytes[i] + PAGE_SIZE / 2, 0, PAGE_SIZE / 2);
}

static void faulty_submit(struct store *s, struct store_transfer *t)
{
	struct faulty_io *io = alloc_get(&s->alloc, sizeof(*io));
	t->own = io;
	if (!io)
		return;
	io->inner = *t;
	io->inner.own = NULL;
	for (uint32_t i = 0; i < t->pages; i++) {
		const struct rule *r = io->rule[i] = next_rule(s, t->write);
		if (r && (r->what == FAIL || r->what == FULL) && !io->error)
			io->error = r->what == FULL ? -ENOSPC : -EIO;
		else if (r && r->what == DELAY)
			t->delay += r->delay;
	}
	for (uint32_t i = 0; t->write && !io->error && i < t->pages; i++)
		if (io->rule[i] && (io->rule[i]->what == CORRUPT || io->rule[i]->what == TEAR))
			io->error = spoil_write(s, io, i);
	io->inner.delay = 0;
	if (!io->error)
		s->inner.ops->submit(s->inner.store, &io->inner);
	t->delay += io->inner.delay;
}

static int faulty_finish(struct store *s, struct store_transfer *t)
{
	struct faulty_io *io = t->own;
	if (!io)
		return -EIO;
	int error = io->error;
	if (!error) {
		error = s->inner.ops->finish(s->inner.store, &io->inner);
		if (error && s->inner.ops->why)
			snprintf(s->why, sizeof(s->why), "%s", s->inner.ops->why(s->inner.store));
	}
	for (uint32_t i = 0; !t->write && !error && i < t->pages; i++)
		if (io->rule[i] && io->rule[i]->what != DELAY)
			spoil_read(s, io, i);
	t->own = NULL;
	alloc_put(&s->alloc, io, sizeof(*io));
	return error;
}

static void faulty_discard(struct store *s, uint32_t slot)
{
	s->inner.ops->discard(s->inner.store, slot);
}

static bool faulty_takes_frames(const struct store *s)
{
	return s->inner.ops->takes_frames && s->inner.ops->takes_frames(s->inner.store);
}

static void faulty_usage(const struct store *s, struct store_usage *ret_usage)
{
	s->inner.ops->usage(s->inner.store, ret_usage);
}

static const char *faulty_why(const struct store *s)
{
	return s->why;
}

const struct store_ops store_faulty = {
    .name = "faulty",
    .summary = "another store that fails as told: faulty[read=100:corrupt,write=7:fail]:STORE",
    .takes_frames = faulty_takes_frames,
    .open = faulty_open,
    .close = faulty_close,
    .slots = faulty_slots,
    .submit = faulty_submit,
    .finish = faulty_finish,
    .discard = faulty_discard,
    .usage = faulty_usage,
    .why = faulty_why,
};
