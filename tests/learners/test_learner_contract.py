"""What every registered learner must do."""

import pytest

from jal import learners
from jal.learners import thresholded
from jal.testing import check_learner

BRIEF = {"epochs": 3}
FAST = {
    "mlp": {"hidden": (16,), "epochs": 20},
    "cnn": {"channels": (4, 8), "hidden": (16, 16), **BRIEF},
    "resnet": {"stem": "cifar", "epochs": 1, "learning_rate": 0.01},
    "vit": {"epochs": 1, "learning_rate": 0.01},
}
SHAPES = {"cnn": (8, 8, 1), "resnet": (8, 8, 1), "vit": (16, 16, 1)}
# Rounding grows over SGD's steps and where the optimum is flat.
TOLERANCE = {"resnet": 2e-2, "vit": 2e-2}
MARKS = {"cnn": pytest.mark.slow, "resnet": pytest.mark.long, "vit": pytest.mark.long}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=MARKS.get(name, ())) for name in sorted(learners.registry)],
)
def test_contract(name):
    check_learner(
        learners.registry[name],
        shape=SHAPES.get(name, (6,)),
        tolerance=TOLERANCE.get(name, 2e-3),
        accuracy=0.0 if name in MARKS else 0.8,  # these are trained too briefly to learn anything
        **FAST.get(name, {}),
    )


def test_contract_of_a_thresholded_learner():
    def factory(shape, classes, *, max_labels):
        made = learners.registry["logistic_regression"](shape, classes, max_labels=max_labels)
        return thresholded(made, classes)

    check_learner(factory)
