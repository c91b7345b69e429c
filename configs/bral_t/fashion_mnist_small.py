"""BRAL-T, its rivals and the ladder to its oracle, on Fashion-MNIST with a small CNN.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/bral_t/fashion_mnist_small.py
Protocol: 400 random labels, then four rounds of 200, batches that are half of what is labelled at
the start, as the paper's 250 and 500; 10 seeds, two on each of five splits, whose pools are 5,000
images drawn anew; a small CNN, trained anew in each round. BRAL-T's options are the paper's. Ours:
data of a twelfth, the network, sets of 64 points in distances, since batches are large.
Took 38 min on two CPU cores that had other work beside it, of which compilation 107 s.
Found (AUBC less random's .803, in points, with 95 % intervals over the splits): margin +1.61 +-
.30, pseudo_score +1.41 +- .39, badge +1.26 +- .35, bral_t +.12 +- .47, clusters_oracle +.07 +- .22,
gradnd_oracle -.17 +- .42, random_clusters -.80 +- .65. So whole sub-clusters cost .8 points, and
the learned order wins them back (bral_t less random_clusters +.92 +- .36), as the true rewards do
(clusters_oracle less bral_t -.05 +- .51). More is not to be had: the pool's own TrustSet, which is
what should be bought, is itself no better than random here.
"""

from _small import ladder

from jal.experiment import CNN, Data, Experiment, Protocol, Random


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_fashion_mnist_small",
        data=Data("tfds:fashion_mnist", train_share=1 / 12),
        learners={
            "cnn": CNN(
                channels=(8, 16),
                epochs=20,
                batch_size=64,
                learning_rate=0.02,
                weight_decay=5e-4,
                schedule="cosine",
                normalise="none",
            )
        },
        queries=(
            *ladder(members_of_set=64),
            "pseudo_score",
            "margin",
            "badge",
        ),
        protocol=Protocol(seeds=10, splits=5, rounds=4, batch=200, start=Random(labels=400)),
    )
