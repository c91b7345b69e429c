"""Mutates jal and counts what the tests find.

    pip install -e ".[test,mutation]"
    python tests/mutation/mutants.py --count 400 --seed 0 --workers 2 --out runs/mutants.jsonl

Places are drawn uniformly from the mutated folders, then one of the mutations possible there. Each
mutant meets the default tests that run its line, by file, the quickest first; the first failure
ends it. Which lines a file of tests runs is measured once, without mutations: all must pass. A line
is written for each mutant, and the same command goes on where it was stopped. `--show` prints the
survivors' diffs.
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
import time
from pathlib import Path
from typing import Any, NamedTuple

import cosmic_ray.plugins
import coverage
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
_STARS = ("parameters", "lambdef", "param", "argument", "atom", "dictorsetmaker", "star_expr")
_OF_IMPORTS = ("tests/test_defaults.py", "tests/test_imports.py")
CACHE = Path(tempfile.gettempdir()) / "jal-mutants"  # of programs, of all trees
TIMEOUT = 900  # seconds of one run of tests; a mutant that takes longer counts as found


class File(NamedTuple):
    """A file of tests: its seconds, and the lines of each of jal's files that it runs."""

    seconds: float
    lines: dict[str, list[int]]


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


def measure(path: str, tree: Path) -> File:
    """One file of tests, without mutations."""
    kept = tree / ".coverage"
    started = time.monotonic()
    outcome = _run([path], tree, "coverage", "run", f"--data-file={kept}", "--source=jal", "-m")
    seconds = time.monotonic() - started
    if outcome != "passed":
        raise SystemExit(f"{path} fails without any mutation: mend that first.")
    data = coverage.CoverageData(str(kept))
    data.read()
    found = {name: sorted(data.lines(name) or ()) for name in data.measured_files()}
    kept.unlink()
    return File(round(seconds, 1), {str(Path(a).relative_to(tree)): b for a, b in found.items()})


def tests_of(mutant: Mutant, text: str, files: dict[str, File]) -> list[str]:
    """The files that run the mutant's statement, the quickest first.

    What is evaluated at import all of them run: then those that enter one of the file's functions,
    and those that look at what was imported.
    """
    statement, functions = _place(mutant, text)
    chosen = []
    for name, one in files.items():
        lines = set(one.lines.get(mutant.path, ()))
        if statement & lines and (not functions or functions & lines or name in _OF_IMPORTS):
            chosen.append(name)
    return sorted(chosen, key=lambda name: files[name].seconds)


def _place(mutant: Mutant, text: str) -> tuple[set[int], set[int]]:
    """The lines of the innermost statement there; of all functions' bodies if it is in none."""
    tree = ast.parse(text)
    innermost, functions, in_one = set[int](), set[int](), False
    for node in ast.walk(tree):  # breadth first: what is inside comes later
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if body else node.end_lineno or 0
        if node.lineno <= mutant.line <= max(last, node.lineno):
            innermost = set(range(node.lineno, max(last, node.lineno) + 1))
        if body and isinstance(node, ast.FunctionDef):
            inside = range(body[0].lineno, (node.end_lineno or 0) + 1)
            functions |= set(inside)
            in_one = in_one or mutant.line in inside
    return innermost or {mutant.line}, set() if in_one else functions


def try_one(mutant: Mutant, tree: Path, files: dict[str, File]) -> dict[str, Any]:
    """What became of the mutant in a copy of the repository."""
    path = tree / mutant.path
    operator = cosmic_ray.plugins.get_operator(mutant.operator)()
    before = path.read_text()
    record: dict[str, Any] = mutant._asdict()
    chosen = tests_of(mutant, before, files)
    try:
        _, code = apply_mutation(path, operator, mutant.occurrence)
        record |= {"diff": _difference(before, code), "files": len(chosen)}
        started = time.monotonic()
        outcome = _run(chosen, tree) if chosen else "passed"
        record["seconds"] = round(time.monotonic() - started, 1)
        record["outcome"] = "survived" if outcome == "passed" else outcome
    finally:
        path.write_text(before)
    return record


def _run(files: list[str], tree: Path, *before: str) -> str:
    command = [sys.executable, *(("-m", *before) if before else ("-m",)), "pytest", "-q", "-x"]
    command += ["-p", "no:cacheprovider", *files]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "JAX_COMPILATION_CACHE_DIR": str(CACHE),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAL_CACHE": str(tree / ".jal"),
    }
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return "too long"
    return "passed" if done.returncode in (0, 5) else "killed"  # 5: all are slow, none was run


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


def measured(path: Path, trees: list[Path]) -> dict[str, File]:
    """The files of default tests, from `path` or measured and written there."""
    if path.is_file():
        return {name: File(*one) for name, one in json.loads(path.read_text()).items()}
    names = sorted(str(one.relative_to(ROOT)) for one in (ROOT / "tests").rglob("test_*.py"))
    names = [name for name in names if "tests/peers" not in name]
    with concurrent.futures.ThreadPoolExecutor(len(trees)) as pool:
        shares = [names[i :: len(trees)] for i in range(len(trees))]
        work = [
            pool.submit(lambda share, tree: [measure(one, tree) for one in share], share, tree)
            for share, tree in zip(shares, trees, strict=True)
        ]
        found = {
            name: one
            for share, worker in zip(shares, work, strict=True)
            for name, one in zip(share, worker.result(), strict=True)
        }
    path.write_text(json.dumps(found))
    return found


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
            files = measured(options.out.with_suffix(".tests.json"), trees)
            with (
                concurrent.futures.ThreadPoolExecutor(options.workers) as pool,
                options.out.open("a") as out,
            ):
                running = [
                    pool.submit(_work, left[i :: options.workers], tree, files, out)
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


def _work(
    share: list[Mutant], tree: Path, files: dict[str, File], out: Any
) -> list[dict[str, Any]]:
    records = []
    for i, mutant in enumerate(share):
        record = try_one(mutant, tree, files)
        out.write(json.dumps(record) + "\n")
        out.flush()
        print(f"{i + 1}/{len(share)} {record['outcome']} {mutant.path}:{mutant.line}", flush=True)
        records.append(record)
    return records


if __name__ == "__main__":
    main()
