"""Four query strategies on Fashion-MNIST with a small CNN, from 200 labels to 2,000.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/fashion_mnist.py
Data: the pool is all 60,000 training images, from Debian's package dataset-fashion-mnist.
Protocol: 200 random labels, then 10 rounds of 180; the CNN is trained anew in each; 6 seeds.
Took 29 min on two CPU cores that had other work beside it, of which compilation 6 s.
Expected: margin and badge end at .871 and .872, random at .850. k_center ends below random, at
.825: a quarter each of what it buys are bags and sandals, which lie far apart in feature space,
while the errors are among shirts, coats and pullovers. fashion_mnist.png shows the curves.
"""

from jal.experiment import CNN, Data, Execution, Experiment, Protocol, Random


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="fashion_mnist",
        data=Data(source="tfds:fashion_mnist"),
        learners={
            "cnn": CNN(
                channels=(16, 32),
                epochs=20,
                batch_size=64,
                learning_rate=0.02,
                weight_decay=5e-4,
                schedule="cosine",
                normalise="none",
            )
        },
        queries=("random", "margin", "k_center", "badge"),
        protocol=Protocol(seeds=6, rounds=10, batch=180, start=Random(labels=200)),
        execution=Execution(segment=2),
    )
