"""Makes modal.npz: what modAL 0.4.2.1 says of given probabilities, alone and as a committee.

modAL needs an older scikit-learn than jal's, so in an environment of its own:

python3 -m venv .modal && .modal/bin/pip install modAL-python==0.4.2.1 "scikit-learn<1.8"
.modal/bin/python tests/reference/make_modal.py
"""

from pathlib import Path

import numpy as np
from modAL import disagreement, uncertainty
from modAL.models import ActiveLearner, Committee
from sklearn.base import BaseEstimator

HERE = Path(__file__).parent
POINTS, CLASSES, MEMBERS, PICKS = 48, 4, 5, 10


class Given(BaseEstimator):
    """Says the probabilities that it was made with, of the points asked for."""

    def __init__(self, probabilities: np.ndarray):
        self.probabilities = probabilities
        self.classes_ = np.arange(CLASSES)

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Given":
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return self.probabilities[x[:, 0]]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.predict_proba(x).argmax(axis=1)


def main() -> None:
    rng = np.random.default_rng(0)
    members = rng.dirichlet(np.full(CLASSES, 0.7), size=(MEMBERS, POINTS))
    members[:, 0] = 1 / CLASSES  # all tie
    members[:, 1] = np.eye(CLASSES)[0]  # certainty, all agree
    members[:, 2] = np.eye(CLASSES)[np.arange(MEMBERS) % CLASSES]  # certainty, none agrees
    members[:, 3] = members[0, 3]  # the same member five times
    members[:, 4] = [0.5, 0.5, 0.0, 0.0]  # the two largest tie, and zeros
    members[:2, 5] = [0.0, 0.4, 0.4, 0.2]
    p = members[0]
    x = np.arange(POINTS)[:, None]
    found = {
        name: measure(Given(p), x)
        for name, measure in {
            "least_confidence": uncertainty.classifier_uncertainty,
            "margin": uncertainty.classifier_margin,
            "entropy": uncertainty.classifier_entropy,
        }.items()
    }
    # Points without ties of the measures, whose picks have one right answer.
    clear = x[6:]
    for name, query in {
        "least_confidence": uncertainty.uncertainty_sampling,
        "margin": uncertainty.margin_sampling,
        "entropy": uncertainty.entropy_sampling,
    }.items():
        picks, _ = query(Given(p), clear, n_instances=PICKS)
        found[f"{name}_picks"] = np.sort(clear[picks, 0])

    learners = [
        ActiveLearner(Given(member), X_training=x[:CLASSES], y_training=np.arange(CLASSES))
        for member in members
    ]
    committee = Committee(learners)
    found["vote_entropy"] = disagreement.vote_entropy(committee, x)
    found["consensus_entropy"] = disagreement.consensus_entropy(committee, x)
    found["largest_kl"] = disagreement.KL_max_disagreement(committee, x)
    found["member_entropy"] = np.stack([uncertainty.classifier_entropy(one, x) for one in learners])
    np.savez_compressed(HERE / "modal.npz", members=members, **found)


if __name__ == "__main__":
    main()
