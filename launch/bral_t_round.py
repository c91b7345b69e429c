"""What BRAL-T's learned reward is worth: how well it ranks, what it costs, and one round's picture.

python launch/bral_t_round.py configs/bral_t/digits.py --labels 100 260 --splits 8 --out runs/rank

For each split of the config's data a learner is fitted on as many random labels, the reward is
learned from them, and sub-clusters are ranked by it: those of new pairs (L', U') of the same
labels, of one half of them where it was learned from the other, of as many new labels that the
learner was not fitted on, and those of the pool, by its true classes. ranking.csv has Spearman's
rank correlation of each ranking with the true rewards, over all sub-clusters and, averaged, within
the clusters; rounds.csv what a round's parts take, compiled, the share of labelled
points whose SuperLoss is clamped, and what the TrustSet has in common with plain EL2N's;
round_N.png shows the first split's round.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # a clone will do

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import tyro
from matplotlib.figure import Figure
from scipy import stats

from jal import metrics
from jal.bral_t import (
    Actions,
    Policy,
    Reward,
    Seen,
    choose,
    init_reward,
    learn,
    pool_actions,
    predict,
    rank_by_reward,
    rank_by_rival,
    rank_by_truth,
    sample_pairs,
    trusted_points,
)
from jal.experiment import Experiment, Query, load_data
from jal.experiment.config_file import load_config
from jal.experiment.named_learners import build_learner
from jal.files import replace_file
from jal.labels import labelled_mask, random_start
from jal.report.plots import png
from jal.report.pool_plots import pool_round
from jal.types import Array, InputError, Labels


class Measured(NamedTuple):
    """One split's round.

    Attributes:
      rows: of ranking.csv.
      facts: of rounds.csv: seconds of its parts, shares of the TrustSet.
      seen: by the policy.
      pool: the pool's actions.
      expected: `[C, A]`, the rewards predicted of them.
      picks: `[k]`.
      trusted: `[N]`, the labelled TrustSet.
    """

    rows: list[dict[str, Any]]
    facts: dict[str, float]
    seen: Seen
    pool: Actions
    expected: Array
    picks: Array
    trusted: Array


def main(
    config: tyro.conf.Positional[Path],
    labels: tuple[int, ...],
    out: Path,
    splits: int = 1,
    batch: int | None = None,
    learner: str | None = None,
    query: str = "bral_t",
) -> None:
    """Measures the rankings, the seconds and the picture.

    Args:
      config: a config file of an experiment.
      labels: how many, drawn at random.
      out: a folder.
      splits: of the data.
      batch: labels that the TrustSet stands for; the protocol's if not given.
      learner: of the config; its first if not given.
      query: of the config, one of bral_t's, whose options are used.
    """
    experiment = load_config(config)
    if not isinstance(experiment, Experiment):
        raise InputError(f"{config} must be of one experiment.")
    known = list(experiment.learners)
    if learner is not None and learner not in known:
        raise InputError(f"{config} has no learner {learner}: give one of {', '.join(known)}.")
    if splits < 1:
        raise InputError(f"give splits of at least 1, got {splits}.")
    if batch is not None and batch < 1:
        raise InputError(f"give a batch of at least 1, got {batch}.")
    policies = {
        one.name: policy_of(one.options)
        for one in experiment.queries
        if isinstance(one, Query) and one.strategy == "bral_t"
    }
    if query not in policies:
        raise InputError(
            f"{config} has no query {query} of bral_t: give one of {', '.join(policies) or 'none'}."
        )
    k = batch_of(experiment, query) if batch is None else batch
    out.mkdir(parents=True, exist_ok=True)
    rows, facts = [], []
    for count in labels:
        for split in range(splits):
            found = measure(experiment, learner or known[0], split, count, k, policies[query])
            where = {"labels": count, "split": split}
            rows += [where | row for row in found.rows]
            facts.append(where | found.facts)
            print(f"{count} labels, split {split}", flush=True)
            if split == 0:
                drawn = png(picture(found))
                replace_file(
                    out / f"round_{count}.png", lambda to, drawn=drawn: to.write_bytes(drawn)
                )
    table, rounds = pd.DataFrame(rows), pd.DataFrame(facts)
    replace_file(out / "ranking.csv", lambda to: table.to_csv(to, index=False))
    replace_file(out / "rounds.csv", lambda to: rounds.to_csv(to, index=False))
    print(summary(table).to_string(index=False))
    print(rounds.drop(columns="split").groupby("labels").median().round(3).T.to_string())


def batch_of(experiment: Experiment, name: str) -> int:
    """The largest batch of the query of that name."""
    return max(max(experiment.batches(one)) for one in experiment.queries if one.name == name)


def policy_of(options: Mapping[str, Any]) -> Policy:
    """Of a query's options, less those of the strategy alone."""
    return Policy(**{name: value for name, value in options.items() if name in Policy._fields})


def measure(
    experiment: Experiment, name: str, split: int, count: int, k: int, policy: Policy
) -> Measured:
    """One round of one split, with `count` random labels and batches of k, of the learner `name`.

    Raises:
      InputError: for fewer than two labels, or more than half of the pool.
    """
    dataset = load_data(experiment.data.of_split(split))
    most = len(dataset.train.y) // 2  # as many again are new labels
    if not 2 <= count <= most:
        raise InputError(f"give 2 to {most} labels, half of the pool, got {count}.")
    learner = build_learner(name, experiment.learners[name], dataset, count, allow_code=True)
    x, truth = jnp.asarray(dataset.train.x), jnp.asarray(dataset.train.y, jnp.int32)
    keys = jax.random.split(jax.random.key(split), 8)
    mine = Labels(random_start(keys[0], len(truth), count), jnp.int32(count))
    mask = labelled_mask(mine)
    y, data = jnp.where(mask, truth, -1), learner.prepare(x)
    facts: dict[str, float] = {}

    def timed(name: str, function: Any, *args: Any) -> Any:
        compiled = jax.jit(function).lower(*args).compile()
        jax.block_until_ready(compiled(*args))  # warm
        begun = time.perf_counter()
        made = jax.block_until_ready(compiled(*args))
        facts[f"{name}, s"] = time.perf_counter() - begun
        return made

    # What would be a constant of the program is its argument: XLA folds constants, slowly.
    def fit(key: Array, data: Any, y: Array) -> Any:
        variables = learner.init(key, data)
        return learner.fit(key, variables, data, y, mine, learner.hyper)[0]

    variables = timed("training", fit, keys[1], data, y)
    outputs = timed("scoring", learner.predict, variables, x)
    seen = Seen(outputs.logits, outputs.features, y, mask)
    reward, _ = timed(
        "learning the reward", lambda key, seen: learn(key, seen, k, policy), keys[2], seen
    )
    picks = timed(
        "selection",
        lambda key, reward, seen: choose(key, rank_by_reward(reward), seen, k, policy),
        keys[3],
        reward,
        seen,
    )
    trusted = trusted_points(keys[5], seen, k, policy)
    pool = pool_actions(keys[3], seen, policy)  # of which `choose` picked
    true = rank_by_truth(seen, truth, k, policy)(keys[6], seen.features, pool)
    ranked = rankings(keys[4], reward, seen, pool, policy)
    rows = rank_correlations("pool", ranked, true)
    rows += of_pairs(keys[7], "the same labels", reward, seen, k, policy)
    # Of one half of the labels what is learned of the other, which the learner was fitted on, too.
    parts = mine.order[: count // 2], mine.order[count // 2 : count]
    one, other = (of_labels(seen, truth, part) for part in parts)
    less, _ = jax.jit(lambda key, seen: learn(key, seen, k, policy))(keys[2], one)
    rows += of_pairs(keys[7], "the other half", less, other, k, policy)
    more = of_labels(seen, truth, mine.order[count : 2 * count])  # which it was not fitted on
    rows += of_pairs(keys[7], "new labels", reward, more, k, policy)
    facts |= trust(keys[5], seen, trusted, k, policy)
    return Measured(rows, facts, seen, pool, predict(reward, pool.inputs), picks, trusted)


def trust(key: Array, seen: Seen, trusted: Array, k: int, policy: Policy) -> dict[str, float]:
    """Of the labelled points the share at SuperLoss's clamp, and of the TrustSet that of EL2N's."""
    tau, labelled = math.log(seen.logits.shape[1]), np.asarray(seen.labelled)
    y = jnp.maximum(seen.y, 0)[:, None]
    losses = -jnp.take_along_axis(jax.nn.log_softmax(seen.logits), y, axis=1)[:, 0]
    clamped = np.asarray(losses - tau <= -2 / math.e * policy.lambda_)
    plain = np.asarray(trusted_points(key, seen, k, policy._replace(curriculum=False)))
    chosen = np.asarray(trusted)
    return {
        "at the clamp": float(clamped[labelled].mean()),
        "TrustSet of EL2N": float((plain & chosen).sum() / max(chosen.sum(), 1)),
    }


def of_labels(seen: Seen, truth: Array, points: Array) -> Seen:
    """What BRAL-T would see if these points were what is labelled."""
    mask = jnp.zeros(len(truth), bool).at[points].set(True)
    return seen._replace(y=jnp.where(mask, truth, -1), labelled=mask)


def of_pairs(
    key: Array, what: str, reward: Reward, seen: Seen, k: int, policy: Policy
) -> list[dict[str, Any]]:
    """The correlations of each of new pairs (L', U') of what is labelled in `seen`."""
    key_trust, key_pairs, key_ranks = jax.random.split(key, 3)
    trusted = trusted_points(key_trust, seen, k, policy)
    pairs = jax.jit(lambda seen, trusted: sample_pairs(key_pairs, seen, trusted, policy))(
        seen, trusted
    )

    def rank(key: Array, index: Array, actions: Actions) -> dict[str, Array]:
        of_pair = seen._replace(logits=seen.logits[index], features=seen.features[index])
        return rankings(key, reward, of_pair, actions, policy)

    keys = jax.random.split(key_ranks, policy.samples)
    found = jax.vmap(rank)(keys, pairs.points, pairs.actions)
    true = jnp.where(pairs.defined, pairs.reward, -jnp.inf)
    return [
        row
        for i in range(policy.samples)
        for row in rank_correlations(what, {name: of[i] for name, of in found.items()}, true[i])
    ]


def rankings(
    key: Array, reward: Reward, seen: Seen, actions: Actions, policy: Policy
) -> dict[str, Array]:
    """Ranking -> ranks `[C, A]`: the learned reward's, an untrained network's, the rivals'."""
    keys = jax.random.split(key, 4)
    fresh = init_reward(keys[0], reward.mean.shape[0], policy.hidden)
    ranks = {
        "learned": rank_by_reward(reward),
        "untrained": rank_by_reward(reward._replace(layers=fresh.layers)),
    }
    novelty = ("novelty",) if policy.use_labelled_cluster else ()  # the distance from that cluster
    for name in ("margin", *novelty, "random"):
        ranks[name] = rank_by_rival(seen, policy._replace(ranking=name))
    return {name: rank(keys[1], seen.features, actions) for name, rank in ranks.items()}


def rank_correlations(of: str, found: dict[str, Array], true: Array) -> list[dict[str, Any]]:
    """Spearman's correlations with the true rewards `[C, A]`, where these are finite."""
    rows, wanted = [], np.asarray(true)
    known = np.isfinite(wanted)
    for name, value in found.items():
        given = np.asarray(value)
        each = [spearman(given[c][known[c]], wanted[c][known[c]]) for c in range(len(wanted))]
        defined = [one for one in each if not np.isnan(one)]
        rows.append(
            {
                "of": of,
                "ranking": name,
                "over all": spearman(given[known], wanted[known]),
                "within clusters": np.mean(defined) if defined else np.nan,
            }
        )
    return rows


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation; NaN of fewer than two values, or of equal ones."""
    if len(x) < 2 or not np.ptp(x) or not np.ptp(y):
        return math.nan
    found: Any = stats.spearmanr(x, y)
    return float(found.statistic)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means with half the width of 95 % intervals over the splits."""
    names, rows = ["labels", "of", "ranking"], []
    groups: Any = table.groupby([*names, "split"], sort=False)
    units = groups.mean().reset_index()
    for values, part in units.groupby(names, sort=False):
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        for what in ("over all", "within clusters"):
            known = part[what].dropna()  # a split whose ranking is of equal values has none
            mean, half = metrics.mean_interval(known.to_numpy())
            row[what] = f"{mean:.3f}" + f" ± {half:.3f}" * (len(known) > 1)
        rows.append(row)
    return pd.DataFrame(rows)


def picture(found: Measured) -> Figure:
    """The pool in the plane of its two principal components: rewards, picks and the TrustSet."""
    seen, action = found.seen, found.pool.action
    return pool_round(
        seen.features, seen.labelled, found.trusted, action, found.expected, found.picks
    )


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
