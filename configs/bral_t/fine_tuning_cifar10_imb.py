"""BRAL-T and ActiveFT where a pre-trained ViT is fine-tuned, on CIFAR10-imb: Table 3, left.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/fine_tuning_cifar10_imb.py
Hardware: a GPU; not yet measured on one. The images take 5.6 GB of its memory, 9 GB of the host's.
Data: as cifar10_imb.py, at 224 x 224.
Classifier: ViT-S/16, the model of DeiT-Small, with DINO's weights of ImageNet-1k and a new last
layer; in each round all of it is trained from these weights: SGD, 1,000 epochs of 512 a step, a
cosine. From ActiveFT's public code: learning rate .01, weight decay 1e-4, momentum .9 (here
Nesterov's), half precision; not its warm-up, smoothed labels and dropped paths. Crops of four
pixels and flips are ours.
Protocol: ActiveFT chooses 1 % of the pool for all strategies alike, by the features of the weights
given; then two rounds of 1 %; 3 seeds, one at a time. The query ActiveFT goes on with the features
of the classifier as it is then, where its code keeps to the first.
Reported: the mean of 3 with 2 and 3 % of the labels in `REPORTED`.
"""

from _benchmarks import bral_t, rivals

from jal.experiment import Chosen, Data, Execution, Experiment, Imbalance, Protocol, Shown, ViT

REPORTED = {
    "random": (0.841, 0.856),
    "active_ft": (0.838, 0.851),
    "bral_t": (0.852, 0.865),
}
VIT = ViT(
    weights="hf:timm/vit_small_patch16_224.dino",
    normalise="imagenet",
    epochs=1000,
    batch_size=512,
    optimizer="nesterov",
    learning_rate=0.01,
    weight_decay=1e-4,
    schedule="cosine",
    augment=("crop", "flip"),
    precision="bfloat16",
)


def fine_tuning(
    name: str, data: Data, points: int, lambda_: float, reported: dict[str, tuple[float, float]]
) -> Experiment:
    """Table 3's protocol on a pool of so many points."""
    return Experiment(
        name=f"bral_t_fine_tuning_{name}",
        data=data,
        learners={"vit_s16": VIT},
        queries=(bral_t(lambda_), *rivals("random", "active_ft")),
        protocol=Protocol(
            seeds=3,
            rounds=2,
            batch=points // 100,
            start=Chosen(labels=points // 100, strategy="active_ft"),
        ),
        execution=Execution(seeds_at_once=1, segment=1),
        shown=Shown(
            reported={f"vit_s16/{query}": {"accuracy": at[-1]} for query, at in reported.items()}
        ),
    )


def get_config() -> Experiment:
    """The experiment."""
    data = Data("tfds:cifar10", image_size=224, imbalance=Imbalance("step"))
    return fine_tuning("cifar10_imb", data, 27_500, 0.25, REPORTED)
