#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debian.py --carrel FILE --guest DIR [TEST] - Debian's own riscv64 programs, compared with qemu-riscv64

Each command below runs twice in the root that CARREL_TEST_ROOT names, in a directory that holds the
same files at the same path: under Carrel, and under qemu-riscv64 on this host's Linux. What it writes,
its status, and every file that it leaves behind must be the same to the byte. Carrel alone then runs
all of them in a small RAM, and with mappings taken away, and must say what it said before.

qemu-riscv64 runs one program. For a shell and its children the host has to run riscv64 programs by
itself, which a user namespace with a binfmt_misc of its own does, and nobody else notices: see INSIDE.
Where the kernel has none (Linux before 6.7), commands that are one process are compared without.
"""

import argparse
import functools
import hashlib
import os
import random
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from debian_commands import EDIT, FILES, SHELL, SUMS, TEXT  # noqa: E402
from tap import Skip, equal, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True, help='where mem.rv and vector.rv are')
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
QEMU = shutil.which('qemu-riscv64')
LIMIT = 300  # seconds: far beyond any; nothing is measured
ENV = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'HOME': '/', 'TZ': 'UTC0'}
SANITIZERS = {name: os.environ[name] for name in os.environ if name.startswith(('ASAN_', 'UBSAN_', 'LSAN_'))}

GROUPS = {
    'text_tools_say_what_they_say_on_linux': [shlex.split(line) for line in TEXT.strip().split('\n')],
    'sums_and_codes_are_right': [shlex.split(line) for line in SUMS.strip().split('\n')],
    'files_are_made_moved_and_described_as_on_linux': [shlex.split(line) for line in FILES.strip().split('\n')],
    'sed_grep_awk_find_and_diff_work_on_real_files': [shlex.split(line) for line in EDIT.strip().split('\n')],
    'shells_with_pipelines_traps_and_jobs_do_what_they_do_on_linux':
        [['sh', '-c', script.strip('\n')] for script in SHELL.split('\n----\n')],
}
COMMANDS = [command for group in GROUPS.values() for command in group]


def write_inputs(place):
    """The files that each command finds; the same wherever and whenever this runs."""
    rng = random.Random(3)
    syllables = [a + b for a in 'bcdfgklmnrstvw' for b in ('a', 'e', 'i', 'o', 'u', 'ar', 'en', 'or')]
    words = [''.join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(900)]
    lines = []
    for _ in range(6000):
        line = ' '.join(rng.choices(words, k=rng.randint(0, 14)))
        if rng.random() < 0.2:
            line += '  ' + '-'.join(rng.choices(words, k=2))
        lines.append(line)
    table = [f'{word}:{rng.choice(words)}:{rng.randint(0, 99999)}' for word in sorted(set(words))]
    changed = table[:40] + ['new:line:1'] + table[41:300] + table[310:]
    files = {
        'words': '\n'.join(lines) + '\n',
        'sorted': '\n'.join(sorted(rng.choices(words, k=1200))) + '\n',
        'numbers': ''.join(f'{rng.randint(0, 50000)}\n' for _ in range(3000)),
        'table': '\n'.join(table) + '\n',
        'changed': '\n'.join(changed) + '\n',
        'bytes': rng.randbytes(70000),
        'odd': 'tab\there\t\tthere\r\n\n\n\ta\u00e9\u4e16\u754c \U0001f642 wide\n' + 'long ' * 3000 + '\nno end',
        'pairs': 'a b\nb c\na d\nd c\nc e\n',
        'tree/leaf': 'a leaf\n',
        'tree/deep/er/leaf': 'carrel\n' * 3,
        'tree/deep/.hidden': '',
    }
    os.makedirs(os.path.join(place, 'tree/deep/er'))
    os.mkdir(os.path.join(place, 'tree/empty'))
    os.symlink('words', os.path.join(place, 'link'))
    for name, body in files.items():
        with open(os.path.join(place, name), 'wb') as file:
            file.write(body if isinstance(body, bytes) else body.encode())
    # Long ago, so that nobody's "now" is near, and not all at once, so that there is an order.
    for above, directories, names in os.walk(place, topdown=False):
        for name in sorted(directories + names):
            then = (1500000000 + 1000 * len(name) + ord(name[0])) * 10**9
            os.utime(os.path.join(above, name), ns=(then, then), follow_symlinks=False)
    os.utime(place, (1500000000, 1500000000))


def left_behind(place):
    """All that a command can have changed: {path: what it is}."""
    found = {}
    for above, directories, names in os.walk(place):
        for name in directories + names:
            path = os.path.join(above, name)
            info = os.lstat(path)
            what = [stat.filemode(info.st_mode)]
            if stat.S_ISLNK(info.st_mode):
                what.append(os.readlink(path))
            if stat.S_ISREG(info.st_mode):
                with open(path, 'rb') as file:
                    what += [info.st_size, info.st_nlink, hashlib.md5(file.read()).hexdigest()]
            if info.st_mtime < 1600000000:
                what.append(info.st_mtime_ns)
            found[os.path.relpath(path, place)] = what
    return found


class Ran:
    def __init__(self, status, out, err, left):
        self.status, self.out, self.err, self.left = status, out, err, left

    def differs(self, other):
        """What is not as in OTHER, in a few lines; nothing when all is."""
        said = []
        for what in ('status', 'out', 'err', 'left'):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine == theirs:
                continue
            if what == 'left':
                paths = [p for p in sorted(mine | theirs) if mine.get(p) != theirs.get(p)]
                mine, theirs = ({p: which.get(p) for p in paths} for which in (mine, theirs))
            elif what != 'status':
                at = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), min(len(mine), len(theirs)))
                at = max(0, mine.rfind(b'\n', 0, at) + 1)
                mine, theirs = mine[at:at + 200], theirs[at:at + 200]
                what += f' from byte {at}'
            said.append(f'  {what}: {mine!r}\n    not: {theirs!r}')
        return '\n'.join(said)


@functools.lru_cache(maxsize=None)
def inputs_of_all():
    place = os.path.join(PLACE, 'inputs')
    os.mkdir(place)
    write_inputs(place)
    return place, left_behind(place)


def title(command):
    words = command[-1] if command[0] == 'sh' else shlex.join(command)
    return words if len(words) < 110 else words[:100] + ' ...'


class Jobs:
    """A directory for each command with its files, as new for each time that all of them run."""

    def __init__(self, commands):
        self.commands = commands
        self.jobs = os.path.join(PLACE, 'jobs')
        os.makedirs(self.jobs, exist_ok=True)
        inputs, wanted = inputs_of_all()
        for number in range(len(commands)):
            place = self.place(number)
            # Most commands only read.
            if os.path.exists(place) and left_behind(place) != wanted:
                shutil.rmtree(place)
            if not os.path.exists(place):
                shutil.copytree(inputs, place, symlinks=True)

    def place(self, number):
        return os.path.join(self.jobs, str(number))

    def end(self, number, status, out, err):
        return Ran(status, out, err, left_behind(self.place(number)))

    def each(self, function):
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(function, range(len(self.commands))))


def run(argv, cwd, env=None):
    done = subprocess.run(argv, cwd=cwd, env=env or ENV, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=LIMIT, umask=0o022)
    # Who died of a signal is told as a shell tells it.
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return status, done.stdout, done.stderr


def carrel(argv, cwd, *given, verb='run'):
    env = [word for name, value in ENV.items() for word in ('-E', f'{name}={value}')]
    return run([CARREL, verb, '-L', ROOT, '--clean-env', *env, *given, '--', *argv], cwd, ENV | SANITIZERS)


@functools.lru_cache(maxsize=None)
def under_carrel(*given):
    jobs = Jobs(COMMANDS)
    return jobs.each(lambda n: jobs.end(n, *carrel(COMMANDS[n], jobs.place(n), *given)))


# A user namespace in which this host runs riscv64 programs in a copy of the root that nobody keeps. The
# kernel opens the interpreter when it is registered (F); its libraries must be seen from inside.
INSIDE = r'''
set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
head='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":riscv64:M::$head:$mask:$QEMU:POF" > /proc/sys/fs/binfmt_misc/register
mkdir -p "$TOP"
mount -t tmpfs none "$TOP"
mkdir "$TOP/upper" "$TOP/work" "$TOP/root"
mkfifo "$TOP/1" "$TOP/2"
mount -t overlay -o "lowerdir=$ROOT,upperdir=$TOP/upper,workdir=$TOP/work,userxattr" none "$TOP/root"
cd "$TOP/root"
for d in $(ldd "$QEMU" | sed -n 's|.*[ \t]\(/.*\)/[^/]* (0x.*|\1|p' | sort -u) "$JOBS"; do
	mkdir -p "./$d"
	mount --bind "$d" "./$d"
done
mount -t proc none proc
mount -t tmpfs -o mode=755 none dev
for d in null zero full random urandom; do
	: > dev/$d
	mount --bind /dev/$d dev/$d
done
ln -s /proc/self/fd dev/fd
for d in stdin:0 stdout:1 stderr:2; do ln -s /proc/self/fd/${d#*:} dev/${d%:*}; done
set +e
inside() { # inside NUMBER COMMAND... runs a command in the directory of its number
	number=$1
	shift
	cat < "$TOP/1" > "$TOP.$number.out" &
	cat < "$TOP/2" > "$TOP.$number.err" &
	(exec env -i $ENV unshare $ID --root="$TOP/root" --wd="$JOBS/$number" "$@" < /dev/null > "$TOP/1" 2> "$TOP/2")
	echo $? > "$TOP.$number.status"
	wait
}
umask 022
'''


def inside(commands, jobs, numbers):
    """Runs commands in one such namespace, each in the directory of its number: (status, out, err) of each."""
    if not shutil.which('unshare'):
        raise Skip('no unshare')
    top = os.path.join(PLACE, f'inside-{numbers[0]}')
    me, group = os.getuid(), os.getgid()
    script = INSIDE + ''.join(f'inside {n} {shlex.join(commands[n])}\n' for n in numbers) + 'exit 0\n'
    # The one who runs this is root inside only until a program starts: it sees its own ids.
    env = {'PATH': os.environ['PATH'], 'QEMU': QEMU, 'ROOT': ROOT, 'TOP': top, 'JOBS': jobs.jobs,
           'ENV': ' '.join(f'{name}={value}' for name, value in ENV.items()),
           'ID': f'--user --map-user={me} --map-group={group}' if me else ''}
    done = subprocess.run(['unshare', '--user', '--map-root-user', '--mount', '--pid', '--fork', 'sh', '-c', script],
                          cwd='/', env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    if done.returncode != 0:
        why = done.stderr.decode(errors='replace').strip().split('\n')[-1]
        raise Skip('no namespace in which this host runs riscv64 programs: ' + why)

    def read(number, what):
        with open(f'{top}.{number}.{what}', 'rb') as file:
            return file.read()
    return [(int(read(n, 'status')), read(n, 'out'), read(n, 'err')) for n in numbers]


@functools.lru_cache(maxsize=None)
def no_inside():
    """Why there is no such namespace, or None."""
    commands = [['sh', '-c', 'echo from | cat; pwd']]
    jobs = Jobs(commands)
    try:
        status, out, err = inside(commands, jobs, [0])[0]
    except Skip as why:
        return str(why)
    if (status, out) != (0, f'from\n{jobs.place(0)}\n'.encode()):
        return f'in a namespace of its own this host runs no riscv64 programs: {(err or out).decode().strip()}'
    return None


# Programs that start others: without the namespace there is nothing to compare them with.
STARTERS = {'sh', 'xargs', 'env', 'nice', 'nohup', 'timeout', 'sdiff', 'diff3', 'install'}


@functools.lru_cache(maxsize=None)
def under_qemu():
    """What each command does; None for those that cannot be run on this host."""
    if not QEMU:
        raise Skip('no qemu-riscv64')
    if not no_inside():
        jobs = Jobs(COMMANDS)
        numbers = range(len(COMMANDS))
        with ThreadPoolExecutor(2) as pool:
            halves = list(pool.map(lambda half: inside(COMMANDS, jobs, half), (numbers[::2], numbers[1::2])))
        return [jobs.end(n, *halves[n % 2][n // 2]) for n in numbers]
    jobs = Jobs(COMMANDS)

    def alone(number):
        name, *words = COMMANDS[number]
        if name in STARTERS or 'getline' in ' '.join(words):
            return None
        file = os.path.join(ROOT, 'usr/bin', name)
        return jobs.end(number, *run([QEMU, '-L', ROOT, '-0', name, file, *words], jobs.place(number)))
    return jobs.each(alone)


def differences(got, wanted, which):
    found = [f'{title(COMMANDS[n])}\n{got[n].differs(wanted[n])}' for n in which
             if wanted[n] and got[n].differs(wanted[n])]
    if found:
        raise AssertionError(f'{len(found)} of {len(which)} commands differ:\n' + '\n'.join(found))


def need_root():
    if not os.path.exists(os.path.join(ROOT, 'bin/sh')):
        raise Skip('CARREL_TEST_ROOT names no root (scripts/check makes one)')


def add(name, body):
    body.__name__ = name
    test(body)


def compare(group):
    which = [n for n, command in enumerate(COMMANDS) if command in GROUPS[group]]

    def body():
        need_root()
        wanted = under_qemu()
        if not any(wanted[n] for n in which):
            raise Skip(no_inside())
        differences(under_carrel(), wanted, which)
        print(f'# {sum(wanted[n] is not None for n in which)} of {len(which)} commands compared with qemu-riscv64')
    return body


for group in GROUPS:
    add(group, compare(group))


@test
def a_small_ram_whose_page_cache_comes_and_goes_changes_nothing():
    need_root()
    differences(under_carrel('-m', '4M'), under_carrel(), range(len(COMMANDS)))


@test
def dropping_mappings_changes_nothing_for_any_of_them():
    need_root()
    differences(under_carrel('--drop-mappings', '20'), under_carrel(), range(len(COMMANDS)))


def in_both(command, *programs):
    """One command under Carrel and in the namespace, in a directory with these programs of the tests."""
    need_root()
    if not QEMU or no_inside():
        raise Skip(no_inside() if QEMU else 'no qemu-riscv64')
    ran = []
    for how in (lambda jobs: carrel(command, jobs.place(0)), lambda jobs: inside([command], jobs, [0])[0]):
        jobs = Jobs([command])
        for program in programs:
            file = os.path.join(GUEST, program + '.rv')
            if not os.path.exists(file):
                raise Skip('no cross compiler')
            shutil.copy(file, os.path.join(jobs.place(0), program))
        ran.append(jobs.end(0, *how(jobs)))
    return ran


@test
def the_two_programs_of_the_book_count_apart_until_the_shell_ends_them():
    script = './mem & a=$!; ./mem & b=$!; sleep 3; kill $a $b; wait $a; echo $?; wait $b; echo $?'
    got, wanted = in_both(['sh', '-c', script], 'mem')
    for ran in (got, wanted):
        # How far they come in three seconds, and whose turn it is, is the scheduler's affair.
        by = {}
        for pid, said in re.findall(r'\((\d+)\) (.*)', ran.out.decode()):
            by.setdefault(pid, []).append(said)
        equal(len(by), 2, f'the number of programs in {ran.out!r}')
        for said in by.values():
            equal(bool(re.fullmatch('my int lies at 0x[0-9a-f]+', said[0])), True, said[0])
            equal(said[1:], [f'it holds {n}' for n in range(1, len(said))], 'the counts of one')
        equal(ran.out.decode().split('\n')[-3:], ['143', '143', ''], 'how they ended')
    equal(len(set(re.findall(rb'lies at (0x[0-9a-f]+)', got.out))), 1, 'the number of addresses under Carrel')
    equal(got.status, wanted.status, 'the status')
    # dash says "Terminated" of whoever ends before it waits for him, which is the scheduler's affair, too.
    for ran in (got, wanted):
        equal(ran.err.replace(b'Terminated\n', b''), b'', 'standard error')


@test
def a_cxx_program_sorts_a_vector_and_catches_an_exception_with_debian_s_library():
    need_root()
    if not os.path.exists(os.path.join(ROOT, 'usr/lib/riscv64-linux-gnu/libstdc++.so.6')):
        raise Skip('the root has no libstdc++6')
    got, wanted = in_both(['./vector'], 'vector')
    equal(got.differs(wanted), '', 'the difference')


@test
def a_trace_of_today_is_that_of_later_to_the_byte():
    need_root()
    commands = [['date'], ['ls', '-l'], ['sh', '-c', '(date; ls -l | wc) & sort words | head -n 2; wait']]
    jobs = Jobs(commands)
    first = jobs.each(lambda n: carrel(commands[n], jobs.place(n), verb='trace'))
    time.sleep(1.2)
    second = jobs.each(lambda n: carrel(commands[n], jobs.place(n), verb='trace'))
    for number, command in enumerate(commands):
        equal(first[number], second[number], f'the second run of {command}')
        equal(b'execve(' in b''.join(first[number][1:]), True, 'a trace')


with tempfile.TemporaryDirectory(prefix='carrel-debian-', dir='/tmp') as PLACE:
    PLACE = os.path.realpath(PLACE)
    main()
