/* SPDX-License-Identifier: MIT */
/* server.h - a running machine answers others of the same user: carrel ps, carrel exec
 *
 *	carrel exec                              the machine, between two slices
 *	   {"ask": "exec", argv, env, user, ...}
 *	      and stdin, stdout, stderr  ------>  starts it
 *	                                 <------  {"pid": 12}, or {"error": text, "status": 127}
 *	   {"signal": 2}, {"size": [r, c]} ---->  for its group, its terminal
 *	                                 <------  {"status": 0}, as wait4 has it
 *	carrel ps
 *	   {"ask": "status"}             ------>
 *	                                 <------  counts
 *
 * Nothing in the machine depends on this while nobody asks. Whoever connects and is somebody else is
 * turned away.
 */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "cli/session.h"

struct server;

/* Enters the run into the registry and listens. NULL: it is not to be found; with -v that is said. */
struct server *server_start(struct session *s);
void server_stop(struct server *v);

#endif
