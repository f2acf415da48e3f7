# SPDX-License-Identifier: MIT
"""What the tests of the command line have in common: a directory, programs for the guest, golden files.

CARREL names the program. CARREL_GOLDEN=update writes the golden files anew: look at the difference.
"""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'scripts'))
from tap import Skip, equal  # noqa: E402

CARREL = os.environ.get('CARREL', 'carrel')
CROSS = 'riscv64-linux-gnu-gcc'
DIR = tempfile.mkdtemp(prefix='carrel-cli-', dir='/var/tmp')
atexit.register(shutil.rmtree, DIR, ignore_errors=True)

MEM = r'''
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	int *p = malloc(sizeof(int));
	*p = 0;
	printf("(%d) address pointed to by p: %p\n", getpid(), (void *)p);
	for (;;) {
		sleep(1);
		*p = *p + 1;
		printf("(%d) p: %d\n", getpid(), *p);
		fflush(stdout);
	}
}
'''
HELLO = '#include <stdio.h>\nint main(void) { printf("hello\\n"); return 0; }\n'


def build(name, text, *flags):
    """A program for the guest, made once."""
    program = os.path.join(DIR, name)
    if os.path.exists(program):
        return program
    if not shutil.which(CROSS):
        raise Skip(f'no {CROSS}')
    source = f'{program}.c'
    with open(source, 'w', encoding='utf-8') as file:
        file.write(text)
    subprocess.run([CROSS, '-g', '-o', program, source, *flags], check=True)
    return program


def assembled(name, *flags):
    """A program without a library, the same whatever compiled it: how to run it in an empty root."""
    program = os.path.join(DIR, name)
    if not os.path.exists(program):
        if not shutil.which(CROSS):
            raise Skip(f'no {CROSS}')
        os.makedirs(os.path.join(DIR, 'empty'), exist_ok=True)
        subprocess.run([CROSS, '-nostdlib', '-static', '-march=rv64gc', '-Wl,-Ttext-segment=0x10000,--build-id=none',
                        '-Wl,-z,max-page-size=4096', *flags, '-o', program, os.path.join(HERE, f'{name}.S')],
                       check=True)
    return ['--clean-env', '-L', os.path.join(DIR, 'empty'), '--bind', f'{program}:/{name}', f'/{name}']


def tiny():
    return assembled('tiny')


def threads(*args):
    return [*assembled('threads'), *args]


def carrel(*args, timeout=60, **more):
    return subprocess.run([CARREL, *args], cwd=DIR, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, **more)


def from_json(r):
    """What a verb says as JSON, behind sentences that are for people."""
    return json.loads(r.stderr[r.stderr.index('\n{') if r.stderr[0] != '{' else 0:])


def has(text, *patterns):
    """Are these there, each behind the one before?"""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, at)
        if not found:
            raise AssertionError(f'no {pattern!r} (after byte {at}) in:\n{text}')
        at = found.end()


def golden(name, text):
    path = os.path.join(HERE, 'golden', name)
    text = re.sub(r'\b[0-9a-f]{2}:[0-9a-f]{2} \d+ +/', 'DEV INODE /', text)
    text = re.sub(r'"device": "[^"]*"', '"device": "DEV"', text)
    text = re.sub(r'"inode": [1-9]\d*', '"inode": INODE', text)
    if os.environ.get('CARREL_GOLDEN') == 'update':
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    with open(path, encoding='utf-8') as file:
        wanted = file.read()
    if text != wanted:
        mine = os.path.join(DIR, name)
        with open(mine, 'w', encoding='utf-8') as file:
            file.write(text)
        diff = subprocess.run(['diff', '-u', path, mine], capture_output=True, text=True, check=False).stdout
        raise AssertionError(f'not as in {path}:\n{diff}')


def more():
    """A program that does not fit: 100 pages, and 64 frames."""
    return ['-m', '256K', '--swap', 'file:swap.img,size=1M', *assembled('more')]


def look(name, *args, status=3, program=tiny):
    """Runs twice: the same bytes, and those of the golden file."""
    first, second = carrel(*args, *program()), carrel(*args, *program())
    equal(second.stderr, first.stderr, 'the second run')
    equal(first.returncode, status, 'exit status')
    golden(name, first.stderr)
    return first
