"""The comparison's deep model made small: a CNN on Fashion-MNIST.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/comparison/cnn_fashion_mnist.py
Data and batches: as logistic_regression_fashion_mnist.py has them (_fashion_mnist.py): images of
14 x 14, pools of 6,000; starts of ten labels, 15 % and 80 %, then 600 labels in 15, 10 and 5
rounds; 5 seeds, the first of that one's 20, each on a pool and a test set of its own.
Network: the draft's layers, narrow, with less dropout; weights go on from round to round. Each
round trains for 20, 8 and 6 epochs, fewer the more labels there are at the start.
Took 31 min on two CPU cores that had the test suite beside it, of which compilation 73 s. What came
out: docs/pages/comparison.md.
"""

from _fashion_mnist import fashion_mnist

from jal.experiment import CNN, Experiment

EPOCHS = (20, 8, 6)  # of the starts of one label per class, 15 % and 80 %


def get_config() -> list[Experiment]:
    """Three starts."""

    def learners(place: int) -> dict[str, CNN]:
        cnn = CNN(
            channels=(8, 16),
            hidden=(64, 32),
            epochs=EPOCHS[place],
            batch_size=64,
            optimizer="adam",
            learning_rate=3e-3,
            weight_decay=0.0,
            dropout=0.1,
            normalise="none",
            warm_start=True,
        )
        return {"cnn": cnn}

    return fashion_mnist("cnn", learners, seeds=5)
