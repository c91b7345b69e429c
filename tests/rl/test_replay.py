"""Prioritised replay: what is drawn and how often, and that successors are the true ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jal.rl.replay import EPSILON, prioritised_replay, replay_bytes
from jal.types import InputError

CAPACITY = 13  # no square: the last row of the two levels is not full
ITEM = {"number": jnp.int32(0), "place": jnp.zeros(2)}
DRAWS = 6000
FEW = 100


@functools.cache
def made(capacity=CAPACITY, exponent=3.0):
    """The buffer, its functions compiled once."""
    replay = prioritised_replay(capacity, exponent=exponent)
    sample = jax.jit(replay.sample, static_argnums=2)
    init, add, update = (jax.jit(f) for f in (replay.init, replay.add, replay.update))
    return replay._replace(init=init, add=add, sample=sample, update=update)


def steps(numbers, valid=None, terminal=None, cut=None):
    """Items with these numbers; by default all valid, the last one terminal."""
    size = len(numbers)
    numbers = np.asarray(numbers, np.int32)
    place = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    none = np.zeros(size, bool)
    valid = ~none if valid is None else np.asarray(valid, bool)
    terminal = np.arange(size) == size - 1 if terminal is None else np.asarray(terminal, bool)
    cut = none if cut is None else np.asarray(cut, bool)
    return {"number": numbers, "place": place}, valid, terminal, cut


def weights_of(state, capacity=CAPACITY):
    return np.asarray(state.weights).reshape(-1)[:capacity]


def filled(errors, capacity=CAPACITY, exponent=3.0):
    """A buffer of terminal items with these TD errors."""
    replay = made(capacity, exponent)
    size = len(errors)
    state = replay.add(replay.init(ITEM), *steps(range(size), terminal=np.ones(size)))
    return replay.update(state, np.arange(size, dtype=np.int32), np.asarray(errors, np.float32))


@pytest.mark.parametrize(
    ("capacity", "present", "exponent"), [(13, 13, 3.0), (13, 7, 3.0), (13, 7, 1.0), (37, 23, 3.0)]
)
def test_draws_follow_the_priorities(capacity, present, exponent):
    errors = np.random.default_rng(present).uniform(0.5, 1.0, present) * (-1) ** np.arange(present)
    state = filled(errors, capacity, exponent)
    index = np.asarray(made(capacity, exponent).sample(jax.random.key(1), state, DRAWS).index)
    counts = np.bincount(index, minlength=present)
    assert len(counts) == present  # nothing from a slot that was never written

    def p_value(power):
        share = (np.abs(errors) + EPSILON) ** power
        return stats.chisquare(counts, DRAWS * share / share.sum()).pvalue

    assert p_value(exponent) > 1e-4
    # The test would see an exponent off by one.
    assert p_value(exponent + 1) < 1e-4 and p_value(exponent - 1) < 1e-4


def test_draws_are_independent_of_each_other():
    """Pairs of neighbouring draws are as often equal as independence has it."""
    state = filled(np.ones(CAPACITY))
    index = made().sample(jax.random.key(2), state, DRAWS).index
    pairs = np.bincount(CAPACITY * index[::2] + index[1::2], minlength=CAPACITY**2)
    assert stats.chisquare(pairs).pvalue > 1e-4


def test_a_dominant_priority_leaves_the_others_their_share():
    """One of weight 1 against 12 of 0.03 each: in its row, and in the others."""
    errors = np.full(CAPACITY, 0.3)
    errors[6] = 1.0
    state = filled(errors)
    counts = np.bincount(made().sample(jax.random.key(3), state, DRAWS).index, minlength=CAPACITY)
    share = (errors + EPSILON) ** 3
    assert stats.chisquare(counts, DRAWS * share / share.sum()).pvalue > 1e-4


@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_priorities(exponent):
    errors = np.array([0.5, -2.0, 0.0, 1e-3, -7.0])
    state = filled(errors, exponent=exponent)
    wanted = (np.abs(errors) + 1e-4) ** exponent
    np.testing.assert_allclose(weights_of(state)[:5], wanted, rtol=1e-5)
    assert (weights_of(state)[5:] == 0).all()
    assert weights_of(state)[2] > 0  # an item without error is not lost


def test_new_items_get_the_largest_priority_present():
    replay = made()
    state = replay.add(replay.init(ITEM), *steps([0, 1], terminal=[1, 1]))
    np.testing.assert_array_equal(weights_of(state)[:3], [1, 1, 0])  # the first of all
    state = replay.update(state, np.array([0, 1]), np.array([3.0, 2.0]))
    state = replay.add(state, *steps([2]))
    np.testing.assert_allclose(weights_of(state)[2], 3.0001**3, rtol=1e-6)
    # The largest falls, and what is new falls with it.
    state = replay.update(state, np.array([0, 2]), np.array([0.1, 0.2]))
    state = replay.add(state, *steps([3]))
    np.testing.assert_allclose(weights_of(state)[3], 2.0001**3, rtol=1e-6)
    state = replay.update(state, np.array([1, 3]), np.array([0.3, 0.1]))
    state = replay.add(state, *steps([4, 5]))  # with an item that has a successor
    np.testing.assert_allclose(weights_of(state)[4:6], 0.3001**3, rtol=1e-6)


def test_an_item_that_waited_gets_the_largest_priority_of_its_successors_time():
    replay = made()
    state = replay.add(replay.init(ITEM), *steps([0]))
    state = replay.add(state, *steps([1], terminal=[0]))
    assert weights_of(state)[1] == 0
    state = replay.update(state, np.array([0]), np.array([2.0]))
    state = replay.add(state, *steps([2]))
    np.testing.assert_allclose(weights_of(state)[:3], 2.0001**3, rtol=1e-6)


def test_steps_that_are_not_valid_are_not_stored():
    replay = made()
    numbers, valid = np.arange(8), np.array([0, 1, 0, 1, 1, 0, 1, 0], bool)
    # The flags of masked steps say nothing.
    state = replay.add(replay.init(ITEM), *steps(numbers, valid, [1, 0, 1, 1, 0, 1, 1, 1], ~valid))
    np.testing.assert_array_equal(state.items["number"][:5], [1, 3, 4, 6, 0])
    np.testing.assert_array_equal(state.items["place"][:4, 1], [-1, -3, -4, -6])
    np.testing.assert_array_equal(weights_of(state), np.arange(CAPACITY) < 4)
    assert (state.next, state.filled) == (4, 4) and not state.waits


@pytest.mark.parametrize("waits", [True, False])
def test_adding_nothing_changes_nothing(waits):
    replay = made()
    state = replay.add(replay.init(ITEM), *steps([1, 2, 3], terminal=[0, 1, not waits]))
    after = replay.add(state, *steps([7, 8], valid=[0, 0]))
    jax.tree.map(np.testing.assert_array_equal, after, state)
    assert bool(after.waits) == waits


@pytest.mark.parametrize("end", ["terminal", "cut", "goes on"])
@pytest.mark.parametrize("single", [True, False])
def test_what_is_drawn_of_one_episode(end, single):
    """A step waits until its successor was added; one that was cut is never drawn."""
    replay = made()
    state = replay.init(ITEM)
    last = np.arange(4) == 3
    added = steps([5, 6, 7, 8], terminal=last & (end == "terminal"), cut=last & (end == "cut"))
    if single:
        for t in range(4):
            state = replay.add(state, *jax.tree.map(lambda leaf, t=t: leaf[t : t + 1], added))
            drawable = np.flatnonzero(weights_of(state))
            whole = t == 3 and end == "terminal"
            np.testing.assert_array_equal(drawable, np.arange(t + whole))
    else:
        state = replay.add(state, *added)
    drawn = {"terminal": [5, 6, 7, 8], "cut": [5, 6, 7], "goes on": [5, 6, 7]}[end]
    sample = replay.sample(jax.random.key(0), state, FEW)
    np.testing.assert_array_equal(np.unique(sample.items["number"]), drawn)
    assert bool(state.waits) == (end == "goes on")
    # Another episode's step, if the last one is not the one that waits.
    state = replay.add(state, *steps([9]))
    sample = replay.sample(jax.random.key(0), state, FEW)
    drawn = [*drawn, 8, 9] if end == "goes on" else [*drawn, 9]
    np.testing.assert_array_equal(np.unique(sample.items["number"]), drawn)


class Model:
    """The buffer as a list of (number, next number or None if terminal, whether drawable)."""

    def __init__(self):
        self.items, self.waits = [], False

    def add(self, numbers, valid, terminal, cut):
        for number, here, ends, stops in zip(numbers, valid, terminal, cut, strict=True):
            if not here:
                continue
            if self.waits:
                self.items[-1][1:] = [number, True]
            self.items.append([number, None, bool(ends and not stops)])
            self.waits = not ends and not stops
        self.items = self.items[-CAPACITY:]

    def drawable(self):
        return {number: after for number, after, there in self.items if there}


def random_steps(rng, size, first):
    """Episodes of random lengths, also cut ones, with masked steps between them."""
    valid = rng.random(size) < 0.8
    end = rng.random(size)
    return np.arange(first, first + size), valid, end < 0.25, (end >= 0.25) & (end < 0.35)


@pytest.mark.parametrize("size", [1, 5, CAPACITY - 1, CAPACITY])
def test_successors_against_a_list(size):
    """Many times round the ring: the items drawn, and what follows each."""
    replay, model, rng = made(), Model(), np.random.default_rng(size)
    state = replay.init(ITEM)
    for i in range(50):
        numbers, *flags = random_steps(rng, size, i * size + 1)
        state = replay.add(state, *steps(numbers, *flags))
        model.add(numbers, *flags)
        assert bool(state.waits) == model.waits and state.filled == len(model.items)
        wanted = model.drawable()
        drawable = np.asarray(state.items["number"])[weights_of(state) > 0]
        assert sorted(drawable) == sorted(wanted)
        if not wanted:
            continue
        index, items, successors = jax.tree.map(
            np.asarray, replay.sample(jax.random.key(i), state, FEW)
        )
        for number, after in zip(items["number"], successors["number"], strict=True):
            assert wanted[number] in (after, None)
        np.testing.assert_array_equal(items["place"][:, 0], items["number"])
        np.testing.assert_array_equal(np.asarray(state.items["number"])[index], items["number"])
        errors = rng.uniform(0.5, 2.0, CAPACITY).astype(np.float32)
        state = replay.update(state, index, errors[index])


def test_a_whole_capacity_at_once():
    replay = made()
    state = replay.add(replay.init(ITEM), *steps(range(5)))
    state = replay.add(state, *steps(range(10, 10 + CAPACITY)))
    assert sorted(np.asarray(state.items["number"])) == list(range(10, 10 + CAPACITY))
    drawn = replay.sample(jax.random.key(0), state, FEW)
    here, after = (np.asarray(part["number"]) for part in drawn[1:])
    last = here == 10 + CAPACITY - 1
    assert last.any() and (after[~last] == here[~last] + 1).all()


def test_weights_and_sums_after_many_updates():
    replay, rng = made(37), np.random.default_rng(0)
    state = replay.add(replay.init(ITEM), *steps(range(30), terminal=np.ones(30)))
    model = np.where(np.arange(37) < 30, 1.0, 0.0)
    for _ in range(300):
        index = rng.choice(30, 8, replace=False).astype(np.int32)
        errors = (rng.normal(size=8) * 10.0 ** rng.integers(-3, 3)).astype(np.float32)
        state = replay.update(state, index, errors)
        model[index] = (np.abs(errors) + 1e-4) ** 3
    np.testing.assert_allclose(weights_of(state, 37), model, rtol=1e-5)
    np.testing.assert_allclose(state.sums, state.weights.sum(axis=2), rtol=1e-6)
    assert state.weights.size > 37 and (state.weights.reshape(-1)[37:] == 0).all()


def test_an_update_may_name_a_slot_twice():
    state = made().update(filled(np.ones(6)), np.array([2, 4, 2]), np.array([0.5, 3.0, 0.5]))
    np.testing.assert_allclose(weights_of(state)[[2, 4]], [0.5001**3, 3.0001**3], rtol=1e-5)
    np.testing.assert_allclose(state.sums, state.weights.sum(axis=2), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e20])
def test_an_error_that_is_no_number_spoils_no_draw(bad):
    """It leaves the priority as it was; one whose power overflows is the largest."""
    state = filled([1.0, 2.0, 3.0])
    after = made().update(state, np.int32([1]), np.float32([bad]))
    expected = np.array([1.0, 2.0, 3.0]) + EPSILON
    expected[1] = 1e10 if np.isfinite(bad) else expected[1]
    np.testing.assert_allclose(weights_of(after)[:3], expected**3, rtol=1e-5)
    np.testing.assert_allclose(np.sum(after.sums), np.sum(expected**3), rtol=1e-5)
    index = np.asarray(made().sample(jax.random.key(0), after, 200).index)
    drawn = {1} if np.isfinite(bad) else {0, 1, 2}
    assert set(index.tolist()) == drawn


def test_vmap_equals_one_by_one():
    """Three buffers that hold different episodes."""
    replay = made()
    rng = np.random.default_rng(4)
    added = [steps(*random_steps(rng, CAPACITY - 1, 100 * i)) for i in range(6)]
    keys = jax.random.split(jax.random.key(0), 3)
    errors = rng.normal(size=(3, FEW)).astype(np.float32)

    def run(key, first, second, errors):
        state = replay.add(replay.add(replay.init(ITEM), *first), *second)
        drawn = replay.sample(key, state, FEW)
        return replay.update(state, drawn.index, errors[drawn.index]), drawn

    first, second = (jax.tree.map(lambda *leaf: np.stack(leaf), *p) for p in (added[:3], added[3:]))
    together = jax.jit(jax.vmap(run))(keys, first, second, errors)
    for i in range(3):
        alone = run(keys[i], added[i], added[3 + i], errors[i])
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-6), together, alone
        )
    assert len(np.unique(together[0].next)) > 1  # they hold different numbers of steps


def test_more_steps_than_capacity_are_refused():
    replay = made(4)
    state = replay.init(ITEM)
    with pytest.raises(InputError, match="5 steps are added at once to a replay buffer of 4"):
        replay.add(state, *steps(range(5)))
    assert replay.add(state, *steps(range(4))).filled == 4


@pytest.mark.parametrize("capacity", [0, -3])
def test_a_buffer_without_room_is_refused(capacity):
    with pytest.raises(InputError, match=f"at least 1 item, got a capacity of {capacity}"):
        prioritised_replay(capacity)


def test_bytes():
    # Items: 13 int32 and 13 pairs of float32; 2 x 3 x 3 weights and their sums; three scalars.
    state = jax.eval_shape(prioritised_replay(CAPACITY).init, ITEM)
    assert replay_bytes(state) == 13 * 4 + 13 * 8 + 18 * 4 + 6 * 4 + 4 + 4 + 1
