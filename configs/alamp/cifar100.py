"""ALAMP on CIFAR-100, balanced: Figure 2's first column, and Figure 5.

Command: python launch/run.py configs/alamp/cifar100.py
Data: 50,000 images of 100 classes, 10,000 test images (Table 1), `launch/prepare_data.py cifar100`.
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; see _schemes.py.
The paper: at the start 25.5 % with the SVM and 11.16 % fine-tuned; 50 % with 1,800 labels by random
and margin, 1,600 by alamp, 1,400 by alamp-div.
Not run: it needs a GPU and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    return both(
        "alamp_cifar100",
        Data("tfds:cifar100", image_size=SIDE),
        imbalanced=False,
        diversified=True,
        levels=(0.5,),
    )
