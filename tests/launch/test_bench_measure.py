"""How launch/bench.py runs what measures: in order, until time is up, whatever fails."""

import json
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "launch"))

from bench import command, gpu, measure, saving
from bench.gpu import Timed
from bench.measure import Progress, Step, in_order

from jal.types import InputError

SOON = 60.0  # more than all that is not to be stopped takes


@pytest.fixture(autouse=True)
def made_by_hand(monkeypatch):
    """Workers find hand_made.py."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def quiet(line: str) -> None:
    pass


def rows(seconds, limit=SOON, **options) -> Step:
    return Step("hand_made:rows", {"seconds": seconds, **options}, limit=limit)


def last(steps, before=None, seconds=SOON) -> dict[str, Progress]:
    """What is known of each step at the end."""
    return dict(in_order(steps, before or {}, seconds, quiet))


def test_each_result_is_there_before_the_next_begins():
    steps = {"a": rows([0, 0]), "b": rows([0])}
    seen = [
        (label, len(progress.rows), progress.finished)
        for label, progress in in_order(steps, {}, SOON, quiet)
    ]
    assert seen == [
        *[("a", 1, False), ("a", 2, False), ("a", 2, True)],
        *[("b", 1, False), ("b", 1, True)],
    ]


def test_one_thing_measured_alone():
    step = Step("hand_made:one", {})
    assert measure.measure(step) == {"steady_s": 2.0, "flops": 3e12, "seeds_per_s": 4.0}
    both = measure.measure(step._replace(copies=2))
    assert both == {"steady_s": 2.0, "flops": 3e12, "seeds_per_s": 8.0}


def test_a_step_that_takes_too_long_keeps_what_it_has():
    found = last({"slow": rows([0, 600, 0], limit=6.0), "next": rows([0])})
    slow = found["slow"]
    assert list(slow.rows) == ["row 0", "row 1", "row 2"]  # gone on with, but for what hung
    assert 3.0 < slow.rows["row 1"]["over_s"] < 6.5 and slow.rows["row 2"]["steady_s"] == 2.0
    assert slow.finished and slow.skipped is None
    assert found["next"].finished


def test_what_was_stopped_goes_on_after_the_others():
    order = []
    steps = {"a": rows([0, 600, 0], limit=4.0), "b": rows([0])}
    for label, progress in in_order(steps, {}, SOON, quiet):
        order.append((label, len(progress.rows)))
    assert order.index(("b", 1)) < order.index(("a", 3))


def test_what_is_stopped_soon_after_it_began_may_be_measured_again():
    *found, end = measure.rows_of(rows([5.0, 600], limit=8.0))
    assert found == [("row 0", {"steady_s": 0.0, "flops": 1e12})]
    assert end == measure.Stopped("was stopped after 8 s.", late=True)


def test_time_that_is_up_stops_everything():
    began = time.monotonic()
    found = last({"a": rows([0, 600], limit=None), "b": rows([0])}, seconds=4.0)
    assert time.monotonic() - began < 20.0
    assert list(found["a"].rows) == ["row 0"]  # row 1 had no limit of its own: a later call's
    assert found["a"].skipped == "was stopped after 4 s." and not found["a"].finished
    assert found["b"] == Progress({}, "time was up before it.", False)


def test_results_on_the_way_stay():
    found = last({"a": Step("hand_made:so_far", {"times": 3}, limit=4.0)})["a"]
    assert found.rows == {"growing": {"steady_s": 2.0}}


def test_a_later_call_goes_on(tmp_path):
    """What is finished does not run; what never ran comes first; nothing is measured twice."""
    log = tmp_path / "log"
    before = {
        "done": Progress({"row 0": {"steady_s": 9.0}}, None, True),
        "half": Progress({"row 0": {"steady_s": 9.0}}, "was stopped after 4 s.", False),
    }
    steps = {
        "done": rows([0, 0], log=str(log)),
        "half": rows([0, 0], log=str(log)),
        "new": rows([0], log=str(log)),
    }
    found = list(in_order(steps, before, SOON, quiet))
    assert [label for label, _ in found] == ["new", "new", "half", "half"]
    assert log.read_text() == "0\n1\n"  # new's only, half's second
    assert dict(found)["half"].rows["row 0"] == {"steady_s": 9.0}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("fails", "ValueError: two lines"), ("aborts", "its process ended: ")],
)
def test_one_that_fails_does_not_end_the_others(kind, why):
    found = last({"a": Step("hand_made:odd", {"kind": kind}, limit=SOON)})["a"]
    assert list(found.rows) == ["before", "broken", "after"] and found.finished
    assert found.rows["broken"]["failed"].startswith(why)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("at_once", "needs", "needs no_such_module, which is not installed here."),
        ("at_once", "fails", "ValueError: no data."),
        ("odd", "needs", "needs no_such_module, which is not installed here."),
        ("nothing", "", "TypeError"),
    ],
)
def test_what_cannot_run_is_skipped_with_a_sentence(name, kind, why):
    target = {"nothing": "hand_made:cpu"}.get(name, f"hand_made:{name}")
    found = last({"a": Step(target, {"kind": kind}, limit=SOON), "b": rows([0])})
    assert found["a"].skipped.startswith(why) and not found["a"].finished
    assert found["b"].finished


def on_gpu(out, monkeypatch, steps, device="accelerator", **change):
    """`--gpu` on an imaginary machine, whose peaks are made by hand; lines that were shown."""
    shown = []
    monkeypatch.setattr(command, "show", shown.append)
    monkeypatch.setattr(
        command, "measure", lambda step: measure.measure(Step(f"hand_made:{device}", {}))
    )
    monkeypatch.setattr(gpu, "plan", lambda quick: steps)
    given = {"quick": True, "seconds": SOON, "only": None} | change
    command.on_gpu(out, saving.read(out), **given)
    return shown


def peak(*seconds, **options) -> Timed:
    return Timed("peak", rows(list(seconds), **options))


def test_every_result_is_saved_at_once(tmp_path, monkeypatch, capsys):
    out = tmp_path / "gpu.json"
    saves = []
    save = saving.save

    def seen(path, report, tables):
        save(path, report, tables)
        saves.append((list(json.loads(out.read_text())["peak"]["results"]), out.with_suffix(".md")))

    monkeypatch.setattr(saving, "save", seen)
    needs = Timed("peak", Step("hand_made:at_once", {"kind": "needs"}, limit=SOON))
    on_gpu(out, monkeypatch, {"products": peak(0, 0), "others": needs})
    assert [labels for labels, _ in saves] == [["row 0"], *[["row 0", "row 1"]] * 3]
    page = out.with_suffix(".md").read_text()
    assert "Imaginary 1" in page and "--quick: a smoke test" in page
    assert "| row 1 | 2.00 |  |" in page
    assert "- others: needs no\\_such\\_module, which is not installed here." in page
    assert page in capsys.readouterr().out


def test_a_second_call_measures_what_is_left(tmp_path, monkeypatch):
    out, log = tmp_path / "gpu.json", tmp_path / "log"
    steps = {"a": peak(0, log=str(log)), "b": peak(0, 600, limit=4.0)}
    on_gpu(out, monkeypatch, {"a": steps["a"]})
    shown = on_gpu(out, monkeypatch, {"a": steps["a"], "b": peak(0)})
    assert log.read_text() == "0\n"
    assert not [line for line in shown if line.startswith("a (")]
    assert json.loads(out.read_text())["peak"]["steps"]["b"]["finished"]


def test_only_some_parts(tmp_path, monkeypatch):
    shown = on_gpu(
        tmp_path / "gpu.json",
        monkeypatch,
        {"a": peak(0), "b": Timed("seeds", rows([0]))},
        only=["peak"],
    )
    assert [line for line in shown if line.startswith("a (")]
    assert not [line for line in shown if line.startswith("b (")]


def test_other_machines_and_sizes_are_not_mixed(tmp_path, monkeypatch):
    out = tmp_path / "gpu.json"
    on_gpu(out, monkeypatch, {"a": peak(0)})
    before = out.read_text()
    with pytest.raises(InputError, match="another quick, True in peak, not False: give --out"):
        on_gpu(out, monkeypatch, {"a": peak(0)}, quick=False)
    with pytest.raises(InputError, match=r"another machine, .*Imaginary 1 in peak"):
        on_gpu(out, monkeypatch, {"a": peak(0)}, device="cpu")
    assert out.read_text() == before


def test_no_accelerator(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="--gpu found no accelerator: --quick tries the command"):
        on_gpu(tmp_path / "gpu.json", monkeypatch, {}, device="cpu", quick=False)
    with pytest.raises(InputError, match="JAX does not start here: AttributeError: "):
        on_gpu(tmp_path / "gpu.json", monkeypatch, {}, device="nothing")


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"results": []}}'])
def test_a_file_that_is_no_report(tmp_path, text):
    out = tmp_path / "bench.json"
    out.write_text(text)
    with pytest.raises(InputError, match="is no report of this command: give --out another name"):
        saving.read(out)
    assert saving.read(tmp_path / "none.json") == {}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write to .*file: "):
        command.main(["--out", str(tmp_path / "file" / "bench.json")])


@pytest.mark.parametrize("labels", [["10 seeds", "2 seeds", "1 seed"], ["1,024 a", "64 a", "1 b"]])
def test_labels_in_the_order_of_their_numbers(labels):
    from bench.markdown import natural

    assert sorted(labels, key=natural) == labels[::-1]


def test_what_a_library_says_is_no_markdown():
    from bench.markdown import Table, markdown

    page = markdown("m", [Table("t", [], "", ("a | b_c <d> `e`",))])
    assert page == "m\n\n**t**\n\n- a \\| b\\_c \\<d> \\`e\\`\n"
