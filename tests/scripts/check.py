# SPDX-License-Identifier: MIT
"""scripts/check must not call a run good that was not: each case is a crafted test program."""

import os
import signal
import subprocess
import tempfile

from tap import equal, main, test

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../scripts/check')


def check(shell, protocol='tap', more='', before=None):
    """Runs scripts/check on a project with one test program: (last line, whole output, status)."""
    with tempfile.TemporaryDirectory() as top:
        with open(os.path.join(top, 'one.sh'), 'w', encoding='utf-8') as file:
            file.write(shell)
        with open(os.path.join(top, 'meson.build'), 'w', encoding='utf-8') as file:
            file.write("project('crafted', 'c', version: '1')\n" + more)
            if shell:
                file.write("test('one', find_program('sh'), args: [files('one.sh')],"
                           f"protocol: '{protocol}', timeout: 1)\n")
        done = subprocess.run([CHECK, '--only', 'gcc', '--source', top,
                               '--builds', os.path.join(top, 'b')],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=before)
    return done.stdout.rstrip().split('\n')[-1], done.stdout, done.returncode


def expect(shell, line, *said, **options):
    last, out, status = check(shell, **options)
    equal(last, line, f'the last line of\n{out}\n')
    equal(status != 0, ' 0 failed' not in line, f'failure of the status {status} after\n{out}\n')
    for text in said:
        if text not in out:
            raise AssertionError(f'nobody said {text!r} in\n{out}')


@test
def each_test_of_a_program_is_counted():
    expect('printf "ok 1 - a\\nok 2 - b\\n1..2\\n"', '2 passed, 0 failed, 0 skipped')


@test
def a_skip_shows_its_reason():
    expect('printf "ok 1 - a\\nok 2 - b # SKIP no qemu here\\n1..2\\n"',
           '1 passed, 0 failed, 1 skipped', 'SKIP', 'one: b: no qemu here')


@test
def a_program_skipped_as_a_whole_shows_its_reason():
    expect('echo "1..0 # SKIP no network"', '0 passed, 1 failed, 1 skipped',
           'one: no network', 'nothing was tested')
    expect('echo no compiler; exit 77', '0 passed, 1 failed, 1 skipped',
           'one: no compiler', protocol='exitcode')


@test
def a_failure_is_counted_once_and_its_output_shown():
    expect('printf "# x.c:7: not true\\nnot ok 1 - a\\nok 2 - b\\n1..2\\n"; echo why >&2; exit 1',
           '1 passed, 1 failed, 0 skipped', 'one: a', 'x.c:7: not true', 'why')


@test
def what_a_failure_says_is_not_lost_among_hundreds_of_passes():
    expect('echo "# x.c:7: not true"; echo "not ok 1 - a"; for i in $(seq 2 300); do echo "ok $i - b$i"; done; echo 1..300; exit 1',
           '299 passed, 1 failed, 0 skipped', 'x.c:7: not true')


@test
def a_crash_after_passes_is_a_failure():
    expect('printf "ok 1 - a\\n1..1\\n"; kill -SEGV $$', '1 passed, 1 failed, 0 skipped',
           'died of signal 11')


@test
def a_hang_after_passes_is_a_failure():
    expect('echo "ok 1 - a"; exec sleep 20', '1 passed, 1 failed, 0 skipped',
           'did not finish in time')


@test
def a_silent_early_end_is_a_failure():
    expect('echo "ok 1 - a"', '1 passed, 1 failed, 0 skipped', 'stopped before its end')
    expect('printf "1..3\\nok 1 - a\\n"', '1 passed, 1 failed, 0 skipped', 'does not match its plan')


@test
def a_status_that_no_test_explains_is_a_failure():
    expect('printf "ok 1 - a\\n1..1\\n"; exit 3', '1 passed, 1 failed, 0 skipped',
           'ended with status 3')


@test
def a_program_that_bails_out_is_a_failure():
    expect('printf "ok 1 - a\\nBail out! disk gone\\n"', '1 passed, 1 failed, 0 skipped',
           'bailed out', 'disk gone')


@test
def a_program_that_runs_no_test_is_a_failure():
    expect('exit 0', '0 passed, 1 failed, 0 skipped', 'ran no test')
    expect('echo 1..0', '0 passed, 1 failed, 0 skipped', 'ran no test')


@test
def signals_that_nohup_ignores_are_not_ignored_in_the_tests():
    def before():
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)

    expect('case $(grep SigIgn: /proc/self/status) in *[08]) echo "ok 1 - a";; *) echo "not ok 1 - a";; esac; echo 1..1',
           '1 passed, 0 failed, 0 skipped', before=before)


@test
def a_project_without_tests_is_a_failure():
    expect('', '0 passed, 1 failed, 0 skipped', 'no test to run')


@test
def a_warning_of_the_compiler_is_a_failure():
    expect('printf "ok 1 - a\\n1..1\\n"', '0 passed, 1 failed, 0 skipped', 'the build failed, or warned',
           more="add_project_arguments('-Wall', language: 'c')\n"
                "configure_file(input: 'one.sh', output: 'x.c', command: ['sh', '-c',"
                "'echo \"static int unused;\" >@OUTPUT@'])\n"
                "static_library('x', meson.current_build_dir() / 'x.c')\n")


@test
def programs_without_tap_count_by_their_status():
    expect('exit 0', '1 passed, 0 failed, 0 skipped', protocol='exitcode')
    expect('echo wrong; exit 1', '0 passed, 1 failed, 0 skipped', 'wrong', protocol='exitcode')
    expect('kill -9 $$', '0 passed, 1 failed, 0 skipped', 'died of signal 9', protocol='exitcode')


main()
