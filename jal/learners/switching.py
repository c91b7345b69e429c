"""From one learner to another, once that is better in cross-validation on the labelled points."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jal.learners.class_weights import class_weights
from jal.learners.cross_validation import stratified_folds
from jal.types import Array, InputError, Labels, Learner, Outputs, PyTree

__all__ = ["SwitchHyper", "SwitchVariables", "leads", "switching"]


class SwitchHyper(NamedTuple):
    """Hyper-parameters of the two."""

    first: PyTree
    second: PyTree


class SwitchVariables(NamedTuple):
    """The learners' own, each as it was fitted last, or as it began.

    Attributes:
      first: variables.
      second: variables.
      switched: `[]` bool, whether the second predicts.
      accuracies: `[2]`, of the last cross-validation.
    """

    first: PyTree
    second: PyTree
    switched: Array
    accuracies: Array


class _Part(NamedTuple):
    """One of the learners, with what a fit of it takes."""

    learner: Learner
    data: PyTree
    hyper: PyTree
    key: Array


def switching(
    first: Learner,
    second: Learner,
    *,
    folds: int = 5,
    lead: float = 2.0,
    balanced: bool = False,
    max_labels: int | None = None,
) -> Learner:
    """The first learner until the second leads in cross-validation; from that round on the second.

    In each round before, both are fitted on all folds but one and tried on that one, which is 2 x
    `folds` fits, one after another, before that of the round. Seeds that run one after another, as
    they do on CPUs, are spared them once they have switched; where seeds are vmapped together every
    round costs all of it. Of a bootstrap copies of a point are in one fold. Source: ALAMP, section
    5.4, where it is proposed, not tried: an SVM, then fine-tuning.

    Args:
      first: a learner.
      second: another, of the same inputs.
      folds: stratified, at least 2.
      lead: standard errors by which the second's accuracy must be above the first's, in one round:
        see `leads`. The more rounds, the more chances to switch in error.
      balanced: give every class the same weight.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are of the one that predicts, filled up with zeros if it has fewer.
      `info`: `switched`, of the last cross-validation `first_cv_accuracy` and
      `second_cv_accuracy`, and what the fit of the one that predicts tells; what only the other
      would tell is 0, and `converged` 1.

    Raises:
      InputError: for options out of range.
    """
    if folds < 2:
        raise InputError(f"cross-validation needs at least 2 folds, got {folds}.")
    if not 0 <= lead < math.inf:
        raise InputError(f"lead must be 0 or more standard errors, got {lead}.")

    def prepare(x: Array) -> tuple[Array, PyTree, PyTree]:
        return x, first.prepare(x), second.prepare(x)

    def init(key: Array, data: tuple[Array, PyTree, PyTree]) -> SwitchVariables:
        keys = jax.random.split(key)
        return SwitchVariables(
            first.init(keys[0], data[1]),
            second.init(keys[1], data[2]),
            jnp.bool_(False),
            jnp.zeros(2),
        )

    def classes(part: _Part, x: Array) -> int:
        begun = jax.eval_shape(lambda: part.learner.init(part.key, part.data))
        return jax.eval_shape(part.learner.predict, begun, x[:1]).logits.shape[1]

    def cross_validate(
        key: Array, parts: tuple[_Part, _Part], x: Array, y: Array, labels: Labels
    ) -> tuple[Array, Array]:
        """Whether the second leads, and both accuracies `[2]`."""
        bound = min(max_labels or x.shape[0], x.shape[0])
        points = labels.order[:bound]
        known = y[points]
        on = (jnp.arange(bound) < labels.n) & (known >= 0)
        labelled = jnp.zeros(x.shape[0], bool).at[points].max(on)
        fold = stratified_folds(key, jnp.where(labelled, y, -1), folds)[points]

        def right_on(held_out: Array) -> Array:
            test = on & (fold == held_out)
            place = jnp.argsort(jnp.where(on & ~test, 0, 1), stable=True)
            count = jnp.maximum(jnp.sum(on & ~test), 1).astype(labels.n.dtype)
            others = Labels(jnp.concatenate([points[place], labels.order[bound:]]), count)
            hidden = y.at[jnp.where(test, points, x.shape[0])].set(-1, mode="drop")

            def right(part: _Part) -> Array:
                key_init, key_fit = jax.random.split(jax.random.fold_in(part.key, held_out))
                # Not from the last round's variables: they have seen what is held out.
                begun = part.learner.init(key_init, part.data)
                made, _ = part.learner.fit(key_fit, begun, part.data, hidden, others, part.hyper)
                return jnp.argmax(part.learner.predict(made, x[points]).logits, axis=1) == known

            return test & jnp.stack([right(part) for part in parts])

        found = jnp.any(jax.lax.map(right_on, jnp.arange(folds)), axis=0)
        weight = on.astype(jnp.float32)
        if balanced:
            weight *= class_weights(known, on, classes(parts[0], x), "balanced")[known]
        # Weights sum to the number of labels.
        accuracies = found @ weight / jnp.maximum(jnp.sum(weight), 1)
        return leads(found[0], found[1], weight, lead), accuracies

    def fit(
        key: Array,
        variables: SwitchVariables,
        data: tuple[Array, PyTree, PyTree],
        y: Array,
        labels: Labels,
        hyper: SwitchHyper,
    ) -> tuple[SwitchVariables, dict[str, Array]]:
        key_folds, key_fit, *keys = jax.random.split(key, 4)
        parts = (
            _Part(first, data[1], hyper.first, keys[0]),
            _Part(second, data[2], hyper.second, keys[1]),
        )
        switched, accuracies = jax.lax.cond(
            variables.switched,
            lambda: (variables.switched, variables.accuracies),
            lambda: cross_validate(key_folds, parts, data[0], y, labels),
        )

        def fitted(part: _Part, begun: PyTree) -> tuple[PyTree, dict[str, Array]]:
            return part.learner.fit(key_fit, begun, part.data, y, labels, part.hyper)

        def fit_first() -> tuple[SwitchVariables, dict[str, Array]]:
            made, info = fitted(parts[0], variables.first)
            return variables._replace(first=made), told(info)

        def fit_second() -> tuple[SwitchVariables, dict[str, Array]]:
            made, info = fitted(parts[1], variables.second)
            return variables._replace(second=made), told(info)

        infos = jax.eval_shape(
            lambda: [fitted(part, variables[i])[1] for i, part in enumerate(parts)]
        )
        names = sorted({*infos[0], *infos[1]})

        def told(info: dict[str, Array]) -> dict[str, Array]:
            neutral = {name: jnp.float32(name == "converged") for name in names}
            return {name: jnp.float32(one) for name, one in {**neutral, **info}.items()}

        variables, info = jax.lax.cond(switched, fit_second, fit_first)
        variables = variables._replace(switched=switched, accuracies=accuracies)
        return variables, {
            **info,
            "switched": switched.astype(jnp.float32),
            "first_cv_accuracy": accuracies[0],
            "second_cv_accuracy": accuracies[1],
        }

    def predict(variables: SwitchVariables, x: Array) -> Outputs:
        shapes = jax.eval_shape(
            lambda: (first.predict(variables.first, x), second.predict(variables.second, x))
        )
        width = max(one.features.shape[1] for one in shapes)

        def padded(outputs: Outputs) -> Outputs:
            missing = width - outputs.features.shape[1]
            return Outputs(outputs.logits, jnp.pad(outputs.features, ((0, 0), (0, missing))))

        return jax.lax.cond(
            variables.switched,
            lambda: padded(second.predict(variables.second, x)),
            lambda: padded(first.predict(variables.first, x)),
        )

    return Learner(prepare, init, fit, predict, SwitchHyper(first.hyper, second.hyper))


def leads(first: Array, second: Array, weight: Array, lead: float) -> Array:
    """Whether the second's accuracy is above the first's by more than `lead` standard errors.

    The error is that of no difference, as in McNemar's test: with equal weights the second leads
    where the points that it alone has right, less those that the first alone has right, are more
    than `lead` times the root of their sum. So by 2 it takes five such points where the first has
    none.

    Args:
      first: `[n]` bool, where the first is right.
      second: likewise.
      weight: `[n]` float, 0 for points that do not count.
      lead: standard errors.
    """
    apart = weight * (second.astype(jnp.float32) - first)
    return jnp.sum(apart) > lead * jnp.sqrt(jnp.sum(jnp.square(apart)))
