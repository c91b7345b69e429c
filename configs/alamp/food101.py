"""ALAMP on Food-101, balanced: Figure 2's second column.

Command: python launch/run.py configs/alamp/food101.py
Data: 750 training and 250 test images of each of 101 dishes (Table 1), `launch/prepare_data.py
food101`.
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; see _schemes.py.
The paper: at the start 17.54 % with the SVM and 13.19 % fine-tuned; 40 % with about 1,600 labels by
random, 1,400 by alamp and margin, 1,200 by alamp-div.
Not run: it needs a GPU and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    data = Data("tfds:food101", image_size=SIDE)
    return both("alamp_food101", data, imbalanced=False, levels=(0.4,))
