"""An installed distribution, as an installer leaves it."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).with_name("broken.py").read_text(encoding="utf-8")


def install(folder: Path, name: str, **tasks: str) -> None:
    """Puts a distribution into a folder of sys.path: it declares tasks, and brings broken.py as NAME_module."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{task} = {target}" for task, target in tasks.items()]
    (about / "entry_points.txt").write_text("\n".join(["[optsearch.tasks]", *lines]))
    (folder / f"{name}_module.py").write_text(SOURCE)
