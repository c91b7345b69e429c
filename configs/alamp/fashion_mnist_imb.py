"""ALAMP on imbalanced Fashion-MNIST, the SVM on features of ImageNet.

Command: python launch/prepare_data.py fashion_mnist
         python launch/convert_weights.py efficientnet_lite0 --out runs/weights/efficientnet_lite0.safetensors
         python launch/run.py configs/alamp/fashion_mnist_imb.py
Data: of all 70,000 images each seed draws 2,000 to test on, as many of each class, and a pool that
has 2,000 of the first class, and fewer of each next one by the same factor, to a ratio of deviation
to mean of .75.
Features: EfficientNet-Lite0's of the images enlarged to 64 pixels, with weights of ILSVRC, once.
Protocol: 200 labels at random, then 15 rounds of 200; 20 seeds; weighted SVM. See _small_schemes.py.
Took 23 minutes on two cores with other work beside it, of which compilation 16 s.
Found: docs/pages/alamp.md.
"""  # noqa: E501

from _small_schemes import svm

from jal.experiment import Data, Experiment, Features, Imbalance

WEIGHTS = "runs/weights/efficientnet_lite0.safetensors"
FEATURES = Features("efficientnet_lite0", components=128, weights=WEIGHTS, image_size=64)
IMBALANCE = Imbalance("ratio", 0.75, largest=2000)


def get_config() -> Experiment:
    """The SVM."""
    data = Data("tfds:fashion_mnist", test_size=2000, imbalance=IMBALANCE, split="per_seed")
    return svm("alamp_fashion_mnist_imb", data, FEATURES, imbalanced=True)
