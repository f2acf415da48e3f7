/* SPDX-License-Identifier: MIT */
/* policies.c - carrel policies: what --policy may name, from the policies' own words */
#include "policy/policies.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/verb.h"

/* "0|1", "1..100", and times with their unit. */
static void add_range(const struct policy_param *p, struct text *to)
{
	if (p->kind == POLICY_TIME) {
		text_add_time(to, p->least);
		text_add(to, "..");
		text_add_time(to, p->most);
	} else if (p->least == 0 && p->most == 1) {
		text_add(to, "0|1");
	} else {
		text_add(to, "%" PRIu64 "..%" PRIu64, p->least, p->most);
	}
}

static void add_normal(const struct policy_param *p, struct text *to)
{
	if (p->kind == POLICY_TIME)
		text_add_time(to, p->normal);
	else
		text_add(to, "%" PRIu64, p->normal);
}

static void print_param(const struct policy_param *p)
{
	struct text what = TEXT;
	text_add(&what, "%s=", p->name);
	add_range(p, &what);
	text_add(&what, " (");
	add_normal(p, &what);
	text_add(&what, ")");
	printf("            %-24s  %s\n", text_str(&what), p->help);
	text_finish(&what);
}

static void print_policy(const struct policy_ops *ops)
{
	printf("%-10s  %s%s\n", ops->name, ops->summary,
	       ops == policies[0] ? " (the default)" : "");
	printf("            %s\n", ops->paper);
	for (const struct policy_param *p = ops->params; p && p->name; p++)
		print_param(p);
}

static json_t *json_policy(const struct policy_ops *ops)
{
	json_t *params = json_array();
	for (const struct policy_param *p = ops->params; p && p->name; p++)
		json_array_append_new(
		    params, json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "name", p->name, "kind",
				      p->kind == POLICY_TIME ? "ns" : "number", "least",
				      (json_int_t)p->least, "most", (json_int_t)p->most, "normal",
				      (json_int_t)p->normal, "help", p->help));
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", ops->name, "summary", ops->summary,
			 "paper", ops->paper, "default", ops == policies[0], "parameters", params);
}

static int list_all(bool as_json)
{
	json_t *all = json_array();
	for (unsigned i = 0; policies[i]; i++) {
		if (as_json)
			json_array_append_new(all, json_policy(policies[i]));
		else
			print_policy(policies[i]);
	}
	if (as_json)
		json_print(stdout, json_pack("{s:i, s:O}", "schema", 1, "policies", all));
	json_decref(all);
	return 0;
}

int verb_policies(int argc, char **argv)
{
	bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
	char why[256];
	const struct policy_ops *ops;
	const char *params;
	if (argc == 1 || (argc == 2 && as_json))
		return list_all(as_json);
	if (argc != 2 || argv[1][0] == '-')
		return say(
		    "carrel policies takes --json, or the name of a policy: carrel help policies");
	if (policy_find(argv[1], &ops, &params, why, sizeof(why)) < 0)
		return say("%s", why);
	print_policy(ops);
	return 0;
}
