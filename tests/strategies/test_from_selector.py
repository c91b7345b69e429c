"""A selector of one's own becomes a strategy: by hand, of a Round of names in place of arrays."""

import inspect
import typing
from typing import Literal

import pytest

from jal import strategies
from jal.select.options import counts, optional, reals, takes, words
from jal.strategies.from_selector import from_selector
from jal.strategies.strategy import Registered
from jal.types import Array, InputError, Round, Strategy

ROUND = Round(*Round._fields)
Kind = Literal["near", "far"]


@takes(weight=reals(above=0), kind=words("near", "far"), most=optional(counts()), sample=counts())
def nearest(
    key: Array,
    features: Array,
    labelled: Array,
    k: int,
    y: Array,
    head: Array,
    *,
    weight: float = 2.0,
    kind: Kind = "near",
    most: int | None = None,
    sample: int = 9,
    chunk: int = 4,
):
    """The nearest, see Near (1999).

    Time N.

    Args:
      key: a key.
      features: `[N, D]`.
      labelled: `[N]`.
      k: how many.
      y: `[N]`.
      head: the last layer.
      weight: of what is near,
        and of what is not.
      kind: "near": or "far".
      most: at most.
      sample: how many are seen.
      chunk: at once.

    Returns:
      `[k]`.
    """
    return key, features, labelled, k, y, head, weight, kind, most, sample, chunk


WHY = {"kind": "paper", "weight": "ours: 2", "sample": "code", "most": "code"}


def made_of(selector, **options):
    return from_selector(selector, **{"paper": "Near, 1999", "cost": "N"} | options)


def test_arrays_are_the_rounds_and_options_its_own():
    """`sample` is an option here, though a Round has one too; the chunk is not offered."""
    member = made_of(nearest, defaults=WHY)
    arrays = "key", "features", "labelled", 5, "y", "head"
    select = member().select
    assert select("key", (), ROUND, 5) == ((*arrays, 2.0, "near", None, 9, 4), ())
    given = member(weight=3.0, kind="far", most=1, sample=2).select
    assert given("key", (), ROUND, 5) == ((*arrays, 3.0, "far", 1, 2, 4), ())
    for option in ("chunk", "key", "k", "y"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
            member(**{option: 8})


def test_what_it_reads_is_what_it_uses_and_needs():
    member = made_of(nearest, defaults=WHY)
    assert member.reads == ("features", "y", "head")
    made = member()
    assert made.uses_outputs is True and made.needs == {"head"} and made.name == "nearest"
    assert (member.paper, member.cost, member.defaults) == ("Near, 1999", "N", WHY)

    of_dropout = made_of(lambda sample, labelled, k: "picks", name="dropped")
    assert of_dropout.reads == ("sample",)
    assert of_dropout().needs == {"sample"} and of_dropout().uses_outputs is False
    nothing = made_of(lambda labelled, k: "picks", name="nothing", needs={"head"})
    assert nothing.reads == () and nothing().uses_outputs is False and nothing().needs == {"head"}
    for output in ("logits", "features", "auxiliary"):
        scope = {}
        exec(f"def selector({output}, labelled, k): return {output}", scope)
        assert made_of(scope["selector"])().uses_outputs is True


def test_what_is_defined_with_nothing_labelled():
    assert made_of(nearest).cold_start is made_of(nearest)().cold_start is False
    cold = made_of(nearest, cold_start=True)
    assert cold.cold_start is cold().cold_start is True
    # What makes the Strategy may say it too.
    says = Registered(lambda: cold(), "", (), "")
    assert says().cold_start is True


def test_a_key_may_be_an_option_and_is_none_of_the_strategys():
    def ties(features, labelled, k, *, key=None):
        return key

    member = made_of(ties)
    assert member().select("key", (), ROUND, 5)[0] == "key"
    assert not inspect.signature(member.make).parameters


def test_a_selector_that_explains_nothing():
    def bare(features, labelled, k, *, wide=1):
        return wide

    member = made_of(bare, defaults={"wide": "ours: 1"})
    assert member(wide=2).select("key", (), ROUND, 5)[0] == 2
    assert str(inspect.signature(member.make)) == "(*, wide=1) -> jal.types.Strategy"
    assert "Args" not in member.make.__doc__


def test_signature_and_docstring_are_the_selectors():
    make = made_of(nearest, defaults=WHY).make
    assert str(inspect.signature(make)) == (
        "(*, weight: float = 2.0, kind: Literal['near', 'far'] = 'near', most: int | None = None, "
        "sample: int = 9) -> jal.types.Strategy"
    )
    hints = {"weight": float, "kind": Kind, "most": int | None, "sample": int}
    assert typing.get_type_hints(make) == hints | {"return": Strategy}
    assert make.__name__ == make.__qualname__ == "nearest"
    before, _, arguments = make.__doc__.partition("\n\nArgs:\n")
    assert before.startswith("The nearest, see Near (1999).\n\nTime N.\n\n")
    assert arguments == (
        "  weight: of what is near,\n    and of what is not.\n"
        '  kind: "near": or "far".\n  most: at most.\n  sample: how many are seen.\n'
    )


def test_a_strategy_of_a_selectors_other_values():
    """Which are fixed where they are no options."""
    member = made_of(
        nearest,
        name="farthest",
        summary="The farthest.",
        own={"kind": "far", "weight": 7.0},
        defaults={"weight": "ours: 7"},
    )
    assert member.name == "farthest" == member().name
    (option,) = inspect.signature(member.make).parameters.values()
    assert (option.name, option.default) == ("weight", 7.0)
    assert member().select("key", (), ROUND, 5)[0][6:8] == (7.0, "far")
    assert member(weight=1.0).select("key", (), ROUND, 5)[0][6:8] == (1.0, "far")
    assert member.make.__doc__.startswith("The farthest.\n\n")
    assert "Time N" not in member.make.__doc__ and "kind" not in member.make.__doc__
    with pytest.raises(InputError, match=r"^farthest takes weight as .* above 0, got 0.0"):
        member(weight=0.0)


def test_what_is_made_of_the_round():
    def selector(twice, x, labelled, k):
        return twice, x

    member = made_of(selector, made={"twice": lambda round: 2 * round.x})
    assert member().select("key", (), ROUND, 5)[0] == ("xx", "x")
    assert member.reads == ("x",)


@pytest.mark.parametrize(
    "options",
    [{"defaults": {"wide": "ours: 1"}}, {"own": {"wide": 1}}, {"made": {"wide": lambda r: 1}}],
)
def test_what_a_selector_has_not(options):
    with pytest.raises(TypeError, match="the strategy nearest knows no wide of nearest"):
        made_of(nearest, **options)


def test_an_array_that_a_round_has_not():
    with pytest.raises(TypeError, match="the strategy by_scores knows no scores of"):
        made_of(lambda scores, labelled, k: scores, name="by_scores")


def test_options_are_checked_when_it_is_made_and_before_the_arrays():
    member = made_of(nearest, defaults=WHY)
    with pytest.raises(InputError, match=r"^nearest takes weight as .*, got nan"):
        member(weight=float("nan"))
    with pytest.raises(InputError, match=r"^nearest takes weight as .*, got -1"):
        nearest("k", "f", "l", 1, "y", "h", weight=-1)


def test_the_strategies_of_selectors_read_what_their_papers_do():
    outputs, labels = ("logits", "features"), ("logits", "features", "y")
    reads = {
        "k_center": ("features",), "kmeans": ("features",), "badge": outputs,
        "typi_clust": ("features",), "active_ft": ("features",), "bait": outputs,
        "alfa_mix": (*labels, "head"), "alfa_mix_optimised": (*labels, "head"), "saal": ("x",),
        "flqmi": labels, "fl1mi": labels, "gcmi": labels, "logdetmi": labels,
        "galaxy": ("logits", "y"),
    }  # fmt: skip
    assert {name: strategies.registry[name].reads for name in reads} == reads
    needs = {name: strategies.registry[name]().needs for name in reads}
    assert {name for name in needs if needs[name]} == {"alfa_mix", "alfa_mix_optimised", "saal"}
    assert strategies.registry["saal"]().uses_outputs is False


def test_without_a_source_of_defaults_all_options_are_offered():
    def mine(features, labelled, k, *, key, sign=1.0):
        return key, features, labelled, k, sign

    member = strategies.from_selector(mine)
    assert member.name == "mine" and member.reads == ("features",)
    assert list(inspect.signature(member.make).parameters) == ["sign"]
    picks, _ = member(sign=2.0).select("key", (), ROUND, 3)
    assert picks == ("key", "features", "labelled", 3, 2.0)
    with pytest.raises(TypeError, match="chunk"):
        member(chunk=1)
