#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py --carrel FILE --guest DIR [--native DIR] [--root DIR] [TEST] - guest programs as tests

Each program of programs/ was built for the guest (DIR/NAME.rv) and for this host (DIR/NAME.host). What
it says and how it ends must be the same on Carrel and on the Linux that this runs on. A few programs
make sense on Carrel only; what they must say is in expected/. Dynamic programs find their libraries in
the root that is given.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, equal, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True)
parser.add_argument('--native')
parser.add_argument('--root', help='a directory with the guest\'s libraries, for dynamic programs')
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
ROOT = options.root if options.root and os.path.isdir(options.root) else None
NOBODY = 65534
NICE = os.getpriority(os.PRIO_PROCESS, 0)  # as on a machine that somebody works at; guests begin with 0
LIMIT = 300  # seconds: far beyond any; nothing is measured
LINUX_LIMIT = 60  # beyond any here too; whoever is so disturbed that he waits for ever is asked again
ENV = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'HOME': '/'}


class Ran:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode(errors='replace')
        self.err = done.stderr.decode(errors='replace')

    @property
    def sentences(self):
        return [line for line in self.err.split('\n') if line.startswith('carrel: ')]


def run(argv, cwd, plain=False, limit=LIMIT):
    """plain: as a user who is not root."""
    user = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if plain and os.geteuid() == 0 else {}
    # The guest's first process has a standard input that nobody types into.
    return Ran(subprocess.run(argv, cwd=cwd, env=dict(ENV, **EXTRA), stdin=subprocess.DEVNULL, capture_output=True, timeout=limit,
                              check=False, **user))


EXTRA = {name: os.environ[name] for name in os.environ if name.startswith(('ASAN_', 'UBSAN_', 'LSAN_'))}


def carrel(name, *args, verb='run', given=(), plain=False):
    program = os.path.join(GUEST, name + '.rv')
    if not os.path.exists(program):
        raise Skip('no cross compiler')
    root = ('-L', ROOT) if ROOT else ()
    words = [verb, *root, *given, '--', './' + name + '.rv', *args]
    if not plain:
        return run([CARREL, *words], GUEST)
    # Where this was built may be closed to others.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        shutil.copy(program, place)
        shutil.copy(CARREL, os.path.join(place, 'carrel'))
        return run([os.path.join(place, 'carrel'), *words], place, plain)


def native(name, *args, plain=False):
    program = os.path.join(options.native or '', name + '.host')
    if not options.native or not os.path.exists(program):
        raise Skip('nothing to compare with: the program was not built for this host')
    # In a directory of its own, so that both see ./NAME.rv.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        shutil.copy(program, os.path.join(place, name + '.rv'))
        try:
            return run(['./' + name + '.rv', *args], place, plain, LINUX_LIMIT)
        except subprocess.TimeoutExpired:
            return Ran(subprocess.CompletedProcess(args, f'not ended after {LINUX_LIMIT} s', b'', b''))


def same(got, wanted):
    got_lines, lines = got.out.split('\n'), wanted.out.split('\n')
    for number, (a, b) in enumerate(zip(got_lines, lines), 1):
        if a != b:
            raise AssertionError(f'line {number}: Carrel says {a!r}, Linux {b!r}\n{got.err}')
    equal(len(got_lines), len(lines), 'the number of lines')
    equal(got.status, wanted.status, 'the status')


# Programs that say the same everywhere, by what a user would lose.
SAME = {
    'handlers': 'handlers_run_with_the_right_masks_and_in_order',
    'restart': 'a_signal_interrupts_or_restarts_a_call_as_on_linux',
    'suspend': 'sigsuspend_ppoll_and_sigtimedwait_wait_with_their_own_masks',
    'altstack': 'a_stack_overflow_can_be_handled_on_an_alternate_stack',
    'children': 'a_parent_is_told_of_its_children_and_orphans_are_taken_in',
    'faultinfo': 'a_handler_learns_the_address_and_the_cause_of_a_fault',
    'threadtimes': 'proc_tells_the_time_of_each_thread_and_of_all_together',
    'titles': 'ps_shows_the_title_that_a_program_gives_itself',
    'parted': 'a_process_parts_from_those_with_whom_it_shares_files_and_directory',
    'threads': 'threads_end_in_any_order_lock_wait_and_are_met_by_signals_as_on_linux',
    'timers': 'timers_come_once_or_again_and_missed_ones_are_counted',
    'maps': 'mmap_and_its_family_keep_their_promises',
    'groups': 'kill_and_tgkill_reach_those_and_only_those_they_name',
    'forks': 'processes_make_processes_pipes_groups_and_sessions',
    'args': 'arguments_environment_auxv_scripts_and_e2big_are_linux_s',
    'locks': 'record_locks_are_cut_joined_and_circles_of_waiters_found',
    'futexes': 'a_thread_waits_for_several_words_at_once_as_on_linux',
    'procfiles': 'what_a_process_did_and_where_it_belongs_is_told_in_proc_as_on_linux',
    'settings': 'what_is_written_to_proc_sys_counts_from_then_on_as_on_linux',
    'sched': 'policies_and_priorities_are_kept_and_shown_and_refused_as_on_linux',
    'mounts': 'trees_are_mounted_bound_and_taken_away_from_within_roots_keep_their_own_in_and_devices_are_what_they_are',
    'resolve': 'openat2_never_leads_out_of_where_it_was_told_to_stay',
    'misaligned': 'loads_and_stores_work_at_every_address',
    'robust': 'a_lock_whose_owner_ends_is_not_lost',
    'busy': 'the_file_of_a_running_program_is_busy_and_a_file_being_written_cannot_run',
    'cuts': 'files_are_cut_extended_replaced_and_removed_under_their_mappings',
    'memfd': 'files_without_a_name_live_in_ram_and_what_is_sealed_stays_as_it_is',
    'shm': 'dev_shm_is_a_file_system_and_its_files_are_memory_that_processes_share',
    'limits': 'every_limit_holds_where_it_holds_on_linux',
    'protect': 'r_w_and_x_mean_what_they_say_for_every_access_to_every_kind_of_page',
    'ptys': 'a_pseudo_terminal_makes_of_keys_and_text_what_linux_makes_of_them',
    'jobs': 'sessions_and_jobs_on_a_terminal_stop_and_are_told_as_on_linux',
    'crew': 'what_threads_and_processes_add_to_the_same_pages_is_all_there',
    'usage': 'a_program_learns_what_it_used_and_where_it_runs',
}

SAME |= {
    'epoll': 'epoll_tells_levels_edges_and_turns_as_on_linux_and_follows_open_files',
    'eventfd': 'an_eventfd_counts_waits_and_overflows_as_on_linux',
    'pidfd': 'a_pidfd_polls_signals_and_waits_for_its_process_and_no_other',
    'pieces': 'a_pipe_has_room_in_pieces_keeps_packets_apart_and_a_user_has_so_many_pages',
    'signalfd': 'signals_are_read_with_what_is_known_of_them_by_whom_they_are_sent_to',
    'sigqueues': 'signals_queue_in_order_stop_continue_and_say_what_they_are',
    'inotify': 'what_is_done_to_files_is_told_to_those_who_watch_them_in_linux_s_order',
    'fileops': 'files_are_locked_named_late_described_and_put_in_order_as_on_linux',
    'splice': 'bytes_go_from_file_to_file_by_themselves',
    'longcalls': 'a_signal_ends_a_call_that_moves_much_where_it_does_on_linux',
    'timerfd': 'a_timerfd_counts_its_periods_once_again_and_from_the_past',
}

# Those of them whose words do not tell of residence or fault counts.
DROPPED = ['handlers', 'groups', 'restart', 'altstack', 'children', 'faultinfo', 'forks', 'args', 'misaligned', 'cuts', 'memfd',
           'protect', 'ptys', 'jobs', 'shm']


# Shared memory, message queues, and windows into memory.
SAME |= {
    'sysvshm': 'system_v_segments_are_shared_counted_and_gone_with_the_last_who_has_them',
    'sysvsem': 'system_v_semaphores_change_together_in_order_and_are_given_back_by_the_dead',
    'userfault': 'a_program_brings_in_what_is_missing_and_is_told_of_stores_to_what_it_guards',
    'windows': 'proc_pid_mem_and_pagemap_show_memory_as_it_is',
    'mqueue': 'posix_messages_come_by_priority_and_who_wants_to_know_is_told_once',
    'numa': 'a_machine_of_one_node_answers_as_linux_with_one',
    'others': 'the_memory_of_others_is_copied_advised_and_released_as_on_linux',
    'sysvmsg': 'system_v_messages_reach_who_wants_their_type_and_none_is_lost',
}
DROPPED += ['mqueue', 'others', 'sysvshm', 'sysvsem', 'sysvmsg', 'softdirty', 'userfault']

# Those that a Linux allows root only.
ROOT_ONLY = ['asked', 'mounts', 'pagescan', 'pidfdthread', 'policies', 'secret', 'uffdevents', 'uffdpages', 'numa', 'netlink', 'others', 'pieces', 'procfiles', 'settings', 'userfault', 'windows', 'rights', 'loopback']

# Users, rights, owners.
SAME |= {
    'creds': 'who_a_process_is_changes_by_linux_s_rules_and_says_whom_it_may_kill',
    'leases': 'who_has_a_lease_is_told_before_another_opens_his_file_and_may_finish',
    'owners': 'files_are_open_to_those_alone_whom_owner_group_and_mode_let_in',
    'rights': 'threads_have_a_nice_value_files_attributes_programs_capabilities_and_owners_of_files_are_told_as_on_linux',
    'setid': 'a_set_id_program_has_its_owner_s_rights_and_nobody_else_s',
}

# Sockets.
SAME |= {
    'unixsock': 'sockets_with_paths_and_abstract_names_connect_carry_and_end_as_on_linux',
    'fdpass': 'open_files_and_credentials_come_with_messages_and_lost_ones_are_closed',
    'tcpsock': 'programs_reach_each_other_by_tcp_and_see_each_end_and_reset_as_on_linux',
    'netlink': 'programs_are_told_of_the_interface_and_threads_of_messages_as_on_linux',
    'msginfo': 'messages_come_with_their_time_address_and_hops_and_can_be_looked_at_again',
    'urgent': 'urgent_bytes_come_beside_the_stream_at_their_mark_as_on_linux',
    'loopback': 'echoes_come_back_ports_wait_until_a_connection_is_over_for_good_and_sockets_are_listed_as_on_linux',
    'udpsock': 'datagrams_reach_whom_they_are_for_and_senders_hear_of_nobody_there',
    'sockopts': 'options_of_sockets_have_linux_s_values_limits_and_errors',
    'sockwait': 'waiting_on_a_socket_ends_by_bytes_signals_times_and_ends_as_on_linux',
}
DROPPED += ['unixsock', 'fdpass', 'tcpsock', 'udpsock']

# Waiting for any of many.
SAME |= {
    'pollcalls': 'poll_select_and_epoll_keep_times_masks_and_limits_as_on_linux',
    'pollfiles': 'files_of_every_kind_are_ready_closed_and_broken_for_poll_select_and_epoll_as_on_linux',
    'pollsocks': 'sockets_of_every_kind_are_ready_closed_and_broken_for_poll_select_and_epoll_as_on_linux',
    'pollwakes': 'each_change_of_a_file_wakes_those_who_wait_for_it_and_nobody_else',
}
DROPPED += ['pollfiles', 'pollwakes']

# Operations on memory.
SAME |= {
    'guards': 'guard_pages_end_who_touches_them_wherever_they_are_as_on_linux',
    'secret': 'secret_memory_is_reached_by_those_who_map_it_and_by_nobody_through_the_kernel',
    'seals': 'what_is_sealed_stays_mapped_where_and_as_it_is_as_on_linux',
    'asked': 'files_tell_when_they_were_made_and_where_and_tasks_what_they_wait_in_as_on_linux',
    'futexlocks': 'who_waits_for_a_word_is_given_a_lock_in_order_and_words_that_are_not_there_are_told',
    'pidfdthread': 'a_descriptor_may_be_of_one_thread_and_signals_through_it_reach_whom_they_are_for',
    'policies': 'where_memory_is_wanted_is_kept_with_it_and_told_again_on_one_node',
    'pagescan': 'a_scan_of_pagemap_tells_which_pages_are_what_and_guards_them_anew',
    'uffdevents': 'who_watches_memory_is_told_of_forks_moves_and_what_is_given_up_before_they_end',
    'uffdpages': 'watched_pages_are_moved_poisoned_and_put_over_files_in_ram_as_on_linux',
}

DROPPED += ['futexlocks', 'guards', 'policies', 'seals', 'uffdevents', 'uffdpages']

# Those that root is not held to.
PLAIN = ['limits']


@test
def names_of_memory_are_shown_stay_with_it_and_keep_neighbours_apart():
    got = carrel('names')
    if 'knows no names' not in native('names').out:
        same(got, native('names'))
    with open(os.path.join(HERE, 'programs', 'names.out'), encoding='utf-8') as file:
        equal((got.out, got.status), (file.read(), 0))


def is_tmpfs(path):
    with open('/proc/self/mounts', encoding='utf-8') as mounts:
        return any(line.split()[1:3] == [path, 'tmpfs'] for line in mounts)


def one_node():
    try:
        with open('/sys/devices/system/node/online', encoding='utf-8') as nodes:
            return nodes.read().strip() == '0'
    except OSError:
        return False


# Since when Linux does what these ask of it.
SINCE = {'asked': (6, 9), 'guards': (6, 15), 'pagescan': (6, 17), 'pidfdthread': (6, 16), 'policies': (6, 9), 'secret': (6, 5), 'seals': (6, 17), 'uffdevents': (6, 15), 'uffdpages': (6, 15)}


def root_is_a_mount():
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        return any(line.split()[4] == '/' for line in file)


def nearest(ran, tries):
    """What Linux said, each line from a try that said what Carrel says there, where one did: each may be disturbed in another."""
    lines, said = ran.out.split('\n'), [linux.out.split('\n') for linux in tries]
    said = [words for words in said if len(words) == len(lines)]
    if not said:
        return tries[-1].out
    return '\n'.join(line if line in theirs else theirs[-1] for line, *theirs in zip(lines, *said))


def same_as_linux(name):
    """Carrel is asked once. Linux may be disturbed, by load or a page that it moves: up to six times."""
    plain = name in PLAIN
    if name in ROOT_ONLY and os.geteuid() != 0:
        raise Skip('this Linux shows it to root only')
    release = tuple(int(n) for n in re.findall(r'\d+', os.uname().release)[:2])
    if release < SINCE.get(name, (0, 0)):
        raise Skip('Linux has it since {}.{}, and this one is older'.format(*SINCE[name]))
    if name in ('shm', 'rights') and not is_tmpfs('/dev/shm'):
        raise Skip('/dev/shm of this host is no tmpfs')
    if name == 'pollfiles' and not os.path.exists('/sys/devices/system/cpu/online'):
        raise Skip('/sys of this host is not mounted')
    if name in ('asked', 'mounts') and not root_is_a_mount():
        raise Skip('/ of this Linux is no mount (a chroot)')
    if name == 'asked' and not os.path.exists('/proc/pressure/cpu'):
        raise Skip('this Linux tells of no pressure (CONFIG_PSI)')
    if name in ('numa', 'policies') and not one_node():
        raise Skip('this Linux has not exactly one node')
    if name == 'sched' and not nice_set(0):
        raise Skip('this runs with a nice value that it may not set back to 0')
    ran, linux = carrel(name, plain=plain), native(name, plain=plain)
    if name == 'rights' and 'no attributes here' in linux.out:
        raise Skip('/tmp or /dev/shm of this host keeps no extended attributes')
    if 'no secrets here' in linux.out:
        raise Skip('this Linux has no memfd_secret (CONFIG_SECRETMEM)')
    if name in ('loopback', 'mounts', 'netlink', 'settings') and 'no namespaces' in linux.out:
        raise Skip('this Linux gives no namespaces, without which others would be disturbed')
    tries = [linux]
    while nearest(ran, tries) != ran.out and len(tries) < 6:
        tries.append(native(name, plain=plain))
    nice_set(NICE)
    linux = tries[-1]
    linux.out = nearest(ran, tries)
    same(ran, linux)


def nice_set(value):
    try:
        os.setpriority(os.PRIO_PROCESS, 0, value)
    except PermissionError:
        return False
    return True


def compare(name):
    return lambda: same_as_linux(name)


def drop(name):
    def body():
        plain, dropped = carrel(name), carrel(name, given=['--drop-mappings', '8'])
        equal(dropped.out, plain.out, 'what it says')
        equal(dropped.status, plain.status, 'the status')
        equal(dropped.err, plain.err, 'standard error')
    return body


def expected(name):
    def body():
        ran = carrel(name)
        with open(os.path.join(HERE, 'expected', name + '.txt'), encoding='utf-8') as file:
            equal(ran.out, file.read(), 'what it says')
        equal(ran.status, 0, 'the status')
    return body


def add(name, body):
    body.__name__ = name
    test(body)


for program, name in SAME.items():
    add(name, compare(program))
for program in DROPPED:
    add(f'dropping_mappings_changes_nothing_for_{program}', drop(program))
add('time_begins_in_2026_and_costs_nobody_but_him_who_sleeps', expected('clocks'))
add('signal_frames_are_laid_out_as_on_riscv64_and_forged_ones_do_no_harm', expected('sigframe'))
add('pagemap_tells_which_pages_were_stored_to_since_it_was_asked_to_forget', expected('softdirty'))
add('a_critical_section_that_was_preempted_begins_again', expected('rseq'))
add('the_urgent_run_first_and_the_nice_get_less', expected('shares'))
add('what_is_written_to_proc_sys_counts_for_the_whole_machine', expected('tuned'))
add('the_port_of_a_connection_that_is_over_is_free_after_a_minute_of_the_machine_s_clock', expected('lasting'))
add('a_thousand_forks_leave_the_free_frames_of_before', expected('thousand'))
add('what_sockets_hold_takes_frames_of_ram_and_gives_them_back', expected('sockram'))


@test
def the_host_s_network_is_reached_with_net_host_and_never_without():
    with socket.create_server(('127.0.0.1', 0)) as server:
        heard = []

        def serve():
            with server.accept()[0] as peer:
                heard.append(peer.recv(5, socket.MSG_WAITALL))
                peer.sendall(b'world' + b'y' * 500_000)
                peer.shutdown(socket.SHUT_WR)
                heard.append(len(peer.recv(300_000, socket.MSG_WAITALL)))
        port = str(server.getsockname()[1])
        alone = carrel('hostnet', port)
        equal((alone.out, alone.status), ('connect: ECONNREFUSED\n', 1), 'without --net host')
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ran = carrel('hostnet', port, given=['--net', 'host'])
        thread.join(LIMIT)
    equal(ran.out, 'connect: 0\nsend: 5\npoll: 1\nrecv: 5\nworld\na stream: 1\nthen 500000\nwrite: 300000\na thread is told 7\n', 'what it says')
    equal((heard, ran.status), ([b'hello', 300_000], 0), 'what the host heard')


@test
def frames_shows_one_frame_for_all_that_map_a_page_of_shared_memory():
    # Mapped twice by each of two, which see each other's stores.
    equal(carrel('oneframe').out, 'ppcc\n' * 3, 'stores seen')
    ran = carrel('oneframe', verb='frames', given=['--pid', '3', '--at', 'syscall:getppid'])
    for name in ('SYSV00000000', 'oneframe (deleted)', 'memfd:oneframe'):
        lines = [line for line in ran.err.split('\n') if f' {name}' in line and ' anon ' in line]
        equal(len(lines), 1, f'frames of {name} in {ran.err!r}')
        equal(re.search(r'^\d+ +1  anon +pids 2, 3: ', lines[0]) is not None, True, f'two of them in {lines[0]!r}')


@test
def a_file_in_ram_larger_than_ram_comes_back_whole_from_swap():
    plain = carrel('ramfile', given=['-m', '64M'])
    equal('end: 0 wrong, 0 short' in plain.out, True, f'nothing wrong in {plain.out!r}')
    with tempfile.TemporaryDirectory() as place:
        swapped = carrel('ramfile', given=['-m', '2M', '--swap', f'file:{place}/swap,size=64M'])
    equal(swapped.out, plain.out, 'what it says')
    equal(swapped.status, 0, 'the status')


# How to die, and how many sentences that is worth: one a fault, none for what was asked for.
DEATHS = {
    'null': r'wrote to 0x8 at die\+0x[0-9a-f]+ .*in no region',
    'text': r'wrote to 0x[0-9a-f]+ at die\+0x[0-9a-f]+ .*\(r-x\)',
    'constant': r'wrote to 0x[0-9a-f]+ at die\+0x[0-9a-f]+ .*\(r-[-x]\)',
    'data': r'jumped to 0x[0-9a-f]+.*\(rw-\)',
    'nowhere': r'jumped to 0x1000.*in no region',
    'stack': r'wrote to 0x[0-9a-f]+ at deep\+0x[0-9a-f]+ .*stack',
    'freed': r'wrote to 0x[0-9a-f]+ at die\+0x[0-9a-f]+ .*in no region',
    'kernel half': r'wrote to 0xffffffff80000000 ',
    'abort': None,
    'kill': None,
    'term': None,
    'exit': None,
}


def death(how):
    def body():
        ran, linux = carrel('deaths', how), native('deaths', how)
        same(ran, linux)
        pattern = DEATHS[how]
        equal(len(ran.sentences), 1 if pattern else 0, f'the number of sentences in {ran.err!r}')
        if pattern and not re.search(pattern, ran.sentences[0]):
            raise AssertionError(f'{ran.sentences[0]!r} is not like {pattern!r}')
        # And once more as the program that was started: carrel ends in the same way.
        same(carrel('deaths', how, 'again'), native('deaths', how, 'again'))
    return body


for how in DEATHS:
    add(f'a_death_by_{how.replace(" ", "_")}_is_told_and_leaves_the_neighbour_alone', death(how))


@test
def a_limit_that_leaves_room_for_a_core_shows_in_the_status():
    equal(carrel('sigqueues', 'dumped').out, 'SIGQUIT dumped 1\nSIGTERM dumped 0\n', 'who dumped core')


@test
def an_illegal_instruction_is_sigill_and_one_sentence():
    ran = carrel('deaths', 'trap')
    equal('it was: SIGILL' in ran.out or 'it was: SIGTRAP' in ran.out, True, 'death by __builtin_trap')
    equal(len(ran.sentences), 1, 'the number of sentences')


# Minor faults of each operation on Linux 6 with 4 KiB pages and without huge ones.
COUNTS = {
    'anon write': 1024, 'anon write again': 0, 'anon read': 1024, 'anon write after read': 1024,
    'anon write after dontneed': 1024, 'anon write after mprotect and back': 0,
    'fork child reads': 1, 'fork child writes every second': 512, 'fork child writes': 1024,
    'fork parent writes after its children': 1024, 'fork parent writes again': 0,
    'mremap read at the new place': 0, 'shared write': 1024, 'shared child writes': 1024,
    'populated write': 0, 'file private write': 1024, 'file shared write after read': 1024,
    'read into fresh memory': 1024, 'stack descent': 101, 'stack descent again': 0, 'brk write': 1024,
}


def counts(ran):
    found = {}
    for line in ran.out.rstrip('\n').split('\n'):
        number, operation = line.split(' ', 1)
        found[operation] = int(number)
    return found


def counts_are(found, wanted):
    for operation, number in wanted.items():
        if abs(found.get(operation, -9) - number) > 2:
            raise AssertionError(f'{operation}: {found.get(operation)} minor faults, on Linux {number}')


@test
def every_operation_takes_the_minor_faults_that_it_takes_on_linux():
    counts_are(counts(carrel('faultcounts')), COUNTS | {'file private read': 1024, 'file shared read': 1024})


@test
def faults_of_files_map_their_neighbours_when_asked_to():
    counts_are(counts(carrel('faultcounts', given=['--fault-around', '16'])),
               COUNTS | {'file private read': 64, 'file shared read': 64})


@test
def the_same_program_counts_the_same_faults_on_this_linux():
    found = counts(native('faultcounts'))
    # How many neighbours a fault maps, and whether pages are huge, is this kernel's affair.
    if found.get('anon write', 0) < 1024:
        raise Skip('this kernel does not give each page its own fault')
    counts_are(found, COUNTS)


@test
def calls_that_give_bytes_touch_only_the_memory_that_they_write():
    same_as_linux('copyout')


@test
def threads_of_a_cxx_program_share_throw_and_wait():
    ran = carrel('crowd')
    same(ran, native('crowd'))


@test
def a_cxx_program_sorts_a_vector_and_catches_exceptions_through_dynamic_libraries():
    if not ROOT or not os.path.exists(os.path.join(ROOT, 'lib', 'libstdc++.so.6')):
        raise Skip('no riscv64 C++ library')
    ran = carrel('vector')
    same(ran, native('vector'))
    equal(ran.err, '', 'standard error')


@test
def a_dynamic_program_says_what_qemu_says():
    qemu = shutil.which('qemu-riscv64')
    if not ROOT or not qemu:
        raise Skip('no qemu-riscv64, or no riscv64 libraries')
    for name in ('vector', 'misaligned-dynamic'):
        ran = carrel(name)
        same(ran, run([qemu, '-L', ROOT, './' + name + '.rv'], GUEST))


@test
def dropping_mappings_changes_nothing_for_a_dynamic_cxx_program():
    if not ROOT or not os.path.exists(os.path.join(ROOT, 'lib', 'libstdc++.so.6')):
        raise Skip('no riscv64 C++ library')
    drop('vector')()


@test
def dropped_mappings_come_back_by_refills():
    ran = carrel('misaligned', verb='stat', given=['--drop-mappings', '50', '--json'])
    found = re.search(r'"refill": *(\d+)', ran.err)
    equal(bool(found and int(found.group(1)) > 0), True, f'refills in {ran.err[:300]!r}')


@test
def two_runs_of_a_forking_program_are_the_same_to_the_byte():
    first, second = (carrel('forks', verb='trace') for _ in range(2))
    equal(first.out, second.out, 'what it says')
    equal(first.err, second.err, 'its trace')


@test
def a_small_ram_is_enough_and_its_end_is_told():
    ran = carrel('handlers', given=['-m', '1M'])
    same(ran, native('handlers'))
    ran = carrel('maps', given=['-m', '256K'])
    equal(ran.status == 0 or len(ran.sentences) > 0, True, 'an end without a word')


main()
