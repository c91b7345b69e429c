"""BRAL-T on scikit-learn's digits, its rivals, and a ladder from random sampling to its oracle.

Command: python launch/run.py configs/bral_t/digits.py
Protocol: 100 random labels, then eight rounds of 20; 32 seeds, four on each of eight splits of the
data into a pool of 1,000 and 797 test images; a network of one layer, trained anew in each round.
BRAL-T's options are the paper's. Ours: the data and the network, a fifth of a pair's points as L',
Sinkhorn's distance between at most 32 points of each set, inputs and rewards standardised.
Took 33 min on two CPU cores that had other work beside it, of which compilation 281 s; that was
before sub-clusters were found from 160 points each, the random draws were others, and a query of
bral_t took 3.6 s.
Found (AUBC less random's .921, in points, with 95 % intervals over the splits): pseudo_score
+2.62 +- .56, margin +2.54 +- .55, gradnd_oracle +2.39 +- .30, badge +2.38 +- .47, margin_clusters
+1.28 +- .32, clusters_oracle +.81 +- .30, bral_t_gaussian +.37 +- .29, random_clusters +.08 +- .17,
bral_t +.05 +- .31.
So here BRAL-T is random sampling, its learned order no better than none (bral_t less
random_clusters -.03 +- .32). The true rewards would give +.76 +- .30 more, and the TrustSet's own
points, of which sub-clusters hold many others, +1.58 +- .21 beyond that. The least margin is a
better order of the same sub-clusters than the true rewards (+.48 +- .20).
"""

from _small import NETWORK, PROTOCOL, ladder

from jal.experiment import Data, Experiment, Query


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_digits",
        data=Data(source="sklearn:digits"),
        learners={"mlp": NETWORK},
        queries=(
            *ladder(),
            Query("bral_t", name="bral_t_gaussian", distance="gaussian"),
            Query("bral_t", name="margin_clusters", ranking="margin"),
            "pseudo_score",
            "margin",
            "badge",
        ),
        protocol=PROTOCOL,
    )
