/* SPDX-License-Identifier: MIT */
/* pick.h - from a policy's order to a victim: what every policy shares
 *
 * A policy keeps its own lists and says, by next, which page it would give up first. Two things may
 * stand against that page, and neither is the policy's affair:
 *
 *	it cannot go now (locked, held, being written, nowhere to put it)	-> ASIDE
 *	it is dirty, and clean ones are to go first (clean-first=1)		-> LAUNDRY
 *
 *	           next                      evictable
 *	own lists -------> candidate ----------------------------> victim
 *	    ^                |    \ dirty, clean-first     overfull   ^
 *	    |    not         |     +----------> LAUNDRY --------------+
 *	    |    evictable   v                     | clean meanwhile  |
 *	    |              ASIDE ---------------------------------- --+
 *	    +--------------- spare: referenced meanwhile -- evictable again
 *
 * So each page is looked at once when its turn comes, and not again for every victim that is sought
 * while it cannot go: the cost of a victim is amortised constant. A victim tries ASIDE_LOOKS of
 * those aside first, since their turn came before; all of them only when nothing else is left. As
 * long as no more than ASIDE_LOOKS are aside the order is exact. At most 1/LAUNDRY_PART of all
 * frames may be passed over for being dirty; then the one that was passed over first goes.
 *
 * The victim itself waits aside until its policy is told that it left.
 */
#ifndef POLICY_PICK_H
#define POLICY_PICK_H

#include "policy/list.h"
#include "policy/params.h"

enum { ASIDE = 1, LAUNDRY, PICK_LISTS }; /* a policy's own lists start with PICK_LISTS */
enum { ASIDE_LOOKS = 8, LAUNDRY_PART = 16 };

struct pick_ops {
	/* Takes the page out of the policy's lists that it would give up first, NO_FRAME: none is
	 * left in them. */
	uint32_t (*next)(struct policy *p);
	/* A page that waited outside: true if the policy wants it back, as after a reference, and has
	 * put it into one of its lists. NULL: never. */
	bool (*spare)(struct policy *p, uint32_t frame);
};

/* The first member of each struct policy that is made by pick_create. */
struct pick {
	struct policy_env env;
	const struct pick_ops *ops;
	struct lists lists;
	uint32_t list_count;
	uint32_t laundry_most;
	uint32_t spares; /* how many the search that is under way may still spare, so that it ends */
	uint32_t newest; /* by pick_entered; NO_FRAME: none */
	bool clean_first;
	size_t size; /* of the struct policy */
};

static inline struct pick *pick_of(struct policy *p) { return (struct pick *)p; }
static inline struct lists *pick_lists(struct policy *p) { return &pick_of(p)->lists; }

/* The parameter that all policies have; the first in each one's list. */
#define PARAM_CLEAN_FIRST                                                                          \
	{                                                                                          \
		"clean-first", POLICY_NUMBER, 0, 1, 1,                                             \
		    "1: clean pages go before dirty ones, within reason; 0: the strict order"      \
	}

/* A zeroed policy of size bytes with own_lists lists of its own. Returns 0 or -ENOMEM. */
int pick_create(const struct policy_env *env, size_t size, const struct pick_ops *ops, uint32_t own_lists,
		bool clean_first, struct policy **ret_policy);

/* Was the page referenced since the last call? Exact: by what touch said, which is kept in the
 * link; else by the hardware's A bits, or by what the policy itself set there. */
bool pick_referenced(struct policy *p, uint32_t frame);
/* The first page of a list that was not referenced, taken out of it; the referenced ones before it go
 * to its end. NO_FRAME: the list is empty. */
uint32_t pick_second_chance(struct policy *p, uint32_t list);
/* For policies whose pages enter with the reference bit clear. The instruction that faulted is tried
 * again and sets A, so with harvested bits what was referenced up to the next entry or search counts
 * as one reference, the one that brought it in. */
void pick_entered(struct policy *p, uint32_t frame);
/* A spare for policies with one list, the first of their own: what was referenced goes to its end. */
bool pick_spare_referenced(struct policy *p, uint32_t frame);

/* For struct policy_ops, where a policy does no more than this. */
void pick_destroy(struct policy *p);
void pick_touch(struct policy *p, uint32_t frame); /* remembers it in the link */
void pick_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why);
uint32_t pick_victim(struct policy *p, uint64_t incoming);
void pick_rejected(struct policy *p, uint32_t frame);
void pick_no_touch(struct policy *p, uint32_t frame);
void pick_no_forget(struct policy *p, uint64_t key);
void pick_no_tick(struct policy *p, uint64_t now);

#endif
