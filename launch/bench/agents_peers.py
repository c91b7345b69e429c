"""ABAS-RAL's training as a plain loop, beside jal's compiled one.

NumPy and PyTorch, one episode after another and one step after another; the classifier is a
PyTorch network or scikit-learn's logistic regression. Needs no JAX.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import time
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from bench.agents_dqn import DQN, Replay, Step
from bench.timing import Result, peak_mib

EPSILON = (1.0, 0.1)  # in the first and in the last epoch, as in jal.rl.abas_ral.AbasRal

Kind = Literal["torch_mlp", "sklearn_logistic"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of one training; the agent's defaults are jal's, `initial` and `cap` shares as there."""

    epochs: int = 50
    episodes: int = 5
    updates: int = 100
    warm_episodes: int = 128
    max_steps: int = 200
    initial: float = 0.01
    cap: float = 0.1
    hidden: int = 32
    classifier_epochs: int = 10
    classifier_lr: float = 0.01
    classifier_batch: int = 64
    num_classes: int = 10


class _Goal(NamedTuple):
    """What warm start found: the best quality, and the least share that reached it."""

    quality: float
    share: float


def train(kind: Kind, data: dict[str, np.ndarray], settings: Settings, seed: int) -> Result:
    """One training, from warm start to the last epoch.

    Args:
      kind: the classifier.
      data: `state_x`, and `warm`, `train` and `holdout`, each `_x` and `_y`.
      settings: see Settings.
      seed: of all that is random.

    Returns:
      `seconds` in all and of the parts `classifier` (fits), `predict`, `dqn` (gradient steps) and
      `replay` (the part of `dqn` that samples and updates); `steps` of all episodes; `goal`;
      `history`: means of each epoch.
    """
    began = time.perf_counter()
    torch.manual_seed(seed)
    training = _Training(kind, data, settings, seed)
    goal = training.warm_up()
    history: dict[str, list[float]] = {"budget": [], "success": []}
    for epoch in range(settings.epochs):
        ends = training.epoch(epoch, goal)
        reached = [end.quality >= goal.quality and end.share <= goal.share for end in ends]
        history["budget"].append(float(np.mean([end.share for end in ends])))
        history["success"].append(float(np.mean(reached)))
    seconds = {"seconds": time.perf_counter() - began} | training.seconds
    return seconds | {"steps": training.steps, "goal": goal._asdict(), "history": history}


def weighted_precision(predicted: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
    """scikit-learn's `precision_score(average="weighted", zero_division=0)`.

    Args:
      predicted: `[M]` classes.
      y: `[M]`, the true ones.
      counts: `[K]`, how often each is in y.
    """
    of_class = np.bincount(predicted, minlength=len(counts))
    right = np.bincount(predicted[predicted == y], minlength=len(counts))
    return float(counts @ (right / np.maximum(of_class, 1))) / len(y)


def margins(probabilities: np.ndarray) -> np.ndarray:
    """`[M]`, the difference of each row's two largest."""
    top = np.partition(probabilities, -2, axis=1)
    return top[:, -1] - top[:, -2]


class _Training:
    """What one training carries from episode to episode."""

    def __init__(self, kind: Kind, data: dict[str, np.ndarray], settings: Settings, seed: int):
        made = {"torch_mlp": _TorchMLP, "sklearn_logistic": _SklearnLogistic}[kind]
        x = {name[:-2]: x.astype(made.dtype) for name, x in data.items() if name.endswith("_x")}
        x = {name: part.reshape(len(part), -1) for name, part in x.items()}
        y = {name[:-2]: y.astype(np.int64) for name, y in data.items() if name.endswith("_y")}
        self.settings, self.rng, self.steps = settings, np.random.default_rng(seed), 0
        parts = ("classifier", "predict", "dqn", "replay")
        self.seconds: dict[str, float] = dict.fromkeys(parts, 0.0)
        self.pools = {name: (x[name], y[name]) for name in ("warm", "train")}
        self.seen = np.concatenate([x["state"], x["holdout"]])  # for one prediction of both
        self.states, self.holdout_y = len(x["state"]), y["holdout"]
        self.holdout_counts = np.bincount(y["holdout"], minlength=settings.num_classes)
        self.classifier = made(self.seen.shape[1], settings)
        self.replay = Replay(self.states)
        self.agent: DQN

    def warm_up(self) -> _Goal:
        """Random batches, filled at random; then the agent is made."""
        count = self.settings.warm_episodes
        steps = [step for _ in range(count) for step in self.episode("warm", 1.0, None)]
        self.replay.add(steps)
        bias = float(np.mean([step.reward for step in steps]))
        actions = max(self.largest(len(y)) for _, y in self.pools.values())
        self.agent = DQN(self.states, actions, bias)
        best = max(step.quality for step in steps)
        return _Goal(best, min(step.share for step in steps if step.quality >= best))

    def epoch(self, epoch: int, goal: _Goal) -> list[Step]:
        """Episodes, of which it gives the last steps; then updates."""
        first, last = EPSILON
        epsilon = first + (last - first) * epoch / max(self.settings.epochs - 1, 1)
        played = [self.episode("train", epsilon, goal) for _ in range(self.settings.episodes)]
        self.replay.add([step for steps in played for step in steps])
        with self.clock("dqn"):
            for _ in range(self.settings.updates):
                with self.clock("replay"):
                    index, rows = self.replay.sample(self.rng)
                errors = self.agent.update(rows)
                with self.clock("replay"):
                    self.replay.update(index, errors)
        return [steps[-1] for steps in played]

    def episode(self, part: str, epsilon: float, goal: _Goal | None) -> list[Step]:
        """One episode until the goal is reached; a warm start's until two falls if None."""
        settings, rng, (x, y) = self.settings, self.rng, self.pools[part]
        points = len(y)
        order = rng.permutation(points)
        initial = max(2 * settings.num_classes, round(settings.initial * points))
        labelled, free = order[:initial], order[initial:]
        begun, largest = len(free), self.largest(len(free))
        self.classifier.reset()
        quality, state = self.refit(x[labelled], y[labelled])
        steps: list[Step] = []
        falls, done = 0, False
        while not done:
            if rng.random() < epsilon:
                k = int(rng.integers(1, largest + 1))
            else:
                k = self.agent.best(state, largest, begun)
            picks: Any = slice(k)  # of a random order
            if goal is not None:
                with self.clock("predict"):
                    probabilities = self.classifier.predict(x[free])
                picks = np.argpartition(margins(probabilities), k - 1)[:k]
            before = quality * points / len(labelled)
            labelled, free = np.concatenate([labelled, free[picks]]), np.delete(free, picks)
            quality, following = self.refit(x[labelled], y[labelled])
            share, largest = len(labelled) / points, self.largest(len(free))
            reward = quality / share - before
            if goal is None:
                falls = falls + 1 if steps and reward < steps[-1].reward else 0
                terminal = falls == 2
            else:
                terminal = quality >= goal.quality or share >= goal.share
            terminal = terminal or len(free) == 0
            done = terminal or len(steps) + 1 == settings.max_steps
            numbers = (k / begun, reward, terminal, largest, begun)
            row = np.concatenate([state, following, numbers], dtype=np.float32)
            steps.append(Step(row, reward, done and not terminal, quality, share))
            state = following
        self.steps += len(steps)
        return steps

    def refit(self, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Retrains the classifier; its precision on the hold-out, and the agent's state."""
        with self.clock("classifier"):
            self.classifier.fit(x, y)
        with self.clock("predict"):
            probabilities = self.classifier.predict(self.seen)
        predicted = probabilities[self.states :].argmax(axis=1)
        quality = weighted_precision(predicted, self.holdout_y, self.holdout_counts)
        return quality, np.sort(margins(probabilities[: self.states])).astype(np.float32)

    def largest(self, unlabelled: int) -> int:
        # Not to fall below a whole number by rounding: .1 times 30 is 3.
        return max(1, int(unlabelled * self.settings.cap + 1e-4))

    @contextlib.contextmanager
    def clock(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - began


class _TorchMLP:
    """One hidden layer, trained by plain SGD from the weights of the step before."""

    dtype = np.float32

    def __init__(self, inputs: int, settings: Settings):
        self.settings = settings
        hidden = nn.Linear(inputs, settings.hidden)
        output = nn.Linear(settings.hidden, settings.num_classes)
        for layer in (hidden, output):  # as jal's network
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.network = nn.Sequential(hidden, nn.ReLU(), output)
        self.initial = copy.deepcopy(self.network.state_dict())
        self.rule = torch.optim.SGD(self.network.parameters(), lr=settings.classifier_lr)

    def reset(self) -> None:
        self.network.load_state_dict(self.initial)

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        inputs, classes = torch.from_numpy(x), torch.from_numpy(y)
        for _ in range(self.settings.classifier_epochs):
            for index in torch.randperm(len(y)).split(self.settings.classifier_batch):
                self.rule.zero_grad()
                logits = self.network(inputs[index])
                nn.functional.cross_entropy(logits, classes[index]).backward()
                self.rule.step()

    @torch.no_grad()
    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.network(torch.from_numpy(x)).softmax(dim=1).numpy()


class _SklearnLogistic:
    """scikit-learn's logistic regression, which knows only the classes that it has seen."""

    dtype = np.float64  # its own

    def __init__(self, inputs: int, settings: Settings):
        del inputs
        self.classes = np.arange(settings.num_classes)
        self.model = LogisticRegression(C=1.0, max_iter=1000)
        self.only: int | None = None

    def reset(self) -> None:
        pass  # every fit starts anew

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.only = int(y[0]) if (y == y[0]).all() else None
        if self.only is None:  # it refuses a single class
            self.model.fit(x, y)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities `[M, K]`, 0 for a class never seen."""
        if self.only is not None:
            return np.tile(np.float64(self.classes == self.only), (len(x), 1))
        probabilities = np.zeros((len(x), len(self.classes)))
        probabilities[:, self.model.classes_] = self.model.predict_proba(x)
        return probabilities


def peer_training(kind: Kind, path: str, settings: Result, seeds: int, threads: int) -> Result:
    """Trainings one after another, on the arrays of `rl_data`, with so many threads."""
    from threadpoolctl import threadpool_limits

    data, chosen = dict(np.load(path)), Settings(**settings)
    torch.set_num_threads(threads)
    with threadpool_limits(threads):  # what is loaded at first use is not timed
        train(kind, data, dataclasses.replace(chosen, epochs=1, warm_episodes=2, updates=2), 0)
        runs = [train(kind, data, chosen, seed) for seed in range(seeds)]
    names = ("seconds", "steps", "classifier", "dqn", "replay")
    steady_s, steps, classifier, dqn, replay = (sum(run[name] for run in runs) for name in names)
    fits = steps + seeds * (chosen.warm_episodes + chosen.epochs * chosen.episodes)
    updates = seeds * chosen.epochs * chosen.updates
    last = -(-chosen.epochs // 10)  # epochs
    ends = {
        name: float(np.mean([run["history"][name][-last:] for run in runs]))
        for name in ("budget", "success")
    }
    return ends | {
        "seeds": seeds,
        "steady_s": steady_s,
        "seeds_per_s": seeds / steady_s,
        "steps_per_s": steps / steady_s,
        "fit_us": 1e6 * classifier / fits,
        "update_us": 1e6 * (dqn - replay) / updates,
        "replay_us": 1e6 * replay / updates,
        "peak_mib": peak_mib(),
    }
