"""The comparison's shallow model made small: logistic regression on scikit-learn's digits.

Command: python launch/run.py configs/comparison/logistic_regression_digits.py
Data: 1,797 real 8x8 images; each seed draws 1,000 for its pool, and measures on the others.
Protocol: starts of ten labels, 15 % and 80 % of the pool; then 30 rounds of 5 labels; 20 seeds,
each on a split of its own. C = .01 is the draft's; C = 1, scikit-learn's default, is ours: .01 is
little for as few points as there are here. c_cv chooses .01, .1, 1 or 10 in each round by 5-fold
cross-validation on what is labelled.
Took 14 minutes on two CPU cores with other work beside it; without c_cv 176 s.
Found: docs/pages/comparison.md.
"""

from _scenarios import scenarios

from jal.experiment import Data, Experiment, LogisticRegression, Protocol


def get_config() -> list[Experiment]:
    """Three starts."""
    data = Data("sklearn:digits", split="per_seed")
    learners = {
        "c_0.01": LogisticRegression(C=0.01),
        "c_1": LogisticRegression(C=1.0),
        "c_cv": LogisticRegression(C_grid=(0.01, 0.1, 1.0, 10.0)),
    }
    return scenarios(
        "comparison_logistic_regression_digits",
        data,
        learners,
        Protocol(seeds=20, rounds=30, batch=5),
    )
