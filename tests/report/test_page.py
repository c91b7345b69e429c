import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from report_info import INFO

from jal.metrics import mean_interval
from jal.report import About, learning_curves, page, save
from jal.report.charts import curve_charts, small_charts
from jal.report.plots import BEST, FEW, inline_svgs, png, svg

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


def about(name: str = "toy", data: str = "sklearn:digits", **fields) -> About:
    return About(name, data, settings={"protocol.seeds": "5"}, **fields)


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
        if {"td", "th"} & set(self.open[-2:]):  # a head may be turned
            self.rows[-1][-1] += data


def charts(read: Reader) -> list[str]:
    """What each of the page's charts says that it shows."""
    labels = [value for name, value in read.attributes if name == "aria-label"]
    assert read.attributes.count(("class", "chart")) == len(labels)
    return labels


def test_page_is_whole_and_self_contained():
    source = page(tidy(learners=("logreg", "mlp")), about(), INFO)
    assert source.startswith("<!doctype html>")
    assert not re.search("https?://", source)
    read = Reader(source)
    assert {"script", "link", "iframe", "object", "img"}.isdisjoint(read.tags)
    assert {"html", "head", "title", "body", "table", "svg"} <= set(read.tags)
    assert read.tags.count("h2") == 4  # curves, imbalance, two learners
    assert charts(read) == [
        f"{metric} against labels with {learner}"
        for metric in ("accuracy", "imbalance ratio")
        for learner in ("logreg", "mlp")
    ]
    # The contents lead to each part, and nothing else is linked.
    links = [value for name, value in read.attributes if name in ("src", "href")]
    ids = [value for name, value in read.attributes if name == "id"]
    assert links == [f"#{one}" for one in ids] and len(ids) == 4
    assert "2 learners, 2 strategies, 5 seeds, data sklearn:digits; 12 s on cpu" in read.text
    assert "compilation 4 s; jal 0.1, JAX 0.10" in read.text
    assert ["protocol.seeds", "5"] in read.rows and ["device", '"cpu"'] in read.rows
    folded = source[source.index("<details><summary>Config") :]
    assert folded.index("protocol.seeds") < folded.index("</details>")


def test_page_opens_with_the_result():
    read = Reader(page(tidy(), about(), INFO))
    before, _, after = read.text.partition("Over 5 seeds, margin has the highest AUBC with logreg")
    assert before.endswith("toy")
    assert after.startswith(" (0.7000 ± ")
    read = Reader(page(tidy(), about(), {"unfinished": "1 of 2"}))
    assert "So far, over 5 seeds, margin has" in read.text and "UNFINISHED: 1 of 2" in read.text


def test_page_shows_the_numbers():
    read = Reader(page(tidy(), about(), INFO))
    # AUBC: .5 + the gain, seeds apart by .02 (.125 + (1 - gain) / 2 + gain / 4).
    half = {g: mean_interval(0.02 * (0.625 - g / 4) * np.arange(5.0))[1] for g in (0.1, 0.2)}
    final = {g: mean_interval(0.02 * g * np.arange(5.0))[1] for g in (0.1, 0.2)}
    shown = [
        [name, f"{0.5 + g:.4f} ± {half[g]:.4f}", f"{0.5 + 2 * g:.4f} ± {final[g]:.4f}"]
        for name, g in [("margin", 0.2), ("random", 0.1)]
    ]
    assert "over the seeds with 30 labels. Bold" in read.text
    heads = ["strategy", "AUBC", "", "final accuracy", "final log loss", "imbalance"]
    assert read.rows[0] == [*heads, "labels to 90 %", "labels to 95 %"]
    # Of margin's .9: .81 and .855. It has .7 +- .02 k with 20 labels, and .9 with 30.
    found = {row[0]: row[-2:] for row in read.rows[1:3]}
    assert found == {"margin": ["30.0 ± 0.0"] * 2, "random": ["≥ 30 (0 %)"] * 2}
    rows = [[row[0], *row[1:4:2]] for row in read.rows]  # without the dot between
    best = rows.index(shown[0])
    assert rows[best + 1] == shown[1]  # the best first
    assert (read.row_classes[best], read.row_classes[best + 1]) == ("best", None)
    assert [value for _, value in read.attributes if value == "aubc"] == ["aubc"] * 2
    assert "What is final is" not in read.text
    assert ["random", "-10.0*", ""] in read.rows
    assert ["margin", "", "+10.0*"] in read.rows
    assert ["random", "0.00", "0.00"] in read.rows
    assert ["margin", "0.00", "0.67"] in read.rows  # at two budgets of three


def test_page_escapes_names():
    frame = tidy(learners=(MALICIOUS,), strategies=(MALICIOUS, "random"))
    source = page(frame, about(MALICIOUS, data=MALICIOUS), INFO | {"device": MALICIOUS})
    read = Reader(source)
    assert {"b", "script"}.isdisjoint(read.tags)
    # Title, heading, about (twice), learner, three tables' rows and two heads at least.
    assert read.text.count(MALICIOUS) >= 10
    assert [MALICIOUS, "", "+5.0*"] in read.rows


@pytest.mark.parametrize(
    ("strategies", "seeds"), [(("random", "margin"), 1), (("margin",), 3), (("margin",), 1)]
)
def test_page_of_one_seed_or_one_strategy(strategies, seeds):
    read = Reader(page(tidy(strategies=strategies, seeds=seeds), about(), INFO))
    assert ("±" in read.text) == (seeds > 1)
    assert "nan" not in read.text.lower()
    assert ("paired t-test" in read.text) == (len(strategies) > 1)
    assert "*" not in "".join(cell for row in read.rows for cell in row)
    assert any(row[:1] == ["margin"] for row in read.rows)


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_curves_against_the_share_labelled():
    """Of a pool of 200 points 20 labels are 10 %."""
    plain, shared = learning_curves(tidy()).axes[0], learning_curves(tidy(), pool=200).axes[0]
    assert (plain.get_xlabel(), shared.get_xlabel()) == ("labels", "labels, % of the pool")
    for one, other in zip(plain.lines, shared.lines, strict=True):
        np.testing.assert_allclose(other.get_xdata(), np.asarray(one.get_xdata()) / 2)
        np.testing.assert_array_equal(other.get_ydata(), one.get_ydata())


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


def texts(drawn: str, kind: str) -> list[str]:
    return re.findall(rf'<text class="{kind}"[^>]*>([^<]*)</text>', drawn)


def points(drawn: str, kind: str) -> np.ndarray:
    """Of a path's corners, px."""
    (path,) = re.findall(rf'<path class="{kind}" d="M([^"]*)"', drawn)
    return np.array([one.split() for one in path.replace("Z", "").split("L")], float)


def test_charts_of_the_page():
    """Heights and places of the ends: .5 to .9 of margin, .5 to .7 of random."""
    drawn = curve_charts(tidy(learners=("logreg", "mlp")))
    assert [texts(one, "title") for one in drawn] == [["logreg"], ["mlp"]]
    assert texts(drawn[0], "name") == ["random", "margin"]  # in the run's order
    assert texts(drawn[0], "axis") == ["accuracy", "labels"]
    ticks = [float(text) for text in texts(drawn[0], "tick")]
    assert ticks[:5] == [0.5, 0.6, 0.7, 0.8, 0.9] and ticks[-1] == 30
    grid = re.findall(r'<path class="grid" d="M0 ([0-9.]+)H', drawn[0])
    assert len(grid) == 5
    at = dict(zip(ticks[:5], map(float, grid), strict=True))
    curves = [one.split("</g>")[0] for one in drawn[0].split('<g class="line ')[1:]]
    for part, (style, name, heights) in zip(
        curves,
        [("random", "random", [0.5, 0.6, 0.7]), ("c0", "margin", [0.5, 0.7, 0.9])],
        strict=True,
    ):
        assert part.startswith(f'{style}"><title>{name}</title>')
        corners = points(part, "curve")
        np.testing.assert_allclose(corners[:, 1], [at[h] for h in heights], atol=0.11)
        np.testing.assert_allclose(np.diff(corners[:, 0]), corners[-1, 0] / 2, atol=0.11)


def test_a_curve_that_ends_early_does_not_seem_to_go_on():
    frame = tidy()
    (drawn,) = curve_charts(frame[(frame.strategy == "random") | (frame["round"] < 2)])
    curves = [one.split("</g>")[0] for one in drawn.split('<g class="line ')[1:]]
    kinds = {re.search("<title>(.*)</title>", one)[1]: one.count("leader far") for one in curves}
    assert kinds == {"random": 0, "margin": 1} and drawn.count('class="leader') == 2


def test_bands_of_the_page():
    """Twice the half width lies between the band's two ends."""
    (drawn,) = curve_charts(tidy(strategies=("margin",)))
    _, half = mean_interval(values("margin", 5))
    corners = points(drawn, "band c0")
    low, high = (float(one) for one in re.findall(r'class="grid" d="M0 ([0-9.]+)H', drawn)[::4])
    scale = (low - high) / 0.4  # px of 1
    np.testing.assert_allclose(corners[3:, 1][::-1] - corners[:3, 1], 2 * half * scale, atol=0.3)


def test_grey_lines_have_their_names_under_the_pointer():
    frame = tidy(strategies=MANY, seeds=2)
    (drawn,) = curve_charts(frame)
    others = re.findall('<g class="line other"><title>([^<]*)</title>', drawn)
    assert sorted(others) == sorted(f"strategy {i}" for i in range(1, 15 - BEST))
    assert set(texts(drawn, "name")) == set(MANY)  # theirs are hidden until then
    assert drawn.count('class="leader"') == drawn.count('class="band') == BEST + 1
    assert drawn.rindex("line other") < drawn.index("line random")  # behind


def test_names_at_the_ends_are_apart_and_in_order():
    (drawn,) = curve_charts(tidy(strategies=("random", *(f"alike {i}" for i in range(1, 10)))))
    found = re.findall(r'<text class="name" x="[0-9.]+" y="([0-9.-]+)">([^<]*)<', drawn)
    heights = sorted((float(y), name) for y, name in found)
    # strategy i gains .1 + .01 i, random .1.
    assert [name for _, name in heights] == [*(f"alike {i}" for i in range(9, 0, -1)), "random"]
    assert (np.diff([y for y, _ in heights]) >= 12.9).all()
    assert -1 <= heights[0][0] <= heights[-1][0] <= 300  # within the chart


def test_a_small_chart_for_each_strategy_less_random():
    drawn, less = small_charts(tidy(strategies=MANY), "logreg")
    assert less and [texts(one, "title")[0] for one in drawn] == list(MANY[:0:-1])  # by AUBC
    # strategy 14 ends .28 above random's .2, strategy 1 .02: each has its own scale, of points.
    for one, (i, most) in zip(drawn, [(14, 30), (13, 30)], strict=False):
        gain = 0.01 * i * 2 * 100
        zero, top = (float(y) for y in re.findall(r'class="(?:grid|mark)" d="M0 ([0-9.]+)H', one))
        assert texts(one, "tick")[:2] == ["0", str(most)]
        end = points(one, "curve")[-1, 1]
        np.testing.assert_allclose((zero - end) / (zero - top), gain / most, atol=0.01)
    assert texts(drawn[-1], "tick")[:2] == ["0", "2"]


def test_a_strategy_without_a_seed_of_random_s_has_no_small_chart():
    frame = tidy(strategies=("random", "margin", "strategy 1"))
    frame = frame[(frame.strategy == "margin") ^ (frame.seed > 2)]
    drawn, less = small_charts(frame, "logreg")
    assert less and [texts(one, "title") for one in drawn] == [["strategy 1"]]


@pytest.mark.parametrize("case", ["no random", "other budgets", "alone"])
def test_small_charts_show_the_metric_where_random_cannot_be_taken_off(case):
    frame = tidy(strategies=("random",) if case == "alone" else ("random", "margin"))
    if case == "no random":
        frame = frame[frame.strategy != "random"]
    if case == "other budgets":
        frame.loc[frame.strategy == "random", "labels"] += 1
    drawn, less = small_charts(frame, "logreg")
    assert not less and len(drawn) == frame.strategy.nunique()
    name = "random" if case == "alone" else "margin"
    assert texts(drawn[0], "title") == [name]
    heights = points(drawn[0], "curve")[:, 1]
    ticks = texts(drawn[0], "tick")[:-2]
    grid = [float(y) for y in re.findall(r'class="grid" d="M0 ([0-9.]+)H', drawn[0])]
    expected = np.interp(values(name, 5).mean(axis=0), list(map(float, ticks)), grid)
    np.testing.assert_allclose(heights[1], expected[1], atol=0.2)


def test_page_of_many():
    """A heat map of 15 strategies: no numbers but under the pointer, blank where not tested."""
    read = Reader(page(tidy(strategies=MANY), about(), INFO))
    names = charts(read)
    assert len(names) == 2 + 2 * 14  # the curves, the profile, and a panel for each of both
    order = list(reversed(MANY))
    heads = [row for row in read.rows if row == ["", *order]]
    assert len(heads) == 3  # all matrices, by AUBC
    rows = [row for row in read.rows if len(row) == 16 and row[0] in order]
    assert [row[0] for row in rows] == 3 * order
    assert not any("".join(row[1:]) for row in rows)
    assert read.attributes.count(("class", "heat turned dense")) == 3
    titles = [value for name, value in read.attributes if name == "title"]
    assert "strategy 14, random: +14.0*" in titles and "random, strategy 14: -14.0*" in titles
    few = Reader(page(tidy(strategies=MANY[:FEW]), about(), INFO))
    assert len(charts(few)) == 2


def test_heat_is_of_tested_differences_alone():
    """The best by 10 points is full, its mirror of the other colour; untested entries are blank."""
    written = page(tidy(), about(), INFO)
    assert 'title="margin, random: +10.0*" style="background:rgb(0 114 178 / 0.70)"' in written
    assert 'title="random, margin: -10.0*" style="background:rgb(213 94 0 / 0.70)"' in written
    few = page(tidy(seeds=2), about(), INFO)
    assert 'title="margin, random: +10.0">+10.0</td>' in few


def test_recall_of_each_class():
    """Of the last fits; of classes with names, and one without."""
    frame = tidy()
    parts = [
        frame[frame.metric == "accuracy"].assign(metric=f"class_recall_{k}", value=value)
        for k, value in ((0, 1.0), (2, 0.25), (10, 0.5))
    ]
    read = Reader(page(pd.concat([frame, *parts]), about(classes=("cat", "dog", "eel")), INFO))
    assert ["", "cat", "eel", "10"] in read.rows  # dog has no test example
    assert ["margin", "1.00", "0.25", "0.50"] in read.rows
    assert "final class recall" not in read.text


def test_page_shows_seconds():
    """1 s of random over 5 seeds and 2 queries is 100 ms each."""
    seconds = {"logreg/random": 1.0, "logreg/margin": 1.25}
    read = Reader(page(tidy(), about(), INFO | {"cell_seconds": seconds}))
    heads = next(row for row in read.rows if "AUBC" in row)
    assert heads[-2:] == ["ms/query", "less random's"]
    found = {row[0]: row[-2:] for row in read.rows if len(row) == len(heads)}
    assert found["margin"] == ["125.00", "+25.00"] and found["random"] == ["100.00", ""]
    assert "less random's it is what scoring the pool, selecting and training for it" in read.text


def test_page_without_an_imbalance():
    frame = tidy()
    read = Reader(page(frame[frame.metric != "imbalance_ratio"], about(), INFO))
    assert len(charts(read)) == 1 and "Imbalance" not in read.text


def test_files_of_a_picture(tmp_path):
    figure = learning_curves(tidy(seeds=1))
    assert png(figure).startswith(PNG_MAGIC)
    assert figure._repr_png_().startswith(PNG_MAGIC)
    save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG_MAGIC)
    save(figure, tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text()
    assert "<svg" in drawn and drawn == svg(learning_curves(tidy(seeds=1)))  # nothing of the day


def test_panels_of_a_picture_are_elements_of_a_page():
    """Each alone, without a background, in the page's colour."""
    learners = ("logreg", "mlp")
    placed = inline_svgs(learning_curves(tidy(learners=learners, seeds=1)))
    widths = [float(re.search(r'viewBox="0 0 ([0-9.]+) ', one)[1]) for one in placed]
    assert all(330 < width < 420 for width in widths)  # of 5.2 inches each, with 72 points
    for one, learner in zip(placed, learners, strict=True):
        Reader(one)
        assert one.startswith('<svg class="figure"')
        assert re.findall(">(logreg|mlp)</text>", one) == [learner]
        assert "currentColor" in one and "#000000" not in one and "#ffffff" not in one
        assert "<metadata" not in one
