#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--user: who programs are when that is not who runs Carrel, and what the host keeps of it."""

import os
import stat
import subprocess

from world import CARREL, DIR, build, carrel
from tap import equal, main, test

WHO = r'''
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct stat st = {0};
	gid_t group[8];
	int n = getgroups(8, group);
	printf("%d %d, groups", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(" %d", group[i]);
	printf("\n");
	if (argc < 2)
		return 0;
	int fd = open(argv[1], O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (getuid() == 0)
		printf("chown %d\n", fchown(fd, 1234, 77));
	printf("chmod %d\n", chmod(argv[1], 04755));
	fstat(fd, &st);
	printf("%o %d %d\n", st.st_mode, st.st_uid, st.st_gid);
	return 0;
}
'''
FILES = {'etc/passwd': 'root:x:0:0::/:/bin/sh\nann:x:2001:2002::/:/bin/sh\nshort:x\n',
         'etc/group': 'root:x:0:\nann:x:2002:\npress:x:3001:bob,ann\nodd\n'}


def root():
    """A root with users of its own and nothing else."""
    for name, text in FILES.items():
        path = os.path.join(DIR, 'users', name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    return os.path.join(DIR, 'users')


def who(user, *args):
    build('who', WHO, '-static')
    os.chmod(DIR, 0o755)
    r = carrel('run', '-L', root(), '--user', user, './who', *args)
    return r.stdout, r.returncode, r.stderr


@test
def a_program_is_who_user_says_by_numbers_or_names_of_the_guest():
    for user, said in (('0', '0 0, groups 0'), ('root', '0 0, groups 0'), ('1234', '1234 1234, groups 1234'), ('1234:5', '1234 5, groups 5'),
                       ('ann', '2001 2002, groups 2002 3001'), ('2001', '2001 2002, groups 2002 3001'),
                       ('ann:press', '2001 3001, groups 3001')):
        equal(who(user), (f'{said}\n', 0, ''), user)


@test
def who_enters_a_machine_is_who_he_says_and_else_who_its_first_program_is():
    build('who', WHO, '-static')
    waits = build('waits', '#include <stdio.h>\nint main(void) { puts("waits"); fflush(stdout); return getchar() == 1; }\n', '-static')
    runtime = os.path.join(DIR, 'runtime')
    os.makedirs(runtime)
    env = dict(os.environ, XDG_RUNTIME_DIR=runtime)
    p = subprocess.Popen([CARREL, 'run', '-L', root(), '-u', '1234:5', waits], cwd=DIR, env=env, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    equal(p.stdout.readline(), 'waits\n')
    for words, said in (([], '1234 5, groups 5'), (['-u', 'ann'], '2001 2002, groups 2002 3001'), (['--user=0'], '0 0, groups 0')):
        r = carrel('exec', *words, '--', './who', env=env)
        equal((r.stdout, r.returncode, r.stderr), (f'{said}\n', 0, ''), ' '.join(words))
    p.communicate('')
    equal(p.returncode, 0)


@test
def a_user_whom_the_guest_does_not_know_is_told():
    for user, why in (('nobodythere', 'no such user'), ('ann:nogroup', 'no such group'), ('4294967295', 'no such user')):
        out, status, err = who(user)
        equal((out, status != 0, why in err), ('', True, True), err)
    for user in ('', ':5'):
        equal(who(user)[1], 125, user)


@test
def what_a_guest_s_root_gives_away_and_marks_set_user_id_is_no_such_file_of_the_host():
    equal(who('0', 'given')[0], '0 0, groups 0\nchown 0\nchmod 0\n104755 1234 77\n')
    st = os.stat(os.path.join(DIR, 'given'))
    equal(oct(stat.S_IMODE(st.st_mode)), '0o755', 'set-id bits on the host')
    equal(st.st_uid, 1234 if os.geteuid() == 0 else os.geteuid(), 'whose it is on the host')


main()
