"""Makes baal_bald.json: baal's BALD of random predictions.

In an environment of its own, since baal brings torch (of which the CPU's build comes first):
pip install torch==2.13.0; pip install baal==2.1.0; python tests/reference/make_baal.py
"""

import json
from pathlib import Path

import numpy as np
from baal.active.heuristics import BALD

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(1, 20, 4)), rng.normal(size=(10, 20, 4))
    logits = np.round(2 * shared + own * np.linspace(0, 3, 20)[:, None], 3)  # [passes, N, K]
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    heuristic = BALD()
    predictions = p.transpose(1, 2, 0)  # [N, K, passes]
    golden = {
        "logits": logits.tolist(),
        "bald": heuristic.compute_score(predictions).tolist(),
        "ranks": heuristic(predictions).tolist(),
    }
    (HERE / "baal_bald.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
