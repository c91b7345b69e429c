"""Makes digits_logreg_converged.json: scikit-learn's curves and picks at the optimum itself.

The protocol is that of digits_logreg.json, whose fits stop at scikit-learn's default tolerance of
1e-4; that is far enough from the optimum to change picks from the first round on. Takes two and a
half minutes: python tests/reference/make_converged.py
"""

import json
from pathlib import Path

import numpy as np
import oracles
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent


def main() -> None:
    initial = json.loads((HERE / "digits_logreg.json").read_text())["initial_indices"]
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, test_size=797, random_state=0, stratify=y)
    found = {}
    for name, uncertainty in {
        "margin": lambda p: -oracles.margin(p),
        "least_confidence": oracles.least_confidence,
        "entropy": oracles.entropy,
    }.items():
        curves, labelled = [], []
        for start in initial:
            order, curve = list(start), []
            for _ in range(21):
                model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-9)
                model.fit(x[order], y[order])
                curve.append(round(model.score(x_test, y_test), 6))
                score = np.array([uncertainty(p) for p in model.predict_proba(x)])
                score[order] = -np.inf
                order += np.argsort(-score, kind="stable")[:10].tolist()
            curves.append(curve)
            labelled.append(order[:210])
        found[name] = {"curves": curves, "labelled": labelled}
    (HERE / "digits_logreg_converged.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
