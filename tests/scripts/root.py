# SPDX-License-Identifier: MIT
"""Guest roots and the guest's compiler: root.py DRIVER [TEST], where DRIVER has those verbs alone."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor

from bundle import a_bundle_runs_and_compiles_without_network_root_or_compiler
from tap import Skip, equal, is_long, main, test

DRIVER = os.path.abspath(sys.argv.pop(1))


def carrel(*words, **env):
    """Runs the driver: (status, standard output, standard error)."""
    done = subprocess.run([DRIVER] + list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=dict(os.environ, **env))
    return done.returncode, done.stdout, done.stderr


def refused(why, *words, **env):
    status, _, err = carrel(*words, **env)
    equal(status, 125, f'the status of {words} after {err!r}')
    if why not in err or 'carrel: ' not in err:
        raise AssertionError(f'{err!r} does not say {why!r}')


def entry(name, kind=tarfile.REGTYPE, target='', mode=0o755):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def archive(path, *entries, how='w'):
    with tarfile.open(path, how) as tar:
        for info in entries:
            body = b'body\n' if info.type == tarfile.REGTYPE else b''
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return path


class Place(tempfile.TemporaryDirectory):
    def __enter__(self):
        self.top = super().__enter__()
        return self

    def __call__(self, name):
        return os.path.join(self.top, name)


@test
def an_archive_becomes_a_root_with_the_links_and_files_that_programs_expect():
    for how, name in (('w', 'a.tar'), ('w:gz', 'a.tar.gz'), ('w:xz', 'a.tar.xz')):
        with Place() as p:
            archive(p(name), entry('./usr/bin/tool'), entry('./etc', tarfile.DIRTYPE), how=how)
            status, out, err = carrel('root', 'import', p(name), p('root'))
            equal((status, err), (0, ''), f'import of {name}')
            equal(os.readlink(p('root/bin')), 'usr/bin', 'bin')
            equal(os.path.exists(p('root/bin/tool')), True, 'bin/tool')
            equal('root:' in open(p('root/etc/passwd'), encoding='utf-8').read(), True, 'passwd')
            with open(p('root/etc/hosts'), encoding='utf-8') as file, open(p('root/etc/hostname'), encoding='utf-8') as name:
                equal(f'127.0.1.1 {name.read()}' in file.read(), True, 'its own name')
            equal(carrel('default', CARREL_ROOT=p('root'))[1].strip(), p('root'), 'the default root')


@test
def an_archive_with_one_directory_on_top_is_unpacked_without_it():
    with Place() as p:
        archive(p('a.tar'), entry('debian', tarfile.DIRTYPE), entry('debian/bin/tool'))
        equal(carrel('root', 'import', p('a.tar'), p('root'))[0], 0, 'status')
        equal(os.path.exists(p('root/bin/tool')), True, 'bin/tool')


@test
def a_name_that_leaves_the_root_is_refused_before_anything_is_unpacked():
    for name in ('../escaped', 'usr/../../escaped', '/escaped-carrel', 'usr/..'):
        with Place() as p:
            archive(p('a.tar'), entry('bin/tool'), entry(name))
            refused('would lie outside', 'root', 'import', p('a.tar'), p('root'))
            equal(sorted(os.listdir(p.top)), ['a.tar'], 'what lies there now')


@test
def a_file_behind_a_link_that_leaves_is_not_written():
    with Place() as p:
        os.mkdir(p('outside'))
        archive(p('a.tar'), entry('bin/tool'), entry('etc', tarfile.SYMTYPE, p('outside')),
                entry('etc/written'))
        carrel('root', 'import', p('a.tar'), p('root'))
        equal(os.listdir(p('outside')), [], 'what was written outside')


@test
def nothing_of_the_host_changes_when_directories_of_the_root_are_links_to_it():
    with Place() as p:
        names = ('etc', 'usr', 'var', 'run', 'home', 'root', 'tmp', 'media', 'sbin', 'lib')
        links = []
        for name in names:
            os.makedirs(p('host/' + name))
            links.append(entry(name, tarfile.SYMTYPE, p('host/' + name)))
        archive(p('a.tar'), entry('bin/tool'), *links)
        refused('leads out', 'root', 'import', p('a.tar'), p('root'))
        equal([n for n in names if os.listdir(p('host/' + n))], [], 'what was written outside')


@test
def device_nodes_are_left_out():
    with Place() as p:
        archive(p('a.tar'), entry('bin/tool'), entry('dev/null', tarfile.CHRTYPE),
                entry('dev/disk', tarfile.BLKTYPE))
        status, out, err = carrel('root', 'import', p('a.tar'), p('root'))
        equal((status, err), (0, ''), 'import')
        equal(os.listdir(p('root/dev')), [], 'dev')
        equal('without 2 device nodes' in out, True, 'said')


@test
def what_is_there_is_never_overwritten():
    with Place() as p:
        archive(p('a.tar'), entry('bin/tool'))
        os.mkdir(p('mine'))
        open(p('mine/thesis'), 'w', encoding='utf-8').close()
        refused('not empty', 'root', 'import', p('a.tar'), p('mine'))
        refused('not empty', 'root', 'create', p('mine'))
        equal(os.listdir(p('mine')), ['thesis'], 'what lies there')


SCRIPT = r"""#!/bin/sh
set -e
# It doesn't run.
basedir=/usr/lib/lang priority=20
priority=$(expr $priority + 1); tools='one two
three'
case "$1" in configure)
    for i in $tools; do
        if [ -e $basedir/man/$i.1 ]; then
            slave="--slave \
                /usr/share/man/$i.1 $i.1 ${basedir}/man/$i.1"
        fi
        update-alternatives \
            --install "/usr/bin/$i" $i ${basedir}/bin/$i $priority $slave
    done
    update-alternatives --install /usr/bin/four four $basedir/bin/one 1
    update-alternatives --install /usr/bin/five five $unknown/bin/one 1
    for a in 1 2 3 4 5 6 7 8 9; do for b in $tools $tools $tools $tools; do for c in $tools $tools $tools $tools; do
        for d in $tools $tools $tools $tools; do for e in 1 2; do update-alternatives --install /$a$b$c$d$e x /y 1; done; done
    done; done; done
    update-alternatives --install /usr/bin/six six ../../../../etc/passwd 1
"""


def import_texts(p, texts):
    """A root of files with these contents."""
    with tarfile.open(p('a.tar'), 'w') as tar:
        for name, text in texts.items():
            info = entry(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    equal(carrel('root', 'import', p('a.tar'), p('root'))[0], 0, 'status')


@test
def names_that_a_package_s_script_would_choose_are_there_loops_and_variables_included():
    with Place() as p:
        texts = {'var/lib/carrel/control/lang/postinst': SCRIPT, 'usr/lib/lang/man/two.1': 'page',
                 'usr/share/ca-certificates/mozilla/b.crt': 'B\n', 'usr/share/ca-certificates/mozilla/a.crt': 'A\n',
                 **{f'usr/lib/lang/bin/{name}': '' for name in ('one', 'two', 'three')}}
        import_texts(p, texts)
        chosen = {name: os.path.realpath(p(f'root/usr/bin/{name}')) for name in ('one', 'two', 'three', 'four')}
        equal(chosen, {**{name: os.path.realpath(p(f'root/usr/lib/lang/bin/{name}')) for name in ('one', 'two', 'three')},
                       'four': os.path.realpath(p('root/usr/lib/lang/bin/one'))}, 'the choices')
        equal(os.path.exists(p('root/usr/share/man/two.1')), True, 'a page of a manual')
        equal([name for name in ('five', 'six') if os.path.lexists(p(f'root/usr/bin/{name}'))], [], 'what is not plain')
        with open(p('root/etc/ssl/certs/ca-certificates.crt'), encoding='utf-8') as file:
            equal(file.read(), 'A\nB\n', 'whom programs trust')


USERS = r"""
quiet=--quiet
if ! getent passwd base >/dev/null; then
    adduser --system $quiet --home /var/lib/base --no-create-home \
        --shell /bin/bash --group --gecos "Base administrator" base
fi
getent group rdma > /dev/null 2>&1 || addgroup --system --quiet rdma
adduser $quiet base rdma
adduser --system --home '/var/../x:y' plain >/dev/null || true
addgroup --system $GROUP >/dev/null
adduser --system 'root2:0:0' ; adduser me
"""
SYSUSERS = """# Some
u sshd -:nogroup "sshd user" /run/sshd
g crontab - -
u! games 5:0 - /usr/games /bin/false
m sshd crontab
m sshd crontab
u nobody 0
u bad:name 0
"""
TMPFILES = """d /run/sshd 2775 root root -
d /run/../etc/x 0755 root root -
d /etc/y 0755 root root -
f /run/z 0644 root root -
"""


@test
def the_users_that_packages_ask_for_are_there_so_that_their_daemons_start():
    with Place() as p:
        texts = {'var/lib/carrel/control/base/postinst': USERS, 'usr/lib/sysusers.d/a.conf': SYSUSERS,
                 'usr/lib/tmpfiles.d/a.conf': TMPFILES, 'usr/lib/sysusers.d/b.txt': 'u other -\n'}
        import_texts(p, texts)

        def lines(name):
            with open(p('root/etc/' + name), encoding='utf-8') as file:
                return [line for line in file.read().split('\n') if not line.startswith(('root:', 'nobody:', 'nogroup:'))]
        equal(lines('group'), ['crontab:*:101:sshd', 'rdma:*:102:base', 'base:*:103:', ''], 'groups')
        equal(lines('passwd'), ['sshd:*:100:65534:sshd user:/run/sshd:/usr/sbin/nologin', 'games:*:5:0::/usr/games:/bin/false',
                      'base:*:103:103::/var/lib/base:/bin/bash', 'plain:*:104:65534::/nonexistent:/usr/sbin/nologin', ''], 'users')
        equal(oct(os.stat(p('root/run/sshd')).st_mode & 0o7777), '0o2775', 'a directory of a daemon')
        equal([n for n in ('run/z', 'etc/x', 'etc/y') if os.path.lexists(p('root/' + n))], [], 'what else is listed')


@test
def an_archive_that_is_none_or_of_no_root_is_named():
    with Place() as p:
        with open(p('junk'), 'w', encoding='utf-8') as file:
            file.write('junk\n')
        refused('cannot read', 'root', 'import', p('none.tar'), p('root'))
        refused('cannot read the archive', 'root', 'import', p('junk'), p('root'))
        archive(p('a.tar'), entry('thesis.txt'))
        refused('no root', 'root', 'import', p('a.tar'), p('root'))
        equal(os.path.exists(p('root')), False, 'a root was begun')


@test
def words_that_make_no_sense_are_named():
    with Place() as p:
        refused('create and import', 'root', 'destroy')
        refused('what to do', 'root')
        refused('--foo', 'root', 'create', '--foo')
        refused('value is missing', 'root', 'create', '--mirror')
        refused('no address', 'root', 'create', p('r'), '--mirror', 'a b')
        refused('before the packages', 'root', 'create', p('r'), 'python3', p('s'))


def tools(p, **scripts):
    """A PATH of these scripts alone."""
    os.mkdir(p('bin'))
    for name, text in scripts.items():
        path = p('bin/' + name.replace('_', '-'))
        with open(path, 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\n' + text + '\n')
        os.chmod(path, 0o755)
    return p('bin')


# An apt-get of a machine with one mirror, whose "update" says what $1 says.
APT = '''case "$*" in
indextargets*) echo 'Packages|%s|some|http://mirror.example/debian/' ;;
*update*) echo "%s" >&2; exit %d ;;
esac'''


@test
def a_mirror_without_riscv64_is_refused_by_name():
    cases = (
        ('Debian', "E: The repository 'x trixie Release' does not have a Release file.", 100,
         'http://mirror.example/debian has no riscv64 packages of Debian trixie'),
        ('Debian', "N: Skipping acquire of configured file as repository doesn't support architecture", 0,
         'has no riscv64 packages'),
        ('Debian', "E: Could not resolve 'mirror.example'", 100, 'cannot reach http://mirror.example'),
        ('Debian', 'W: GPG error: NO_PUBKEY 6ED0E7B82643E131', 100, 'cannot verify'),
        ('Ubuntu', '', 0, 'uses no mirror of Debian'),
    )
    for origin, said, status, why in cases:
        with Place() as p:
            path = tools(p, apt_get=APT % (origin, said, status), dpkg_deb='', tar='')
            refused(why, 'root', 'create', p('root'), PATH=path, XDG_CACHE_HOME=p('cache'))
            equal(carrel('default', CARREL_ROOT='', XDG_DATA_HOME=p.top)[1].startswith(p.top), False,
                  'a root that is not complete is the default')


@test
def roots_that_are_made_at_once_wait_for_each_other_s_packages():
    with Place() as p:
        apt = f"""case "$*" in
indextargets*) echo 'Packages|Debian|some|http://mirror.example/debian/' ;;
*update*) mkdir {p('busy')} || touch {p('both')}; sleep 0.3; rmdir {p('busy')}; echo "E: Could not resolve 'mirror.example'" >&2; exit 100 ;;
esac"""
        path = tools(p, apt_get=apt, dpkg_deb='', tar='')
        for name in ('mkdir', 'touch', 'sleep', 'rmdir'):
            os.symlink(shutil.which(name), f'{path}/{name}')
        with ThreadPoolExecutor(3) as pool:
            ends = list(pool.map(lambda n: carrel('root', 'create', p(f'root{n}'), PATH=path, XDG_CACHE_HOME=p('cache')), range(3)))
        equal([(status, 'cannot reach' in err) for status, _, err in ends], [(125, True)] * 3, 'each by itself')
        equal(os.path.exists(p('both')), False, 'two that fetched at once')


@test
def a_machine_without_apt_is_told_of_import():
    with Place() as p:
        refused('root import', 'root', 'create', p('root'), PATH=tools(p, tar=''))


@test
def a_root_is_made_and_made_complete_from_debian_packages():
    with Place() as p:
        root = os.environ.get('CARREL_TEST_ROOT')
        if not root and not is_long('gcc'):
            raise Skip('CARREL_TEST_ROOT names no root (scripts/check makes one)')
        if not root or is_long('gcc'):
            root = p('root')
        status, out, err = carrel('root', 'create', root)
        if status != 0 and ('cannot reach' in err or 'has no riscv64' in err or 'no mirror' in err):
            raise Skip(err.split('\n')[0])
        equal((status, err), (0, ''), 'create')
        for name in ('bin/sh', 'usr/bin/awk', 'etc/passwd', 'etc/group', 'etc/shells', 'usr/bin/which',
                     'lib/ld-linux-riscv64-lp64d.so.1', 'usr/bin/ps', 'var/lib/dpkg/status'):
            equal(os.path.exists(os.path.join(root, name)), True, name)
        for name, wanted in (('bash', '/usr/bin/bash\n'), ('libc6:riscv64', '/usr/lib/riscv64-linux-gnu\n')):
            # A root that an older Carrel began has none.
            if root == p('root') or os.path.exists(os.path.join(root, 'var/lib/dpkg/info/format')):
                with open(os.path.join(root, f'var/lib/dpkg/info/{name}.list'), encoding='utf-8') as file:
                    equal(wanted in file.read(), True, f'the files of {name}')
        equal(carrel('root', 'create', root)[1], root + ': has all of that already\n', 'again')
        refused('no package no-such-thing', 'root', 'create', root, 'no-such-thing')
        refused('no name of a package', 'root', 'create', root, 'dash-')
        equal(carrel('default', CARREL_ROOT='', XDG_DATA_HOME=p.top)[1].strip() != root, True, 'default')
        if root == p('root'):
            equal(carrel('root', 'create', root, 'sl')[0], 0, 'one more')
            equal(os.path.exists(p('root/usr/games/sl')), True, 'sl')


@test
def programs_of_debian_run_in_the_root_as_their_packages_meant_them_to():
    root, program = os.environ.get('CARREL_TEST_ROOT'), os.environ.get('CARREL')
    if not root or not program:
        raise Skip('CARREL_TEST_ROOT names no root (scripts/check makes one)')
    awk = 'gawk' if os.path.exists(root + '/usr/bin/gawk') else 'mawk'
    for command, wanted in (
            ("echo one | sed s/one/two/", 'two\n'),
            ("awk 'BEGIN { print 6 * 7 }'", '42\n'),
            ("find /etc -maxdepth 1 -name 'pass*d' | grep -c passwd", '1\n'),
            ("head -n 1 /etc/passwd | cut -d: -f 1,6", 'root:/root\n'),
            ("readlink -f /usr/bin/awk /bin/ls", f'/usr/bin/{awk}\n/usr/bin/ls\n'),
            ("bash -c 'a=(x y z); echo ${#a[@]} $(which ls)'", '3 /usr/bin/ls\n'),
            ("su -s /bin/sh nobody -c 'id -un; touch /tmp/of && stat -c %U /tmp/of'", 'nobody\nnobody\n')):
        done = subprocess.run([program, 'run', '-L', root, '--user', 'root', '--clean-env', '-E', 'PATH=/usr/bin:/bin',
                               'sh', '-c', command], cwd='/', stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        equal((done.returncode, done.stdout, done.stderr), (0, wanted, ''), command)


@test
def cc_passes_its_words_through_untouched():
    with Place() as p:
        path = tools(p, compiler='printf "<%s>" "$@"; exit 7')
        status, out, _ = carrel('cc', '-DX="a b"', '', '*', '-o', CARREL_CC=path + '/compiler')
        equal((status, out), (7, '<-DX="a b"><><*><-o>'), 'cc')
        refused('no program', 'cc', CARREL_CC='no-such-compiler')
        refused('gcc-riscv64-linux-gnu', 'cc', PATH=path)


@test
def a_c_file_becomes_a_program_of_its_name_and_leaves_nothing_behind():
    if not shutil.which('riscv64-linux-gnu-gcc'):
        raise Skip('there is no riscv64-linux-gnu-gcc')
    with Place() as p:
        os.mkdir(p('tmp'))
        with open(p('good.c'), 'w', encoding='utf-8') as file:
            file.write('#include <math.h>\nint main(int c, char **v) { return sqrt(c) > 2; }\n')
        with open(p('bad.c'), 'w', encoding='utf-8') as file:
            file.write('int main(\n')
        status, out, err = carrel('program', p('good.c'), TMPDIR=p('tmp'))
        equal((status, err), (0, ''), 'good.c')
        equal(out.endswith('/good made\n'), True, out)
        refused_status, _, err = carrel('program', p('bad.c'), TMPDIR=p('tmp'))
        equal(refused_status, 125, 'bad.c')
        equal('bad.c does not compile' in err and 'error:' in err, True, err)
        equal(os.listdir(p('tmp')), [], 'what was left behind')


# It fetches and packs 100 MB.
if is_long('gcc'):
    test(a_bundle_runs_and_compiles_without_network_root_or_compiler)

main()
