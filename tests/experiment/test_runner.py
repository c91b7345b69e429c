"""Runs: seeds independent of what runs beside them, and one tidy table of what was measured."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_runs import ALONE, BASE, LINEAR, SMALL, changed

from jal import experiment as ex
from jal import metrics, strategies
from jal.data import from_arrays, load
from jal.experiment import Query, comparison, program
from jal.experiment.checks import check
from jal.experiment.program import blocks_of, experiment_mesh
from jal.types import InputError

KEYS = ["learner", "strategy", "seed", "round", "metric"]


def frame_of(**change) -> pd.DataFrame:
    return ex.run(changed(BASE, **change), progress=False).frame


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    compiled, compile_ = [], program.compile_program

    def recorded(*given, name, **more):
        compiled.append(name)
        return compile_(*given, name=name, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(program, "compile_program", recorded)
        frame = frame_of(devices=1, segment=2)
    # Two strategies and two segments share each learner's.
    assert compiled == ["logistic_regression", "mlp"]
    return frame


def compare(whole: pd.DataFrame, part: pd.DataFrame) -> np.ndarray:
    both = part.merge(whole, on=KEYS, suffixes=("", "_whole"))
    assert len(both) == len(part) > 0
    assert (both.labels == both.labels_whole).all()
    return (both.value - both.value_whole).abs().to_numpy()


@pytest.fixture(scope="module")
def uninterrupted() -> ex.Results:
    return ex.run(SMALL, progress=False)


def test_mapped_seeds_are_equal_bit_for_bit(whole, uninterrupted):
    """On 1, 3 or 4 devices, in segments or whole, beside other seeds."""
    assert compare(whole, uninterrupted.frame).max() == 0.0
    mlp = {"mlp": BASE.learners["mlp"]}
    assert compare(whole, frame_of(learners=mlp, devices=3, seeds=3, first_seed=2)).max() == 0.0


def test_a_strategys_curve_does_not_depend_on_the_others(whole):
    frame = ex.run(ALONE, progress=False).frame
    found = compare(whole, frame)
    assert found[frame.metric.isin(["accuracy", "imbalance_ratio"])].max() == 0.0
    assert found.max() < 1e-6  # of another program, other rounding of the gradient's norm


def test_what_is_asked_for_is_a_strategys_own_batch():
    """Strategies share a program where their largest batches agree."""
    mixed = changed(SMALL, queries=("kmeans", Query("random", batch=30), "margin"))
    dataset = load("sklearn:digits")
    checked = check(mixed, dataset, {}, False)
    blocks = blocks_of(mixed, checked, {}, experiment_mesh(mixed))
    shared = ["kmeans", "margin"]
    members = [[one.partition(":")[2] for one in block.group[3:]] for block in blocks]
    assert members == [shared, ["random"], shared]
    assert len({block.group[:3] for block in blocks}) == 1
    assert [block.query for block in blocks] == ["kmeans", "random", "margin"]


def test_vmapped_seeds_are_equal_up_to_near_ties(whole):
    """Rounding may flip a pick where two are all but tied; few do, and none changes a mean much."""
    part = frame_of(devices=1, seeds_at_once=4, learners=LINEAR)
    accuracy = part.metric == "accuracy"
    difference = compare(whole, part)[accuracy.to_numpy()]
    assert np.mean(difference == 0) > 0.8
    assert difference.mean() < 2e-3


def test_the_tidy_table(whole):
    assert list(whole.columns) == [
        "experiment",
        "learner",
        "strategy",
        "seed",
        "round",
        "labels",
        "metric",
        "value",
    ]
    assert not whole.duplicated(KEYS).any() and whole.value.notna().all()
    assert set(whole.metric) == {
        "accuracy",
        "newton_steps",
        "gradient_norm",
        "converged",
        "train_loss",
        "chance_loss",
        "imbalance_ratio",
    }
    assert set(whole.seed) == set(range(6)) and set(whole["round"]) == set(range(4))
    assert (whole.labels == 10 + 10 * whole["round"]).all()
    # Strategies share a seed's start, so the first measurement is theirs in common.
    first = whole[(whole["round"] == 0) & (whole.metric == "accuracy")]
    assert (first.groupby(["learner", "seed"]).value.nunique() == 1).all()
    assert first.groupby("learner").value.nunique().min() > 3


def check_imbalance(results: ex.Results) -> None:
    """Its ratio in the table is that of the labels bought, as jal.metrics has it."""
    y = load("sklearn:digits").train.y
    frame = results.frame[results.frame.metric == "imbalance_ratio"]
    protocol = results.experiment.protocol
    assert len(frame) == len(results.labelled) * protocol.seeds * (protocol.rounds + 1)
    assert frame.value.nunique() > 5
    for row in frame.itertuples():
        picks = results.labelled[f"{row.learner}/{row.strategy}"][row.seed][: row.labels]
        counts = np.bincount(y[picks], minlength=10)
        assert counts.sum() == row.labels
        ratio = metrics.imbalance_ratio(jnp.asarray(counts, float))
        np.testing.assert_allclose(row.value, ratio, atol=1e-6)


def test_batches_that_differ_and_metrics_that_are_asked_for():
    """By rounds, by strategies, and one of the user's that chooses them itself."""
    margin = strategies.registry["margin"]()

    def cautious():
        size = lambda key, state, round: 1 + round.labels.n % jnp.int32(4)  # noqa: E731
        return margin._replace(batch_size=size, largest=lambda points: 5)

    small = changed(
        BASE,
        learners=LINEAR,
        queries=("margin", Query("random", batch=5), cautious),
        seeds=2,
        batch=(1, 2, 5),
        metrics=("log_loss", "f1"),
    )
    results = ex.run(small, progress=False)
    by = results.frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["margin"].tolist() == [10, 11, 13, 18]
    assert by.loc["random"].tolist() == [10, 15, 20, 25]
    assert by.loc["cautious"].tolist() == [10, 13, 15, 19]
    check_imbalance(results)
    for name, picks in results.labelled.items():
        n = by.loc[name.split("/")[1], 3]
        assert picks.shape == (2, 25) and (picks[:, n:] == -1).all(), name
        assert all(len(set(row)) == n and min(row) >= 0 for row in picks[:, :n].tolist())
    table = results.table()
    added = ["log_loss", "log_loss_ci", "f1", "f1_ci", "imbalance_ratio", "imbalance_ratio_ci"]
    assert list(table.columns[-6:]) == added
    last = results.frame[(results.frame["round"] == 3) & (results.frame.metric == "f1")]
    means = last.groupby("strategy", sort=False).value.mean()
    np.testing.assert_allclose(table.f1, means, rtol=1e-6)
    assert results.plot("log_loss")._repr_png_()


def test_a_strategy_that_chooses_its_batches_may_choose_all_that_it_can():
    """Up to what it says is its largest batch, or the experiment; one of both there must be."""
    margin = strategies.registry["margin"]()
    chooser = margin._replace(batch_size=lambda key, state, round: jnp.int32(30))

    def of(strategy, batch=None):
        own = Query(strategy, name="chooser", batch=batch)
        queries = (own, "random_size")
        return changed(BASE, learners=LINEAR, queries=queries, seeds=2, rounds=2, batch=3)

    says = "chooser chooses its batches and does not say their largest: give its Strategy"
    with pytest.raises(InputError, match=says):
        ex.run(of(chooser), progress=False)
    for own, batch, bought in ((lambda points: points // 10, None, 30), (None, 7, 7)):
        results = ex.run(of(chooser._replace(largest=own), batch), progress=False)
        by = results.frame.groupby(["strategy", "round", "seed"]).labels.first().unstack()
        assert (by.loc["chooser"].to_numpy() == 10 + bought * np.arange(3)[:, None]).all()
        sizes = np.diff(by.loc["random_size"], axis=0)
        assert sizes.max() > 30 and sizes.min() >= 0 and len(set(sizes.ravel().tolist())) > 2


def test_a_budget_bounds_all_batches_but_those_that_are_chosen():
    """A strategy that has spent it is fitted and measured again, and labels nothing."""
    margin = strategies.registry["margin"]()
    chooser = margin._replace(batch_size=lambda key, state, round: jnp.int32(4))
    small = changed(
        BASE,
        learners=LINEAR,
        queries=("margin", Query("random", batch=5), Query(chooser, name="chooser", batch=4)),
        seeds=2,
        rounds=4,
        batch=(1, 5, 5, 5),
        budget=7,
    )
    results = ex.run(small, progress=False)
    by = results.frame.groupby(["strategy", "round"]).labels.first().unstack()
    assert by.loc["margin"].tolist() == [10, 11, 16, 17, 17]
    assert by.loc["random"].tolist() == [10, 15, 17, 17, 17]
    assert by.loc["chooser"].tolist() == [10, 14, 18, 22, 26]
    accuracy = results.frame[
        (results.frame.metric == "accuracy") & (results.frame.strategy != "chooser")
    ]
    curves = accuracy.pivot(index=["strategy", "seed"], columns="round", values="value")
    np.testing.assert_allclose(curves[4], curves[3], atol=1e-6)  # the same labels
    for name, picks in results.labelled.items():
        n = by.loc[name.split("/")[1], 4]
        assert (picks[:, n:] == -1).all()
        assert all(len(set(row)) == n and min(row) >= 0 for row in picks[:, :n].tolist())


def test_runs_off_the_main_thread(uninterrupted):
    found = []
    thread = threading.Thread(target=lambda: found.append(ex.run(SMALL, progress=False)))
    thread.start()
    thread.join()
    pd.testing.assert_frame_equal(found[0].frame, uninterrupted.frame)


def test_results_show_inline(uninterrupted):
    assert uninterrupted.plot()._repr_png_().startswith(b"\x89PNG")
    table = uninterrupted.table()
    assert list(table.index) == [
        (learner, query.name) for learner in SMALL.learners for query in SMALL.queries
    ]
    assert "±" not in table._repr_html_() and "aubc" in table._repr_html_()
    assert uninterrupted.significance("logistic_regression").shape == (2, 2)


def test_the_first_cell_is_timed_like_the_others(monkeypatch):
    """Starting seeds is waited for, and a program's first execution is of no rounds."""
    began, rounds, waited, wait = [], [], [], jax.block_until_ready
    start, advance = comparison._start, comparison._advance

    def started(program, cell):
        waited.clear()
        state = start(program, cell)
        began.append((cell.query, any(one is state for one in waited)))
        return state

    def advanced(program, cell):
        run = advance(program, cell)

        def recorded(state, start, stop):
            rounds.append((cell.query, int(start), int(stop)))
            return run(state, start, stop)

        return recorded

    monkeypatch.setattr(jax, "block_until_ready", lambda tree: (waited.append(wait(tree)), tree)[1])
    monkeypatch.setattr(comparison, "_start", started)
    monkeypatch.setattr(comparison, "_advance", advanced)
    ex.run(changed(SMALL, devices=1, segment=4), progress=False)
    # Both cells share a program.
    assert rounds == [("random", 0, 0), ("random", 0, 4), ("margin", 0, 4)]
    assert began == [("random", True), ("random", True), ("margin", True)]


def test_a_class_without_test_examples_has_no_recall(tmp_path):
    """It is no sign that training diverged; the others have theirs, with their names."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.arange(60) % 3
    data = from_arrays(x, y, x, np.where(y == 1, 0, y), 3, ["cat", "dog", "eel"])
    small = ex.Experiment(
        queries=("random",),
        protocol=ex.Protocol(seeds=2, rounds=1, metrics=("class_recall",)),
        execution=ex.Execution(devices=1),
    )
    results = ex.run(small, dataset=data, out=tmp_path / "run", progress=False)
    found = results.frame.metric.unique()
    assert {name for name in found if name.startswith("class")} == {
        "class_recall_0",
        "class_recall_2",
    }
    assert results.about().classes == ("cat", "dog", "eel")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<th>cat</th><th>eel</th>" in page


def test_rows_of_each_segment_are_handed_out(uninterrupted):
    """Four segments of two rounds; together they are the table, each row once."""
    found = []
    ex.run(SMALL, progress=False, on_rows=found.append)
    cells = [("random", 0), ("random", 2), ("margin", 0), ("margin", 2)]
    for rows, (strategy, first) in zip(found, cells, strict=True):
        assert set(rows.strategy) == {strategy} and set(rows["round"]) == {first, first + 1}
    whole = uninterrupted.frame[uninterrupted.frame.metric != "imbalance_ratio"]
    keys = [*KEYS, "labels", "experiment"]
    both = pd.concat(found).merge(whole, on=keys, suffixes=("", "_whole"))
    assert len(both) == len(whole) == sum(map(len, found))
    np.testing.assert_array_equal(both.value, both.value_whole)


def test_a_hook_that_fails_is_not_silent():
    def stop(rows: pd.DataFrame) -> None:
        raise RuntimeError("the logger is gone")

    with pytest.raises(RuntimeError, match="the logger is gone"):
        ex.run(ALONE, progress=False, on_rows=stop)


def test_queries_of_one_name_on_different_learners_are_what_they_are():
    """Though their learners share programs."""
    learners = {"a": ex.LogisticRegression(C=1.0), "b": ex.LogisticRegression(C=2.0)}
    queries = (
        Query("random", name="q", learners=("a",)),
        Query("margin", name="q", learners=("b",)),
    )
    both = ex.run(changed(SMALL, learners=learners, queries=queries), progress=False)
    alone = ex.run(changed(SMALL, learners=learners, queries=("random", "margin")), progress=False)
    np.testing.assert_array_equal(both.labelled["a/q"], alone.labelled["a/random"])
    np.testing.assert_array_equal(both.labelled["b/q"], alone.labelled["b/margin"])


def test_learners_that_differ_in_what_is_traced_share_programs(monkeypatch):
    compiled, compile_ = [], program.compile_program
    monkeypatch.setattr(
        program,
        "compile_program",
        lambda *given, **more: compiled.append(1) or compile_(*given, **more),
    )
    learners = {"a": ex.LogisticRegression(C=1.0), "b": ex.LogisticRegression(C=0.01)}
    both = ex.run(changed(SMALL, learners=learners), progress=False)
    assert len(compiled) == 1
    alone = ex.run(changed(SMALL, learners={"b": learners["b"]}), progress=False)
    own = both.frame[both.frame.learner == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone.frame)
    assert (both.labelled["a/margin"] != both.labelled["b/margin"]).any()


def test_learners_in_a_row_have_names():
    def small(input_shape, num_classes, *, max_labels):
        raise AssertionError

    given = (ex.MLP(), small, ex.Code("a.b:wide"), "svc")
    assert [*ex.Experiment(learners=given).learners] == ["mlp", "small", "wide", "svc"]
    with pytest.raises(InputError, match="two learners are called mlp"):
        ex.Experiment(learners=("mlp", ex.MLP()))


def test_lanes_are_spread_over_devices():
    """One seed of three learners that run side by side is three lanes; of others it is one."""
    three = {str(C): ex.LogisticRegression(C=C) for C in (0.1, 1.0, 10.0)}
    assert experiment_mesh(changed(SMALL, seeds=1, learners=three)).size == 3
    other = {str(steps): ex.LogisticRegression(max_steps=steps) for steps in (5, 6)}
    assert experiment_mesh(changed(SMALL, seeds=1, learners=other)).size == 1
