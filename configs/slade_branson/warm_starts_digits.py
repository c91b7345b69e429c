"""Slade and Branson's larger model in its two parts, on scikit-learn's digits: as their Figure 2.

Command: python launch/run.py configs/slade_branson/warm_starts_digits.py
The larger model has 128 warm-start episodes instead of 16, and labels one more point in each step:
two things at once. Here are all four cells.
Data and protocol: as digits.py, 20 labels after one per class; 68 % intervals, as in the paper.
Not yet measured.
"""

from jal.experiment import Data, Experiment, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    cells = {
        f"warm_{warm}_points_{points}": (warm, points) for warm in (16, 128) for points in (1, 2)
    }
    return Experiment(
        name="slade_branson_warm_starts_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={
            name: SladeBranson(
                epochs=30,
                candidates=30,
                warm_episodes=warm,
                points=points,
                exploration=1.0,
                window=0,
            )
            for name, (warm, points) in cells.items()
        },
        strategies=(*cells, "random", "margin"),
        batch_of={name: points for name, (_, points) in cells.items()},
        trainings=32,
        seeds=320,
        rounds=20,
        batch=1,
        budget=20,
        confidence=0.68,
    )
