"""Every registered query strategy on scikit-learn's handwritten digits, with one small network.

Command: python launch/run.py configs/comparison/strategies_digits.py
Data: 1,797 real 8x8 images bundled with scikit-learn; 1,000 form the pool, 797 the test set.
Protocol: two labels per class at the start, then 10 rounds of 20; 16 seeds. The MLP has dropout,
which some strategies sample networks from, and is trained anew in each round. All options are the
papers' but one: vaal trains for 100 steps in a query, not 500, or it alone would take most of the
time.
NOT YET MEASURED: wall time, compilation and the expected result.
"""

from jal.experiment import MLP, Data, Experiment
from jal.strategies import registry


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="strategies_digits",
        data=Data(source="sklearn:digits", test_size=797),
        learners={"mlp": MLP(hidden=(128,), dropout=0.2)},
        strategies=tuple(registry),
        options={"vaal": {"steps": 100}},
        seeds=16,
        rounds=10,
        batch=20,
        initial=2,
    )
