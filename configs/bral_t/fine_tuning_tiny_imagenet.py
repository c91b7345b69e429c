"""BRAL-T and ActiveFT where a pre-trained ViT is fine-tuned, on TinyImageNet: Table 3, right.

Command: python launch/run.py configs/bral_t/fine_tuning_tiny_imagenet.py
Hardware: a GPU; not yet measured on one. The images take 16.6 GB of its memory.
Data: from the Hub (pip install -e ".[hub]"), 100,000 images of 200 classes, and as the test set
the 10,000 for validation; at 224 x 224. lambda .25.
Classifier and protocol: as fine_tuning_cifar10_imb.py.
Reported: the mean of 3 with 2 and 3 % of the labels in `REPORTED`.
"""

from fine_tuning_cifar10_imb import fine_tuning

from jal.experiment import Data, Experiment

REPORTED = {
    "random": (0.213, 0.348),
    "active_ft": (0.289, 0.359),
    "bral_t": (0.300, 0.392),
}


def get_config() -> Experiment:
    """The experiment."""
    data = Data("hf:zh-plus/tiny-imagenet", image_size=224)
    return fine_tuning("tiny_imagenet", data, 100_000, 0.25, REPORTED)
