# SPDX-License-Identifier: MIT
"""What make bundle packs must run where there is no network, no administrator and no compiler. A test of root.py."""

import os
import shutil
import subprocess
import tempfile

from tap import Skip, equal

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
NOBODY = 65534
MEM = '#include <stdio.h>\nint main(void) { printf("compiled in the machine\\n"); return 3; }\n'


def a_bundle_runs_and_compiles_without_network_root_or_compiler():
    user = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if os.geteuid() == 0 else {}
    if not shutil.which('unshare'):
        raise Skip('there is no unshare')
    alone = [shutil.which('unshare'), '--user', '--map-current-user', '--net']
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        archive = os.path.join(top, 'bundle.tar.gz')
        made = subprocess.run([os.path.join(SOURCE, 'scripts/bundle'), archive], capture_output=True, text=True, check=False)
        if made.returncode != 0 and 'mirror' in made.stderr:
            raise Skip('no Debian mirror with riscv64 can be reached')
        equal(made.returncode, 0, f'bundle, which said {made.stderr[-2000:]}; status')
        subprocess.run(['tar', 'xzf', archive, '-C', top], check=True)
        place, = (name for name in os.listdir(top) if name.startswith('carrel-'))
        home = os.path.join(top, 'home')
        os.mkdir(home)
        with open(os.path.join(home, 'mem.c'), 'w', encoding='utf-8') as file:
            file.write(MEM)
        if user:
            os.chown(home, NOBODY, NOBODY)

        def carrel(*words):
            return subprocess.run([*alone, os.path.join(top, place, 'bin/carrel'), *words], cwd=home, capture_output=True,
                                  text=True, check=False, stdin=subprocess.DEVNULL,
                                  env={'PATH': '/nowhere', 'HOME': home}, **user)

        if carrel('help').returncode != 0:
            raise Skip('this machine lets nobody give up its network')
        said = carrel('run', '-E', 'PATH=/usr/bin', 'bash', '-c', 'echo $((6 * 7)); exit 5')
        equal((said.stdout, said.returncode), ('42\n', 5), f'bash, which said {said.stderr}')
        said = carrel('run', 'mem.c')
        equal((said.stdout, said.returncode), ('compiled in the machine\n', 3), f'mem.c, which said {said.stderr}')
        said = carrel('cc', '-O2', '-o', home + '/again', './mem.c')
        equal(said.returncode, 0, f'cc, which said {said.stderr}; status')
        equal(carrel('run', './again').stdout, 'compiled in the machine\n')
        shutil.copy(os.path.join(top, place, 'examples/few'), home)
        equal(carrel('run', './few').returncode, 0, 'the compiled example')
