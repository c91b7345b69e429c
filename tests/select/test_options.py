"""The ranges that options have: by hand."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import select
from jal.select.options import check_options, counts, each, optional, reals, takes, words
from jal.types import InputError


@pytest.mark.parametrize(
    ("within", "good", "bad", "wanted"),
    [
        (counts(), [1, 5, np.int64(3)], [0, -1, 2.0, True, "1", None], "an integer of at least 1"),
        (counts(0), [0], [-1], "an integer of at least 0"),
        (reals(), [-1, 0.5], [np.nan, np.inf, 1e39, -1e39, "1", None, True], "a finite number"),
        (reals(above=0), [1e-30, jnp.float32(1)], [0, -1.0], "a finite number above 0"),
        (reals(least=1), [1], [0.99], "a finite number of at least 1"),
        (reals(least=0.5, below=1), [0.5, 0.99], [0.49, 1], r"of at least 0\.5 and below 1"),
        (reals(above=0, most=1), [1, np.array(0.5)], [0, 1.01], "above 0 and of at most 1"),
        (words("a", "b"), ["a", "b"], ["c", "", None, []], '"a" or "b"'),
        (optional(counts()), [None, 1], [0], "an integer of at least 1"),
        (each(reals(least=0)), [(0,), [1.0, 2.0]], [], "a finite number"),
    ],
)
def test_ranges(within, good, bad, wanted):
    for value in good:
        within("it", "this", value)
    for value in bad:
        with pytest.raises(InputError, match=rf"^it takes this as .*{wanted}, got ") as caught:
            within("it", "this", value)
        assert str(caught.value).endswith(f"got {value!r}.")


def test_each_of_several():
    within = each(reals(least=0))
    with pytest.raises(InputError, match=r"^it takes this as .* at least 0, got -2\.$"):
        within("it", "this", (1, -2))
    with pytest.raises(InputError, match=r"^it takes at least one of this, got none\.$"):
        within("it", "this", ())


@pytest.mark.parametrize(("within", "passes"), [
    (counts(), False), (counts(static=False), True), (reals(), True), (reals(static=True), False),
])  # fmt: skip
def test_traced_values(within, passes):
    def program(value):
        within("it", "this", value)
        return value

    if passes:
        assert jax.jit(program)(3) == 3
    else:
        with pytest.raises(InputError, match=r"it takes this as .*, got a traced value"):
            jax.jit(program)(3)


@takes(size=counts(), share=reals(above=0))
def chosen(k, size=2, *, share=0.5, other=None):
    """Says what it was given."""
    return k, size, share, other


def test_a_selector_refuses_and_else_is_as_before():
    assert chosen(1) == (1, 2, 0.5, None) and chosen(1, 3, share=2, other=4) == (1, 3, 2, 4)
    assert str(inspect.signature(chosen)) == "(k, size=2, *, share=0.5, other=None)"
    assert (chosen.__name__, chosen.__doc__) == ("chosen", "Says what it was given.")
    for args, options in (((1, 0), {}), ((1,), {"size": 0})):
        with pytest.raises(InputError, match=r"^chosen takes size as an integer of at least 1"):
            chosen(*args, **options)
    with pytest.raises(TypeError, match="nothing"):
        chosen(1, nothing=2)


def test_options_are_checked_without_arrays_under_another_name():
    check_options("strategy", chosen, {"share": 1, "other": "anything"})
    with pytest.raises(
        InputError, match=r"^strategy takes share as a finite number above 0, got 0"
    ):
        check_options("strategy", chosen, {"share": 0})
    check_options("strategy", max, {"share": 0})  # of which nothing is known


@pytest.mark.parametrize("name", select.__all__)
def test_every_number_and_word_has_a_range_that_its_default_is_in(name):
    """Also those that are None else; switches and functions have none."""
    selector = getattr(select, name)
    parameters = inspect.signature(selector).parameters
    defaults = {p.name: p.default for p in parameters.values() if p.default is not p.empty}
    plain = {what for what, value in defaults.items() if type(value) in (int, float, str, tuple)}
    ranges = getattr(selector, "ranges", {})
    assert plain | ({"minibatch", "clusters"} & defaults.keys()) <= ranges.keys()
    assert ranges.keys() <= parameters.keys()
    check_options(name, selector, defaults)
