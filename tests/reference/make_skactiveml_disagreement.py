"""Makes skactiveml_disagreement.json: scikit-activeml's committee scores and BatchBALD picks.

In an environment of its own: pip install scikit-activeml==1.0.1;
python tests/reference/make_skactiveml_disagreement.py
"""

import json
from pathlib import Path

import numpy as np
from skactiveml.pool._bald import batch_bald
from skactiveml.pool._query_by_committee import average_kl_divergence, vote_entropy

HERE = Path(__file__).parent
PASSES, POINTS, CLASSES, PICKS = 8, 40, 3, 7


def main() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(1, POINTS, CLASSES)) + rng.normal(size=(PASSES, POINTS, CLASSES))
    logits = np.round(1.5 * logits, 3)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)

    def utilities(samples: int, seed: int) -> np.ndarray:
        return batch_bald(p.copy(), PICKS, n_MC_samples=samples, random_state=seed)

    exact = utilities(CLASSES**PICKS, 0)
    sampled = [np.nanargmax(utilities(96, seed), axis=1).tolist() for seed in range(10)]
    golden = {
        "logits": logits.tolist(),
        "vote_entropy": vote_entropy(p.argmax(axis=2).T, np.arange(CLASSES)).tolist(),
        "average_kl_divergence": average_kl_divergence(p).tolist(),
        "batch_bald": np.nanargmax(exact, axis=1).tolist(),
        "joint_information": np.nanmax(exact, axis=1).tolist(),
        "batch_bald_of_96_samples": sampled,
    }
    (HERE / "skactiveml_disagreement.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
