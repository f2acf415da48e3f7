# SPDX-License-Identifier: MIT
"""both.py - commands under Carrel and under qemu-riscv64 in one root, and what differs

Each command runs in a directory that holds the same files at the same path: under Carrel, and under
qemu-riscv64 on this host's Linux. What it writes, its status, and every file that it leaves behind must
be the same to the byte.

qemu-riscv64 runs one program. For a shell and its children the host has to run riscv64 programs by
itself, which a user namespace with a binfmt_misc of its own does, and nobody else notices: see INSIDE.
Where the kernel has none (Linux before 6.7), commands that are one process are compared without.
"""

import functools
import hashlib
import os
import random
import shlex
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip  # noqa: E402

ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
QEMU = shutil.which('qemu-riscv64')
ENV = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'HOME': '/', 'TZ': 'UTC0'}
SANITIZERS = {name: os.environ[name] for name in os.environ if name.startswith(('ASAN_', 'UBSAN_', 'LSAN_'))}


def need_root():
    if not os.path.exists(os.path.join(ROOT, 'bin/sh')):
        raise Skip('CARREL_TEST_ROOT names no root (scripts/check makes one)')


def in_root(program):
    return os.path.lexists(os.path.join(ROOT, 'usr/bin', program))


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


def title(command):
    words = command[-1] if command[0] == 'sh' else shlex.join(command)
    return words if len(words) < 110 else words[:100] + ' ...'


@functools.lru_cache(maxsize=None)
def inputs_of_all(place):
    inputs = os.path.join(place, 'inputs')
    os.mkdir(inputs)
    write_inputs(inputs)
    return inputs, left_behind(inputs)


# The network of the namespace is its own, and its loopback is down at first.
LOOPBACK = '''
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack('16sh22x', b'lo', 0x41))
'''

# A user namespace in which this host runs riscv64 programs in a copy of the root that nobody keeps. The
# kernel opens the interpreter when it is registered (F); its libraries must be seen from inside.
INSIDE = r'''
set -e
"$PYTHON" -c "$LOOPBACK"
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
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 none dev/shm
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
ln -s pts/ptmx dev/ptmx
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


class Both:
    """Commands, each in a directory of its own in PLACE, and what they do under each of the two."""

    def __init__(self, carrel, place, commands, limit, programs=()):
        """programs: files that lie in each directory, too."""
        self.program, self.place, self.commands, self.limit = os.path.abspath(carrel), place, commands, limit
        self.programs = programs
        self.ran = {}

    def files_of(self, number):
        return os.path.join(self.place, 'jobs', str(number))

    def fresh(self, numbers):
        """Makes each directory as new; most commands only read."""
        inputs, wanted = inputs_of_all(self.place)
        os.makedirs(os.path.join(self.place, 'jobs'), exist_ok=True)
        for number in numbers:
            files = self.files_of(number)
            if os.path.exists(files) and left_behind(files) != wanted:
                shutil.rmtree(files)
            if not os.path.exists(files):
                shutil.copytree(inputs, files, symlinks=True)
            for program in self.programs:
                shutil.copy(program, files)

    def end(self, number, status, out, err):
        return Ran(status, out, err, left_behind(self.files_of(number)))

    def run(self, argv, cwd, env=None):
        done = subprocess.run(argv, cwd=cwd, env=env or ENV, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=self.limit, umask=0o022)
        # Who died of a signal is told as a shell tells it.
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return status, done.stdout, done.stderr

    def carrel(self, argv, cwd, *given, verb='run'):
        env = [word for name, value in ENV.items() for word in ('-E', f'{name}={value}')]
        # Runs side by side need swap files of their own: %d is one's number.
        given = [word.replace('%d', os.path.basename(cwd)) for word in given]
        words = [self.program, verb, '-L', ROOT, '--clean-env', *env, *given, '--', *argv]
        return self.run(words, cwd, ENV | SANITIZERS)

    def under_carrel(self, *given, which=None):
        """What each command does; which: these only."""
        which = range(len(self.commands)) if which is None else which
        done = self.ran.setdefault(given, {})
        missing = [n for n in which if n not in done]
        self.fresh(missing)
        with ThreadPoolExecutor(2) as pool:
            done.update(zip(missing, pool.map(
                lambda n: self.end(n, *self.carrel(self.commands[n], self.files_of(n), *given)), missing)))
        return done

    def inside(self, numbers):
        """Runs commands in one such namespace: (status, out, err) of each."""
        if not shutil.which('unshare'):
            raise Skip('no unshare')
        top = os.path.join(self.place, f'inside-{numbers[0]}')
        me, group = os.getuid(), os.getgid()
        script = INSIDE + ''.join(f'inside {n} {shlex.join(self.commands[n])}\n' for n in numbers) + 'exit 0\n'
        # The one who runs this is root inside only until a program starts: it sees its own ids.
        env = {'PATH': os.environ['PATH'], 'QEMU': QEMU, 'ROOT': ROOT, 'TOP': top,
               'JOBS': os.path.join(self.place, 'jobs'), 'PYTHON': sys.executable, 'LOOPBACK': LOOPBACK,
               'ENV': ' '.join(f'{name}={value}' for name, value in ENV.items()),
               'ID': f'--user --map-user={me} --map-group={group}' if me else ''}
        # Guests begin with a nice value of 0, whatever this was started with.
        words = ['nice', '-n', str(-os.getpriority(os.PRIO_PROCESS, 0)), 'unshare', '--user', '--map-root-user', '--mount', '--pid', '--net', '--ipc', '--fork', 'sh', '-c', script]
        done = subprocess.run(words, cwd='/', env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=self.limit)
        if done.returncode != 0:
            why = done.stderr.decode(errors='replace').strip().split('\n')[-1]
            raise Skip('no namespace in which this host runs riscv64 programs: ' + why)

        def read(number, what):
            with open(f'{top}.{number}.{what}', 'rb') as file:
                return file.read()
        return [(int(read(n, 'status')), read(n, 'out'), read(n, 'err')) for n in numbers]

    def no_inside(self):
        """Why there is no such namespace, or None."""
        if not QEMU:
            return 'no qemu-riscv64'
        trial = Both(self.program, os.path.join(self.place, 'trial'), [['sh', '-c', 'echo from | cat; pwd']], self.limit)
        os.makedirs(trial.place, exist_ok=True)
        trial.fresh([0])
        try:
            status, out, err = trial.inside([0])[0]
        except Skip as why:
            return str(why)
        if (status, out) != (0, f'from\n{trial.files_of(0)}\n'.encode()):
            return f'in a namespace of its own this host runs no riscv64 programs: {(err or out).decode().strip()}'
        return None

    def alone(self, number):
        name, *words = self.commands[number]
        file = os.path.join(ROOT, 'usr/bin', name)
        return self.end(number, *self.run([QEMU, '-L', ROOT, '-0', name, file, *words], self.files_of(number)))

    def under_qemu(self, starts, which=None):
        """What each command does; None for those that cannot be run on this host: where it has no such
        namespace, those of which starts(command) says that they start other programs."""
        if not QEMU:
            raise Skip('no qemu-riscv64')
        which = range(len(self.commands)) if which is None else which
        done = self.ran.setdefault('qemu', {})
        missing = [n for n in which if n not in done]
        self.fresh(missing)
        with ThreadPoolExecutor(2) as pool:
            if not self.why_alone:
                halves = [half for half in (missing[::2], missing[1::2]) if half]
                for half, ran in zip(halves, list(pool.map(self.inside, halves))):
                    done.update((n, self.end(n, *how)) for n, how in zip(half, ran))
            else:
                can = [n for n in missing if not starts(self.commands[n])]
                done.update((n, None) for n in missing)
                done.update(zip(can, pool.map(self.alone, can)))
        return done

    @functools.cached_property
    def why_alone(self):
        return self.no_inside()

    def differences(self, got, wanted, which):
        found = [f'{title(self.commands[n])}\n{got[n].differs(wanted[n])}' for n in which
                 if wanted[n] and got[n].differs(wanted[n])]
        if found:
            raise AssertionError(f'{len(found)} of {len(which)} commands differ:\n' + '\n'.join(found))
