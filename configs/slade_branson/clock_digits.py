"""What keeps Slade and Branson's agent from learning, and what lets it: in parts, on the digits.

Command: python launch/run.py configs/slade_branson/clock_digits.py
The paper's agent; with a clock in the state; with transitions replayed uniformly instead of by the
third power of their error; with both; and with both and a policy that chooses among 30 points drawn
in each round, as training does.
Data and protocol: as digits.py, ten trainings of each and ten runs with each policy.
Took 27 min on two CPU cores that had as much other work beside it, of which compilation 9 min.
Found (AUBC, final accuracy; 95 % intervals over the trainings): margin .688 +- .011, .779 +- .011;
clock_uniform_drawn .684 +- .004, .777 +- .010; clock_uniform .668 +- .006, .759 +- .011; paper .649
+- .009, .748 +- .010; random .645 +- .014, .714 +- .017; clock .631 +- .017, .677 +- .047; uniform
.624 +- .012, .649 +- .026.
So neither alone helps (whether the paper's agent is above random takes more than ten trainings),
and both together give 2.3 points above random (+- 1.2), to which drawn candidates add 1.6. With
uniform replay but no clock values fit best what the agent is asked for, and the return falls to
half of random's: it is asked for gains for which there is no time.
"""

import dataclasses

from jal.experiment import Data, Experiment, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    paper = SladeBranson(epochs=60, candidates=30, exploration=1.0, window=0)
    cells = {
        "paper": paper,
        "clock": dataclasses.replace(paper, clock=True),
        "uniform": dataclasses.replace(paper, exponent=0.0),
        "clock_uniform": dataclasses.replace(paper, clock=True, exponent=0.0),
    }
    drawn = {
        f"{name}_drawn": dataclasses.replace(agent, policy_candidates=30)
        for name, agent in cells.items()
    }
    agents = cells | drawn | {"paper_all": dataclasses.replace(paper, candidates=None)}
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
