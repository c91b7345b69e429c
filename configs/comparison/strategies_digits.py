"""The registered query strategies, but BRAL-T's, on scikit-learn's digits, with one small network.

Command: python launch/run.py configs/comparison/strategies_digits.py
Data: 1,797 real 8x8 images bundled with scikit-learn; 1,000 form the pool, 797 the test set.
Protocol: two labels per class at the start, then 10 rounds of 20; 16 seeds. The MLP has dropout,
which some strategies sample networks from, and is trained anew in each round. All options are the
defaults but one: vaal trains for 100 steps in a query, not 500, or it alone would take most of the
time.
Time: 15 min 41 s on two CPU cores, of which compilation 78 s. Three of the 36 take most of it:
vaal 6.3 minutes, waal 3.6, bait 1.8; the others 3 to 14 s each for their 160 queries.
Result (AUBC, 95 % intervals of 16 seeds): bait .933 +- .002, alfa_mix_optimised .930 +- .003,
alfa_mix .927 +- .003, k_center .924 +- .003, margin .921 +- .004, badge .919 +- .004, entropy .906
+- .006, random .882 +- .006. After 220 labels .976 of bait and least_confidence, random .936.
Six stay below random. SIMILAR's four (.769 to .857) seek what resembles labelled points of the
rarer classes, and here no class is rare. loss_prediction (.845) learns its ranking from 20 to 220
losses. committee_kl (.831) begins with bootstrap samples that lack classes, and buys the same class
again and again: begun with ten labels per class it passes random (.968 against .947 with 300, eight
seeds).
"""

from jal.experiment import MLP, Balanced, Data, Experiment, Protocol, Query
from jal.strategies import registry

# Of other budgets, and with experiments of their own (configs/bral_t).
OTHERS = {"random_size", "bral_t", "pseudo_score", "gradnd_oracle"}


def get_config() -> Experiment:
    """The experiment."""
    names = [name for name in registry if name not in OTHERS]
    return Experiment(
        name="strategies_digits",
        data=Data(source="sklearn:digits"),
        learners={"mlp": MLP(hidden=(128,), dropout=0.2, normalise="none")},
        queries=tuple(Query("vaal", steps=100) if name == "vaal" else name for name in names),
        protocol=Protocol(seeds=16, rounds=10, batch=20, start=Balanced(2)),
    )
