from jal.experiment import MLP, Balanced, Data, Experiment, Protocol, Query, Random


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_digits",
        data=Data(source="sklearn:digits"),
        learners={"mlp": MLP(hidden=(128,), normalise="none")},
        queries=(
            "random",
            "bral_t",
            Query("bral_t", name="bral_gauss", distance="gaussian"),
            Query("bral_t", name="bral_random", ranking="random"),
            Query("bral_t", name="bral_margin", ranking="margin"),
            Query("gradnd_oracle", name="oracle_points"),
            Query("gradnd_oracle", name="oracle_clusters", ranking="clusters"),
            "pseudo_score", "margin", "badge",
        ),
        protocol=Protocol(seeds=2, rounds=8, batch=20, start=Random(labels=100)),
    )
