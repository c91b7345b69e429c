"""Slade and Branson's agent and LAL-RL on 5,000 images of Fashion-MNIST, 64 principal components.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/slade_branson/fashion_mnist.py
Data: 5,000 training images, class by class, in four parts: 30 state set, 2,000 training, 1,000
hold-out of the rewards, 1,000 evaluation; the 10,000 test images.
Protocol: 32 trainings of each agent, then 50 runs with each policy: one label per class, then 20
single labels. Logistic regression on the components.
Took 28 min on two CPU cores that had other work beside it, of which compilation 10 min. Found
(AUBC, final accuracy; 95 % intervals over the trainings): margin .532 +- .002, .589 +- .003;
slade_branson_clock .530 +- .007, .578 +- .010; slade_branson .523 +- .009, .556 +- .013; random
.521 +- .003, .570 +- .003; average_confidence .521 +- .002, .569 +- .002; least_confidence .512 +-
.002, .545 +- .003; lal_rl .512 +- .008, .549 +- .014; entropy .500 +- .002, .525 +- .002. So after
300 episodes the paper's agent cannot be told from random (AUBC +.2 +- .9 points) and is below
margin (-.9 +- .9), LAL-RL is below random (-.9 +- .8), and with a clock the agent is above random
(+1.0 +- .8, Cohen's d .4) and cannot be told from margin (-.2 +- .8).
"""

from typing import Any

from jal.experiment import (
    Data,
    Experiment,
    Features,
    LalRl,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Shown,
    SladeBranson,
    Training,
)

DATA = Data(
    source="tfds:fashion_mnist",
    train_share=1 / 12,
    features=Features("pca", components=64),
    parts=Parts(state=0.006, warm=0.0, train=0.4, evaluation=0.2, holdout=0.2),
)
RIVALS = ("random", "margin", "entropy", "least_confidence", "average_confidence")


def steps(
    name: str,
    data: Data,
    agents: dict[str, Any],
    *,
    trainings: int,
    seeds: int,
    rounds: int,
    confidence: float = 0.95,
) -> list[Training | Experiment]:
    """The agents' trainings, and their comparison with their rivals, a label at a time."""
    learner = LogisticRegression(tol=1e-4)
    trained = [
        Training(agent, name=name, data=data, learner=learner, seeds=trainings)
        for name, agent in agents.items()
    ]
    experiment = Experiment(
        name=name,
        data=data,
        learners={"logistic_regression": learner},
        queries=(*map(Learned, agents), *RIVALS),
        protocol=Protocol(seeds=seeds, rounds=rounds, batch=1),
        shown=Shown(confidence=confidence),
    )
    return [*trained, experiment]


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    agents = {
        "slade_branson": SladeBranson(epochs=30, candidates=30, exploration=1.0, window=0),
        "slade_branson_clock": SladeBranson(
            epochs=30,
            candidates=30,
            exploration=1.0,
            window=0,
            clock=True,
            exponent=0.0,
            policy_candidates=30,
        ),
        "lal_rl": LalRl(mode="fixed_horizon", horizon=20, epochs=30, candidates=30),
    }
    return steps("slade_branson_fashion_mnist", DATA, agents, trainings=32, seeds=1600, rounds=20)
