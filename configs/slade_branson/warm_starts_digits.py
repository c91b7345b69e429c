"""Slade and Branson's larger model in its two parts, on scikit-learn's digits: as their Figure 2.

Command: python launch/run.py configs/slade_branson/warm_starts_digits.py
The larger model has 128 warm-start episodes instead of 16, and labels one more point in each step:
two things at once. Here are all four combinations.
Data and protocol: as digits.py, 20 labels after one per class; 68 % intervals, as in the paper.
Took 27 min on two CPU cores that had other work beside it, of which compilation 200 s.
Found (AUBC, final accuracy; 68 % intervals over the trainings): margin .686 +- .002, .782 +- .002;
random .644 +- .002, .715 +- .002; 16 episodes, one point .634 +- .004, .727 +- .007; 128, one .632
+- .004, .722 +- .009; 128, two .622 +- .003, .711 +- .006; 16, two .617 +- .003, .703 +- .005.
So more warm starts change nothing that can be told (one point: -.1 points of AUBC; two: +.5), and a
second point per step costs 1.1 to 1.7 points. What holds this agent back is told in digits.py.
"""

from jal.experiment import (
    Data,
    Experiment,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Shown,
    SladeBranson,
    Training,
)

DATA = Data(
    source="sklearn:digits",
    test_size=397,
    parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
)
LEARNER = LogisticRegression(tol=1e-4)


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    agents = {
        f"warm_{warm}_points_{points}": SladeBranson(
            epochs=30,
            candidates=30,
            warm_episodes=warm,
            points=points,
            exploration=1.0,
            window=0,
        )
        for warm in (16, 128)
        for points in (1, 2)
    }
    learned = [Learned(name, batch=agent.points) for name, agent in agents.items()]
    trainings = [
        Training(agent, name=name, data=DATA, learner=LEARNER, seeds=32)
        for name, agent in agents.items()
    ]
    experiment = Experiment(
        name="slade_branson_warm_starts_digits",
        data=DATA,
        learners={"logistic_regression": LEARNER},
        queries=(*learned, "random", "margin"),
        protocol=Protocol(seeds=320, rounds=20, batch=1, budget=20),
        shown=Shown(confidence=0.68),
    )
    return [*trainings, experiment]
