"""ABAS-RAL on 5,000 images of Fashion-MNIST, 64 principal components, classifiers from scratch.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/abas_ral/fashion_mnist.py
Data: 5,000 training images, class by class, in four parts: 500 state set, 500 warm start, 3,000
training, 1,000 evaluation; the 10,000 test images are the hold-out of rewards and measurements.
Protocol: 32 trainings at the paper's settings (50 epochs x 5 episodes, 128 warm-start episodes),
then 50 runs with each: 20 random labels, rivals with batches of 1 % of the pool, or single labels
(_1), until .85 of the precision that warm start found, or 100 batches (rivals: 100 labels more).
Classifier: logistic regression.
Took 80 min for the second agent's training and all runs, on two CPU cores that had as much other
work beside it.
Found (budget at the target, % of the pool; less abas_ral's, 95 % intervals over the trainings):
margin_1 4.02, -.43 +- .61; alfa_mix 4.13, -.32 +- .60; abas_ral 4.45; margin 4.75, +.31 +- .61;
random 5.14, +.69 +- .61; least_confidence 5.78, +1.33 +- .57; entropy 6.31, +1.86 +- .63;
abas_ral_scaled 10.40, +5.95 +- 1.39.
So ABAS-RAL needs less than random, entropy and uncertainty; margin and ALFA-Mix it equals, as far
as can be told. Of 1,600 runs each, 34 of entropy, 25 of least_confidence and at most 5 of any other
miss the target, and count with their last round's budget. Each training is one of two: 30 of 32
label one point at a time (3.6 to 4.3 %), two the most that are allowed (10.0 and 11.6 %). Of
abas_ral_scaled, 25 of 32 label the most. Training episodes end at the best precision of warm start;
abas_ral's last ones label 14 % of their pool for it and return -52.2, abas_ral_scaled's 18 % and
-53.4: the reward hardly tells small batches from large ones. That is not for want of steps: no
epoch's episodes have more than 46 on average, of 200 that are allowed, since one action in ten or
more is random and large.
"""

from jal.experiment import (
    AbasRal,
    Data,
    Execution,
    Experiment,
    Features,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Query,
    Random,
    Shown,
    Training,
)

AGENTS = {
    "abas_ral": AbasRal(),
    "abas_ral_scaled": AbasRal(action_scale="cap", hidden=(32, 32)),
}


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    data = Data(
        source="tfds:fashion_mnist",
        train_share=1 / 12,
        features=Features("pca", components=64),
        parts=Parts(),
    )
    learner = LogisticRegression(tol=1e-4)
    trainings = [
        Training(agent, name=name, data=data, learner=learner, seeds=32)
        for name, agent in AGENTS.items()
    ]
    experiment = Experiment(
        name="abas_ral_fashion_mnist",
        data=data,
        learners={"logistic_regression": learner},
        queries=(
            *map(Learned, AGENTS),
            "random",
            "entropy",
            "least_confidence",
            "margin",
            Query("margin", name="margin_1", batch=1),
            "alfa_mix",
        ),
        protocol=Protocol(
            seeds=1600,
            rounds=100,
            batch=10,
            budget=100,
            start=Random(labels=20),
            metrics=("accuracy", "precision", "recall", "f1"),
        ),
        execution=Execution(segment=34),
        shown=Shown(target=0.85),
    )
    return [*trainings, experiment]
