# SPDX-License-Identifier: MIT
"""scripts/check-layers must see each arrow that DESIGN.md does not draw."""

import os
import subprocess
import tempfile

from tap import equal, main, test

LAYERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts/check-layers')
DESIGN = '''The house:
```layers
base:
vm:       base
policy:   base vm/policy.h
cli:      *
vm never: stdio.h malloc
```
'''
SPDX = '/* SPDX-License-Identifier: MIT */\n'
HOUSE = {
    'DESIGN.md': DESIGN,
    'src/base/text.h': '',
    'src/vm/policy.h': '#include "base/text.h"\n#include "events.def"\n',
    'src/vm/events.def': '',
    'src/vm/frame.c': '#include "policy.h"\n#include <string.h>\n',
    'src/policy/fifo.c': '#include "vm/policy.h"\n#include "vm/events.def"\n',
    'src/cli/main.c': '#include "vm/policy.h"\n#include "base/text.h"\n',
}


def layers(**changes):
    """Runs check-layers on the house above with files changed: (status, output)."""
    with tempfile.TemporaryDirectory() as top:
        house = dict(HOUSE)
        house.update({name.replace('__', '/').replace('_c', '.c').replace('_h', '.h')
                      .replace('_md', '.md'): text for name, text in changes.items()})
        for name, text in house.items():
            path = os.path.join(top, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text if name.endswith('.md') or text.startswith('!') else SPDX + text)
        done = subprocess.run([LAYERS, '--source', top], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def refused(why, **changes):
    status, out = layers(**changes)
    if status == 0 or why not in out:
        raise AssertionError(f'status {status}, and no {why!r} in\n{out}')


@test
def a_house_as_drawn_passes():
    status, out = layers()
    equal(status, 0, f'status of\n{out}\n')


@test
def an_arrow_that_is_not_drawn_is_refused():
    refused('src/base/text.h:2: base includes vm/policy.h', src__base__text_h='#include "vm/policy.h"\n')
    refused('vm includes cli/', src__vm__frame_c='#include "../cli/main.c"\n')


@test
def one_file_of_a_room_does_not_open_the_rest():
    refused('policy includes vm/frame.c', src__policy__fifo_c='#include "vm/frame.c"\n')


@test
def a_forbidden_header_or_call_is_refused_but_not_in_a_comment_or_string():
    refused('must not include <stdio.h>', src__vm__frame_c='#include <stdio.h>\n')
    refused('must not call malloc', src__vm__frame_c='void *f(void) { return malloc (3); }\n')
    status, out = layers(src__vm__frame_c='/* malloc(3)\n #include <stdio.h> */ // malloc(1)\n'
                                          'const char *s = "malloc(3)"; int my_malloc(int);\n'
                                          'int f(struct s *h) { return h->malloc(3); }\n')
    equal(status, 0, f'status of\n{out}\n')


@test
def a_room_without_a_line_is_refused():
    refused('no line for this room', src__attic__box_c='')


@test
def a_design_without_its_block_is_refused():
    refused('0 blocks', DESIGN_md='Nothing here.\n')
    refused('cannot read the line', DESIGN_md='```layers\nbase knows nobody\n```\n')


@test
def a_file_without_licence_is_refused():
    refused('src/cli/extra.c: says no licence', src__cli__extra_c='!int x;\n')


@test
def a_long_file_is_a_warning_only():
    status, out = layers(src__cli__extra_c='int x;\n' * 800)
    equal(status, 0, 'status')
    equal('# warning: src/cli/extra.c has 801 lines' in out, True, 'warned')


main()
