/* SPDX-License-Identifier: MIT */
/* The verbs root and cc alone, so that they are tested whatever state the rest is in. */
#include <stdio.h>
#include <string.h>

#include "cli/cc.h"
#include "cli/root.h"

int main(int argc, char **argv)
{
	char path[4096];

	if (argc > 1 && strcmp(argv[1], "root") == 0)
		return verb_root(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "cc") == 0)
		return verb_cc(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "default") == 0) {
		int r = root_default(path, sizeof(path));
		puts(r < 0 ? "none" : path);
		return r < 0;
	}
	if (argc > 2 && strcmp(argv[1], "program") == 0) {
		int r = cc_program(argv[2], path, sizeof(path));
		if (r == 0) {
			FILE *f = fopen(path, "re");
			printf("%s %s\n", path, f ? "made" : "missing");
			if (f)
				fclose(f);
			cc_program_remove(path);
		}
		return r;
	}
	return 2;
}
