import numpy as np

from jal.experiment.progress import RunProgress


def test_the_bar_counts_rounds_of_all_blocks_and_a_finished_cell_is_a_line(capsys):
    """Two seeds, two blocks of three measurements: the second of the second block is the fifth."""
    shown = RunProgress(rounds=2, blocks=2, seeds=2, show=True)
    values = {
        "accuracy": np.array([[0.5, 0.6, 0.7], [0.5, 0.8, 0.9]]),
        "labels": np.array([[3, 5, 7], [3, 5, 9]]),
    }
    (task,) = shown._bar.tasks
    assert task.total == 6 and task.completed == 0
    shown.advance(0, ["svc"], "margin", 2, [values])
    assert task.completed == 2 and capsys.readouterr().out == ""
    assert shown._bar.status == ("round 1/2, 2 seeds, 5 labels, accuracy 0.700: svc · margin")
    shown.advance(0, ["svc"], "margin", 3, [values])
    assert capsys.readouterr().out.startswith("svc · margin: accuracy 0.8000 ± ")
    weaker = values | {"accuracy": values["accuracy"] - 0.2}
    shown.advance(1, ["svc", "svc C=9"], "badge", 2, [values, weaker])
    assert task.completed == 5
    says = "round 1/2, 2 seeds, 5 labels, accuracy 0.600: 2 learners like svc · badge"
    assert shown._bar.status == says
    shown.advance(1, ["svc", "svc C=9"], "badge", 3, [values, weaker])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ±")[0] for line in lines] == [
        "svc · badge: accuracy 0.8000",
        "svc C=9 · badge: accuracy 0.6000",
    ]
