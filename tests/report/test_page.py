import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from jal.metrics import mean_interval
from jal.report import learning_curves, page, save_png
from jal.report.plots import png

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
MALICIOUS = '<b>x</b> & "<script>alert(1)</script>'
INFO = {
    "seconds": 12.4,
    "compile_seconds": 3.6,
    "device": "cpu",
    "jal": "0.1",
    "jax": "0.10",
    "resumed": False,
}
LABELS = np.array([10, 20, 30])


def values(strategy: str, seeds: int) -> np.ndarray:
    gain = {"random": 0.1, "margin": 0.2}.get(strategy, 0.15)
    return 0.5 + gain * np.arange(3) + 0.02 * np.outer(np.arange(seeds) - 1, [0.5, 1, gain])


def tidy(learners=("logreg",), strategies=("random", "margin"), seeds=3) -> pd.DataFrame:
    rows = [
        ("toy", learner, strategy, seed, round_, labels, metric, sign * accuracy[seed, round_])
        for learner in learners
        for strategy in strategies
        for metric, sign in [("accuracy", 1), ("log_loss", -1)]
        for accuracy in [values(strategy, seeds)]
        for seed in range(seeds)
        for round_, labels in enumerate(LABELS)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


def config(name: str = "toy", source: str = "sklearn:digits") -> dict:
    return {"name": name, "data": {"source": source}, "seeds": 3}


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


def test_page_is_whole_and_self_contained():
    source = page(tidy(learners=("logreg", "mlp")), config(), INFO)
    assert source.startswith("<!doctype html>")
    assert not re.search("https?://", source)
    read = Reader(source)
    assert {"script", "link", "iframe", "object"}.isdisjoint(read.tags)
    assert {"html", "head", "title", "body", "table", "img"} <= set(read.tags)
    assert read.tags.count("h2") == 5  # curves, two learners, config, run
    sources = [value for name, value in read.attributes if name in ("src", "href")]
    assert len(sources) == 1
    start = "data:image/png;base64,"
    assert sources[0].startswith(start)
    assert base64.b64decode(sources[0][len(start) :], validate=True).startswith(PNG_MAGIC)
    assert "2 learners, 2 strategies, 3 seeds, data sklearn:digits; 12 s on cpu" in read.text
    assert "compilation 4 s; jal 0.1, JAX 0.10" in read.text
    assert '"seeds": 3' in read.text  # the config as it is


def test_page_shows_the_numbers():
    read = Reader(page(tidy(), config(), INFO))
    # AUBC: .5 + the gain, seeds apart by .02 (.125 + .5 + gain / 4): t interval of 3 seeds.
    half = {g: mean_interval(0.02 * (0.625 + g / 4) * np.arange(3.0))[1] for g in (0.1, 0.2)}
    final = {g: mean_interval(0.02 * g * np.arange(3.0))[1] for g in (0.1, 0.2)}
    shown = [
        [name, "30", f"{0.5 + g:.4f} ± {half[g]:.4f}", f"{0.5 + 2 * g:.4f} ± {final[g]:.4f}"]
        for name, g in [("margin", 0.2), ("random", 0.1)]
    ]
    rows = [row[:4] for row in read.rows]  # the toy table's log loss follows
    best = rows.index(shown[0])
    assert rows[best + 1] == shown[1]  # the best first
    assert (read.row_classes[best], read.row_classes[best + 1]) == ("best", "")
    assert ["random", "", "-10.0*"] in read.rows
    assert ["margin", "+10.0*", ""] in read.rows
    assert ["random", "0.00", "0.00"] in read.rows
    assert ["margin", "0.67", "0.00"] in read.rows  # at two budgets of three
    assert [value for _, value in read.attributes if value in ("good", "bad")] == ["bad", "good"]


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
def test_page_of_one_seed_or_one_strategy(strategies, seeds):
    read = Reader(page(tidy(strategies=strategies, seeds=seeds), config(), INFO))
    assert ("±" in read.text) == (seeds > 1)
    assert "nan" not in read.text.lower()
    assert ("paired t-test" in read.text) == (len(strategies) > 1)
    assert "*" not in "".join(cell for row in read.rows for cell in row)
    assert any(row[:2] == ["margin", "30"] for row in read.rows)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_learning_curves(metric):
    figure = learning_curves(tidy(learners=("logreg", "mlp")), metric)
    assert [panel.get_title() for panel in figure.axes] == ["logreg", "mlp"]
    sign = 1 if metric == "accuracy" else -1
    for panel in figure.axes:
        assert [line.get_label() for line in panel.lines] == ["random", "margin"]
        for line, band in zip(panel.lines, panel.collections, strict=True):
            mean, half = mean_interval(sign * values(line.get_label(), 3))
            np.testing.assert_array_equal(line.get_xdata(), LABELS)
            np.testing.assert_allclose(line.get_ydata(), mean)
            corners = band.get_paths()[0].vertices
            for at, middle, width in zip(LABELS, mean, half, strict=True):
                reach = corners[corners[:, 0] == at, 1]
                np.testing.assert_allclose(
                    [reach.min(), reach.max()], [middle - width, middle + width]
                )
    assert figure.axes[0].get_ylabel() == metric
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["random", "margin"]


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


def test_png(tmp_path):
    figure = learning_curves(tidy(seeds=1))
    assert png(figure).startswith(PNG_MAGIC)
    assert figure._repr_png_().startswith(PNG_MAGIC)
    save_png(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG_MAGIC)
