"""Makes modal_digits.json: accuracies of modAL 0.4.2.1's own margin sampling, 20 runs of 21 looks.

modAL's ActiveLearner and its margin_sampling with scikit-learn's LogisticRegression(C=1), with the
pool, test set and starts of digits_logreg.json. In an environment of its own, as make_modal.py
says:

.modal/bin/python tests/reference/make_modal_digits.py
"""

import json
from pathlib import Path

import numpy as np
from modAL.models import ActiveLearner
from modAL.uncertainty import margin_sampling
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
ROUNDS, BATCH = 20, 10


def main() -> None:
    starts = json.loads((HERE / "digits_logreg.json").read_text())["initial_indices"]
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, test_size=797, random_state=0, stratify=y)
    found = {}
    for name, options in {
        "as_it_comes": {"max_iter": 300},  # stops at scikit-learn's tolerance of 1e-4
        "at_the_optimum": {"solver": "newton-cholesky", "tol": 1e-9},
    }.items():
        found[name] = []
        for start in starts:
            learner = ActiveLearner(
                LogisticRegression(C=1.0, **options),
                query_strategy=margin_sampling,
                X_training=x[start],
                y_training=y[start],
            )
            rest = np.setdiff1d(np.arange(len(y)), start)
            curve = [learner.score(x_test, y_test)]
            for _ in range(ROUNDS):
                picks, _ = learner.query(x[rest], n_instances=BATCH)
                learner.teach(x[rest[picks]], y[rest[picks]])
                rest = np.delete(rest, picks)
                curve.append(learner.score(x_test, y_test))
            found[name].append([round(value, 6) for value in curve])
    (HERE / "modal_digits.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
