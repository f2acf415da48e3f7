/* SPDX-License-Identifier: MIT */
/* completion.c - carrel completion: what a shell must know to complete carrel's words
 *
 * The scripts are made from verbs.def and options.def, so that they offer what there is. In each of
 * them options end at PROG, whose own words are the names of files.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "policy/policies.h"

static const struct {
	const char *name, *value, *help;
	unsigned verbs;
	char letter;
} options[] = {
#define OPTION(id, letter, name, value, verbs, help) {name, value, help, verbs, letter},
#include "cli/options.def"
#undef OPTION
};

/* Words that stand for an address. */
static const char addresses[] = "heap stack main libc";

/* --- what an option's value may be ----------------------------------------------------------- */

static bool wants(const char *value, const char *word)
{
	return strncmp(value, word, strlen(word)) == 0;
}

/* The words of "sv39|sv48|sv57", and "all" of "N|all"; ret_words is empty where any may come. */
static void value_words(size_t option, struct text *ret_words)
{
	const char *value = options[option].value;
	if (strcmp(options[option].name, "policy") == 0) {
		for (unsigned i = 0; policies[i]; i++)
			text_add(ret_words, "%s%s", i ? " " : "", policies[i]->name);
		return;
	}
	if (strcmp(options[option].name, "at") == 0) {
		text_add(ret_words, "exit main fault: syscall:");
		return;
	}
	if (!strchr(value, '|'))
		return;
	for (const char *p = value; *p; p += p[strcspn(p, "|")] == '|') {
		size_t length = strcspn(p, "|"), plain = 0;
		while (plain < length &&
		       (islower((unsigned char)p[plain]) || isdigit((unsigned char)p[plain])))
			plain++;
		if (plain == length)
			text_add(ret_words, "%s%.*s", ret_words->size ? " " : "", (int)length, p);
		p += length;
		if (!*p)
			break;
	}
}

static bool is_directory(const char *value)
{
	return wants(value, "ROOT") || wants(value, "DIR");
}

static bool is_file(const char *value)
{
	return wants(value, "FILE") || wants(value, "HOST");
}

/* The verbs that run programs have options; two of them take an address first. */
static bool takes_address(const char *verb)
{
	return strcmp(verb, "walk") == 0 || strcmp(verb, "story") == 0;
}

static void print_verbs(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		printf("%s%s", v == verbs ? "" : " ", v->name);
}

/* Is its value the next word? "[=FILE]" can only stand behind an =. */
static bool takes_next(const char *value)
{
	return value && value[0] != '[';
}

/* --- bash ------------------------------------------------------------------------------------ */

static void bash_options(const char *verb, bool with_value)
{
	for (size_t i = 0; i < array_size(options); i++) {
		if (!(options[i].verbs & options_verb(verb)) || (with_value && !takes_next(options[i].value)))
			continue;
		if (options[i].letter)
			printf(" -%c", options[i].letter);
		printf(" --%s", options[i].name);
	}
}

/* Every option that has a value, once, since it means the same for all verbs. */
static void bash_values(void)
{
	for (size_t i = 0; i < array_size(options); i++) {
		struct text words = TEXT;
		if (!takes_next(options[i].value))
			continue;
		value_words(i, &words);
		if (!words.size && !is_directory(options[i].value) && !is_file(options[i].value))
			continue;
		printf("\t");
		if (options[i].letter)
			printf("-%c | ", options[i].letter);
		if (is_directory(options[i].value))
			printf("--%s) COMPREPLY=($(compgen -d -- \"$2\")) ;;\n", options[i].name);
		else if (is_file(options[i].value))
			printf("--%s) COMPREPLY=($(compgen -f -- \"$2\")) ;;\n", options[i].name);
		else
			printf("--%s) COMPREPLY=($(compgen -W \"%s\" -- \"$2\")) ;;\n",
			       options[i].name, text_str(&words));
		text_finish(&words);
	}
}

static void print_bash(void)
{
	printf("# Completion of carrel's words in bash; made by: carrel completion bash\n\n"
	       "_carrel_value()\n{\n\tcase $1 in\n");
	bash_values();
	printf("\tesac\n}\n\n_carrel()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} options= values= "
	       "operands=0 i word\n"
	       "\tCOMPREPLY=()\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"");
	print_verbs();
	printf(" --help --version\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $verb in\n");
	for (const struct verb *v = verbs; v->name; v++) {
		if (!options_verb(v->name))
			continue;
		printf("\t%s)\n\t\toptions=\"", v->name);
		bash_options(v->name, false);
		printf("\"\n\t\tvalues=\"");
		bash_options(v->name, true);
		printf("\"\n\t\toperands=%d\n\t\t;;\n", takes_address(v->name));
	}
	printf("\thelp)\n\t\tCOMPREPLY=($(compgen -W \"");
	print_verbs();
	printf(
	    "\" -- \"$cur\"))\n\t\treturn\n\t\t;;\n"
	    "\troot)\n\t\t[ \"$COMP_CWORD\" -eq 2 ] && COMPREPLY=($(compgen -W \"create import\" "
	    "-- \"$cur\")) ||\n"
	    "\t\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\treturn\n\t\t;;\n"
	    "\tps)\n\t\tCOMPREPLY=($(compgen -W \"--json\" -- \"$cur\"))\n\t\treturn\n\t\t;;\n"
	    "\texec)\n\t\tif [[ \" ${COMP_WORDS[*]:0:COMP_CWORD} \" == *\" -- \"* ]]; then\n"
	    "\t\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\telse\n"
	    "\t\t\tCOMPREPLY=($(compgen -W \"-t --tty -T --no-tty -u --user -E --env --clean-env -- "
	    "$(carrel ps 2>/dev/null | sed '1d;s/ .*//')\" -- \"$cur\"))\n"
	    "\t\tfi\n\t\treturn\n\t\t;;\n"
	    "\tpolicies)\n\t\tCOMPREPLY=($(compgen -W \"--json");
	for (unsigned n = 0; policies[n]; n++)
		printf(" %s", policies[n]->name);
	printf("\" -- \"$cur\"))\n\t\treturn\n\t\t;;\n"
	       "\tcompletion)\n\t\tCOMPREPLY=($(compgen -W \"bash zsh fish\" -- "
	    "\"$cur\"))\n\t\treturn\n\t\t;;\n"
	    "\t*)\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\treturn\n\t\t;;\n\tesac\n"
	    "\t# Where options end: at the first word that is none, but for an address.\n"
	    "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	    "\t\tword=${COMP_WORDS[i]}\n"
	    "\t\tcase \" $values \" in\n\t\t*\" $word \"*)\n"
	    "\t\t\t((i++))\n"
	    "\t\t\t[ \"${COMP_WORDS[i]}\" = \"=\" ] && [ \"$i\" -lt \"$COMP_CWORD\" ] && ((i++))\n"
	    "\t\t\tif [ \"$i\" -ge \"$COMP_CWORD\" ]; then\n"
	    "\t\t\t\t_carrel_value \"$word\" \"${cur#=}\"\n\t\t\t\treturn\n\t\t\tfi\n"
	    "\t\t\tcontinue\n\t\t\t;;\n\t\tesac\n"
	    "\t\tcase $word in\n"
	    "\t\t--) operands=-1 ;;\n"
	    "\t\t-*) continue ;;\n"
	    "\t\t*) ((operands--)) ;;\n\t\tesac\n"
	    "\t\t[ \"$operands\" -lt 0 ] && break\n\tdone\n"
	    "\tif [ \"$operands\" -ge 0 ] && [[ $cur == -* ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	    "\telif [ \"$operands\" -gt 0 ]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"%s\" -- \"$cur\"))\n"
	    "\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n}\n\n"
	    "complete -o filenames -F _carrel carrel\n",
	    addresses);
}

/* A quote within single quotes. */
#define ZSH_QUOTE  "'\\''"
#define FISH_QUOTE "\\'"

/* --- zsh and fish ---------------------------------------------------------------------------- */

/* The first sentence of a help text, within quotes; what special holds gets a backslash. */
static void print_help(const char *help, const char *special, const char *quote)
{
	for (const char *p = help; *p && !(p[0] == '.' && (p[1] == ' ' || !p[1])); p++) {
		if (*p == '\'') {
			printf("%s", quote);
			continue;
		}
		if (strchr(special, *p))
			putchar('\\');
		putchar(*p);
	}
}

static void zsh_option(size_t i)
{
	struct text words = TEXT;
	const char *value = takes_next(options[i].value) ? options[i].value : NULL;
	if (options[i].letter)
		printf("\t\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", options[i].letter, options[i].name,
		       options[i].letter, value ? "+" : "", options[i].name, value ? "=" : "");
	else
		printf("\t\t\t'*--%s%s[", options[i].name, value ? "=" : "");
	print_help(options[i].help, "[]:", ZSH_QUOTE);
	printf("]");
	if (value) {
		value_words(i, &words);
		printf(":%s:", options[i].name);
		if (is_directory(value))
			printf("_directories");
		else if (is_file(value))
			printf("_files");
		else if (words.size)
			printf("(%s)", text_str(&words));
		else
			printf(" ");
	}
	printf("' \\\n");
	text_finish(&words);
}

static void print_zsh(void)
{
	printf("#compdef carrel\n# Completion of carrel's words in zsh; made by: carrel completion "
	       "zsh\n\n"
	       "_carrel()\n{\n\tlocal curcontext=$curcontext state line\n\tlocal -a "
	       "verbs\n\tverbs=(\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("\t\t'%s:", v->name);
		print_help(v->summary, ":", ZSH_QUOTE);
		printf("'\n");
	}
	printf(
	    "\t)\n\t_arguments -C '(- *)--help[lists the verbs]' '(- *)--version[says which "
	    "version this is]' \\\n"
	    "\t\t'1:verb:->verb' '*::words:->words'\n"
	    "\tcase $state in\n\tverb) _describe verb verbs ;;\n\twords)\n\t\tcase $words[1] in\n");
	for (const struct verb *v = verbs; v->name; v++) {
		if (!options_verb(v->name))
			continue;
		printf("\t\t%s)\n\t\t\t_arguments -s -S -A '-*' \\\n", v->name);
		for (size_t i = 0; i < array_size(options); i++)
			if (options[i].verbs & options_verb(v->name))
				zsh_option(i);
		if (takes_address(v->name))
			printf("\t\t\t'1:address:(%s)' \\\n\t\t\t'2:program:_files' \\\n",
			       addresses);
		else
			printf("\t\t\t'1:program:_files' \\\n");
		printf("\t\t\t'*:argument:_files'\n\t\t\t;;\n");
	}
	printf("\t\thelp) _describe verb verbs ;;\n"
	       "\t\troot) _arguments '1:what:(create import)' '*:file:_files' ;;\n"
	       "\t\tps) _arguments '--json[writes JSON]' ;;\n"
	       "\t\texec) _arguments -S '(-t --tty)'{-t,--tty}'[on a terminal of its own]' "
	       "'(-T --no-tty)'{-T,--no-tty}'[on none]' "
	       "'(-u --user)'{-u+,--user=}'[who it is]:user: ' '*'{-E+,--env=}'[sets a variable]:variable: ' '--clean-env[none of this environment]' "
	       "'1:run:(${(f)\"$(carrel ps 2>/dev/null | sed \"1d;s/ .*//\")\"})' '*:command:_files' ;;\n"
	       "\t\tcompletion) _values shell bash zsh fish ;;\n"
	       "\t\t*) _files ;;\n\t\tesac\n\t\t;;\n\tesac\n}\n\n_carrel \"$@\"\n");
}

static void fish_option(size_t i)
{
	struct text words = TEXT;
	printf("complete -c carrel -n '__fish_seen_subcommand_from");
	for (const struct verb *v = verbs; v->name; v++)
		if (options[i].verbs & options_verb(v->name))
			printf(" %s", v->name);
	printf("'");
	if (options[i].letter)
		printf(" -s %c", options[i].letter);
	printf(" -l %s", options[i].name);
	if (takes_next(options[i].value)) {
		value_words(i, &words);
		if (is_directory(options[i].value))
			printf(" -x -a '(__fish_complete_directories)'");
		else if (is_file(options[i].value))
			printf(" -r -F");
		else
			printf(" -x");
		if (words.size)
			printf(" -a '%s'", text_str(&words));
	}
	printf(" -d '");
	print_help(options[i].help, "\\", FISH_QUOTE);
	printf("'\n");
	text_finish(&words);
}

static void print_fish(void)
{
	printf("# Completion of carrel's words in fish; made by: carrel completion fish\n\n"
	       "complete -c carrel -n __fish_use_subcommand -f\n");
	for (const struct verb *v = verbs; v->name; v++) {
		printf("complete -c carrel -n __fish_use_subcommand -a %s -d '", v->name);
		print_help(v->summary, "\\", FISH_QUOTE);
		printf("'\n");
	}
	for (size_t i = 0; i < array_size(options); i++)
		fish_option(i);
	printf("complete -c carrel -n '__fish_seen_subcommand_from walk story' -a '%s'\n",
	       addresses);
	printf("complete -c carrel -n '__fish_seen_subcommand_from help' -f -a '");
	print_verbs();
	printf("'\ncomplete -c carrel -n '__fish_seen_subcommand_from ps' -f -l json -d 'writes JSON'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -s t -l tty -d 'on a terminal "
	       "of its own'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -s T -l no-tty -d 'on none'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -s u -l user -x -d 'who it is'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -s E -l env -x -d 'sets a "
	       "variable'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -l clean-env -d 'none of this "
	       "environment'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from exec' -a '(carrel ps 2>/dev/null | sed "
	       "\"1d;s/ .*//\")'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from root' -a 'create import'\n"
	       "complete -c carrel -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh "
	       "fish'\n");
}

int verb_completion(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	for (size_t i = 0; i < array_size(shells) && argc == 2; i++) {
		if (strcmp(argv[1], shells[i].name) == 0) {
			shells[i].print();
			return 0;
		}
	}
	return say("carrel completion wants the name of a shell: bash, zsh or fish");
}
