"""ALAMP on IMN-100, 100 leaves of ImageNet that are not of ILSVRC: Figure 2's third column.

Command: python launch/run.py configs/alamp/imn100.py
Data: class-named folders of images in imn100/train and imn100/test, 1,000 and 200 of each class
(Table 1). The paper does not say which classes: any 100 leaves outside ILSVRC.
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; see _schemes.py.
The paper: at the start 47.29 % with the SVM and 32.65 % fine-tuned; 70 % with 1,000 labels by alamp
and alamp-div, 1,200 by random and margin.
Not run: it needs a GPU, the images and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    data = Data("folder:imn100", image_size=SIDE)
    return both("alamp_imn100", data, imbalanced=False, levels=(0.7,))
