"""Compiles the native machine on first use, against the headers of the installed jaxlib, into a private cache.

The package itself stays pure Python. What is compiled is keyed by everything it depends on, so that two versions of
jaxlib, two compilers or two kinds of machine share one home directory; it is compiled under a lock and moved into
place whole.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jaxlib
from jax import ffi

from dsl.errors import MachineError
from dsl.user_cache import user_cache

SOURCES = ("machine.cc", "ffi.cc")
HEADERS = ("machine.h", "kernels.h")
FLAGS = (
    "-std=c++20",
    "-O3",
    "-funroll-loops",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fPIC",
    "-shared",
)
X86_64_V3 = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"})  # as /proc/cpuinfo names them
TIMEOUT_S = 300

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Library:
    """The compiled machine, loaded.

    Attributes:
        handle: its symbols.
        compiler: the first line of `--version`, and the arguments that `$CXX` has for it.
        instruction_set: "x86-64-v3", or "baseline".
        note: why it was not kept, or "".
    """

    handle: ctypes.CDLL
    compiler: str
    instruction_set: str
    note: str


@functools.cache
def library() -> Library:
    """The native machine, compiled if need be (2-6 s).

    Raises:
        MachineError: with one line on what is missing.
    """
    try:
        return _library()
    except OSError as error:  # no temporary directory, say
        raise MachineError(f"the native machine cannot be built here: {error}") from error


def _library() -> Library:
    compiler, version = find_compiler()
    instructions = instruction_set()
    command = [*compiler, *FLAGS, *(["-march=x86-64-v3"] if instructions == "x86-64-v3" else [])]
    note = ""
    with tempfile.TemporaryDirectory(prefix="optsearch-") as directory:
        fresh = Path(directory) / "machine.so"
        try:
            path = cache_directory() / f"{_key(version, instructions)}.so"
            _keep(path, fresh, command)
            handle = _load(path)
        except (OSError, RuntimeError, ImportError, _Untrusted) as error:  # there may be no home, or no such locks
            note = f"the native machine is compiled anew by every process, for it cannot be kept: {error}"
            if not fresh.exists():
                _compile(command, fresh)
            handle = _load(fresh)
    return Library(handle, version, instructions, note)


def cache_directory() -> Path:
    """Where compiled machines are kept."""
    return user_cache("native")


def find_compiler() -> tuple[list[str], str]:
    """The command of a C++ compiler, `$CXX` if that is set, and the first line of its `--version` with
    the arguments that `$CXX` has for it.

    Raises:
        MachineError: if there is none that runs.
    """
    named = os.environ.get("CXX")
    for command in [shlex.split(named)] if named else [["g++"], ["c++"], ["clang++"]]:
        if shutil.which(command[0]):
            version = _run([*command, "--version"]).partition("\n")[0] or "of no version"
            return command, " ".join([version, *command[1:]])
    missing = f"$CXX names {named!r}, which is no command: unset it, or" if named else "there is no C++ compiler:"
    raise MachineError(f"{missing} install g++ 10 or newer (Debian: apt install g++; macOS: xcode-select --install)")


def instruction_set() -> str:
    """What the machine is compiled for: never more than x86-64-v3, for a cluster mixes machines."""
    try:
        text = Path("/proc/cpuinfo").read_text() if platform.machine() == "x86_64" else ""
    except OSError:
        text = ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return "x86-64-v3" if flags and set(flags[1].split()) >= X86_64_V3 else "baseline"


def ffi_version() -> int:
    """Of the installed jaxlib's headers: the major version times 65536, plus the minor one."""
    text = (Path(ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h").read_text()
    major, minor = (int(re.findall(rf"#define XLA_FFI_API_{part} (\d+)", text)[0]) for part in ("MAJOR", "MINOR"))
    return major << 16 | minor


def _key(version: str, instructions: str) -> str:
    sources = [(_HERE / name).read_text() for name in (*SOURCES, *HEADERS)]
    where = (instructions, platform.machine(), *platform.libc_ver(), jaxlib.__version__, str(ffi_version()))
    parts = (*sources, *FLAGS, version, *where)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class _Untrusted(Exception):
    """Somebody else could have put code there."""


def _keep(path: Path, fresh: Path, command: list[str]) -> None:
    """Compiles the library, to `fresh` and then into the cache, if it is not there whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _trust(path.parent)
    if not _is_whole(path):
        with _locked(path.with_suffix(".lock")):
            if not _is_whole(path):  # or another process was faster
                _compile(command, fresh)
                code = fresh.read_bytes()
                part = path.with_suffix(".part")
                try:
                    part.write_bytes(code + hashlib.sha256(code).digest())
                    part.chmod(0o600)
                    os.replace(part, path)
                finally:
                    part.unlink(missing_ok=True)
    _trust(path)


def _is_whole(path: Path) -> bool:
    """Whether a library ends with its own digest: one that was cut off, by a full disk say, kills who loads it."""
    if not path.exists():
        return False
    content = path.read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


def _trust(path: Path) -> None:
    found = path.stat()
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise _Untrusted(f"{path} belongs to another user: remove it, or set XDG_CACHE_HOME")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _Untrusted(f"others may write to {path}: chmod go-w {path}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock that goes with the process."""
    import fcntl  # not on Windows

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(command: list[str], path: Path) -> None:
    sources = [str(_HERE / name) for name in SOURCES]
    _run([*command, f"-isystem{ffi.include_dir()}", *sources, "-o", str(path), "-lm"])


def _run(command: list[str]) -> str:
    """What a command prints."""
    try:
        english = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, env=english)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"the C++ compiler {command[0]} cannot be run ({error}): install g++ 10 or newer") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.split("\n")
        reason = said[0].strip()[:300] or f"exit status {done.returncode}"
        raise MachineError(f"the C++ compiler {command[0]} failed ({reason}): install g++ 10 or newer, or set CXX")
    return done.stdout


def _load(path: Path) -> ctypes.CDLL:
    """Loads a library; XLA is shown none that was made for another version."""
    handle = ctypes.CDLL(str(path))
    handle.optsearch_ffi_version.restype = ctypes.c_uint32
    handle.optsearch_kernel.restype = ctypes.c_char_p
    if handle.optsearch_ffi_version() != ffi_version():
        raise OSError(f"{path} was made for another jaxlib: remove it")
    return handle
