"""The comparison's shallow model: logistic regression on MNIST, its settings.

Command: python launch/run.py configs/comparison/logistic_regression_mnist.py
Data: 60,000 training images of which a pool of four fifths is left, as in the draft, which has the
rest for choosing C; 10,000 test images. `launch/prepare_data.py mnist`.
Protocol: starts of ten labels, 15 % and 80 %; then 250 rounds of 5 labels; C = .01.
Not run: MNIST is not to be had here; logistic_regression_digits.py is the same made small.
"""

from _scenarios import scenarios

from jal.experiment import Data, Experiment, LogisticRegression, Protocol


def get_config() -> list[Experiment]:
    """Three starts."""
    data = Data("tfds:mnist", train_share=0.8)
    learners = {"logistic_regression": LogisticRegression(C=0.01)}
    return scenarios(
        "comparison_logistic_regression_mnist",
        data,
        learners,
        Protocol(seeds=20, rounds=250, batch=5),
    )
