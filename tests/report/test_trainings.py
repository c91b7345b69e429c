"""Runs averaged by training, what trainings took, and what papers report."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from report_info import INFO
from rich.console import Console
from scipy import stats

from jal.metrics import mean_interval
from jal.report import (
    About,
    aubc_differences,
    budget_differences,
    by_training,
    points_curve,
    print_tables,
    ranking,
    seconds,
    summary,
    target_summary,
    training_summary,
)
from jal.report.agent_texts import effect_texts, target_texts, training_texts
from jal.report.page import page
from jal.report.target_plots import (
    batch_histogram,
    batch_rounds,
    constant_histories,
    metric_densities,
    training_curves,
)
from jal.report.targets import to_target

ABOUT = About(
    "toy",
    "sklearn:digits",
    unit="trainings",
    units=3,
    confidence=0.68,
    reported={("logreg", "agent"): {"accuracy": 0.6202}, ("other", "random"): {"accuracy": 0.1234}},
)
ALONE = ABOUT._replace(unit="seeds", units=1)
ROUNDS = 3


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Pages whose pictures of agents are not drawn, which takes the most of their time."""
    monkeypatch.setattr(sys.modules["jal.report.agents_section"], "inline_svgs", lambda figure: [])


def measured(seeds: int = 12, first: int = 5) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The tidy table of an agent and random, and its values `[S, R + 1]`."""
    rng = np.random.default_rng(0)
    found = {name: rng.uniform(size=(seeds, ROUNDS + 1)) for name in ("agent", "random")}
    rows = [
        ("toy", "logreg", name, first + seed, round_, 10 + 5 * round_, "accuracy", value)
        for name, values in found.items()
        for seed, row in enumerate(values)
        for round_, value in enumerate(row)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    return pd.DataFrame(rows, columns=names), found


def history() -> pd.DataFrame:
    """Three trainings, the second of which stops after two epochs; 1.5 s each."""
    returns = [[0.1, 0.2, 0.3], [0.4, 0.5, np.nan], [0.0, 0.1, 0.7]]
    rows = [
        ("toy", "logreg", "agent", seed, epoch, "return", value)
        for seed, values in enumerate(returns)
        for epoch, value in enumerate(values)
    ]
    rows += [("toy", "logreg", "agent", seed, -1, "seconds", 1.5) for seed in range(3)]
    names = ["experiment", "learner", "strategy", "seed", "epoch", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


def test_runs_of_one_training_are_averaged():
    frame, found = measured()
    averaged = by_training(frame, 3)
    assert len(averaged) == 2 * 3 * (ROUNDS + 1)
    for name, values in found.items():
        own = averaged[averaged.strategy == name].pivot(
            index="seed", columns="round", values="value"
        )
        means = np.stack([values[training::3].mean(axis=0) for training in range(3)])
        np.testing.assert_allclose(own.to_numpy(), means)
    assert list(averaged.strategy.unique()) == ["agent", "random"]
    table = summary(averaged, 0.68).loc[("logreg", "agent")]
    mean, half = mean_interval(means_of(found["agent"])[:, -1], 0.68)
    np.testing.assert_allclose([table.final, table.final_ci], [mean, half])


def means_of(values: np.ndarray) -> np.ndarray:
    return np.stack([values[training::3].mean(axis=0) for training in range(3)])


def test_one_training_leaves_the_table_as_it_is():
    frame, _ = measured()
    assert by_training(frame, 1) is frame


def test_what_trainings_took():
    frame, found = measured()
    row = training_summary(by_training(frame, 3), history(), 0.68).loc[("logreg", "agent")]
    assert (row.trainings, row.seconds) == (3, 1.5)
    assert row.epochs == pytest.approx(8 / 3)
    mean, half = mean_interval(np.array([0.3, 0.5, 0.7]), 0.68)
    np.testing.assert_allclose([row["return"], row.return_ci], [mean, half])
    np.testing.assert_allclose(row.final, found["agent"][:, -1].mean())


def test_agents_of_other_runs_have_no_training():
    frame, _ = measured()
    goal = history().iloc[-3:].assign(metric="target_quality")
    assert training_summary(by_training(frame, 3), goal).empty
    assert training_texts(by_training(frame, 3), goal, ABOUT) == []


def test_the_page_says_what_intervals_are_over():
    frame, _ = measured()
    written = page(frame, ABOUT, INFO, history())
    assert "all intervals and tests on this page are over the trainings" in written
    assert "68 % interval over the trainings" in written
    assert "<td>0.6202</td>" in written  # the paper's
    assert "<td>0.1234</td>" not in written  # of another learner
    alone = page(frame, ALONE._replace(confidence=0.95), INFO, history())
    assert "hold for the policies that were trained here" in alone
    assert "95 % interval over the seeds" in alone
    same = "were measured on the same test set as the runs on this page"
    assert same in written
    assert same not in page(frame, ABOUT._replace(held_out=True), INFO, history())
    assert "Runs to the target" not in written
    frame, goals = runs_to_a_target()
    whole = page(frame, ALONE._replace(target=0.9), INFO | {"pool": 20}, goals)
    assert "Stops are found on the test set that all of these metrics are of" in whole
    assert "<th>crossing</th>" in whole and "<th>crossing less its, points</th>" in whole


def test_the_terminal_shows_trainings_and_what_the_paper_has():
    frame, _ = measured()
    out = io.StringIO()
    print_tables(frame, Console(file=out, width=120), INFO, ABOUT, history())
    shown = out.getvalue()
    assert "logreg: 3 trainings, 25 labels, 68 % intervals" in shown
    assert "in the paper" in shown and "0.6202" in shown
    assert "logreg: 3 trainings of each agent" in shown and "1.50" in shown


def test_an_agent_of_one_learner_alone():
    """Its other learners have no cell of it."""
    frame, _ = measured()
    other = frame[frame.strategy == "random"].assign(learner="forest")
    both = pd.concat([frame, other], ignore_index=True)
    times = {"logreg/agent": 6.0, "logreg/random": 3.0, "forest/random": 3.0}
    info = INFO | {"cell_seconds": times}
    assert ranking(both, "forest") == ["random"]
    assert sorted(seconds(both, info).index) == sorted(tuple(cell.split("/")) for cell in times)
    assert "forest" in page(both, ABOUT, info, history())
    out = io.StringIO()
    print_tables(both, Console(file=out, width=120), info, ABOUT, history())
    assert "forest: 3 trainings" in out.getvalue()


def test_the_papers_row_beside_ours():
    rows = [
        ("logreg", name, seed, seed % 3, 0.8, True, 2, 0.81 + 0.01 * seed, 0.1 + 0.1 * seed)
        for name in ("agent", "random")
        for seed in range(2)
    ]
    names = ["learner", "strategy", "seed", "training", "target", "reached", "round"]
    stops = pd.DataFrame(rows, columns=[*names, "precision", "budget"])
    paper = {"agent": {"budget": 0.0512, "max_budget": 0.1117}, "random": {"accuracy": 0.4}}
    table = target_summary(stops, paper)  # of one learner
    assert list(table.loc[("logreg", "agent")].index) == ["mean", "max", "paper", "paper, max"]
    assert list(table.loc[("logreg", "random")].index) == ["mean", "max"]
    assert table.loc[("logreg", "agent", "mean"), "budget"] == pytest.approx(0.15)
    assert table.loc[("logreg", "agent", "paper"), "budget"] == 0.0512
    assert table.loc[("logreg", "agent", "paper, max"), "budget"] == 0.1117
    assert np.isnan(table.loc[("logreg", "agent", "paper"), "precision"])


def test_histories_that_never_change_are_not_drawn():
    frame = history()
    constant = frame[frame.metric == "return"].assign(metric="length", value=20.0)
    figure = training_curves(pd.concat([frame, constant]), "logreg", "agent")
    assert [panel.get_title() for panel in figure.axes if panel.get_visible()] == ["return"]
    assert constant_histories(constant) == ["length 20"]
    failed = pd.concat([constant, constant.assign(metric="success", value=0.0)])
    assert constant_histories(failed) == ["length 20"]  # it had no target to reach
    goal = constant.assign(metric="target_quality", value=0.9, epoch=-1)
    assert constant_histories(pd.concat([failed, goal])) == ["length 20", "success 0"]
    shown = page(measured()[0], ABOUT, INFO, pd.concat([frame, constant]))
    assert "in all of them: length 20" in shown


def test_an_agent_s_aubc_less_another_strategy_s():
    """Over the trainings, against SciPy's paired t-test."""
    frame, found = measured()
    table = aubc_differences(by_training(frame, 3), "logreg", ["agent", "absent"], 0.68)
    assert list(table.index) == [("agent", "random")]
    at = [0.5, 1, 1, 0.5]  # the trapezoid's, of equal steps
    own, other = (means_of(found[name]) @ at / 3 for name in ("agent", "random"))
    row = table.iloc[0]
    np.testing.assert_allclose(row.difference, (own - other).mean())
    test = stats.ttest_rel(own, other)
    np.testing.assert_allclose(row.p, test.pvalue)
    np.testing.assert_allclose(row.effect, test.statistic / np.sqrt(3))
    low, high = test.confidence_interval(0.68)
    np.testing.assert_allclose(row.half, (high - low) / 2)
    out = io.StringIO()
    print_tables(frame, Console(file=out, width=80), INFO, ABOUT, history())
    assert "logreg: agents beside other strategies" in out.getvalue()
    assert aubc_differences(frame, "logreg", ["agent", "random"]).empty
    one = frame[frame.seed == frame.seed.min()]
    ((_, _, rows),) = effect_texts(one, history(), ABOUT)
    assert (
        rows[0][:2] == ["agent", "random"] and rows[0][3:] == ["", ""] and "nan" not in rows[0][2]
    )


def test_differences_of_runs_are_tested_over_trainings():
    """Many runs of few policies are no more evidence than the policies are."""
    _, found = measured(seeds=60)
    budgets = {name: values[:, 0] for name, values in found.items()}
    number = np.arange(60) % 3
    rows = [
        ("logreg", name, seed, number[seed], budgets[name][seed])
        for name in budgets
        for seed in range(60)
    ]
    stops = pd.DataFrame(rows, columns=["learner", "strategy", "seed", "training", "budget"])
    row = budget_differences(stops, "agent").loc[("logreg", "random")]
    means = {n: [b[number == t].mean() for t in range(3)] for n, b in budgets.items()}
    test = stats.ttest_rel(means["random"], means["agent"])
    np.testing.assert_allclose([row.p, row.effect], [test.pvalue, test.statistic / np.sqrt(3)])
    low, high = test.confidence_interval(0.95)
    np.testing.assert_allclose(row.half, (high - low) / 2)
    alone = budget_differences(stops.assign(training=0), "agent").loc[("logreg", "random")]
    over_runs = stats.ttest_rel(budgets["random"], budgets["agent"]).pvalue
    np.testing.assert_allclose(alone.p, over_runs)  # of one training there is no other unit


def test_all_that_is_shown_is_over_trainings():
    """In the terminal and on the page."""
    frame, found = measured(seeds=60)
    half, over_runs = (
        mean_interval(values[:, -1], 0.68)[1]
        for values in (means_of(found["agent"]), found["agent"])
    )
    assert abs(half - over_runs) > 1e-3
    out = io.StringIO()
    print_tables(frame, Console(file=out, width=120), INFO, ABOUT, history())
    aubc = aubc_differences(by_training(frame, 3), "logreg", ["agent"], 0.68).iloc[0]
    for shown in (out.getvalue(), page(frame, ABOUT, INFO, history())):
        assert f"± {half:.4f}" in shown
        assert f"{100 * aubc.difference:+.2f} ± {100 * aubc.half:.2f}" in shown


@pytest.mark.parametrize("width", [200, 80])
def test_heads_fold_where_the_terminal_is_narrow(width):
    """Differences of budgets have the widest of them; no cell is cut."""
    frame, goals = runs_to_a_target()
    out = io.StringIO()
    info = INFO | {"pool": 20}
    print_tables(frame, Console(file=out, width=width), info, ALONE._replace(target=0.9), goals)
    lines = out.getvalue().splitlines()
    assert "…" not in out.getvalue()
    assert any("budget less agent's, points" in line for line in lines) == (width == 200)
    place = next(i for i, line in enumerate(lines) if "budgets beside agent's" in line)
    assert any(line.startswith(" random  ") and "+22.50 ± " in line for line in lines[place:])


def test_seconds_are_relative_to_the_quickest_of_all_learners():
    frame, _ = measured()
    slow = frame.assign(learner="slow")
    trained = history()
    later = trained.assign(learner="slow")
    later.loc[later.metric == "seconds", "value"] = 6.0
    both = pd.concat([trained, later])
    texts = training_texts(by_training(pd.concat([frame, slow]), 3), both, ABOUT)
    assert [rows[0][-2:] for _, _, rows in texts] == [["1.50", "1.0"], ["6.00", "4.0"]]


def test_accuracy_and_seconds_against_the_points_of_a_step():
    names, rows = ("one", "four", "two"), {}
    for place, name in enumerate(names):
        rows["logreg", name] = {"final": 0.5 + place, "final_ci": 0.1, "seconds": 9.0 - place}
    took = pd.DataFrame.from_dict(rows, orient="index")
    took.index = pd.MultiIndex.from_tuples(took.index, names=["learner", "agent"])
    figure = points_curve(took, {"one": 1, "four": 4, "two": 2}, "logreg")
    accuracy, time = figure.axes
    np.testing.assert_allclose(accuracy.lines[0].get_xydata(), [[1, 0.5], [2, 2.5], [4, 1.5]])
    np.testing.assert_allclose(time.lines[0].get_xydata(), [[1, 9.0], [2, 7.0], [4, 8.0]])
    paper = {"four": {"accuracy": 0.7, "seconds": 40.0}, "one": {"accuracy": 0.6}}
    figure = points_curve(took, {"one": 1, "four": 4, "two": 2}, "logreg", paper)
    drawn = [panel.lines[-1].get_xydata() for panel in figure.axes]
    np.testing.assert_allclose(drawn[0], [[1, 0.6], [2, np.nan], [4, 0.7]])
    np.testing.assert_allclose(drawn[1], [[1, np.nan], [2, np.nan], [4, 40.0]])


def runs_to_a_target() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two runs each of an agent's and of random, whose second never reaches .9 of .8; and goals."""
    labels = {"agent": [[4, 5, 8, 14], [4, 14, 15, 16]], "random": [[4, 8, 12, 16]] * 2}
    precision = {
        "agent": [[0.2, 0.6, 0.75, 0.7], [0.1, 0.3, 0.73, 0.8]],
        "random": [[0.2, 0.3, 0.5, 0.9], [0.2, 0.3, 0.5, 0.6]],
    }
    rows = [
        ("toy", "logreg", name, seed, round_, labels[name][seed][round_], metric, value)
        for name, runs in precision.items()
        for seed, run in enumerate(runs)
        for round_, value in enumerate(run)
        for metric in ("precision", "accuracy")
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    goals = [("toy", "logreg", "agent", 0, -1, f"target_{of}", 0.8) for of in ("quality", "budget")]
    names_of_goals = ["experiment", "learner", "strategy", "seed", "epoch", "metric", "value"]
    return pd.DataFrame(rows, columns=names), pd.DataFrame(goals, columns=names_of_goals)


def looks(labels: list[int], seeds: int = 5) -> list[tuple]:
    """Rows of runs along one line each, through 50 + k labels at .8, looked at there."""
    return [
        (seed, round_, n, 0.8 + 0.01 * (n - 50 - 0.5 * seed))
        for seed in range(seeds)
        for round_, n in enumerate(labels)
    ]


def test_budgets_of_curves_that_are_alike():
    """Lines that reach .8 with 50, 50.5, ... 52 labels: looked at each label, and each third."""
    often, seldom = list(range(40, 61)), list(range(40, 61, 3))
    rows = [
        ("toy", "logreg", name, seed, round_, n, "precision", value)
        for name, at in (("agent", often), ("by three", seldom))
        for seed, round_, n, value in looks(at)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    stops = to_target(pd.DataFrame(rows, columns=names), runs_to_a_target()[1], 100)
    found = stops.set_index(["strategy", "seed"])
    np.testing.assert_allclose(found.budget["agent"], np.array([50, 51, 51, 52, 52]) / 100)
    np.testing.assert_allclose(found.budget["by three"], np.array([52, 52, 52, 52, 52]) / 100)
    for name in ("agent", "by three"):
        np.testing.assert_allclose(found.crossing[name], np.arange(50, 52.1, 0.5) / 100)
    budget = budget_differences(stops, "agent").loc[("logreg", "by three")]
    np.testing.assert_allclose(budget.difference, 0.008)
    crossing = budget_differences(stops, "agent", of="crossing").loc[("logreg", "by three")]
    np.testing.assert_allclose(crossing.difference, 0, atol=1e-12)
    _, (_, heads, (row,)) = target_texts(stops, runs_to_a_target()[1], ABOUT)
    assert heads[4:6] == ["crossing less its, points", "p"]
    assert row[1].startswith("+0.80") and row[4][1:].startswith("0.00")


def test_crossings_at_the_ends():
    """Reached at the first look; never reached; reached right at a look."""
    runs = {0: [0.9, 0.95, 0.99], 1: [0.2, 0.3, 0.79], 2: [0.5, 0.8, 0.9]}
    rows = [
        ("toy", "logreg", "agent", seed, round_, 10 * (round_ + 1), "precision", value)
        for seed, run in runs.items()
        for round_, value in enumerate(run)
    ]
    names = ["experiment", "learner", "strategy", "seed", "round", "labels", "metric", "value"]
    stops = to_target(pd.DataFrame(rows, columns=names), runs_to_a_target()[1], 100)
    np.testing.assert_allclose(stops.crossing, [0.1, 0.3, 0.2])
    np.testing.assert_allclose(stops.budget, [0.1, 0.3, 0.2])
    table = target_summary(stops)
    np.testing.assert_allclose(table.loc[("logreg", "agent", "mean"), "crossing"], 0.2)


def test_differences_say_who_did_not_reach_the_target():
    frame, goals = runs_to_a_target()
    stops = to_target(frame, goals, 20, share=0.9)
    budgets = stops.set_index(["strategy", "seed"]).budget.to_dict()
    wanted = {("agent", 0): 8, ("agent", 1): 15, ("random", 0): 16, ("random", 1): 16}
    assert budgets == {run: labels / 20 for run, labels in wanted.items()}
    _, (title, heads, rows) = target_texts(stops, goals, ABOUT)
    assert title == "logreg: budgets beside agent's, reached in 100.0 % of its runs"
    assert heads[-1] == "reached" and [row[-1] for row in rows] == ["50.0"]
    assert rows[0][1].startswith("+22.50 ± ")


def test_pictures_of_agents_on_the_page(monkeypatch):
    """Batch sizes where they differ; curves over the points of a step of three agents or more."""
    drawn = []

    def record(figure) -> list[str]:
        drawn.append(figure.axes[0].get_xlabel())
        return []

    monkeypatch.setattr(sys.modules["jal.report.agents_section"], "inline_svgs", record)
    frame, goals = runs_to_a_target()
    about, info = ALONE._replace(target=0.9), INFO | {"pool": 20}
    page(frame, about, info, goals)
    assert drawn == ["batch size, bins of 1", "precision, %"]
    drawn.clear()
    alike = frame.assign(labels=4 + 4 * frame["round"])
    page(alike, about, info, goals)
    assert drawn == ["precision, %"]
    drawn.clear()
    frame, _ = measured()
    page(frame, ABOUT._replace(points={"agent": 1, "b": 2, "c": 3}), INFO, history())
    assert drawn == ["points labelled in a step", "epoch"]
    drawn.clear()
    page(frame, ABOUT._replace(points={"agent": 1, "b": 2}), INFO, history())
    assert drawn == ["epoch"]


def test_a_histogram_of_batches_up_to_the_target():
    frame, goals = runs_to_a_target()
    stops = to_target(frame, goals, 20, share=0.9)
    (panel,) = batch_histogram(frame, stops, "logreg", "agent").axes
    heights = {round(bar.get_x() + 0.5): bar.get_height() for bar in panel.patches}
    assert heights == {size: {1: 2, 3: 1, 10: 1}.get(size, 0) for size in range(1, 11)}
    many = frame.assign(labels=frame.labels * 50)  # batches of 50, 150 and 500: the paper's bins
    (panel,) = batch_histogram(many, stops, "logreg", "agent").axes
    assert panel.get_xlabel() == "batch size, bins of 100"
    assert [bar.get_height() for bar in panel.patches] == [2, 1, 0, 0, 1]


def test_the_batches_of_each_round_are_averaged_over_a_trainings_seeds():
    """Seeds 0 and 2 ran with training 0, which bought 2 and 4, then 1 and 1; seed 1 with 1."""
    bought = {0: (5, 7, 8), 1: (5, 6, 9), 2: (5, 9, 10)}
    frame = pd.DataFrame(
        [
            {"learner": "logreg", "strategy": "agent", "seed": seed, "round": t, "labels": n,
             "metric": "accuracy", "value": 0.5}
            for seed, labels in bought.items()
            for t, n in enumerate(labels)
        ]
    )  # fmt: skip
    (panel,) = batch_rounds(frame, "logreg", ["agent"], 2).axes
    first, second = panel.lines
    np.testing.assert_array_equal(first.get_xydata(), [[1, 3], [2, 1]])
    np.testing.assert_array_equal(second.get_xydata(), [[1, 1], [2, 3]])


def test_densities_of_what_was_measured_at_the_target():
    frame, goals = runs_to_a_target()
    figure = metric_densities(to_target(frame, goals, 20, share=0.9), "logreg", "agent")
    shown = {panel.get_xlabel(): panel for panel in figure.axes}
    assert list(shown) == ["precision, %", "accuracy, %", "budget, %"]
    for panel in shown.values():
        assert sum(bar.get_height() for bar in panel.patches) == 2
    (line,) = shown["budget, %"].lines  # its area is the histogram's
    at, height = line.get_data()
    bar = shown["budget, %"].patches[0].get_width()
    inside = stats.gaussian_kde([40, 75]).integrate_box_1d(40, 75)
    np.testing.assert_allclose(np.trapezoid(height, at), 2 * bar * inside, rtol=1e-2)


def test_intervals_are_over_splits_where_there_are_several():
    returns = pd.DataFrame(
        {
            "learner": "logreg",
            "strategy": "agent",
            "seed": [5, 6, 7, 8],
            "epoch": 0,
            "metric": "return",
            "value": [1.0, 2.0, 3.0, 6.0],
        }
    )
    frame, _ = measured()
    row = training_summary(by_training(frame, 2), returns, splits=2).loc[("logreg", "agent")]
    assert row["trainings"] == 4
    assert (row["return"], row["return_ci"]) == pytest.approx(mean_interval(np.array([2.0, 4.0])))


def test_targets_of_splits_are_shares_of_their_own_pools():
    rows = [
        ("logreg", name, seed, round_, 10 * (round_ + 1), "precision", 0.5 * round_)
        for name in ("agent", "random")
        for seed in range(4)
        for round_ in range(3)
    ]
    frame = pd.DataFrame(
        rows, columns=["learner", "strategy", "seed", "round", "labels", "metric", "value"]
    )
    late = (frame.strategy == "random") & (frame.seed % 2 == 1)
    frame.loc[late & (frame["round"] == 1), "value"] = 0.1
    goals = pd.DataFrame(
        {
            "learner": "logreg",
            "strategy": "agent",
            "seed": [0, 1, 2, 3] * 2,
            "epoch": -1,
            "metric": ["target_quality"] * 4 + ["target_budget"] * 4,
            "value": [0.5] * 4 + [0.2] * 4,
        }
    )
    stops = to_target(frame, goals, [100, 200], splits=2)
    agent = stops[stops.strategy == "agent"]
    assert agent.split.tolist() == [0, 1, 0, 1]
    assert agent.budget.tolist() == pytest.approx([0.2, 0.1, 0.2, 0.1])
    row = budget_differences(stops, "agent").loc[("logreg", "random")]
    assert row["difference"] == pytest.approx(0.025)  # splits: 0 and .05
    assert row["half"] == pytest.approx(mean_interval(np.array([0.0, 0.05]))[1])
