"""What a training has come to: by hand, in a sentence, a table, curves and a page."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from report_info import INFO
from rich.console import Console
from scipy import stats

from jal.report import (
    About,
    print_training,
    training_curves,
    training_headline,
    training_page,
    training_stages,
)

NAMES = ["experiment", "learner", "strategy", "seed", "epoch", "metric", "value"]
NAN = np.nan
# Of seeds 5, 6 and 7, the second of which stops after two epochs.
EPOCHS = {
    "return": [[1, 2, 3], [2, 4, NAN], [0, 1, 5]],
    "quality": [[0.5, 0.5, 0.8], [0.6, 0.9, NAN], [0.7, 0.5, 1.0]],
    "budget": [[0.4, 0.4, 0.1], [0.5, 0.2, NAN], [0.6, 0.4, 0.3]],
    "length": [[20, 20, 20], [20, 20, NAN], [20, 20, 20]],
    "success": [[0, 0, 1], [0, 1, NAN], [0, 0, 0]],
    "epsilon": [[1.0, 0.5, 0.1], [1.0, 0.1, NAN], [1.0, 0.5, 0.1]],  # whose mean is not quite .1
}
WARM = {"warm_episode": [0.5, 0.6, 0.7], "warm_quality": [0.8, 0.85, 0.9]}
WARM |= {"warm_budget": [0.5, 0.6, 0.7], "warm_length": [9, 10, 11], "seconds": [2.5] * 3}
OWN = {"target_quality": WARM["warm_quality"], "target_budget": WARM["warm_budget"]}
NONE = {"target_quality": [np.inf] * 3, "target_budget": [np.inf] * 3}
ABOUT = About("<mine>", "sklearn:digits", unit="trainings", settings={"agent.epochs": "3"})


def history(before: dict[str, list], epochs=EPOCHS, seeds=(5, 6, 7), name="agent") -> pd.DataFrame:
    rows = [
        ("mine", "mlp", name, seed, -1, metric, value)
        for metric, of in before.items()
        for seed, value in zip(seeds, of, strict=True)
    ]
    rows += [
        ("mine", "mlp", name, seed, epoch, metric, value)
        for metric, of in epochs.items()
        for seed, values in zip(seeds, of, strict=True)
        for epoch, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=NAMES)


def half(values: list[float]) -> float:
    return stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


def test_stages():
    """Of the training that stopped, its own last epoch."""
    stages = training_stages(history(WARM | OWN).sample(frac=1, random_state=0))
    assert list(stages) == ["warm start", "target", "first epoch", "last epoch"]
    last, first = stages["last epoch"], stages["first epoch"]
    assert last.index.tolist() == [5, 6, 7]
    assert last["return"].tolist() == [3, 4, 5] and first["return"].tolist() == [1, 2, 0]
    assert last.budget.tolist() == [0.1, 0.2, 0.3] and last.success.tolist() == [1, 1, 0]
    warm = stages["warm start"]
    assert warm["return"].tolist() == WARM["warm_episode"] and warm.length.tolist() == [9, 10, 11]
    assert stages["target"].quality.tolist() == WARM["warm_quality"] == warm.quality.tolist()
    assert training_stages(history(WARM | NONE))["target"].isna().all(axis=None)


def test_stages_of_splits_are_their_means():
    """Seed i is of split i modulo 2: 4 and 6, 5 and 7."""
    of_four = {"return": [[0, 1], [0, 2], [0, 5], [0, 8]]}
    frame = history({"warm_quality": [0.1, 0.2, 0.3, 0.4]}, of_four, (4, 5, 6, 7))
    frame = frame.sort_values("seed", key=lambda seed: seed % 2, kind="stable")
    stages = training_stages(frame, splits=2)
    assert stages["last epoch"]["return"].tolist() == [3, 5]
    np.testing.assert_allclose(stages["warm start"].quality, [0.2, 0.3])
    panel = training_curves(frame, "mlp", "agent", splits=2).axes[0]
    assert panel.lines[0].get_ydata().tolist() == [0, 4]
    edge = panel.collections[0].get_paths()[0].vertices[:, 1].max()
    np.testing.assert_allclose(edge, 4 + half([3, 5]))
    about = ABOUT._replace(unit="splits", splits=2)
    all_of_four = history({}, dict.fromkeys(EPOCHS, of_four["return"]), (4, 5, 6, 7))
    said = training_headline(all_of_four, about)
    assert said.startswith("Over 2 splits with mlp, ")
    assert f"a return of 4.0000 ± {half([3, 5]):.4f}" in said
    written = training_page(all_of_four, about, INFO)
    assert "4 trainings, with 95 % bands over the 2 splits" in written


def test_the_sentence():
    said = training_headline(history(WARM | OWN), ABOUT)
    begin = (
        f"Over 3 trainings with mlp, the episodes of agent's last epoch have a return of 4.0000 ± "
        f"{half([3, 4, 5]):.4f} and end at a quality of 0.9000 ± {half([0.8, 0.9, 1]):.4f} with "
        f"20.00 ± {100 * half([0.1, 0.2, 0.3]):.2f} % of the pool labelled; the best that warm "
        f"start saw is 0.8500 ± {half([0.8, 0.85, 0.9]):.4f}"
    )
    budget = f" with 60.00 ± {100 * half([0.5, 0.6, 0.7]):.2f} %"
    assert said == f"{begin}{budget}, which are the targets."
    assert training_headline(history(WARM | NONE), ABOUT) == f"{begin}{budget}."
    asked = {"target_quality": [0.75] * 3, "target_budget": WARM["warm_budget"]}
    said = training_headline(history(WARM | asked), ABOUT)  # the budget is not the best's
    assert said == f"{begin}; the targets are 0.7500{budget}."
    capped = OWN | {"target_budget": [0.3] * 3}
    said = training_headline(history(WARM | capped), ABOUT)
    quality = f"0.8500 ± {half([0.8, 0.85, 0.9]):.4f}"
    assert said == f"{begin}{budget}; the targets are {quality} with 30.00 %."
    alone = OWN | {"target_budget": [np.inf] * 3}
    said = training_headline(history(WARM | alone), ABOUT)
    assert said == f"{begin}{budget}, which is the target."


def test_one_training():
    before = {name: of[:1] for name, of in (WARM | OWN).items()}
    frame = history(before, {name: of[:1] for name, of in EPOCHS.items()}, (5,))
    written = training_page(frame, ABOUT, INFO)
    assert "In one training with mlp, the episodes of agent's last epoch have a" in written
    assert "±" not in written and "nan" not in written and "bands" not in written
    assert "1 training of 3 epochs, 2.50 s each" in written
    assert "Means over the epochs' episodes and 1 training; dashed" in written


def rows(written: str) -> list[list[str]]:
    return [re.findall("<t[dh][^>]*>([^<]*)</t", row) for row in written.split("<tr")[1:]]


def test_the_page():
    written = training_page(history(WARM | OWN), ABOUT, INFO | {"notes": ["a & b"]})
    assert "<mine>" not in written and "<h1>&lt;mine&gt;</h1>" in written
    assert not re.search('(src|href)="http', written) and "<script" not in written
    result = training_headline(history(WARM | OWN), ABOUT)
    assert f'<p class="result">{result}</p>' in written and "Note: a &amp; b." in written
    about = "3 trainings of 2.667 epochs, 2.50 s each, data sklearn:digits; 12 s on cpu, of which"
    assert about in written
    found = rows(written)
    assert found[0] == ["", "warm start", "target", "first epoch", "last epoch"]
    quality = f"0.8500 ± {half([0.8, 0.85, 0.9]):.4f}"
    of = {row[0]: row[1:] for row in found}
    assert of["quality"][:2] == [quality, quality]
    apart = f"{half([0, 1, 2]):.4f}"
    assert of["return"][1:] == ["", f"1.0000 ± {apart}", f"4.0000 ± {apart}"]
    assert of["length"] == [f"10.0 ± {half([9, 10, 11]):.1f}", "", "20.0", "20.0"]  # no variance
    assert of["success, %"][2:] == ["0.0", f"66.7 ± {100 * half([0, 1, 1]):.1f}"]
    assert of["epsilon"] == ["", "", "1.00", "0.10"]
    assert "loss" not in of  # not measured
    heads = ["seed", "return", "quality", "budget, %", "success, %", "length", "epsilon"]
    assert [*heads, "target quality", "target budget, %"] in found
    assert ["6", "4.0000", "0.9000", "20.00", "100.0", "20.0", "0.10", "0.8500", "60.00"] in found
    assert ["agent.epochs", "3"] in found and ["device", '"cpu"'] in found
    folded = written[written.index("<details><summary>Config") :]
    assert folded.index("agent.epochs") < folded.index("</details>")
    assert 'class="figure"' in written and "in all of them: length 20." in written
    assert "var(--c0)" in written and "#0072b2" not in written.partition("</style>")[2]


def test_the_page_of_an_agent_without_targets():
    written = training_page(history(WARM | NONE), ABOUT, INFO)
    assert rows(written)[0] == ["", "warm start", "first epoch", "last epoch"]
    assert "uccess:" not in written and "success, %" not in written and "dashed" not in written
    assert "inf" not in written.partition("<main>")[2] and "nan" not in written


def test_curves_have_the_mean_target():
    figure = training_curves(history(WARM | OWN), "mlp", "agent")
    panels = {panel.get_title(): panel for panel in figure.axes if panel.get_visible()}
    assert list(panels) == ["return", "budget", "quality", "success"]
    for name, goal in (("budget", 0.6), ("quality", 0.85)):
        np.testing.assert_allclose(panels[name].lines[1].get_ydata(), goal)
    assert len(panels["return"].lines) == 1
    figure = training_curves(history(WARM | NONE), "mlp", "agent")
    assert all(len(panel.lines) <= 1 for panel in figure.axes)


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (120, ["warm start", "target", "first epoch", "last epoch"]),
        (72, ["warm start", "target", "last epoch"]),
        (55, ["warm start", "last epoch"]),
    ],
)
def test_the_terminal(width, heads):
    out = io.StringIO()
    print_training(history(WARM | OWN), Console(file=out, width=width), ABOUT)
    lines = out.getvalue().splitlines()
    head = next(line for line in lines if line.startswith("   ") and line.strip())
    assert re.split(r"\s{2,}", head.strip()) == heads
    assert "…" not in out.getvalue()
    assert any(re.match(r" return .*4\.0000 ± 2\.4841 *$", line) for line in lines)
    text = " ".join(out.getvalue().split())
    assert text.startswith(training_headline(history(WARM | OWN), ABOUT))
    assert "<mine>: 3 trainings, 95 % intervals over the trainings" in text
