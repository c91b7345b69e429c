"""launch/run.py as its user meets it; in processes of their own where they are killed."""

import dataclasses
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from jal import experiment as ex
from jal.types import InputError

ROOT = Path(__file__).parents[2]
RUN = ROOT / "launch" / "run.py"
DEVICES = "--xla_force_host_platform_device_count=4"
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
    again = 'options={"again": {"strategy": "random"}},\n        seeds=2'
    (path / "again.py").write_text(CONFIG.replace("seeds=2", again))
    options = 'options={"vaal": {"hidden": (16, 8)}},\n        seeds=2'
    (path / "vaal.py").write_text(CONFIG.replace("seeds=2", options))
    (path / "broken.py").write_text("def get_config():\n    return 1 / 0\n")
    for name, body in BAD_CONFIGS.items():
        (path / f"{name}.py").write_text(f"{SUBCLASS}\ndef get_config():\n    {body}\n")
    x, y = np.zeros((20, 3)), np.arange(20) % 2
    np.savez(path / "nan.npz", x=np.where(np.arange(20)[:, None] == 3, np.nan, x), y=y)
    np.savez(path / "label.npz", x=x, y=np.where(np.arange(20) == 5, -1, y))
    return path


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("launch_run", RUN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XLA_FLAGS", DEVICES)  # it is too late for other ones
        sys.modules[spec.name] = module  # where its annotations are looked up
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def main(place, script, monkeypatch):
    """`main(arguments)` in the folder with the configs."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: script.main(list(arguments))


@pytest.fixture(scope="module")
def reference(place, script) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        script.main(["tiny.py", "--out", "whole"])
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
    main("tiny.py", "--rounds", "1", "--seeds", "3", "--strategies", "margin")
    (folder,) = (place / "runs").iterdir()
    assert folder.name.startswith("tiny-")
    shown = capsys.readouterr().out
    assert "AUBC" in shown and f"Open runs/{folder.name}/report.html" in shown
    frame = ex.load(folder).frame
    assert set(frame.strategy) == {"margin"} and set(frame.seed) == {0, 1, 2}
    assert set(frame["round"]) == {0, 1}


def test_help_explains_every_field(main, capsys):
    with pytest.raises(SystemExit, match="0"):
        main("tiny.py", "--help")
    text = capsys.readouterr().out
    for field in dataclasses.fields(ex.Experiment):
        if field.name in ("initial_indices", "agents"):
            continue  # a table of numbers, for config files only; this config has no agents
        name = field.name.replace("_", "-")
        assert f"--{name} " in text or f"--{name}." in text, name
    assert "Inverse regularisation strength" in text and "--resume" in text


def steps(folder: Path) -> set[int]:
    saved = folder / "checkpoints"
    return {int(p.name) for p in saved.iterdir() if p.name.isdigit()} if saved.exists() else set()


def wait_for_work(process: subprocess.Popen, folder: Path) -> None:
    before, deadline = steps(folder), time.monotonic() + 120
    while steps(folder) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


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


def test_full_disk(place):
    """No file may grow beyond 4 KiB: saving fails in one sentence, what is there stays whole."""
    arguments = ["tiny.py", "--out", "full", "--strategies", "random", "--rounds", "2"]
    message = errors_of(start(place, *arguments, limit="4"), 2)
    assert message.startswith("error: cannot write to full: File too large; what was saved before")
    assert len(message.splitlines()) == 1
    assert set(ex.resume(place / "full", progress=False).frame["round"]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nothing.py", "config file nothing.py does not exist"),
        ("broken.py", "config file broken.py fails: ZeroDivisionError: division by zero"),
        ("other.py", "other.py must have a get_config() that returns an Experiment"),
        ("other.py", "no subclass of it: it gives a dict."),
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
        ("tiny.py --initial nan", "initial must be finite, got nan"),
        ("tiny.py --out tiny.py/run", "cannot create tiny.py/run (Not a directory): give"),
        ("tiny.py --learners.logistic-regression.C -1", "must be positive, got -1.0"),
        ("", "give a config first, such as configs/quickstart.py"),
        ("--seeds 3", "give a config first"),
        ("--resume whole --rounds 20", "whole belongs to another config: rounds is 6 there and 20"),
        ("--resume whole --rounds 25", "whole belongs to another config: rounds is 6 there and 25"),
        ("--seeds 3 --resume=whole", "whole belongs to another config: seeds is 2 there and 3"),
        ("--resume absent", "absent is not a run's folder"),
        ("tiny.py --strategies margn", "unknown strategy 'margn': known are random"),
        ("tiny.py --options badge size 3", "unknown option 'size' of badge: it has none"),
        ("tiny.py --options saal maximum yes", "options.saal.maximum must be bool, got 'yes'"),
        ("tiny.py --options bait ridge nan", "options.bait.ridge must be finite, got nan"),
        ("again.py --options.again.strategy bagde", "an unknown strategy 'bagde': known are"),
        ("tiny.py --strategies bald", "bald needs dropout: logistic_regression (LogisticRegre"),
        ("tiny.py --strategies waal", "waal trains a part of its own in a network's steps: logis"),
        ("tiny.py --data.source sklearn:iris", "unknown dataset 'sklearn:iris': give"),
        ("tiny.py --data.source npz:nan.npz", "features of 1 examples, the first number 3"),
        ("tiny.py --data.source npz:label.npz", "training label -1 of example 5 is negative"),
        ("tiny.py --batch 200", "random would buy 1200 labels in 6 rounds after the 10 it"),
        ("tiny.py --resume absent", "absent is not a run's folder"),
        ("tiny.py --resume whole --seeds 9", "whole belongs to another config"),
        ("tiny.py --out whole --seeds 9", "whole holds another run, in which seeds"),
        ("tiny.py --out a --resume b", "give --out a or --resume b, not both"),
    ],
)
def test_bad_input(main, reference, arguments, says):
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        main(*arguments.split())
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_options_beside_resume_take_effect(script, place, reference, monkeypatch, capsys):
    """Those that do not change the experiment; all others are the folder's own."""
    del reference
    given, resume = [], script.resume
    monkeypatch.chdir(place)
    monkeypatch.setattr(script, "resume", lambda *args: given.append(args[1]) or resume(*args))
    before = {path: path.read_bytes() for path in (place / "whole").rglob("*") if path.is_file()}
    script.main(["--resume", "whole", "--segment", "3", "--confidence", "0.5", "--devices", "1"])
    saved = ex.load(place / "whole").experiment
    wanted = dataclasses.replace(saved, segment=3, confidence=0.5, devices=1)
    assert given == [wanted] and wanted != saved
    shown = capsys.readouterr().out
    assert "whole is finished already" in shown and "50 % intervals" in shown
    assert before == {path: path.read_bytes() for path in before}


def test_options_of_strategies(script, place, monkeypatch):
    """Lists, flags and numbers, as the command line has them."""
    given = []
    monkeypatch.chdir(place)
    monkeypatch.setattr(script, "run", lambda e, out: given.append(e) or 1 / 0)
    for arguments in (
        ["vaal.py", "--options.vaal.hidden", "4", "2"],
        ["tiny.py", "--options", "vaal", "hidden", "4", "2", "steps", "3"],
        ["tiny.py", "--options", "saal", "maximum", "True", "rho", "0.5"],
    ):
        with pytest.raises(ZeroDivisionError):
            script.main(arguments)
    assert [experiment.options for experiment in given] == [
        {"vaal": {"hidden": (4, 2)}},
        {"vaal": {"hidden": (4, 2), "steps": 3}},
        {"saal": {"maximum": True, "rho": 0.5}},
    ]


def test_unknown_option(main, capsys):
    with pytest.raises(SystemExit, match="2"):
        main("tiny.py", "--sedes", "9")
    assert "--sedes" in capsys.readouterr().err
