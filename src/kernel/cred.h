/* SPDX-License-Identifier: MIT */
/* cred.h - who a task is, and what it may
 *
 * Each task has credentials: four user ids, four group ids, further groups, five sets of capabilities.
 * They are never changed while somebody else has them too: who changes his own makes new ones, and all
 * can fail before the first of them is seen. A fork costs one count.
 *
 *	          cred_change                 cred_commit
 *	t->cred -------------> a copy, alone ------------> t->cred, the old ones lose a user
 *	                            |  cred_put: given up
 *
 *	             set-id file?  no_new_privs?  shared?
 *	t->cred, file ----------------------------------> what execve makes of them: cred_exec
 *
 * The rules are Linux's: setuid(2), capabilities(7), and its security/commoncap.c for what they leave
 * open. A thread changes its own; the C library makes that of all of them. The credentials of a
 * process, where one asks for another's, are those of its first task.
 *
 * Nothing here asks the host: what the host lets Carrel do is another matter (owners.h).
 *
 * Groups are bounded: 65536 for each, as on Linux, and GROUPS_ALL for the machine (-ENOMEM).
 */
#ifndef KERNEL_CRED_H
#define KERNEL_CRED_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct kernel;
struct process;
struct task;

enum { GROUPS_MAX = 65536, GROUPS_ALL = 1 << 22 };

/* Linux's numbers, capabilities(7). */
enum capability {
	CAP_CHOWN,
	CAP_DAC_OVERRIDE,
	CAP_DAC_READ_SEARCH,
	CAP_FOWNER,
	CAP_FSETID,
	CAP_KILL,
	CAP_SETGID,
	CAP_SETUID,
	CAP_SETPCAP,
	CAP_LINUX_IMMUTABLE,
	CAP_NET_BIND_SERVICE,
	CAP_NET_ADMIN = 12,
	CAP_NET_RAW,
	CAP_IPC_LOCK,
	CAP_IPC_OWNER,
	CAP_SYS_RAWIO = 17,
	CAP_SYS_CHROOT,
	CAP_SYS_PTRACE = 19,
	CAP_SYS_ADMIN = 21,
	CAP_SYS_NICE = 23,
	CAP_SYS_RESOURCE,
	CAP_SYS_TTY_CONFIG = 26,
	CAP_MKNOD,
	CAP_LEASE,
	CAP_SETFCAP = 31,
	CAP_MAC_OVERRIDE,
	CAP_WAKE_ALARM = 35,
	CAP_LAST = 40,
};
#define CAP_ALL ((UINT64_C(2) << CAP_LAST) - 1)
#define CAP_BIT(c) (UINT64_C(1) << (c))

/* What can be made to hold no longer for root; each has a bit above it that keeps it so. */
enum secure_bit {
	SECURE_NOROOT = 1 << 0,
	SECURE_NO_SETUID_FIXUP = 1 << 2,
	SECURE_KEEP_CAPS = 1 << 4,
	SECURE_KEEP_CAPS_LOCKED = 1 << 5,
	SECURE_NO_AMBIENT = 1 << 6,
	SECURE_BITS = 0x55,
	SECURE_LOCKS = 0xaa,
};

/* What one user has in the machine: tasks, for RLIMIT_NPROC, and pages of pipes. Lives as long as somebody's
 * credentials or pipes name it. */
struct user {
	RB_ENTRY(user) tree;
	uint32_t uid, refs;
	uint64_t tasks, pipe_pages;
};
RB_HEAD(user_tree, user);

static inline struct user *user_ref(struct user *u)
{
	u->refs++;
	return u;
}
void user_put(struct kernel *k, struct user *u);

struct cred {
	unsigned refs;
	struct kernel *kernel;
	struct user *user; /* of uid */
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint64_t permitted, effective, inheritable, bounding, ambient;
	uint32_t secure; /* enum secure_bit */
	/* Who runs Carrel, not root, as he started: what he may do with the host's files is just what the
	 * host lets Carrel do, in all groups that he is in there. */
	bool host;
	uint32_t groups;
	uint32_t group[]; /* sorted */
};

/* uid and gid in all their parts, and every capability for root. Returns 0 or -ENOMEM. */
int cred_create(struct kernel *k, uint32_t uid, uint32_t gid, struct cred **ret_cred);
struct cred *cred_ref(struct cred *c);
void cred_put(struct cred *c);
/* A copy of t's to change and then commit or put. Returns 0 or -ENOMEM. */
int cred_change(const struct task *t, struct cred **ret_cred);
/* The same with other groups, which are sorted; they may be NULL for none. */
int cred_change_groups(const struct task *t, const uint32_t *group, uint32_t groups, struct cred **ret_cred);
/* A user id of c was changed: which user it counts for. Returns 0 or -ENOMEM. */
int cred_set_user(struct cred *c);
/* t has c from now on, and no other task has; what follows from having changed is done. */
void cred_commit(struct task *t, struct cred *c);
/* t has c, whatever it had: a new task takes its maker's. NULL: t ends. */
void cred_give(struct task *t, struct cred *c);

/* Linux's rules for capabilities when user ids change, from old to c. */
void cred_fix_setuid(struct cred *c, const struct cred *old);
void cred_fix_setfsuid(struct cred *c, const struct cred *old);

/* The capabilities that a file gives to who executes it: security.capability. */
struct cred_file {
	bool there, effective;
	uint64_t permitted, inheritable;
};

/* What execve of a file makes of t's: new ones for the caller, and whether the program must be wary of
 * its environment (AT_SECURE). Returns 0, -ENOMEM, or -EPERM: the file's capabilities would have to hold at once,
 * and some of them cannot be had. */
int cred_exec(const struct task *t, const struct stat *file, const struct cred_file *caps, struct cred **ret_cred,
	      bool *ret_secure);

/* --- what they say --- */

static inline bool cred_can(const struct cred *c, enum capability which)
{
	return c->effective >> which & 1;
}
bool task_can(const struct task *t, enum capability which);
/* Is c in the group, as files see it? */
bool cred_in_group(const struct cred *c, uint32_t gid);
const struct cred *process_cred(const struct process *p);

/* May t send a signal to p? number: SIGCONT reaches the whole session. Returns 0 or -EPERM. */
int cred_may_signal(const struct task *t, const struct process *p, int number);
/* May t change how p is scheduled? Its own user's, or CAP_SYS_NICE. */
bool cred_may_schedule(const struct task *t, const struct process *p);
/* May t look into p as a debugger would? by_files: who t is for files, else who it really is. */
bool cred_may_trace(const struct task *t, const struct process *p, bool by_files);
/* May t read or set the limits of p? */
bool cred_may_limit(const struct task *t, const struct process *p);

/* As files see them with t's real ids for access(2): a copy. Returns 0 or -ENOMEM. */
int cred_real(const struct task *t, struct cred **ret_cred);
/* Would it be no different? */
bool cred_is_real(const struct cred *c);

/* What prctl has of capabilities; a[0] is one of these. */
enum {
	PRCTL_GET_KEEP_CAPS = 7,
	PRCTL_SET_KEEP_CAPS = 8,
	PRCTL_READ_BOUNDING = 23,
	PRCTL_DROP_BOUNDING = 24,
	PRCTL_GET_SECURE = 27,
	PRCTL_SET_SECURE = 28,
	PRCTL_AMBIENT = 47,
};
int64_t capability_prctl(struct task *t, const uint64_t a[6]);

/* Fills the lines Uid to Groups of /proc/PID/status; and those of capabilities. */
struct text;
void cred_text_ids(const struct cred *c, struct text *text);
void cred_text_groups(const struct cred *c, struct text *text);
void cred_text_capabilities(const struct cred *c, struct text *text);

#endif
