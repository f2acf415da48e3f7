/* SPDX-License-Identifier: MIT */
/* ps.c - carrel ps: the machines of this user that run now */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/json.h"
#include "cli/registry.h"
#include "cli/verb.h"

enum { PATIENCE_MS = 2000 };

/* Returns where the answer will come, or -1: it does not listen. */
static int ask(const char *dir, const json_t *entry, const json_t *question)
{
	int fd = registry_connect(dir, (int32_t)json_integer_value(json_object_get(entry, "run")));
	if (fd >= 0 && message_send(fd, question, NULL, 0) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void take_answer(int fd, int ms, json_t *entry)
{
	json_t *answer = NULL;
	if (message_receive(fd, ms, &answer) == 1)
		(void)json_object_update(entry, answer);
	json_decref(answer);
	close(fd);
}

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Adds what the machines themselves say of now. All are asked before any is waited for: those that are
 * stopped say nothing, and together cost the patience of one. */
static void ask_all(const char *dir, json_t *list)
{
	size_t n = json_array_size(list), waiting = 0;
	struct pollfd *p = calloc(n + 1, sizeof(*p));
	json_t *question = json_pack("{s:s}", "ask", "status");
	for (size_t i = 0; p && question && i < n; i++) {
		p[i] = (struct pollfd){.fd = ask(dir, json_array_get(list, i), question), .events = POLLIN};
		waiting += p[i].fd >= 0;
	}
	int64_t end = now_ms() + PATIENCE_MS, left = PATIENCE_MS;
	while (waiting > 0 && left > 0 && (poll(p, n, (int)left) >= 0 || errno == EINTR)) {
		for (size_t i = 0; i < n; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			left = end - now_ms();
			take_answer(p[i].fd, left > 0 ? (int)left : 0, json_array_get(list, i));
			p[i].fd = -1;
			p[i].revents = 0;
			waiting--;
		}
		left = end - now_ms();
	}
	for (size_t i = 0; waiting > 0 && i < n; i++)
		if (p[i].fd >= 0)
			close(p[i].fd);
	json_decref(question);
	free(p);
}

static void print_size(uint64_t bytes, char *ret_text, size_t size)
{
	if (bytes >> 30 && bytes % (1 << 30) == 0)
		snprintf(ret_text, size, "%lluG", (unsigned long long)bytes >> 30);
	else if (bytes >> 20 && bytes % (1 << 20) == 0)
		snprintf(ret_text, size, "%lluM", (unsigned long long)bytes >> 20);
	else
		snprintf(ret_text, size, "%lluK", (unsigned long long)bytes >> 10);
}

static uint64_t number(const json_t *entry, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(entry, key));
}

/* One line for each machine, whatever is in its words. */
static void print_word(const char *word)
{
	printf(" ");
	for (const char *at = word ? word : "?"; *at; at++)
		putchar((unsigned char)*at < ' ' ? ' ' : *at);
}

static void print_entry(const json_t *entry)
{
	char memory[32], used[32], processes[16], since[32];
	time_t began = (time_t)json_number_value(json_object_get(entry, "since"));
	struct tm tm;
	size_t i;
	const json_t *word;
	bool answered = json_object_get(entry, "processes");
	print_size(number(entry, "memory"), memory, sizeof(memory));
	print_size(number(entry, "frames_used") * 4096, used, sizeof(used));
	snprintf(processes, sizeof(processes), "%llu",
		 (unsigned long long)number(entry, "processes"));
	strftime(since, sizeof(since), "%H:%M:%S", localtime_r(&began, &tm));
	printf("%-8llu %-8s %8s %8s %9s ", (unsigned long long)number(entry, "run"), since, memory,
	       answered ? used : "-", answered ? processes : "-");
	json_array_foreach (json_object_get(entry, "argv"), i, word)
		print_word(json_string_value(word));
	printf("\n");
}

int verb_ps(int argc, char **argv)
{
	char dir[REGISTRY_PATH];
	bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("carrel ps [--json]\nThe machines that run now. See carrel-ps(1).\n");
		return 0;
	}
	if (argc > 2 || (argc == 2 && !as_json))
		return say("ps takes no words but --json; processes inside a machine: "
			   "carrel exec RUN -- ps aux");
	int r = registry_open(dir);
	if (r < 0)
		return say("where machines are found (XDG_RUNTIME_DIR, or /tmp/carrel-%u): %s",
			   (unsigned)geteuid(), strerror(-r));
	json_t *list = registry_list(dir), *entry;
	size_t i;
	if (!list)
		return say("no memory");
	ask_all(dir, list);
	if (as_json) {
		json_print(stdout, json_pack("{s:i, s:o}", "schema", 1, "runs", list));
		return 0;
	}
	printf("%-8s %-8s %8s %8s %9s  %s\n", "RUN", "SINCE", "MEMORY", "USED", "PROCESSES",
	       "PROGRAM");
	json_array_foreach (list, i, entry)
		print_entry(entry);
	json_decref(list);
	return 0;
}
