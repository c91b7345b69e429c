"""launch/run.py as its user meets it; in processes of their own where they are killed."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal.cli import command
from jal.cli import run as runs
from jal.types import InputError

ROOT = Path(__file__).parents[2]
RUN = ROOT / "launch" / "run.py"
DEVICES = "--xla_force_host_platform_device_count=4"
CONFIG = """
from jal.experiment import Execution, Experiment, LogisticRegression, Protocol

def get_config():
    return Experiment(
        name="tiny",
        learners={"logistic_regression": LogisticRegression()},
        queries=("random", "badge"),
        protocol=Protocol(seeds=2, rounds=6),
        execution=Execution(segment=1),
    )
"""


SUBCLASS = """
import dataclasses, sys
from jal.experiment import Experiment

@dataclasses.dataclass(frozen=True)
class Mine(Experiment):
    more: int = 3
"""
BAD_CONFIGS = {
    "other": "return {}",
    "none": "pass",
    "lines": "raise ValueError('first\\nsecond\\n' + 999 * 'x')",
    "exits": "sys.exit(3)",
    "mine": "return Mine()",
    "loop": "return get_config()",
    "fields": "return Experiment(name=None, learners=3)",
    "long": "return Experiment(name=300 * 'x')",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("launch")
    (path / "tiny.py").write_text(CONFIG)
    (path / "broken.py").write_text("def get_config():\n    return 1 / 0\n")
    for name, body in BAD_CONFIGS.items():
        (path / f"{name}.py").write_text(f"{SUBCLASS}\ndef get_config():\n    {body}\n")
    x, y = np.zeros((20, 3)), np.arange(20) % 2
    np.savez(path / "nan.npz", x=np.where(np.arange(20)[:, None] == 3, np.nan, x), y=y)
    np.savez(path / "label.npz", x=x, y=np.where(np.arange(20) == 5, -1, y))
    return path


@pytest.fixture
def main(place, monkeypatch):
    """`main(arguments)` in the folder with the configs."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: command("run")(arguments)


@pytest.fixture(scope="module")
def reference(place) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        command("run")(["tiny.py", "--out", "whole"])
    return ex.load(place / "whole").frame


def start(place: Path, *arguments: str, limit: str = "unlimited") -> subprocess.Popen:
    """run.py with `arguments`; `limit` in KiB bounds each file that it writes."""
    # As many devices as here: with other threads XLA sums in another order.
    command = [sys.executable, "-W", "error", str(RUN), *arguments]
    flags = f"{os.environ['XLA_FLAGS']} {DEVICES}"
    environment = os.environ | {"XLA_FLAGS": flags, "COLUMNS": "120"}
    if limit != "unlimited":
        environment["XLA_FLAGS"] = os.environ["XLA_FLAGS"]  # it chooses its devices itself
        del environment["JAX_COMPILATION_CACHE_DIR"]  # whose files would be too large as well
    return subprocess.Popen(
        ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *command],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def errors_of(process: subprocess.Popen, code: int) -> str:
    out, err = process.communicate(timeout=180)
    assert process.returncode == code, f"{out}\n{err}"
    return err.strip()


def test_tables_and_where_the_results_are(main, place, capsys):
    main("tiny.py", "--rounds", "1", "--seeds", "3", "--queries", "margin")
    (folder,) = (place / "runs").iterdir()
    assert folder.name.startswith("tiny-")
    shown = capsys.readouterr().out
    assert "AUBC" in shown and f"Open runs/{folder.name}/report.html" in shown
    frame = ex.load(folder).frame
    assert set(frame.strategy) == {"margin"} and set(frame.seed) == {0, 1, 2}
    assert set(frame["round"]) == {0, 1}


def steps(folder: Path) -> set[int]:
    saved = folder / "checkpoints"
    return {int(p.name) for p in saved.iterdir() if p.name.isdigit()} if saved.exists() else set()


def wait_for_work(process: subprocess.Popen, folder: Path) -> None:
    before, deadline = steps(folder), time.monotonic() + 120
    while steps(folder) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.slow
def test_killed_and_stopped(place, reference):
    """SIGKILL amid the work, Ctrl-C in what goes on with it; then left to finish."""
    folder = place / "killed"
    killed = start(place, "tiny.py", "--out", "killed")
    wait_for_work(killed, folder)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (folder / "results.parquet").exists()
    stopped = start(place, "--resume", "killed")
    wait_for_work(stopped, folder)
    stopped.send_signal(signal.SIGINT)
    message = errors_of(stopped, 130)
    assert message.endswith("go on with --resume killed") and "Traceback" not in message
    pd.testing.assert_frame_equal(ex.resume(folder, progress=False).frame, reference)


@pytest.mark.slow
def test_full_disk(place):
    """No file may grow beyond 4 KiB: saving fails in one sentence, what is there stays whole."""
    arguments = ["tiny.py", "--out", "full", "--queries", "random", "--rounds", "2"]
    message = errors_of(start(place, *arguments, limit="4"), 2)
    assert message.startswith("error: cannot write to full: File too large; what was saved before")
    assert len(message.splitlines()) == 1
    assert set(ex.resume(place / "full", progress=False).frame["round"]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nothing.py", "config file nothing.py does not exist"),
        ("broken.py", "config file broken.py fails: ZeroDivisionError: division by zero"),
        ("other.py", "other.py must have a get_config() that returns an Experiment, a Training, a"),
        ("other.py", "no subclass of them: it gives a dict."),
        ("none.py", "it gives None."),
        ("mine.py", "it gives a Mine."),
        ("lines.py", "config file lines.py fails: ValueError: first second xxxxx"),
        ("exits.py", "config file exits.py fails: SystemExit: 3."),
        ("loop.py", "config file loop.py fails: RecursionError: maximum recursion depth"),
        ("fields.py", "name must be str, got None."),
        ("long.py", "name must have at most 100 bytes, got 300: 'xxxx"),
        (f"{300 * 'x'}.py", "cannot be read: File name too long"),
        (f"tiny.py --name {300 * 'x'}", "name must have at most 100 bytes, got 300: 'xxxx"),
        (
            f"tiny.py --out {300 * 'x'}",
            f"...{'x' * 39} (File name too long): give --out a folder that can",
        ),
        (
            f"tiny.py --resume {300 * 'x'}",
            f"...{'x' * 27}/config.json cannot be read: File name too long.",
        ),
        ("tiny.py --data.source folder:/proc", "dataset 'folder:/proc' cannot be read: "),
        ("tiny.py --start random:share=nan", "start random.share must be finite, got nan"),
        ("tiny.py --out tiny.py/run", "cannot create tiny.py/run (Not a directory): give"),
        ("tiny.py --learners.logistic-regression.C -1", "must be positive, got -1.0"),
        ("", "give a config first, such as quickstart"),
        ("--seeds 3", "give a config first"),
        (
            "--resume whole --rounds 20",
            "whole belongs to another config: protocol.rounds is 6 there",
        ),
        ("--seeds 3 --resume=whole", "another config: protocol.seeds is 2 there and 3 here"),
        ("--resume absent", "absent is not a run's folder"),
        ("tiny.py --queries margn", "unknown strategy 'margn': known are random"),
        ("tiny.py --queries badge:size=3", "unknown option 'size' of badge: it has none"),
        ("tiny.py --queries saal:maximum=yes", "maximum of saal must be bool, got 'yes'"),
        (
            "tiny.py --queries bait:ridge=nan",
            "bait:ridge=nan.options.ridge must be finite, got nan",
        ),
        ("tiny.py --queries bagde:name=again", "unknown strategy 'bagde': known are"),
        ("tiny.py --queries bald", "bald needs dropout: logistic_regression (LogisticRegre"),
        ("tiny.py --queries waal", "waal trains a part of its own in a network's steps: logis"),
        ("tiny.py --data.source sklearn:irys", "unknown dataset 'sklearn:irys': give"),
        ("tiny.py --data.source npz:nan.npz", "features of 1 examples, the first number 3"),
        ("tiny.py --data.source npz:label.npz", "training label -1 of example 5 is negative"),
        ("tiny.py --batch 200", "random would buy 1200 labels in 6 rounds after the 10 it"),
        ("tiny.py --resume absent", "absent is not a run's folder"),
        ("tiny.py --resume whole --seeds 9", "whole belongs to another config"),
        (
            "tiny.py --out whole --seeds 9",
            "whole holds another run, in which protocol.seeds is 2 there",
        ),
        ("tiny.py --out a --resume b", "give --out a or --resume b, not both"),
    ],
)
def test_bad_input(main, reference, arguments, says):
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        main(*arguments.split())
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_options_beside_resume_take_effect(main, place, reference, monkeypatch, capsys):
    """Those that do not change the experiment; all others are the folder's own."""
    del reference
    given, resume = [], runs.resume

    def resuming(folder, config, **options):
        given.append(config)
        return resume(folder, config, **options)

    monkeypatch.setattr(runs, "resume", resuming)
    before = {path: path.read_bytes() for path in (place / "whole").rglob("*") if path.is_file()}
    main("--resume", "whole", "--segment", "3", "--confidence", "0.5", "--devices", "1")
    saved = ex.load(place / "whole").experiment
    wanted = dataclasses.replace(
        saved,
        execution=ex.Execution(segment=3, devices=1),
        shown=dataclasses.replace(saved.shown, confidence=0.5),
    )
    assert given == [wanted] and wanted != saved
    shown = capsys.readouterr().out
    assert "whole is finished already" in shown and "50 % intervals" in shown
    assert before == {path: path.read_bytes() for path in before}


def test_unknown_option(main, capsys):
    with pytest.raises(SystemExit, match="2"):
        main("tiny.py", "--sedes", "9")
    assert "--sedes" in capsys.readouterr().err
