"""The Ray that workers run on: begun on this machine for a run, or joined; and what has to reach its nodes."""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
import site
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import proxy_tasks
from search.config import Config, RayConfig
from search.errors import SearchError
from search.origin import task_file, task_files
from search.ray_worker import Duty, sources_digest

LOCAL, LOOPBACK = "local", "127.0.0.1"


def duty_of(config: Config, directory: Path) -> Duty:
    """What the workers are for; what they need on other machines than this is copied into the directory.

    Raises:
        SearchError: for a file that is not below the working directory, and so has no name there.
    """
    names, here = proxy_tasks.several(config.task), Path.cwd()
    if missing := [given for given in config.ray.files if not Path(given).exists()]:
        raise SearchError(f"ray.files: there is no {missing[0]} (in {here})")
    if config.ray.address != LOCAL:
        for given in (*task_files(config.task), *map(Path, config.ray.files)):
            path = given.resolve()
            if not path.is_relative_to(here):
                raise SearchError(f"{given} is not below the working directory {here}: start from one above it")
            target = directory / path.relative_to(here)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copytree(path, target, dirs_exist_ok=True) if path.is_dir() else shutil.copy2(path, target)
            except OSError as error:
                raise SearchError(f"{given} cannot be taken to the workers: {error.strerror}") from None
        names = [_below(name, here) for name in names]
    where = str(here) if config.ray.address == LOCAL else ""
    return Duty(" + ".join(names), config.scale, sources_digest(), where, config.ray.deadline_s)


def _below(name: str, here: Path) -> str:
    """The name of a task with the path of its file, if it has one, from a directory."""
    file = task_file(name)
    return f"{file.relative_to(here)}{name[name.index('.py:') + 3 :]}" if file else name


def keep_to_this_machine() -> None:
    """A Ray that is begun here listens on the loopback address alone, and to whoever has a token that nobody is told.

    Has to be called before Ray is imported. Whoever can speak to Ray can run programs.
    """
    if "ray" not in sys.modules:  # which reads it once; without it Ray takes the address of the machine for its own
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "RAY_AUTH_MODE" in os.environ:
        return
    if "ray" in sys.modules:
        raise SearchError(
            "Ray was imported before a search could close it to others: search before you import ray, begin a Ray of"
            " your own with ray.init(), or set workers: inline"
        )
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def connected(config: RayConfig, directory: str) -> tuple[Any, bool]:
    """Ray, and whether it was started here; its workers begin in a copy of the directory."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    begun = "ray" in sys.modules and sys.modules["ray"].is_initialized()
    if config.address == LOCAL and not begun:
        keep_to_this_machine()
    import ray

    if begun:
        if any(Path(directory).iterdir()):
            raise SearchError("this process has a Ray already, which takes no files to its nodes: ray.shutdown() first")
        return ray, False
    # Not in the present directory, for a dsl.py of the user's in it is not what a worker has to import.
    where: dict[str, Any] = {"runtime_env": {"working_dir": directory}, "address": config.address}
    if config.address == LOCAL:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        where |= {"num_cpus": max(cores, math.ceil(config.workers * config.cpus)), "_node_ip_address": LOOPBACK}
    try:
        with warnings.catch_warnings():  # JAX warns of processes that are begun beside it; Ray's do not use it
            warnings.simplefilter("ignore", RuntimeWarning)
            ray.init(
                include_dashboard=False if config.address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **where,
            )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise SearchError(f"there is no cluster at ray.address {config.address} ({cause(error)})") from None
    if config.address == LOCAL:
        try:
            check_room(config, ray.cluster_resources())
        except SearchError:
            ray.shutdown()
            raise
    return ray, True


def check_room(config: RayConfig, there: Mapping[str, float]) -> None:
    """Refuses workers for which a machine has no room.

    Raises:
        SearchError: with the key of the configuration to change.
    """
    given = dict(text.split("=") for text in config.resources)
    wanted = {"CPU": config.cpus, "GPU": config.gpus, **{name: float(amount) for name, amount in given.items()}}
    keys = {"CPU": "ray.cpus", "GPU": "ray.gpus"}
    for name, amount in wanted.items():
        if amount > there.get(name, 0.0):
            key = keys.get(name, "ray.resources")
            raise SearchError(f"{key}: a worker takes {amount:g} {name}, and this machine has {there.get(name, 0.0):g}")


def environment(config: RayConfig) -> dict[str, str]:
    """Of a worker, before it imports anything."""
    root = str(Path(__file__).resolve().parents[1])
    installed = root in site.getsitepackages()  # a worker finds it there, too
    kept = {name: os.environ[name] for name in ("XDG_CACHE_HOME", "CXX", "JAX_PLATFORMS") if name in os.environ}
    path = os.pathsep.join(filter(None, ["" if installed else root, os.environ.get("PYTHONPATH")]))
    return {"NPROC": "1", **kept, **({} if config.gpus else {"JAX_PLATFORMS": "cpu"}), "PYTHONPATH": path}


def cause(error: Exception) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
