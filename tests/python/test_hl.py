# SPDX-License-Identifier: Apache-2.0
"""What the Python binding promises, beside its README."""
import asyncio
import ctypes
import os
import re
import tempfile
import threading
import time
import unittest

import hl

PYTHON = "/usr/bin/python3"
PLATFORM = os.environ.get("HL_TEST_PLATFORM")
RUNS = int(os.environ.get("RUNS", 300))  # of test_flat: make check-python RUNS=10000


def warm(**options):
    return hl.Sandbox.warm(interpreter=PYTHON, platform=PLATFORM, **options)


def in_use():
    """Bytes that the C library has allocated, in all its arenas."""
    libc, text, size = ctypes.CDLL(None), ctypes.c_void_p(), ctypes.c_size_t()
    libc.open_memstream.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    total = ctypes.string_at(text, size.value).decode().rpartition("</heap>")[2]
    libc.free(text)
    had = int(re.search(r'<system type="current" size="(\d+)"', total)[1])
    return had - sum(int(n) for n in re.findall(r'<total type="(?:fast|rest)" .* size="(\d+)"', total))


def resident():
    """Bytes of memory that is no file's: of this process, and of guests in it."""
    with open("/proc/self/status") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(("RssAnon", "RssShmem"))) << 10


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sb = warm(modules=["json", "hl_nowhere?"], folders=True, output_limit=100_000)

    @classmethod
    def tearDownClass(cls):
        cls.sb.close()

    def test_bytes(self):
        r = self.sb.run("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
                        input=bytes(range(256)))
        self.assertEqual(r.stdout_bytes, bytes(range(256)))

    def test_arguments(self):
        r = self.sb.run("import sys, os; print(sys.argv, os.environ['A'])", "-x", "ä",
                        env={"A": "ö"})
        self.assertEqual(r.stdout, "['-c', '-x', 'ä'] ö\n")

    def test_statuses(self):
        self.assertEqual(self.sb.run("raise SystemExit(7)").exit_code, 7)
        self.assertEqual(self.sb.run("import os; os.kill(os.getpid(), 9)").exit_code, 137)
        r = self.sb.run("while True: pass", timeout=0.3)
        self.assertEqual((r.exit_code, r.timed_out), (124, True))

    def test_truncated(self):
        r = self.sb.run("print('x' * 200000)")
        self.assertEqual((len(r.stdout), r.truncated), (100_000, True))
        self.assertFalse(self.sb.run("print(1)").truncated)

    def test_hermetic(self):
        code = """
import os, sys
print(hasattr(sys, "left"), "LEFT" in os.environ, os.path.exists("/tmp/left"),
      "xml.sax" in sys.modules)
import xml.sax
sys.left = 1; os.environ["LEFT"] = "1"; open("/tmp/left", "w").close()
"""
        for _ in range(3):
            self.assertEqual(self.sb.run(code).stdout, "False False False False\n")

    def test_files(self):
        r = self.sb.run("import os, shutil; shutil.copytree('/input', '/output/copy')",
                        files={"a": b"\0", "d/e/f.txt": "text"})
        self.assertEqual(r.files, {"copy/a": b"\0", "copy/d/e/f.txt": b"text"})
        r = self.sb.run("import os; print(os.listdir('/input'), os.listdir('/output'))")
        self.assertEqual(r.stdout, "[] []\n")
        self.assertNotEqual(self.sb.run("open('/input/x', 'w')").exit_code, 0)
        for name in "../x", "/etc/x", "d/../../x":
            with self.assertRaises(hl.InvalidError):
                self.sb.run("1", files={name: ""})

    def test_hostile_output(self):
        with tempfile.NamedTemporaryFile() as secret:
            secret.write(b"secret")
            secret.flush()
            r = self.sb.run(f"""
import os
os.symlink({secret.name!r}, "/output/link")
os.symlink("/", "/output/root")
os.mkfifo("/output/fifo")
os.mkdir("/output/closed", 0)
open("/output/good", "w").write("good")
open("/output/secret", "w").close(); os.chmod("/output/secret", 0)
os.chdir("/output")
for _ in range(3000):
    os.mkdir("0"); open("1", "w").close(); os.chdir("0")
""")
        self.assertEqual((r.stderr, r.files["good"]), ("", b"good"))
        self.assertFalse({"link", "root", "fifo"} & {f.split("/")[0] for f in r.files})
        self.assertEqual(self.sb.run("import os; print(os.listdir('/output'))").stdout, "[]\n")
        with self.assertRaises(hl.Error):
            self.sb.run("open('/output/big', 'w').write('x' * 200000)")

    def test_wrong(self):
        for options in {}, {"code": "1", "script": "x"}:
            with self.assertRaises(hl.InvalidError):
                self.sb.run(**options)
        with self.assertRaises(hl.RunError) as raised:
            self.sb.run("raise KeyError('x')", check=True)
        self.assertEqual(raised.exception.result.exit_code, 1)

    def test_script(self):
        r = self.sb.run(script="/input/s.py",
                        files={"s.py": "import sys; print(__file__, sys.argv)"})
        self.assertEqual(r.stdout, "/input/s.py ['/input/s.py']\n")

    def test_repr(self):
        r = self.sb.run("import sys; print('<b>'); print('<i>', file=sys.stderr); sys.exit(2)")
        self.assertEqual(repr(r), r"<Result exit_code=2 stdout='<b>\n' stderr='<i>\n'>")
        self.assertIn("&lt;b&gt;", r._repr_html_())
        self.assertNotIn("<i>", r._repr_html_())


class Sessions(unittest.TestCase):
    def setUp(self):
        self.sb = warm()
        self.addCleanup(self.sb.close)

    def test_calls(self):
        self.assertEqual(self.sb.state, "new")
        r = self.sb.exec("print('o')\n"
                         "def f(*a, **k): return [a, k]\n"
                         "def b(data): return data[::-1]")
        self.assertEqual(r.stdout, "o\n")
        self.assertEqual(self.sb.call("f", 1, "ä", x=None), [[1, "ä"], {"x": None}])
        self.assertEqual(self.sb.call_bytes("b", b"\0\1"), b"\1\0")
        with self.assertRaises(hl.CallError) as raised:
            self.sb.exec("def g():\n    1/0\ng()")
        self.assertIn('File "<call>", line 2, in g', raised.exception.traceback)
        self.assertEqual(self.sb.call("f"), [[], {}])

    def test_kill(self):
        started = threading.Event()

        def kill():
            started.wait()
            while self.sb.state != "busy":
                time.sleep(0.001)
            self.sb.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        self.sb.exec("n = 1")
        started.set()
        with self.assertRaises(hl.StateError):
            self.sb.exec("while True: pass")
        killer.join()
        self.assertEqual(self.sb.state, "ended")
        self.sb.reset()
        with self.assertRaises(hl.CallError):
            self.sb.exec("n")
        self.sb.exec("import os; os.mkdir('/tmp/d')")
        self.sb.reset()  # what cannot be put back in place is made anew
        self.assertEqual(self.sb.exec("import os; print(os.listdir('/tmp'))").stdout, "[]\n")

    def test_timeout(self):
        for error in hl.TimeoutExpired, TimeoutError:
            with self.assertRaises(error):
                self.sb.exec("while True: pass", timeout=0.2)
            self.sb.reset()

    def test_files(self):
        self.sb.put_file("/tmp/a/b", "hello")
        self.assertEqual(self.sb.exec("print(open('/tmp/a/b').read(), end='')").stdout, "hello")
        self.assertEqual(self.sb.get_file("/tmp/a/b"), b"hello")
        with self.assertRaises(FileNotFoundError):
            self.sb.get_file("/tmp/nowhere")
        with self.assertRaises(hl.InvalidError):
            self.sb.get_file("tmp/a/b")

    def test_tools(self):
        seen = []

        @self.sb.tool
        def note(text, n=1):
            seen.append((text, n, threading.current_thread() is threading.main_thread()))
            return {"n": n}

        @self.sb.tool
        def odd():
            return object()

        self.sb.exec("""
import hl, threading
assert hl.note("a", n=2) == {"n": 2}
from hl import note
threads = [threading.Thread(target=note, args=(str(i),)) for i in range(5)]
for t in threads: t.start()
for t in threads: t.join()
""")
        self.assertEqual(sorted(s[0] for s in seen), ["0", "1", "2", "3", "4", "a"])
        for code, text in (("hl.note()", "TypeError"), ("hl.gone()", "no tool 'gone'"),
                           ("hl.odd()", "not JSON serializable"),
                           ("hl.call('tool', b'not json')", "JSONDecodeError")):
            with self.assertRaisesRegex(hl.CallError, text):
                self.sb.exec("import hl; " + code)

    def test_a_tool_that_hangs(self):
        gate = threading.Event()
        self.sb.tools["wait"] = gate.wait
        with self.assertRaises(hl.TimeoutExpired):
            self.sb.exec("import hl; hl.wait()", timeout=0.3)
        self.sb.reset()
        self.assertEqual(self.sb.exec("print(1)").stdout, "1\n")
        gate.set()

    def test_clone(self):
        self.sb.exec("n = 1\ndef count():\n    global n\n    n += 1\n    return n")
        with self.sb.clone() as one, self.sb.clone() as two:
            self.assertEqual([one.call("count"), one.call("count"), two.call("count")], [2, 3, 2])
            one.reset()
            self.assertEqual([one.call("count"), self.sb.call("count")], [2, 2])
            with self.assertRaises(hl.StateError):
                one.run("1")
        with self.assertRaises(hl.StateError):
            one.call("count")

    def test_closed(self):
        self.sb.exec("1")
        self.sb.close()
        self.sb.close()
        for work in (lambda: self.sb.run("1"), lambda: self.sb.exec("1"),
                     lambda: self.sb.call("f")):
            with self.assertRaises(hl.StateError):
                work()
        self.assertIn("closed", repr(self.sb))


class Worlds(unittest.TestCase):
    def test_errors(self):
        with self.assertRaisesRegex(hl.Error, "module 'hl_nowhere'"):
            warm(modules=["hl_nowhere"])
        with self.assertRaises(hl.InvalidError):
            hl.Sandbox.warm("cobol")
        with self.assertRaises(FileNotFoundError):
            hl.Sandbox.warm(interpreter="/nowhere/python3", platform=PLATFORM)
        with self.assertRaises(hl.NotFoundError):
            hl.Sandbox.load("/nowhere")
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"x" * 10000)
            f.flush()
            with self.assertRaises(hl.DamagedError):
                hl.Sandbox.load(f.name)
        for options in {"memory": "lots"}, {"mounts": [("/etc", "/e", "rx")]}, {"memory": 1}:
            with self.assertRaises(hl.InvalidError):
                warm(**options)

    def test_mounts(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "f"), "w") as f:
                f.write("x")
            with warm(mounts=[(folder, "/ro"), (folder, "/rw", "rw")]) as sb:
                r = sb.run("print(open('/ro/f').read()); open('/rw/g', 'w').write('y')\n"
                           "open('/ro/h', 'w')")
                self.assertIn("Read-only file system", r.stderr)
                self.assertEqual(r.stdout, "x\n")
            self.assertEqual(sorted(os.listdir(folder)), ["f", "g"])

    def test_network(self):
        code = """
import socket
try: socket.create_connection(("127.0.0.1", 9), 1)
except OSError as e: print(type(e).__name__)
try: socket.create_connection(("192.0.2.1", 80), 1)
except OSError as e: print(e.errno)
"""
        with warm() as sb:
            self.assertEqual(sb.run(code).stdout, "ConnectionRefusedError\n101\n")

    def test_limits(self):
        with warm(memory="200M", pids=5) as sb:
            self.assertNotEqual(sb.run("x = bytearray(400 << 20)").exit_code, 0)
            r = sb.run("import threading, time\n"
                       "for i in range(9): threading.Thread(target=time.sleep, args=(.1,)).start()")
            self.assertIn("can't start new thread", r.stderr)

    def test_limits_again(self):
        """What one run has taken, up to the limit and beyond, is there for the next."""
        touched = """
import mmap
maps = [mmap.mmap(-1, 40 << 20) for _ in range(4)]
for m in maps:
    for at in range(0, len(m), 4096):
        m[at] = 1
"""
        with warm(memory="96M") as sb:
            for code, status in ((touched, 137), ("x = bytearray(70 << 20)", 0),
                                 ("x = bytearray(700 << 20)", 1)) * 2:
                self.assertEqual(sb.run(code).exit_code, status)
                self.assertEqual(sb.run("print(1)").stdout, "1\n")
            sb.exec("pass")
            with self.assertRaises(hl.StateError):
                sb.exec(touched)
            sb.reset()
            self.assertEqual(sb.exec("print(1)").stdout, "1\n")

    def test_async(self):
        async def many(sb):
            return await asyncio.gather(*[sb.arun(f"print({n})") for n in range(8)])

        with warm(copies=2) as sb:
            self.assertEqual([int(r.stdout) for r in asyncio.run(many(sb))], list(range(8)))
            sb.exec("def f(x): return x")
            self.assertEqual(asyncio.run(sb.acall("f", 3)), 3)

    def test_nothing_is_left(self):
        before = set(os.listdir(tempfile.gettempdir()))
        sb = warm(folders=True)
        sb.run("1")
        sb.close()
        left = set(os.listdir(tempfile.gettempdir())) - before
        self.assertFalse([name for name in left if name.startswith("hl-")])

    def test_flat(self):
        """Descriptors, threads and memory do not grow, however many runs there are."""
        def count(what):
            return len(os.listdir("/proc/self/" + what))

        with warm() as sb:
            for n in range(50):  # the clock: a thread that all runs share is made for it
                sb.run(f"import time; time.sleep(0.001); print({n}, time.monotonic())")
            descriptors, threads, kept, memory = count("fd"), count("task"), in_use(), resident()
            for n in range(RUNS):
                self.assertEqual(sb.run(f"print({n})").stdout, f"{n}\n")
            self.assertLessEqual(count("fd"), descriptors)
            for _ in range(500):  # a thread that has ended is in the list for a moment
                if count("task") <= threads:
                    break
                time.sleep(0.01)
            self.assertLessEqual(count("task"), threads)
            # an allocation that a run leaves behind, or a page for every four of them
            self.assertLess(in_use() - kept, 100_000 + RUNS * 40)
            self.assertLess(resident() - memory, 4_000_000 + RUNS * 1000)


class Runtimes(unittest.TestCase):
    def test_others(self):
        for runtime, program, code in (("node", "/usr/bin/node",
                                        "process.stdout.write(`${1 + 1}${process.argv[1]}`)"),
                                       ("perl", "/usr/bin/perl", "print 1 + 1, qq(@ARGV)"),
                                       ("ruby", "/usr/bin/ruby", "print 1 + 1, ARGV[0]"),
                                       ("bash", "/bin/bash", "echo -n $((1 + 1))$1")):
            with hl.Sandbox.warm(runtime, interpreter=program, platform=PLATFORM) as sb:
                words = ("bash", "x") if runtime == "bash" else ("x",)
                self.assertEqual(sb.run(code, *words).stdout, "2x")


if __name__ == "__main__":
    unittest.main()
