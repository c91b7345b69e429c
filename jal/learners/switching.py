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
    """The learners' own, as each was fitted last.

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

    In each round before, both are fitted on all folds but one and tried on that one; so a round
    costs 2 x `folds` fits, one after another, and then one. Where seeds are vmapped together, all
    pay as long as one does. Source: ALAMP, section 5.3, where it is proposed, not tried: an SVM,
    then fine-tuning.

    Args:
      first: a learner.
      second: another, of the same inputs.
      folds: stratified, at least 2.
      lead: standard errors by which the second's accuracy must be above the first's, of the paired
        differences; 0 for any lead.
      balanced: give every class the same weight.
      max_labels: static bound on the number of labels; the pool's size if None.

    Returns:
      A Learner; features are of the one that predicts, filled up with zeros if it has fewer.
      `info`: `switched`, and of the last cross-validation `first_cv_accuracy` and
      `second_cv_accuracy`.

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

    def fit(
        key: Array,
        variables: SwitchVariables,
        data: tuple[Array, PyTree, PyTree],
        y: Array,
        labels: Labels,
        hyper: SwitchHyper,
    ) -> tuple[SwitchVariables, dict[str, Array]]:
        x, *own = data
        key_folds, key_fit, *keys = jax.random.split(key, 4)
        bound = min(max_labels or x.shape[0], x.shape[0])
        points, rest = labels.order[:bound], labels.order[bound:]
        known = y[points]
        on = (jnp.arange(bound) < labels.n) & (known >= 0)
        both = tuple(zip((first, second), own, hyper, keys, strict=True))

        def cross_validated() -> tuple[Array, Array]:
            fold = stratified_folds(key_folds, jnp.where(on, known, -1), folds)

            def right(held_out: Array) -> Array:
                test = on & (fold == held_out)
                place = jnp.argsort(jnp.where(on & ~test, 0, 1), stable=True)
                # Of a single label nothing is left to learn from: it is learnt.
                count = jnp.maximum(jnp.sum(on & ~test), 1).astype(labels.n.dtype)
                others = Labels(jnp.concatenate([points[place], rest]), count)

                def of(number: int) -> Array:
                    learner, data, hyper, key = both[number]
                    key_init, key_fit = jax.random.split(jax.random.fold_in(key, held_out))
                    # Not from the last round's variables: they have seen what is held out.
                    start = learner.init(key_init, data)
                    fitted, _ = learner.fit(key_fit, start, data, y, others, hyper)
                    logits = learner.predict(fitted, x[points]).logits
                    return jnp.argmax(logits, axis=1) == known

                return test & jnp.stack([of(0), of(1)])

            found = jnp.any(jax.lax.map(right, jnp.arange(folds)), axis=0)
            weight = on.astype(jnp.float32)
            if balanced:
                shapes = jax.eval_shape(lambda: first.predict(variables.first, x[:1]))
                of_class = class_weights(known, on, shapes.logits.shape[1], "balanced")
                weight = weight * of_class[known]
            return leads(*found, weight, lead), found @ weight / jnp.sum(weight)

        switched, accuracies = jax.lax.cond(
            variables.switched,
            lambda: (variables.switched, variables.accuracies),
            cross_validated,
        )

        def fitted(number: int) -> SwitchVariables:
            learner, data, hyper, _ = both[number]
            made, _ = learner.fit(key_fit, variables[number], data, y, labels, hyper)
            name = SwitchVariables._fields[number]
            return variables._replace(**{name: made})

        after = jax.lax.cond(switched, lambda: fitted(1), lambda: fitted(0))
        after = after._replace(switched=switched, accuracies=accuracies)
        return after, {
            "switched": switched.astype(jnp.float32),
            "first_cv_accuracy": accuracies[0],
            "second_cv_accuracy": accuracies[1],
        }

    def predict(variables: SwitchVariables, x: Array) -> Outputs:
        def of(number: int) -> Outputs:
            learner = (first, second)[number]
            outputs = learner.predict(variables[number], x)
            missing = width - outputs.features.shape[1]
            features = jnp.pad(outputs.features, ((0, 0), (0, missing)))
            return Outputs(outputs.logits, features)

        shapes = jax.eval_shape(
            lambda: (first.predict(variables.first, x), second.predict(variables.second, x))
        )
        width = max(one.features.shape[1] for one in shapes)
        return jax.lax.cond(variables.switched, lambda: of(1), lambda: of(0))

    return Learner(prepare, init, fit, predict, SwitchHyper(first.hyper, second.hyper))


def leads(first: Array, second: Array, weight: Array, lead: float) -> Array:
    """Whether the second's accuracy is above the first's by more than `lead` standard errors.

    Args:
      first: `[n]` bool, where the first is right.
      second: likewise.
      weight: `[n]` float, 0 for points that do not count.
      lead: of the weighted mean of paired differences.
    """
    apart = second.astype(jnp.float32) - first
    total = jnp.sum(weight)
    mean = jnp.sum(weight * apart) / total
    error = jnp.sqrt(jnp.sum(jnp.square(weight * (apart - mean)))) / total
    return mean > lead * error
