# SPDX-License-Identifier: MIT
"""bench_system: the side of scripts/bench that is a whole Linux under qemu-system-riscv64.

One machine is booted for the whole run, and asleep while the other sides have their turn. Its kernel is
given or Debian's; its only files are the bench's own programs, in an initramfs written here. What it
is to run goes over the serial console, and so do the answers. The clock is the one of the other
sides, the host's processor time, of the emulator here: the guest's own would also count what the
host gives to others.
"""
import ctypes, gzip, os, re, select, shutil, signal, subprocess, time

BOOT_SECONDS, RUN_SECONDS = 180, 300
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)
COMMAND = "qemu-system-riscv64"


class Absent(Exception):
    """Why there is no such side: a sentence."""


# ---- The kernel ----

def cache():
    top = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(top if top.startswith("/") else os.path.expanduser("~/.cache"), "carrel", "bench")


def fetch(carrel):
    """Debian's riscv64 kernel, kept; by the apt settings of a root that `carrel root create` makes for that."""
    kept = os.path.join(cache(), "vmlinux")
    if os.path.exists(kept):
        return kept
    root, work = os.path.join(cache(), "root"), os.path.join(cache(), "kernel")
    os.makedirs(cache(), exist_ok=True)
    print(f"fetching Debian's riscv64 kernel, about 110 MB, into {cache()}", flush=True)
    subprocess.run([carrel, "root", "create", root], check=True)
    settings = os.path.join(root, "var/lib/carrel/apt.conf")
    text = subprocess.run(["apt-cache", "-c", settings, "show", "linux-image-riscv64"], check=True, capture_output=True, text=True).stdout
    package = re.search(r"^Depends:.*?(linux-image-\S+)", text, re.M)
    if not package:
        raise Absent("Debian's linux-image-riscv64 names no kernel; give one: --system-kernel FILE")
    shutil.rmtree(work, ignore_errors=True)
    os.mkdir(work)
    subprocess.run(["apt-get", "-q", "-c", settings, "download", package[1]], check=True, cwd=work)
    deb = os.path.join(work, os.listdir(work)[0])
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar, open(kept + ".new", "wb") as f:
        subprocess.run(["tar", "-xO", "--wildcards", "./boot/vmlinu*"], stdin=tar.stdout, stdout=f, check=True)
    if tar.returncode != 0 or os.path.getsize(kept + ".new") == 0:
        raise Absent(f"{os.path.basename(deb)} could not be unpacked, or has no kernel; give one: --system-kernel FILE")
    os.rename(kept + ".new", kept)
    for made in (work, root):
        shutil.rmtree(made)
    return kept


def kernel(wanted, carrel):
    """wanted: a file, "debian", or None: what an earlier run fetched. Absent where there is none."""
    if not shutil.which(COMMAND):
        raise Absent(f"{COMMAND} is not installed (Debian: qemu-system-misc): not compared")
    if wanted == "debian":
        try:
            return fetch(carrel)
        except (OSError, subprocess.CalledProcessError) as why:
            raise Absent(f"Debian's kernel could not be had ({why}); {COMMAND} is not compared") from why
    path = wanted or os.path.join(cache(), "vmlinux")
    if os.path.exists(path):
        return path
    if wanted:
        raise Absent(f"there is no {wanted}; {COMMAND} is not compared")
    raise Absent(f"{COMMAND} is not compared: it needs a riscv64 kernel; --system-kernel FILE names one, "
                 "--system-kernel debian fetches Debian's")


# ---- The initramfs ----

def entry(name, mode, data=b"", device=(0, 0), number=[0]):
    """One file of a cpio archive of the newc kind (Linux: buffer-format.rst)."""
    number[0] += 1
    fields = [number[0], mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(path, files):
    """files: {name in the guest: path here}."""
    with gzip.open(path, "wb", compresslevel=1) as f:
        f.write(entry("dev", 0o040755) + entry("dev/console", 0o020600, device=(5, 1)))
        for name, source in files.items():
            with open(source, "rb") as data:
                f.write(entry(name, 0o100755, data.read()))
        f.write(entry("TRAILER!!!", 0))


# ---- The machine ----

class System:
    def __init__(self, kernel_path, directory, programs):
        """directory has PROGRAM.riscv64 for each of programs, init.riscv64 and pages."""
        archive = os.path.join(directory, "initramfs")
        files = {f"{p}.riscv64": os.path.join(directory, f"{p}.riscv64") for p in programs}
        files["init"] = os.path.join(directory, "init.riscv64")
        files["pages"] = os.path.join(directory, "pages")
        initramfs(archive, files)
        self.text = b""
        self.qemu = subprocess.Popen(
            [COMMAND, "-machine", "virt", "-m", "1G", "-smp", "1", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
             "-kernel", kernel_path, "-initrd", archive,
             "-append", "console=ttyS0 quiet loglevel=0 transparent_hugepage=never sysctl.kernel.perf_user_access=2 rdinit=/init"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        clock = ctypes.c_int()
        if libc.clock_getcpuclockid(self.qemu.pid, ctypes.byref(clock)) != 0:
            raise OSError("the processor time of another process cannot be read")
        self.clock = clock.value
        try:
            self.answer("ready", BOOT_SECONDS)
        except RuntimeError:
            self.close()
            raise Absent(f"{kernel_path} did not boot under {COMMAND}; not compared")

    def release(self):
        """The kernel's, as it says itself."""
        return self.run(["/init", "release"])[2].strip()

    def close(self):
        self.qemu.kill()
        self.qemu.wait()

    def answer(self, wanted, seconds):
        """The lines before "= wanted"."""
        end = time.monotonic() + seconds
        while not (found := re.search(rb"(?:^|\n)= (-?\w+)\r*\n", self.text)):
            ready, _, _ = select.select([self.qemu.stdout], [], [], max(end - time.monotonic(), 0))
            more = os.read(self.qemu.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise RuntimeError(f"{COMMAND} said nothing more; its last words: {self.text[-500:]!r}")
            self.text += more
        before, self.text = self.text[:found.start()], self.text[found.end():]
        if found[1].decode() != wanted:
            raise RuntimeError(f"a program ended with {found[1]!r} under {COMMAND}: {before[-500:]!r}")
        return before.decode()

    def run(self, argv):
        """Returns the emulator's processor seconds, wall seconds, and what the program wrote."""
        start, cpu = time.perf_counter(), time.clock_gettime(self.clock)
        os.write(self.qemu.stdin.fileno(), (" ".join(argv) + "\n").encode())
        text = self.answer("0", RUN_SECONDS)
        return time.clock_gettime(self.clock) - cpu, time.perf_counter() - start, text
