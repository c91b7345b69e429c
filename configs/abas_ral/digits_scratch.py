"""draft"""

from jal.experiment import AbasRal, Data, Experiment, LogisticRegression


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_digits_scratch",
        data=Data(source="sklearn:digits", test_size=397),
        learners={
            "logistic_regression": LogisticRegression(tol=1e-4),
        },
        agents={
            "abas_ral": AbasRal(),
            "abas_ral_scaled": AbasRal(action_scale="cap", hidden=(32, 32)),
        },
        strategies=(
            "abas_ral",
            "abas_ral_scaled",
            "random",
            "entropy",
            "least_confidence",
            "alfa_mix",
        ),
        metrics=("accuracy", "precision", "recall", "f1"),
        trainings=32,
        seeds=1600,
        rounds=86,
        batch=3,
        start="random",
        initial=20,
        target=0.85,
        segment=29,
    )
