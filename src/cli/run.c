/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "cli/pty.h"
#include "cli/session.h"
#include "cli/verb.h"

int verb_run(int argc, char **argv)
{
	static const struct session_hooks none = {0};
	struct options o;
	struct session *s = malloc(sizeof(*s));
	int at = 0;
	if (!s)
		return say("no memory");
	int r = session_options(&o, argc, argv, NULL, &at);
	if (r < 0 && o.tty)
		r = pty_run();
	if (r < 0) {
		r = session_start(s, &o, &none, NULL, argv + at);
		if (r < 0)
			r = session_finish(s, session_run(s));
	}
	options_finish(&o);
	free(s);
	return r;
}
