# SPDX-License-Identifier: Apache-2.0
# The driver of python3: loads modules, is saved, and in each copy runs one job as python3 itself
# would: -c CODE, SCRIPT or -, with arguments behind it (docs/guest.md). The job is executed from
# the top of this file, so that just one frame of the driver's is below its own. A copy without a
# job answers calls: of functions in __main__, or of those here whose names begin with a colon.
import errno
import gc
import os
import sys

PIECE = 1 << 20  # of a long answer; most are short
SHORT = 1 << 12


def complain(text):
    sys.stderr.write(f"hl: python3: {text}\n")
    sys.stderr.flush()
    os._exit(1)


def tell(name):
    """Whoever saves it may want to know which modules are loaded."""
    try:
        os.write(device, b"call loaded\n" + name.encode())
    except OSError:
        pass


def load(modules):
    """With a question mark behind it, a module need not be there."""
    from importlib import import_module
    for word in modules:
        name = word.rstrip("?")
        try:
            import_module(name)
        except ModuleNotFoundError as e:
            if name == word or e.name != name and e.name != name.partition(".")[0]:
                complain(f"module '{name}': {type(e).__name__}: {e}")
            continue
        except Exception as e:
            complain(f"module '{name}': {type(e).__name__}: {e}")
        tell(name)


def read_answer(fd):
    """What was asked for with the last write; a short read is the last one."""
    answer = os.read(fd, SHORT)
    if len(answer) < SHORT:
        return answer
    pieces = [answer, os.read(fd, PIECE)]
    while len(pieces[-1]) == PIECE:
        pieces.append(os.read(fd, PIECE))
    return b"".join(pieces)


def ask(question):
    os.write(device, question)
    return read_answer(device).split(b"\0")[:-1]


# ---- the process as it is at a start ----

def set_environment(variables):
    os.environ.clear()
    for item in variables:
        name, _, value = item.partition(b"=")
        os.environb[name] = value


def set_path(old):
    """What PYTHONPATH gives: behind the entry of the job, in front of all else."""
    def entries(text):
        return text.split(":") if text else []
    new = os.environ.get("PYTHONPATH", "")
    if new != old and not sys.flags.ignore_environment:
        rest = [p for p in sys.path if p not in entries(old)]
        sys.path[:] = [os.path.abspath(p) for p in entries(new)] + rest


def open_stream(fd, mode, was, errors):
    """As create_stdio() of python's pylifecycle.c; `was` is that of the process that was saved."""
    from codecs import lookup
    from io import TextIOWrapper
    try:
        os.fstat(fd)
    except OSError:
        return None
    encoding = was.encoding if was else "utf-8"
    said = os.environ.get("PYTHONIOENCODING", "")
    if said and not sys.flags.ignore_environment:
        name, _, handler = said.partition(":")
        encoding = lookup(name).name if name else encoding
        errors = handler or ("strict" if fd < 2 else errors)
    unbuffered = always_unbuffered or bool(
        os.environ.get("PYTHONUNBUFFERED") and not sys.flags.ignore_environment)
    buffer = open(fd, mode + "b", 0 if unbuffered and fd else -1, closefd=False)
    raw = getattr(buffer, "raw", buffer)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[fd]
    lines = fd == 2 or (not unbuffered and raw.isatty())
    stream = TextIOWrapper(buffer, encoding, errors if fd < 2 else "backslashreplace",
                           "\n" if fd else None, lines, bool(unbuffered and fd))
    stream.mode = mode
    return stream


def set_streams():
    old = sys.stdin, sys.stdout, sys.stderr
    errors = [s.errors if s else "strict" for s in old]
    sys.stdin = sys.__stdin__ = open_stream(0, "r", old[0], errors[0])
    sys.stdout = sys.__stdout__ = open_stream(1, "w", old[1], errors[1])
    sys.stderr = sys.__stderr__ = open_stream(2, "w", old[2], errors[2])


def uses_openssl():
    """The library that is shared; those of their own that modules bring are not seen."""
    with open("/proc/self/maps", "rb") as f:
        return b"/libcrypto.so" in f.read()


def seeds_of_openssl():
    """Functions like RAND_add() of each OpenSSL that there is. Its generator is seeded here, too,
    because the first time takes long."""
    seeds = []
    if uses_openssl():
        try:
            from _ssl import RAND_add
            seeds.append(RAND_add)
        except ImportError:
            complain("OpenSSL is loaded, and cannot be seeded without the module ssl")
    for name in ("cryptography.hazmat.bindings._openssl",
                 "cryptography.hazmat.bindings._rust"):
        lib = getattr(getattr(sys.modules.get(name), "_openssl", sys.modules.get(name)), "lib", None)
        if lib:
            seeds.append(lambda b, entropy, add=lib.RAND_add: add(b, len(b), entropy))
    for seed in seeds:
        seed(os.urandom(48), 48.0)
    return seeds


def draw_again():
    """Generators whose state all copies would share."""
    loaded = sys.modules.get
    if random := loaded("random"):
        random.seed()
    if numpy := loaded("numpy.random"):
        numpy.seed()
    for seed in openssl:
        seed(os.urandom(48), 48.0)
    if processes := loaded("multiprocessing.process"):
        processes.current_process().authkey = os.urandom(32)
    if tempfile := loaded("tempfile"):
        tempfile._name_sequence = None


# ---- the module hl, for what the job asks of the host ----

class Error(Exception):
    """A function of the host has failed, or there is none of that name."""

    __module__ = "hl"


idle_files = []  # open ones of /dev/hl that no thread is at
os.register_at_fork(after_in_child=idle_files.clear)  # both processes would be at them


def open_file():
    """Its number is so high that no other file gets it when the job closes all that it does not
    know."""
    from fcntl import F_DUPFD_CLOEXEC, fcntl
    fd = os.open("/dev/hl", os.O_RDWR | os.O_CLOEXEC)
    try:
        high = fcntl(fd, F_DUPFD_CLOEXEC, 960)
    except OSError:  # above the limit
        return fd
    os.close(fd)
    return high


def write_request(request):
    """To a file, from which the answer is read, and what has failed about it."""
    while True:
        try:
            fd, idle = idle_files.pop(), True
        except IndexError:
            fd, idle = open_file(), False
        try:
            os.write(fd, request)
            return fd, None
        except OSError as e:
            if e.errno != errno.EBADF or not idle:
                return fd, e


def call_host(name, data=b""):
    """Calls a function of the host: bytes, or text, there; bytes back. Any thread."""
    if isinstance(data, str):
        data = data.encode()
    fd, failed = write_request(b"".join((b"call ", name.encode(), b"\n", data)))
    try:
        if not failed:
            return read_answer(fd)
        if failed.errno == errno.EREMOTEIO:
            raise Error(read_answer(fd).decode(errors="replace")) from None
    finally:
        idle_files.append(fd)
    if failed.errno in (errno.ENOENT, errno.EOPNOTSUPP):
        raise Error(f"the host has no function {name!r}") from None
    raise failed


def tool_of(name):
    """hl.NAME(...): a function of the host's that takes and gives JSON, by way of "tool"."""
    if name.startswith("_"):
        raise AttributeError(name)

    def tool(*args, **kwargs):
        import json
        return json.loads(call_host("tool", json.dumps(
            {"name": name, "args": args, "kwargs": kwargs})))

    tool.__name__ = name
    return tool


class Finder:
    """Makes `import hl` work where no module of the job's has that name."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "hl":
            return ModuleSpec("hl", Finder)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.call = call_host
        module.Error = Error
        module.__getattr__ = tool_of


# ---- calls ----

def run_code(data):
    exec(compile(data, "<call>", "exec", dont_inherit=True), sys.modules["__main__"].__dict__)


def call_json(data):
    """{"name": ..., "args": [...], "kwargs": {...}}, and the same back."""
    import json
    call = json.loads(data)
    function = getattr(sys.modules["__main__"], call["name"])
    return json.dumps(function(*call.get("args", ()), **call.get("kwargs", {})))


def answer(name, data):
    if function := {":exec": run_code, ":call": call_json}.get(name):
        return function(data)
    function = vars(sys.modules["__main__"]).get(name)
    if not callable(function):
        raise NameError(f"there is no function {name!r}")
    return function(data)


def describe(error):
    from traceback import format_exception
    trace = error.__traceback__
    while trace and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    return "".join(format_exception(type(error), error, trace)).encode(errors="replace")


def serve():
    while True:
        os.write(device, b"next")
        name, _, data = read_answer(device).partition(b"\0")
        try:
            result = answer(name.decode(errors="replace"), data)
            if isinstance(result, str):
                result = result.encode()
            reply = b"".join((b"result\n", b"" if result is None else result))
        except BaseException as e:
            reply = b"error\n" + describe(e)
        for stream in sys.stdout, sys.stderr:
            try:
                stream.flush()
            except Exception:
                pass
        try:
            os.write(device, reply)
        except OSError as e:
            os.write(device, f"error\nthe answer is refused: {e.strerror}".encode())


# ---- the job ----

def new_main():
    """A module __main__ with what python3 gives it."""
    main = type(sys)("__main__")
    main.__annotations__ = {}
    main.__builtins__ = sys.modules["builtins"]
    main.__loader__ = sys.modules["_frozen_importlib"].BuiltinImporter
    sys.modules["__main__"] = main
    return main


def compile_file(path, main):
    """The code of a script; None: it is a directory or an archive, which runpy runs."""
    whole = os.path.abspath(path)
    try:
        with open(path, "rb") as f:
            source = f.read()
    except IsADirectoryError:
        source = None
    except OSError as e:
        sys.stderr.write(f"{program}: can't open file {whole!r}: [Errno {e.errno}] {e.strerror}\n")
        end(2)
    if source is None or source[:4] == b"PK\3\4":
        sys.path.insert(0, whole)
        return None
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main.__file__ = whole
    main.__cached__ = None
    main.__loader__ = sys.modules["_frozen_importlib_external"].SourceFileLoader("__main__", whole)
    return compile(source, whole, "exec", dont_inherit=True)


def compile_code(source):
    code = compile(source, "<string>", "exec", dont_inherit=True)
    if sys.version_info >= (3, 13):  # tracebacks show its lines
        import linecache
        key = code if hasattr(linecache, "_interactive_cache") else "<string>"
        linecache._register_code(key, source, "<string>")
    return code


def compile_job(words, main):
    sys.orig_argv = interpreter + words
    if words[0] == "-c":
        sys.argv = ["-c"] + words[2:]
        sys.path.insert(0, "")
        return compile_code(words[1])
    sys.argv = words
    if words[0] != "-":
        return compile_file(words[0], main)
    sys.path.insert(0, "")
    source = sys.stdin.buffer.read() if sys.stdin else b""
    return compile(source, "<stdin>", "exec", dont_inherit=True)


def status_of_exit(code):
    """As handle_system_exit() of python's pythonrun.c."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -1 << 63 <= code < 1 << 63 else 0xFF
    try:
        print(code, file=sys.stderr)
    except Exception:
        pass
    return 1


def status_of_error(error):
    """What python3 says of an exception that nobody has caught, without the driver's frames."""
    if isinstance(error, SystemExit):
        return status_of_exit(error.code)
    kind, trace = type(error), error.__traceback__
    while trace and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(kind, error, trace)
    except SystemExit as e:
        return status_of_exit(e.code)
    except BaseException as e:
        sys.stderr.write("Error in sys.excepthook:\n")
        e.__traceback__ = e.__traceback__.tb_next
        sys.__excepthook__(type(e), e, e.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(kind, error, trace)
    return -2 if isinstance(error, KeyboardInterrupt) else 1


def type_of_unraisable():
    """Of what sys.unraisablehook gets, which has no public name."""
    class Fails:
        def __del__(self):
            raise RuntimeError

    found, hook = [], sys.unraisablehook
    sys.unraisablehook = lambda args: found.append(type(args))
    Fails()
    sys.unraisablehook = hook
    return found[0]


def flush():
    """False: something could not be written."""
    good = True
    for stream in sys.stdout, sys.stderr:
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception as e:
            good = False
            if stream is sys.stdout:
                about = (None, stream)
                if sys.version_info >= (3, 13):
                    about = ("Exception ignored on flushing sys.stdout", None)
                sys.unraisablehook(Unraisable((type(e), e, None, *about)))
    return good


def find_flush():
    """fflush() of the C library. It is looked for where a program can print by it."""
    ctypes = sys.modules.get("ctypes")
    return ctypes and ctypes.CDLL(None).fflush


def new_modules():
    """The last one first. Those that were loaded before the save come before them, and are not
    looked at: to look at a name counts a reference, which writes to its page."""
    new = []
    for name in reversed(sys.modules):
        if name is last_warm:
            break
        if name not in warm:
            new.append(name)
    return new


def end(status):
    """What Py_FinalizeEx() does that a program can see, in its order. Modules that were loaded
    before the save are not taken apart: that would write to most of the memory of the copy."""
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    if atexit := sys.modules.get("atexit"):
        atexit._run_exitfuncs()
    good = flush()
    sys.last_type = sys.last_value = sys.last_traceback = sys.last_exc = None
    for name in new_modules():
        sys.modules.pop(name, None)
    sys.modules.pop("__main__", None)
    gc.collect()
    if not (good and flush()):
        status = 120
    if flush_c := c_library_flush or find_flush():
        flush_c(None)
    if status == -2:
        import signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def rehearse():
    """What each copy does first, often enough for the interpreter to have adapted the code. Else it
    would do that in each copy, and write to a third more pages there."""
    variables = [name + b"=" + value for name, value in os.environb.items()]
    streams = sys.stdin, sys.stdout, sys.stderr
    for _ in range(20):
        set_environment(variables)
        set_path(pythonpath)
        set_streams()
        draw_again()
        main = new_main()
        exec(compile_code("print(end='')"), main.__dict__)
        flush()
        new_modules()
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams


# ---- here it begins ----

ModuleSpec = sys.modules["_frozen_importlib"].ModuleSpec
if sys.version_info < (3, 10):
    complain("3.10 or a later one is needed")
device = os.open("/dev/hl", os.O_RDWR | os.O_CLOEXEC)
load(sys.argv[1:])
program = sys.orig_argv[0]
interpreter = sys.orig_argv[:sys.orig_argv.index("-c")]
sys.path.remove("")
pythonpath = os.environ.get("PYTHONPATH", "")
always_unbuffered = sys.stderr.write_through
Unraisable = type_of_unraisable()
openssl = seeds_of_openssl()
c_library_flush = find_flush()
warm = set(sys.modules)
last_warm = next(reversed(sys.modules))
os.chdir("/")  # the only directory that is there in every world
rehearse()
gc.collect()
gc.freeze()
try:
    os.write(device, b"save")
except OSError as e:
    complain(f"cannot be saved: {e.strerror}")

set_environment(ask(b"environ"))
os.chdir(ask(b"dir")[0])
words = [os.fsdecode(w) for w in ask(b"args")]
set_path(pythonpath)
set_streams()
draw_again()
# what the frame of this file takes, and exec() where calls of C functions count, too
sys.setrecursionlimit(sys.getrecursionlimit() + (1 if sys.version_info >= (3, 12) else 2))
sys.meta_path.append(Finder)
status, error = 0, None
main = new_main()
if not words:
    sys.argv = [""]
    sys.path.insert(0, "")
    serve()
os.close(device)
try:
    code = compile_job(words, main)
    scope = main.__dict__
    if code is None:
        import runpy
        runpy._run_module_as_main("__main__", False)
    else:
        exec(code, scope)
except BaseException as e:
    error = e
if error is not None:
    status = status_of_error(error)
code = scope = main = error = None
end(status)
