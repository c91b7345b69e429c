"""Slade and Branson's agent with N = 1 to 10 on colorectal histology: Table 2.

Command: python launch/run.py configs/slade_branson/colorectal_points.py
Hardware: a GPU; not yet measured on one.
Data and classifier: as colorectal.py. One label per class, then 50 labels, N at a time; a fixed
number of episodes (not given: 100). Five trainings, 68 % intervals.
Reported seconds for N = 1 to 10: 1511, 1633, 2505, 3313, 2123, 1222, 1255, 1290, 3374, 6504.
"""

from jal.experiment import (
    Data,
    Experiment,
    Parts,
    ResNet,
    SladeBranson,
)

REPORTED = (0.6468, 0.7147, 0.7151, 0.6762, 0.7295, 0.7091, 0.7347, 0.6916, 0.7084, 0.6939)


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_colorectal_points",
        data=Data(source="tfds:colorectal_histology", image_size=224),
        parts=Parts(state=0.0075, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={
            "resnet50": ResNet(
                depth=50,
                weights="hf:timm/resnet50.tv_in1k",
                normalise="imagenet",
                epochs=200,
                learning_rate=1e-4,
                weight_decay=0.0,
                optimizer="adam",
            ),
        },
        agents={
            f"points_{n}": SladeBranson(points=n, budget=50, epochs=10, window=0)
            for n in range(1, 11)
        },
        strategies=tuple(f"points_{n}" for n in range(1, 11)),
        batch_of={f"points_{n}": n for n in range(1, 11)},
        trainings=5,
        training_segment=1,
        seeds=5,
        rounds=50,
        batch=1,
        budget=50,
        confidence=0.68,
        reported={
            f"resnet50/points_{n}": {"accuracy": value} for n, value in enumerate(REPORTED, 1)
        },
        segment=1,
    )
