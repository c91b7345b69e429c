"""What every registered strategy must do."""

import functools
import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jal import select, strategies
from jal.testing import check_strategy, linear_round
from jal.types import InputError, Labels, Round

NAMES = sorted(strategies.registry)
BY_SCORE = {"least_confidence", "margin", "decision_margin", "entropy", "alamp"}
OTHERS = {"k_center", "alamp_div", "margin_div", "bait", "flqmi", "gcmi", "logdetmi"}
OTHERS |= {"pseudo_score", "gradnd_oracle"}
BY_AUXILIARY = {"loss_prediction", "waal"}
DETERMINISTIC = BY_SCORE | OTHERS | BY_AUXILIARY
RANDOM_IN_LARGE_POOLS = {"fl1mi", "cluster_margin"}  # beyond their samples, or in few clusters
# What trains or optimises does so longer in its own tests.
FEWER_STEPS = {
    "vaal": {"steps": 5, "hidden": (16,), "discriminator": (16,), "batch_size": 16},
    "active_ft": {"iterations": 20, "learning_rate": 0.1},
    "bral_t": {"samples": 2, "steps": 3, "hidden": (8,), "batch_size": 8, "actions": 2},
}
N, LEFT = 60, 48


def make_round() -> Round:
    return linear_round(jax.random.key(0))


@functools.cache
def compiled(name: str, k: int):
    strategy = strategies.registry[name](**FEWER_STEPS.get(name, {}))
    return jax.jit(lambda key, r: strategy.select(key, strategy.init(key, r.x), r, k)[0])


def picks_of(name: str, round_: Round, k: int = 7, key=None):
    return compiled(name, k)(jax.random.key(7) if key is None else key, round_)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "bral_t" else ()) for name in NAMES],
)
def test_contract(name):
    check_strategy(lambda: strategies.registry[name](**FEWER_STEPS.get(name, {})))


COLD = {"active_ft", "k_center", "kmeans", "prob_cover", "random", "random_size", "typi_clust"}


def test_who_can_choose_the_first_labels():
    """The contract tries them with nothing labelled."""
    assert {name for name in NAMES if strategies.registry[name]().cold_start} == COLD
    assert {name for name in NAMES if strategies.registry[name].cold_start} == COLD
    random, margin = strategies.registry["random"](), strategies.registry["margin"]()
    assert strategies.one_of([random, random], jnp.int32(0)).cold_start
    assert not strategies.one_of([random, margin], jnp.int32(0)).cold_start


@pytest.mark.parametrize("name", sorted(COLD))
def test_all_points_from_nothing_labelled(name):
    round_ = linear_round(jax.random.key(0), labelled=0)
    assert sorted(picks_of(name, round_, N).tolist()) == list(range(N))


@pytest.mark.parametrize("name", NAMES)
def test_one_pick(name):
    """The first of many, where nothing is random."""
    round_ = make_round()
    (pick,) = np.asarray(picks_of(name, round_, 1))
    assert not round_.labelled[pick]
    if name in DETERMINISTIC:
        assert pick == picks_of(name, round_)[0]


@pytest.mark.parametrize("name", NAMES)
def test_deterministic_in_the_key(name):
    round_ = make_round()
    np.testing.assert_array_equal(picks_of(name, round_), picks_of(name, round_))
    others = [picks_of(name, round_, key=jax.random.key(i)) for i in range(5)]
    same = all((np.asarray(o) == np.asarray(others[0])).all() for o in others)
    if name not in RANDOM_IN_LARGE_POOLS:
        assert same == (name in DETERMINISTIC)


@pytest.mark.parametrize("name", sorted(BY_SCORE | {"random", "average_confidence"}))
def test_order_of_preference(name):
    """The first picks do not depend on how many are asked for."""
    round_ = make_round()
    every = picks_of(name, round_, LEFT)
    np.testing.assert_array_equal(every[:7], picks_of(name, round_))


@pytest.mark.parametrize("name", sorted(DETERMINISTIC | {"galaxy"}))
def test_permutation_equivariant(name):
    round_ = make_round()
    to = jax.random.permutation(jax.random.key(3), N)  # new position -> old index
    where = jnp.argsort(to)
    moved = round_._replace(
        x=round_.x[to],
        y=round_.y[to],
        labels=Labels(where[round_.labels.order].astype(jnp.int32), round_.labels.n),
        labelled=round_.labelled[to],
        logits=round_.logits[to],
        features=round_.features[to],
        auxiliary=round_.auxiliary[to],
        truth=round_.truth[to],
    )
    np.testing.assert_array_equal(to[picks_of(name, moved)], picks_of(name, round_))


@pytest.mark.parametrize("name", sorted(DETERMINISTIC))
def test_the_classes_numbers_do_not_matter(name):
    """GALAXY's order of the classes is drawn by the key: see its own test."""
    round_ = make_round()
    to = jnp.array([3, 0, 4, 1, 2])  # new number -> old
    weights, where = round_.variables[:, to], jnp.argsort(to)
    y = jnp.where(round_.labelled, where[round_.y], -1)
    other = round_._replace(
        variables=weights,
        logits=round_.logits[:, to],
        y=y,
        truth=where[round_.truth],
        head=Partial(lambda weights, x: x @ weights, weights),
    )
    np.testing.assert_array_equal(picks_of(name, other), picks_of(name, round_))


@pytest.mark.parametrize("name", sorted(BY_SCORE))
def test_picks_what_its_score_ranks_first(name):
    round_ = make_round()
    p = np.asarray(jax.nn.softmax(round_.logits), np.float64)
    top = np.sort(p, axis=1)
    score = {
        "least_confidence": 1 - top[:, -1],
        "margin": top[:, -2] - top[:, -1],
        "alamp": top[:, -2] - top[:, -1],  # the margin, in the first round
        "decision_margin": -np.diff(np.sort(round_.logits, axis=1)[:, -2:])[:, 0],
        "entropy": -(p * np.log(p)).sum(axis=1),
    }[name]
    score[np.asarray(round_.labelled)] = -np.inf
    np.testing.assert_array_equal(picks_of(name, round_), np.argsort(-score)[:7])


@pytest.mark.parametrize("classes", [5, 64])  # 1e5 / 64 ends in .5
def test_average_confidence_of_a_softmax_is_random_sampling(classes):
    """Every unlabelled point is picked equally often: rounding decides nothing."""
    round_ = make_round()
    logits = 2.0 * jax.random.normal(jax.random.key(1), (N, classes))
    round_ = round_._replace(logits=logits)
    keys = jax.random.split(jax.random.key(0), 4000)
    picks = jax.vmap(lambda key: picks_of("average_confidence", round_, 6, key))(keys)
    counts = np.bincount(np.asarray(picks).ravel(), minlength=N)[~np.asarray(round_.labelled)]
    expected = 4000 * 6 / LEFT
    # Drawn without replacement: a little less than chi-square's LEFT - 1 = 47 degrees.
    assert ((counts - expected) ** 2 / expected).sum() < 80
    # And independently of random's, in place of the very same.
    assert not np.array_equal(picks[0], picks_of("random", round_, 6, keys[0]))


PAPERS = {
    "query_by_committee": {"disagreement": "vote_entropy"},
    "typi_clust": {"max_clusters": 500, "neighbours": 20, "min_size": 5},
    "prob_cover": {"delta": None, "alpha": 0.95},
    "cluster_margin": {"ratio": 1.25, "clusters": None},
    "active_ft": {
        "temperature": 0.07, "iterations": 300, "learning_rate": 1e-3, "diversity": 1.0,
        "objective": "published", "minibatch": None,
    },
    "bait": {"ridge": 1.0, "oversample": 2.0},
    "alfa_mix": {"cap_step": 0.2},
    "alfa_mix_optimised": {
        "cap_step": 0.03125, "steps": 5, "learning_rate": 0.1, "penalty": 0.01,
    },
    "saal": {"rho": 0.05, "sample": 2000, "maximum": False},
    "stream_fixed": {"threshold": 0.4, "score": "least_confidence"},
    "stream_adaptive": {"s": 0.01, "score": "least_confidence"},
    "flqmi": {"eta": 1.0},
    "fl1mi": {"eta": 1.0},
    "logdetmi": {"eta": 1.0, "ridge": 1.0},
    "alamp": {"margin": "probability"},
    "alamp_div": {"margin": "probability"},
    "margin_div": {"margin": "probability"},
    "loss_prediction": {
        "width": 128, "margin": 1.0, "weight": 1.0, "detach_epoch": 120, "subset": 10_000,
    },
    "waal": {"alpha": 2e-3, "penalty": 2.0, "selection": 10.0, "sigmoid": True},
    "vaal": {
        "latent": 32, "discriminator": (512,) * 4, "batch_size": 128, "learning_rate": 5e-4,
        "beta": 1.0, "adversary": 1.0,
    },
    "bral_t": {
        "retrain": None, "samples": 30, "steps": 20, "batch_size": 100, "learning_rate": 0.01,
        "hidden": (512, 512), "curriculum": True, "lambda_": 1.0, "trust": "best",
        "use_labelled_cluster": True, "clusters": None, "actions": 5, "ranking": "learned",
    },
    "pseudo_score": {"curriculum": True, "lambda_": 1.0},
    "gradnd_oracle": {
        "ranking": "points", "curriculum": True, "lambda_": 1.0, "clusters": None, "actions": 5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_defaults_are_the_papers(name):
    parameters = inspect.signature(strategies.registry[name].make).parameters
    assert {option: parameters[option].default for option in PAPERS[name]} == PAPERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_default_says_where_it_comes_from(name):
    """The paper or the code just of the values that are pinned above; ours with a reason."""
    member = strategies.registry[name]
    assert set(member.defaults) == set(inspect.signature(member.make).parameters)
    for option, words in member.defaults.items():
        kind, _, reason = words.partition(": ")
        assert kind in ("paper", "code", "ours"), words
        assert reason or kind != "ours", option
        assert (option in PAPERS.get(name, {})) == (kind != "ours"), option


SELECTORS = {
    name: getattr(select, name.removesuffix("_optimised"))
    for name in NAMES
    if hasattr(select, name.removesuffix("_optimised"))
}


OF_ITS_OWN = {"alfa_mix_optimised": {"cap_step"}}  # the selector's is the closed form's


@pytest.mark.parametrize("name", SELECTORS)
def test_defaults_are_the_selectors(name):
    """Where a strategy and the selector of its name share an option."""
    ours = inspect.signature(strategies.registry[name].make).parameters
    theirs = inspect.signature(SELECTORS[name]).parameters
    for option in ours.keys() & theirs.keys() - OF_ITS_OWN.get(name, set()):
        if theirs[option].default is not inspect.Parameter.empty:
            assert ours[option].default == theirs[option].default, option


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained(name):
    make = strategies.registry[name].make
    text = inspect.getdoc(make)
    assert text and make.__name__ == name
    for option in inspect.signature(make).parameters:
        assert re.search(rf"^  {option}: \S", text, re.MULTILINE), option


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_are_fields_of_the_round(name):
    reads = strategies.registry[name].reads
    assert set(reads) <= set(Round._fields) - {"labelled"} and len(set(reads)) == len(reads)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("active_ft", {"temperature": 0.0}),
        ("active_ft", {"learning_rate": 0.0}),
        ("active_ft", {"iterations": -1}),
        ("active_ft", {"diversity": -0.5}),
        ("active_ft", {"minibatch": 0}),
        ("active_ft", {"objective": "printed"}),
        ("alfa_mix", {"cap_step": 0.0}),
        ("alfa_mix_optimised", {"cap_step": 1.5}),
        ("alfa_mix_optimised", {"learning_rate": 0.0}),
        ("alfa_mix_optimised", {"penalty": -1.0}),
        ("alfa_mix_optimised", {"steps": 0}),
        ("bait", {"max_classes": 0}),
        ("bait", {"max_features": 0}),
        ("bait", {"oversample": 0.5}),
        ("bait", {"ridge": 0.0}),
        ("bait", {"weights": "paper"}),
        ("batch_bald", {"cap": 0}),
        ("batch_bald", {"chunk": 0}),
        ("batch_bald", {"configurations": 0}),
        ("cluster_margin", {"clusters": 0}),
        ("cluster_margin", {"ratio": 0.5}),
        ("cluster_margin", {"sample": 0}),
        ("fl1mi", {"eta": -1.0}),
        ("fl1mi", {"max_queries": 0}),
        ("fl1mi", {"sample": 0}),
        ("flqmi", {"eta": -1.0}),
        ("flqmi", {"max_queries": 0}),
        ("gcmi", {"max_queries": 0}),
        ("logdetmi", {"eta": -0.5}),
        ("logdetmi", {"eta": 1.5}),
        ("logdetmi", {"max_queries": 0}),
        ("logdetmi", {"ridge": 0.0}),
        ("prob_cover", {"alpha": 0.0}),
        ("prob_cover", {"delta": -0.1}),
        ("prob_cover", {"deltas": (-0.1,)}),
        ("prob_cover", {"purity_sample": 0}),
        ("saal", {"chunk": 0}),
        ("saal", {"rho": -0.1}),
        ("saal", {"sample": 0}),
        ("stream_adaptive", {"s": 1.0}),
        ("stream_adaptive", {"threshold": 0.0}),
        ("stream_fixed", {"threshold": 0.0}),
        ("typi_clust", {"max_clusters": 0}),
        ("typi_clust", {"min_size": -1}),
        ("typi_clust", {"neighbours": 0}),
        ("typi_clust", {"sample": 0}),
    ],
    ids=str,
)
def test_bad_options_are_refused_when_it_is_made(name, options):
    ((option, value),) = options.items()
    value = value[0] if isinstance(value, tuple) else value
    with pytest.raises(InputError) as caught:
        strategies.registry[name](**options)
    message = str(caught.value)
    assert message.startswith(f"{name} takes {option} as "), message
    assert message.endswith(f", got {value!r}.") and ". " not in message, message


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_it_has_not(name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        strategies.registry[name](nothing=1)


def test_one_of_runs_the_chosen_one():
    names = ["random", "margin", "k_center", "alamp_div", "bald", "query_by_committee"]
    members = [strategies.registry[name]() for name in names]
    round_, key = make_round(), jax.random.key(7)

    @jax.jit
    def select(index):
        strategy = strategies.one_of(members, index)
        return strategy.select(key, strategy.init(key, round_.x), round_, 7)[0]

    for i, name in enumerate(names):
        np.testing.assert_array_equal(select(i), picks_of(name, round_), err_msg=name)
    assert select._cache_size() == 1


def counter(step: int):
    return strategies.stateless(strategies.registry["margin"]().select)._replace(
        init=lambda key, x: jnp.int32(0),
        select=lambda key, state, round, k_max: (
            jnp.arange(k_max, dtype=jnp.int32),
            state + step,
        ),
    )


def test_one_of_keeps_the_states_of_the_others():
    strategy = strategies.one_of([counter(1), counter(10)], jnp.int32(1))
    round_, key = make_round(), jax.random.key(0)
    state = strategy.init(key, round_.x)
    for _ in range(3):
        _, state = strategy.select(key, state, round_, 2)
    assert [int(s) for s in state] == [0, 30]


def test_one_of_refuses_own_batch_sizes():
    own = counter(1)._replace(batch_size=lambda key, state, round: jnp.int32(1))
    with pytest.raises(ValueError, match="batch_size"):
        strategies.one_of([counter(1), own], jnp.int32(0))
    assert strategies.one_of([own], jnp.int32(0)) is own


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_used_where_it_says_so(name):
    """Without them the pool is not scored: then they must not matter."""
    round_ = make_round()
    other = round_._replace(
        logits=round_.logits[::-1] ** 3,
        features=round_.features[::-1] * 2,
        auxiliary=round_.auxiliary[::-1],
    )
    same = (np.asarray(picks_of(name, round_)) == np.asarray(picks_of(name, other))).all()
    if strategies.registry[name]().uses_outputs:
        assert not same or name == "average_confidence"  # constant for any softmax
    else:
        assert same


@pytest.mark.parametrize("index", [0, 1])
def test_one_of_uses_the_outputs_that_its_member_uses(index):
    random, margin = strategies.registry["random"](), strategies.registry["margin"]()
    assert bool(strategies.one_of([random, margin], jnp.int32(index)).uses_outputs) == (index == 1)
    assert strategies.one_of([margin, margin], jnp.int32(index)).uses_outputs is True
    assert strategies.one_of([random, random], jnp.int32(index)).uses_outputs is False
