"""launch/run.py as its user meets it: in a process of its own."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex

ROOT = Path(__file__).parents[2]
CONFIG = """
from jal.experiment import Experiment, LogisticRegression

def get_config():
    return Experiment(
        name="tiny",
        learners={"logistic_regression": LogisticRegression()},
        strategies=("random", "badge"),
        seeds=2,
        rounds=6,
        segment=1,
    )
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("launch")
    (path / "tiny.py").write_text(CONFIG)
    again = 'options={"again": {"strategy": "random"}},\n        seeds=2'
    (path / "again.py").write_text(CONFIG.replace("seeds=2", again))
    (path / "broken.py").write_text("def get_config():\n    return 1 / 0\n")
    (path / "other.py").write_text("def get_config():\n    return {}\n")
    x, y = np.zeros((20, 3)), np.arange(20) % 2
    np.savez(path / "nan.npz", x=np.where(np.arange(20)[:, None] == 3, np.nan, x), y=y)
    np.savez(path / "label.npz", x=x, y=np.where(np.arange(20) == 5, -1, y))
    return path


def start(place: Path, *arguments: str, limit: str = "unlimited") -> subprocess.Popen:
    """run.py with `arguments`; `limit` in KiB bounds each file that it writes."""
    command = [sys.executable, "-W", "error", str(ROOT / "launch/run.py"), *arguments]
    environment = os.environ | {"XLA_FLAGS": "", "COLUMNS": "120"}
    if limit != "unlimited":
        del environment["JAX_COMPILATION_CACHE_DIR"]  # whose files would be too large as well
    return subprocess.Popen(
        ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *command],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen, code: int = 0) -> str:
    out, err = process.communicate(timeout=180)
    assert process.returncode == code, f"{out}\n{err}"
    return out if code == 0 else err


@pytest.fixture(scope="module")
def reference(place) -> pd.DataFrame:
    out = finish(start(place, "tiny.py", "--out", "whole"))
    assert "AUBC" in out and "badge" in out and "Open whole/report.html" in out
    return ex.load(place / "whole").frame


def test_default_folder_and_overrides(place):
    finish(start(place, "tiny.py", "--rounds", "1", "--seeds", "3", "--strategies", "margin"))
    (folder,) = (place / "runs").iterdir()
    assert folder.name.startswith("tiny-")
    frame = ex.load(folder).frame
    assert set(frame.strategy) == {"margin"} and set(frame.seed) == {0, 1, 2}
    assert set(frame["round"]) == {0, 1}


def test_help_explains_every_field(place):
    text = finish(start(place, "tiny.py", "--help"))
    for field in dataclasses.fields(ex.Experiment):
        if field.name == "initial_indices":
            continue  # a table of numbers: for config files only
        name = field.name.replace("_", "-")
        assert f"--{name} " in text or f"--{name}." in text, name
    assert "Inverse regularisation strength" in text and "--resume" in text


def test_sigkill_at_any_moment(place, reference):
    """Killed again and again, in all phases, then left to finish: the same numbers."""
    folder = place / "killed"
    arguments = ["tiny.py", "--out", "killed"]
    seen = []
    for delay in (0.0, 0.05, 0.15, 0.1, 0.3):
        process = start(place, *arguments)
        deadline = time.monotonic() + 120
        before = steps(folder)
        # Wait for it to come to work, then kill it at some point of the work.
        while steps(folder) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(max(steps(folder), default=0))
        if (folder / "config.json").is_file():
            arguments = ["--resume", "killed"]
    assert seen == sorted(seen) and seen[-1] > seen[0]
    finish(start(place, "--resume", "killed"))
    pd.testing.assert_frame_equal(ex.load(folder).frame, reference)


def steps(folder: Path) -> set[int]:
    saved = folder / "checkpoints"
    return {int(p.name) for p in saved.iterdir() if p.name.isdigit()} if saved.exists() else set()


def test_ctrl_c(place, reference):
    process = start(place, "tiny.py", "--out", "stopped", "--strategies", "random", "badge")
    while not steps(place / "stopped") and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    message = finish(process, 130)
    assert message.strip().endswith("go on with --resume stopped")
    assert "Traceback" not in message
    finish(start(place, "--resume", "stopped"))
    pd.testing.assert_frame_equal(ex.load(place / "stopped").frame, reference)


def test_full_disk(place, reference):
    """No file may grow beyond 4 KiB: saving fails, what is there stays whole."""
    message = finish(start(place, "tiny.py", "--out", "full", limit="4"), 2)
    assert_one_sentence(message, "cannot write to full: File too large; what was saved before")
    finish(start(place, "--resume", "full"))
    pd.testing.assert_frame_equal(ex.load(place / "full").frame, reference)


def assert_one_sentence(message: str, says: str) -> None:
    lines = message.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and says in lines[0], message


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.py"], "config file nothing.py does not exist"),
        (["broken.py"], "config file broken.py fails: ZeroDivisionError: division by zero"),
        (["other.py"], "other.py must have a get_config() that returns an Experiment"),
        (["tiny.py", "--out", "tiny.py/run"], "cannot create tiny.py/run (Not a directory): give"),
        (["tiny.py", "--learners.logistic-regression.C", "-1"], "must be positive, got -1.0"),
        ([], "give a config first, such as configs/quickstart.py"),
        (["--seeds", "3"], "give a config first"),
        (["tiny.py", "--strategies", "margn"], "unknown strategy 'margn': known are random"),
        (
            ["tiny.py", "--options", "badge", "size", "3"],
            "unknown option 'size' of badge: it has none",
        ),
        (
            ["again.py", "--options.again.strategy", "bagde"],
            "an unknown strategy 'bagde': known are",
        ),
        (["tiny.py", "--data.source", "sklearn:iris"], "unknown dataset 'sklearn:iris': give"),
        (["tiny.py", "--data.source", "npz:nan.npz"], "features of 1 examples, the first number 3"),
        (
            ["tiny.py", "--data.source", "npz:label.npz"],
            "training label -1 of example 5 is outside",
        ),
        (["tiny.py", "--batch", "200"], "would buy 1200 labels in 6 rounds after the 10 it"),
        (["tiny.py", "--resume", "absent"], "absent is not a run's folder"),
        (["tiny.py", "--resume", "whole", "--seeds", "9"], "whole belongs to another config"),
        (["tiny.py", "--out", "whole", "--seeds", "9"], "whole holds another run, in which seeds"),
        (["tiny.py", "--out", "a", "--resume", "b"], "give --out a or --resume b, not both"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input(place, reference, arguments, says):
    assert_one_sentence(finish(start(place, *arguments), 2), says)


def test_unknown_option(place):
    message = finish(start(place, "tiny.py", "--sedes", "9"), 2)
    assert "--sedes" in message and "Traceback" not in message
