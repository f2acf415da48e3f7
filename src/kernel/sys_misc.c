/* SPDX-License-Identifier: MIT */
/* sys_misc.c - what programs ask about the machine, and settings that concern nobody else */
#include <errno.h>
#include <string.h>

#include "kernel/call.h"
#include "kernel/cred.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"
#include "kernel/version.h"

/* --- the machine --- */

int64_t sys_uname(struct task *t, const uint64_t a[6])
{
	const struct settings *s = &t->process->kernel->settings;
	char name[6][SETTINGS_NAME + 1] = {
		KERNEL_SYSNAME, "", KERNEL_RELEASE, KERNEL_VERSION, KERNEL_MACHINE, "",
	};

	memcpy(name[1], s->host_name, sizeof(name[1]));
	memcpy(name[5], s->domain_name, sizeof(name[5]));
	return uaccess_write(t, a[0], name, sizeof(name));
}

/* The name of the machine, or of its domain: a[1] bytes, which need not end with a 0. */
static int64_t name_set(struct task *t, const uint64_t a[6], char ret_name[SETTINGS_NAME + 1])
{
	char name[SETTINGS_NAME + 1] = {0};
	int32_t size = (int32_t)a[1];
	int r;

	if (!task_can(t, CAP_SYS_ADMIN))
		return -EPERM;
	if (size < 0 || size > SETTINGS_NAME)
		return -EINVAL;
	r = uaccess_read(t, name, a[0], (size_t)size);
	if (r == 0)
		memcpy(ret_name, name, sizeof(name));
	return r;
}

int64_t sys_sethostname(struct task *t, const uint64_t a[6])
{
	return name_set(t, a, t->process->kernel->settings.host_name);
}

int64_t sys_setdomainname(struct task *t, const uint64_t a[6])
{
	return name_set(t, a, t->process->kernel->settings.domain_name);
}

struct abi_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t pad2;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad3;
};
_Static_assert(sizeof(struct abi_sysinfo) == 112, "struct sysinfo");

int64_t sys_sysinfo(struct task *t, const uint64_t a[6])
{
	struct kernel *k = t->process->kernel;
	struct abi_sysinfo info = {.mem_unit = 1};

	info.uptime = (int64_t)(kernel_now(k) / 1000000000);
	info.totalram = (uint64_t)k->mm->frames * PAGE_SIZE;
	info.freeram = (uint64_t)k->mm->pool.free * PAGE_SIZE;
	info.procs = (uint16_t)min_u64(k->thread_count, UINT16_MAX);
	return uaccess_write(t, a[0], &info, sizeof(info));
}

enum {
	HWPROBE_VENDOR = 0,
	HWPROBE_ARCH = 1,
	HWPROBE_IMPLEMENTATION = 2,
	HWPROBE_BASE = 3,
	HWPROBE_EXTENSIONS = 4,
	HWPROBE_MISALIGNED = 5,
	HWPROBE_ADDRESS_TOP = 7,
	HWPROBE_TIMEBASE = 8,
	HWPROBE_MISALIGNED_SCALAR = 9,

	HWPROBE_IMA = 1,
	HWPROBE_F_D = 1,
	HWPROBE_C = 2,
	HWPROBE_FAST = 3,
};

static bool hwprobe_value(const struct task *t, int64_t key, uint64_t *ret_value)
{
	switch (key) {
	case HWPROBE_VENDOR:
	case HWPROBE_ARCH:
	case HWPROBE_IMPLEMENTATION:
		*ret_value = 0;
		return true;
	case HWPROBE_BASE:
		*ret_value = HWPROBE_IMA;
		return true;
	case HWPROBE_EXTENSIONS:
		*ret_value = HWPROBE_F_D | HWPROBE_C;
		return true;
	case HWPROBE_MISALIGNED:
	case HWPROBE_MISALIGNED_SCALAR:
		*ret_value = HWPROBE_FAST;
		return true;
	case HWPROBE_ADDRESS_TOP:
		*ret_value = t->process->space->layout.top - 1;
		return true;
	case HWPROBE_TIMEBASE:
		*ret_value = 10000000;
		return true;
	default:
		return false;
	}
}

int64_t sys_riscv_hwprobe(struct task *t, const uint64_t a[6])
{
	struct {
		int64_t key;
		uint64_t value;
	} pair;

	/* cpus: none (all of them), or a set with processor 0. */
	if (a[4] != 0)
		return -EINVAL;
	if (a[3]) {
		uint8_t cpus = 0;
		int r = a[2] ? uaccess_read(t, &cpus, a[3], sizeof(cpus)) : -EINVAL;
		if (r)
			return r;
		if (!(cpus & 1))
			return -EINVAL;
	} else if (a[2]) {
		return -EINVAL;
	}
	/* Progress is kept for a call that has to wait for a page; it returns 0 all the same. */
	for (uint64_t *i = &t->call.state[0]; *i < a[1]; (*i)++) {
		uint64_t va = a[0] + *i * sizeof(pair);
		int r = uaccess_read(t, &pair, va, sizeof(pair));
		if (r)
			return r;
		if (!hwprobe_value(t, pair.key, &pair.value)) {
			pair.key = -1;
			pair.value = 0;
		}
		r = uaccess_write(t, va, &pair, sizeof(pair));
		if (r)
			return r;
	}
	return 0;
}

int64_t sys_getcpu(struct task *t, const uint64_t a[6])
{
	static const uint32_t zero;
	int r = a[0] ? uaccess_write(t, a[0], &zero, sizeof(zero)) : 0;

	return !r && a[1] ? uaccess_write(t, a[1], &zero, sizeof(zero)) : r;
}

/* --- randomness --- */

/* state[0]: the eight bytes that are being given out, so that a result does not depend on how many
 * pages could be held at once. */
int64_t sys_getrandom(struct task *t, const uint64_t a[6])
{
	enum { NONBLOCK = 1, RANDOM = 2, INSECURE = 4 };
	struct call *c = &t->call;
	uint64_t size = min_u64(a[1], INT32_MAX & ~(PAGE_SIZE - 1));

	if (a[2] & ~(uint64_t)(NONBLOCK | RANDOM | INSECURE) || (a[2] & (RANDOM | INSECURE)) == (RANDOM | INSECURE))
		return -EINVAL;
	uint64_t pause = c->done + WORK_BYTES;
	while (c->done < size) {
		struct hold h;
		if (c->done >= pause)
			return wait_pause(t, PAUSE_OPEN);
		int r = uaccess_hold(t, a[0] + c->done, size - c->done, ACCESS_WRITE, &h);
		if (r == CALL_WAIT)
			return r;
		if (r)
			return c->done ? (int64_t)c->done : r;
		for (unsigned i = 0; i < h.pieces; i++) {
			for (uint32_t j = 0; j < h.piece[i].size; j++, c->done++) {
				if (c->done % 8 == 0)
					c->state[0] = kernel_random(t->process->kernel);
				h.piece[i].bytes[j] = (uint8_t)(c->state[0] >> c->done % 8 * 8);
			}
		}
		uaccess_release(&h);
	}
	return (int64_t)c->done;
}

/* --- settings --- */

int64_t sys_personality(struct task *t, const uint64_t a[6])
{
	unsigned long was = t->process->personality;

	if ((uint32_t)a[0] != UINT32_MAX)
		t->process->personality = (uint32_t)a[0];
	return (int64_t)was;
}

enum {
	PR_SET_DEATH_SIGNAL = 1,
	PR_GET_DEATH_SIGNAL = 2,
	PR_GET_DUMP = 3,
	PR_SET_DUMP = 4,
	PR_GET_TIMING_METHOD = 13,
	PR_SET_TIMING_METHOD = 14,
	PR_SET_COMM = 15,
	PR_GET_COMM = 16,
	PR_GET_SECCOMP_MODE = 21,
	PR_SET_SLACK = 29,
	PR_GET_SLACK = 30,
	PR_SET_SUBREAPER = 36,
	PR_GET_SUBREAPER = 37,
	PR_SET_NNP = 38,
	PR_GET_NNP = 39,
	PR_SET_THP = 41,
	PR_GET_THP = 42,
	PR_SET_VMA = 0x53564d41,
};

static int64_t prctl_get_name(struct task *t, uint64_t va)
{
	char name[sizeof(t->comm)] = {0};

	memcpy(name, t->comm, sizeof(name) - 1);
	return uaccess_write(t, va, name, sizeof(name));
}

static int64_t prctl_set_name(struct task *t, uint64_t va)
{
	char name[sizeof(t->comm)];
	int r = uaccess_string(t, name, va, sizeof(name));

	if (r < 0 && r != -ENAMETOOLONG)
		return r;
	/* A longer name is cut. */
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, name, r < 0 ? sizeof(name) - 1 : (size_t)r);
	return 0;
}

/* Names a range of anonymous memory, or takes its name away (va 0). */
static int64_t prctl_set_anon_name(struct task *t, uint64_t start, uint64_t length, uint64_t va)
{
	char name[REGION_NAME_SIZE];

	if (va) {
		int64_t r = uaccess_string(t, name, va, sizeof(name));
		if (r < 0)
			return r == -ENAMETOOLONG ? -EINVAL : r;
		for (const char *c = name; *c; c++)
			if (*c < ' ' || *c >= 0x7f || strchr("\\`$[]", *c))
				return -EINVAL;
	}
	int64_t r = space_name(t->process->space, start, length, va ? name : NULL);
	return r == -ENOBUFS ? -EAGAIN : r;
}

static int64_t flag_set(bool *flag, uint64_t value)
{
	if (value > 1)
		return -EINVAL;
	*flag = value;
	return 0;
}

int64_t sys_prctl(struct task *t, const uint64_t a[6])
{
	struct process *p = t->process;
	bool rest = a[2] || a[3] || a[4];
	int32_t number;

	switch ((int32_t)a[0]) {
	case PR_SET_DEATH_SIGNAL:
		if (a[1] > SIGNALS)
			return -EINVAL;
		p->death_signal = (int)a[1];
		return 0;
	case PR_GET_DEATH_SIGNAL:
		number = p->death_signal;
		return uaccess_write(t, a[1], &number, sizeof(number));
	case PR_GET_DUMP:
		return p->dumpable;
	case PR_SET_DUMP:
		return flag_set(&p->dumpable, a[1]);
	case PR_GET_TIMING_METHOD:
	case PR_GET_SECCOMP_MODE:
		return 0;
	case PR_SET_TIMING_METHOD:
		return a[1] ? -EINVAL : 0;
	case PR_SET_COMM:
		return prctl_set_name(t, a[1]);
	case PR_GET_COMM:
		return prctl_get_name(t, a[1]);
	/* Kept and told: sleeps end at their very instruction. */
	case PR_SET_SLACK:
		t->slack.now = (int64_t)a[1] > 0 ? a[1] : t->slack.usual;
		return 0;
	case PR_GET_SLACK:
		return (int64_t)(t->slack.now < INT32_MAX ? t->slack.now : INT32_MAX);
	case PR_SET_SUBREAPER:
		p->subreaper = a[1] != 0;
		return 0;
	case PR_GET_SUBREAPER:
		number = p->subreaper;
		return uaccess_write(t, a[1], &number, sizeof(number));
	case PR_SET_NNP:
		if (a[1] != 1 || rest)
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NNP:
		return a[1] || rest ? -EINVAL : p->no_new_privs;
	case PR_SET_THP:
		if (rest)
			return -EINVAL;
		p->thp_disable = a[1] != 0;
		return 0;
	case PR_GET_THP:
		return a[1] || rest ? -EINVAL : p->thp_disable;
	case PR_SET_VMA:
		return a[1] == 0 ? prctl_set_anon_name(t, a[2], a[3], a[4]) : -EINVAL;
	default:
		return capability_prctl(t, a);
	}
}
