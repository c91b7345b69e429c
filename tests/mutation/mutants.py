"""Mutates jal and counts what the tests find.

    pip install -e ".[test,mutation]"
    python tests/mutation/mutants.py --count 400 --seed 0 --workers 2 --out runs/mutants.jsonl

Places are drawn uniformly from the mutated folders, then one of the mutations possible there. Each
mutant meets the test file of its own name, then those of the folders that test what stands on it,
which must pass without it; the first failure ends it. A line is written for each mutant, and the
same command goes on where it was stopped. `--show` prints the survivors' diffs.
"""

from __future__ import annotations

import argparse
import ast
import collections
import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import apply_mutation

sys.path.insert(0, str(Path(__file__).parent))
from operators import NAMES, Provider

cosmic_ray.plugins.OPERATOR_PROVIDERS["jal"] = Provider()

ROOT = Path(__file__).parents[2]
MUTATED = (
    "jal/scores",
    "jal/select",
    "jal/learners",
    "jal/strategies",
    "jal/rl",
    "jal/episode.py",
    "jal/experiment",
)
# Beside a folder's own tests.
TESTS = {
    "scores": ("tests/scores", "tests/select", "tests/strategies"),
    "select": ("tests/select", "tests/strategies"),
    "learners": ("tests/learners", "tests/test_golden.py", "tests/test_episode.py"),
    "strategies": ("tests/strategies", "tests/experiment/test_strategy_options.py"),
    "rl": ("tests/rl", "tests/experiment/test_agent_runs.py"),
    "experiment": ("tests/experiment", "tests/launch/test_run.py"),
    "episode.py": ("tests/test_episode.py", "tests/test_golden.py", "tests/strategies"),
}
_STARS = ("parameters", "lambdef", "param", "argument", "atom", "dictorsetmaker", "star_expr")
TIMEOUT = 900  # seconds of one run of tests; a mutant that takes longer counts as found


class Mutant(NamedTuple):
    """A mutation: the file, the operator, which of its occurrences, and where that is."""

    path: str
    operator: str
    occurrence: int
    line: int
    column: int


def mutants(path: Path) -> list[Mutant]:
    """All of one file but those in annotations, which nothing evaluates, and of unpacking stars."""
    text = path.read_text()
    nodes = list(ast_nodes(get_ast(text)))
    skipped = _annotations(ast.parse(text))
    found = []
    for name in NAMES:
        operator = cosmic_ray.plugins.get_operator(name)()
        at = [(node, *place[0]) for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (node, line, column) in enumerate(at):
            star = node.type == "operator" and node.parent.type in _STARS
            if not star and not any(a <= (line, column) < b for a, b in skipped):
                found.append(Mutant(str(path.relative_to(ROOT)), name, occurrence, line, column))
    return found


def _annotations(tree: ast.AST) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    nodes = []
    for node in ast.walk(tree):
        nodes += [getattr(node, field, None) for field in ("annotation", "returns")]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
        if isinstance(node, ast.expr)
    ]


def draw(count: int, seed: int) -> list[Mutant]:
    """`count` mutants at different places."""
    places: dict[tuple[str, int, int], list[Mutant]] = collections.defaultdict(list)
    for folder in MUTATED:
        root = ROOT / folder
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            for one in mutants(path):
                places[one.path, one.line, one.column].append(one)
    chosen = random.Random(seed)
    return [chosen.choice(places[at]) for at in chosen.sample(sorted(places), count)]


def stages(path: str) -> list[list[str]]:
    """Tests of the mutated file: its own first, then all that stand on it."""
    _, *folders, name = Path(path).parts
    own = ROOT.joinpath("tests", *folders, f"test_{name}")
    wider = list(TESTS[folders[0] if folders else name])
    first = [str(own.relative_to(ROOT))] if own.is_file() else []
    return [one for one in (first, wider) if one]


def try_one(mutant: Mutant, tree: Path, sound: set[str]) -> dict[str, Any]:
    """What became of the mutant in a copy of the repository; `sound` has the tests that passed."""
    path = tree / mutant.path
    for files in stages(mutant.path):
        if not sound.issuperset(files) and _run(files, tree) != "passed":
            raise SystemExit(f"{' '.join(files)} fail without any mutation: mend that first.")
        sound.update(files)
    operator = cosmic_ray.plugins.get_operator(mutant.operator)()
    before = path.read_text()
    record: dict[str, Any] = mutant._asdict()
    try:
        _, code = apply_mutation(path, operator, mutant.occurrence)
        record["diff"] = _difference(before, code)
        record["outcome"] = "survived"
        for files in stages(mutant.path):
            outcome = _run(files, tree)
            if outcome != "passed":
                record |= {"outcome": outcome, "by": files}
                break
    finally:
        path.write_text(before)
    return record


def _run(files: list[str], tree: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "JAX_COMPILATION_CACHE_DIR": str(tree / ".cache"),
        "JAL_CACHE": str(tree / ".jal"),
    }
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return "too long"
    return "passed" if done.returncode == 0 else "killed"


def _difference(before: str, after: str) -> str:
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((f"-{a.strip()}\n+{b.strip()}" for a, b in lines if a != b), "")


def copy_tree() -> Path:
    """The tracked files in a folder of their own."""
    tree = Path(tempfile.mkdtemp(prefix="mutants-"))
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for file in filter(None, files):
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tree / file)
    return tree


def main() -> None:
    """Draws, tries, counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/mutants.jsonl"))
    parser.add_argument("--show", action="store_true", help="survivors' diffs, nothing else")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.touch()
    done = [json.loads(line) for line in options.out.read_text().splitlines()]
    if not options.show:
        tried = {(one["path"], one["operator"], one["occurrence"]) for one in done}
        left = [one for one in draw(options.count, options.seed) if one[:3] not in tried]
        trees = [copy_tree() for _ in range(options.workers)]
        try:
            with (
                concurrent.futures.ThreadPoolExecutor(options.workers) as pool,
                options.out.open("a") as out,
            ):
                running = [
                    pool.submit(_work, left[i :: options.workers], tree, out)
                    for i, tree in enumerate(trees)
                ]
                done += [one for worker in running for one in worker.result()]
        finally:
            for tree in trees:
                shutil.rmtree(tree)
    for one in done:
        if one["outcome"] == "survived":
            print(f"{one['path']}:{one['line']} {one['operator']}\n{one['diff']}\n")
    print(dict(collections.Counter(one["outcome"] for one in done)), len(done), "mutants")


def _work(share: list[Mutant], tree: Path, out: Any) -> list[dict[str, Any]]:
    records, sound = [], set()
    for i, mutant in enumerate(share):
        record = try_one(mutant, tree, sound)
        out.write(json.dumps(record) + "\n")
        out.flush()
        print(f"{i + 1}/{len(share)} {record['outcome']} {mutant.path}:{mutant.line}", flush=True)
        records.append(record)
    return records


if __name__ == "__main__":
    main()
