"""The tables of launch/bench.py, made from its workers' results."""

from __future__ import annotations

from typing import NamedTuple

from bench_markdown import Goal, Table, brief, goal_rows, markdown, memory, number
from bench_peers import PEERS
from bench_rl_tables import rl_tables, rl_targets
from bench_strategies import GIVEN, LIMIT_S
from bench_training import BATCH as BATCH_SIZE
from bench_workers import BATCH, ROUNDS, Result
from strategies import caps

from jal.strategies import registry

SELECTORS = ("k_center", "badge")
SEEDS_NOTE = """Margin sampling, logistic regression, digits, 20 rounds of 10 labels; all tools
from the same starts. The loops run seed after seed with one BLAS thread a process; for other
numbers of seeds their time is scaled in proportion. They stop at a gradient of 1e-4, scikit-learn's
default; jal goes on to 1e-6, so that it does more work."""
SELECT_NOTE = """N = {points:,}, D = 512, K = 10, b = 100, 500 labelled, float32, all cores. Peak
memory is the whole process's, with its imports. BADGE draws its picks at random."""
TRAIN_NOTE = """28x28 images, minibatches of 64, float32, Nesterov momentum. Steps of all seeds
together; map trains seeds one after another on each core's device, vmap all at once. PyTorch's loop
is eager. "x PyTorch" is against the faster of its two ways: one process with two threads, two
processes with one thread each. The peak is that of one large matrix product."""
STRATEGIES_NOTE = """One query of b = 100 on N points, D = 512, K = 10, 1,000 labelled, float32, all
cores, by a perceptron with 512 hidden units and dropout that is fitted beforehand: neither training
an auxiliary counts nor the pass over the pool that every strategy is given. The first query is that
of a strategy with a state. Compilation and memory are of the largest N that ended. Temporaries are
XLA's, beside the inputs; the peak is the whole process's, with its imports, the fit and the
compilation. Caps are options that bound what is looked at, at their defaults."""
PEERS_NOTE = """The same arrays for all: features, probabilities, and ten given passes for what
disagrees, of which jal draws ten with replacement. Each peer's query in a process of its own; a
query of over five seconds is measured without a warm one before it. "> {limit:.0f}": its process
was stopped after so many seconds; "> ... MiB": it asked for more memory than was free. BatchBALD
samples 1,000 configurations everywhere. TypiClust has at most 500 clusters in jal, 1,100 in
scikit-activeml; ProbCover looks for its radius on grids of their own. Peaks are the whole
process's, with its imports."""


class Scale(NamedTuple):
    """How much to run."""

    turns: int = 3
    counts: tuple[int, ...] = (1, 4, 16, 64, 256)
    loop_seeds: int = 16
    points: int = 50_000
    trained: tuple[int, ...] = (1, 4, 16)
    pools: tuple[int, ...] = (10_000, 50_000)
    trainings: tuple[int, ...] = (1, 4, 16, 64)


def _tables(results: dict[str, Result], scale: Scale) -> list[Table]:
    """All tables of what was run."""
    experiments = [_seeds_row(label, results) for label in results if "accuracy" in results[label]]
    training = [_train_row(label, results) for label in results if "steps_per_s" in results[label]]
    selectors = [_select_row(label, results) for label in results if "picks" in results[label]]
    goals = goal_rows(targets(results))
    shown = [
        ("Experiments", experiments, " ".join(SEEDS_NOTE.split())),
        ("Selectors", selectors, " ".join(SELECT_NOTE.format(points=scale.points).split())),
        ("Training", training, " ".join(TRAIN_NOTE.split())),
        ("Targets", goals, ""),
    ]
    return [table for table in shown if table[1]]


def pages(report: Result) -> dict[str, str]:
    """A whole report in Markdown, by part: "strategies", "rl", and "results" of all else."""
    found = {}
    if "results" in report:
        shown = _tables(report["results"], Scale(**report["scale"]))
        found["results"] = _page(report, shown)
    if "strategies" in report:
        part = report["strategies"]
        found["strategies"] = _page(part, _strategy_tables(part["results"]))
    if "rl" in report:
        part = report["rl"]
        found["rl"] = _page(part, rl_tables(part["results"]))
    return found


def _page(report: Result, shown: list[Table]) -> str:
    """Tables, under what they were measured on."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    title = f"{report['machine']}; {versions}"
    title += "; --quick: a smoke test, not a measurement" if report.get("quick") else ""
    return markdown(title, shown)


def _strategy_tables(results: dict[str, Result]) -> list[Table]:
    """jal's queries, and theirs beside the peers'."""
    found = {(row["name"], row["points"], row["tool"]): row for row in results.values()}
    pools = sorted({points for _, points, _ in found})
    ours = dict.fromkeys((name, tool) for name, _, tool in found if tool not in PEERS)
    alone = [_query_row(name, tool, pools, found) for name, tool in ours]
    beside = [
        _beside_row(name, points, found)
        for name in dict.fromkeys(name for name, *_ in found)
        for points in pools
        if any((name, points, tool) in found for tool in PEERS)
    ]
    shown = [
        ("Strategies", alone, STRATEGIES_NOTE),
        ("Strategies beside their peers", beside, PEERS_NOTE.format(limit=LIMIT_S)),
    ]
    return [(title, rows, " ".join(note.split())) for title, rows, note in shown if rows]


def _query_row(name: str, tool: str, pools: list[int], found: dict) -> dict[str, str]:
    rows = [found.get((name, points, tool), {}) for points in pools]
    largest = next((row for row in reversed(rows) if "compile_s" in row), {})
    return {
        "strategy": name + tool.removeprefix("jal"),
        **{f"s, N = {n:,}": _taken(row) for n, row in zip(pools, rows, strict=True)},
        "first query s": brief(largest["first_s"]) if "first_s" in largest else "",
        "compile s": number(largest["compile_s"]) if "compile_s" in largest else "",
        "temporaries MiB": f"{largest['temp_mib']:.0f}" if "temp_mib" in largest else "",
        "peak MiB": memory(largest) if "peak_mib" in largest else "",
        "caps": caps(registry[name]),
    }


def _beside_row(name: str, points: int, found: dict) -> dict[str, str]:
    ours = found.get((name, points, GIVEN)) or found.get((name, points, "jal"), {})
    peers = {tool: found.get((name, points, tool), {}) for tool in PEERS}
    times = [row["steady_s"] for row in peers.values() if "steady_s" in row]
    least = [row["over_s"] for row in peers.values() if "over_s" in row]
    factor = ""
    if "steady_s" in ours and (times or least):
        factor = f"{'' if times else '> '}{number(min(times or least) / ours['steady_s'])}"
    return {
        "strategy": name,
        "N": f"{points:,}",
        "jal s": _taken(ours),
        **{f"{tool} s": _taken(row) for tool, row in peers.items()},
        "x the fastest": factor,
        "jal MiB": memory(ours) if "peak_mib" in ours else "",
        **{
            f"{tool} MiB": f"{row['peak_mib']:.0f}" if "peak_mib" in row else ""
            for tool, row in peers.items()
        },
    }


def _taken(row: Result) -> str:
    """Seconds; or why there are none."""
    if "over_s" in row:
        return f"> {row['over_s']:.0f}"
    if "over_mib" in row:
        return f"> {row['over_mib']:,.0f} MiB"
    return brief(row["steady_s"]) if "steady_s" in row else "failed" if row else ""


def _seeds_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row, peers = results[label], [results[name] for name in ("scikit-learn", "modAL")]
    steady = row["seeds"] / row["seeds_per_s"]
    plain, modal = (row["seeds"] / peer["seeds_per_s"] for peer in peers)
    return {
        "tool": label.removesuffix(f", {row['seeds']} seeds"),
        "seeds": str(row["seeds"]),
        "compile s": number(row["compile_s"]),
        "steady s": number(steady),
        "scikit-learn s": number(plain),
        "modAL s": number(modal),
        "labels/s": number(row["seeds_per_s"] * ROUNDS * BATCH),
        "x scikit-learn": number(plain / steady),
        "x with compilation": number(plain / (row["compile_s"] + steady)),
        "peak MiB": memory(row),
        "accuracy": f"{row['accuracy']:.4f}",
    }


def _select_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row, peer = results[label], results[f"{label.split(', ')[0]}, scikit-activeml"]
    return {
        "selector": label,
        "compile s": number(row["compile_s"]),
        "steady s": number(row["steady_s"]),
        "x scikit-activeml": number(peer["steady_s"] / row["steady_s"]),
        "x with compilation": number(peer["steady_s"] / (row["compile_s"] + row["steady_s"])),
        "peak MiB": memory(row),
        "inputs MiB": number(row["inputs_mib"]),
        "picks in common": str(len({*row["picks"]} & {*peer["picks"]})),
    }


def _train_row(label: str, results: dict[str, Result]) -> dict[str, str]:
    row = results[label]
    return {
        "network": label,
        "compile s": number(row["compile_s"]),
        "steps/s": number(row["steps_per_s"]),
        "images/s": number(row["steps_per_s"] * BATCH_SIZE),
        "x PyTorch": number(row["steps_per_s"] / _torch_rate(row["network"], results)),
        "share of peak": f"{row['peak_share']:.2f}" if "peak_share" in row else "",
        "peak MiB": memory(row),
    }


def _torch_rate(network: str, results: dict[str, Result]) -> float:
    """Steps a second of PyTorch's faster way."""
    rates = [row["steps_per_s"] for label, row in results.items() if f"{network}, PyTorch" in label]
    return max(rates)


def targets(results: dict[str, Result]) -> list[Goal]:
    """(what, sign, wanted, measured) of all that was run."""
    found = []
    if "modAL" in results:
        jal, loop = results["jal, 64 seeds"], results["scikit-learn"]["seeds_per_s"]
        steady, two = jal["seeds_per_s"], results["scikit-learn, two processes"]["seeds_per_s"]
        whole = 64 / (jal["compile_s"] + jal["steady_s"])
        found += [
            ("64 seeds, steady: x scikit-learn", ">", 30.0, steady / loop),
            ("64 seeds, steady: x scikit-learn in two processes", ">", 15.0, steady / two),
            ("64 seeds, with compilation: x scikit-learn", ">", 4.0, whole / loop),
        ]
    for name in SELECTORS if "badge, jal" in results else ():
        jal, peer = results[f"{name}, jal"], results[f"{name}, scikit-activeml"]
        gigabytes = jal.get("device_mib", jal["peak_mib"]) * 2**20 / 1e9
        found += [
            (f"{name}: x scikit-activeml", ">", 1.0, peer["steady_s"] / jal["steady_s"]),
            (f"{name}: peak memory in GB", "<", 1.0, gigabytes),
        ]
    if "cnn, jal, map, 16 seeds" in results:
        rate = results["cnn, jal, map, 16 seeds"]["steps_per_s"]
        found.append(("CNN, 16 seeds: x PyTorch", ">", 1.0, rate / _torch_rate("cnn", results)))
    return found + rl_targets(results)
