"""The tables of strategies.py: a row for each strategy, and for each that a peer has."""

from __future__ import annotations

from bench.markdown import Table, brief, memory, not_measured, number, reasons
from bench.peers import PEERS
from bench.strategies import GIVEN, LIMIT_S
from bench.timing import Result

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


def tables(part: Result) -> list[Table]:
    """jal's queries, and theirs beside the peers'."""
    results: dict[str, Result] = part["results"]
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
    return [
        Table("Strategies", alone, STRATEGIES_NOTE, reasons(results)),
        Table("Strategies beside their peers", beside, PEERS_NOTE.format(limit=LIMIT_S)),
    ]


def _query_row(name: str, tool: str, pools: list[int], found: dict) -> dict[str, str]:
    rows = [found.get((name, points, tool), {}) for points in pools]
    largest = next((row for row in reversed(rows) if "compile_s" in row), {})
    return {
        "strategy": name + tool.removeprefix("jal"),
        **{f"s, N = {n:,}": _taken(row) for n, row in zip(pools, rows, strict=True)},
        "first query s": brief(largest["first_s"]) if "first_s" in largest else "",
        "compile s": number(largest["compile_s"]) if "compile_s" in largest else "",
        "temporaries MiB": f"{largest['temp_mib']:.0f}" if "temp_mib" in largest else "",
        "peak MiB": memory(largest),
        "caps": largest.get("caps", ""),
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
        "jal MiB": memory(ours),
        **{f"{tool} MiB": memory(row) for tool, row in peers.items()},
    }


def _taken(row: Result) -> str:
    """Seconds; or why there are none."""
    if "steady_s" in row:
        return brief(row["steady_s"])
    return not_measured(row).removesuffix(" s")
