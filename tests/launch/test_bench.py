"""launch/bench.py beside jal's peers, with made-up results that become tables."""

import importlib.util
import inspect
import json
import math
import sys
from pathlib import Path

import pytest

from jal import strategies
from jal.bral_t import Policy, clusters, k_means
from jal.types import InputError

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

from bench import bral_t_data, bral_t_tables, command, cpu, measure, saving, strategies_tables
from bench import strategies as timed_strategies
from bench.measure import Step
from bench.peers import PEERS

VERSIONS = {"jal": "1", "jax": "2"}
# Seconds of a query by tool; None: it was stopped.
SECONDS = {
    "jal": 0.5,
    "jal, given passes": 0.25,
    "scikit-activeml": 2.0,
    "baal": 1.0,
    "small-text": None,
}


def made_up(step) -> dict:
    """What a worker might print."""
    target, options, copies, limit = step
    worker = target.split(":")[1]
    found = {"compile_s": 1.5, "steady_s": 2.0, "peak_mib": 100.0 * copies}
    if worker.endswith("_strategy"):
        seconds = SECONDS[options["tool"]]
        if seconds is None:
            return {"over_s": limit}
        picks = [1, 2, 3] if worker == "jal_strategy" else [2, 3, 4]
        return found | {"steady_s": seconds * options["points"], "picks": picks, "temp_mib": 7.0}
    if worker.endswith("_select"):
        return found | {"picks": [1, 2], "inputs_mib": 10.0, "points": options["points"]}
    if worker.endswith("_train"):
        return found | {"network": options["network"], "seeds": 1, "steps_per_s": 8.0 * copies}
    if worker in ("strategy_pool", "rl_data", "prepare_grand"):
        return {}
    if target.startswith(("bench.bral_t", "bench.grand")):
        return found | of_bral_t(worker, options, copies)
    seeds = copies * options.get("seeds", 1)
    if worker in ("jal_rl", "peer_training"):
        if options.get("threads") == 2:
            return {"over_s": limit}
        seconds = 3.0 if worker == "jal_rl" else 6.0
        rates = {"seeds_per_s": seeds / seconds, "steps_per_s": 500.0 * seeds / seconds}
        ends = {"budget": 0.125, "success": 1.0, "fit_us": 5.0, "update_us": 6.0, "replay_us": 7.0}
        return found | {"steady_s": seconds, "seeds": seeds} | rates | ends
    if worker in ("rl_fit", "rl_update", "rl_replay"):
        replay = {f"{name}_us": 4.0 for name in ("add", "sample", "update", "step")}
        return {"us": 12.5, "seeds": seeds, "replay_mib": 19.0, "peak_mib": 100.0} | replay
    return found | {"seeds": seeds, "seeds_per_s": seeds / 2.0, "accuracy": 0.9}


def of_bral_t(worker, options, copies) -> dict:
    """Of a round, 2 s by jal and 8 s by its peer; distances and GraNd."""
    parts = {"distances_s": 0.5, "updates_s": 1.0, "loss": 0.25}
    if worker == "jal_round":
        compiling = {"choose_compile_s": 1.0, "distances_compile_s": 0.25, "updates_compile_s": 0.5}
        seeds = {"seeds": options["seeds"], "learn_s": 1.75, "choose_s": 0.25}
        return parts | seeds | (compiling if options["seeds"] == 1 else {})
    if worker == "peer_round":
        own = {"clusters_s": 4.0, "distances_s": 1.0, "updates_s": 2.0, "choose_s": 1.0}
        return (
            parts
            | own
            | {"seeds": copies, "seeds_per_s": copies / 8, "steady_s": 8.0}
            | {"compile_s": 0.0}
        )
    if worker == "jal_growth":  # as n^1.5 beside what does not grow
        return parts | {"steady_s": 1.5 + 0.25 * (options["sizes"]["labelled"] / 1000) ** 1.5}
    ways = {f"{name}_{what}": 0.5 for name in ("emd2", "sinkhorn", "jal") for what in WAYS}
    apart = {"apart": 1e-6, "worst": 2e-3, "above": 4} if worker == "torch_grand" else {}
    return ways | apart | {"count": 7, "epsilon": 0.01, "points": 10}


WAYS = ("us", "error", "worst")


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """Labels in the order in which they are measured."""
    labels = []
    for module in (cpu, measure):
        monkeypatch.setattr(module, "measure", made_up)
    monkeypatch.setattr(command, "show", lambda line: labels.append(line.partition(": ")[2]))
    monkeypatch.setattr(saving, "versions", lambda names: dict.fromkeys((*names, "jal"), "1"))
    return labels


def tables(page: str) -> list[list[dict[str, str]]]:
    """Rows by head of each Markdown table of a page."""
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    cells = [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block]
        for block in blocks
    ]
    return [[dict(zip(heads, row, strict=True)) for row in rows] for heads, _, *rows in cells]


def timed(out, *arguments) -> dict:
    """The report of `launch/bench.py --quick ARGUMENTS`."""
    command.main(["--quick", *arguments, "--out", str(out)])
    report = json.loads(out.read_text())
    assert out.with_suffix(".md").read_text() == saving.page(report, cpu.TABLES)
    return report


def shown(report, name) -> list[list[dict[str, str]]]:
    """Rows of each table of a part."""
    return tables(saving.page({name: report[name]}, cpu.TABLES))


def test_strategies_alone_and_beside_their_peers(made, tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "QUICK", cpu.QUICK._replace(pools=(10, 50)))
    report = timed(tmp_path / "bench.json", "--only", "strategies")
    page = saving.page(report, cpu.TABLES)
    assert "--quick: a smoke test" in page and "jax 1" in page
    alone, beside = tables(page)
    known = {*strategies.registry, "bald, given passes"} - {"gradnd_oracle"}  # reads true classes
    assert {row["strategy"] for row in alone} >= known
    margin = next(row for row in alone if row["strategy"] == "margin")
    assert margin == {
        "strategy": "margin",
        "s, N = 10": "5.00",
        "s, N = 50": "25.0",
        "first query s": "",
        "compile s": "1.50",
        "temporaries MiB": "7",
        "peak MiB": "100",
        "caps": "",
    }
    assert {row["strategy"]: row["caps"] for row in alone}[
        "fl1mi"
    ] == "max_queries 256, sample 2,000"
    bald = next(row for row in beside if (row["strategy"], row["N"]) == ("bald", "50"))
    assert bald == {
        "strategy": "bald",
        "N": "50",
        "jal s": "12.5",  # of given passes, as its peers'
        "scikit-activeml s": "100",
        "baal s": "50.0",
        "small-text s": "> 300",
        "x the fastest": "4.00",
        "jal MiB": "100",
        "scikit-activeml MiB": "100",
        "baal MiB": "100",
        "small-text MiB": "",
    }
    kmeans = next(row for row in beside if (row["strategy"], row["N"]) == ("kmeans", "10"))
    assert kmeans["x the fastest"] == "> 60.0"  # its one peer was stopped
    assert {row["strategy"] for row in beside} == {
        name for known in PEERS.values() for name in known
    }
    # jal and its peers in turn; the picks themselves are not kept.
    assert [label for label in made if label.startswith("bald, 10 ")] == [
        f"bald, 10 points, {tool}" for tool in ("jal", "jal, given passes", *PEERS)
    ]
    found = report["strategies"]["results"]
    assert found["margin, 10 points, baal"]["in_common"] == 2 and "picks" not in json.dumps(report)


def test_some_strategies_anew(made, tmp_path):
    """The others, and all else in the file, stay."""
    out = tmp_path / "bench.json"
    other = {"machine": "m", "versions": VERSIONS, "results": {}}
    first = timed(out, "--only", "strategies") | {"rl": other}
    for name in ("margin", "entropy"):
        first["strategies"]["results"][f"{name}, 500 points, jal"]["steady_s"] = 9.0
    out.write_text(json.dumps(first))
    second = timed(out, "--only", "strategies", "--strategies", "margin")
    assert second["rl"] == other
    seconds = {label: row.get("steady_s") for label, row in second["strategies"]["results"].items()}
    assert seconds["margin, 500 points, jal"] == 250.0
    assert seconds["entropy, 500 points, jal"] == 9.0
    assert len(shown(second, "strategies")[0]) == len(strategies.registry) + 3


def test_what_failed_says_so():
    rows = {
        "a": {"name": "bait", "points": 10, "tool": "jal", "steady_s": 0.0123, "compile_s": 3.0}
        | {"temp_mib": 4.0, "peak_mib": 5.0, "first_s": 0.5, "caps": "max_features 7"},
        "b": {"name": "bait", "points": 50, "tool": "jal", "over_s": 300.0},
        "c": {"name": "badge", "points": 10, "tool": "jal", "failed": "why"},
        "d": {"name": "badge", "points": 10, "tool": "scikit-activeml", "over_mib": 2000.0},
    }
    part = {"machine": "m", "versions": VERSIONS, "results": rows}
    alone, beside = shown({"strategies": part}, "strategies")
    assert alone[0]["s, N = 10"] == "0.012" and alone[0]["s, N = 50"] == "> 300"
    # Of the largest that ended.
    assert alone[0]["compile s"] == "3.00" and alone[0]["first query s"] == "0.50"
    assert alone[0]["caps"] == "max_features 7"  # as it was measured, whatever it is now
    assert alone[1]["s, N = 10"] == "failed" and alone[1]["s, N = 50"] == ""
    (badge,) = beside
    assert badge["scikit-activeml s"] == "> 2,000 MiB" and badge["x the fastest"] == ""


def test_experiments(made, tmp_path):
    out = tmp_path / "bench.json"
    other = {"results": {}, "machine": "m", "versions": {}}
    out.write_text(json.dumps({"strategies": other, "rl": other}))
    report = timed(out)
    assert report["strategies"] == report["rl"] == other
    seeds, goals = shown(report, "seeds")
    assert [row["seeds"] for row in seeds] == ["64", "64", "4", "8", "4"]
    assert seeds[0]["x scikit-learn"] == "16.0"  # 64 seeds in 2 s, 4 in 2 s
    assert [row["met"] for row in goals] == ["no", "no", "yes"]
    selectors, goals = shown(report, "select")
    assert [row["picks in common"] for row in selectors] == ["2"] * 4
    assert [row["met"] for row in goals] == ["no", "yes", "no", "yes"]
    training, goals = shown(report, "train")
    assert [row["x PyTorch"] for row in training[-2:]] == ["0.50", "1.00"]
    assert [row["met"] for row in goals] == ["no"]
    assert "**Targets of training**" in out.with_suffix(".md").read_text()


def test_peers_that_fail(made, tmp_path, monkeypatch):
    """What is left is shown, without what it would be compared with."""

    def failing(step):
        if step.worker in ("bench.seeds:sklearn_loop", "bench.selections:skactiveml_select"):
            return {"failed": "no such model"}
        return {"over_s": 5.0} if step.worker.endswith("torch_train") else made_up(step)

    monkeypatch.setattr(measure, "measure", failing)
    out = tmp_path / "bench.json"
    report = timed(out)
    assert [row["x scikit-learn"] for row in shown(report, "seeds")[0]] == ["", "", ""]
    assert [row["picks in common"] for row in shown(report, "select")[0]] == ["", ""]
    training = shown(report, "train")[0]
    assert training[-1]["compile s"] == "> 5 s" and training[0]["x PyTorch"] == ""
    assert "- scikit-learn: no such model." in out.with_suffix(".md").read_text()


def test_training_agents(made, tmp_path):
    out = tmp_path / "bench.json"
    other = {"results": {}, "machine": "m", "versions": {}}
    out.write_text(json.dumps({"seeds": other}))
    command.main(["--only", "rl", "--turns", "2", "--out", str(out)])
    report = json.loads(out.read_text())
    assert report["seeds"] == other
    trainings, parts, replays, goals = shown(report, "rl")
    assert [row["seeds"] for row in trainings] == ["1", "4", "16", "64", "1", "", "2"] * 2
    assert trainings[3] == {
        "classifier": "mlp",
        "tool": "jal",
        "seeds": "64",
        "compile s": "1.50",
        "steady s": "3.00",
        "steps/s": "10,667",
        "steps of a training": "500",
        "trainings/h": "76,800",
        "x one process": "128",  # one in 6 s
        "x two": "64.0",
        "peak MiB": "100",
        "budget": "0.125",
        "success": "1.00",
    }
    assert trainings[5]["tool"] == "torch_mlp, 1 x 2 threads"
    assert trainings[5]["steady s"] == "over 300" and trainings[5]["x one process"] == ""
    assert parts[0] == {"part": "fit, mlp, 40 labels", "us": "12.5"}
    assert parts[-1] == {"part": "sklearn_logistic: replay", "us": "7.00"}
    assert [(row["buffer"], row["seeds"]) for row in replays] == [
        ("jal", "1"),
        ("flashbax", "1"),
        ("jal", "16"),
        ("flashbax", "16"),
    ]
    assert [(row["wanted"], row["measured"], row["met"]) for row in goals] == [
        ("> 20.0", "128", "yes"),
        ("> 8.00", "128", "yes"),
    ]
    assert made.count("mlp, jal, 64 seeds") == 2
    assert made.count("mlp, peer, 1 x 2 threads") == 1  # it was stopped


def test_a_round_of_bral_t(made, tmp_path):
    out = tmp_path / "bench.json"
    command.main(["--only", "bral_t", "--turns", "2", "--out", str(out)])
    report = json.loads(out.read_text())
    assert "POT" in report["bral_t"]["versions"]
    assert not {"baal", "flashbax"} & {*report["bral_t"]["versions"]}
    rounds, shares, growth, distances, grand, goals = shown(report, "bral_t")
    assert [row["seeds"] for row in rounds] == ["1", "1", "1", "2", "16", "16"] + 4 * [
        *("1", "1", "1", "2", "16")
    ]
    assert rounds[4] == {
        "points": "1,000 labelled, 1,000 drawn, sinkhorn",
        "tool": "jal, 16 seeds, map",
        "seeds": "16",
        "compile s": "1.50",
        "steady s": "2.00",
        "x one": "64.0",  # 16 in 2 s, one in 8 s
        "x two": "32.0",
        "peak MiB": "100",
        "loss": "0.25",
    }
    assert rounds[0]["compile s"] == "2.50" and rounds[3]["x one"] == "2.00"
    assert shares[0] == {
        "points": "1,000 labelled, 1,000 drawn, sinkhorn",
        "tool": "jal, 1 seed",
        "clusters s": "0.25 (12 %)",  # 1.75 of learning, less the next two
        "distances s": "0.50 (25 %)",
        "updates s": "1.00 (50 %)",
        "choose s": "0.25 (12 %)",
        "compile learn s": "1.50",
        "compile choose s": "1.00",
        "compile distances s": "0.25",
        "compile updates s": "0.50",
    }
    assert shares[1]["clusters s"] == "4.00 (50 %)" and shares[1]["compile learn s"] == ""
    assert [row["labelled"] for row in growth] == [
        *("500", "1,000", "2,000", "5,000", "10,000", "exponent")
    ]
    assert growth[2]["learn s"] == "2.21" and growth[2]["clusters s"] == "0.71"
    assert [row["way"] for row in distances] == [
        *("ot.emd2, exact", "ot.sinkhorn, debiased", "jal, sinkhorn")
    ]
    assert [(row["examples/s"], row["apart"], row["above 1e-4"]) for row in grand] == [
        *(("5.00", "", ""), ("5.00", "1.0e-06", "4"), ("5.00", "1.0e-06", "4"))
    ]
    assert [(row["wanted"], row["measured"], row["met"]) for row in goals[:3]] == [
        *(("> 3.00", "4.00", "yes"), ("> 10.0", "64.0", "yes"), ("> 0.90", "2.00", "yes"))
    ]
    assert len(goals) == 15 and made.count("distances") == 2


def test_bral_ts_peer_has_jals_numbers():
    policy, peer = Policy(), bral_t_data
    expected = {
        "ACTIONS": policy.actions,
        "BATCH": policy.batch_size,
        "RATE": policy.learning_rate,
        "SHARE": policy.share,
        "MEMBERS": policy.members_of_set,
        "PARTS_BY": clusters._EACH * policy.actions,
    }
    assert {name: getattr(peer, name) for name in expected} == expected
    sizes, own = peer.Sizes(), inspect.signature(k_means).parameters
    assert sizes[5:8] == (policy.samples, policy.steps, policy.hidden)
    assert own["iterations"].default == peer.ITERATIONS and own["sample"].default == peer.FOUND_BY


def test_the_exponent_of_a_power_law():
    assert bral_t_tables.exponent({10: 2.0, 100: 200.0, 1000: 20_000.0}) == pytest.approx(2.0)
    assert bral_t_tables.exponent({10: 3.0, 1000: 3.0}) == 0.0
    assert math.isnan(bral_t_tables.exponent({10: 0.0, 1000: 3.0}))


def test_a_round_without_its_peer(made, tmp_path, monkeypatch):
    def failing(step):
        bad = "bral_t_peer" in step.worker or "bral_t_distances" in step.worker
        return {"failed": "no POT"} if bad else made_up(step)

    monkeypatch.setattr(measure, "measure", failing)
    out = tmp_path / "bench.json"
    rounds, shares, _, grand = shown(timed(out, "--only", "bral_t"), "bral_t")
    assert [row["x one"] for row in rounds] == [""] * 5
    assert [row["tool"] for row in shares] == ["jal, 1 seed"] * 2 and len(grand) == 3
    assert "- distances: no POT." in out.with_suffix(".md").read_text()


@pytest.mark.slow
def test_training_agents_in_earnest(tmp_path):
    """Every worker of it, once; the peers' libraries are in the extra `bench`."""
    for name in ("flashbax", "modAL", "skactiveml", "baal", "small_text", "torch"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    report = timed(tmp_path / "bench.json", "--only", "rl")
    found = report["rl"]["results"]
    assert len(found) == 8 and not [row for row in found.values() if "failed" in row]
    assert "**Replay buffers**" in (tmp_path / "bench.md").read_text()


@pytest.mark.slow
def test_a_round_of_bral_t_in_earnest(tmp_path):
    """Every worker of it, once."""
    for name in ("ot", "threadpoolctl", "torch"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    found = timed(tmp_path / "bench.json", "--only", "bral_t")["bral_t"]["results"]
    assert len(found) == 16 and not [row for row in found.values() if "failed" in row]
    assert found["GraNd, torch.func, 128 at a time, 2 threads"]["worst"] < 1e-4
    assert 0 < found["distances"]["jal_worst"] < 0.05


def test_what_takes_long_is_measured_once(monkeypatch):
    counts = {"slow": 0, "quick": 0, "stopped": 0}

    def made(step):
        counts[step.worker] += 1
        found = {"slow": {"steady_s": 61.0}, "quick": {"steady_s": 1.0}}
        return found.get(step.worker, {"over_s": 300.0})

    monkeypatch.setattr(measure, "measure", made)
    steps = {name: Step(name, {}, limit=300.0) for name in counts}
    *_, turns = measure.turns_of(steps, 3, lambda line: None, long_s=60.0)
    assert counts == {"slow": 1, "quick": 3, "stopped": 1}
    assert {label: len(rows) for label, rows in turns.items()} == counts


def test_medians_of_turns_that_ended_alike():
    rows = [
        {"steady_s": 3.0, "peak_mib": 1.0, "name": "a"},
        {"over_s": 300.0},
        {"steady_s": 1.0, "peak_mib": 5.0, "name": "a"},
        {"steady_s": 2.0, "peak_mib": 2.0, "name": "a"},
    ]
    assert measure.middle(rows) == {"steady_s": 2.0, "peak_mib": 5.0, "name": "a"}


def test_a_worker_that_fails_or_takes_too_long():
    step = Step("bench.seeds:nothing", {}, copies=2)
    why = "AttributeError: module 'bench.seeds' has no attribute 'nothing'."
    assert measure.measure(step) == {"failed": why}
    assert measure.measure(step._replace(limit=1e-3)) == {"over_s": 1e-3}


def test_peers_are_of_registered_strategies():
    assert {name for known in PEERS.values() for name in known} <= set(strategies.registry)
    assert set(timed_strategies.OF_PASSES) < set(strategies.registry)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "bench.txt"], r"takes a file that ends in \.json, got bench\.txt"),
        (["--strategies", "margin"], "--strategies goes with --only strategies"),
        (["--only", "peak"], "--only takes of seeds, select, train, strategies, rl, bral_t, got p"),
        (["--gpu", "--only", "train"], "--only takes of peak, seeds, networks, .*, got train"),
        (["--turns", "0"], "--turns must be at least 1, got 0"),
        (["--gpu", "--minutes", "0"], "--minutes must be above 0, got 0"),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises(InputError, match=says):
        command.main(arguments)


def test_an_unknown_strategy(made, tmp_path):
    with pytest.raises(InputError, match="there is no strategy margn; known are random, random_"):
        timed(tmp_path / "bench.json", "--only", "strategies", "--strategies", "margn")


def test_a_missing_package(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "PACKAGES", dict.fromkeys(cpu.PACKAGES, ("no-such-package",)))
    with pytest.raises(InputError, match=r"no-such-package is missing: pip install -e"):
        timed(tmp_path / "bench.json")


def test_the_parts_are_those_that_are_named():
    assert tuple(cpu.TABLES) == command.PARTS == tuple(cpu.PACKAGES)
    assert strategies_tables.tables in cpu.TABLES.values()


def test_what_is_beside_the_modules_is_what_its_json_says():
    """launch/bench/results: no number in the tables but those of the measurements."""
    folder = Path(cpu.__file__).parent / "results"
    report = saving.read(folder / "cpu.json")
    assert (folder / "cpu.md").read_text() == saving.page(report, cpu.TABLES)
