/* SPDX-License-Identifier: MIT */
#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

void bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "carrel: a bug in Carrel: %s:%d: this does not hold: %s\n", file, line, what);
	abort();
}
