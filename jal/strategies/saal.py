"""SAAL: losses under the worst change of the learner's parameters."""

from __future__ import annotations

from collections.abc import Callable

from jal import select
from jal.strategies.from_selector import from_selector
from jal.types import Array, PyTree, Round

__all__ = ["members", "trained"]


def trained(variables: PyTree) -> tuple[PyTree, Callable[[PyTree], PyTree]]:
    """The parameters in a learner's variables, and the variables with others in their place.

    They are the field `params`, or all where there is none.
    """
    fields = getattr(variables, "_fields", ())
    if "params" in fields:
        return variables.params, lambda params: variables._replace(params=params)
    if "learner" not in fields:
        return variables, lambda params: params
    params, within = trained(variables.learner)  # of a learner in another
    return params, lambda params: variables._replace(learner=within(params))


def _logits_of(round: Round) -> Callable[[PyTree, Array], Array]:
    assert round.predict is not None
    predict, (_, with_params) = round.predict, trained(round.variables)
    return lambda params, x: predict(with_params(params), x).logits


members = (
    from_selector(
        select.saal,
        paper="Kim et al., 2023",
        cost="3 passes over 2,000 points, one by one",
        defaults={
            "rho": "code",
            "sample": "code: 10,000 on CIFAR-100",
            "maximum": "code",
            "chunk": "ours: bounds memory, changes no result",
        },
        made={"logits_of": _logits_of, "params": lambda round: trained(round.variables)[0]},
        needs={"head"},  # the variables of learners without, such as SVC, are no weights
    ),
)
