/* SPDX-License-Identifier: MIT */
/* epoll_nest.c - epolls that watch epolls: no circles, no towers, no avalanches
 *
 *	file <-- epoll <-- epoll <-- ... <-- epoll           at most NESTS above the first
 *
 * A change of the file is passed on along each path upwards, so their number is bounded too: by
 * Linux's limits, for each length. Paths of a single epoll may be as many as there are.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/event/epoll_private.h"
#include "kernel/kernel.h"

enum { NESTS = 4 };

static const unsigned path_limit[NESTS + 1] = {0, 500, 100, 50, 10};

/* How many epolls are below e, one in the other; more than NESTS: too many, or outer is one. */
static int depth_below(struct epoll *e, const struct epoll *outer, uint64_t visit, int at)
{
	int depth = 0;
	if (e->visit == visit)
		return e->depth;
	e->visit = visit;
	for (struct epoll_item *i = epoll_item_next(e, NULL); i && depth <= NESTS; i = epoll_item_next(e, i)) {
		struct epoll *inner = epoll_of(i->file);
		if (!inner)
			continue;
		int below = inner == outer || at > NESTS ? NESTS
							  : depth_below(inner, outer, visit, at + 1);
		if (below + 1 > depth)
			depth = below + 1;
	}
	e->depth = depth;
	return depth;
}

/* How many are above. */
static int depth_above(struct epoll *e, uint64_t visit)
{
	const struct epoll_item *i;
	int depth = 0;
	if (e->visit == visit)
		return e->depth;
	LIST_FOREACH (i, &e->file->epolls, of_file) {
		int above = depth_above(i->epoll, visit) + 1;
		if (above > depth)
			depth = above;
	}
	e->visit = visit;
	e->depth = depth;
	return depth;
}

int epoll_nest_check(struct epoll *outer, struct epoll *inner)
{
	struct kernel *k = outer->kernel;
	int below = depth_below(inner, outer, ++k->epoll_visit, 0);
	if (below > NESTS)
		return -ELOOP;
	return below + 1 + depth_above(outer, ++k->epoll_visit) > NESTS ? -ELOOP : 0;
}

/* Counts the paths from f upwards, by length; false: too many. */
static bool count_paths(const struct file *f, unsigned length, unsigned count[NESTS + 1])
{
	const struct epoll_item *i;
	if (length > NESTS)
		return false;
	LIST_FOREACH (i, &f->epolls, of_file) {
		const struct file *above = i->epoll->file;
		bool ends = LIST_EMPTY(&above->epolls);
		if (ends && length > 0 && ++count[length] > path_limit[length])
			return false;
		if (!ends && !count_paths(above, length + 1, count))
			return false;
	}
	return true;
}

static bool paths_from(const struct file *f)
{
	unsigned count[NESTS + 1] = {0};
	return count_paths(f, 0, count);
}

/* The same of every file that e, or an epoll below it, watches. */
static bool paths_below(struct epoll *e, uint64_t visit)
{
	bool few = true;
	if (e->visit == visit)
		return true;
	e->visit = visit;
	for (struct epoll_item *i = epoll_item_next(e, NULL); i && few; i = epoll_item_next(e, i)) {
		struct epoll *inner = epoll_of(i->file);
		few = inner ? paths_below(inner, visit) : paths_from(i->file);
	}
	return few;
}

int epoll_nest_paths(struct epoll_item *added)
{
	struct epoll *inner = epoll_of(added->file);
	struct kernel *k = added->epoll->kernel;
	/* Nobody watches this epoll, and it watches a plain file: one more path of length one. */
	if (!inner && LIST_EMPTY(&added->epoll->file->epolls))
		return 0;
	bool few = inner ? paths_below(inner, ++k->epoll_visit) : paths_from(added->file);
	return few ? 0 : -EINVAL;
}
