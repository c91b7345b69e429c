"""ALAMP on imbalanced CIFAR-100: the first column of Figures 3 and 4.

Command: python launch/run.py configs/alamp/cifar100_imb.py
Data: of the classes 491 images, fewer of each next one by the same factor, to a ratio of deviation
to mean of .740: 17,147 images, 17,168 in Table 2; the test set stays balanced.
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; weighted SVM and thresholding.
The paper: alamp gains 1.99 points and alamp-div 3.59 on the mean; 50 % with 1,600 labels by
alamp-div and at least 2,000 by others.
Not run: it needs a GPU and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment, Imbalance


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    imbalance = Imbalance("ratio", 0.740, largest=491)
    return both(
        "alamp_cifar100_imb",
        Data("tfds:cifar100", image_size=SIDE, imbalance=imbalance),
        imbalanced=True,
        levels=(0.5,),
    )
