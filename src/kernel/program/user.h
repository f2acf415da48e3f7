/* SPDX-License-Identifier: MIT */
/* user.h - who a program that a person starts is, where that is not who runs Carrel: --user
 *
 *	UID[:GID]  NAME[:GROUP]		names as /etc/passwd and /etc/group of the guest have them
 *
 * Without a group it is the user's own, with all groups that name him; of a number that names no user,
 * the same number. With one it is that alone.
 */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

struct task;

/* t, which has not run yet, becomes who spec names. Returns 0, or -ENOENT or -ENOMEM after saying why. */
int user_become(struct task *t, const char *spec);
/* A home that was made for the run becomes that of who t is. */
void user_give_home(struct task *t);

#endif
