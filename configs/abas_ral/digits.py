"""ABAS-RAL on scikit-learn's digits with the classifier that training ended with: as Tables 1, 2.

Command: python launch/run.py configs/abas_ral/digits.py
Data and protocol: as digits_scratch.py, but the classifier is a small network that goes on from its
weights in each round, as the paper's does, and the target is the whole precision of warm start.
Took 33 min on two CPU cores that had as much other work beside it, of which compilation 70 s.
Found (budget at the target, % of the pool; less abas_ral's, 95 % intervals over the trainings):
abas_ral 10.75; alfa_mix 11.56, +.80 +- .40; margin 11.64, +.89 +- .21; least_confidence 12.19,
+1.44 +- .35; entropy 12.67, +1.92 +- .55; random 19.01, +8.26 +- 2.00. Cohen's d .7 to 1.5.
So ABAS-RAL needs the least, but all of its 16,176 batches are of one point, the smallest margin,
and its rivals here buy three at a time: that is margin sampling by another batch size, as in
digits_scratch.py, which has rivals of one point too.
"""

from jal.experiment import (
    MLP,
    AbasRal,
    Data,
    Execution,
    Experiment,
    Learned,
    Parts,
    Protocol,
    Random,
    Training,
)


def get_config() -> list[Training | Experiment]:
    """The training and the experiment."""
    data = Data(source="sklearn:digits", test_size=397, parts=Parts())
    mlp = MLP(
        hidden=(32,),
        epochs=10,
        batch_size=64,
        learning_rate=0.01,
        weight_decay=0.0,
        normalise="none",
        warm_start=True,
    )
    training = Training(AbasRal(), name="abas_ral", data=data, learner=mlp, seeds=32)
    experiment = Experiment(
        name="abas_ral_digits",
        data=data,
        learners={"mlp": mlp},
        queries=(
            Learned("abas_ral"),
            "random",
            "entropy",
            "least_confidence",
            "margin",
            "alfa_mix",
        ),
        protocol=Protocol(
            seeds=1600,
            rounds=86,
            batch=3,
            start=Random(labels=20),
            classifier="agents",
            metrics=("accuracy", "precision", "recall", "f1"),
        ),
        execution=Execution(segment=29),
    )
    return [training, experiment]
