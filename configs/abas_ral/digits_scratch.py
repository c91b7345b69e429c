"""draft"""

from jal.experiment import AbasRal, Data, Experiment, LogisticRegression


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_digits_scratch",
        data=Data(source="sklearn:digits", test_size=397),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={"abas_ral": AbasRal()},
        strategies=("abas_ral", "random", "entropy"),
        metrics=("accuracy", "precision", "recall", "f1"),
        trainings=2,
        seeds=4,
        rounds=60,
        batch=3,
        start="random",
        initial=20,
        target=0.85,
    )
