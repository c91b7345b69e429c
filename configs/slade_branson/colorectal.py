"""Slade and Branson on colorectal histology at the paper's settings: Figures 1, 3, Table 1.

Command: python launch/run.py configs/slade_branson/colorectal.py
         python launch/run.py configs/slade_branson/colorectal.py --data.corruption.share .1
         python launch/run.py configs/slade_branson/colorectal.py --data.corruption.share 1
Hardware: a GPU; not yet measured on one.
Data: 5,000 images of 8 tissues; a fifth of them is the test set (the paper's division is not
given). ResNet-50 with ImageNet's weights, 200 epochs, learning rate 1e-4 (the optimiser is not
given; Adam here); LAL-RL has logistic regression. Training stops where the mean return of five
epochs of ten episodes is that of the five before, to 1 % (how long the paper trained is not given).
Five trainings, 68 % intervals.
Agents are trained to buy 20 labels, as in Figure 1, and run for 10, as in Table 1.
Reported after 10 labels (Table 1, no noise): in `reported`; with noise on 10 and 100 % of the
images the paper's agent has .635 and .653.
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
        name="slade_branson_colorectal",
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
            "logistic_regression": LogisticRegression(),
        },
        agents={
            "slade_branson": SladeBranson(exploration=0.1, window=5),
            "lal_rl": LalRl(
                mode="fixed_horizon", horizon=20, warm_episodes=16, exploration=0.1, window=5
            ),
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
        rounds=10,
        batch=1,
        confidence=0.68,
        reported={
            "resnet50/slade_branson": {"accuracy": 0.6202},
            "logistic_regression/lal_rl": {"accuracy": 0.3151},
            "resnet50/random": {"accuracy": 0.4698},
            "resnet50/margin": {"accuracy": 0.5063},
            "resnet50/entropy": {"accuracy": 0.4560},
            "resnet50/least_confidence": {"accuracy": 0.4952},
            "resnet50/average_confidence": {"accuracy": 0.4579},
        },
        segment=1,
    )
