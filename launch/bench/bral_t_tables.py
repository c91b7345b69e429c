"""The tables of BRAL-T's round, of its distances, and of GraNd."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from bench.bral_t import ONE, SEEDS, TWO
from bench.markdown import Goal, Rows, Table, brief, goal_rows, memory, number, reasons
from bench.measure import ended
from bench.timing import Result

ROUND_NOTE = """The reinforcement-learning part of one round: pairs (L', U') of so many of the
labelled points, clusters, sub-clusters, distances, 600 updates of the reward network, and 500 picks
from 10,000 other points; D = 512, K = 10, 5 actions, the paper's other settings, sets of at most 32
points in distances. The peer is a loop with PyTorch, scikit-learn's k-means (n_init=1, at most 20
iterations) and POT's exact distance, which is faster than its Sinkhorn, with one seed after another
in each of so many processes; "sinkhorn" is jal's. "x one" and "x two" are seeds an hour against one
process, with one thread or two, whichever is faster, and against two; other numbers of seeds scaled
in proportion. jal maps
seeds over a device for each core, or vmaps them, and has both cores for one. Its compilation is
apart. Loss is the last sample's, of standardised rewards."""
SHARES_NOTE = """Seconds of one seed. jal's distances and updates are timed in programs of their
own, clusters are the rest of learning: sampling, k-means, moments. The peer's, by the faster of its
ways in one process, are timed where they happen. Compilation is that of learning, of the choice,
and of each part alone."""
GROWTH_NOTE = """jal, Sinkhorn, one seed, all labelled points drawn for a pair, without the choice.
The exponent is that of a power law through these times, by least squares of the logarithms."""
DISTANCES_NOTE = """Of {count} pairs of 32 points in 512 dimensions, in microseconds, and errors in
mean costs of the pair. POT's Sinkhorn is debiased, with epsilon {epsilon} mean costs, the largest
of five whose mean error is 1 % at most, else the smallest; jal's is its default, all pairs in one
program, on two cores."""
GRAND_NOTE = """Norms of the gradients of 10,000 examples of the CNN, 1.63 million parameters,
28x28 images, so many gradients at a time; jal on two cores. "Apart" is the median relative
difference to jal's, beside the largest, and how many examples' are above 1e-4."""
ONE_SEED, MANY_SEEDS, UPDATES = 3.0, 10.0, 0.9  # times the peer, wanted


def tables(part: Result) -> list[Table]:
    """Rounds beside their peer's, their shares, growth, distances, GraNd, and the targets."""
    results: dict[str, Result] = part["results"]
    done = {label: row for label, row in results.items() if ended(row)}
    growth = _growth(done)
    return [
        Table("Rounds of BRAL-T", _rounds(done), ROUND_NOTE, reasons(results)),
        Table("Shares of a round of BRAL-T", _shares(done), SHARES_NOTE),
        Table("Growth with the labelled points", growth, GROWTH_NOTE),
        Table("Distances of sets", *_distances(done)),
        Table("GraNd", _grand(done), GRAND_NOTE),
        Table("Targets of BRAL-T's round", goal_rows(_targets(done))),
    ]


def _peer(results: dict[str, Result], what: str, ways: Sequence[str]) -> tuple[str, float]:
    """The peer's fastest way, and its seeds a second; 0 where none ended."""
    rates = {
        way: results[label]["seeds_per_s"]
        for way in ways
        if (label := f"{what}, peer, {way}") in results
    }
    return max(rates.items(), key=lambda item: item[1], default=(ways[0], 0.0))


def _names(results: dict[str, Result]) -> list[str]:
    """Of the rounds, in their order."""
    found = [label.split(", ") for label in results if ", jal, " in label and "drawn" in label]
    return list(dict.fromkeys(", ".join(parts[:3]) for parts in found))


def _rounds(results: dict[str, Result]) -> Rows:
    rows = []
    for label, row in results.items():
        if " drawn, " not in label:
            continue
        what, how = re.split(r", (?=jal, |peer, )", label)
        seconds = row["steady_s"]
        rate = row["seeds"] / seconds
        one, two = (_peer(results, what, ways)[1] for ways in (ONE, (TWO,)))
        rows.append(
            {
                "points": what,
                "tool": how,
                "seeds": str(row["seeds"]),
                "compile s": number(row["compile_s"] + row.get("choose_compile_s", 0.0)),
                "steady s": number(seconds),
                "x one": number(rate / one) if one else "",
                "x two": number(rate / two) if two else "",
                "peak MiB": memory(row),
                "loss": number(row["loss"]),
            }
        )
    return rows


def _shares(results: dict[str, Result]) -> Rows:
    rows = []
    for what in _names(results):
        for tool in ("jal, 1 seed", f"peer, {_peer(results, what, ONE)[0]}"):
            row = results.get(f"{what}, {tool}")
            if row is None:
                continue
            parts = _parts(row)
            total = sum(parts.values())
            shares = {
                f"{name} s": f"{brief(seconds)} ({100 * seconds / total:.0f} %)"
                for name, seconds in parts.items()
            }
            compiling = {
                f"compile {name}": number(row[key]) if row.get(key) else ""
                for name, key in (
                    ("learn s", "compile_s"),
                    ("choose s", "choose_compile_s"),
                    ("distances s", "distances_compile_s"),
                    ("updates s", "updates_compile_s"),
                )
            }
            rows.append({"points": what, "tool": tool} | shares | compiling)
    return rows


def _parts(row: Result) -> dict[str, float]:
    """Seconds of clusters, distances, updates and the choice."""
    rest = row.get("learn_s", 0.0) - row["distances_s"] - row["updates_s"]
    return {
        "clusters": row.get("clusters_s", max(rest, 0.0)),
        "distances": row["distances_s"],
        "updates": row["updates_s"],
        "choose": row["choose_s"],
    }


def _growth(results: dict[str, Result]) -> Rows:
    """By labelled points, all of them drawn, with the exponent in the last row."""
    found = {}
    for label, row in results.items():
        made = re.fullmatch(r"growth, ([\d,]+) labelled", label)
        seed = re.fullmatch(r"([\d,]+) labelled, \1 drawn, sinkhorn, jal, 1 seed", label)
        if made or seed:
            count = (made or seed).group(1)  # pyright: ignore[reportOptionalMemberAccess]
            learning = row["learn_s" if seed else "steady_s"]
            rest = max(learning - row["distances_s"] - row["updates_s"], 0.0)
            found[int(count.replace(",", ""))] = learning, rest
    rows = [
        {"labelled": f"{n:,}", "learn s": number(found[n][0]), "clusters s": number(found[n][1])}
        for n in sorted(found)
    ]
    if len(found) > 1:
        columns = {"learn s": 0, "clusters s": 1}
        powers = {
            name: f"{exponent({n: times[i] for n, times in found.items()}):.2f}"
            for name, i in columns.items()
        }
        rows.append({"labelled": "exponent"} | powers)
    return rows


def exponent(seconds: dict[int, float]) -> float:
    """b of seconds = a n^b, by least squares of the logarithms; NaN where a time is 0."""
    if min(seconds.values()) <= 0:
        return math.nan
    x = [math.log(n) for n in seconds]
    y = [math.log(value) for value in seconds.values()]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    apart = sum((one - middle_x) ** 2 for one in x)
    pairs = zip(x, y, strict=True)
    return sum((one - middle_x) * (other - middle_y) for one, other in pairs) / apart


def _distances(results: dict[str, Result]) -> tuple[Rows, str]:
    row = results.get("distances")
    if row is None:
        return [], ""
    names = {"emd2": "ot.emd2, exact", "sinkhorn": "ot.sinkhorn, debiased", "jal": "jal, sinkhorn"}
    rows = [
        {
            "way": what,
            "us a pair": number(row[f"{name}_us"]),
            "mean error": f"{row[f'{name}_error']:.4f}",
            "largest": f"{row[f'{name}_worst']:.4f}",
        }
        for name, what in names.items()
    ]
    return rows, DISTANCES_NOTE.format(count=row["count"], epsilon=row["epsilon"])


def _grand(results: dict[str, Result]) -> Rows:
    return [
        {
            "tool": label.removeprefix("GraNd, "),
            "compile s": number(row.get("compile_s", 0.0)),
            "steady s": number(row["steady_s"]),
            "examples/s": number(row["points"] / row["steady_s"]),
            "peak MiB": memory(row),
            "apart": f"{row['apart']:.1e}" if "apart" in row else "",
            "largest": f"{row['worst']:.1e}" if "apart" in row else "",
            "above 1e-4": str(row["above"]) if "apart" in row else "",
        }
        for label, row in results.items()
        if label.startswith("GraNd, ")
    ]


def _targets(results: dict[str, Result]) -> list[Goal]:
    """(what, sign, wanted, measured) of each round: one seed, many seeds, updates alone."""
    found = []
    for what in _names(results):
        way, one = _peer(results, what, ONE)
        peer = results.get(f"{what}, peer, {way}")
        ours = results.get(f"{what}, jal, 1 seed")
        many = [
            row["seeds"] / row["steady_s"]
            for label, row in results.items()
            if label.startswith(f"{what}, jal, {SEEDS} seeds")
        ]
        if not one or peer is None:
            continue
        if ours is not None:
            found.append((f"{what}: x one, 1 seed", ">", ONE_SEED, 1 / ours["steady_s"] / one))
        if many:
            found.append((f"{what}: x one, {SEEDS} seeds", ">", MANY_SEEDS, max(many) / one))
        if ours is not None:
            rate = peer["updates_s"] / ours["updates_s"]
            found.append((f"{what}: updates, x PyTorch", ">", UPDATES, rate))
    return found
