"""ALAMP on MIT-67, indoor scenes, imbalanced by nature: the third column of Figures 3 and 4.

Command: python launch/run.py configs/alamp/mit67.py
Data: class-named folders of images in mit67/train and mit67/test; 14,281 training images of 67
classes, ratio of deviation to mean .789 (Table 2).
Protocol: 200 labels at random, then 15 rounds of 200; 5 seeds; weighted SVM and thresholding.
The paper: alamp gains 1.49 points and alamp-div 2.71 on the mean.
Not run: it needs a GPU, the images and the weights.
"""

from _schemes import SIDE, both

from jal.experiment import Data, Experiment


def get_config() -> list[Experiment]:
    """SVM, then fine-tuning."""
    return both("alamp_mit67", Data("folder:mit67", image_size=SIDE), imbalanced=True)
