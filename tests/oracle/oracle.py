#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""oracle.py --carrel FILE [--make DIR SEED] [TEST] - Linux is the oracle

Random programs of memory operations, made from a seed, are built for this host and for the guest from
the same source. What each says of every call (results, errno, bytes, signals, numbers of faults, what
is resident, the lines of /proc/self/maps) must be the same under Carrel and on the Linux that this runs
on. oracle.h says what a program consists of. CARREL_SEED chooses other programs, CARREL_LONG makes 1,000
of them instead of 50. --make only writes the sources, to look at one that differs.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, is_long, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel')
parser.add_argument('--make', nargs=2, metavar=('DIR', 'SEED'))
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel) if options.carrel else None
SEED = int(os.environ.get('CARREL_SEED') or '4', 0)
COUNT = 1000 if is_long('gcc') else 50
EACH = 25  # programs in one file
LIMIT = 600  # seconds: far beyond any; nothing is measured
FLAGS = ['-O1', '-g', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-static', '-I', HERE]
PAGES = 48  # ARENA_PAGES

# No PROT_EXEC without PROT_READ: what that allows differs between processors.
PROTS = ['PROT_NONE', 'PROT_READ', 'PROT_READ | PROT_WRITE', 'PROT_READ | PROT_WRITE', 'PROT_READ | PROT_WRITE',
         'PROT_READ | PROT_EXEC', 'PROT_WRITE', 'PROT_READ | PROT_WRITE | PROT_EXEC']
ADVICE = ['MADV_NORMAL', 'MADV_RANDOM', 'MADV_SEQUENTIAL', 'MADV_WILLNEED', 'MADV_DONTNEED', 'MADV_DONTNEED', 'MADV_DONTNEED',
          'MADV_FREE', 'MADV_REMOVE', 'MADV_DONTFORK', 'MADV_DOFORK', 'MADV_MERGEABLE', 'MADV_UNMERGEABLE', 'MADV_HUGEPAGE',
          'MADV_NOHUGEPAGE', 'MADV_DONTDUMP', 'MADV_DODUMP', 'MADV_WIPEONFORK', 'MADV_KEEPONFORK', 'MADV_COLD',
          'MADV_PAGEOUT', 'MADV_POPULATE_READ', 'MADV_POPULATE_WRITE', 'MADV_DONTNEED_LOCKED', '25 /* COLLAPSE */',
          '100 /* HWPOISON */', '101 /* SOFT_OFFLINE */', '77', '-1']
MOVES = ['0', 'MREMAP_MAYMOVE', 'MREMAP_MAYMOVE', 'MREMAP_MAYMOVE | MREMAP_FIXED', 'MREMAP_MAYMOVE | MREMAP_FIXED',
         'MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP', 'MREMAP_MAYMOVE | MREMAP_DONTUNMAP', 'MREMAP_FIXED',
         'MREMAP_DONTUNMAP', '8']
# What a call with odd arguments may be given, by its number in oracle.c; it says which arguments those are.
ODD = {
    0: [0], 1: [0, 1, 8, 16, 0x01000000, 0x02000000, 0x03000000], 2: [0, 4, 8, 9, 10, 18, 20, 22, 23, 77], 3: [0, 1, 2, 3, 4, 5, 6, 8],
    4: [0], 5: [0, 1, 2], 6: [0], 7: [0, 1, 2, 3, 4, 5, 7, 8, 9, 10], 8: [0],
    9: ['MAP_ANONYMOUS', 'MAP_PRIVATE | MAP_ANONYMOUS', 'MAP_SHARED | MAP_ANONYMOUS', 'MAP_SHARED_VALIDATE | MAP_ANONYMOUS',
        'MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN', 'MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED',
        'MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE', 'MAP_PRIVATE', '4 | MAP_ANONYMOUS'],
    10: ['0', '4', 'MAP_PRIVATE', 'MAP_SHARED', 'MAP_SHARED_VALIDATE', 'MAP_SHARED_VALIDATE | MAP_SYNC', 'MAP_SHARED | MAP_SYNC',
         'MAP_PRIVATE | MAP_GROWSDOWN', 'MAP_SHARED | MAP_GROWSDOWN', 'MAP_SHARED_VALIDATE | 0x400000',
         'MAP_SHARED | 0x400000', 'MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE'],
    11: [0, 1, 2, 3, 4, 5, 6, 7, 8],
}


class Program:
    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.lines = []
        self.forks = 0
        self.placed = False
        r = self.random
        # Where there is no swap MADV_PAGEOUT frees what MADV_FREE gave up; what is lost then is the kernel's affair.
        self.without = r.choice(['MADV_FREE', 'MADV_PAGEOUT'])
        self.locks = r.random() < 0.4
        self.seals = r.random() < 0.2
        for _ in range(r.randint(3, 6)):
            self.map()
        for _ in range(r.randint(20, 50)):
            self.operation(0)

    def say(self, depth, line):
        self.lines.append('\t' * (depth + 1) + line)

    def range(self):
        """Mostly small; now and then one of what the kernel placed."""
        r = self.random
        pages = min(r.randint(1, 8), r.randint(1, 8))
        if self.placed and r.random() < 0.15:
            return f'PLACED + {r.randint(0, 3)}', pages
        return r.randint(0, PAGES - pages), pages

    def file(self):
        r = self.random
        if r.random() < 0.7:
            return 'ANON'
        return r.randint(0, 5)

    def map(self, depth=0):
        r = self.random
        start = r.randint(0, PAGES - 1)
        pages = r.randint(1, min(12, PAGES - start))
        flags = r.choice(['MAP_PRIVATE', 'MAP_PRIVATE', 'MAP_SHARED'])
        flags += r.choice([' | MAP_FIXED', ' | MAP_FIXED', ' | MAP_FIXED', ' | MAP_FIXED_NOREPLACE'])
        flags += r.choice(['', '', '', '', ' | MAP_NORESERVE', ' | MAP_POPULATE', ' | MAP_LOCKED' if self.locks else '',
                           ' | MAP_GROWSDOWN' if r.random() < 0.3 else '', ' | MAP_NONBLOCK | MAP_POPULATE'])
        self.say(depth, f'map({start}, {pages}, {r.choice(PROTS)}, {flags}, {self.file()});')

    def place(self, depth):
        r = self.random
        self.placed = True
        flags = r.choice(['MAP_PRIVATE', 'MAP_PRIVATE', 'MAP_SHARED', 'MAP_PRIVATE | MAP_POPULATE', 'MAP_PRIVATE | MAP_GROWSDOWN'])
        self.say(depth, f'place({r.randint(1, 8)}, {r.choice(PROTS)}, {flags}, {self.file()});')

    def move(self, depth):
        r = self.random
        start, pages = self.range()
        flags = r.choice(MOVES)
        new = r.choice([pages, pages, pages, pages + r.randint(1, 4), max(1, pages - 2), r.randint(0, 8)])
        old = pages if r.random() < 0.95 else 0
        self.say(depth, f'move({start}, {old}, {new}, {flags}, {r.randint(0, PAGES - new)});')

    def odd(self, depth):
        r = self.random
        which = r.randint(0, 11)
        self.say(depth, f'odd({which}, {r.randint(0, PAGES - 1)}, {r.randint(0, 10)}, {r.randint(0, 10)}, {r.choice(ODD[which])});')

    def operation(self, depth):
        r = self.random
        start, pages = self.range()
        which = r.choices(['load', 'store', 'map', 'unmap', 'protect', 'advise', 'move', 'fork', 'incore', 'lock', 'unlock',
                           'sync', 'receive', 'send', 'resize', 'maps', 'place', 'lock_on_fault', 'lock_all', 'odd',
                           'protect_growing', 'seal'],
                          [16, 22, 6, 5, 10, 14, 8, 4, 4, 2, 2, 1, 3, 3, 2, 4, 2, 2, 0.4, 4, 0.4, 1.5])[0]
        if which == 'load':
            self.say(depth, f'load({start}, {pages}, {r.choice([0, 8, 100, 4095])});')
        elif which == 'store':
            self.say(depth, f'store({start}, {pages}, {r.choice([0, 8, 100, 4095])}, {r.randint(1, 255)});')
        elif which == 'map':
            self.map(depth)
        elif which == 'place':
            self.place(depth)
        elif which == 'move':
            self.move(depth)
        elif which == 'protect':
            self.say(depth, f'protect({start}, {pages}, {r.choice(PROTS)});')
        elif which == 'protect_growing':
            self.say(depth, f'protect_growing({start}, {pages}, {r.choice(PROTS)});')
        elif which == 'odd':
            self.odd(depth)
        elif which == 'lock_all':
            if self.locks:
                self.say(depth, f'lock_all({r.choice([0, 0, 1, 2, 3, 4, 5, 6, 7, 8])});')
        elif which == 'advise':
            advice = r.choice([a for a in ADVICE if a != self.without])
            self.say(depth, f'advise({start}, {pages}, {advice});')
        elif which == 'sync':
            flags = r.choice(['MS_SYNC', 'MS_ASYNC', 'MS_SYNC | MS_ASYNC', 'MS_SYNC | MS_INVALIDATE'])
            self.say(depth, f'sync_pages({start}, {pages}, {flags});')
        elif which in ('receive', 'send'):
            self.say(depth, f'{which}({start}, {pages}, {r.randint(0, 5)});')
        elif which == 'resize':
            self.say(depth, f'resize({r.choice([0, 4096, 5000, 8192, 12300, 20480, 24576])});')
        elif which == 'maps':
            self.say(depth, 'maps();')
        elif which in ('lock', 'lock_on_fault') and not self.locks:
            return
        elif which == 'seal' and not self.seals:
            return
        elif which != 'fork':
            self.say(depth, f'{which}({start}, {pages});')
        elif depth < 2 and self.forks < 4:
            self.forks += 1
            self.say(depth, 'if (child()) {')
            for _ in range(r.randint(2, 10)):
                self.operation(depth + 1)
            self.say(depth + 1, 'done();')
            self.say(depth, '}')
            if r.random() < 0.7:
                for _ in range(r.randint(0, 5)):
                    self.operation(depth)
            self.say(depth, 'joined();')


def write(place, number, seed):
    """One file of programs; they are named by what makes them."""
    path = os.path.join(place, f'programs{number}.c')
    names = [f'{seed}_{i}' for i in range(number * EACH, (number + 1) * EACH)]
    with open(path, 'w') as f:
        f.write('#include <sys/mman.h>\n\n#include "oracle.h"\n\n')
        for name in names:
            f.write(f'static void program_{name}(void)\n{{\n')
            f.write('\n'.join(Program(name, name).lines) + '\n}\n\n')
        f.write('const struct program programs[] = {\n')
        for name in names:
            f.write(f'\t{{"{name}", program_{name}}},\n')
        f.write('\t{0},\n};\n')
    return path


def run(argv, place, what):
    done = subprocess.run(argv, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    if done.returncode != 0:
        raise AssertionError(f'{what}: status {done.returncode}\n{done.stderr.decode(errors="replace")}')
    return done.stdout.decode(errors='replace')


def by_program(text):
    """What each program said."""
    parts = text.split('program ')[1:]
    return {part.split('\n', 1)[0]: part.split('\n')[1:] for part in parts}


def difference(got, wanted):
    """The first difference of what a program said, with what led to it; or None."""
    for i in range(max(len(got), len(wanted))):
        a, b = (got[i] if i < len(got) else 'nothing'), (wanted[i] if i < len(wanted) else 'nothing')
        if a != b:
            return '\n'.join([*wanted[max(0, i - 12):i], f'Carrel: {a}', f'Linux:  {b}'])
    return None


def compare(place, compilers, number, seed):
    """The differences of one file's programs: name -> text."""
    source = write(place, number, seed)
    said = {}
    for side, compiler in compilers.items():
        program = source[:-2] + '.' + side
        run([compiler, *FLAGS, '-o', program, source, os.path.join(place, f'oracle.{side}.o')], place, compiler)
        start = [CARREL, 'run', '--like', 'linux', '--'] if side == 'guest' else []
        said[side] = by_program(run([*start, program], place, side))
        os.remove(program)
    found = {}
    for name, wanted in said['host'].items():
        text = difference(said['guest'].get(name, []), wanted)
        if text:
            found[name] = text
    if len(said['host']) != EACH:
        raise AssertionError(f'only {len(said["host"])} programs of {EACH} ran on this host')
    return found


@test
def random_programs_of_memory_operations_see_what_they_see_on_linux():
    compilers = {'guest': shutil.which('riscv64-linux-gnu-gcc'), 'host': shutil.which('gcc') or shutil.which('clang')}
    for side, compiler in compilers.items():
        if not compiler:
            raise Skip(f'no compiler for the {side}')
    release = tuple(int(n) for n in re.findall(r'\d+', os.uname().release)[:2])
    if release < (6, 17):
        raise Skip('mremap moves many regions at once since Linux 6.17, and this host is older')
    print(f'# seed {SEED} (CARREL_SEED), {COUNT} programs (CARREL_LONG: 1000)', flush=True)
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for side, compiler in compilers.items():
            run([compiler, *FLAGS, '-c', '-o', f'oracle.{side}.o', os.path.join(HERE, 'oracle.c')], place, compiler)
        for number in range(COUNT // EACH):
            found.update(compare(place, compilers, number, SEED))
    if found:
        texts = '\n'.join(f'program {name}:\n{text}' for name, text in list(found.items())[:10])
        raise AssertionError(f'{len(found)} of {COUNT} programs differ\n{texts}')


if options.make:
    for made in range(COUNT // EACH):
        print(write(options.make[0], made, int(options.make[1], 0)))
else:
    main()
