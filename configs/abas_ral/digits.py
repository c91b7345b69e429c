"""ABAS-RAL on scikit-learn's digits with the classifier that training ended with: as Tables 1, 2.

Command: python launch/run.py configs/abas_ral/digits.py
Data and protocol: as digits_scratch.py, but the classifier is a small network that goes on from its
weights in each round, as the paper's does, and the target is the whole precision of warm start.
Not yet measured.
"""

from jal.experiment import MLP, AbasRal, Data, Experiment


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_digits",
        data=Data(source="sklearn:digits", test_size=397),
        learners={
            "mlp": MLP(
                hidden=(32,),
                epochs=10,
                batch_size=64,
                learning_rate=0.01,
                weight_decay=0.0,
                warm_start=True,
            )
        },
        agents={"abas_ral": AbasRal()},
        strategies=("abas_ral", "random", "entropy", "least_confidence", "margin", "alfa_mix"),
        metrics=("accuracy", "precision", "recall", "f1"),
        classifier="pretrained",
        trainings=32,
        seeds=1600,
        rounds=86,
        batch=3,
        start="random",
        initial=20,
        segment=29,
    )
