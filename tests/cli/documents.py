#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents and manual pages say is true: their examples run, what they name exists."""

import glob
import os
import re
import shutil
import subprocess

from world import CARREL, CROSS, DIR, HELLO, MEM, SOURCE, build, carrel
from tap import Skip, equal, main, test


def written_pages_are_true(script):
    r = subprocess.run([os.path.join(SOURCE, 'scripts', script), '--check'], capture_output=True, text=True,
                       check=False)
    return r.returncode, r.stderr


@test
def the_options_in_the_manual_are_those_that_exist():
    equal(written_pages_are_true('man-options'), (0, ''))


@test
def the_page_of_system_calls_says_what_the_list_says():
    equal(written_pages_are_true('syscalls'), (0, ''))


def examples():
    """(page, command) for each line of an EXAMPLES section that runs carrel."""
    for page in sorted(glob.glob(os.path.join(SOURCE, 'man', '*.scd'))):
        with open(page, encoding='utf-8') as file:
            section = re.search(r'^# EXAMPLES\n(.*?)(?=^# |\Z)', file.read(), re.MULTILINE | re.DOTALL)
        for line in section.group(1).split('\n') if section else ():
            if line.startswith('carrel root create') or ' ./lab ' in line:
                continue  # they need the network; tests/scripts/root.py makes roots without
            if line.startswith(('carrel exec', 'carrel shell')):
                continue  # they need a machine that runs, or a person: machines.py and shell.py
            if line == 'carrel run bash' and not os.environ.get('CARREL_TEST_ROOT'):
                continue
            if line.startswith('carrel '):
                yield os.path.basename(page), line


@test
def every_example_of_the_manual_pages_works():
    build('mem', MEM)
    build('hello', HELLO)
    tools = os.path.join(DIR, 'bin')
    os.makedirs(tools, exist_ok=True)
    if not os.path.exists(os.path.join(tools, 'carrel')):
        os.symlink(CARREL, os.path.join(tools, 'carrel'))
    environment = dict(os.environ, PATH=f'{tools}:{os.environ["PATH"]}')
    root = {'CARREL_ROOT': os.environ.get('CARREL_TEST_ROOT', '')}
    count = 0
    for page, command in examples():
        r = subprocess.run(['sh', '-c', command], cwd=DIR, env=environment | (root if command == 'carrel run bash' else {}), stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60, check=False)
        equal((r.returncode, [line for line in r.stderr.splitlines() if line.startswith('carrel:')]), (0, []),
              f'{page}: {command}')
        count += 1
    equal(count > 10, True, 'examples found')


def shape(text):
    """What stays the same with another C library: all but numbers and runs of blanks."""
    return [re.sub(r' +', ' ', re.sub(r'0x[0-9a-f]+|\d+', 'N', line)).strip() for line in text.splitlines()]


def shows(said, shown):
    """Is what is shown all that was said, but for what "[...]" stands for? Returns the part that is missing."""
    at, lines = 0, shape(said)
    for number, part in enumerate(shown.split('[...]\n')):
        wanted = shape(part)
        while lines[at:at + len(wanted)] != wanted:
            at += 1
            if number == 0 or at + len(wanted) > len(lines):
                return part
        at += len(wanted)
    return None if shown.endswith('[...]\n') or at == len(lines) else '\n'.join(lines[at:])


@test
def the_readme_shows_what_really_comes():
    if not shutil.which(CROSS):
        raise Skip(f'{CROSS} is not installed')
    for path in glob.glob(os.path.join(SOURCE, 'examples', '*.c')):
        shutil.copy(path, DIR)
    with open(os.path.join(SOURCE, 'README.md'), encoding='utf-8') as file:
        blocks = re.findall(r'^```\n\$ (carrel .*)\n((?:.*\n)*?)```$', file.read(), re.MULTILINE)
    for command, shown in blocks:
        words = command.split()
        r = subprocess.run([CARREL] + words[1:], cwd=DIR, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        said = r.stdout
        if words[1] == 'walk':
            said = ''.join(line for line in said.splitlines(True) if not line.startswith('('))
        missing = shows(said, shown)
        if missing is not None:
            raise AssertionError(f'{command}: not as README.md shows it:\n{missing}\nit says:\n{said}')
    equal(len(blocks), 7, 'commands in README.md')


def documents():
    """(name, text) of each document for people."""
    for path in sorted(glob.glob(os.path.join(SOURCE, '*.md')) + glob.glob(os.path.join(SOURCE, 'docs', '*.md'))):
        with open(path, encoding='utf-8') as file:
            yield os.path.relpath(path, SOURCE), file.read()


@test
def what_the_documents_name_is_there():
    with open(os.path.join(SOURCE, 'Makefile'), encoding='utf-8') as file:
        targets = set(re.findall(r'^([a-z-]+):', file.read(), re.MULTILINE))
    verbs = set(re.findall(r'^  (\w+) ', carrel('help').stdout, re.MULTILINE))
    named = 0
    for name, text in documents():
        code = re.findall(r'^```\n(.*?)^```$', text, re.MULTILINE | re.DOTALL) + re.findall(r'`([^`\n]+)`', text)
        for line in '\n'.join(code).split('\n'):
            words = re.sub(r'^\$ ', '', line).split()
            if words[:1] == ['make'] and len(words) > 1 and re.fullmatch('[a-z-]+', words[1]):
                equal(words[1] in targets, True, f'{name}: make {words[1]}')
            elif words[:1] == ['carrel'] and len(words) > 1 and words[1].isalpha() and words[1].islower():
                equal(words[1] in verbs, True, f'{name}: carrel {words[1]}')
                known = carrel(words[1], '--help').stdout if words[1] not in ('cc', 'root', 'help', 'policies') else None
                for option in re.findall(r' \[?(--[a-z-]+)', line.split(' -- ')[0]) if known else ():
                    equal(f'{option}' in known, True, f'{name}: {line}: {option}')
            elif words and re.fullmatch(r'scripts/[\w-]+', words[0]):
                equal(os.path.exists(os.path.join(SOURCE, words[0])), True, f'{name}: {words[0]}')
            else:
                continue
            named += 1
    equal(named > 30, True, f'{named} commands in the documents')


@test
def links_of_the_documents_lead_somewhere():
    for name, text in documents():
        for link in re.findall(r'\]\(([^)#:]+)\)', text):
            there = os.path.join(SOURCE, os.path.dirname(name), link)
            equal(os.path.exists(there), True, f'{name}: {link}')


main()
