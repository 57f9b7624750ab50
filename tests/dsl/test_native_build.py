"""The native machine is compiled once, kept where nobody else can write, and its absence is one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsl.errors import MachineError
from dsl.vm.machines import choose
from dsl.vm.native import build

try:
    COMPILER = build.find_compiler()[0]
except MachineError as error:
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> Path:
    """What the real compiler makes."""
    path = tmp_path_factory.mktemp("native") / "machine.so"
    build._compile([*COMPILER, *build.FLAGS], path)
    return path


@pytest.fixture(autouse=True)
def nothing_loaded():
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return build.cache_directory()


@pytest.fixture
def compiler(tmp_path, monkeypatch, compiled):
    """Makes a shell script the compiler; what it is called with is in the file that is returned."""
    quick = f'while [ "$1" != -o ]; do shift; done; sleep 0.3; cp {compiled} "$2"'

    def make(body: str = quick) -> Path:
        script, log = tmp_path / "compiler", tmp_path / "log"
        script.write_text(f'#!/bin/sh\necho "$@" >> {log}\n[ "$1" = --version ] && echo fake 1 && exit\n{body}\n')
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        return log

    return make


def compilations(log: Path) -> int:
    return sum("-shared" in line for line in log.read_text().splitlines())


def test_library_is_compiled_once_and_kept(cache, compiler):
    log = compiler()
    first = build.library()
    build.library.cache_clear()
    again = build.library()
    assert compilations(log) == 1
    assert first.note == again.note == "" and again.handle.optsearch_ffi_version() == build.ffi_version()
    assert [path.suffix for path in sorted(cache.iterdir())] == [".lock", ".so"]
    assert cache.stat().st_mode & 0o777 == 0o700


def test_library_is_kept_whatever_new_files_are_open_to(cache, compiler):
    log, before = compiler(), os.umask(0o002)
    try:
        for _ in range(2):
            assert build.library().note == ""
            build.library.cache_clear()
    finally:
        os.umask(before)
    assert compilations(log) == 1


def test_compiler_may_be_a_command_with_arguments(monkeypatch):
    plain = build.find_compiler()[1]
    monkeypatch.setenv("CXX", f"{' '.join(COMPILER)} -ffast-math")
    command, version = build.find_compiler()
    assert command == [*COMPILER, "-ffast-math"]
    assert version == f"{plain} -ffast-math"  # part of the name of the library, and of the machine's


def test_without_a_home_it_is_compiled_for_the_process(monkeypatch, compiler):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    compiler()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert "home directory" in build.library().note


def test_without_a_temporary_directory_auto_takes_jax(monkeypatch, compiler):
    def nowhere(*arguments, **options):
        raise FileNotFoundError("No usable temporary directory")

    compiler()
    monkeypatch.setattr(build.tempfile, "TemporaryDirectory", nowhere)
    assert "No usable temporary directory" in choose("auto", lambda: 0.0).note


def test_two_processes_at_once_compile_once(cache, compiler):
    log = compiler()
    script = "from dsl.vm.native.build import library; print(library().note)"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.communicate() == ("\n", "") and process.returncode == 0
    assert compilations(log) == 1


@pytest.mark.parametrize("part", ["jaxlib", "compiler", "instruction set"])
def test_what_it_depends_on_is_part_of_the_name(part, monkeypatch):
    before = build._key("g++ 12", "baseline")
    if part == "jaxlib":
        monkeypatch.setattr(build.jaxlib, "__version__", "99.0")
    after = build._key("g++ 13" if part == "compiler" else "g++ 12", "other" if part[0] == "i" else "baseline")
    assert before != after


def test_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, compiler):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    log = compiler()
    found = choose("native", lambda: 0.0)
    assert found.name == "native" and compilations(log) == 1
    assert "compiled anew by every process" in found.note and "Not a directory" in found.note
    assert "\n" not in found.note


def test_full_cache_is_one_line(cache, monkeypatch, compiler):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    log = compiler()
    monkeypatch.setattr(Path, "write_bytes", full)
    found = build.library()
    assert "No space left on device" in found.note and compilations(log) == 1
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_library_of_another_user_is_not_loaded(cache, compiler, monkeypatch):
    compiler()
    build.library()
    build.library.cache_clear()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert "belongs to another user: remove it" in build.library().note


@pytest.mark.parametrize("what", ["directory", "library"])
def test_what_others_may_write_to_is_not_loaded(cache, compiler, what):
    compiler()
    build.library()
    build.library.cache_clear()
    path = cache if what == "directory" else next(cache.glob("*.so"))
    path.chmod(0o777)
    assert f"chmod go-w {path}" in build.library().note


@pytest.mark.parametrize("length", [0, 10, 50_000, -1])
def test_library_that_was_cut_off_is_compiled_again(cache, compiler, length):
    log = compiler()
    build.library()
    build.library.cache_clear()
    path = next(cache.glob("*.so"))
    content = path.read_bytes()
    path.unlink()  # it is mapped
    path.write_bytes(content[:length])
    assert build.library().note == "" and compilations(log) == 2
    assert path.read_bytes() == content


def test_library_for_another_xla_is_not_shown_to_it(cache, compiler, monkeypatch):
    compiler()
    build.library()
    path = next(cache.glob("*.so"))
    monkeypatch.setattr(build, "ffi_version", lambda: 7)
    with pytest.raises(OSError, match="made for another jaxlib: remove it"):
        build._load(path)


NO_COMPILER = {
    "no such command": (None, "names 'no-such-compiler', which is no command: unset it, or install g++"),
    "one that fails": ("echo error: no idea >&2; exit 1", "no idea"),
    "one that says nothing": ("exit 3", "exit status 3"),
}


@pytest.mark.parametrize("case", NO_COMPILER)
def test_without_a_compiler_auto_takes_jax_and_says_what_to_install(cache, monkeypatch, compiler, case):
    body, problem = NO_COMPILER[case]
    if body is None:
        monkeypatch.setenv("CXX", "no-such-compiler")
    else:
        compiler(body)
    found = choose("auto", lambda: 0.0)
    assert found.name == "jax" and problem in found.note and "install g++ 10 or newer" in found.note
    with pytest.raises(MachineError, match="install g"):
        choose("native", lambda: 0.0)


def test_unknown_machine_is_answered_with_the_known_ones():
    with pytest.raises(MachineError, match="unknown machine 'nonsense': write auto, native, jax or jit"):
        choose("nonsense", lambda: 0.0)


def test_large_tasks_are_compiled():
    assert choose("auto", lambda: 1e9).name == "native"
    assert choose("auto", lambda: 1e13).name == "jit"
