"""Slade and Branson on chest X-rays of children, the paper's settings: Figure 1, left.

Command: python launch/run.py configs/slade_branson/pneumonia.py
Hardware: a GPU; not yet measured on one.
Data: Kermany et al.'s archive (Mendeley Data, rscbjbr9sj), unpacked as chest_xray, with its own
test set; pneumonia or none. All else as colorectal.py, but for 20 labels bought. The larger model:
pneumonia_warm_starts.py. Reported as curves only.
"""

import colorectal

from jal.experiment import Data, Experiment, Parts, Training

DATA = Data(
    source="folder:chest_xray",
    image_size=224,
    parts=Parts(state=0.006, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
)


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return colorectal.steps(
        "slade_branson_pneumonia", DATA, colorectal.AGENTS, rounds=20, budget=20
    )
