# SPDX-License-Identifier: MIT
"""The commands of debian.py, each in a directory with the files that write_inputs makes there.

What differs from run to run even on Linux has no place here: pids, times of now, inode numbers, the
order of unsorted directories, limits that the host's user has, which of two processes is faster (dash says "Terminated" or not).
"""

# One process each: words, no shell.
TEXT = '''
cat words table
cat -A odd
cat nothing words
tac words
nl -ba -w3 table
nl odd
sort words
sort -u words
sort -rn numbers
sort -g numbers
sort -k2,2 -k1n -t: table
sort -R --random-source=bytes numbers
sort -c numbers
sort -S 64K -T . words
uniq -c sorted
uniq -d sorted
cut -d: -f1,3 table
cut -c3-7,9 words
paste -d, numbers numbers
paste -s numbers
join -t: -1 1 -2 1 table table
comm -12 sorted sorted
comm sorted numbers
wc words table bytes odd
wc -m odd
wc -L words
head -n 3 words table
head -c 1000 bytes
head -n -5 numbers
tail -n 4 words
tail -c +65000 bytes
fold -w 33 -s words
fmt -w 50 words
pr -l 30 -3 -h title numbers
expand odd
unexpand -a words
od -A x -t x1z -N 300 bytes
od -t f8 -N 160 bytes
od -t d4 -j 100 -N 64 bytes
ptx -w 70 table
tsort pairs
numfmt --to=iec 1024 4096 123456789
numfmt --from=si 1K 5M 3G
seq 1 0.25 9
seq -w 8 12
seq -f %05.1f 3
seq -s , 20
factor 1 97 1000000007 18446744073709551615 123456789012345678
shuf --random-source=bytes numbers
shuf -i 1-50 -n 10 --random-source=bytes
printf %s-%5d-%x-%o-%e-%q\\n text 42 255 8 1.5 "a b"
printf %b a\\tb\\101\\n
echo -n plain
basename /usr/lib/file.txt .txt
dirname /usr/lib/file.txt
expr 7 * 6 + 1
expr abcdef : abc\\(.*\\)
expr 1 / 0
expr length carrel
'''

SUMS = '''
md5sum words table bytes
sha1sum words
sha224sum bytes
sha256sum words bytes
sha384sum bytes
sha512sum words
b2sum bytes
sum words
cksum words bytes
cksum -a sm3 words
base64 bytes
base64 -w 40 odd
base32 bytes
basenc --z85 -w 0 bytes
gzip -nc words
xargs -a numbers -n 1000 -x false
'''

FILES = '''
ls
ls -l words table link
ls -ld --time-style=full-iso words tree link
ls -F1S
ls nothing
stat -c %n-%s-%a-%F-%h-%u-%g-%Y words . link
stat nothing
stat -L -c %s link
readlink link
readlink -f link
realpath --relative-to=/usr link
pwd
cp -v words copy
cp -a words link tree deep
cp words nothing/x
mv -v words moved
mv table tree
rm words
rm words nothing
rm -r tree
mkdir -p a/b/c
mkdir -m 700 tree/private
mkdir tree
rmdir tree
rmdir -p tree/empty
ln words hard
ln -s words soft
ln -sfn tree link
touch -d 2001-02-03T04:05:06.789 words
touch -r words table
chmod 600 words table
chmod -R go-rwx tree
sh -c 'chmod u=rwx,g=s,o=t words; stat -c %A words; chmod g-s words'
truncate -s 100 words
truncate -s 3M sparse
dd if=words of=part bs=100 skip=3 count=7 status=none
dd if=words of=table bs=1K seek=2 conv=notrunc status=none
dd if=bytes of=swapped conv=swab,ucase status=noxfer
split -l 1000 -d words part.
split -n 5 bytes
split -b 10K --additional-suffix=.x bytes
csplit -s words 100 200 {3}
install -m 755 -D words deep/er/words
mktemp -q /nothing/XXX
mkfifo -m 640 fifo
link words hard
unlink words
sync words
df nothing
du -b words bytes
shred -n 0 -z words
test -s words
test -d words
test words -nt table
test -L link
true
false
date -u -d 2024-02-29T12:34:56 +%F-%T-%j-%U-%s-%A
date -u -d @1234567890
date -u -d 1970-01-01+90days
date -u -r words +%F
env -i A=1 printenv
env nothing
printenv LC_ALL TZ nothing
uname -sm
nice
tty
whoami
id -un
id -u
getconf PAGESIZE
getconf LONG_BIT
getent passwd root
nohup echo kept
timeout 60 echo in-time
timeout -s KILL 0.2 sleep 60
sleep 0.01
pathchk words
logname
'''

EDIT = '''
sed -n 5,9p words
sed -E s/([a-z]+)-([a-z]+)/\\2-\\1/g words
sed -i.old 3d table
sed -e 1!G;h;$!d numbers
sed -n $= words
sed y/abc/xyz/;s/x$//w\\ kept table
grep -c e words
grep -nE (an|er)$ words
grep -vi [aeiou]r words
grep -o [0-9]*7 numbers
grep -rl carrel .
grep -w nothing words
grep -P (?<=a)b+c words
grep -F -x -f sorted sorted
mawk {n[substr($1,1,1)]++}END{for(i=97;i<123;i++)print(n[sprintf("%c",i)])} words
mawk -F: {s+=$3}END{print(s,s/NR,sqrt(s),sin(s))} table
mawk BEGIN{srand(7);x=rand();print(x<1);printf("%.17g",exp(1))}
mawk {print>$1%3".out"} numbers
mawk BEGIN{while(("echo\\ piped"|getline\\ l)>0)print(l);exit(3)}
diff words sorted
diff -u table changed
diff -y -W 60 table changed
diff -r tree tree
diff3 table changed table
cmp bytes words
cmp -l table changed
sdiff -s table changed
find . -type f -name *e* -newer bytes -size -900k -maxdepth 1 -quit
find words -printf %f-%s-%m-%y\\n
find tree -depth -delete
find nothing
xargs -a sorted -n 60 echo
xargs -a numbers -P 3 -n 500 true
tar --sort=name --owner=0 --group=0 --mtime=@0 -cf all.tar words tree link
tar -tvf nothing.tar
tr -d
tabs -T
rev words
'''

# Shells: each block between lines of dashes is one script for sh.
SHELL = r'''
cat words | tr -cs a-z '\n' | sort | uniq -c | sort -k1,1nr -k2 | head -n 20
----
tr a-z A-Z < words | tee upper | md5sum; cmp upper words | head -c 20; wc -c < upper
----
sort numbers | tac | paste - - - | awk '{ print $3 + $1 }' | sha256sum
----
yes carrel | head -n 100000 | md5sum
----
head -c 300000 /dev/zero | od -c | tail -n 2
----
seq 20000 | sed 's/$/ and more/' | grep 7 | cut -d' ' -f1 | awk '{ s += $1 } END { print s }'
----
cat <<END | sed s/here/there/
a document here: $HOME $((6 * 7)) `echo inner`
END
cat <<'END'
literal $HOME `echo`
END
cat <<-END
	tabs go
	END
----
x=1; (x=2; echo $x; exit 3); echo $? $x; { x=4; }; echo $x
----
trap 'echo at the end' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; echo between; exit 5
----
trap '' TERM; sh -c 'kill -TERM $$; echo alive'; trap - TERM; sh -c 'kill -TERM $$; echo never'; echo $?
----
sleep 0.2 & sleep 0.1 & wait; echo both; (exit 9) & wait $!; echo $?
----
for i in 1 2 3 4 5 6 7 8; do (echo job $i > job.$i; exit $i) & done; wait; cat job.*
----
sleep 100 & p=$!; kill $p; wait $p 2> /dev/null; echo $?; kill -0 $p 2> /dev/null; echo $?
----
sh -c 'kill -SEGV $$' 2> /dev/null; echo $?; sh -c 'kill -KILL $$' 2> /dev/null; echo $?
----
set -e; echo before; false || echo caught; if false; then :; fi; false; echo never
----
set -u; echo ${unset-default}; echo $unset; echo never
----
set -x; a=b; echo $a > /dev/null
----
f() { local x=$1; [ $x -le 1 ] && { echo 1; return; }; echo $((x * $(f $((x - 1))))); }; f 6; g() { return 42; }; g; echo $?
----
echo out; echo err >&2; { echo both; echo two >&2; } > file 2>&1; cat file; exec 3> three; echo third >&3; exec 3>&-; cat three
----
exec < numbers; read a; read b c; echo $a $b $c; while read n; do s=$((s + n)); done; echo $s
----
set -C; echo one > kept; echo two > kept; cat kept; echo three >| kept; cat kept; echo more >> kept; cat kept
----
cat < nothing; echo $?; ./words; echo $?; nothing; echo $?; ./tree; echo $?
----
printf '#!/bin/sh\necho "script $0 $# $1"\nexit 7\n' > s; chmod +x s; ./s 'a b' c; echo $?; printf '#!/usr/bin/awk -f\nBEGIN { print 1 + 1 }\n' > w; chmod +x w; ./w; printf 'echo no line\n' > n; chmod +x n; ./n
----
case $(uname -m) in riscv*) echo right ;; *) echo wrong ;; esac; for f in *e*; do echo $f; done; echo [!a-w]* *.none
----
a='one two  three'; set -- $a; echo $# $3; IFS=:; set -- a:b::c; echo $# ; set -- $1; echo $#; unset IFS; echo ${a#* } ${a%% *} ${#a} ${a:+yes} ${none:=set} $none
----
ulimit -s; ulimit -n 20; ulimit -n; (ulimit -f 10; trap '' XFSZ; head -c 100000 /dev/zero > big; echo $?) 2>&1; stat -c %s big
----
ulimit -c 0; ulimit -v 20000; sort -S 100M words > /dev/null; echo $?
----
umask; umask 077; : > private; umask 002; mkdir shared; stat -c '%n %a' private shared
----
mkdir d; cd d; pwd; cd ..; pwd; cd link/.. 2>&1; cd tree && pwd -P; cd - > /dev/null; cd nothing; echo $?; echo ${PWD##*/} | wc -l
----
mkfifo p; cat p > got & echo through the pipe > p; wait; cat got; (for i in 1 2 3; do echo $i; done > p) & while read l; do echo got $l; done < p; wait
----
yes | head -n 1; (yes; echo $? > status) | head -n 1; cat status; seq 100000 | (read a; echo $a)
----
echo one two three | xargs -n 1 sh -c 'echo "<$0>"'; seq 5000 | xargs echo | wc; find tree -type f | sort | xargs -I{} wc -c {}
----
find . -type f -exec md5sum {} + | sort -k2; find . -name '*e*' -print0 | sort -z | tr '\0' '\n'; find tree -type d -empty
----
tar cf - words tree link | (mkdir out && cd out && tar xf - && find . | sort && cmp words ../words && echo same)
----
tar czf a.tgz words bytes; tar tzf a.tgz; gzip -c words | gunzip | cmp - words && echo same; gzip -9 bytes; gzip -lv bytes.gz | awk '{ print $NF }'
----
diff <nothing words; diff words sorted > patch; echo $?; wc -l < patch; diff words words; echo $?
----
(cd tree; ls -R; ls -d .*; ls -i | wc -l); ls -t words table numbers; ls --group-directories-first
----
cp words w; cp -p words p; touch -d @1000000000.123456789 w; stat -c '%Y %y' w; [ w -ot words ] && echo older; date -u -r w +%s.%N; ls -l --time-style=+%s w
----
dd if=bytes bs=1000 2> /dev/null | dd bs=77 count=300 iflag=fullblock status=none | md5sum; dd if=/dev/zero of=hole bs=1 count=1 seek=1M 2> /dev/null; stat -c %s hole; cksum hole
----
echo data > f; ln f g; echo more >> g; cat f; rm f; cat g; stat -c %h g; mv g h; cat h; ln -s nowhere broken; cat broken; [ -e broken ] || [ -L broken ] && echo dangling; ln -s loop loop; cat loop
----
exec 4<> rw; echo hello >&4; cat <&4; echo position >&4; cat rw; exec 4>&-; (sleep 0.3; echo appended >> rw) & tail -n +1 -f rw 2> /dev/null | head -n 3
----
timeout 0.3 sleep 10; echo $?; trap '' TERM; timeout -k 0.2 0.2 sleep 60; echo $?; trap - TERM; sh -c 'trap "echo caught; exit 3" TERM; kill $$ & while :; do :; done'; echo $?
----
rm -rf tree; chmod 000 words; [ -r words ]; r=$?; [ "$(id -u)" = 0 ] && echo $((r)) || echo $((1 - r)); chmod 644 words; rm -f nothing; echo $?
----
getopts ab: o -a -b x rest; echo $o; eval 'echo $((1 << 40))'; echo $((0x7fffffffffffffff + 1)) $((-7 / 2)) $((-7 % 2)) $((5 > 3 ? 1 : 2)); echo $((1 / 0))
----
i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; echo $i; until [ $i -eq 1990 ]; do i=$((i - 1)); [ $i -eq 1995 ] && continue; done; echo $i; type cat cd nothing; command -v sort; hash
----
i=0; while [ $i -lt 15 ]; do i=$((i + 1)); echo $i | (read x; exit $((x % 7))); s=$((${s-0} + $?)); done; echo $s
----
bash -c 'a=(one two three); declare -A m=([x]=1 [y]=2); echo ${a[@]:1} ${!a[@]} ${m[x]}; for ((i = 0; i < 3; i++)); do echo $i; done; [[ carrel =~ c(.)r ]] && echo ${BASH_REMATCH[1]}; mapfile -t l < numbers; echo ${#l[@]}; cat <(echo one) <(echo two); echo ${PIPESTATUS[@]}; true | false; echo ${PIPESTATUS[@]}; printf -v v %03d 7; echo $v; wait'
----
bash -c 'set -m; sleep 0.2 & jobs; fg > /dev/null; coproc cat; echo hi >&${COPROC[1]}; read -u ${COPROC[0]} l; echo $l; kill %2; trap "echo debug" ERR; false; echo $SHLVL; shopt -s globstar; echo **/leaf; time -p true' 2> /dev/null | grep -v -e real -e user -e sys
----
flock lock sh -c 'echo held; flock -n lock true || echo busy'; (flock -s 9; echo shared) 9> lock; setsid sh -c 'echo session'; nice -n 19 nice; env -u HOME sh -c 'echo ${HOME-none}'; chrt -p 1 > /dev/null; echo $?
----
cat /proc/self/comm; readlink /proc/self/exe; tr '\0' ' ' < /proc/self/cmdline; echo; [ "$(readlink /proc/$$/cwd)" = "$PWD" ]; echo $?; ls -l /dev/fd/0 | wc -l; [ -e /proc/$$/maps ]; echo $?; echo to stderr > /dev/stderr; echo to out > /dev/stdout
'''
