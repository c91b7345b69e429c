"""ALAMP on imbalanced Food-101: the second column of Figures 3 and 4.

Command: python launch/run.py configs/alamp/food101_imb.py
Data: of the classes 693 images, fewer of each next one by the same factor, to a ratio of deviation
to mean of .793: 22,962 images, 22,956 in Table 2; the test set stays balanced.
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; weighted SVM and thresholding.
The paper: alamp gains .9 points and alamp-div 1.14 on the mean.
Not run: it needs a GPU and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment, Imbalance


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    imbalance = Imbalance("ratio", 0.793, largest=693)
    return both(
        "alamp_food101_imb",
        Data("tfds:food101", image_size=SIDE, imbalance=imbalance),
        imbalanced=True,
    )
