"""A chart as part of a page: an SVG whose letters have the page's font and whose colours follow its theme."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from search.charts.chart import COLOURS, Chart, drawn

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_REFERENCE = re.compile(r"(?<=#)[^)]+")
_DIGITS = re.compile(r"(\.\d\d)\d+")
_VARIABLES = {light: f"var(--{name})" for name, (light, _) in COLOURS.items()}


@dataclass
class Styles:
    """The rules that the charts of a page share: declarations -> class. A page that allows no style of an element's own
    (its security policy) has them in its style sheet."""

    classes: dict[str, str]

    def sheet(self) -> str:
        """The rules as CSS."""
        return "\n".join(f".{name}{{{declarations}}}" for declarations, name in self.classes.items())

    def name(self, declarations: str) -> str:
        """The class of these."""
        kept = [d.strip() for d in declarations.split(";") if d.strip() and not d.strip().startswith("font-family")]
        text = ";".join(_variable(d) for d in kept)
        return self.classes.setdefault(text, f"c{len(self.classes)}")


def _variable(declaration: str) -> str:
    name, _, value = declaration.partition(":")
    return f"{name}:{_VARIABLES.get(value.strip(), value.strip())}"


def inline(chart: Chart, styles: Styles, narrow: bool) -> Markup:
    """The chart as an element `svg` of a page.

    It has the chart's title, and is described by the element `NAME-told`, which the page has to have.

    Args:
        chart: to be drawn.
        styles: takes the rules that the element needs.
        narrow: for a phone.
    """
    name = f"{chart.name}-{'narrow' if narrow else 'wide'}"
    source = drawn(chart, "svg", narrow, {"Date": None}, letters=True)
    root = ElementTree.parse(io.BytesIO(source)).getroot()
    referred = {m for e in root.iter() for value in e.attrib.values() for m in _REFERENCE.findall(value)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = dict(_attributes(element, name, referred, styles))
    _drop(root, "metadata", "style")
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "class": "narrow" if narrow else "wide",
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "aria-describedby": f"{chart.name}-told",
    }
    title = ElementTree.Element("title", {"id": f"{name}-title"})
    title.text = chart.title
    root.insert(0, title)
    for element in root.iter():  # white space between elements
        element.tail = None
        if element.text and not element.text.strip():
            element.text = None
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 (it escapes)


def _attributes(
    element: ElementTree.Element, name: str, referred: set[str], styles: Styles
) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        if key == "style":
            yield "class", styles.name(value)
        elif key == "id":
            if value in referred:
                yield "id", f"{name}-{value}"
        elif key in (f"{_XLINK}href", "clip-path"):
            yield key.removeprefix(_XLINK), value.replace("#", f"#{name}-")
        elif key in ("d", "x", "y", "transform", "width", "height"):
            yield key, _DIGITS.sub(r"\1", " ".join(value.split()))
        else:
            yield key, value


def _drop(element: ElementTree.Element, *tags: str) -> None:
    for child in list(element):
        if child.tag in tags:
            element.remove(child)
        else:
            _drop(child, *tags)
