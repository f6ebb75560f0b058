# SPDX-License-Identifier: Apache-2.0
"""
Runs untrusted code in fresh copies of a warm interpreter, each in its own virtual machine.

    with hl.Sandbox.warm("python3", modules=["json"]) as sb:
        r = sb.run("print(1)")          # hermetic: a fresh copy each time
        sb.exec("def f(x): return x+1") # a session: one copy, until it is reset
        sb.call("f", 1)

Everything may be called from any thread; the functions whose names begin with an a are for asyncio.
"""
from __future__ import annotations

import asyncio
import ctypes
import html
import json
import os
import select
import shutil
import stat
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes import byref, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar, Union

from . import _lib
from ._lib import (CallError, DamagedError, Error, InvalidError, NotFoundError, StateError,
                   TimeoutExpired, lib)

__all__ = ["Sandbox", "Pool", "Result", "Error", "CallError", "DamagedError", "InvalidError",
           "NotFoundError", "RunError", "StateError", "TimeoutExpired", "version"]

_Tool = TypeVar("_Tool", bound=Callable[..., Any])
Mount = Union[str, "tuple[str, str]", "tuple[str, str, str]"]

version: str = lib.hl_version().decode()

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _size(value: Union[int, str]) -> int:
    """Bytes: a number, or as "512M"."""
    if isinstance(value, int):
        return value
    number = value.rstrip("KMGT")
    unit = value[len(number):]
    if not number.isdigit() or unit not in _UNITS:
        raise InvalidError(f"a size is a number, or as 512M or 1G, not {value!r}")
    return int(number) * _UNITS[unit]


def _milliseconds(seconds: Optional[float]) -> int:
    return _lib.FOREVER if seconds is None else max(1, int(seconds * 1000))


class RunError(Error):
    """A run with check=True did not end with status 0. `result` has all of it."""

    def __init__(self, result: "Result"):
        last = result.stderr.strip().splitlines()
        super().__init__(f"exit status {result.exit_code}" + (f": {last[-1]}" if last else ""))
        self.result = result


@dataclass(frozen=True)
class Result:
    """What a run has left."""

    exit_code: int  # of the program; 128+N when signal N ended it; 124 when time was up
    stdout_bytes: bytes
    stderr_bytes: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False  # there was more output than is kept
    files: Mapping[str, bytes] = field(default_factory=dict)  # of /output, by their paths there

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self.stderr_bytes.decode(errors="replace")

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    def __repr__(self) -> str:
        parts = [f"exit_code={self.exit_code}"]
        for name in "stdout", "stderr":
            if text := getattr(self, name):
                parts.append(f"{name}={text if len(text) <= 60 else text[:57] + '...'!r}")
        if self.files:
            parts.append(f"files={sorted(self.files)}")
        return f"<Result {' '.join(parts)}>"

    def _repr_html_(self) -> str:
        """In a notebook: the output as it is, errors in red."""
        text = f"<pre>{html.escape(self.stdout)}</pre>" if self.stdout_bytes else ""
        if self.stderr_bytes:
            text += f'<pre style="color:#b00">{html.escape(self.stderr)}</pre>'
        if not self.ok:
            text += f"<p>exit status {self.exit_code}</p>"
        if self.files:
            text += "<p>" + ", ".join(html.escape(f) for f in sorted(self.files)) + "</p>"
        return text or "<p>no output</p>"


# ---- folders of a run ----

# What the program has made may be anything, lead anywhere and be as deep as it likes. It does not run
# any more when these look.

def _wipe(folder: str) -> None:
    """Empties it. What is deep is moved up before it is removed, so that no path is too long."""
    moved = 0
    os.chmod(folder, 0o700)
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for below in os.listdir(path):
                inner = os.path.join(path, below)
                if not stat.S_ISDIR(os.lstat(inner).st_mode):
                    os.unlink(inner)
                    continue
                os.chmod(inner, 0o700)
                while os.path.lexists(place := os.path.join(folder, str(moved))):
                    moved += 1
                os.rename(inner, place)
            os.rmdir(path)


def _read_file(path: str, limit: int) -> Optional[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as f:
        return f.read(limit) if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _collect(folder: str, limit: int) -> dict[str, bytes]:
    """Regular files that can be read, at paths that can be named."""
    found: dict[str, bytes] = {}
    rest = [""]
    while rest:
        below = rest.pop()
        try:
            names = sorted(os.listdir(os.path.join(folder, below)))
        except OSError:
            continue
        for name in names:
            inner = os.path.join(below, name)
            path = os.path.join(folder, inner)
            try:
                directory = stat.S_ISDIR(os.lstat(path).st_mode)
            except OSError:
                continue
            if directory:
                rest.append(inner)
            elif (data := _read_file(path, limit + 1)) is not None:
                limit -= len(data)
                found[inner] = data
            if limit < 0:
                raise Error("there is more in /output than output_limit says")
    return found


def _fill(folder: str, files: Mapping[str, Union[bytes, str]]) -> None:
    for name, data in files.items():
        path = os.path.normpath(os.path.join(folder, name))
        if not path.startswith(folder + os.sep):
            raise InvalidError(f"{name!r} is no path below /input")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)


# ---- configurations ----

class _Config:
    """struct hl_config."""

    def __init__(self) -> None:
        self.ptr = c_void_p(lib.hl_config_new())
        if not self.ptr:
            raise MemoryError

    def set(self, what: str, *args: Any) -> None:
        getattr(lib, "hl_config_" + what)(self.ptr, *[
            a.encode() if isinstance(a, str) else a for a in args])

    def set_args(self, words: Sequence[Union[str, bytes]]) -> None:
        array = (ctypes.c_char_p * max(1, len(words)))(*[os.fsencode(w) for w in words])
        lib.hl_config_set_args(self.ptr, len(words), array)

    def __enter__(self) -> "_Config":
        return self

    def __exit__(self, *_: object) -> None:
        lib.hl_config_free(self.ptr)


@dataclass
class _World:
    """What a sandbox may see and take."""

    mounts: Sequence[Mount] = ()
    root: Optional[str] = None
    isolate: bool = True
    network: Union[bool, Sequence[str]] = False
    block: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    memory: Union[int, str, None] = None
    pids: Optional[int] = None
    files: Optional[int] = None
    disk: Union[int, str, None] = None
    cpus: Optional[float] = None
    platform: Optional[str] = None

    def apply(self, cfg: _Config) -> None:
        if self.root:
            cfg.set("set_root", self.root)
            cfg.set("set_overlay", None)
        elif self.isolate:
            cfg.set("set_isolate", True)
        for mount in self.mounts:
            host, guest, *mode = (mount, mount) if isinstance(mount, str) else mount
            if mode not in ([], ["ro"], ["rw"]):
                raise InvalidError(f"a mount is (HOST, GUEST[, 'ro' or 'rw']), not {mount!r}")
            cfg.set("add_mount", os.path.abspath(host), guest, mode != ["rw"])
        if self.network is True:
            cfg.set("set_network", _lib.NETWORK_HOST)
        elif self.network is False:
            cfg.set("set_network", _lib.NETWORK_NONE)
        else:
            for rule in self.network:
                cfg.set("allow_network", rule)
        for rule in self.block:
            cfg.set("block_network", rule)
        for name, value in self.env.items():
            cfg.set("add_env", f"{name}={value}")
        if self.platform:
            cfg.set("set_platform", self.platform)
        limits = ((_lib.LIMIT_MEMORY, self.memory), (_lib.LIMIT_PIDS, self.pids),
                  (_lib.LIMIT_FILES, self.files), (_lib.LIMIT_DISK, self.disk),
                  (_lib.LIMIT_CPUS, None if self.cpus is None else int(self.cpus * 1000)))
        for which, value in limits:
            if value is not None:
                cfg.set("set_limit", which, _size(value))


# ---- one copy ----

class _Copy:
    """struct hl_sandbox."""

    def __init__(self, ptr: c_void_p):
        self.ptr = ptr

    def call(self, name: str, data: bytes, timeout: Optional[float]) -> bytes:
        out, err = _lib.Bytes(), c_void_p()
        failed = lib.hl_sandbox_call(self.ptr, name.encode(), data, len(data),
                                     _milliseconds(timeout), byref(out), byref(err))
        answer = _lib.take_bytes(out)
        _lib.check(failed, err, answer.decode(errors="replace"))
        return answer

    def output(self, fd: int) -> tuple[bytes, int]:
        out, lost = _lib.Bytes(), c_uint64()
        _lib.call("hl_sandbox_take_output", self.ptr, fd, byref(out), byref(lost))
        return _lib.take_bytes(out), lost.value

    def wait(self) -> _lib.Result:
        result = _lib.Result()
        _lib.call("hl_sandbox_wait", self.ptr, _lib.FOREVER, byref(result))
        return result


def _as_result(copy: _Copy, files: Mapping[str, bytes]) -> Result:
    end = copy.wait()
    (out, more), (errors, more_errors) = copy.output(1), copy.output(2)
    status = end.status if end.end == _lib.EXITED else 128 + end.status
    expired = end.end == _lib.EXPIRED
    return Result(124 if expired else status, out, errors, end.wall_ns / 1e9, expired,
                  bool(more or more_errors), files)


# ---- sandboxes ----

class Sandbox:
    """
    A warm runtime, and two ways to use it: `run` runs code in a fresh copy each time, `exec` and
    `call` work in one copy, the session, which remembers what was done.
    """

    def __init__(self, path: str, world: _World, *, owned: bool = False, copies: int = 1,
                 folders: bool = False, output_limit: int = 64 << 20):
        self.path = path
        self.tools: dict[str, Callable[..., Any]] = {}
        self._world = world
        self._owned = owned
        self._lock = threading.RLock()
        self._run_lock = threading.Lock()
        self._snapshot: Optional[c_void_p] = c_void_p()
        self._session: Optional[_Copy] = None
        self._limit = output_limit
        self._folders: Optional[str] = tempfile.mkdtemp(prefix="hl-") if folders else None
        self._pool = c_void_p()
        self._function = _lib.FUNCTION(self._serve)
        self._cfg = _Config()
        try:
            _lib.call("hl_snapshot_open", os.fsencode(path), byref(self._snapshot))
            info = _lib.SnapshotInfo()
            lib.hl_snapshot_inspect(self._snapshot, byref(info))
            self.driver: str = info.driver.decode()
            self._configure(world)
            if self.driver:
                _lib.call("hl_pool_new", self._cfg.ptr, self._snapshot, copies, byref(self._pool))
        except BaseException:
            self.close()
            raise

    def _configure(self, world: _World) -> None:
        world.apply(self._cfg)
        if self._folders:
            for name, read_only in (("input", True), ("output", False)):
                os.mkdir(os.path.join(self._folders, name))
                self._cfg.set("add_mount", os.path.join(self._folders, name), "/" + name, read_only)
        self._cfg.set("set_stdio", -1, -1, -1)
        self._cfg.set("set_input", b"", 0)
        for fd in 1, 2:
            self._cfg.set("keep_output", fd, self._limit)
        self._cfg.set("set_resettable", True)
        self._cfg.set("add_function", b"tool", self._function, None)

    @classmethod
    def warm(cls, runtime: str = "python3", modules: Sequence[str] = (), *,
             interpreter: Union[str, Sequence[str], None] = None, mounts: Sequence[Mount] = (),
             root: Optional[str] = None, isolate: bool = True,
             network: Union[bool, Sequence[str]] = False, block: Sequence[str] = (),
             env: Optional[Mapping[str, str]] = None, memory: Union[int, str, None] = None,
             pids: Optional[int] = None, files: Optional[int] = None,
             disk: Union[int, str, None] = None, cpus: Optional[float] = None,
             platform: Optional[str] = None, copies: int = 1, folders: bool = False,
             output_limit: int = 64 << 20, path: Optional[str] = None) -> "Sandbox":
        """
        Starts a runtime (python3, node, perl, ruby, bash), lets it load modules and saves it, at
        `path` or in a temporary file. `interpreter`: its program, with options. A module with a
        question mark behind it need not be there.

        The world: `isolate` is the host's programs, read-only, and no other file; `root` a
        directory that is / instead; `mounts` are (HOST, GUEST[, "rw"]), read-only without the last;
        `network` is none (False), the host's (True), or what may be reached of it, as
        "example.com:443". Limits: `memory` and `disk` in bytes, or as "512M"; `pids`, `files`;
        `cpus` may be a part of one. `folders`: /input and /output, which `run` fills, empties and
        reads. `copies`: so many wait for a run.
        """
        world = _World(mounts, root, isolate, network, block, env or {}, memory, pids, files, disk,
                       cpus, platform)
        owned = path is None
        if path is None:
            handle, path = tempfile.mkstemp(prefix="hl-", suffix=".snap")
            os.close(handle)
        try:
            _save_warm(runtime, modules, interpreter, world, path)
            return cls(path, world, owned=owned, copies=copies, folders=folders,
                       output_limit=output_limit)
        except BaseException:
            if owned:
                os.unlink(path)
            raise

    @classmethod
    def load(cls, path: str, *, copies: int = 1, folders: bool = False,
             output_limit: int = 64 << 20, **world: Any) -> "Sandbox":
        """One that was saved: by `warm` with a path, `snapshot`, pyhl setup or hl snapshot save.
        The world is said anew, with the arguments of `warm`."""
        return cls(path, _World(**world), copies=copies, folders=folders, output_limit=output_limit)

    # -- what the code may call --

    def tool(self, function: _Tool) -> _Tool:
        """A decorator: code in the sandbox calls it as hl.NAME(...), behind `import hl`. Arguments
        and result go as JSON; an exception is hl.Error there. Several may run at a time."""
        self.tools[function.__name__] = function
        return function

    def _serve(self, _: object, call: int) -> None:
        size = c_size_t()
        try:
            data = lib.hl_call_data(call, byref(size))
            request = json.loads(ctypes.string_at(data, size.value) if size.value else b"{}")
            function = self.tools.get(request["name"])
            if not function:
                raise NameError(f"there is no tool {request['name']!r}")
            answer = json.dumps(function(*request["args"], **request["kwargs"])).encode()
            lib.hl_call_reply(call, answer, len(answer))
        except BaseException as e:
            text = "".join(traceback.format_exception_only(type(e), e)).strip()
            lib.hl_call_fail(call, text.encode(errors="replace").replace(b"\0", b"?"))

    # -- runs --

    def run(self, code: Optional[str] = None, *args: str, script: Optional[str] = None,
            input: Union[bytes, str] = b"", env: Optional[Mapping[str, str]] = None,
            files: Optional[Mapping[str, Union[bytes, str]]] = None,
            timeout: Optional[float] = None, check: bool = False) -> Result:
        """
        Runs code, or a script of the sandbox's world, in a fresh copy. `files` are put into /input
        first, and what is in /output then is in the result. When the time is up the result says
        so: exit_code 124, timed_out.
        """
        if (code is None) == (script is None):
            raise InvalidError("a run takes code or a script")
        if not self.driver:
            raise StateError(f"{self.path} is a saved session: it is for exec and call")
        if files and not self._folders:
            raise InvalidError("files need a sandbox with folders=True")
        words = [script, *args] if script is not None else [
            "-c" if self.driver in ("python3", "bash") else "-e", code, *args]
        with _Config() as cfg:
            cfg.set_args([w for w in words if w is not None])
            for name, value in (env or {}).items():
                cfg.set("add_env", f"{name}={value}")
            data = input.encode() if isinstance(input, str) else input
            cfg.set("set_input", data, len(data))
            if timeout is not None:
                cfg.set("set_timeout", _milliseconds(timeout))
            if not self._folders:
                result = self._run(cfg)
            else:
                with self._run_lock:  # there is one pair of folders
                    result = self._run_in_folders(cfg, files or {})
        if check and not result.ok:
            raise RunError(result)
        return result

    def _run(self, cfg: _Config, output: Optional[str] = None) -> Result:
        ptr = c_void_p()
        _lib.call("hl_pool_take", self._live(self._pool), cfg.ptr, byref(ptr))
        copy = _Copy(ptr)
        try:
            result = _as_result(copy, {})
        finally:
            lib.hl_pool_give(self._pool, ptr)
        if output:
            object.__setattr__(result, "files", _collect(output, self._limit))
        return result

    def _run_in_folders(self, cfg: _Config, files: Mapping[str, Union[bytes, str]]) -> Result:
        assert self._folders
        into, out = (os.path.join(self._folders, n) for n in ("input", "output"))
        _wipe(into)
        _wipe(out)
        _fill(into, files)
        try:
            return self._run(cfg, out)
        finally:
            _wipe(out)

    # -- the session --

    def _live(self, ptr: Optional[c_void_p]) -> c_void_p:
        if not ptr or self._snapshot is None:
            raise StateError("the sandbox is closed")
        return ptr

    def _copy(self) -> _Copy:
        with self._lock:
            if self._session is None:
                ptr = c_void_p()
                _lib.call("hl_sandbox_restore", self._cfg.ptr, self._live(self._snapshot),
                          byref(ptr))
                self._session = _Copy(ptr)
            return self._session

    def call_bytes(self, name: str, data: bytes = b"", *, timeout: Optional[float] = None) -> bytes:
        """Calls a function of the session with bytes; it gives bytes."""
        return self._copy().call(name, data, timeout)

    def call(self, function: str, *args: Any, timeout: Optional[float] = None,
             **kwargs: Any) -> Any:
        """Calls a function of the session; arguments and result go as JSON. CallError: it has
        failed, and the session goes on. TimeoutExpired: the session was ended, `reset` begins
        another."""
        request = {"name": function, "args": args, "kwargs": kwargs}
        return json.loads(self.call_bytes(":call", json.dumps(request).encode(), timeout=timeout))

    def exec(self, code: str, *, timeout: Optional[float] = None) -> Result:
        """Runs code in the session: what it defines stays. An exception is CallError."""
        copy = self._copy()
        copy.call(":exec", code.encode(), timeout)
        (out, more), (errors, more_errors) = copy.output(1), copy.output(2)
        return Result(0, out, errors, 0.0, truncated=bool(more or more_errors))

    def reset(self) -> None:
        """The session begins anew."""
        with self._lock:
            if self._session is None:
                return
            try:
                _lib.call("hl_sandbox_reset", self._session.ptr)
            except Error:  # it cannot be put back in place: another one is made when it is wanted
                lib.hl_sandbox_free(self._session.ptr)
                self._session = None

    def kill(self) -> None:
        """Ends the session, and with it a call that is under way in another thread."""
        if session := self._session:
            lib.hl_sandbox_kill(session.ptr)

    @property
    def state(self) -> str:
        """Of the session: "ready", "busy", "ended", "broken", or "new" before its first call."""
        session = self._session
        return _lib.STATES[lib.hl_sandbox_state(session.ptr)] if session else "new"

    def snapshot(self, path: str) -> str:
        """Saves the session, as it is now, to a file for `load`."""
        _lib.call("hl_sandbox_save", self._copy().ptr, os.fsencode(path))
        return path

    def clone(self) -> "Sandbox":
        """Another sandbox, whose session goes on from where this one stands, as often as it is
        reset; this one goes on, too."""
        handle, path = tempfile.mkstemp(prefix="hl-", suffix=".snap")
        os.close(handle)
        try:
            other = Sandbox(self.snapshot(path), self._world, owned=True, output_limit=self._limit)
        except BaseException:
            os.unlink(path)
            raise
        other.tools = self.tools
        return other

    def put_file(self, path: str, data: Union[bytes, str], mode: int = 0o644) -> None:
        """Puts a file into the tree of the session, at an absolute path."""
        data = data.encode() if isinstance(data, str) else data
        _lib.call("hl_sandbox_put_file", self._copy().ptr, os.fsencode(path), data, len(data), mode)

    def get_file(self, path: str) -> bytes:
        """A regular file of the session's tree."""
        out = _lib.Bytes()
        _lib.call("hl_sandbox_get_file", self._copy().ptr, os.fsencode(path), self._limit,
                  byref(out))
        return _lib.take_bytes(out)

    # -- asyncio --

    async def arun(self, code: Optional[str] = None, *args: str, **options: Any) -> Result:
        """`run`, without blocking the event loop; several run at a time."""
        return await asyncio.to_thread(self.run, code, *args, **options)

    async def acall(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """`call`, without blocking the event loop."""
        return await asyncio.to_thread(self.call, function, *args, **kwargs)

    async def aexec(self, code: str, *, timeout: Optional[float] = None) -> Result:
        """`exec`, without blocking the event loop."""
        return await asyncio.to_thread(self.exec, code, timeout=timeout)

    # -- the end --

    def close(self) -> None:
        """Ends all that runs, and removes what is temporary. Waits for tools that run."""
        with self._lock:
            if self._session is not None:
                lib.hl_sandbox_free(self._session.ptr)
                self._session = None
            if self._pool:
                lib.hl_pool_free(self._pool)
                self._pool = c_void_p()
            if self._snapshot is not None:
                lib.hl_snapshot_close(self._snapshot)
                self._snapshot = None
                self._cfg.__exit__()
                if self._folders:
                    shutil.rmtree(self._folders, ignore_errors=True)
                if self._owned and os.path.exists(self.path):
                    os.unlink(self.path)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not finalizing() and hasattr(self, "_cfg"):
            self.close()

    def __repr__(self) -> str:
        closed = " closed" if self._snapshot is None else ""
        return f"<Sandbox {getattr(self, 'driver', '') or 'session'} {self.state}{closed}>"


class Pool:
    """
    Sessions for many users at once: each that is taken is a fresh copy, ready before it is wanted.

        with hl.Pool(sandbox, 4) as pool, pool.take() as session:
            session.call("f", 1)
    """

    def __init__(self, sandbox: Sandbox, size: int = 2):
        self._sandbox = sandbox
        self._size = size
        self._pool = c_void_p()
        _lib.call("hl_pool_new", sandbox._cfg.ptr, sandbox._live(sandbox._snapshot), size,
                  byref(self._pool))

    def take(self) -> "Session":
        """A fresh copy, for a with statement; it goes back to the pool at its end."""
        ptr = c_void_p()
        _lib.call("hl_pool_take", self._sandbox._live(self._pool), None, byref(ptr))
        return Session(self, ptr)

    def close(self) -> None:
        if self._pool:
            lib.hl_pool_free(self._pool)
            self._pool = c_void_p()

    def __repr__(self) -> str:
        return f"<Pool of {self._size}{'' if self._pool else ' closed'}>"

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Session:
    """A copy that was taken from a pool; as the session of a Sandbox."""

    def __init__(self, pool: Pool, ptr: c_void_p):
        self._pool = pool
        self._copy: Optional[_Copy] = _Copy(ptr)

    def _live(self) -> _Copy:
        if self._copy is None:
            raise StateError("the session went back to its pool")
        return self._copy

    def call_bytes(self, name: str, data: bytes = b"", *, timeout: Optional[float] = None) -> bytes:
        return self._live().call(name, data, timeout)

    def call(self, function: str, *args: Any, timeout: Optional[float] = None,
             **kwargs: Any) -> Any:
        request = {"name": function, "args": args, "kwargs": kwargs}
        return json.loads(self.call_bytes(":call", json.dumps(request).encode(), timeout=timeout))

    def exec(self, code: str, *, timeout: Optional[float] = None) -> Result:
        copy = self._live()
        copy.call(":exec", code.encode(), timeout)
        (out, more), (errors, more_errors) = copy.output(1), copy.output(2)
        return Result(0, out, errors, 0.0, truncated=bool(more or more_errors))

    def kill(self) -> None:
        lib.hl_sandbox_kill(self._live().ptr)

    @property
    def state(self) -> str:
        """As that of a Sandbox, or "closed"."""
        return _lib.STATES[lib.hl_sandbox_state(self._copy.ptr)] if self._copy else "closed"

    def __repr__(self) -> str:
        return f"<Session {self.state}>"

    def close(self) -> None:
        if self._copy is not None and self._pool._pool:
            lib.hl_pool_give(self._pool._pool, self._copy.ptr)
        self._copy = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ---- making one ----

def _save_warm(runtime: str, modules: Sequence[str], interpreter: Union[str, Sequence[str], None],
               world: _World, path: str) -> None:
    """Starts the runtime and saves it when it asks for that. What it says when it fails is the
    error."""
    with _Config() as cfg:
        world.apply(cfg)
        cfg.set("set_driver", runtime + (":" + ",".join(modules) if modules else ""))
        if interpreter:
            cfg.set_args([interpreter] if isinstance(interpreter, str) else interpreter)
        cfg.set("add_moment", _lib.MOMENT_ASKS, None)
        cfg.set("set_stdio", -1, -1, -1)
        cfg.set("set_input", b"", 0)
        for fd in 1, 2:
            cfg.set("keep_output", fd, 1 << 20)
        ptr = c_void_p()
        _lib.call("hl_sandbox_start", cfg.ptr, byref(ptr))
    try:
        _await_save(_Copy(ptr), runtime)
        _lib.call("hl_sandbox_save", ptr, os.fsencode(path))
    finally:
        lib.hl_sandbox_free(ptr)


def _await_save(copy: _Copy, runtime: str) -> None:
    event = lib.hl_sandbox_event_fd(copy.ptr)
    while not lib.hl_sandbox_save_due(copy.ptr):
        result, err = _lib.Result(), c_void_p()
        if lib.hl_sandbox_wait(copy.ptr, 0, byref(result), byref(err)) == 0:
            said = copy.output(2)[0].decode(errors="replace").strip()
            raise Error(said or f"{runtime} ended with status {result.status}")
        lib.hl_error_free(err)
        if not lib.hl_sandbox_save_due(copy.ptr):
            select.select([event], [], [])
