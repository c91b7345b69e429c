"""Slade and Branson's agent with N = 1 to 10 on colorectal histology: Table 2.

Command: python launch/run.py configs/slade_branson/colorectal_points.py
Hardware: a GPU; not yet measured on one.
Data and classifier: as colorectal.py. One label per class, then 50 labels, N at a time; a fixed
number of episodes (not given: 100). Five trainings, 68 % intervals.
Reported for N = 1 to 10: `ACCURACY` and `SECONDS`.
"""

import colorectal

from jal.experiment import Experiment, SladeBranson, Training

ACCURACY = (0.6468, 0.7147, 0.7151, 0.6762, 0.7295, 0.7091, 0.7347, 0.6916, 0.7084, 0.6939)
SECONDS = (1511, 1633, 2505, 3313, 2123, 1222, 1255, 1290, 3374, 6504)


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    agents = {
        f"points_{n}": SladeBranson(points=n, budget=50, epochs=10, candidates=None, window=0)
        for n in range(1, 11)
    }
    return colorectal.steps(
        "slade_branson_colorectal_points",
        colorectal.histology(),
        {name: ("resnet50", agent) for name, agent in agents.items()},
        (),
        rounds=50,
        budget=50,
        reported={
            f"resnet50/{name}": {"accuracy": accuracy, "seconds": seconds}
            for name, accuracy, seconds in zip(agents, ACCURACY, SECONDS, strict=True)
        },
    )
