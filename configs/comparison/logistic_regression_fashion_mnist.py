"""The comparison's shallow model on images: logistic regression on Fashion-MNIST.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/comparison/logistic_regression_fashion_mnist.py
Data and batches: as cnn_fashion_mnist.py has them (_fashion_mnist.py): images of 14 x 14, pools of
6,000; starts of ten labels, 15 % and 80 %, then 600 labels in 15, 10 and 5 rounds; 20 seeds, each
on a pool and a test set of its own. C = .01 is the draft's; C = 1 is scikit-learn's default.
Not run yet.
"""

from _fashion_mnist import fashion_mnist

from jal.experiment import Experiment, LogisticRegression


def get_config() -> list[Experiment]:
    """Three starts."""
    learners = {"c_0.01": LogisticRegression(C=0.01), "c_1": LogisticRegression(C=1.0)}
    return fashion_mnist("logistic_regression", lambda place: learners, seeds=20)
