"""ALAMP where a small network has learned from other classes of Fashion-MNIST.

Command: python launch/prepare_data.py fashion_mnist
         python launch/pretrain.py configs/bral_t/fine_tuning_fashion_mnist.py --data.classes 5 6 7 8 9 --data.train-share 1 --learners.cnn.epochs 5 --learners.cnn.channels 8 16 --out runs/weights/fashion_mnist_5_9_small.safetensors
         python launch/run.py configs/alamp/five_classes.py
Data: the classes 0 to 4 (T-shirt, trouser, pullover, dress, coat); of their 35,000 images each seed
draws 6,600 for the pool and 2,000 to test on. The weights are made of the other five classes.
Protocol: both of the paper's schemes with one network: the SVM on its last hidden layer, 64
features, with 20 seeds, and all of it fine-tuned, with 5; 200 labels at random, then 15 rounds of
200, or 5 of 600 where it is fine-tuned. Then the switch between the two. See _small_schemes.py.
Took 29 min on two CPU cores that had the test suite beside it, of which compilation 83 s: the SVM 11,
fine-tuning 12, the switch 5.
Found (points, 95 % intervals over 20 splits, of fine-tuning 5, uncorrected): AUBC less random's .807,
SVM: margin +.93 +- .23, margin_div +.83 +- .21, random_div -.02 +- .27, k_center -.21 +- .21,
alamp_div -.39 +- .27, alamp -.80 +- .42; fine-tuning, less .854: badge +.51 +- .32, alamp -2.11 +-
8.06, since one fit of it stayed at chance. Random labels, SVM less fine-tuning: 200 labels +2.23 +-
4.76, 800 -4.38 +- 1.19, 1,400 -4.58 +- .70, 2,000 -5.63 +- .86, 2,600 -6.13 +- 1.16, 3,200 -6.11 +-
1.54.
"""  # noqa: E501

from _small_schemes import fine_tuning, svm, switch

from jal.experiment import Data, Experiment, Features

NAME = "alamp_five_classes"
WEIGHTS = "runs/weights/fashion_mnist_5_9_small.safetensors"
FEATURES = Features("cnn", weights=WEIGHTS)
DATA = Data(
    "tfds:fashion_mnist",
    classes=(0, 1, 2, 3, 4),
    test_size=2000,
    train_share=0.2,
    split="per_seed",
)


def get_config() -> list[Experiment]:
    """SVM, fine-tuning, and the switch from one to the other."""
    return [
        svm(NAME, DATA, FEATURES),
        fine_tuning(NAME, DATA, WEIGHTS),
        switch(NAME, DATA, WEIGHTS),
    ]
