# SPDX-License-Identifier: Apache-2.0
"""libhl.so.0 by ctypes: the functions that the package uses, and errors as exceptions."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, byref, c_bool, c_char_p, c_int, c_size_t, c_uint64
from ctypes import c_uint, c_void_p
from typing import Any

FOREVER = 2**64 - 1

MOMENT_ASKS = 0
NETWORK_NONE, NETWORK_HOST = 1, 2
LIMIT_MEMORY, LIMIT_STACK, LIMIT_PIDS, LIMIT_FILES, LIMIT_DISK, LIMIT_CPUS = range(6)
RUNNING, EXITED, SIGNALED, EXPIRED, KILLED, BROKEN = range(6)
STATES = ("ready", "busy", "ended", "broken")


class Error(Exception):
    """The library failed, or was asked for what cannot be."""

    __module__ = "hl"


class InvalidError(Error, ValueError):
    """What was asked for contradicts itself, or names something that cannot be."""

    __module__ = "hl"


class NotFoundError(Error, FileNotFoundError):
    """The program, or a file, does not exist."""

    __module__ = "hl"


class StateError(Error):
    """The sandbox is not in a state for this: its program has ended, or it was closed."""

    __module__ = "hl"


class TimeoutExpired(Error, TimeoutError):
    """A call has not been answered in time; the sandbox was ended for that, and can be reset."""

    __module__ = "hl"


class DamagedError(Error):
    """A file is no snapshot that can be used."""

    __module__ = "hl"


class CallError(Error):
    """What was called in the sandbox has failed. `traceback`: what it says of that."""

    __module__ = "hl"

    def __init__(self, text: str, traceback: str = ""):
        super().__init__(text)
        self.traceback = traceback


# By hl_code; all others are Error.
_exceptions = {1: InvalidError, 2: NotFoundError, 3: NotFoundError, 7: StateError,
               8: TimeoutExpired, 11: DamagedError, 12: CallError}


class Bytes(Structure):
    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class Result(Structure):
    _fields_ = [("end", c_int), ("status", c_int), ("stopped", c_bool), ("all_stopped", c_bool),
                ("wall_ns", c_uint64)]


class SnapshotInfo(Structure):
    _fields_ = [("program", c_char_p), ("driver", c_char_p), ("saved_at", c_uint64),
                ("processes", c_uint64), ("threads", c_uint64), ("pages", c_uint64),
                ("size", c_uint64)]


FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)

_int = c_int
_ptr = c_void_p
_out = POINTER(c_void_p)
_signatures: dict[str, tuple[Any, ...]] = {
    # name: result, arguments
    "hl_version": (c_char_p,),
    "hl_error_code": (_int, _ptr), "hl_error_text": (c_char_p, _ptr), "hl_error_free": (None, _ptr),
    "hl_bytes_free": (None, POINTER(Bytes)),
    "hl_config_new": (_ptr,), "hl_config_free": (None, _ptr),
    "hl_config_set_args": (None, _ptr, c_size_t, POINTER(c_char_p)),
    "hl_config_add_env": (None, _ptr, c_char_p), "hl_config_clear_env": (None, _ptr),
    "hl_config_set_workdir": (None, _ptr, c_char_p),
    "hl_config_set_isolate": (None, _ptr, c_bool), "hl_config_set_root": (None, _ptr, c_char_p),
    "hl_config_set_overlay": (None, _ptr, c_char_p),
    "hl_config_set_network": (None, _ptr, _int),
    "hl_config_allow_network": (None, _ptr, c_char_p),
    "hl_config_block_network": (None, _ptr, c_char_p),
    "hl_config_add_mount": (None, _ptr, c_char_p, c_char_p, c_bool),
    "hl_config_set_platform": (None, _ptr, c_char_p),
    "hl_config_set_limit": (None, _ptr, _int, c_uint64),
    "hl_config_set_timeout": (None, _ptr, c_uint64),
    "hl_config_set_stdio": (None, _ptr, _int, _int, _int),
    "hl_config_keep_output": (None, _ptr, _int, c_size_t),
    "hl_config_set_input": (None, _ptr, c_char_p, c_size_t),
    "hl_config_set_driver": (None, _ptr, c_char_p),
    "hl_config_add_moment": (None, _ptr, _int, c_char_p),
    "hl_config_set_resettable": (None, _ptr, c_bool),
    "hl_config_take_world": (None, _ptr, _ptr),
    "hl_config_add_function": (None, _ptr, c_char_p, FUNCTION, _ptr),
    "hl_sandbox_start": (_int, _ptr, _out, _out),
    "hl_sandbox_restore": (_int, _ptr, _ptr, _out, _out),
    "hl_sandbox_wait": (_int, _ptr, c_uint64, POINTER(Result), _out),
    "hl_sandbox_event_fd": (_int, _ptr), "hl_sandbox_kill": (None, _ptr),
    "hl_sandbox_free": (None, _ptr), "hl_sandbox_state": (_int, _ptr),
    "hl_sandbox_reset": (_int, _ptr, _out), "hl_sandbox_save": (_int, _ptr, c_char_p, _out),
    "hl_sandbox_save_due": (c_bool, _ptr),
    "hl_sandbox_take_output": (_int, _ptr, _int, POINTER(Bytes), POINTER(c_uint64), _out),
    "hl_sandbox_put_file": (_int, _ptr, c_char_p, c_char_p, c_size_t, c_uint, _out),
    "hl_sandbox_get_file": (_int, _ptr, c_char_p, c_size_t, POINTER(Bytes), _out),
    "hl_sandbox_call": (_int, _ptr, c_char_p, c_char_p, c_size_t, c_uint64, POINTER(Bytes), _out),
    "hl_call_data": (_ptr, _ptr, POINTER(c_size_t)),
    "hl_call_reply": (None, _ptr, c_char_p, c_size_t), "hl_call_fail": (None, _ptr, c_char_p),
    "hl_snapshot_open": (_int, c_char_p, _out, _out), "hl_snapshot_close": (None, _ptr),
    "hl_snapshot_inspect": (None, _ptr, POINTER(SnapshotInfo)),
    "hl_pool_new": (_int, _ptr, _ptr, c_size_t, _out, _out),
    "hl_pool_take": (_int, _ptr, _ptr, _out, _out), "hl_pool_give": (None, _ptr, _ptr),
    "hl_pool_free": (None, _ptr),
}


def _load() -> ctypes.CDLL:
    name = os.environ.get("HL_LIBRARY") or ctypes.util.find_library("hl") or "libhl.so.0"
    try:
        lib = ctypes.CDLL(name)
    except OSError as e:
        raise ImportError(f"{e}; HL_LIBRARY names the file of libhl.so.0") from None
    for function, (result, *arguments) in _signatures.items():
        getattr(lib, function).restype = result
        getattr(lib, function).argtypes = arguments
    return lib


lib = _load()


def take_bytes(b: Bytes) -> bytes:
    """What the library has allocated, as an object of ours."""
    data = ctypes.string_at(b.data, b.len) if b.len else b""
    lib.hl_bytes_free(byref(b))
    return data


def check(result: int, err: c_void_p, traceback: str = "") -> None:
    """Raises what a function reports."""
    if result == 0:
        return
    code = lib.hl_error_code(err)
    text = lib.hl_error_text(err).decode(errors="replace")
    lib.hl_error_free(err)
    if code == 12:
        raise CallError(text, traceback)
    raise _exceptions.get(code, Error)(text)


def call(name: str, *args: Any) -> None:
    """Calls a function whose last argument is for an error, which is raised."""
    err = c_void_p()
    check(getattr(lib, name)(*args, byref(err)), err)


__all__ = ["lib", "call", "check", "take_bytes", "byref"]
