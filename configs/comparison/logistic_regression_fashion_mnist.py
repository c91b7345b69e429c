"""The comparison's shallow model on images: logistic regression on Fashion-MNIST.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/comparison/logistic_regression_fashion_mnist.py
Data and batches: as cnn_fashion_mnist.py has them (_fashion_mnist.py): images of 14 x 14, pools of
6,000; starts of ten labels, 15 % and 80 %, then 600 labels in 15, 10 and 5 rounds; 20 seeds, each
on a pool and a test set of its own.
Learners: C = .01 is the draft's; C = 1 is scikit-learn's default; c_cv chooses .01, .1 or 1 in each
round by 5-fold cross-validation on what is labelled, from few labels alone: it is 16 fits for one.
Took 22 min on two CPU cores that had some tests beside it, of which compilation 1. What came out:
docs/pages/comparison.md.
"""

from _fashion_mnist import fashion_mnist

from jal.experiment import Experiment, LogisticRegression


def get_config() -> list[Experiment]:
    """Three starts."""

    def learners(place: int) -> dict[str, LogisticRegression]:
        made = {"c_0.01": LogisticRegression(C=0.01), "c_1": LogisticRegression(C=1.0)}
        if place == 0:
            made["c_cv"] = LogisticRegression(C_grid=(0.01, 0.1, 1.0))
        return made

    return fashion_mnist("logistic_regression", learners, seeds=20)
