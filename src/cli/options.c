/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "cli/verb.h"
#include "kernel/call.h"
#include "policy/policies.h"
#include "store/store.h"

enum option_id {
#define OPTION(id, letter, name, value, verbs, help) OPTION_##id,
#include "cli/options.def"
#undef OPTION
};

struct option {
	char letter;
	const char *name, *value, *help;
	unsigned verbs;
};

static const struct option options[] = {
#define OPTION(id, letter, name, value, verbs, help) {letter, name, value, help, verbs},
#include "cli/options.def"
#undef OPTION
};

static const struct {
	const char *name;
	enum option_verbs verb;
} verb_names[] = {{"run", RUN},     {"trace", TRACE},    {"stat", STAT},           {"maps", MAPS},
		  {"walk", WALK},   {"frames", FRAMES},  {"pagetable", PAGETABLE}, {"smaps", SMAPS},
		  {"story", STORY}, {"explain", EXPLAIN}, {"shell", SHELL}};

enum option_verbs options_verb(const char *name)
{
	for (size_t i = 0; i < array_size(verb_names); i++)
		if (strcmp(verb_names[i].name, name) == 0)
			return verb_names[i].verb;
	return 0;
}

static const char *verb_name(unsigned verb)
{
	for (size_t i = 0; i < array_size(verb_names); i++)
		if (verb_names[i].verb & verb)
			return verb_names[i].name;
	return "run";
}

void options_init(struct options *o, enum option_verbs verb)
{
	*o = (struct options){
	    .verb = verb,
	    .memory = 64 << 20,
	    .mmu = MMU_SV48,
	    .fault_around = 1,
	    .copies = 1,
	    .policy = policies[0],
	    .color = isatty(STDERR_FILENO) && !getenv("NO_COLOR"),
	    .at = AT_EXIT,
	};
	/* Known to be right. */
	(void)device_parse("ssd", &o->swap_device, NULL, 0);
}

void options_finish(struct options *o)
{
	free(o->root);
	free(o->workdir);
	for (unsigned i = 0; i < o->binds; i++) {
		free((char *)o->bind[i].host);
		free((char *)o->bind[i].guest);
	}
}

/* A wrong value: what it is for, what stands there, what it should be. Returns false. */
static bool wrong(const struct option *op, const char *value, const char *remedy)
{
	say("--%s %s: %s", op->name, value, remedy);
	return false;
}

static bool set_size(const struct option *op, const char *value, uint64_t least, uint64_t *ret)
{
	uint64_t v;
	int r = parse_size(value, &v);
	if (r == -EINVAL)
		return wrong(op, value, "not a size; write 64M, 512K or 1G");
	if (r < 0)
		return wrong(op, value, "too large");
	if (v < least)
		return wrong(op, value, "too small; 64K is the least");
	*ret = v;
	return true;
}

static bool set_time(const struct option *op, const char *value, uint64_t *ret)
{
	uint64_t v;
	int r = parse_time(value, &v);
	if (r == -EINVAL)
		return wrong(op, value, "not a time; write 5s, 1.5s or 100ms");
	if (r < 0 || v > INT64_MAX)
		return wrong(op, value, "too long");
	if (v == 0)
		return wrong(op, value, "must be more than nothing");
	*ret = v;
	return true;
}

static bool set_number(const struct option *op, const char *value, uint64_t least, uint64_t most,
		       uint64_t *ret)
{
	uint64_t v;
	if (parse_u64(value, &v) < 0)
		return wrong(op, value, "not a number");
	if (v < least || v > most) {
		say("--%s %s: must be from %llu to %llu", op->name, value,
		    (unsigned long long)least, (unsigned long long)most);
		return false;
	}
	*ret = v;
	return true;
}

/* One of the words of op->value, which stand there as "a|b|c"; its number. */
static bool set_choice(const struct option *op, const char *value, unsigned *ret)
{
	const char *p = op->value;
	for (unsigned n = 0; *p; n++) {
		size_t length = strcspn(p, "|");
		if (strlen(value) == length && strncmp(p, value, length) == 0) {
			*ret = n;
			return true;
		}
		p += length + (p[length] == '|');
	}
	say("--%s %s: must be one of %s", op->name, value, op->value);
	return false;
}

/* -t, -tt, -ttt */
static void set_day_times(struct options *o)
{
	o->day_times++;
	o->times.day = o->day_times > 1 ? TRACE_US : TRACE_S;
	o->times.unix_day = o->day_times > 2;
}

/* "ns", "unix,us"; NULL: nothing was said. unix_day NULL: only precisions have a sense. */
static bool set_precision(const struct option *op, const char *value, bool *unix_day, enum trace_precision *ret)
{
	static const char *const names[] = {[TRACE_S] = "s", [TRACE_MS] = "ms", [TRACE_US] = "us", [TRACE_NS] = "ns"};
	const char *p = value;
	while (p && *p) {
		size_t n = strcspn(p, ",");
		bool known = false;
		for (enum trace_precision i = TRACE_S; i <= TRACE_NS && !known; i++) {
			known = strlen(names[i]) == n && strncmp(p, names[i], n) == 0;
			*ret = known ? i : *ret;
		}
		if (!known && unix_day && n == 4 && (strncmp(p, "unix", 4) == 0 || strncmp(p, "time", 4) == 0)) {
			known = true;
			*unix_day = *p == 'u';
		}
		if (!known)
			return wrong(op, value, unix_day ? "must be of time, unix, s, ms, us, ns" : "must be s, ms, us or ns");
		p += n + (p[n] == ',');
	}
	return true;
}

static bool add_string(const struct option *op, const char *value, const char **list,
		       unsigned *count, unsigned most)
{
	if (*count == most)
		return wrong(op, value, "too many of them");
	list[(*count)++] = value;
	return true;
}

/* A directory of the host, by its real path. */
static bool set_directory(const struct option *op, const char *value, char **ret)
{
	struct stat st;
	char *real = realpath(value, NULL);
	int error = real && stat(real, &st) == 0 ? 0 : errno;
	if (error == 0 && !S_ISDIR(st.st_mode))
		error = ENOTDIR;
	else if (error == 0 && access(real, X_OK) < 0)
		error = errno;
	if (error) {
		free(real);
		say("--%s %s: %s; name a directory", op->name, *value ? value : "\"\"", strerror(error));
		return false;
	}
	free(*ret);
	*ret = real;
	return true;
}

static bool set_root(struct options *o, const struct option *op, const char *value)
{
	const char *colon = strrchr(value, ':');
	o->root_writable = colon && strcmp(colon, ":rw") == 0;
	char *path = o->root_writable ? strndup(value, colon - value) : strdup(value);
	bool good = path && set_directory(op, path, &o->root);
	free(path);
	return good;
}

/* HOST[:GUEST][:ro] */
static bool set_bind(struct options *o, const struct option *op, const char *value)
{
	if (o->binds == BINDS_MAX)
		return wrong(op, value, "too many of them");
	char *copy = strdup(value);
	if (!copy)
		return wrong(op, value, "no memory");
	char *colon = strrchr(copy, ':');
	bool readonly = colon && strcmp(colon, ":ro") == 0;
	if (readonly)
		*colon = 0;
	char *guest = strchr(copy, ':');
	if (guest)
		*guest++ = 0;
	char *host = realpath(copy, NULL);
	bool good = false;
	if (!host)
		say("--%s %s: %s: %s", op->name, value, copy, strerror(errno));
	else if (guest && guest[0] != '/')
		wrong(op, value, "the name that the program sees must start with /");
	else
		good = true;
	char *at = good ? strdup(guest ? guest : host) : NULL;
	free(copy);
	if (!at) {
		free(host);
		return false;
	}
	o->bind[o->binds++] = (struct kernel_bind){.host = host, .guest = at, .readonly = readonly};
	return true;
}

static bool set_policy(struct options *o, const struct option *op, const char *value)
{
	char why[512];
	if (policy_find(value, &o->policy, &o->policy_params, why, sizeof(why)) < 0)
		return wrong(op, value, why);
	return true;
}

/* none takes back what was said before it. */
static bool add_swap(struct options *o, const struct option *op, const char *value)
{
	struct store_spec spec;
	char why[512];
	if (store_parse(value, &spec, why, sizeof(why)) < 0)
		return wrong(op, value, why);
	if (!spec.ops) {
		o->swaps = 0;
		return true;
	}
	return add_string(op, value, o->swap, &o->swaps, SWAPS_MAX);
}

static bool set_swap_device(struct options *o, const struct option *op, const char *value)
{
	char why[512];
	if (device_parse(value, &o->swap_device, why, sizeof(why)) < 0)
		return wrong(op, value, why);
	return true;
}

/* What --like stands for: options, each with its value. */
static const char *const likes[] = {
    "linux: --fault-around 16 --swap-cluster 8 --swap-readahead 8",
    "textbook: --policy fifo:clean-first=0 --refs exact --fault-around 1 --brk 0x200000",
};

static bool set(struct options *o, enum option_id id, const char *value);
static const struct option *find(unsigned verb, const char *name, size_t length, char letter);
static bool set_local(struct options *o, const struct option *op, const char *value)
{
	static const struct {
		const char *name;
		struct local_config config;
	} rules[] = {{"fixed", {LOCAL_FIXED, 0}}, {"pff", {LOCAL_PFF, 50000}}, {"ws", {LOCAL_WS, 10000000}}};
	size_t length = strcspn(value, ":");
	for (unsigned i = 0; i < array_size(rules); i++) {
		if (strlen(rules[i].name) != length || strncmp(value, rules[i].name, length) != 0)
			continue;
		o->local = rules[i].config;
		if (!value[length])
			return true;
		if (i == 0)
			return wrong(op, value, "fixed shares have no time; pff and ws have one");
		if (parse_time(value + length + 1, &o->local.time) == 0 && o->local.time > 0 &&
		    o->local.time <= INT64_MAX)
			return true;
		return wrong(op, value, "what follows the colon must be a time, as 50us or 10ms");
	}
	return wrong(op, value, "must be fixed, pff[:TIME] or ws[:TIME]");
}

static bool set_cleaner(struct options *o, const struct option *op, const char *value)
{
	char *end, *last;
	errno = 0;
	unsigned long long low = strtoull(value, &end, 10);
	unsigned long long high = *end == ':' ? strtoull(end + 1, &last, 10) : 0;
	if (!isdigit((unsigned char)*value) || *end != ':' || !isdigit((unsigned char)end[1]) || *last || errno)
		return wrong(op, value, "must be two numbers of frames, as in 64:128");
	if (low > high || high > UINT32_MAX)
		return wrong(op, value, "the first number of frames must not be above the second");
	o->low = (uint32_t)low;
	o->high = (uint32_t)high;
	return true;
}

static bool set_like(struct options *o, const struct option *op, const char *value)
{
	unsigned n;
	if (!set_choice(op, value, &n))
		return false;
	o->like = likes[n];
	snprintf(o->like_words, sizeof(o->like_words), "%s", strchr(likes[n], ' '));
	char *rest = o->like_words;
	for (char *name; (name = strsep(&rest, " "));) {
		char *end = *name ? strsep(&rest, " ") : NULL;
		const struct option *one = end ? find(ALL, name + 2, strlen(name + 2), 0) : NULL;
		if (one && !set(o, (enum option_id)(one - options), end))
			return false;
	}
	return true;
}

static bool is_call(const char *name)
{
	for (uint64_t n = 0; n < CALL_NUMBERS; n++)
		if (call_info(n) && call_info(n)->name && strcmp(call_info(n)->name, name) == 0)
			return true;
	return false;
}

static bool set_at(struct options *o, const struct option *op, const char *value)
{
	o->at_name = value;
	if (strcmp(value, "exit") == 0) {
		o->at = AT_EXIT;
	} else if (strncmp(value, "fault:", 6) == 0) {
		o->at = AT_FAULT;
		return set_number(op, value + 6, 1, UINT64_MAX, &o->at_number);
	} else if (strncmp(value, "syscall:", 8) == 0) {
		o->at = AT_CALL;
		o->at_name = value + 8;
		if (!is_call(o->at_name))
			return wrong(op, value, "there is no such system call; docs/syscalls.md lists them");
	} else if (isdigit((unsigned char)value[0])) {
		o->at = AT_TIME;
		return set_time(op, value, &o->at_number);
	} else if (isalpha((unsigned char)value[0]) || value[0] == '_') {
		o->at = AT_FUNCTION;
	} else {
		return wrong(
		    op, value,
		    "must be exit, a function, fault:N, syscall:NAME, or a time such as 2s");
	}
	return true;
}

static bool set_pid(struct options *o, const struct option *op, const char *value)
{
	uint64_t pid;
	o->pid_given = true;
	if (strcmp(value, "all") == 0) {
		o->pid = PID_ALL;
		return true;
	}
	if (!set_number(op, value, 1, INT32_MAX, &pid))
		return false;
	o->pid = (int32_t)pid;
	return true;
}

static bool set(struct options *o, enum option_id id, const char *value)
{
	const struct option *op = &options[id];
	uint64_t v = 0;
	unsigned n = 0;
	bool good = true;
	switch (id) {
	case OPTION_memory: return set_size(op, value, 64 << 10, &o->memory);
	case OPTION_root: return set_root(o, op, value);
	case OPTION_bind: return set_bind(o, op, value);
	case OPTION_workdir: return set_directory(op, value, &o->workdir);
	case OPTION_user:
		if (!*value || *value == ':' || strlen(value) > 100)
			return wrong(op, value, "must be a user or USER:GROUP, by names or numbers");
		o->user = value;
		break;
	case OPTION_env:
		if (!strchr(value, '=') || value[0] == '=')
			return wrong(op, value, "must be VARIABLE=VALUE");
		return add_string(op, value, o->env, &o->envs, ENVS_MAX);
	case OPTION_clean_env: o->clean_env = true; break;
	case OPTION_copies:
		good = set_number(op, value, 1, COPIES_MAX, &v);
		o->copies = (unsigned)v;
		break;
	case OPTION_tty: o->tty = true; break;
	case OPTION_mmu:
		good = set_choice(op, value, &n);
		o->mmu = MMU_SV39 + n;
		break;
	case OPTION_va: return set_size(op, value, 64 << 10, &o->va);
	case OPTION_brk: return set_number(op, value, PAGE_SIZE, INT64_MAX, &o->brk);
	case OPTION_paging:
		good = set_choice(op, value, &n);
		o->eager = n == 1;
		break;
	case OPTION_overcommit:
		good = set_choice(op, value, &n);
		o->overcommit = OVERCOMMIT_GUESS + n;
		break;
	case OPTION_overcommit_ratio:
		good = set_number(op, value, 1, 100000, &v);
		o->overcommit_ratio = (unsigned)v;
		break;
	case OPTION_fault_around:
		good = set_number(op, value, 1, FAULT_AROUND_MAX, &v);
		o->fault_around = (unsigned)v;
		break;
	case OPTION_drop_mappings:
		good = set_number(op, value, 0, 1000, &v);
		o->drop_mappings = (unsigned)v;
		break;
	case OPTION_policy: return set_policy(o, op, value);
	case OPTION_refs:
		good = set_choice(op, value, &n);
		o->exact_refs = n == 1;
		break;
	case OPTION_local: return set_local(o, op, value);
	case OPTION_cleaner: return set_cleaner(o, op, value);
	case OPTION_swap_cluster:
		good = set_number(op, value, 1, STORE_CLUSTER, &v);
		o->swap_cluster = (unsigned)v;
		break;
	case OPTION_swap_readahead:
		good = set_number(op, value, 1, STORE_CLUSTER, &v);
		o->swap_readahead = (unsigned)v;
		break;
	case OPTION_swap: return add_swap(o, op, value);
	case OPTION_swap_device: return set_swap_device(o, op, value);
	case OPTION_like: return set_like(o, op, value);
	case OPTION_clock:
		good = set_choice(op, value, &n);
		o->clock_real = n == 1;
		o->clock_given = true;
		break;
	case OPTION_net:
		good = set_choice(op, value, &n);
		o->net_host = n == 1;
		break;
	case OPTION_seed: return set_number(op, value, 0, UINT64_MAX, &o->seed);
	case OPTION_for_time: return set_time(op, value, &o->for_time);
	case OPTION_every: return set_time(op, value, &o->every);
	case OPTION_cpu_limit: return set_time(op, value, &o->cpu_limit);
	case OPTION_timeout: return set_time(op, value, &o->timeout);
	case OPTION_at: return set_at(o, op, value);
	case OPTION_pid: return set_pid(o, op, value);
	case OPTION_filter: o->filter = value; break;
	case OPTION_trace_path: return add_string(op, value, o->trace_path, &o->trace_paths, TRACE_PATHS_MAX);
	case OPTION_decode_fds: o->decode_fds = true; break;
	case OPTION_string_limit:
		good = set_number(op, value, 1, 1 << 20, &v);
		o->string_limit = (uint32_t)v;
		break;
	case OPTION_day_times:
		set_day_times(o);
		return set_precision(op, value, &o->times.unix_day, &o->times.day);
	case OPTION_step_times: o->times.step = TRACE_NS; return set_precision(op, value, NULL, &o->times.step);
	case OPTION_call_times: o->times.took = TRACE_NS; return set_precision(op, value, NULL, &o->times.took);
	case OPTION_summary: o->summary = true; break;
	case OPTION_summary_only: o->summary_only = true; break;
	case OPTION_follow_forks: break;
	case OPTION_expect: return add_string(op, value, o->expect, &o->expects, EXPECTS_MAX);
	case OPTION_brief: o->brief = true; break;
	case OPTION_all: o->all = true; break;
	case OPTION_json: o->json = true; break;
	case OPTION_jsonl: o->jsonl = true; break;
	case OPTION_core:
		if (value && !*value)
			return wrong(op, value, "must name a file, as in --core=core.%p");
		o->core = value ? value : "core.%p";
		break;
	case OPTION_gdb: o->gdb = value; break;
	case OPTION_output: o->output = value; break;
	case OPTION_color:
		good = set_choice(op, value, &n);
		if (n > 0)
			o->color = n == 1;
		break;
	case OPTION_verbose: o->verbose = true; break;
	case OPTION_help: break; /* see options_parse */
	}
	return good;
}

/* "-x" or "--word": which it is, among those of this verb. */
static const struct option *find(unsigned verb, const char *name, size_t length, char letter)
{
	for (size_t i = 0; i < array_size(options); i++) {
		const struct option *op = &options[i];
		if (!(op->verbs & verb))
			continue;
		if (letter ? op->letter == letter
			   : strlen(op->name) == length && strncmp(op->name, name, length) == 0)
			return op;
	}
	return NULL;
}

static int unknown(const struct options *o, const char *word, size_t length, char letter)
{
	const struct option *other = find(ALL, word, length, letter), *best = NULL;
	const char *verb = verb_name(o->verb);
	if (letter && !other)
		return say("%s has no option -%c; carrel %s --help lists them", verb, letter, verb);
	if (other)
		return say("%s has no option --%s; %s has", verb, other->name,
			   verb_name(other->verbs));
	char *name = strndup(word, length);
	unsigned distance = length > 4 ? 4 : (unsigned)length; /* of a letter, any other is near */
	for (size_t i = 0; name && i < array_size(options); i++) {
		unsigned d = word_distance(name, options[i].name);
		if ((options[i].verbs & o->verb) && d < distance) {
			distance = d;
			best = &options[i];
		}
	}
	free(name);
	if (best)
		return say("%s has no option --%.*s; did you mean --%s?", verb, (int)length, word,
			   best->name);
	return say("%s has no option --%.*s; carrel %s --help lists them", verb, (int)length, word,
		   verb);
}

static int show_help(const struct options *o)
{
	const struct verb *v = verb_find(verb_name(o->verb));
	printf("carrel %s %s\n%c%s.\n\n", v->name, v->args, v->summary[0] & ~0x20, v->summary + 1);
	options_help(stdout, o->verb);
	return 0;
}

/* Carries out one option; value NULL: it has none yet, the next word is it. */
static int take(struct options *o, const struct option *op, const char *value, int argc,
		char **argv, int *at)
{
	enum option_id id = (enum option_id)(op - options);
	if (id == OPTION_help)
		return show_help(o);
	if (!op->value && value)
		return say("--%s takes no value", op->name);
	/* "[=FILE]": only behind an =. */
	if (op->value && op->value[0] != '[' && !value) {
		if (*at >= argc)
			return say("--%s wants a value: %s", op->name, op->value);
		value = argv[(*at)++];
	}
	return set(o, id, value) ? -1 : STATUS_CARREL;
}

static int take_long(struct options *o, const char *word, int argc, char **argv, int *at)
{
	size_t length = strcspn(word, "=");
	const struct option *op = find(o->verb, word, length, 0);
	if (!op)
		return unknown(o, word, length, 0);
	return take(o, op, word[length] ? word + length + 1 : NULL, argc, argv, at);
}

/* -t, -tv, -m64M, -m 64M; what need not have a value has none here */
static int take_letters(struct options *o, const char *letters, int argc, char **argv, int *at)
{
	for (const char *p = letters; *p; p++) {
		const struct option *op = find(o->verb, NULL, 0, *p);
		if (!op)
			return unknown(o, "", 0, *p);
		bool rest = op->value && op->value[0] != '[' && p[1];
		int r = take(o, op, rest ? p + 1 : NULL, argc, argv, at);
		if (r >= 0 || rest)
			return r;
	}
	return -1;
}

int options_parse(struct options *o, int argc, char **argv, int *at)
{
	while (*at < argc && argv[*at][0] == '-' && argv[*at][1]) {
		const char *word = argv[(*at)++];
		if (strcmp(word, "--") == 0)
			return -1;
		int r = word[1] == '-' ? take_long(o, word + 2, argc, argv, at)
				       : take_letters(o, word + 1, argc, argv, at);
		if (r >= 0)
			return r;
	}
	return -1;
}

/* Breaks the help at spaces, so that it fits 80 columns. */
static void help_wrap(FILE *f, const char *text)
{
	enum { INDENT = 6, WIDTH = 78 };
	while (*text) {
		size_t length = strlen(text), take_ = length;
		if (length > WIDTH - INDENT)
			for (take_ = WIDTH - INDENT; take_ > 1 && text[take_] != ' ';)
				take_--;
		fprintf(f, "%*s%.*s\n", INDENT, "", (int)take_, text);
		text += take_;
		text += *text == ' ';
	}
}

void options_help(FILE *f, enum option_verbs verb)
{
	for (size_t i = 0; i < array_size(options); i++) {
		const struct option *op = &options[i];
		if (!(op->verbs & verb))
			continue;
		char letter[] = {'-', op->letter, ',', ' ', 0};
		fprintf(f, "  %s--%s%s%s\n", op->letter ? letter : "", op->name,
			op->value && op->value[0] != '[' ? " " : "", op->value ? op->value : "");
		help_wrap(f, op->help);
	}
}
