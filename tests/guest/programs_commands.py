# SPDX-License-Identifier: MIT
"""The scripts of programs.py, each in a directory with the files that both.py makes there.

QUICK run in each `make check`, with the packages of QUICK_PACKAGES; LONG, with those of LONG_PACKAGES
too, in `make check-long`. Both are {what a user would lose: (programs that they need, scripts)}. Blocks
between lines of dashes are one script for sh each.

What differs from run to run even on Linux has no place here: pids, times of now, inode numbers,
addresses, which of two processes is faster.
"""

# Beside what `carrel root create` takes by itself.
QUICK_PACKAGES = 'bc bzip2 file gawk jq lua5.4 perl-base python3 sqlite3 xz-utils zstd'.split()
LONG_PACKAGES = 'bsdutils g++ gcc libc6-dev make perl redis-server stress-ng'.split()

QUICK = {}
LONG = {}

# A RAM that is too small for some of them, where 4M is too small to start.
SMALL = {
    'a_compiler_inside_makes_programs_that_run_inside': '16M',
    'a_cxx_compiler_inside_makes_programs_that_run_inside': '48M',
    'a_database_larger_than_ram_is_indexed_and_asked': '8M',
    'python_programs_of_many_processes_run': '12M',
}
# Those that do so in each `make check`.
SMALL_QUICK = ['a_database_of_sqlite_keeps_what_it_was_told', 'bash_programs_run', 'lua_programs_run']

QUICK['archives_packed_inside_are_those_of_linux'] = ('bzip2 gzip tar xz zstd', r'''
for z in gzip bzip2 xz zstd; do $z -c < bytes | md5sum; $z -c < table > t.$z; $z -dc < t.$z | cmp - table; done; tar --sort=name --owner=0 --group=0 --numeric-owner -czf a tree table link; mkdir out; tar -xzf a -C out; diff -r tree out/tree && cmp table out/table && readlink out/link; rm a
----
xz -k6 bytes; xz -lv bytes.xz | grep -c CRC64; xz -t bytes.xz; printf x >> bytes.xz; xz -t bytes.xz; echo $?; bzip2 -k words; bzip2 -tv words.bz2; printf '\0' | dd of=words.bz2 bs=1 seek=2000 conv=notrunc status=none; bzip2 -t words.bz2 2> /dev/null; echo $?
''')

QUICK['numbers_of_any_length_are_computed_by_bc_as_on_linux'] = ('bc', r'''
printf 'scale=60\n4*a(1)\ne(1)\nsqrt(2)\n2^521-1\nobase=16\n3^200\n' | BC_LINE_LENGTH=0 bc -l
----
bc <<'END'
define f(n) { if (n <= 1) return 1; return n * f(n - 1); }
f(100)
for (i = 2; i < 40; i++) { p = 1; for (j = 2; j * j <= i; j++) if (i % j == 0) p = 0; if (p) print i, " " }
1 / 0
END
echo $?
''')

QUICK['awk_programs_of_gawk_and_mawk_say_the_same'] = ('gawk mawk', r'''
for a in gawk mawk; do $a '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) print n[w], w }' words | sort -k1,1nr -k2 | head -n 30; $a -F: 'NR == FNR { a[$1] = $3; next } $1 in a && a[$1] != $3 { print $1, a[$1], $3 }' table changed; done
----
gawk 'BEGIN { PROCINFO["sorted_in"] = "@ind_str_asc"; "echo from a child" | getline l; print l; print strftime("%F %T", 1e9, 1), gensub(/(.)(.)/, "\\2\\1", "g", "abcdef"); print toupper("x") > "up"; close("up"); getline k < "up"; print k; print (systime() > 1e9); cmd = "sort -r"; print "a\nb\nc" |& cmd; close(cmd, "to"); while ((cmd |& getline l) > 0) print l; exit 4 }'; echo $?
----
gawk -M 'BEGIN { print 2 ^ 200; printf "%.3f\n", log(10) }' 2>&1 | tail -n 1; gawk '{ s[$1 % 7] += $1 } END { n = asort(s, t); for (i = 1; i <= n; i++) print t[i] }' numbers; mawk '{ x = x * 31 + $1; x %= 1000003 } END { print x }' numbers
''')

QUICK['jq_answers_about_json'] = ('jq', r'''
gawk -F: 'BEGIN { print "[" } { printf "%s{\"name\":\"%s\",\"kin\":\"%s\",\"n\":%d}", NR > 1 ? "," : "", $1, $2, $3 } END { print "]" }' table > t.json; jq -c '[.[] | select(.n > 50000)] | length, (map(.n) | add), (group_by(.name[0:1]) | map({(.[0].name[0:1]): length}) | add)' t.json; jq -r '.[] | [.name, .n] | @csv' t.json | md5sum; jq -S 'first, last' t.json; jq . t.json | md5sum
----
echo '{"a": [1, 2.5, {"b": null}], "c": "\u00e9\ud83d\ude42"}' | jq -c '.a[1], .c, (.. | numbers), (tostream), (.c | explode), (now > 0)'; echo '[1,' | jq .; echo $?; jq -n '[limit(10; recurse(. * 2 + 1; . < 5000) | select(. != null))]' 2>&1; jq -n '[range(20)] | map(select(. % 3 == 0)) | combinations(2)?' | head -n 5
''')

QUICK['a_database_of_sqlite_keeps_what_it_was_told'] = ('sqlite3', r'''
sqlite3 base.db <<'END'
create table t(word text, kin text, n integer);
.separator :
.import table t
create index by_n on t(n);
select count(*), sum(n), min(word), max(word) from t;
select substr(word, 1, 1) as c, count(*), avg(n) from t group by c order by c;
explain query plan select * from t where n between 100 and 200;
select * from t where n between 100 and 2000 order by n, word;
with recursive fib(a, b) as (values(0, 1) union all select b, a + b from fib limit 50) select max(a) from fib;
begin; delete from t where n % 2 = 0; select count(*) from t; rollback; select count(*) from t;
pragma integrity_check; pragma page_count; vacuum; pragma page_count;
END
sqlite3 base.db .dump | md5sum
----
sqlite3 w.db 'pragma journal_mode=wal; create table t(a integer primary key, b)'; for i in 1 2 3; do sqlite3 w.db "pragma busy_timeout=60000; insert into t(b) select $i from (with recursive c(x) as (values(1) union all select x + 1 from c limit 300) select x from c)" > /dev/null & done; wait; sqlite3 w.db 'select b, count(*) from t group by b; pragma wal_checkpoint(truncate); pragma integrity_check'; sqlite3 w.db 'select json_object("a", json_array(1, 2)), printf("%.10f", sqrt(2)), hex(zeroblob(4)), date(0, "unixepoch")'; rm w.db*
----
printf 'create table t(x); insert into t values(1); commit;' | sqlite3 e.db; echo $?; sqlite3 -readonly e.db 'insert into t values(2)'; echo $?; sqlite3 nothing/x.db 'select 1 from t'; echo $?; dd if=bytes of=bad.db bs=1k count=9 status=none; sqlite3 bad.db 'select * from t'; echo $?
''')

QUICK['lua_programs_run'] = ('lua5.4', r'''
lua5.4 - <<'END'
local n, words = {}, 0
for line in io.lines("words") do for w in line:gmatch("%a+") do n[w] = (n[w] or 0) + 1; words = words + 1 end end
local keys = {}
for k in pairs(n) do keys[#keys + 1] = k end
table.sort(keys, function(a, b) return n[a] > n[b] or n[a] == n[b] and a < b end)
for i = 1, 20 do print(keys[i], n[keys[i]]) end
print(words, #keys, 7 // 2, -7 // 2, 7 % -3, 2^53, 1e15, 10 / 2, math.maxinteger + 1 == math.mininteger)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
print(co(), co(), co(), pcall(error, {code = 2}), select("#", table.unpack({1, nil, 3}, 1, 3)))
print(string.format("%q %5.2f %x %s", "a\nb", math.pi, 255, utf8.char(233, 19990)), os.time({year = 2001, month = 2, day = 3, hour = 4}))
local p = io.popen("sort -n numbers | tail -n 2"); print(p:read("a")); print(p:close())
for i = 1, 200 do local t = {} for j = 1, 500 do t[j] = {j} end end
collectgarbage(); print(collectgarbage("count") < 2000, os.getenv("TZ"))
error("the end")
END
echo $?
''')

QUICK['perl_programs_run'] = ('perl', r'''
perl -e 'use strict; use warnings; my %n; open my $f, "<", "words" or die; while (<$f>) { $n{$_}++ for /\w+/g } my @k = sort { $n{$b} <=> $n{$a} or $a cmp $b } keys %n; print "$_ $n{$_}\n" for @k[0 .. 19]; print scalar(@k), "\n"'
----
perl -pe 's/(\w+)-(\w+)/\u$2-\U$1/g' words | md5sum; perl -F: -lane '$s += $F[2]; END { print $s }' table; perl -i.bak -ne 'print unless /^a/' sorted; perl -0777 -ne 'print length, " ", unpack("%32C*", $_), "\n"' bytes; perl -e 'print pack("NnCa4w", 1, 2, 3, "abcdef", 300)' | od -c
----
perl -e '$SIG{CHLD} = "DEFAULT"; $SIG{USR1} = sub { print "usr1\n" }; pipe(R, W); my $p = fork; if (!$p) { close R; print W "from $$\n" =~ /from \d+/ ? "child\n" : "?"; close W; kill "USR1", getppid; exit 7 } close W; print scalar <R>; waitpid $p, 0; print $? >> 8, "\n"; $_ = `echo a command`; print; system "exit 4"; print $? >> 8, "\n"; eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select undef, undef, undef, 20 }; print $@; printf "%s %.3f\n", join(",", sort { $a <=> $b } map { $_ * $_ % 17 } 1 .. 9), atan2(1, 1) * 4; die "the end\n"'; echo $?
''')

QUICK['python_programs_run'] = ('python3', r'''
python3 - <<'END'
import json, mmap, os, signal, struct
n = {}
for line in open('words'):
    for word in line.split(): n[word] = n.get(word, 0) + 1
text = json.dumps({'words': n, 'pi': 3.14159, 'none': None, 'e': 'é世'}, sort_keys=True, indent=1)
print(sorted(n.items(), key=lambda i: (-i[1], i[0]))[:20], json.loads(text)['e'], len(text))
print(2**200, -7 // 2, 1 / 3, round(2.675, 2), struct.pack('>IhB', 1, -2, 3), sorted(os.listdir('.')))
def deep(n): return n and 1 + deep(n - 1)
print(deep(900))
try: deep(100000)
except RecursionError as e: print(e)
try: json.loads('[1,')
except ValueError as e: print(e)
signal.signal(signal.SIGALRM, lambda *a: print('alarm'))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
m = mmap.mmap(-1, 1 << 20)
r, w = os.pipe()
if not os.fork():
    m[9:14] = b'child'; os.write(w, b'ready'); os._exit(3)
print(os.read(r, 99), os.waitstatus_to_exitcode(os.wait()[1]), m[9:14])
raise SystemExit(5)
END
echo $?
''')

QUICK['file_and_less_know_what_they_are_shown'] = ('file less', r'''
gzip -k words; tar --sort=name --owner=0 --group=0 --mtime=@0 -cf a.tar tree; ln -s nowhere broken; printf '#!/bin/sh\n' > s; printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\0\020\0\0\0\020\010\002\0\0\0' > p; file words bytes odd table words.gz a.tar tree link broken s p /dev/null; file -i words odd p; file -b /usr/bin/env | cut -d, -f1-3; mkfifo f; file f; file nothing
----
less words | cmp - words; less -N table | head -n 3; LESSOPEN= less words table | tail -n 1; less nothing; echo $?; lessecho -p: 'a b' c
''')

QUICK['bash_programs_run'] = ('bash', r'''
bash <<'END'
declare -A n
while read -r -a w; do for x in "${w[@]}"; do ((n[$x]++)); done; done < <(head -n 60 words)
for k in "${!n[@]}"; do echo "${n[$k]} $k"; done | sort -k1,1nr -k2 | head -n 10
primes=(); for ((i = 2; i < 200; i++)); do for p in "${primes[@]}"; do ((i % p)) || continue 2; done; primes+=($i); done; echo "${primes[*]}"
f() { local -n r=$1; r=$((${2} * 2)); }; f x 21; echo $x; printf '%(%F)T %q %b\n' 0 "a b" 'c\td'; echo "${x/4/5}" "${PWD##*/}" | wc -w
exec {fd}> out; echo to fd >&$fd; exec {fd}>&-; cat out; select a in one two; do echo $a; break; done <<< 2
trap 'echo exit $?' EXIT; shopt -s extglob lastpipe nullglob; echo !(w*|j*); echo a b | read -r p q; echo $q *.none; a=(x y z); echo "${a[@]:1:2}" "${a[-1]}" "${#a[@]}" "${a[@]^^}"
[[ "a1b2" =~ ([0-9]).([0-9]) ]] && echo "${BASH_REMATCH[@]}"; wait -n < /dev/null; { echo one; sleep 0.05; echo two; } | while read -t 5 l; do echo "<$l>"; done; ulimit -n; false
END
echo $?
----
bash -c 'set -o pipefail; echo a | sort | (cat; exit 3) | cat; echo $? ${PIPESTATUS[@]}; coproc C { while read l; do echo "${#l}"; done; }; echo hello >&${C[1]}; read -u ${C[0]} l; echo $l; eval "exec ${C[1]}>&-"; wait; (sleep 100 & echo $! > p; wait) & sleep 0.1; kill $(cat p); rm p; wait; echo done; for i in {1..12}; do (exit $i) & pids+=($!); done; for p in ${pids[@]}; do wait $p; s+=" $?"; done; echo $s; cat <(sort -u numbers | wc -l); echo over > >(cat); wait $!; time true' 2> /dev/null
----
bash -ic 'alias ll="echo aliased"; echo $-; history | wc -l; bind -V > /dev/null; echo $PS1 | wc -c' 2> /dev/null < /dev/null; bash --norc -c 'echo ${BASH_VERSINFO[0]}; complete -W "a b" f; compgen -W "one two" o; printf "%s\n" {a..c}{1..2}; echo $((2#1010)) $((36#z)); read -N 3 x < words; echo ${#x}; mapfile -t -n 5 l < table; echo ${#l[@]}; exec 5< numbers; read -u 5 a; read -u 5 b; [ -n "$a$b" ]; echo $?; kill -l 9 15; umask -S; cd tree; dirs; pushd deep > /dev/null; popd > /dev/null; echo ${PWD##*/}'
''')

QUICK['procps_and_util_linux_tell_of_processes'] = ('ps pgrep', r'''
sleep 70 & p=$!; ps -o ppid=,comm= -p $p | sed "s/^ *$$ /parent /"; pgrep -P $$ -x sleep | grep -cx $p; kill -STOP $p; ps -o state= -p $p; kill -CONT $p; pkill -P $$ sleep; wait $p 2> /dev/null; echo $?; ps -p $p > /dev/null; echo $?; ps -o nonsense 2> /dev/null; echo $?
----
ps -o pid= -p $$ | tr -d ' ' | grep -cx $$; nice -n 19 nice; pwdx $$ | sed "s/^$$: //"; pidof nothing; echo $?; kill -l | head -n 3; pmap $$ | grep -c stack; free | head -n 1; uptime > /dev/null; echo $?; vmstat | head -n 1; hexdump -C bytes 2> /dev/null | head -n 2; column -t -s: table 2> /dev/null | head -n 2; rev numbers | head -n 2; getopt -o ab: -l long -- -a -b x --long rest; setsid -w sh -c 'exit 6'; echo $?; namei link | tail -n 2; mcookie | wc -c; findmnt -n -o TARGET / ; prlimit --nofile=99 sh -c 'ulimit -n'; ionice 2> /dev/null | wc -l; taskset -c 0 echo pinned; fallocate -l 5000 f; stat -c %s f; lslocks > /dev/null; echo $?; look carr words 2> /dev/null; whereis -b sh | wc -w; cal 2 2024 2> /dev/null; more words < /dev/null | md5sum; flock -n words echo locked; chrt -o 0 echo other; ipcs -q | wc -l; setpriv --nnp echo privileges; unlink words; mountpoint -q /; echo $?
''')

LONG['archives_of_every_format_come_back_whole'] = ('bzip2 gzip tar xz zstd', r'''
for f in words bytes odd; do gzip -nc $f | md5sum; bzip2 -c $f | md5sum; xz -c $f | md5sum; zstd -qc $f | md5sum; done
----
for z in gzip bzip2 xz zstd; do tar --sort=name --owner=0 --group=0 --numeric-owner -cf - tree words bytes link | $z -c > a; mkdir $z; $z -dc < a | tar -xf - -C $z; diff -r tree $z/tree && cmp words $z/words && cmp bytes $z/bytes && readlink $z/link; rm a; done
----
zstd -q -19 --long=20 words -o w.zst; zstd -dqc w.zst | cmp - words && echo same; zstd -q --train -B512 words -o d --maxdict=4096 2> /dev/null; zstd -q -D d table -o t.zst; zstd -q -D d -dc t.zst | cmp - table && echo same; zstd -t -q w.zst; echo $?
''')

LONG['python_programs_with_threads_children_files_and_databases_run'] = ('python3', r'''
python3 - <<'END'
import collections, hashlib, json, os, re, struct
words = collections.Counter(re.findall(r'\w+', open('words').read()))
print(words.most_common(20), len(words))
text = json.dumps({'words': words, 'pi': 3.14159, 'none': None, 'e': 'é世'}, sort_keys=True, indent=1)
print(hashlib.sha256(text.encode()).hexdigest(), json.loads(text)['e'], len(text))
print(2**200, -7 // 2, 1 / 3, round(2.675, 2), struct.pack('>IhB', 1, -2, 3), sorted(os.listdir('.')))
def deep(n): return n and 1 + deep(n - 1)
print(deep(900))
try:
    deep(100000)
except RecursionError as e:
    print(e)
try:
    json.loads('[1,')
except ValueError as e:
    print(e)
print(os.stat('words').st_size, os.path.realpath('link') == os.path.realpath('words'))
raise SystemExit(5)
END
echo $?
----
python3 - <<'END'
import os, signal, subprocess, threading, queue
q, done = queue.Queue(), []
def work():
    while (n := q.get()) is not None:
        done.append(sum(i * i for i in range(n)))
threads = [threading.Thread(target=work) for _ in range(6)]
for t in threads: t.start()
for n in range(60): q.put(n * 10)
for t in threads: q.put(None)
for t in threads: t.join()
print(len(done), sum(done))
print(subprocess.run(['sort', '-n'], input=open('numbers').read(), text=True, capture_output=True).stdout[-30:])
print(subprocess.run('exit 9', shell=True).returncode, subprocess.run(['sleep', '0.01']).returncode)
try:
    subprocess.run(['sleep', '50'], timeout=0.2)
except subprocess.TimeoutExpired as e:
    print(e.cmd)
signal.signal(signal.SIGALRM, lambda *a: print('alarm'))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
r, w = os.pipe()
if not os.fork():
    os.write(w, b'child'); os._exit(3)
print(os.read(r, 99), os.waitstatus_to_exitcode(os.wait()[1]))
END
----
python3 - <<'END'
import mmap, os, sqlite3
with open('map', 'w+b') as f:
    f.truncate(100000)
    with mmap.mmap(f.fileno(), 0) as m:
        m[5000:5007] = b'carrel!'; m.seek(70000); m.write(b'later'); m.move(0, 5000, 7); m.flush(); print(m.find(b'later'), m[:7])
        if not os.fork():
            m[90000:90005] = b'child'; os._exit(0)
        os.wait(); print(m[90000:90005])
    print(f.seek(5000), f.read(7))
m = mmap.mmap(-1, 1 << 20); m[1 << 19] = 7; m.resize(2 << 20) if hasattr(m, 'resize') else 0; print(m[1 << 19], len(m))
db = sqlite3.connect('p.db')
db.execute('create table t(a, b)')
db.executemany('insert into t values(?, ?)', ((i, str(i) * 3) for i in range(2000)))
db.commit()
print(db.execute('select count(*), sum(a), max(b) from t').fetchone())
try:
    db.execute('select nothing')
except sqlite3.OperationalError as e:
    print(e)
END
''')

LONG['a_compiler_inside_makes_programs_that_run_inside'] = ('gcc make', r'''
mkdir lib; cat > lib/count.h <<'END'
struct count { const char *word; long n; };
int count_add(const char *word);
struct count *count_all(int *n);
END
cat > lib/count.c <<'END'
#include <stdlib.h>
#include <string.h>
#include "count.h"
static struct count *all;
static int used;
int count_add(const char *word)
{
	for (int i = 0; i < used; i++)
		if (strcmp(all[i].word, word) == 0)
			return ++all[i].n, i;
	all = realloc(all, (used + 1) * sizeof(*all));
	all[used] = (struct count){strdup(word), 1};
	return used++;
}
struct count *count_all(int *n) { return *n = used, all; }
END
cat > main.c <<'END'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "lib/count.h"
static int more(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : x->word < y->word ? -1 : 1;
}
static void *root(void *of) { return printf("%.12f\n", sqrt(*(double *)of)), NULL; }
int main(void)
{
	char w[100];
	int n;
	while (scanf("%99s", w) == 1)
		count_add(w);
	struct count *c = count_all(&n);
	qsort(c, n, sizeof(*c), more);
	for (int i = 0; i < 10; i++)
		printf("%ld %s\n", c[i].n, c[i].word);
	double two = 2;
	pthread_t t;
	return pthread_create(&t, NULL, root, &two) || pthread_join(t, NULL) || n == 0;
}
END
printf 'prog: main.o lib/count.o\n\tgcc -o $@ $^ -lm\nlib/count.o: lib/count.h\nCFLAGS = -O2 -Wall\nCC = gcc\n' > Makefile
make 2> said; ./prog < words; echo $?; make 2> said; touch -d 2040-01-01 lib/count.h; make -n 2> said; rm said; ls -l prog | cut -c1-10; size prog | tail -n 1 | cut -f1-3; nm prog | grep -c ' T '; strip prog; ./prog < table | tail -n 1; objdump -d prog | wc -l; md5sum main.o lib/count.o prog; rm prog
----
printf 'int main(void) { return x; }\n' > bad.c; gcc bad.c; echo $?; printf '#include <stdio.h>\nint main(void) { int a[2000] = {0}; puts("static"); return a[7]; }\n' > s.c; gcc -O2 -static s.c -o s && ./s; echo $?; gcc -S -O3 s.c -o - | md5sum; gcc -E s.c | md5sum; gcc s.c nothing.c; echo $?; gcc -g -shared -fPIC -o libs.so s.c && readelf -sW libs.so | grep -c main; printf '.globl f\nf: li a0, 5\nret\n' > f.s; ar rc libf.a $(as -o f.o f.s; echo f.o); ar t libf.a; printf 'int f(void); int main(void) { return f(); }' > g.c; gcc g.c -L. -lf -o g; ./g; echo $?; rm -f s g libs.so libf.a
''')

LONG['a_cxx_compiler_inside_makes_programs_that_run_inside'] = ('g++', r'''
cat > p.cc <<'END'
#include <algorithm>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>
int main()
{
	std::map<std::string, int> n;
	std::ifstream in("words");
	for (std::string w; in >> w;) n[w]++;
	std::vector<std::pair<int, std::string>> v;
	for (auto &[w, c] : n) v.emplace_back(-c, w);
	std::sort(v.begin(), v.end());
	for (int i = 0; i < 10; i++) std::cout << -v[i].first << ' ' << v[i].second << '\n';
	auto sum = std::async(std::launch::async, [&] { long s = 0; for (auto &p : v) s -= p.first; return s; });
	std::cout << sum.get() << std::endl;
	try { throw std::runtime_error("thrown"); } catch (const std::exception &e) { std::cout << e.what() << '\n'; }
	return v.size() % 256;
}
END
g++ -std=c++20 -O2 -o p p.cc; ./p; echo $?; md5sum p; rm p
''')

LONG['a_database_larger_than_ram_is_indexed_and_asked'] = ('sqlite3', r'''
sqlite3 big.db <<'END'
pragma cache_size = -64000; pragma temp_store = memory; pragma synchronous = off;
create table t(a integer, b text);
with recursive c(x) as (values(1) union all select x + 1 from c limit 200000) insert into t select (x * 7919) % 1000003, printf('%x-%d-carrel', (x * 104729) % 16777213, x) from c;
create index by_b on t(b); create index by_a on t(a, b);
select count(*), sum(a) from t; select * from t where b > 'ff' order by b limit 5; select max(b), min(b) from t;
select a % 10, count(*), max(b) from t group by 1 order by 1; pragma integrity_check; pragma page_count;
END
md5sum big.db; rm big.db
''')

LONG['python_programs_of_many_processes_run'] = ('python3', r'''
cat > many.py <<'END'
import multiprocessing as mp, os
def square(n): return n * n
def child(q, lock, value, pipe):
    for _ in range(50):
        with lock: value.value += 1
    pipe.send(os.getpid() != os.getppid()); q.put(value.value > 0)
def tell(d, l, n): d[n] = 'told by %d' % n; l.append(n * 10)
if __name__ == '__main__':
    for how in ('fork', 'spawn', 'forkserver'):
        c = mp.get_context(how)
        with c.Pool(3) as pool: print(how, sum(pool.map(square, range(300))), pool.apply(square, (7,)))
        q, lock, value, (a, b) = c.Queue(), c.Lock(), c.Value('i', 0), c.Pipe()
        ps = [c.Process(target=child, args=(q, lock, value, b)) for _ in range(3)]
        for p in ps: p.start()
        print([q.get() for p in ps], [a.recv() for p in ps])
        for p in ps: p.join()
        print(value.value, [p.exitcode for p in ps])
    with mp.Manager() as m:
        d, l = m.dict(), m.list(range(3)); ps = [mp.Process(target=tell, args=(d, l, n)) for n in range(3)]
        for p in ps: p.start()
        for p in ps: p.join()
        print(sorted(d.items()), sorted(l))
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=70000); s.buf[60000:60003] = b'abc'
    t = shared_memory.SharedMemory(s.name); print(bytes(t.buf[60000:60003])); t.close(); s.close(); s.unlink()
END
export PYTHONPYCACHEPREFIX=/tmp/compiled # each of them starts anew
python3 many.py; echo $?
----
python3 - <<'END'
import socket, threading, select, os
for family, where in ((socket.AF_UNIX, './sock'), (socket.AF_INET, ('127.0.0.1', 5123)), (socket.AF_INET6, ('::1', 5124))):
    s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(where); s.listen()
    def serve():
        for _ in range(3):
            c, a = s.accept()
            while d := c.recv(1000): c.sendall(d.upper())
            c.close()
    t = threading.Thread(target=serve); t.start()
    for i in range(3):
        c = socket.create_connection(where) if family != socket.AF_UNIX else socket.socket(family)
        if family == socket.AF_UNIX: c.connect(where)
        c.sendall(b'hello %d ' % i * 5000); c.shutdown(socket.SHUT_WR)
        got = b''
        while d := c.recv(4096): got += d
        print(len(got), got[:8]); c.close()
    t.join(); s.close()
a, b = socket.socketpair(); a.send(b'pair'); print(select.select([b], [a], [], 5)[0] == [b], b.recv(9)); p = select.epoll(); p.register(b, select.EPOLLIN); print(p.poll(0)); a.close(); print(p.poll(1)[0][1])
u = socket.socket(type=socket.SOCK_DGRAM); u.bind(('127.0.0.1', 5125)); v = socket.socket(type=socket.SOCK_DGRAM); v.sendto(b'datagram', ('127.0.0.1', 5125)); print(u.recvfrom(99)[0])
try: socket.create_connection(('127.0.0.1', 5126))
except OSError as e: print(e)
END
echo $?
''')

LONG['redis_keeps_what_its_clients_say'] = ('redis-server redis-cli', r'''
redis-server --port 5127 --unixsocket ./r --daemonize no --save '' --appendonly no --loglevel warning --dir . > log 2>&1 &
i=0; while ! redis-cli -s ./r ping > /dev/null 2>&1; do sleep 0.1; i=$((i + 1)); [ $i -lt 300 ] || break; done
redis-cli -s ./r <<'END'
set a 1
incrby a 41
rpush l one two three
lrange l 0 -1
hset h x 1 y 2
hgetall h
zadd z 3 c 1 a 2 b
zrange z 0 -1 withscores
setrange s 5 end
get s
expire a 100
ttl a
type z
eval "local s = 0 for i = 1, 1000 do s = s + i end return {s, redis.call('get', 'a')}" 0
multi
incr a
incr a
exec
nonsense
dbsize
END
awk -F: '{ print "set", $1, $3 }' table | redis-cli -p 5127 | sort | uniq -c; redis-cli -p 5127 --raw dbsize; for k in $(cut -d: -f1 table | head -n 5); do redis-cli -s ./r get $k; done
(redis-cli -p 5127 blpop list 0 > popped & wait) & sleep 0.3; redis-cli -p 5127 lpush list value > /dev/null; sleep 0.3; cat popped
redis-cli -s ./r save; redis-cli -s ./r debug digest 2>&1 | wc -c; redis-cli -s ./r shutdown nosave; wait; echo $?; ls *.rdb; rm -f dump.rdb log
''')

LONG['script_keeps_what_is_said_on_a_terminal'] = ('script', r'''
script -qec 'tty | cut -c1-9; stty size; echo "typed on a terminal"; test -t 1; exit 3' kept < /dev/null; echo $?; tr -d '\r' < kept | grep -c typed; script -qc 'ls --color=auto | head -n 2; printf "a\tb\n"' /dev/null < /dev/null | od -c | head -n 5; rm -f kept
''')

# stress-ng's memory stressors, which must find with --verify what they wrote; the second ones in a RAM too
# small for them. qemu-riscv64 fails several; on Linux each ends with status 0.
STRESS = """bigheap brk fork madvise malloc memcpy memfd mincore mlock mlockmany mmap mmapaddr mmapcow mmapfixed
    mmapfork mmapmany mprotect mremap msync munmap pagemove pageswap pipe prefetch resources shm shm-sysv sparsematrix
    stack stackmmap switch userfaultfd vm vm-addr vm-segv vm-splice vma zero""".split()
# In 6 MiB: each is larger than that, or is what is left to it.
STRESS_SMALL = {
    'bigheap': '--bigheap-ops 200 --bigheap-bytes 16M',
    'malloc': '--malloc-ops 20000 --malloc-bytes 256K --malloc-max 64',
    'memfd': '--memfd-ops 20 --memfd-bytes 8M',
    'mmap': '--mmap-ops 40 --mmap-bytes 4M',
    'mremap': '--mremap-ops 4 --mremap-bytes 4M',
    'shm': '--shm-ops 10 --shm-bytes 2M --shm-objs 8',
    'sparsematrix': '--sparsematrix-ops 10',
    'vm': '--vm-ops 4 --vm-bytes 4M',
}
