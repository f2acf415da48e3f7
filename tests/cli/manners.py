#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What happens where things are not as they should be: closed descriptors, full disks, few descriptors, odd names."""

import itertools
import os
import subprocess
import time

from world import CARREL, DIR, build, carrel
from tap import equal, main, test

OPEN = r'''
#include <fcntl.h>
#include <stdio.h>
int main(void)
{
	FILE *f = fopen("open.txt", "w");
	for (int fd = 0; f && fd < 3; fd++)
		fputc(fcntl(fd, F_GETFD) < 0 || fd == fileno(f) ? '-' : 'o', f);
	return f && fclose(f) == 0 ? 0 : 1;
}
'''
MANY = r'''
#include <fcntl.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	int n = 0;
	while (n < 200 && open(argv[0], O_RDONLY) >= 0)
		n++;
	printf("%d\n", n);
	return 0;
}
'''
WHEN = r'''
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	char text[65536];
	int fd = open("/etc/resolv.conf", O_RDONLY);
	printf("%ld %ld %d\n", (long)time(NULL), fd < 0 ? -1 : (long)read(fd, text, sizeof(text)),
	       open("/etc/resolv.conf", O_WRONLY) < 0);
	return 0;
}
'''
DEEP = r'''
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int depth = 0;
	chdir("/tmp");
	while (depth < 280 && mkdir("a", 0700) == 0 && symlink("..", "b") == 0 && chdir("a") == 0)
		depth++;
	printf("%d %d\n", depth, chmod("..", 0) + chmod("/tmp", 0));
	return 0;
}
'''
HI = '#include <stdio.h>\nint main(int argc, char **argv) { puts("hi"); return argc - 1; }\n'


def shell(command, **more):
    return subprocess.run(['bash', '-c', command, CARREL], cwd=DIR, timeout=60, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, **more)


@test
def a_descriptor_that_is_closed_is_closed_for_the_program_and_nothing_of_carrel_takes_its_place():
    build('open', OPEN)
    for n in range(4):
        for gone in itertools.combinations(range(3), n):
            closed = ' '.join(f'{fd}>&-' for fd in gone)
            equal(shell(f'exec "$0" run ./open {closed}').returncode, 0, f'status with {closed}')
            with open(os.path.join(DIR, 'open.txt'), encoding='utf-8') as file:
                # Its own file takes the lowest number that is free.
                equal(file.read(), ''.join('-' if fd in gone else 'o' for fd in range(3)), closed)


@test
def what_could_not_be_written_is_told_and_is_no_success():
    build('hi', HI)
    for verb in ('policies', 'ps', 'help', 'help run', '--version', 'completion bash', 'run --help', 'root --help'):
        done = shell(f'"$0" {verb} >/dev/full')
        equal((done.returncode, 'No space left' in done.stderr), (125, True), f'{verb} on a full disk: {done.stderr}')
        done = shell(f'"$0" {verb} >&-')
        equal((done.returncode, 'Bad file' in done.stderr), (125, True), f'{verb} without an output: {done.stderr}')
    for verb in ('stat', 'maps', 'trace', 'frames', 'explain'):
        done = shell(f'"$0" {verb} -o /dev/full ./hi')
        equal((done.stdout, done.returncode), ('hi\n', 125), verb)
        equal('-o /dev/full: No space left' in done.stderr, True, done.stderr)
        equal(shell(f'"$0" {verb} -o /dev/full ./hi x y').returncode, 2, 'the program\'s own failure comes first')
        equal(shell(f'"$0" {verb} ./hi 2>/dev/full').returncode, 125, f'{verb}, whose report is lost')
    equal(shell('"$0" run ./hi 2>/dev/full').returncode, 0, 'run, which had nothing to say')


@test
def a_program_may_open_what_the_host_allows_and_where_that_is_too_little_it_is_said():
    build('many', MANY)
    equal(shell('ulimit -S -n 64; exec "$0" run ./many').stdout, '200\n', 'a soft limit is raised')
    for few in (6, 9, 12):
        done = shell(f'ulimit -n {few}; exec "$0" run ./many')
        equal((done.returncode, 'ulimit -n' in done.stderr), (125, True), f'{few} descriptors: {done.stderr}')


@test
def net_host_brings_the_date_and_the_name_servers_of_the_host_and_nothing_else_does():
    build('when', WHEN)
    resolver = '/etc/resolv.conf'
    size = os.path.getsize(resolver) if os.path.isfile(resolver) else -1
    epoch = 1767225600
    equal(carrel('run', './when').stdout, f'{epoch} -1 1\n', 'alone')
    when, seen, kept = map(int, carrel('run', '--net', 'host', './when').stdout.split())
    equal((abs(when - time.time()) < 1000, seen, kept), (True, size, 1), 'with the network of the host')
    for words in (['--clock', 'virtual', '--net', 'host'], ['--net', 'host', '--clock', 'virtual']):
        equal(int(carrel('run', *words, './when').stdout.split()[0]), epoch, ' '.join(words))
    with open(os.path.join(DIR, 'mine.conf'), 'w', encoding='utf-8') as file:
        file.write('nameserver 192.0.2.1\n')
    done = carrel('run', '--net', 'host', '--bind', f'mine.conf:{resolver}:ro', './when')
    equal(done.stdout.split()[1:], ['21', '1'], f'one of its own: {done.stderr}')


@test
def nothing_is_left_of_a_program_s_tmp_however_deep_its_directories_are():
    build('deep', DEEP)
    place = os.path.join(DIR, 'place')
    os.mkdir(place)
    equal(carrel('run', './deep', env=dict(os.environ, TMPDIR=place)).stdout, '280 0\n', 'the program')
    equal(os.listdir(place), [], 'what is left')


@test
def each_region_is_a_line_whatever_its_file_is_called():
    name = 'two\nlines'
    os.link(build('hi', HI), os.path.join(DIR, name))
    lines = carrel('maps', f'./{name}').stderr.splitlines()
    equal([line for line in lines if '-' not in line.split(' ')[0]], [], 'lines that begin with no address')
    equal(lines[0].endswith('/two\\012lines'), True, lines[0])


@test
def wrong_words_are_answered_with_the_reason():
    build('hi', HI)
    for words, status, said in ((['run', '.'], 126, '. is a directory'), (['run', '/'], 126, '/ is a directory'),
                                (['run', ''], 127, 'no name of a program'), (['-V'], 125, 'behind a verb'),
                                (['run', 'nothing'], 127, 'carrel root create'),
                                (['run', '-w', 'hi', './hi'], 125, '--workdir hi: Not a directory'),
                                (['run', '-L', 'hi', './hi'], 125, '--root hi: Not a directory'),
                                (['run', '-L', '', './hi'], 125, '--root "": No such'),
                                (['run', '--bind', f'{DIR}:/', './hi'], 125, '-L names'),
                                (['run', '--core=', './hi'], 125, 'must name a file'),
                                (['maps', '--at', 'syscall:nothing', './hi'], 125, 'no such system call'),
                                (['maps', '--at', 'syscall:bind', './hi'], 125, '--at syscall:bind: the program ended'),
                                (['maps', '--pid', '99', './hi'], 125, '--pid 99: there was no process'),
                                (['trace', '--pid', '99', './hi'], 125, '--pid 99: there was no process'),
                                (['story', 'nothing', './hi', 'x'], 125, 'nothing: hi (pid 2) has no symbol')):
        done = carrel(*words)
        equal((done.returncode, said in done.stderr), (status, True), f'{words}: {done.returncode} {done.stderr}')
    for words in (['policies', '--help'], ['completion', '-h'], ['help', '--help'], ['root', 'create', '--help'],
                  ['root', 'import', '-h']):
        done = carrel(*words)
        equal((done.returncode, done.stdout[:7]), (0, 'carrel '), f'{words}: {done.stderr}')


main()
