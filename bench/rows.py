# SPDX-License-Identifier: Apache-2.0
"""The rows of bench/run: what is timed, what it needs, and who else is timed beside native and hl.

A row's measure(bench, column) gives one figure in the row's unit, or raises Failed. The lowest of
several passes is kept, because it is the one that the machine disturbed least."""
import os
import re
import socket
import subprocess
import time

BURNERS = 4  # of a load
TREE = 200, 100  # directories, files in each
REPO = 100, 100
POSTGRES = "/usr/lib/postgresql"


class Failed(Exception):
    """What was timed did not work."""


class NotHere(Exception):
    """A row that cannot be had on this machine, natively either: the reason."""


class Row:
    """goal: what hl on the process platform shall need at most: ("ratio", R), ("ns", T), or
    ("over", T) more than native; goal_kvm the same under KVM."""

    def __init__(self, group, name, unit, what, peers="", goal=None, goal_kvm=None):
        self.group, self.name, self.unit, self.what = group, name, unit, what
        self.peers, self.goals = peers.split(), {"hl-process": goal, "hl-kvm": goal_kvm}

    def applies(self, column):
        return column == "native" or column.startswith("hl-") or column in self.peers

    def measure(self, bench, column):
        raise NotImplementedError

    def exits(self, bench, column):
        """How often the guest was left for one operation; None: not counted."""
        return None


# ---- programs that print what one of their operations takes ----


class Inside(Row):
    """One benchmark of micro, beside or scale. `cpus`: what it runs on; `busy`: processes that
    compute beside it."""

    def __init__(self, group, program, args, what, peers="", goal=None, name=None, unit="ns",
                 one_cpu=False, busy=False, counted=True):
        super().__init__(group, name or args[-1], unit, what, peers, goal)
        self.program, self.args, self.one_cpu, self.busy = program, args, one_cpu, busy
        self.counted = counted

    def measure(self, bench, column):
        with bench.load(os.cpu_count() if self.busy else 0, pinned=True):
            line = bench.under(column, [bench.program(self.program), *self.args])
            return bench.figure(line, one_cpu=self.one_cpu)

    def exits(self, bench, column):
        """From two runs, so that the program's start does not count."""
        if not self.counted:
            return None
        slow = bench.value(self, column) > 20000
        few, many = (4, 24) if slow else (100, 2100)
        each = 64 if self.program == "scale" else 1
        got = [bench.count_exits(column, [bench.program(self.program), "--ops", str(n),
                                          *self.args]) for n in (few, many)]
        return (got[1] - got[0]) / (many - few) / each


class Outside(Row):
    """A whole command, timed by micro. `before` runs each time and is not timed."""

    def __init__(self, group, name, what, command, peers="", goal=None, goal_kvm=None,
                 option=("--wall", "1"), unit="ns", load=0, before=None, counted=True,
                 needs=None):
        super().__init__(group, name, unit, what, peers, goal, goal_kvm)
        self.command, self.option, self.load = command, option, load
        self.before, self.counted, self.needs = before, counted, needs

    def line(self, bench):
        if self.needs:
            getattr(bench, self.needs)()
        if self.before:
            subprocess.run(self.before(bench), check=True)
        return self.command(bench)

    def measure(self, bench, column):
        command = bench.under(column, self.line(bench))
        with bench.load(self.load):
            return bench.figure([bench.program("micro"), *self.option, *command])

    def exits(self, bench, column):
        return bench.count_exits(column, self.line(bench)) if self.counted else None


# ---- servers and their clients ----


class Server(Row):
    """Time a request. The server runs in the column and its client natively, or the other way."""

    def __init__(self, name, what, peers, goal, client_inside=False):
        super().__init__("servers", name, "ns", what, peers, goal)
        self.client_inside = client_inside

    def server(self, bench, port):
        raise NotImplementedError

    def client(self, bench, port):
        """The command, and what finds the requests a second in what it prints."""
        raise NotImplementedError

    def prepare(self, bench):
        pass

    def run(self, bench, column, stats=None):
        """Requests a second; stats: the column's options for a count of exits."""
        self.prepare(bench)
        port = free_port()
        inside = "native" if self.client_inside else column
        command = bench.under(inside, self.server(bench, port), network=True,
                              options=[] if self.client_inside else stats)
        with bench.server(command, port) as log:
            client, rate = self.client(bench, port)
            if self.client_inside:
                client = bench.under(column, client, network=True, options=stats)
            out = bench.output(client)
            found = re.search(rate, out.stdout)
            if not found:
                raise Failed(f"{client}: {out.stdout[-300:]}")
            self.told = out.stderr if self.client_inside else log
        return float(found[1])

    def measure(self, bench, column):
        return 1e9 / self.run(bench, column)

    def requests(self, bench, rate):
        return rate * bench.seconds

    def exits(self, bench, column):
        rate = self.run(bench, column, stats=["--stats"])
        told = self.told if self.client_inside else open(self.told, encoding="utf-8").read()
        return bench.entries(told) / self.requests(bench, rate)


class Nginx(Server):
    def prepare(self, bench):
        bench.need("nginx", "wrk")

    def server(self, bench, port):
        top = os.path.join(bench.tmp, "nginx")
        os.makedirs(os.path.join(top, "html"), exist_ok=True)
        with open(os.path.join(top, "html", "index.html"), "w", encoding="utf-8") as f:
            f.write("x" * 1024)
        conf = os.path.join(top, f"{port}.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"{'user root; ' if os.getuid() == 0 else ''}daemon off; worker_processes 1;"
                    f"error_log {top}/error.log; pid {top}/{port}.pid; events {{ }}\n"
                    f"http {{ access_log off; keepalive_requests 100000000;")
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
                f.write(f"{kind}_temp_path {top}/{kind};")
            f.write(f"server {{ listen 127.0.0.1:{port}; root {top}/html; }} }}\n")
        return [bench.which("nginx"), "-p", top, "-e", f"{top}/error.log", "-c", conf]

    def client(self, bench, port):
        return (["wrk", "-t1", "-c10", f"-d{bench.seconds}s", f"http://127.0.0.1:{port}/"],
                r"Requests/sec:\s+([\d.]+)")


class Redis(Server):
    COUNT = 20000

    def __init__(self, name, what, peers, goal, pipeline=1, **more):
        super().__init__(name, what, peers, goal, **more)
        self.pipeline = pipeline

    def prepare(self, bench):
        bench.need("redis-server", "redis-benchmark")

    def server(self, bench, port):
        return [bench.which("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save",
                "", "--appendonly", "no", "--dir", bench.tmp]

    def client(self, bench, port):
        return ([bench.which("redis-benchmark"), "-p", str(port), "-t", "get", "-c", "20", "-n",
                 str(self.COUNT), "-P", str(self.pipeline), "--csv"], r'"GET","([\d.]+)"')

    def requests(self, bench, rate):
        return self.COUNT


class Pgbench(Server):
    """PostgreSQL refuses to run as root."""

    def prepare(self, bench):
        if getattr(self, "data", None):
            return
        versions = sorted(os.listdir(POSTGRES), key=int) if os.path.isdir(POSTGRES) else []
        if not versions:
            raise NotHere("PostgreSQL is not installed")
        self.bin = os.path.join(POSTGRES, versions[-1], "bin")
        self.user = []
        if os.getuid() == 0:
            self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres",
                         "--clear-groups"]
        self.data = os.path.join(bench.tmp, "postgres")
        os.mkdir(self.data)
        os.chmod(bench.tmp, 0o755)
        if self.user:
            subprocess.run(["chown", "postgres:", self.data], check=True)
        run = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([*self.user, f"{self.bin}/initdb", "-D", self.data, "-A", "trust", "-U",
                        "postgres", "-N"], **run)
        port = free_port()
        with bench.server(self.server(bench, port), port):
            self.await_ready(bench, port)
            subprocess.run([f"{self.bin}/pgbench", *self.where(port), "-i", "-q", "postgres"],
                           stderr=subprocess.DEVNULL, **run)

    def await_ready(self, bench, port):
        """It takes connections before it answers."""
        for _ in range(600):
            if subprocess.run([f"{self.bin}/pg_isready", "-q", *self.where(port)],
                              check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise Failed("it never begins to answer")

    def server(self, bench, port):
        return [*self.user, f"{self.bin}/postgres", "-D", self.data, "-p", str(port), "-k", "",
                "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "dynamic_shared_memory_type=mmap"]

    @staticmethod
    def where(port):
        return ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]

    def client(self, bench, port):
        self.await_ready(bench, port)
        return ([f"{self.bin}/pgbench", *self.where(port), "-S", "-n", "-c", "4", "-T",
                 str(bench.seconds), "postgres"], r"tps = ([\d.]+) \(without initial")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- the list ----

CALLS = "proot runsc"
ALL = "bwrap proot runsc"

# What one operation of micro may take at most.
GOALS = {
    "getppid": ("ns", 600), "read-4k": ("over", 1200), "stat": ("over", 1800),
    "open-close": ("ns", 5000), "mmap-munmap": ("ns", 9000), "page-fault": ("ratio", 1.3),
    "munmap-touched": ("ratio", 1.5), "pipe": ("ratio", 2), "fork-wait": ("ns", 220000),
    "fork-exec": ("ns", 750000), "thread": ("ns", 75000), "signal": ("ns", 25000),
}
# In which of them proot has a hand.
PROOT = "getppid read-4k stat open-close fork-exec".split()
MEMORY = "page-fault mmap-munmap munmap-touched".split()
PROCESSES = "fork-wait fork-exec thread futex pipe signal mutex-priority".split()

LOCK = """
import threading
threading.stack_size(65536)
lock = threading.Lock()
lock.acquire()
count = 0
def work():
    global count
    with lock:
        count += 1
threads = [threading.Thread(target=work) for _ in range(3000)]
for t in threads: t.start()
lock.release()
for t in threads: t.join()
assert count == 3000
"""


def micro_rows(bench):
    for name, what in bench.listed("micro"):
        group = ("memory" if name in MEMORY else "processes" if name in PROCESSES else "calls")
        # gVisor has no real-time priorities.
        peers = CALLS if name in PROOT else "" if name == "mutex-priority" else "runsc"
        yield Inside(group, "micro", [name], what, peers, GOALS.get(name))
        if name == "getppid":
            yield Inside(group, "micro", [name], "the same, with one CPU for all of it", peers,
                         ("ns", 3500), name="getppid-one-cpu", one_cpu=True)
            yield Inside(group, "micro", [name], "the same, beside a busy process on each CPU",
                         peers, ("ns", 5000), name="getppid-busy", busy=True, counted=False)


def make_line(bench):
    return ["make", "-s", "-B", "-j2", "-C", bench.path("project")]


def program_rows():
    def row(name, what, command, *args, **more):
        return Outside("programs", name, what, command, ALL, *args, **more)

    yield row("start", "a static program that does nothing, whole process",
              lambda b: [b.program("micro"), "--exit"], ("over", 1.2e6), ("over", 4e6),
              option=("--wall", "21"))
    yield row("python3", "python3 -c pass", lambda b: ["/usr/bin/python3", "-c", "pass"],
              ("ratio", 1.35), option=("--wall", "5"))
    yield row("bash-fork", "bash that runs /bin/true 20 times",
              lambda b: ["/bin/bash", "-c", "for i in {1..20}; do /bin/true; done"])
    yield row("gcc", "gcc -O2 -c of a file of 60 lines",
              lambda b: ["gcc", "-O2", "-c", b.path("file.c"), "-o", b.path("file.o")],
              ("ratio", 1.25), option=("--wall", "3"))
    yield row("make", "make -j2 of a project of 50 C files", make_line, ("ratio", 1.5),
              ("ratio", 3.5))
    yield row("make-load", f"the same at a load of {BURNERS}", make_line, ("ratio", 1.5),
              load=BURNERS, counted=False)


def emptied(path):
    """What the last run has written is gone, also from the file system's journal."""
    return ["sh", "-c", f"rm -rf '{path}'; sync -f '{os.path.dirname(path)}'"]


def file_rows():
    def row(name, what, command, goal, **more):
        return Outside("files", name, what, command, ALL, goal, **more)

    tree, repo = {"needs": "tree"}, {"needs": "repo"}
    yield row("tar", "tar of 20,000 files",
              lambda b: ["tar", "-cf", b.path("tree.tar"), "-C", b.path("tree"), "."],
              ("ratio", 2.2), before=lambda b: emptied(b.path("tree.tar")), **tree)
    yield row("cp-a", "cp -a of them", lambda b: ["cp", "-a", b.path("tree"), b.path("copy")],
              ("ratio", 2.2), before=lambda b: emptied(b.path("copy")), **tree)
    yield row("grep-r", "grep -r in them",
              lambda b: ["grep", "-rl", "needle", b.path("tree")], ("ratio", 2.2), **tree)
    yield row("du", "du of them", lambda b: ["du", "-s", b.path("tree")], ("ratio", 2.2),
              option=("--wall", "3"), **tree)
    yield row("git-status", "git status of 10,000 files",
              lambda b: ["git", "-C", b.path("repo"), "status", "--porcelain"], ("ratio", 1.8),
              option=("--wall", "3"), **repo)
    yield row("dd-512", "dd of 50,000 blocks of 512 bytes",
              lambda b: ["dd", "if=/dev/zero", "of=/dev/null", "bs=512", "count=50000",
                         "status=none"], None)


def server_rows():
    net = "runsc"
    yield Nginx("nginx", "a request of wrk to nginx, 10 connections", net, ("ratio", 2.5))
    yield Redis("redis-server", "a GET of 20 clients to redis", net, ("ratio", 1 / 0.75))
    yield Redis("redis-pipeline", "the same, 16 at a time", net, None, pipeline=16)
    yield Redis("redis-client", "the same, the client inside", net, ("ratio", 2.5),
                client_inside=True)
    yield Pgbench("pgbench", "a SELECT of 4 clients to PostgreSQL", net, None)


def scale_rows(bench):
    for name, what in bench.listed("scale"):
        yield Inside("scale", "scale", [name], what, "runsc",
                     counted=not name.startswith("processes"))
    yield Outside("scale", "lock-3000", "3,000 threads of python at one lock, all of it",
                  lambda b: ["/usr/bin/python3", "-c", LOCK], "runsc")
    yield Outside("scale", "starts-100", "a start of a hundred at once",
                  lambda b: [b.program("micro"), "--exit"], "bwrap runsc",
                  option=("--many", "100"), counted=False)


def beside_rows(bench):
    for name, what in bench.listed("beside"):
        yield Inside("beside", "beside", [name],
                     f"the longest getppid in a second, while another process {what}",
                     name=f"beside-{name}", counted=False)
        yield Inside("beside", "beside", ["--kill", name],
                     f"the end by SIGKILL of a process that {what}", name=f"kill-{name}",
                     counted=False)


def footprint_rows():
    def row(name, unit, what, option, *args):
        return Outside("footprint", name, what, lambda b: [b.program("micro"), *args],
                       option=(option,), unit=unit, counted=False)

    yield row("peak-memory", "KiB", "peak memory of the process, or of the monitor", "--peak",
              "--exit")
    yield row("idle-1", "KiB", "memory with one idle thread", "--footprint", "--idle", "1")
    yield row("idle-1000", "KiB", "memory with 1,000 idle threads", "--footprint", "--idle",
              "1000")
    yield row("idle-private", "KiB", "private memory with one idle thread, all processes",
              "--private", "--idle", "1")
    yield row("idle-cpu", "ns", "CPU time in half a second of idleness, all processes",
              "--idle-cpu", "--idle", "1")


def all_rows(bench):
    return [*micro_rows(bench), *program_rows(), *file_rows(), *server_rows(),
            *scale_rows(bench), *footprint_rows(), *beside_rows(bench)]
