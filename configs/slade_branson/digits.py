"""draft"""

from jal.experiment import Data, Experiment, LalRl, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={
            "slade_branson": SladeBranson(epochs=30, candidates=30),
            "lal_rl": LalRl(mode="fixed_horizon", horizon=20, epochs=30, candidates=30),
        },
        strategies=(
            "slade_branson",
            "lal_rl",
            "random",
            "margin",
            "entropy",
            "least_confidence",
            "average_confidence",
        ),
        trainings=32,
        seeds=1600,
        rounds=20,
        batch=1,
    )
