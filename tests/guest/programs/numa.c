/* SPDX-License-Identifier: MIT */
/* Where memory lies on a machine of one node: get_mempolicy and its family. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, BITS = 1025 };
enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL };

static const char *r[8];

/* What numastat reads of the one node. */
static void counts(void)
{
	FILE *f = fopen("/sys/devices/system/node/node0/numastat", "r");
	unsigned long n, hit = 0, local = 0;
	char name[32];

	while (f && fscanf(f, "%31s %lu", name, &n) == 2) {
		hit = strcmp(name, "numa_hit") == 0 ? n : hit;
		local = strcmp(name, "local_node") == 0 ? n : local;
		say("%s", name);
	}
	say("%s pages were taken, %s", hit > 0 ? "some" : "no", hit == local ? "all of this node" : "others elsewhere");
	if (f)
		fclose(f);
}

int main(void)
{
	unsigned long nodes[16] = {1}, got[16], none[16] = {0}, two[16] = {2}, far_[16] = {0, 1};
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *pages[3] = {p, p + PAGE, (void *)8};
	static unsigned long huge[2 * PAGE / sizeof(long)] = {[PAGE / sizeof(long) - 1] = 5};
	int mode = 77, status[3] = {9, 9, 9}, node[3] = {0, 0, 0};

	p[0] = 1;
	r[0] = result(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0));
	say("get %s: %d", r[0], mode);
	r[0] = result(syscall(SYS_get_mempolicy, NULL, got, BITS, NULL, 4));
	say("allowed %s: %lu", r[0], got[0]);
	r[0] = result(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, 3));
	say("at %s: %d", r[0], mode);
	r[0] = result(syscall(SYS_get_mempolicy, &mode, NULL, 0, (void *)8, 3));
	r[1] = result(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 8));
	r[2] = result(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 1));
	r[3] = result(syscall(SYS_get_mempolicy, NULL, got, BITS, NULL, 5));
	r[4] = result(syscall(SYS_get_mempolicy, NULL, got, 0, NULL, 0));
	say("nowhere %s, flags %s, node %s, both %s, no room %s", r[0], r[1], r[2], r[3], r[4]);
	got[0] = got[1] = 7;
	r[0] = result(syscall(SYS_get_mempolicy, NULL, got, 1, NULL, 4));
	mode = (int)got[0];
	r[1] = result(syscall(SYS_get_mempolicy, NULL, got, 5, NULL, 4));
	r[2] = result(syscall(SYS_get_mempolicy, NULL, huge, 8 * PAGE + 1, NULL, 4));
	r[3] = result(syscall(SYS_get_mempolicy, NULL, huge, 8 * PAGE + 2, NULL, 4));
	say("of no node %s: %d, of four %s: %lu %lu, of a page %s: %lu %lu, of more %s", r[0], mode, r[1], got[0], got[1], r[2],
	    huge[0], huge[PAGE / sizeof(long) - 1], r[3]);
	r[0] = result(syscall(SYS_set_mempolicy, BIND, nodes, BITS));
	mode = 77;
	memset(got, 0, sizeof(got));
	r[1] = result(syscall(SYS_get_mempolicy, &mode, got, BITS, NULL, 0));
	say("bind %s, get %s: %d %lu", r[0], r[1], mode, got[0]);
	r[0] = result(syscall(SYS_set_mempolicy, BIND, none, BITS));
	r[1] = result(syscall(SYS_set_mempolicy, BIND, two, BITS));
	r[2] = result(syscall(SYS_set_mempolicy, DEFAULT, nodes, BITS));
	r[3] = result(syscall(SYS_set_mempolicy, 99, NULL, 0));
	r[4] = result(syscall(SYS_set_mempolicy, BIND, (void *)8, BITS));
	r[5] = result(syscall(SYS_set_mempolicy, BIND, far_, 1025));
	r[6] = result(syscall(SYS_set_mempolicy, LOCAL, NULL, 0));
	r[7] = result(syscall(SYS_set_mempolicy, DEFAULT, NULL, 0));
	say("none %s, another %s, default %s, unknown %s, pointer %s, far %s, local %s, default %s", r[0], r[1], r[2],
	    r[3], r[4], r[5], r[6], r[7]);
	r[0] = result(syscall(SYS_mbind, p, 4 * PAGE, BIND, nodes, BITS, 0));
	r[1] = result(syscall(SYS_mbind, p + 1, PAGE, BIND, nodes, BITS, 0));
	r[2] = result(syscall(SYS_mbind, p, PAGE, BIND, none, BITS, 0));
	r[3] = result(syscall(SYS_mbind, p, PAGE, BIND, nodes, BITS, 64));
	r[4] = result(syscall(SYS_mbind, p, 0, BIND, nodes, BITS, 0));
	r[5] = result(syscall(SYS_mbind, NULL, PAGE, BIND, nodes, BITS, 0));
	r[6] = result(syscall(SYS_mbind, p, 4 * PAGE, DEFAULT, NULL, 0, 0));
	say("mbind %s, unaligned %s, none %s, flags %s, empty %s, nowhere %s, default %s", r[0], r[1], r[2], r[3], r[4],
	    r[5], r[6]);
	r[0] = result(syscall(SYS_move_pages, 0, 3, pages, NULL, status, 0));
	say("where %s: %d %d %d", r[0], status[0], status[1], status[2]);
	r[0] = result(syscall(SYS_move_pages, 0, 1, pages, node, status, 2));
	node[0] = 1;
	r[1] = result(syscall(SYS_move_pages, 0, 1, pages, node, status, 2));
	r[2] = result(syscall(SYS_move_pages, 0x3fffffff, 1, pages, NULL, status, 0));
	r[3] = result(syscall(SYS_move_pages, 0, 1, pages, NULL, status, 8));
	r[4] = result(syscall(SYS_move_pages, 0, 1, (void *)8, NULL, status, 0));
	say("move %s, elsewhere %s, of nobody %s, flags %s, pointer %s", r[0], r[1], r[2], r[3], r[4]);
	r[0] = result(syscall(SYS_migrate_pages, 0, BITS, nodes, nodes));
	r[1] = result(syscall(SYS_migrate_pages, 0x3fffffff, BITS, nodes, nodes));
	r[2] = result(syscall(SYS_migrate_pages, 0, BITS, nodes, none));
	say("migrate %s, of nobody %s, to nowhere %s", r[0], r[1], r[2]);
	counts();
	return 0;
}
