"""What keeps Slade and Branson's agent from learning, and what lets it: in parts, on the digits.

Command: python launch/run.py configs/slade_branson/clock_digits.py
The paper's agent; with a clock in the state; with transitions replayed uniformly instead of by the
third power of their error; with both; and with both and a policy that chooses among 30 points drawn
in each round, as training does.
Data and protocol: as digits.py, ten trainings of each and ten runs with each policy.
Not yet measured.
"""

from jal.experiment import Data, Experiment, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    paper = {"epochs": 60, "candidates": 30, "exploration": 1.0, "window": 0}
    agents = {
        "paper": SladeBranson(**paper),
        "clock": SladeBranson(**paper, clock=True),
        "uniform": SladeBranson(**paper, exponent=0.0),
        "clock_uniform": SladeBranson(**paper, clock=True, exponent=0.0),
        "clock_uniform_drawn": SladeBranson(
            **paper, clock=True, exponent=0.0, policy_candidates=30
        ),
    }
    return Experiment(
        name="slade_branson_clock_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents=agents,
        strategies=(*agents, "random", "margin"),
        trainings=10,
        seeds=100,
        rounds=20,
        batch=1,
    )
