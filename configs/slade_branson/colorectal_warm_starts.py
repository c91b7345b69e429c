"""Slade and Branson's larger model in its two parts, on colorectal histology: Figure 2, right.

Command: python launch/run.py configs/slade_branson/colorectal_warm_starts.py
Hardware: a GPU; not yet measured on one.
Data and classifier: as colorectal.py, but for 20 labels bought. The larger model has 128 warm-start
episodes instead of 16, and labels one more point in each step: here are all four combinations.
Reported as curves only: the larger model is up to 23.3 % better.
"""

import dataclasses

import colorectal

from jal.experiment import Data, Experiment, Training


def warm_starts(name: str, data: Data) -> list[Training | Experiment]:
    """Agents of one and two points, after warm starts of 16 and 128 episodes."""
    agents = {
        f"warm_{warm}_points_{points}": dataclasses.replace(
            colorectal.PAPER, warm_episodes=warm, points=points
        )
        for warm in (16, 128)
        for points in (1, 2)
    }
    return colorectal.steps(
        name,
        data,
        {name: ("resnet50", agent) for name, agent in agents.items()},
        ("random", "margin"),
        rounds=20,
        budget=20,
    )


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return warm_starts("slade_branson_colorectal_warm_starts", colorectal.histology())
