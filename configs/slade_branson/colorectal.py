"""Slade and Branson on colorectal histology at the paper's settings: Figures 1, 3, Table 1.

Command: python launch/run.py configs/slade_branson/colorectal.py
Noise on 10, 50 and 100 % of the images: colorectal_noise_10.py, ..._50.py, ..._100.py; the larger
model: colorectal_warm_starts.py.
Hardware: a GPU; not yet measured on one.
Data: 5,000 images of 8 tissues; a fifth of them is the test set (the paper's division is not
given). ResNet-50 with ImageNet's weights, 200 epochs, learning rate 1e-4 (the optimiser is not
given; Adam here); LAL-RL has logistic regression. Epsilon falls over 100 epochs of ten episodes;
then training stops where the mean return of five epochs is that of the five before, to 1 % (how
long the paper trained is not given).
Five trainings, 68 % intervals.
Agents are trained to buy 20 labels, as in Figure 1, and run for 10, as in Table 1.
Reported after 10 labels (Table 1): in `REPORTED`. LAL-RL takes 267 times as long to train there
(5 episodes of 20 labels); the report's column "relative" is ours.
"""

from typing import Any

from jal.experiment import (
    Corruption,
    Data,
    Execution,
    Experiment,
    LalRl,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    ResNet,
    Shown,
    SladeBranson,
    Training,
)

REPORTED = {  # noise on a share of the images -> accuracy
    "resnet50/slade_branson": {0.0: 0.6202, 0.1: 0.6348, 1.0: 0.6534},
    "logistic_regression/lal_rl": {0.0: 0.3151, 0.1: 0.3143, 1.0: 0.2978},
    "resnet50/random": {0.0: 0.4698, 0.1: 0.4516, 1.0: 0.4552},
    "resnet50/margin": {0.0: 0.5063, 0.1: 0.5111, 1.0: 0.4849},
    "resnet50/entropy": {0.0: 0.4560, 0.1: 0.5020, 1.0: 0.5067},
    "resnet50/least_confidence": {0.0: 0.4952, 0.1: 0.4813, 1.0: 0.4802},
    "resnet50/average_confidence": {0.0: 0.4579, 0.1: 0.4655, 1.0: 0.4611},
}
LEARNERS = {
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
}
PAPER = SladeBranson(candidates=None, exploration=0.1, window=5)
LAL_RL = LalRl(
    mode="fixed_horizon",
    horizon=20,
    warm_episodes=16,
    candidates=None,
    exploration=0.1,
    window=5,
)
AGENTS = {"slade_branson": ("resnet50", PAPER), "lal_rl": ("logistic_regression", LAL_RL)}
RIVALS = ("random", "margin", "entropy", "least_confidence", "average_confidence")


def histology(noise: float = 0.0) -> Data:
    """The data, with noise on a share of the training images."""
    return Data(
        source="tfds:colorectal_histology",
        image_size=224,
        corruption=Corruption(share=noise),
        parts=Parts(state=0.0075, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
    )


def steps(
    name: str,
    data: Data,
    agents: dict[str, tuple[str, Any]],
    rivals: tuple[str, ...] = RIVALS,
    *,
    rounds: int = 10,
    budget: int | None = None,
    reported: dict[str, dict[str, float]] | None = None,
) -> list[Training | Experiment]:
    """Trainings of agents with the learner of each, and their comparison with their rivals."""
    used = {learner for learner, _ in agents.values()}
    trainings = [
        Training(
            agent,
            name=name,
            data=data,
            learner=LEARNERS[learner],
            seeds=5,
            execution=Execution(segment=1),
        )
        for name, (learner, agent) in agents.items()
    ]
    learned = [
        Learned(name, batch=getattr(agent, "points", 1), learners=(learner,))
        for name, (learner, agent) in agents.items()
    ]
    experiment = Experiment(
        name=name,
        data=data,
        learners={name: one for name, one in LEARNERS.items() if name in used},
        queries=(*learned, *rivals),
        protocol=Protocol(seeds=5, rounds=rounds, batch=1, budget=budget),
        execution=Execution(segment=1),
        shown=Shown(confidence=0.68, reported=reported or {}),
    )
    return [*trainings, experiment]


def noisy(name: str, noise: float) -> list[Training | Experiment]:
    """With noise on a share of the training images, beside what the paper reports."""
    reported = {
        cell: {"accuracy": found[noise]} for cell, found in REPORTED.items() if noise in found
    }
    return steps(name, histology(noise), AGENTS, reported=reported)


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    return noisy("slade_branson_colorectal", 0.0)
