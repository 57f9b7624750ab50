"""Sentences about the classes of image sets, and texts as numbers of their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

_DIGITS = (
    *("a zero", "a one", "a two", "a three", "a four"),
    *("a five", "a six", "a seven", "an eight", "a nine"),
)
_CLOTHES = (
    *("a t-shirt", "trousers", "a pullover", "a dress", "a coat"),
    *("a sandal", "a shirt", "a sneaker", "a bag", "an ankle boot"),
)
_THINGS = (
    *("an airplane", "an automobile", "a bird", "a cat", "a deer"),
    *("a dog", "a frog", "a horse", "a ship", "a truck"),
)

# What the classes of an image set are called.
CLASSES: dict[str, tuple[str, ...]] = {
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "fashion_small": _CLOTHES,
    "fashion_mnist": _CLOTHES,
    "cifar10": _THINGS,
}

TEMPLATES = (
    "{}",
    "a photo of {}",
    "this is {}",
    "we see {}",
    "{} in a picture",
    "a picture showing {}",
    "{} is shown here",
    "nothing but {}",
)

NOTHING = 0  # the number of what follows the last word of a text


def words(text: str) -> list[str]:
    """The words of a text, in small letters, without what is between them.

    >>> words("A photo of a T-shirt.")
    ['a', 'photo', 'of', 'a', 't', 'shirt']
    """
    return re.findall(r"\w+", text.lower())


def known_words(texts: Sequence[str]) -> dict[str, int]:
    """The number of each word that is in two or more of the texts, from 1 on."""
    counts = Counter(word for text in texts for word in set(words(text)))
    return {word: number for number, word in enumerate(sorted(w for w in counts if counts[w] > 1), start=1)}


def numbered(texts: Sequence[str], known: Mapping[str, int], length: int) -> np.ndarray:
    """The first words of texts as numbers, of which the one after those of all known words stands for any other.

    Args:
        texts: any.
        known: the number of each known word, from 1 on.
        length: words of a text that are read.

    Returns:
        int32 [texts, length].

    >>> print(numbered(["a cat", "a dog is no cat"], {"a": 1, "cat": 2}, length=4))
    [[1 2 0 0]
     [1 3 3 3]]
    """
    rows = np.full((len(texts), length), NOTHING, np.int32)
    for row, text in zip(rows, texts, strict=True):
        found = [known.get(word, len(known) + 1) for word in words(text)[:length]]
        row[: len(found)] = found
    return rows
