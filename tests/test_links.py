"""The pages lead somewhere: every relative link and image of theirs is a file of the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_and_image_of_a_page_is_a_file(page):
    text = re.sub(
        r"^```.*?^```|^    .*?$|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    targets = [target for target in re.findall(r"\]\(([^)\s]+)", text) if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []
