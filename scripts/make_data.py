"""Makes the bundled data files: `python scripts/make_data.py digits`.

The same bytes come out every time. The SHA-256 it prints is the one pinned in proxy_tasks/datasets.py.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "proxy_tasks" / "data"


def digits() -> dict[str, np.ndarray]:
    """The 1,797 images of 8x8 pixels, values 0..16, as scikit-learn ships them."""
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise SystemExit("the digits are taken from scikit-learn: pip install scikit-learn") from None
    bunch = load_digits()
    return {"images": bunch.images.astype(np.uint8), "labels": bunch.target.astype(np.uint8)}


MAKERS: dict[str, Callable[[], dict[str, np.ndarray]]] = {"digits": digits}


def make(name: str, folder: Path) -> str:
    """Writes `folder`/`name`.npz and returns its SHA-256.

    Not compressed: what deflate writes depends on the zlib at hand.
    """
    path = folder / f"{name}.npz"
    np.savez(path, **MAKERS[name]())  # type: ignore[arg-type]
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Makes the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MAKERS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the file goes (default: %(default)s)")
    arguments = parser.parse_args()
    print(make(arguments.name, arguments.folder), f"{arguments.name}.npz")


if __name__ == "__main__":
    main()
