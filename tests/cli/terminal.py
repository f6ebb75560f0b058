#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs hl on a terminal of its own and types at it: terminal.py HL CASE. Exits 0 when it did what a user expects."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

HL = sys.argv[1]
PATIENCE = 120  # seconds: only what hangs takes so long, on however busy a machine


class Terminal:
    all = []

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(args[0], args, dict(os.environ, TERM="vt100"))
        self.text = b""
        Terminal.all.append(self)

    def end(self):
        """Whatever is left of its session, stopped or in the background, ends."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getsid(int(pid)) == self.pid:
                    os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def expect(self, what, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while what not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise SystemExit(f"no {what!r} in {self.text!r}")
            try:
                self.text += os.read(self.fd, 4096)
            except OSError:
                raise SystemExit(f"ended without {what!r}: {self.text!r}") from None
        self.text = self.text.split(what, 1)[1]

    def type(self, data):
        os.write(self.fd, data)

    def wait(self, options=0, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # What is not read would keep the program from ending.
            if select.select([self.fd], [], [], 0.01)[0]:
                try:
                    self.text += os.read(self.fd, 4096)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, options | os.WNOHANG)
            if pid:
                return status
        os.kill(self.pid, signal.SIGKILL)
        raise SystemExit(f"did not end: {self.text!r}")

    def expect_exit(self, code):
        status = self.wait()
        if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != code:
            raise SystemExit(f"status {status:#x}, not exit {code}: {self.text!r}")


def at_work(t):
    """cat has given a line back: what a key sends now is not for the shell that started it."""
    t.type(b"word\n")
    t.expect(b"word\r\nword\r\n")


def interrupt():
    t = Terminal(HL, "sh", "-c", "cat; echo no")
    at_work(t)
    t.type(b"\x03")
    t.expect_exit(130)


def interrupt_handled():
    t = Terminal(HL, "sh", "-c", "trap 'echo caught; exit 6' INT; echo ready; while :; do sleep 0.05; done")
    t.expect(b"ready")
    t.type(b"\x03")
    t.expect(b"caught")
    t.expect_exit(6)


def quit_key():
    t = Terminal(HL, "cat")
    at_work(t)
    t.type(b"\x1c")
    t.expect_exit(131)


def stop_and_continue():
    t = Terminal(HL, "sh", "-c", "echo ready; read x; echo got $x")
    t.expect(b"ready")
    t.type(b"\x1a")
    status = t.wait(os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise SystemExit(f"status {status:#x}, not stopped")
    os.kill(t.pid, signal.SIGCONT)
    t.type(b"word\n")
    t.expect(b"got word")
    t.expect_exit(0)


def stops_itself():
    t = Terminal(HL, "sh", "-c", "echo ready; kill -STOP $$; echo went on")
    for _ in range(2):
        status = t.wait(os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise SystemExit(f"status {status:#x}, not stopped")
        if b"went on" in t.text:
            raise SystemExit(f"not stopped: {t.text!r}")
        os.kill(t.pid, signal.SIGCONT)
        t.expect(b"went on")
        t.expect_exit(0)
        # And beside a process that goes on: the terminal's shell has to get its terminal back all the same.
        t = Terminal(HL, "sh", "-c", "sleep 1000 & kill -STOP $$; echo went on; kill $!")
    os.kill(t.pid, signal.SIGKILL)
    t.wait()


def continued_from_inside():
    """Without a terminal nobody would continue hl, but another process of the guest may."""
    stopped = "until grep -q '^State:.T' /proc/$$/status; do sleep 0.02; done"
    program = f"({stopped}; kill -CONT $$) & kill -STOP $$; exit 7"
    if os.spawnvp(os.P_WAIT, "setsid", ["setsid", "-w", HL, "sh", "-c", program]) != 7:
        raise SystemExit("did not go on")


def editor():
    t = Terminal("/bin/bash", "--norc", "--noprofile", "-i")
    t.type(b"PS1='$ '; echo u''p\n")
    t.expect(b"up\r\n")
    t.type(HL.encode() + b" vi -u NONE -i NONE -n +start\n")
    t.expect(b"~")
    t.type(b"text")
    t.expect(b"text")
    t.type(b"\x1b\x1a")
    t.expect(b"Stopped")
    t.type(b"stty -a | grep -o ' icanon'; fg\n")
    t.expect(b" icanon")
    t.expect(b"text")
    t.type(b":q!\n")
    t.expect(b"$ ")
    t.type(b"echo st=$?\n")
    t.expect(b"st=0")
    t.type(b"exit\n")
    t.expect_exit(0)


def window_size():
    t = Terminal(HL, "bash", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    t.expect(b"ready")
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    t.expect(b"33 77")
    os.kill(t.pid, signal.SIGTERM)
    t.wait()


def hang_up():
    t = Terminal(HL, "sh", "-c", "echo ready; sleep 1000")
    t.expect(b"ready")
    os.kill(t.pid, signal.SIGHUP)
    t.expect_exit(129)


def end_of_input():
    t = Terminal(HL, "cat")
    t.type(b"some text\n")
    t.expect(b"some text\r\nsome text")
    t.type(b"\x04")
    t.expect_exit(0)


def shell_jobs():
    t = Terminal(HL, "bash", "--norc", "--noprofile", "-i")
    t.type(b"PS1='$ '; echo up\n")
    t.expect(b"\rup\r\n")
    t.expect(b"$ ")
    # Without a fork in it: a shell that waits for its child to execute something can not be stopped.
    t.type(b"sh -c 'echo on; while :; do :; done'\n")
    t.expect(b"on\r\n")
    t.type(b"\x1a")
    t.expect(b"Stopped")
    t.expect(b"$ ")
    t.type(b"bg; jobs; kill %1; wait\n")
    t.expect(b"Running")
    t.expect(b"$ ")
    t.type(b"echo on; cat\n")
    t.expect(b"on\r\n")
    at_work(t)
    t.type(b"\x03")
    t.expect(b"$ ")
    t.type(b"echo st=$?\n")
    t.expect(b"st=130")
    t.type(b"exit 5\n")
    t.expect_exit(5)


def is_a_terminal():
    t = Terminal(HL, "sh", "-c", "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty && stty -a </dev/tty | grep -c icanon")
    t.expect(b"1\r\n")
    t.expect_exit(0)


CASES = {f.__name__.replace("_", "-"): f for f in (
    interrupt, interrupt_handled, quit_key, stop_and_continue, stops_itself, continued_from_inside, editor, window_size, hang_up, end_of_input, shell_jobs,
    is_a_terminal)}

if len(sys.argv) < 3:
    print("\n".join(CASES))
else:
    try:
        CASES[sys.argv[2]]()
    finally:
        for terminal in Terminal.all:
            terminal.end()
