#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""talk.py SOCKET WHAT: speaks GDB's remote protocol as gdb would not."""
import random
import socket
import sys


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(120)
    return s


def frame(data):
    return b"$" + data + b"#%02x" % (sum(data) & 255)


def ask(s, data):
    s.sendall(frame(data))
    return answer(s)


def answer(s):
    got = b""
    while b"#" not in got or len(got) - got.rindex(b"#") < 3:
        part = s.recv(65536)
        assert part, "the connection has ended"
        got += part
    return got[got.index(b"$") + 1 : got.rindex(b"#")]


def begin():
    s = connect()
    assert b"PacketSize" in ask(s, b"qSupported:multiprocess+;swbreak+")
    s.sendall(b"+")
    assert ask(s, b"QStartNoAckMode") == b"OK"
    s.sendall(b"+")
    assert ask(s, b"?").startswith(b"T05thread:p")
    return s


def interrupt():
    s = begin()
    s.sendall(frame(b"vCont;c"))
    s.sendall(b"\x03")
    stop = answer(s)
    assert stop.startswith(b"T02thread:p"), stop
    assert ask(s, b"k") == b"OK"


# Bytes of no kind, and packets that are nearly right.
def anything():
    words = b"? ! g G p P m M X Z0 Z2 z0 z2 H T vCont vCont? vFile:open: vFile:pread: vFile:close: qXfer:auxv:read: " \
        b"qXfer:features:read:target.xml: qXfer:siginfo:read:: qXfer:siginfo:write:: qXfer:threads:read:: qSupported: " \
        b"QPassSignals: QCatchSyscalls: qRcmd, qAttached qfThreadInfo qsThreadInfo vFile:setfs: vFile:readlink: " \
        b"vFile:fstat: Hg vMustReplyEmpty unknown".split()
    rng = random.Random(1)
    for _ in range(30):
        s = connect()
        s.settimeout(0.05)
        for _ in range(60):
            word = rng.choice(words)
            tail = bytes(rng.choice(b"0123456789abcdef,:;=p.-1") for _ in range(rng.randrange(40)))
            if rng.randrange(4) == 0:
                tail = bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
            data = frame(word + tail)
            if rng.randrange(6) == 0:
                data = bytes(rng.randrange(256) for _ in range(rng.randrange(5000)))
            try:
                s.sendall(data)
                s.recv(1 << 20)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
        s.close()


def main():
    what = sys.argv[2]
    if what == "leave-running":
        s = begin()
        s.sendall(frame(b"vCont;c"))
        s.close()
    elif what == "leave-stopped":
        begin().close()
    elif what == "interrupt":
        interrupt()
    else:
        anything()


main()
