"""ALAMP on Fashion-MNIST: an SVM on features of ImageNet, and a small CNN on the pixels.

Command: python launch/prepare_data.py fashion_mnist
         python launch/convert_weights.py efficientnet_lite0 --out runs/weights/efficientnet_lite0.safetensors
         python launch/run.py configs/alamp/fashion_mnist.py
Data: of all 70,000 images each seed draws 6,800 for the pool and 2,000 to test on.
Features: EfficientNet-Lite0's of the images enlarged to 64 pixels, with weights of ILSVRC, once.
Protocol: 200 labels at random, then 15 rounds of 200, of the CNN 5 of 600; 20 seeds of the SVM, 5
of the CNN, which is trained from random weights: to fine-tune EfficientNet was not tried on two
cores. See _small_schemes.py.
Took 35 min on two CPU cores that had other work beside it: features of all 70,000 images 135 s, the
SVM 19 min, the CNN 16, of which compilation 49 s.
Found (points, 95 % intervals over 20 splits, of the CNN 5, uncorrected): AUBC less random's .823,
SVM: margin +1.77 +- .23, margin_div +1.50 +- .17, alamp_div +.33 +- .23, random_div +.13 +- .26,
alamp +.12 +- .23, k_center -.03 +- .17; CNN, less .820: badge +1.29 +- .08, alamp +1.23 +- .55. Random
labels, SVM less CNN: 200 labels +7.05 +- 4.80, 800 +.25 +- 1.76, 1,400 -.59 +- .59, 2,000 -.72 +-
1.76, 2,600 -1.39 +- 1.76, 3,200 -1.70 +- 1.35.
"""  # noqa: E501

from _small_schemes import fine_tuning, svm

from jal.experiment import Data, Experiment, Features

NAME = "alamp_fashion_mnist"
WEIGHTS = "runs/weights/efficientnet_lite0.safetensors"
FEATURES = Features("efficientnet_lite0", components=128, weights=WEIGHTS, image_size=64)
DATA = Data("tfds:fashion_mnist", test_size=2000, train_share=0.1, split="per_seed")


def get_config() -> list[Experiment]:
    """SVM, then the CNN."""
    return [svm(NAME, DATA, FEATURES), fine_tuning(NAME, DATA)]
