"""The report in a real browser: what is pressed, copied, sorted, printed; and that nothing of a run ever runs."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from search import Result, report
from tests.search.report.hostile import HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [
    *([] if CHROMIUM else ["chromium (Debian: apt-get install chromium)"]),
    *([] if importlib.util.find_spec("playwright") else ["playwright (pip install playwright)"]),
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"a browser test needs {' and '.join(MISSING)}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(several: Result, hostile: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of both runs as files."""
    directory = tmp_path_factory.mktemp("reports")
    found = {}
    for name, result in {"several": several, "hostile": hostile}.items():
        found[name] = directory / f"{name}.html"
        found[name].write_text(report(result), encoding="utf-8")
    return found


@pytest.fixture
def open_page(browser: Any, files: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    """Opens a report; fails the test if it asks for anything, complains, or opens a dialog."""
    contexts, complaints = [], []

    def opened(name: str = "several", script: str = "", **settings: Any) -> Any:
        context = browser.new_context(viewport=settings.pop("viewport", {"width": 1280, "height": 900}), **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda asked: None if asked.url == files[name].as_uri() else complaints.append(asked.url))
        if script:
            page.add_init_script(script)
        page.goto(files[name].as_uri())
        return page

    opened.complaints = complaints
    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def colour(page: Any, selector: str, property: str = "backgroundColor") -> str:
    return page.eval_on_selector(selector, f"element => getComputedStyle(element).{property}")


def widths(page: Any) -> list[int]:
    return page.evaluate("[document.documentElement.scrollWidth, innerWidth]")


@pytest.mark.parametrize("name", ["several", "hostile"])
def test_a_page_is_drawn_without_a_complaint_or_a_request(open_page, name):
    page = open_page(name)
    for chart in ("Fitness over children", "Learning curves"):
        assert page.get_by_role("img", name=chart, exact=True).count() == 1
        assert page.get_by_role("img", name=chart, exact=True).bounding_box()["height"] > 100


def test_hostile_text_runs_nothing_and_is_shown_as_it_is(open_page):
    page = open_page("hostile")
    for summary in page.locator("summary").all():
        summary.click()
    page.mouse.wheel(0, 10_000)
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img, b").count() == 0
    assert HOSTILE in page.inner_text("#machine") and HOSTILE in page.inner_text("#failures")
    assert HOSTILE.replace("/", "_") in page.title()


def test_a_policy_stands_behind_the_escaping(open_page):
    page = open_page()
    blocked = page.evaluate(
        """() => new Promise(resolve => {
            document.addEventListener("securitypolicyviolation", event => resolve(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "hacked = 1";
            document.body.append(script);
            setTimeout(() => resolve("nothing"), 2000);
        })"""
    )
    assert blocked.startswith("script-src") and page.evaluate("typeof hacked") == "undefined"
    assert "Content Security Policy" in open_page.complaints.pop()


def test_a_table_is_sorted_by_the_column_that_is_pressed(open_page):
    page = open_page()
    table = page.locator("#funnel table")
    head = table.get_by_role("columnheader", name="lead over AdamW", exact=True)

    def shown() -> list[float]:
        column = head.evaluate("head => head.cellIndex")
        values = table.evaluate(f"table => [...table.tBodies[0].rows].map(row => row.cells[{column}].dataset.value)")
        return [float(value) for value in values]

    head.get_by_role("button").click()
    numbers = [value for value in shown() if value == value]
    assert numbers == sorted(numbers) and head.get_attribute("aria-sort") == "ascending"
    assert all(value != value for value in shown()[len(numbers) :])
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert [value for value in shown() if value == value] == numbers[::-1]
    assert head.get_attribute("aria-sort") == "descending"
    table.get_by_role("columnheader", name="program", exact=True).get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None


@pytest.mark.parametrize("clipboard", [True, False])
def test_the_copy_buttons_copy(open_page, several, clipboard):
    without = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    from playwright.sync_api import expect

    page = open_page(script="" if clipboard else without, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("optax, for JAX").click()
    button = page.locator("[data-copies=code-optax]")
    button.click()
    expect(button).to_have_text("Copied")
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("document.activeElement.dataset.copies") == "code-optax"
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    text = dsl.export(dsl.simplify(several.winner.program), "optax").splitlines()
    assert page.input_value("textarea").splitlines()[-5:] == text[-5:]


def test_the_theme_follows_the_system_until_it_is_chosen(open_page):
    page = open_page(color_scheme="dark")
    axis = "#fitness svg.wide text"
    dark = [colour(page, "body"), colour(page, axis, "fill"), colour(page, "#code-simplified", "color")]
    page.emulate_media(color_scheme="light")
    light = [colour(page, "body"), colour(page, axis, "fill"), colour(page, "#code-simplified", "color")]
    assert light[0] == "rgb(255, 255, 255)" and all(a != b for a, b in zip(dark, light, strict=True))
    page.get_by_role("button", name="Dark theme").click()
    assert colour(page, "body") == dark[0]
    page.get_by_role("button", name="Light theme").click()
    assert colour(page, "body") == light[0]


@pytest.mark.parametrize("name", ["several", "hostile"])
def test_a_phone_shows_the_page_without_scrolling_sideways(open_page, name):
    page = open_page(name, viewport={"width": 360, "height": 740})
    assert widths(page) == [360, 360]
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert widths(page) == [360, 360]
    clipped = (
        "all => all.filter(pre => pre.scrollWidth > pre.clientWidth || pre.scrollHeight > pre.clientHeight).length"
    )
    assert page.locator("td pre").count() and page.eval_on_selector_all("td pre", clipped) == 0
    assert page.locator("svg.wide:visible").count() == 0 and page.locator("svg.narrow:visible").count() == 5
    sizes = page.eval_on_selector_all(
        "svg.narrow text", "all => all.map(text => text.getBoundingClientRect().height).filter(height => height > 0)"
    )
    assert min(sizes) > 9


def test_everything_is_reached_by_the_keyboard(open_page):
    page = open_page()
    wanted = page.evaluate(
        """() => {
            const all = [...document.querySelectorAll("a, button, summary, .scroll, pre[tabindex]")];
            window.wanted = all.filter(element => element.checkVisibility());
            return window.wanted.length;
        }"""
    )
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("window.wanted.indexOf(document.activeElement)"))
    assert set(range(wanted)) <= reached
    summary = page.locator("summary", has_text="PyTorch")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#code-torch").is_visible()


def test_paper_has_what_matters_and_no_buttons(open_page):
    page = open_page(color_scheme="dark")
    assert page.pdf(format="A4").startswith(b"%PDF-")
    page.emulate_media(media="print")
    assert colour(page, "body", "color") == "rgb(27, 31, 36)"
    assert page.locator("nav").is_hidden() and page.locator("button.copy").first.is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#configuration-yaml").is_visible() and page.locator("#code-torch").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("document.querySelector('#configuration details').open")


def test_a_page_without_its_script_still_has_everything_to_read(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#funnel table").is_visible() and page.locator("svg.wide:visible").count() == 5
    assert page.locator("button:visible").count() == 0
