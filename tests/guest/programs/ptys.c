/* SPDX-License-Identifier: MIT */
/* ptys.c - a pseudo-terminal whose master this program holds: what its keys and its text become */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

static int master, slave;

/* Gives another kernel, which moves bytes between the sides when it finds time, that time. */
static void settle(void)
{
	usleep(20000);
}

static const char *shown(const char *bytes, ssize_t n)
{
	static char text[4][1200];
	static int i;
	char *s = text[i++ % 4], *p = s;
	for (ssize_t j = 0; j < n && p < s + 1100; j++) {
		unsigned char c = (unsigned char)bytes[j];
		if (c < 32 || c > 126 || c == '\\')
			p += sprintf(p, "\\%03o", c);
		else
			*p++ = (char)c;
	}
	*p = '\0';
	return s;
}

/* What a read that does not wait gives, as text. */
static const char *got(int fd, size_t size)
{
	static char text[4][1300], bytes[8192];
	static int i;
	char *s = text[i++ % 4];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	settle();
	int r = poll(&p, 1, 0);
	if (r == 0 || (p.revents & POLLIN) == 0) {
		sprintf(s, "nothing%s", p.revents & POLLHUP ? ", hung up" : "");
		return s;
	}
	ssize_t n = read(fd, bytes, size);
	if (n < 0)
		sprintf(s, "%s", strerrorname_np(errno));
	else
		snprintf(s, sizeof(text[0]), "%zd \"%s\"", n, shown(bytes, n));
	return s;
}

static void type(const char *keys)
{
	size_t n = strlen(keys);
	if (write(master, keys, n) != (ssize_t)n)
		say("typing: %s", strerrorname_np(errno));
}

/* Keys, what the terminal shows, what the program reads. */
static void try(const char *name, const char *keys)
{
	type(keys);
	const char *echo = got(master, 8192);
	say("%s: shows %s", name, echo);
	for (int i = 0; i < 4; i++) {
		const char *line = got(slave, 100);
		if (strcmp(line, "nothing") == 0)
			break;
		say("  reads %s", line);
	}
}

static struct termios first;

static void set(tcflag_t in_off, tcflag_t in_on, tcflag_t out_off, tcflag_t out_on, tcflag_t off, tcflag_t on)
{
	struct termios t = first;
	t.c_iflag = (t.c_iflag & ~in_off) | in_on;
	t.c_oflag = (t.c_oflag & ~out_off) | out_on;
	t.c_lflag = (t.c_lflag & ~off) | on;
	if (tcsetattr(slave, TCSANOW, &t) != 0)
		say("tcsetattr: %s", strerrorname_np(errno));
}

static void open_one(void)
{
	struct stat st;
	int n = -1, lock = -1;
	master = posix_openpt(O_RDWR | O_NOCTTY);
	say("ptmx %s, isatty %d", master >= 0 ? "open" : strerrorname_np(errno), isatty(master));
	say("number %s", ioctl(master, TIOCGPTN, &n) == 0 && n >= 0 ? "known" : "unknown");
	const char *r = result(ioctl(master, TIOCGPTLCK, &lock));
	say("lock %s %d", r, lock);
	say("locked: %s", result(open(ptsname(master), O_RDWR | O_NOCTTY)));
	say("peer of a locked one: %s", result(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
	say("grantpt %s", result(grantpt(master)));
	say("unlockpt %s", result(unlockpt(master)));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	say("slave %s, isatty %d", slave >= 0 ? "open" : strerrorname_np(errno), isatty(slave));
	say("named %d", strcmp(ttyname(slave), ptsname(master)));
	r = result(fstat(slave, &st));
	say("stat %s %o %d", r, st.st_mode & S_IFMT, st.st_rdev >> 8 == 136);
	r = result(stat("/dev/ptmx", &st));
	say("ptmx %s %o", r, st.st_mode & S_IFMT);
	int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	say("peer %d %s", isatty(peer), strcmp(ttyname(peer), ptsname(master)) == 0 ? "the same" : "another");
	close(peer);
	say("no such: %s", result(open("/dev/pts/99999", O_RDWR)));
	say("bad pointers: %s %s %s", result(ioctl(master, TIOCGPTN, 8)), result(ioctl(slave, TCGETS, 8)),
	    result(ioctl(slave, TIOCSWINSZ, 8)));
	say("bad requests: %s %s %s", result(ioctl(slave, 0x54ff, 0)), result(ioctl(slave, TCFLSH, 9)),
	    result(ioctl(slave, TCXONC, 9)));
}

static void settings(void)
{
	struct termios t;
	int n = -1;
	say("tcgetattr %s", result(tcgetattr(slave, &first)));
	say("flags %o %o %o %o", first.c_iflag, first.c_oflag, first.c_cflag, first.c_lflag);
	for (int i = 0; i < 17; i++)
		say("  key %d: %d", i, first.c_cc[i]);
	t = first;
	t.c_cflag = (t.c_cflag & ~CSIZE) | CS5 | PARENB;
	tcsetattr(slave, TCSANOW, &t);
	tcgetattr(slave, &t);
	say("bits %o", t.c_cflag);
	tcsetattr(slave, TCSANOW, &first);
	const char *r = result(ioctl(slave, TIOCGETD, &n));
	say("discipline %s %d", r, n);
	struct winsize w = {0};
	r = result(ioctl(slave, TIOCGWINSZ, &w));
	say("size %s %d %d", r, w.ws_row, w.ws_col);
	w = (struct winsize){.ws_row = 33, .ws_col = 77};
	say("set %s", result(ioctl(master, TIOCSWINSZ, &w)));
	w = (struct winsize){0};
	ioctl(slave, TIOCGWINSZ, &w);
	say("now %d %d", w.ws_row, w.ws_col);
	say("exclusive %s", result(ioctl(slave, TIOCEXCL)));
	ioctl(slave, TIOCGEXCL, &n);
	say("is %d", n);
	say("no longer %s", result(ioctl(slave, TIOCNXCL)));
	say("not mine: %s %s %s", result(ioctl(slave, TIOCGPGRP, &n)), result(ioctl(slave, TIOCGSID, &n)),
	    result(ioctl(slave, TIOCSPGRP, &n)));
	say("break %s, drain %s", result(tcsendbreak(slave, 0)), result(tcdrain(slave)));
}

static void editing(void)
{
	try("a line", "hello\n");
	try("two lines", "one\ntwo\n");
	try("cr", "abc\r");
	try("erase", "ab\177c\n");
	try("erase all", "ab\177\177\177c\n");
	try("kill", "some words\025x\n");
	try("word", "some words here  \027y\n");
	try("words", "a_b c-d\027\027z\n");
	try("literal", "a\026\003b\026\004\n");
	try("reprint", "abc\022d\n");
	try("control", "a\001b\033\n");
	try("tab", "a\tb\177\177\177c\n");
	try("tabs", "\t\t\177\177x\t\177\n");
	try("control erased", "a\001\177b\n");
	try("eof", "\004");
	try("eof after text", "abc\004");
	try("eof twice", "ab\004\004");
	try("eof and line", "a\004b\n");
	try("nul", "a\026\001b\n");
	type("abcdef\n");
	say("in parts: %s", got(slave, 3));
	say("  then %s", got(slave, 100));
	say("echo %s", got(master, 8192));
	type("xyz\004rest\n");
	say("just up to the end: %s", got(slave, 3));
	say("  then %s", got(slave, 100));
	say("echo %s", got(master, 8192));
}

static void echoing(void)
{
	set(0, 0, 0, 0, ECHO, 0);
	try("silent", "pass\177word\025x\n");
	set(0, 0, 0, 0, ECHO, ECHONL);
	try("only the newline", "secret\n");
	set(0, 0, 0, 0, ECHOE, 0);
	try("no echoe", "ab\177c\n");
	try("no echoe, kill", "ab\025c\n");
	set(0, 0, 0, 0, ECHOKE, 0);
	try("no echoke", "abc\025d\n");
	set(0, 0, 0, 0, ECHOKE | ECHOK, 0);
	try("no echok", "abc\025d\n");
	set(0, 0, 0, 0, ECHOCTL, 0);
	try("no echoctl", "a\001\177\177b\026\003c\n");
	set(0, 0, 0, 0, 0, ECHOPRT);
	try("printer", "abc\177\177d\n");
	try("printer, all", "ab\177\177\n");
	set(0, 0, 0, 0, IEXTEN, 0);
	try("no iexten", "a b\027c\022d\026e\n");
	set(0, 0, 0, 0, ISIG, 0);
	try("no isig", "a\003\032\034b\n");
}

static void translations(void)
{
	set(ICRNL, 0, 0, 0, 0, 0);
	try("no icrnl", "a\rb\n");
	set(ICRNL, IGNCR, 0, 0, 0, 0);
	try("igncr", "a\rb\n");
	set(ICRNL, INLCR, 0, 0, ICANON, 0);
	try("inlcr", "a\nb\r");
	set(0, ISTRIP, 0, 0, 0, 0);
	try("istrip", "a\341\342\n");
	set(0, IUCLC, 0, 0, 0, 0);
	try("iuclc", "ABc\n");
	set(0, IUTF8, 0, 0, 0, 0);
	try("utf-8", "x\303\251\342\202\254\177y\n");
	try("utf-8, word", "ab \303\251\303\251\027z\n");
	set(0, 0, 0, 0, 0, 0);
	try("bytes", "x\303\251\177y\n");
	set(0, PARMRK, 0, 0, 0, 0);
	try("parmrk", "a\377b\n");
	struct termios t = first;
	t.c_cc[VEOL] = ';';
	t.c_cc[VEOL2] = ',';
	tcsetattr(slave, TCSANOW, &t);
	try("other ends", "a;b,c\n");
	set(0, 0, 0, 0, 0, 0);
}

static void put(const char *name, const char *text)
{
	ssize_t n = write(slave, text, strlen(text));
	const char *s = got(master, 8192);
	say("%s: wrote %zd, shows %s", name, n, s);
}

static void output(void)
{
	put("onlcr", "a\nb\tc\n");
	set(0, 0, OPOST, 0, 0, 0);
	put("no opost", "a\nb\tc\n");
	set(0, 0, ONLCR, 0, 0, 0);
	put("no onlcr", "a\nb\n");
	set(0, 0, ONLCR, OCRNL, 0, 0);
	put("ocrnl", "a\rb\r\n");
	set(0, 0, 0, ONOCR, 0, 0);
	put("onocr", "\r\rab\r\r\n");
	set(0, 0, ONLCR, ONLRET, 0, 0);
	put("onlret", "ab\nc\n");
	set(0, 0, 0, XTABS, 0, 0);
	put("spaces for tabs", "a\tb\tabcdefgh\tc\b\b\tx\n");
	set(0, 0, 0, OLCUC, 0, 0);
	put("olcuc", "abC1\n");
	set(0, 0, 0, 0, 0, 0);
}

static void raw(void)
{
	struct termios t = first;
	int n = -1;
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	try("raw", "a\r\n\003\004\177\377");
	t.c_cc[VMIN] = 0;
	tcsetattr(slave, TCSANOW, &t);
	char bytes[100];
	say("min 0, nothing: %s", result(read(slave, bytes, 10)));
	type("xy");
	settle();
	say("min 0: %s", result(read(slave, bytes, 10)));
	t.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &t);
	say("a tenth: %s", result(read(slave, bytes, 10)));
	t.c_cc[VMIN] = 5;
	tcsetattr(slave, TCSANOW, &t);
	type("abc");
	settle();
	say("between bytes: %s", result(read(slave, bytes, 10)));
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &t);
	type("abc");
	settle();
	struct pollfd p = {.fd = slave, .events = POLLIN};
	say("three of five: poll %d", poll(&p, 1, 0));
	ioctl(slave, FIONREAD, &n);
	say("queued %d", n);
	type("defg");
	settle();
	say("seven of five: poll %d", poll(&p, 1, 0));
	say("  reads %s", result(read(slave, bytes, 10)));
	fcntl(slave, F_SETFL, O_NONBLOCK);
	say("nothing: %s", result(read(slave, bytes, 10)));
	type("ab");
	settle();
	say("two of five: %s", result(read(slave, bytes, 10)));
	fcntl(slave, F_SETFL, 0);
	if (fork() == 0) {
		usleep(50000);
		type("12345");
		_exit(0);
	}
	say("waited for: %s", result(read(slave, bytes, 10)));
	wait(NULL);
	/* What was typed before is a line once lines are asked for. */
	type("left");
	settle();
	tcsetattr(slave, TCSANOW, &first);
	say("pushed: %s", got(slave, 100));
	type("more");
	settle();
	t.c_cc[VMIN] = 1;
	tcsetattr(slave, TCSANOW, &t);
	say("unfinished: %s", got(slave, 100));
	tcsetattr(slave, TCSANOW, &first);
	say("echo %s", got(master, 8192));
}

static void flow(void)
{
	int n = -1;
	char bytes[8];
	type("\023");
	settle();
	fcntl(slave, F_SETFL, O_NONBLOCK);
	say("stopped: %s", result(write(slave, "text", 4)));
	type("typed\n");
	say("shows %s", got(master, 100));
	type("\021");
	say("started: shows %s", got(master, 100));
	say("  reads %s", got(slave, 100));
	say("write %s", result(write(slave, "text", 4)));
	say("  shows %s", got(master, 100));
	say("tcooff %s", result(tcflow(slave, TCOOFF)));
	say("  write %s", result(write(slave, "text", 4)));
	say("tcoon %s", result(tcflow(slave, TCOON)));
	say("  write %s", result(write(slave, "text", 4)));
	say("  shows %s", got(master, 100));
	say("tcioff %s", result(tcflow(slave, TCIOFF)));
	say("tcion %s", result(tcflow(slave, TCION)));
	say("  shows %s", got(master, 100));
	set(0, IXANY, 0, 0, 0, 0);
	type("\023x\177");
	settle();
	say("any key starts: %s", result(write(slave, "t", 1)));
	say("shows %s", got(master, 100));
	set(IXON, 0, 0, 0, 0, 0);
	try("no ixon", "\023\021\n");
	set(0, 0, 0, 0, 0, 0);
	type("one\ntwo\nthr");
	settle();
	ioctl(slave, FIONREAD, &n);
	say("queued %d", n);
	ioctl(slave, TIOCOUTQ, &n);
	say("to be sent %d", n);
	say("flush %s", result(tcflush(slave, TCIFLUSH)));
	say("  reads %s", result(read(slave, bytes, 8)));
	say("shows %s", got(master, 100));
	fcntl(slave, F_SETFL, 0);
	/* A line that is too long keeps its beginning, and its end. */
	static char many[5001];
	memset(many, 'a', 5000);
	set(0, 0, 0, 0, ECHO, 0);
	type(many);
	type("b\n");
	settle();
	static char line[8192];
	ssize_t size = read(slave, line, sizeof(line));
	say("long line: %zd, %s", size, shown(line + size - 3, 3));
	set(0, 0, 0, 0, 0, 0);
}

static void packets(void)
{
	int on = 1, off = 0;
	say("packets %s", result(ioctl(master, TIOCPKT, &on)));
	const char *r = result(ioctl(master, TIOCGPKT, &off));
	say("is %s %d", r, off);
	say("write %s", result(write(slave, "text", 4)));
	say("  %s", got(master, 100));
	type("\023");
	say("stop: %s", got(master, 100));
	type("\021");
	say("start: %s", got(master, 100));
	tcflush(slave, TCIFLUSH);
	say("flush: %s", got(master, 100));
	set(IXON, 0, 0, 0, 0, 0);
	say("no more ^S: %s", got(master, 100));
	set(0, 0, 0, 0, 0, 0);
	say("^S again: %s", got(master, 100));
	off = 0;
	ioctl(master, TIOCPKT, &off);
	say("none: %s", got(master, 100));
}

static void ends(void)
{
	char bytes[100];
	say("wrote %s", result(write(slave, "last words", 10)));
	settle();
	close(slave);
	say("slave closed: %s", got(master, 100));
	say("  then %s", got(master, 100));
	say("  and %s", result(read(master, bytes, 10)));
	say("write %s", result(write(master, "kept\n", 5)));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	say("again: reads %s", got(slave, 100));
	say("  shows %s", got(master, 100));
	char name[64];
	strcpy(name, ptsname(master));
	close(master);
	settle();
	struct pollfd p = {.fd = slave, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	say("master closed: poll %x", p.revents);
	say("  reads %s", result(read(slave, bytes, 10)));
	say("  writes %s", result(write(slave, "x", 1)));
	say("  tcgetattr %s", result(tcgetattr(slave, &first)));
	say("its name: %s", result(open(name, O_RDWR | O_NOCTTY)));
	close(slave);
	int many = 0;
	while (many < 20 && (master = posix_openpt(O_RDWR | O_NOCTTY)) >= 0)
		many++;
	say("many: %d", many);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	open_one();
	settings();
	editing();
	echoing();
	translations();
	output();
	raw();
	flow();
	packets();
	ends();
	return 0;
}
