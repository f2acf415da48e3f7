/* SPDX-License-Identifier: MIT */
/* null.c - looks for the end of a list that was never made, and dies of it */
#include <stdio.h>

struct node {
	struct node *next;
	int value;
};

static int last(const struct node *n)
{
	while (n->next)
		n = n->next;
	return n->value;
}

int main(int argc, char **argv)
{
	static struct node one = {NULL, 1};

	printf("%d\n", last(argc > 1 ? &one : NULL));
	return 0;
}
