"""Starts: how many labels, which of them, and what cannot be, in one sentence each."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.data import from_arrays
from jal.experiment import Balanced, Chosen, Experiment, Indices, Protocol, Random, Twisted
from jal.experiment.checks import check
from jal.experiment.program import blocks_of, experiment_mesh
from jal.types import InputError

Y = np.arange(90) % 3
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("start", "size"),
    [
        (Balanced(), 10),
        (Balanced(3), 30),
        (Random(labels=15), 15),
        (Random(share=0.15), 150),
        (Random(share=0.0015), 2),
        (Twisted(rare=0.05, labels=40), 40),
        (Twisted(rare=0.95, share=0.8), 800),
        (Indices(((1, 2, 3),)), 3),
        (Chosen(labels=15), 15),
        (Chosen(share=0.015, strategy="kmeans"), 15),
    ],
    ids=str,
)
def test_size(start, size):
    assert start.size(1000, 10) == size


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (Balanced(0), "a balanced start takes at least 1 label per class, got 0: give one, or"),
        (Balanced(-2), "a balanced start takes at least 1 label per class, got -2"),
        (Balanced(31), "class 0 has 30 examples in the pool, too few for 31 of each class"),
        (Random(), "a random start takes labels or a share, got labels None and share None"),
        (Random(labels=3, share=0.5), "a random start takes labels or a share, got labels 3 and"),
        (Random(labels=91), "a random start takes 1 to all 90 of the pool's points, got 91"),
        (Random(labels=0), "a random start takes 1 to all 90 of the pool's points, got 0"),
        (Random(share=0.001), r"takes 1 to all 90 of the pool's points, got a share of 0\.001"),
        (Random(share=4.5), r"a random start takes a share in \(0, 1\] of the pool, got 4\.5"),
        (Random(share=0.0), r"a random start takes a share in \(0, 1\] of the pool, got 0\.0"),
        (Twisted(rare=0.5), "a twisted start takes labels or a share, got labels None and share N"),
        (Twisted(rare=1.5, labels=9), r"rare must be a share in \[0, 1\] of the labels, got 1\.5"),
        (Twisted(rare=-0.1, labels=9), r"rare must be a share in .*, got -0\.1"),
        (Twisted(rare=0.95, labels=40), "the rarer classes have 30 .* too few for 38 at the start"),
        (Twisted(rare=0.05, labels=70), "the other classes have 60 .* too few for 66 at the start"),
        (Twisted(rare=0.5, labels=91), "a twisted start takes 1 to all 90 of the pool's points"),
        (Chosen(), "a chosen start takes labels or a share, got labels None and share None"),
        (Chosen(labels=3, share=0.5), "a chosen start takes labels or a share, got labels 3 and"),
        (Chosen(labels=91), "a chosen start takes 1 to all 90 of the pool's points, got 91"),
        (Chosen(share=1.5), r"a chosen start takes a share in \(0, 1\] of the pool, got 1\.5"),
        (Chosen(label=3), "a chosen start has no option 'label', and names no strategy that could"),
        (
            Indices(((0, 1, 2),) * 3),
            "indices have 3 rows for 2 seeds: give one each, or one for",
        ),
        (Indices(()), "the start's indices have 0 rows for 2 seeds"),
        (
            Indices(((), ())),
            "start's indices of seed 0 must be 1 different ones, .* got 0 different",
        ),
        (Indices(((0, 1, 2), (0, 1))), "of seed 1 must be 3 different ones, as many as seed 0's"),
        (Indices(((0, 1, 2), (0, 1, 1))), "got 2 different of 3"),
        (
            Indices(((0, 1, 2), (0, 1, 90))),
            r"index 90 of seed 1's start is outside the pool's 0\.\.89",
        ),
        (Indices(((0, 1, 2), (0, 1, -1))), r"index -1 of seed 1's start is outside the pool's"),
        (Indices(((0, 1, 2), (0, 1, 3))), "start of seed 1 has no .* class 2: .* or every_class F"),
    ],
    ids=str,
)
def test_what_cannot_be(start, says):
    with pytest.raises(InputError, match=says) as caught:
        start.check(Y, 3, 2)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "start",
    [
        Balanced(30),
        Random(labels=90),
        Random(share=1.0),
        Random(labels=1),
        Twisted(rare=0.0, labels=60),
        Twisted(rare=1.0, labels=30),
        Indices(((0, 3), (1, 4)), every_class=False),
        Indices(((0, 1, 2), (5, 4, 3))),
        Indices(((0, 1, 2),)),
    ],
    ids=str,
)
def test_what_can_just_be(start):
    start.check(Y, 3, 2)
    draw = start.draw(90, 3)
    orders = [np.asarray(draw(jax.random.key(i), jnp.asarray(Y), jnp.int32(i))) for i in range(2)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(90))
    size = start.size(90, 3)
    begun = [np.bincount(Y[order[:size]], minlength=3) for order in orders]
    if isinstance(start, Balanced):
        assert (np.array(begun) == 30).all()
    elif isinstance(start, Indices):
        rows = start.indices if len(start.indices) == 2 else start.indices * 2
        assert [order[:size].tolist() for order in orders] == [list(row) for row in rows]
    elif isinstance(start, Twisted):
        # Of three classes one is the rarer, drawn for each seed.
        rare = [sorted(counts.tolist()) for counts in begun]
        assert rare == ([[0, 0, 30]] * 2 if start.rare else [[0, 30, 30]] * 2)


@pytest.mark.parametrize(
    ("start", "rare"),
    [(Random(labels=40), None), (Twisted(0.05, labels=40), 2), (Twisted(0.95, labels=40), 38)],
    ids=str,
)
def test_starts_reach_the_program(start, rare):
    """Every seed begins with as many labels, drawn by the named rule."""
    sizes = np.repeat([0, 1, 2, 3], [20, 25, 200, 210])
    x = RNG.normal(size=(455, 3))
    dataset = from_arrays(x, sizes, x, sizes)
    experiment = Experiment(protocol=Protocol(seeds=6, rounds=3, batch=5, start=start))
    made = check(experiment, dataset, {}, False)
    block = blocks_of(experiment, made, {}, experiment_mesh(experiment))[0]
    first = block.first()
    state = block.compile().begin(first.per_seed, *first.shared)
    begun = sizes[np.asarray(state.labels.order)[:, :40]]
    assert (np.asarray(state.labels.n) == 40).all()
    found = (begun < 2).sum(axis=1)
    if rare is None:
        assert 0 <= found.min() < found.max() <= 15
    else:
        assert (found == rare).all()
    assert len(np.unique(begun, axis=0)) == 6


def test_given_indices_are_each_seeds_own():
    """The second seed's row is the second, whatever its number."""
    dataset = from_arrays(RNG.normal(size=(90, 4)), Y, RNG.normal(size=(30, 4)), Y[:30])
    start = Indices(((0, 1, 2), (5, 4, 3)))
    experiment = Experiment(
        protocol=Protocol(seeds=2, first_seed=7, rounds=1, batch=5, start=start)
    )
    made = check(experiment, dataset, {}, False)
    block = blocks_of(experiment, made, {}, experiment_mesh(experiment))[0]
    first = block.first()
    state = block.compile().begin(first.per_seed, *first.shared)
    np.testing.assert_array_equal(state.labels.order[:, :3], [[0, 1, 2], [5, 4, 3]])


def test_a_start_in_json():
    for start in (
        Balanced(2),
        Random(share=0.5),
        Twisted(0.05, labels=9),
        Indices(((1, 2),), False),
        Chosen(labels=3),
        Chosen(share=0.5, strategy="active_ft", iterations=3, objective="as_printed"),
    ):
        experiment = Experiment(protocol=Protocol(start=start))
        tree = experiment.to_json()
        assert tree["protocol"]["start"]["type"] == type(start).__name__
        assert Experiment.from_json(tree) == experiment
    tree = dataclasses.asdict(Experiment().protocol) | {"start": {"type": "Sorted"}}
    with pytest.raises(InputError, match=r"start\.options\.iterations must be int or float or"):
        Experiment.from_json(
            {"protocol": {"start": {"type": "Chosen", "options": {"iterations": {}}}}}
        )
    with pytest.raises(InputError, match=r"protocol\.start\.strategy must be a name, a function"):
        Experiment.from_json({"protocol": {"start": {"type": "Chosen", "strategy": 7}}})
    with pytest.raises(InputError, match=r"unknown type 'Sorted' of protocol\.start: known"):
        Experiment.from_json({"protocol": tree | {"metrics": ["accuracy"]}})
