"""Slade and Branson on chest X-rays of children, the paper's settings: Figures 1 and 2, left.

Command: python launch/run.py configs/slade_branson/pneumonia.py
         python launch/run.py configs/slade_branson/pneumonia.py \\
             --agents.slade-branson.warm-episodes 128 --agents.slade-branson.points 2 \\
             --batch-of slade_branson 2
Hardware: a GPU; not yet measured on one.
Data: Kermany et al.'s archive (Mendeley Data, rscbjbr9sj), unpacked as chest_xray, with its own
test set; pneumonia or none. All else as colorectal.py, but for 20 labels bought. The second command
is the larger model.
Reported as curves only: the larger model is up to 11.5 % better.
"""

from jal.experiment import (
    Data,
    Experiment,
    LalRl,
    LogisticRegression,
    Parts,
    ResNet,
    SladeBranson,
)


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_pneumonia",
        data=Data(source="folder:chest_xray", image_size=224),
        parts=Parts(state=0.006, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
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
            "logistic_regression": LogisticRegression(),
        },
        agents={
            "slade_branson": SladeBranson(window=5),
            "lal_rl": LalRl(mode="fixed_horizon", horizon=20, warm_episodes=16, window=5),
        },
        agents_on={"slade_branson": "resnet50", "lal_rl": "logistic_regression"},
        strategies=(
            "slade_branson",
            "lal_rl",
            "random",
            "margin",
            "entropy",
            "least_confidence",
            "average_confidence",
        ),
        trainings=5,
        training_segment=1,
        seeds=5,
        rounds=20,
        batch=1,
        budget=20,
        confidence=0.68,
        segment=1,
    )
