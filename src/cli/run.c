/* SPDX-License-Identifier: MIT */
#include "cli/session.h"
#include "cli/verb.h"

int verb_run(int argc, char **argv)
{
	static const struct session_hooks none = {0};
	struct options o;
	int at = 0, r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0)
		r = session_main(&o, &none, NULL, argv + at);
	options_finish(&o);
	return r;
}
