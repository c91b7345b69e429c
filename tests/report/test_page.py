import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from report_info import INFO

from jal.metrics import mean_interval
from jal.report import curve_grid, learning_curves, page, save_png
from jal.report.plots import BEST, FEW, png

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
MALICIOUS = '<b>x</b> & "<script>alert(1)</script>'
LABELS = np.array([10, 20, 30])


def values(strategy: str, seeds: int) -> np.ndarray:
    number = re.search(r"\d+$", strategy)
    other = 0.15 if number is None else 0.1 + 0.01 * int(number[0])
    gain = {"random": 0.1, "margin": 0.2}.get(strategy, other)
    noise = np.outer(np.arange(seeds) - (seeds - 1) / 2, [0.5, 1 - gain, gain])
    return 0.5 + gain * np.arange(3) + 0.02 * noise


def tidy(learners=("logreg",), strategies=("random", "margin"), seeds=5) -> pd.DataFrame:
    rows = [
        (
            "toy",
            learner,
            strategy,
            seed,
            round_,
            labels,
            metric,
            a + b * accuracy[seed, round_],
        )
        for learner in learners
        for strategy in strategies
        for metric, a, b in [
            ("accuracy", 0, 1),
            ("log_loss", 2, -1),
            ("imbalance_ratio", 0, 0.5),
        ]
        for accuracy in [values(strategy, seeds)]
        for seed in range(seeds)
        for round_, labels in enumerate(LABELS)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


def config(name: str = "toy", source: str = "sklearn:digits") -> dict:
    return {"name": name, "data": {"source": source}, "seeds": 5}


@pytest.fixture
def undrawn(monkeypatch):
    """Pages whose pictures are not drawn, which takes the most of their time."""
    monkeypatch.setattr(sys.modules["jal.report.page"], "png", lambda figure: PNG_MAGIC)


class Reader(HTMLParser):
    """Text, tags and attributes of a page; fails where a tag is closed that is not open."""

    def __init__(self, source: str):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.text, self.rows, self.row_classes = "", [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "img", "br", "link", "hr", "input"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.row_classes.append(dict(attrs).get("class"))
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1] += data


def images(read: Reader) -> int:
    """How many there are; each must be a PNG within the page, and nothing else be linked."""
    sources = [value for name, value in read.attributes if name in ("src", "href")]
    start = "data:image/png;base64,"
    for source in sources:
        assert source.startswith(start)
        assert base64.b64decode(source[len(start) :], validate=True).startswith(PNG_MAGIC)
    return len(sources)


def test_page_is_whole_and_self_contained():
    source = page(tidy(learners=("logreg", "mlp")), config(), INFO)
    assert source.startswith("<!doctype html>")
    assert not re.search("https?://", source)
    read = Reader(source)
    assert {"script", "link", "iframe", "object"}.isdisjoint(read.tags)
    assert {"html", "head", "title", "body", "table", "img"} <= set(read.tags)
    assert read.tags.count("h2") == 6  # curves, imbalance, two learners, config, run
    assert images(read) == 2
    assert "2 learners, 2 strategies, 5 seeds, data sklearn:digits; 12 s on cpu" in read.text
    assert "compilation 4 s; jal 0.1, JAX 0.10" in read.text
    assert '"seeds": 5' in read.text  # the config as it is


def test_page_shows_the_numbers(undrawn):
    read = Reader(page(tidy(), config(), INFO))
    # AUBC: .5 + the gain, seeds apart by .02 (.125 + (1 - gain) / 2 + gain / 4).
    half = {g: mean_interval(0.02 * (0.625 - g / 4) * np.arange(5.0))[1] for g in (0.1, 0.2)}
    final = {g: mean_interval(0.02 * g * np.arange(5.0))[1] for g in (0.1, 0.2)}
    shown = [
        [name, f"{0.5 + g:.4f} ± {half[g]:.4f}", f"{0.5 + 2 * g:.4f} ± {final[g]:.4f}"]
        for name, g in [("margin", 0.2), ("random", 0.1)]
    ]
    assert "over the seeds with 30 labels. AUBC" in read.text
    assert read.rows[0] == ["strategy", "AUBC", "final accuracy", "final log_loss", "imbalance"]
    rows = [row[:3] for row in read.rows]  # the toy table's log loss and imbalance follow
    best = rows.index(shown[0])
    assert rows[best + 1] == shown[1]  # the best first
    assert (read.row_classes[best], read.row_classes[best + 1]) == ("best", "")
    assert [value for _, value in read.attributes if value == "aubc"] == ["aubc"] * 2
    assert "What is final is" not in read.text
    assert ["random", "-10.0*", ""] in read.rows
    assert ["margin", "", "+10.0*"] in read.rows
    assert ["random", "0.00", "0.00"] in read.rows
    assert ["margin", "0.00", "0.67"] in read.rows  # at two budgets of three
    assert [value for _, value in read.attributes if value in ("good", "bad")] == ["good", "bad"]


def test_page_escapes_names():
    frame = tidy(learners=(MALICIOUS,), strategies=(MALICIOUS, "random"))
    source = page(frame, config(MALICIOUS, source=MALICIOUS), INFO | {"device": MALICIOUS})
    read = Reader(source)
    assert {"b", "script"}.isdisjoint(read.tags)
    # Title, heading, about (twice), learner, three tables' rows and two heads at least.
    assert read.text.count(MALICIOUS) >= 10
    assert [MALICIOUS, "", "+5.0*"] in read.rows


@pytest.mark.parametrize(
    ("strategies", "seeds"), [(("random", "margin"), 1), (("margin",), 3), (("margin",), 1)]
)
def test_page_of_one_seed_or_one_strategy(undrawn, strategies, seeds):
    read = Reader(page(tidy(strategies=strategies, seeds=seeds), config(), INFO))
    assert ("±" in read.text) == (seeds > 1)
    assert "nan" not in read.text.lower()
    assert ("paired t-test" in read.text) == (len(strategies) > 1)
    assert "*" not in "".join(cell for row in read.rows for cell in row)
    assert any(row[:1] == ["margin"] for row in read.rows)


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_learning_curves(metric):
    figure = learning_curves(tidy(learners=("logreg", "mlp")), metric)
    assert [panel.get_title() for panel in figure.axes] == ["logreg", "mlp"]
    add, sign = (0, 1) if metric == "accuracy" else (2, -1)
    for panel in figure.axes:
        assert {line.get_label() for line in panel.lines} == {"random", "margin"}
        for line, band in zip(panel.lines, panel.collections, strict=True):
            mean, half = mean_interval(add + sign * values(line.get_label(), 5))
            np.testing.assert_array_equal(line.get_xdata(), LABELS)
            np.testing.assert_allclose(line.get_ydata(), mean)
            corners = band.get_paths()[0].vertices
            for at, middle, width in zip(LABELS, mean, half, strict=True):
                reach = corners[corners[:, 0] == at, 1]
                np.testing.assert_allclose(
                    [reach.min(), reach.max()], [middle - width, middle + width]
                )
    assert figure.axes[0].get_ylabel() == metric.replace("_", " ")
    assert legend(figure) == ["margin", "random"]  # by AUBC


def test_a_panel_for_each_learner_that_has_the_metric():
    frame = tidy(learners=("logreg", "mlp"))
    frame = frame[(frame.learner == "logreg") | (frame.metric == "accuracy")]
    titles = [panel.get_title() for panel in learning_curves(frame, "log_loss").axes]
    assert titles == ["logreg"]


def test_unknown_metric():
    with pytest.raises(ValueError, match=r"no metric 'f2' in these results: .* accuracy, log_loss"):
        learning_curves(tidy(), "f2")


def test_styles_differ_and_random_is_grey():
    names = [f"strategy {i}" for i in range(9)]
    panel = learning_curves(tidy(strategies=("random", *names), seeds=1)).axes[0]
    styles = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in panel.lines}
    assert len(set(styles.values())) == 10
    assert styles["random"][0] == "#888888"


MANY = ("random", *(f"strategy {i}" for i in range(1, 15)))


def test_of_many_the_best_and_random_stand_out():
    """15 strategies: seven in colour, random dashed, seven in grey; by the mean place of both."""
    frame = tidy(learners=("logreg", "mlp"), strategies=MANY, seeds=2)
    figure = learning_curves(frame)
    best = [f"strategy {i}" for i in range(14, 14 - BEST, -1)]
    assert legend(figure) == [*best, "random", "7 others"]
    for panel in figure.axes:
        styles = {line.get_label(): line.get_color() for line in panel.lines}
        shown = [name for name in styles if not name.startswith("_")]
        assert set(shown) == {*best, "random"} and len({styles[name] for name in shown}) == 8
        assert len(panel.lines) == 15 and len(panel.collections) == 8
    # So many fit: all are shown.
    few = tidy(strategies=MANY[:FEW], seeds=1)
    assert len(legend(learning_curves(few))) == FEW
    assert len(legend(learning_curves(tidy(strategies=MANY[: FEW + 1], seeds=1)))) == BEST + 2


def test_a_panel_for_each_strategy_less_random():
    figure = curve_grid(tidy(strategies=MANY), "logreg")
    panels = [panel for panel in figure.axes if panel.get_visible()]
    lowest = [p.get_title() for p in panels if p.xaxis.get_tick_params()["labelbottom"]]
    assert lowest == [f"strategy {15 - i}" for i in range(9, 15)]  # of six columns
    assert [panel.get_title() for panel in panels] == list(MANY[:0:-1])  # by AUBC
    assert figure.get_supylabel() == "accuracy less random's"
    for panel in panels:
        mean, half = mean_interval(values(panel.get_title(), 5) - values("random", 5))
        np.testing.assert_allclose(panel.lines[-1].get_ydata(), mean)
        others, band = panel.collections
        assert len(others.get_segments()) == 14  # all are behind it
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx((mean + half).max())


@pytest.mark.parametrize("case", ["no random", "other budgets", "alone"])
def test_panels_show_the_metric_where_random_cannot_be_taken_off(case):
    frame = tidy(strategies=("random",) if case == "alone" else ("random", "margin"))
    if case == "no random":
        frame = frame[frame.strategy != "random"]
    if case == "other budgets":
        frame.loc[frame.strategy == "random", "labels"] += 1
    figure = curve_grid(frame, "logreg")
    assert figure.get_supylabel() == "accuracy"
    shown = figure.axes[0]
    expected = values(shown.get_title(), 5).mean(axis=0)
    np.testing.assert_allclose(shown.lines[-1].get_ydata(), expected)


def test_page_of_many(undrawn):
    frame = tidy(strategies=MANY)
    read = Reader(page(frame, config(), INFO))
    assert images(read) == 4  # the curves, the profile, and a panel for each of both
    order = list(reversed(MANY))
    heads = [row for row in read.rows if row == ["", *order]]
    assert len(heads) == 2  # both matrices, by AUBC
    assert [row[0] for row in read.rows if len(row) == 16][1:16] == order
    assert ("class", "matrix") in read.attributes
    assert images(Reader(page(tidy(strategies=MANY[:FEW]), config(), INFO))) == 2


def test_page_shows_seconds(undrawn):
    """1 s of random over 5 seeds and 2 queries is 100 ms each."""
    seconds = {"logreg/random": 1.0, "logreg/margin": 1.25}
    read = Reader(page(tidy(), config(), INFO | {"cell_seconds": seconds}))
    heads = next(row for row in read.rows if "AUBC" in row)
    assert heads[-2:] == ["ms/query", "less random's"]
    found = {row[0]: row[-2:] for row in read.rows if len(row) == len(heads)}
    assert found["margin"] == ["125.00", "+25.00"] and found["random"] == ["100.00", ""]
    assert "less random's it is what scoring the pool, selecting and training for it" in read.text


def test_page_without_an_imbalance(undrawn):
    frame = tidy()
    read = Reader(page(frame[frame.metric != "imbalance_ratio"], config(), INFO))
    assert images(read) == 1 and "Imbalance" not in read.text


def test_png(tmp_path):
    figure = learning_curves(tidy(seeds=1))
    assert png(figure).startswith(PNG_MAGIC)
    assert figure._repr_png_().startswith(PNG_MAGIC)
    save_png(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG_MAGIC)
