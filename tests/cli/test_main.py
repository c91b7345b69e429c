"""The command `jal`: its verbs, how it ends, configs by name."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jal import code
from jal.cli import main as entry
from jal.cli.bench import bench_command
from jal.cli.configs import find_config, shipped
from jal.cli.main import command, guarded
from jal.experiment import Interrupted
from jal.experiment.config_file import load_config
from jal.types import InputError

ROOT = Path(__file__).parents[2]
VERBS = (
    *("run", "train", "pretrain", "sweep", "report", "compare", "rank", "configs", "data"),
    *("bench", "convert-weights", "prepare-data"),
)


class Ended(BaseException):
    """Instead of the process's end."""


@pytest.fixture
def ends(monkeypatch):
    """`ends(act)`: the exit status with which `guarded` would end the process; None of none."""

    def exit_(code):
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", exit_)

    def ending(act):
        try:
            guarded(act)
        except Ended as ended:
            return ended.args[0]
        return None

    return ending


def raising(error: BaseException):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InputError("seeds must be\n  at least 1."), 2, "error: seeds must be at least 1.\n"),
        (OSError("no room"), 2, "error: no room\n"),
        (Interrupted("go on with --resume x"), 130, "go on with --resume x\n"),
        (KeyboardInterrupt(), 130, "stopped at once; what was saved can be gone on with by --res"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_how_it_ends(error, code, says, ends, capsys):
    assert ends(raising(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(says) and len(err.splitlines()) == bool(says)


def test_a_long_error_is_cut(ends, capsys):
    assert ends(raising(InputError("x" * 9999))) == 2
    assert len(capsys.readouterr().err) < 1100


def test_what_is_well_returns(ends):
    assert ends(lambda: None) is None


def test_a_mistake_of_jals_own_shows_where(ends):
    with pytest.raises(ZeroDivisionError):
        ends(lambda: 1 / 0)


def test_the_console_command_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["jal"].partition(":")
    assert getattr(sys.modules[module], name) is entry


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_verbs_are_listed(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jal", *arguments])
    entry()
    lines = capsys.readouterr().out.splitlines()
    assert tuple(line.split()[0] for line in lines if line.startswith("  ")) == VERBS


def test_an_unknown_verb(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jal", "runn"])
    with pytest.raises(SystemExit, match="2"):
        entry()
    err = capsys.readouterr().err
    assert err.startswith("error: unknown verb 'runn': give run, train,") and err.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_function_and_help(verb, capsys):
    act = command(verb)
    if verb == "configs":
        act([])
        return
    if verb == "bench":
        act(["--help"])
        return
    with pytest.raises(SystemExit, match="0"):
        act(["--help"])
    assert f"usage: jal {verb}" in capsys.readouterr().out


def test_the_benchmarks_are_those_of_the_clone(tmp_path, capfd):
    """Their status is the command's; what is installed alone has none."""
    bench_command(["--help"])
    assert "usage: launch/bench.py" in capfd.readouterr().out
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch" / "bench.py").write_text("import sys; sys.exit(int(sys.argv[1]))")
    bench_command(["0"], tmp_path)
    with pytest.raises(SystemExit, match="3"):
        bench_command(["3"], tmp_path)
    with pytest.raises(InputError, match=r"run python launch/bench\.py in a clone"):
        bench_command([], tmp_path / "launch")


def test_a_comparison_is_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="a comparison is of two runs or more, got 1"):
        command("compare")(["one"])
    with pytest.raises(InputError, match="one is not a run's folder"):
        command("compare")(["one", "two", "--out", "both"])
    with pytest.raises(InputError, match="one is not a run's folder"):
        command("report")(["one"])


def test_the_console_passes_arguments_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jal", "configs"])
    entry()
    assert "quickstart" in capsys.readouterr().out


def test_configs_lists_all_and_each_loads(capsys):
    files = {str(p.relative_to(ROOT / "configs").with_suffix("")) for p in
             (ROOT / "configs").rglob("*.py") if p.name[0] != "_"}  # fmt: skip
    assert set(shipped()) == files and len(files) > 20
    assert "bral_t/cifar10" in files  # which shares what is in _benchmarks.py
    command("configs")([])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == files
    first = (ROOT / "configs" / "quickstart.py").read_text().splitlines()[0].strip('"')
    assert any(line.split(maxsplit=1) == ["quickstart", first] for line in lines)


@pytest.mark.parametrize("name", ["quickstart", "quickstart.py", "abas_ral/digits"])
def test_a_config_by_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == ROOT / "configs" / f"{name.removesuffix('.py')}.py"
    load_config(find_config(name))


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart.py").write_text("")
    assert find_config("quickstart.py") == Path("quickstart.py")
    assert find_config("quickstart") == ROOT / "configs" / "quickstart.py"


def test_unknown_configs():
    with pytest.raises(InputError, match=r"^unknown config 'quikstart': did you mean quickstart\?"):
        find_config("quikstart")
    with pytest.raises(InputError, match=r"^unknown config 'zzz': give a Python file, or one that"):
        find_config("zzz")
    with pytest.raises(InputError, match=r"config file zzz\.py does not exist"):
        load_config(find_config("zzz.py"))


def process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-c", "from jal.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_a_process_by_its_name(tmp_path):
    """jal run quickstart, as small as can be; then one that cannot be."""
    options = ("--rounds", "1", "--seeds", "1", "--queries", "random", "--learners", "mlp:epochs=1")
    done = process("run", "quickstart", *options, "--out", "made", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Open made/report.html" in done.stdout
    assert (tmp_path / "made" / "results.parquet").is_file()
    done = process("run", "quickstart", "--start", "rendom", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: unknown start 'rendom': known are balanced, random, twisted, chosen.\n"
    )


def test_a_module_in_the_current_folder_is_found(tmp_path, monkeypatch):
    """As the last of all places: what is installed is not shadowed by a file of its name."""
    monkeypatch.setattr("sys.path", [one for one in sys.path if one])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_here.py").write_text("def f(): pass\n")
    (tmp_path / "colorsys.py").write_text("raise SystemExit\n")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert code.find("thing", "mine_here:f", {}, True).__module__ == "mine_here"
    assert code.find("thing", "colorsys:rgb_to_hls", {}, True)
    sys.modules.pop("mine_here")
    with pytest.raises(InputError, match="add --allow-code"):
        code.find("thing", "mine_here:f", {}, False)
    assert "mine_here" not in sys.modules


def test_a_folder_is_gone_on_with_by_its_own_code_where_asked_alone(tmp_path, monkeypatch):
    """Its config is read by the command, and is no more the caller's for that."""
    from jal import experiment as ex
    from jal.cli.run import run_command

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_module.py").write_text(
        "from jal.strategies import registry\ndef mine():\n    return registry['margin']()\n"
    )
    experiment = ex.Experiment(
        queries=(ex.Query("their_module:mine"),),
        protocol=ex.Protocol(seeds=1, rounds=1),
        execution=ex.Execution(devices=1),
    )
    ex.run(experiment, out="run", progress=False)
    (tmp_path / "run" / "manifest.json").unlink()
    for option in ((), ("--confidence", "0.5")):
        with pytest.raises(InputError, match="their_module:mine is code that would be imported"):
            run_command(["--resume", "run", *option])
    run_command(["--resume", "run", "--allow_code"])
    assert (tmp_path / "run" / "manifest.json").is_file()
