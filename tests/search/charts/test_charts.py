"""Charts from plain data: what they say, that they stay small, and that every format of file can be read."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from markupsafe import Markup

from search.charts import FORMATS
from search.charts.cache import cache_chart
from search.charts.chart import COLOURS, Chart, picture, sampled, thinned
from search.charts.curves import Panel, curves_chart
from search.charts.fitness import fitness_chart
from search.charts.lineage import lineage_chart
from search.charts.pareto import Point, pareto_chart
from search.charts.tracks import Track, tracks
from search.cli import plot
from search.lineage import Ancestor
from search.report.inline import Styles, inline

BASELINES = {"adamw": 0.5, "lion": 0.4}
LONG = 300_000
BEGINS = {"svg": b"<?xml", "png": b"\x89PNG\r\n", "pdf": b"%PDF-"}


def track(name: str = "", begins: int = 0, children: int = 50, offset: float = 0.0) -> Track:
    """A search whose best falls from 1, by steps that become rare; every third child fails, half are cache hits."""
    rng = np.random.default_rng(children)
    fitness = offset + 0.3 + 0.7 / np.sqrt(1 + np.arange(children + 1)) * rng.uniform(1, 3, children + 1)
    fitness[0], fitness[2::3] = offset + 1.0, np.nan
    trained = rng.random(children + 1) < 0.5
    trained[0] = True
    live = rng.integers(3, 15, children + 1)
    return Track(name, begins, fitness, trained, live * 2, live)


def line(generations: int) -> list[Ancestor]:
    first = Ancestor("0", None, "", 10, 10, 1.0, None, False)
    kinds = ("insert", "delete", "modify")
    rest = [
        Ancestor(str(n), kinds[n % 3], "+ x", 10 + n, 9, 1 - n / (2 * generations), 0.5 / generations, False)
        for n in range(1, generations + 1)
    ]
    return [first, *rest]


PANEL = Panel("a task x1", {"winner": (1.0, 0.5, 0.2, 0.1), "adamw": (1.0, 0.6, 0.3, 0.2), "lion": (2.0, 1.0, 0.5)})


def charts(children: int = 50, searches: int = 1, generations: int = 30) -> list[Chart]:
    names = [""] if searches == 1 else [f"search-{n}" for n in range(1, searches + 1)]
    found = [track(name, children=children + n) for n, name in enumerate(names)]
    front = [Point("7", 3, 0.9), Point("30", 9, 0.35)]
    return [
        fitness_chart(found, BASELINES),
        cache_chart(found),
        pareto_chart(found, front, BASELINES, Point("31", 9, 0.4)),
        lineage_chart(line(generations), BASELINES),
        curves_chart([PANEL, PANEL]),
    ]


def test_the_best_so_far_steps_down_at_the_children_that_were_better_than_all_before():
    fitness = np.array([0.9, np.nan, 0.95, 0.8, 0.8, 0.7])
    some = Track("", 0, fitness, np.ones(6, bool), np.ones(6, int), np.ones(6, int))
    assert some.improvements().tolist() == [0, 3, 5]
    chart = fitness_chart([some], {})
    assert chart.rows == [("0", "0.9000"), ("3", "0.8000"), ("5", "0.7000")]
    assert "falls from 0.9000 to 0.7000 at child 5 of 5, in 2 steps" in chart.description


def test_a_search_that_improves_on_nothing_is_told_as_such():
    flat = Track("", 0, np.array([0.5, 0.6]), np.ones(2, bool), np.ones(2, int), np.ones(2, int))
    assert "0.5000, is not improved on by 1 children" in fitness_chart([flat], {}).description


def test_restarts_follow_the_searches_before_them():
    names = ["search-1"] * 4 + ["search-2"] * 6 + ["restart-1"] * 3 + ["restart-2"] * 2
    columns = {
        "search": np.array(names),
        **{name: np.ones(len(names)) for name in ("fitness", "trained", "statements", "live")},
    }
    assert [(t.name, t.begins, t.children) for t in tracks(columns)] == [
        ("search-1", 0, 3),
        ("search-2", 0, 5),
        ("restart-1", 5, 2),
        ("restart-2", 7, 1),
    ]


def test_cache_hits_and_redundancy_are_counted_over_all_and_over_the_last():
    trained = np.array([True] + [True] * 5 + [False] * 5)
    fitness = np.array([1.0] * 10 + [np.nan])
    live, statements = np.full(11, 5), np.array([5] * 6 + [10] * 5)
    chart = cache_chart([Track("", 0, fitness, trained, statements, live)])  # the last two of ten are "the last"
    assert chart.rows[0] == ("1", "0.0%", "0.0%", "0.0%", "0.0%")
    assert chart.rows[-1] == ("10", "50.0%", "100.0%", f"{100 * 20 / 65:.1f}%", "50.0%")
    assert "Of 10 children 50.0% computed what an earlier one did, of the last 2 100.0%" in chart.description


def test_the_front_is_told_by_its_ends():
    told = charts()[2].description
    assert "3 live statements and loss 0.9000 (child 7), the best 9 and 0.3500 (child 30)" in told
    assert "The winner, child 31, has 9 and 0.4000" in told


def test_the_line_is_told_by_its_ends_and_its_largest_step():
    told = lineage_chart([*line(4), Ancestor("9", "delete", "- x", 9, 9, 0.1, 0.4, False)], BASELINES).description
    assert "Child 9 is 5 mutations from the warm start: its loss went from 1.0000 to 0.1000" in told
    assert "The largest gain, 0.4000, came with child 9 (delete)" in told


def test_a_curve_that_ends_early_is_drawn_as_far_as_it_goes():
    chart = charts()[4]
    assert ("a task x1", "Lion", "2.0000", "1.0000", "0.5000", "-") in chart.rows
    assert "the winner 0.1000, AdamW 0.2000" in chart.description


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", range(5))
def test_every_chart_is_a_file_of_every_format(number, format):
    chart = charts()[number]
    content = picture(chart, format)
    assert content.startswith(BEGINS[format]) and b"made by optsearch" in content
    if format == "svg":
        assert chart.description in "".join(ElementTree.fromstring(content).itertext())


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_chart_is_the_same_file(format):
    assert picture(charts()[1], format) == picture(charts()[1], format)


def test_what_is_drawn_of_300_000_children_is_a_sample():
    drawn = charts(LONG, 1, 1000)
    parts = [inline(chart, Styles({}), narrow=False) for chart in drawn]
    assert sum(map(len, parts)) < 250_000
    assert all(part.count("<use") < 1100 for part in parts)
    assert all(len(chart.rows) <= 100 for chart in drawn)


def test_thirty_searches_are_drawn():
    for chart in charts(20, 30)[:2]:
        assert inline(chart, Styles({}), narrow=True)
    assert "24 more searches come to" in charts(20, 30)[0].description


def test_the_ids_and_colours_of_charts_in_one_page_do_not_clash():
    styles = Styles({})
    parts = [inline(c, styles, narrow) for c in charts() for narrow in (False, True)]
    ids = [e.attrib["id"] for part in parts for e in ElementTree.fromstring(part).iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids)) > 0
    for part in parts:
        assert isinstance(part, Markup)
        assert "style=" not in part and "xmlns" not in part and "<metadata" not in part and "#ffffff" not in part
    assert "font-family" not in styles.sheet()
    assert not any(light in styles.sheet() for light, _ in COLOURS.values())


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("name", [name for name in COLOURS if name not in ("ground", "grid")])
def test_text_can_be_read_on_its_ground(name, theme):
    values = sorted(luminance(COLOURS[of][theme]) for of in (name, "ground"))
    assert (values[1] + 0.05) / (values[0] + 0.05) >= 4.5


@pytest.mark.parametrize("losses", [(-1.0, 0.0, 2.0), (0.5, 0.5, 0.5), (1e-9, 1.0, 1e9), (1e300, 1e301, 1e302)])
def test_any_losses_are_drawn(losses):
    some = Track("", 0, np.array([losses[2], losses[1], losses[0]]), np.ones(3, bool), np.ones(3, int), np.ones(3, int))
    assert picture(fitness_chart([some], {"adamw": losses[1]})).startswith(b"<?xml")


def test_what_looks_like_mathematics_is_drawn_as_it_stands():
    drawn = inline(curves_chart([Panel(r"$\frac{$ <b>&amp;", PANEL.curves)]), Styles({}), narrow=False)
    assert r"$\frac{$ &lt;b&gt;&amp;amp;" in drawn


def test_a_sample_is_the_same_every_time_and_in_order():
    numbers = np.arange(1000)
    assert np.array_equal(sampled(numbers, 50), sampled(numbers, 50)) and len(sampled(numbers, 50)) == 50
    assert all(a < b for a, b in pairwise(sampled(numbers, 50)))
    assert thinned(1000, 5).tolist()[0] == 0 and thinned(1000, 5).tolist()[-1] == 999 and thinned(1, 5).tolist() == [0]


def test_the_command_line_offers_what_there_is():
    from search.charts.kinds import CHARTS

    assert set(plot.KINDS) == {*CHARTS, "lineage"}


def test_the_style_of_the_users_own_figures_stays_as_it_was():
    before = dict(matplotlib.rcParams)
    picture(charts()[0], "png")
    assert dict(matplotlib.rcParams) == before
