/* SPDX-License-Identifier: MIT */
#include "cli/root_script.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/root_util.h"

/* Scripts are somebody else's: none may take for ever. */
enum { LOOPS = 4, DEPTH = 8, EXPANDED_MAX = 1 << 16, TURNS_MAX = 4096 };

struct script {
	struct words names, values;
	struct {
		char *name; /* NULL: a loop of another kind */
		char *words;
	} loop[LOOPS];
	unsigned loops, deeper; /* deeper: loops beyond those, which are not looked into */
	unsigned turns;
	const char *command;
	void (*each)(void *ctx, char *command);
	void *ctx;
};

static void variable_set(struct script *s, const char *name, size_t length, const char *value)
{
	for (size_t i = 0; i < s->names.n; i++) {
		if (strlen(s->names.items[i]) == length && strncmp(s->names.items[i], name, length) == 0) {
			free(s->values.items[i]);
			s->values.items[i] = text_format("%s", value);
			return;
		}
	}
	words_add(&s->names, "%.*s", (int)length, name);
	words_add(&s->values, "%s", value);
}

static const char *variable_get(const struct script *s, const char *name, size_t length)
{
	for (size_t i = 0; i < s->names.n; i++)
		if (strlen(s->names.items[i]) == length && strncmp(s->names.items[i], name, length) == 0)
			return s->values.items[i];
	return NULL;
}

static size_t name_length(const char *p)
{
	size_t n = 0;
	if (isalpha((unsigned char)*p) || *p == '_')
		while (isalnum((unsigned char)p[n]) || p[n] == '_')
			n++;
	return n;
}

/* Appends text with the variables put in, whose values may name others. */
static void expand(const struct script *s, const char *text, unsigned depth, char *to, size_t *at)
{
	while (*text && *at < EXPANDED_MAX - 1) {
		bool braces = text[0] == '$' && text[1] == '{';
		const char *name = text + 1 + braces;
		size_t n = text[0] == '$' ? name_length(name) : 0;
		const char *value = n > 0 && (!braces || name[n] == '}') ? variable_get(s, name, n) : NULL;
		if (value && depth < DEPTH) {
			expand(s, value, depth + 1, to, at);
			text = name + n + braces;
		} else {
			/* Quotes only hold words together that are looked at one by one. */
			if (*text != '"' && *text != '\'')
				to[(*at)++] = *text;
			text++;
		}
	}
	to[*at] = '\0';
}

/* The caller's. */
static char *expanded(const struct script *s, const char *text)
{
	char *to = malloc(EXPANDED_MAX);
	size_t n = 0;
	if (!to)
		exit(root_error("out of memory on this machine"));
	expand(s, text, 0, to, &n);
	return to;
}

/* All turns of the loops from one on. */
static void turn(struct script *s, unsigned loop)
{
	while (loop < s->loops && !s->loop[loop].name)
		loop++;
	if (loop == s->loops) {
		char *command = expanded(s, s->command);
		if (s->turns++ < TURNS_MAX)
			s->each(s->ctx, command);
		free(command);
		return;
	}
	char *words = expanded(s, s->loop[loop].words), *state = NULL;
	for (char *w = strtok_r(words, " \t\n", &state); w && s->turns < TURNS_MAX; w = strtok_r(NULL, " \t\n", &state)) {
		variable_set(s, s->loop[loop].name, strlen(s->loop[loop].name), w);
		turn(s, loop + 1);
	}
	free(words);
}

static void loop_begin(struct script *s, const char *after_for)
{
	size_t n = after_for ? name_length(after_for) : 0;
	const char *in = after_for ? after_for + n : "";
	in += strspn(in, " \t");
	if (s->loops == LOOPS) {
		s->deeper++;
		return;
	}
	bool words = n > 0 && strncmp(in, "in", 2) == 0 && isspace((unsigned char)in[2]);
	s->loop[s->loops].name = words ? text_format("%.*s", (int)n, after_for) : NULL;
	s->loop[s->loops].words = words ? text_format("%s", in + 2) : NULL;
	s->loops++;
}

static void loop_end(struct script *s)
{
	if (s->deeper > 0) {
		s->deeper--;
	} else if (s->loops > 0) {
		s->loops--;
		free(s->loop[s->loops].name);
		free(s->loop[s->loops].words);
	}
}

/* Skips word and the blanks behind it. */
static bool skip_word(const char **p, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(*p, word, n) != 0 || ((*p)[n] && !isspace((unsigned char)(*p)[n])))
		return false;
	*p += n;
	*p += strspn(*p, " \t\n");
	return true;
}

static void command_read(struct script *s, const char *p, const char *name)
{
	p += strspn(p, " \t\n");
	while (skip_word(&p, "do") || skip_word(&p, "then") || skip_word(&p, "else") || skip_word(&p, "{"))
		;
	if (skip_word(&p, "for"))
		loop_begin(s, p);
	else if (skip_word(&p, "while") || skip_word(&p, "until"))
		loop_begin(s, NULL);
	else if (skip_word(&p, "done"))
		loop_end(s);
	else if (strstr(p, name) && s->deeper == 0) {
		s->command = p;
		turn(s, 0);
	}
}

/* NAME=VALUE up to the end of its quotes or its word. Returns where it ends; NULL: it is none. */
static char *assignment_read(struct script *s, char *p)
{
	size_t n = name_length(p);
	if (n == 0 || p[n] != '=')
		return NULL;
	char *value = p + n + 1, *end;
	char quote = *value == '"' || *value == '\'' ? *value++ : '\0';
	if (quote)
		end = strchr(value, quote);
	else
		end = value + strcspn(value, " \t\n;");
	if (!end)
		return NULL;
	char *plain = text_format("%.*s", (int)(end - value), value);
	/* What a command says is not known; then what was set before is the better guess. */
	if (!strchr(plain, '`') && !strstr(plain, "$("))
		variable_set(s, p, n, plain);
	free(plain);
	return end + (quote != '\0');
}

void script_read(char *text, const char *name, void (*each)(void *ctx, char *command), void *ctx)
{
	struct script s = {.each = each, .ctx = ctx};
	for (char *p = text; (p = strstr(p, "\\\n"));)
		p[0] = p[1] = ' ';
	for (char *p = text; *p;) {
		p += strspn(p, " \t\n;");
		char *end = *p == '#' ? NULL : assignment_read(&s, p);
		if (end) {
			p = end;
			continue;
		}
		end = p + strcspn(p, *p == '#' ? "\n" : "\n;");
		bool last = *end == '\0';
		*end = '\0';
		if (*p != '#')
			command_read(&s, p, name);
		p = last ? end : end + 1;
	}
	while (s.loops > 0 || s.deeper > 0)
		loop_end(&s);
	words_finish(&s.names);
	words_finish(&s.values);
}

void scripts_read(const char *dir, const char *name, void (*each)(void *ctx, char *command), void *ctx)
{
	struct dirent **list;
	int n = scan_inside(dir, "var/lib/carrel/control", NULL, &list);

	for (int i = 0; i < n; i++) {
		char *path = text_format("var/lib/carrel/control/%s/postinst", list[i]->d_name);
		char *text = list[i]->d_name[0] != '.' ? text_read_inside(dir, path) : NULL;
		if (text)
			script_read(text, name, each, ctx);
		free(text);
		free(path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}
