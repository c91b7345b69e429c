"""Slade and Branson's agent with N = 1 to 10 points a step, on the digits: their Table 2, Figure 4.

Command: python launch/run.py configs/slade_branson/points_digits.py
Data: as digits.py. Protocol: one label per class, then 50 labels, N at a time; training has a fixed
number of episodes of 50 labels each, as in the paper. The page's table of trainings has accuracy
and seconds for each N; 68 % intervals.
Not yet measured.
"""

from jal.experiment import Data, Experiment, LogisticRegression, Parts, SladeBranson

POINTS = range(1, 11)


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_points_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={
            f"points_{n}": SladeBranson(
                points=n,
                budget=50,
                epochs=20,
                candidates=30,
                warm_episodes=128,
                exploration=1.0,
                window=0,
            )
            for n in POINTS
        },
        strategies=tuple(f"points_{n}" for n in POINTS),
        batch_of={f"points_{n}": n for n in POINTS},
        trainings=10,
        seeds=160,
        rounds=50,
        batch=1,
        budget=50,
        confidence=0.68,
        segment=17,
    )
