/* SPDX-License-Identifier: MIT */
#include "policy/params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"

struct why {
	char *text;
	unsigned size;
};

static int wrong(const struct why *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int wrong(const struct why *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (w->text)
		vsnprintf(w->text, w->size, format, args);
	va_end(args);
	return -EINVAL;
}

static void time_text(uint64_t ns, char *ret_text, size_t size)
{
	if (ns % 1000000000 == 0)
		snprintf(ret_text, size, "%" PRIu64 "s", ns / 1000000000);
	else if (ns % 1000000 == 0)
		snprintf(ret_text, size, "%" PRIu64 "ms", ns / 1000000);
	else if (ns % 1000 == 0)
		snprintf(ret_text, size, "%" PRIu64 "us", ns / 1000);
	else
		snprintf(ret_text, size, "%" PRIu64 "ns", ns);
}

static int param_value(const struct policy_param *p, const char *value, uint64_t *ret_value,
		       const struct why *w)
{
	uint64_t v;
	int error;
	char least[32], most[32];
	if (p->kind == POLICY_TIME) {
		error = parse_time(value, &v);
		if (error == -EINVAL)
			return wrong(w, "%s=%s is not a time; write 10ms or 1s", p->name, value);
		time_text(p->least, least, sizeof(least));
		time_text(p->most, most, sizeof(most));
	} else {
		error = parse_u64(value, &v);
		if (error == -EINVAL)
			return wrong(w, "%s=%s is not a number", p->name, value);
		snprintf(least, sizeof(least), "%" PRIu64, p->least);
		snprintf(most, sizeof(most), "%" PRIu64, p->most);
	}
	if (error || v < p->least || v > p->most)
		return wrong(w, "%s=%s must be from %s to %s", p->name, value, least, most);
	*ret_value = v;
	return 0;
}

static const struct policy_param *param_find(const struct policy_param *params, const char *name,
					     size_t length)
{
	for (; params && params->name; params++)
		if (strlen(params->name) == length && memcmp(params->name, name, length) == 0)
			return params;
	return NULL;
}

static int param_unknown(const struct policy_param *params, const char *name, size_t length,
			 const struct why *w)
{
	struct text names = TEXT;
	for (const struct policy_param *p = params; p && p->name; p++)
		text_add(&names, "%s%s", p == params ? "" : ", ", p->name);
	if (names.size)
		wrong(w, "there is no parameter \"%.*s\"; there is %s", (int)length, name,
		      text_str(&names));
	else
		wrong(w, "there is no parameter \"%.*s\"; it has none", (int)length, name);
	text_finish(&names);
	return -EINVAL;
}

int params_parse(const struct policy_param *params, const char *text, uint64_t *ret_values,
		 char *ret_why, unsigned whys)
{
	const struct why w = {ret_why, whys};
	uint64_t values[PARAMS_MAX];
	bool given[PARAMS_MAX] = {false};
	size_t count = 0;
	for (; params && params[count].name; count++)
		values[count] = params[count].normal;
	while (text && *text) {
		size_t length = strcspn(text, ","), name = strcspn(text, "=,");
		const struct policy_param *p = param_find(params, text, name);
		if (!p)
			return param_unknown(params, text, name, &w);
		if (given[p - params])
			return wrong(&w, "%s stands there twice; once is enough", p->name);
		given[p - params] = true;
		char value[64];
		if (name == length || length - name - 1 >= sizeof(value))
			return wrong(&w, "%s wants a value, as in %s=%" PRIu64, p->name, p->name,
				     p->normal);
		memcpy(value, text + name + 1, length - name - 1);
		value[length - name - 1] = 0;
		int error = param_value(p, value, &values[p - params], &w);
		if (error)
			return error;
		text += length + (text[length] == ',');
	}
	for (size_t i = 0; i < count; i++)
		ret_values[i] = values[i];
	return 0;
}
