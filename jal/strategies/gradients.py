"""Strategies that follow gradients: Fisher information, mixed features, sharpness of the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from jal import select
from jal.select.bait import Weights
from jal.strategies.strategy import Registered, check_positive, stateless
from jal.types import Array, InputError, PyTree, Round, Strategy

__all__ = ["alfa_mix", "alfa_mix_optimised", "bait", "members", "saal"]


def bait(
    *,
    ridge: float = 1.0,
    oversample: float = 2.0,
    weights: Weights = "equal",
    max_features: int = 128,
    max_classes: int = 16,
) -> Strategy:
    """Batches that minimise the trace of M^-1 F, the Fisher information (Ash et al., 2021).

    They are pruned to k_max: of a smaller k the first are what was added first.

    Args:
      ridge: the paper's lambda.
      oversample: how many times the batch are picked before pruning.
      weights: "equal" for all points, labelled and picked, or those of the "published" code.
      max_features: features beyond are projected on their main axes first.
      max_classes: classes beyond likewise.
    """
    check_positive("bait", ridge=ridge, max_features=max_features, max_classes=max_classes)
    if not oversample >= 1:
        raise InputError(f"bait takes an oversample of 1 or more, got {oversample}.")
    if weights not in get_args(Weights):
        raise InputError(f'bait takes the weights "equal" or "published", got {weights}.')

    def pick(key: Array, round: Round, k_max: int) -> Array:
        return select.bait(
            round.logits,
            round.features,
            round.labelled,
            k_max,
            ridge=ridge,
            oversample=oversample,
            weights=weights,
            max_features=max_features,
            max_classes=max_classes,
            key=key,
        )

    return stateless(pick)


def alfa_mix(*, cap_step: float = 0.2) -> Strategy:
    """Points that change class when mixed with a class's mean (Parvaneh et al., 2022), closed form.

    The cap grows until more than k_max points change; k-means makes k_max clusters of these, and
    the largest one's pick comes first.

    Args:
      cap_step: by how much the mixture's cap grows until there are enough points.
    """
    return _alfa_mix("alfa_mix", cap_step=cap_step)


def alfa_mix_optimised(
    *,
    cap_step: float = 0.03125,
    steps: int = 5,
    learning_rate: float = 0.1,
    penalty: float = 0.01,
) -> Strategy:
    """ALFA-Mix with each mixture found by gradient steps; slower (Parvaneh et al., 2022).

    Args:
      cap_step: by how much the mixture's cap grows until there are enough points.
      steps: of the optimisation of each mixture.
      learning_rate: of these.
      penalty: on the mixture's length.
    """
    check_positive("alfa_mix_optimised", steps=steps, learning_rate=learning_rate)
    if not penalty >= 0:
        raise InputError(f"alfa_mix_optimised takes a penalty of 0 or more, got {penalty}.")
    return _alfa_mix(
        "alfa_mix_optimised",
        cap_step=cap_step,
        optimise=True,
        steps=steps,
        learning_rate=learning_rate,
        penalty=penalty,
    )


def saal(
    *, rho: float = 0.05, sample: int = 2000, maximum: bool = False, chunk: int = 16
) -> Strategy:
    """k-means++ on losses under the worst change of the parameters (Kim et al., 2023).

    The parameters are the field `params` of the learner's variables, or all where there is none.
    The step, rho |w|^2 g / | |w| g |, is the published code's (adaptive sharpness, Kwon et al.,
    2021). Refused for learners without a last layer, such as SVC, whose variables are no weights.

    Args:
      rho: size of the change.
      sample: unlabelled points looked at, drawn at random.
      maximum: the largest losses instead of k-means++.
      chunk: points whose gradients are held at once; bounds memory.
    """
    check_positive("saal", sample=sample, chunk=chunk)
    if not rho >= 0:
        raise InputError(f"saal takes a rho of 0 or more, got {rho}.")

    def pick(key: Array, round: Round, k_max: int) -> Array:
        assert round.predict is not None
        predict = round.predict
        params, with_params = _trained(round.variables)

        def logits_of(params: PyTree, x: Array) -> Array:
            return predict(with_params(params), x).logits

        return select.saal(
            key,
            logits_of,
            params,
            round.x,
            round.labelled,
            k_max,
            rho=rho,
            sample=sample,
            maximum=maximum,
            chunk=chunk,
        )

    return stateless(pick)._replace(uses_outputs=False, needs=frozenset({"head"}))


def _trained(variables: PyTree) -> tuple[PyTree, Callable[[PyTree], PyTree]]:
    """The parameters in a learner's variables, and the variables with others in their place."""
    fields = getattr(variables, "_fields", ())
    if "params" in fields:
        return variables.params, lambda params: variables._replace(params=params)
    if "learner" not in fields:
        return variables, lambda params: params
    params, within = _trained(variables.learner)  # of a learner in another
    return params, lambda params: variables._replace(learner=within(params))


def _alfa_mix(name: str, *, cap_step: float, **options: Any) -> Strategy:
    if not 0 < cap_step <= 1:
        raise InputError(f"{name} takes a cap_step in (0, 1], got {cap_step}.")

    def pick(key: Array, round: Round, k_max: int) -> Array:
        assert round.head is not None
        return select.alfa_mix(
            key,
            round.logits,
            round.features,
            round.y,
            round.labelled,
            k_max,
            round.head,
            cap_step=cap_step,
            **options,
        )

    return stateless(pick)._replace(needs=frozenset({"head"}))


members = (
    Registered(
        bait,
        "Ash et al., 2021",
        ("logits", "features"),
        "N d K^2 b, d at most 128",
        defaults={
            "ridge": "code",
            "oversample": "code",
            "weights": "ours: 1.8 +- .45 points of accuracy more than the code's at ridge 1",
            "max_features": "ours: bounds M at 2,048 x 2,048; the code's is 5,120 x 5,120 for 10 "
            "classes of 512 features",
            "max_classes": "ours: likewise",
        },
    ),
    Registered(
        alfa_mix,
        "Parvaneh et al., 2022",
        ("logits", "features", "labels"),
        "N D (K^2 + b)",
        defaults={"cap_step": "code: its instructions for the closed form"},
    ),
    Registered(
        alfa_mix_optimised,
        "Parvaneh et al., 2022",
        ("logits", "features", "labels"),
        "N D K^2 per step and cap, N D b per iteration",
        defaults={
            "cap_step": "code: of the learnt mixture",
            "steps": "code",
            "learning_rate": "code",
            "penalty": "code",
        },
    ),
    Registered(
        saal,
        "Kim et al., 2023",
        ("inputs",),
        "3 passes over 2,000 points, one by one",
        defaults={
            "rho": "code",
            "sample": "code: 10,000 on CIFAR-100",
            "maximum": "code",
            "chunk": "ours: bounds memory, changes no result",
        },
    ),
)
