"""ResNet in torch, with torchvision's parameter names; weights and statistics are random."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        # (outputs, size, stride) of each convolution; v1.5: the 3x3 has the stride.
        convs = (
            [(width, 1, 1), (width, 3, stride), (outputs, 1, 1)]
            if bottleneck
            else [(width, 3, stride), (width, 3, 1)]
        )
        before = inputs
        for i, (after, size, step) in enumerate(convs, 1):
            setattr(self, f"conv{i}", nn.Conv2d(before, after, size, step, size // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(after))
            before = after
        self.count = len(convs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.count else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, depth, num_classes, cifar=False):
        super().__init__()
        sizes = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
        self.conv1 = nn.Conv2d(
            3, 64, 3 if cifar else 7, 1 if cifar else 2, 1 if cifar else 3, bias=False
        )
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.Identity() if cifar else nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, size in enumerate(sizes):
            blocks = []
            for i in range(size):
                stride = 2 if number > 0 and i == 0 else 1
                blocks.append(Block(inputs, 64 * 2**number, stride, depth == 50))
                inputs = 64 * 2**number * (4 if depth == 50 else 1)
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def random_resnet(depth, num_classes, cifar=False):
    """A ResNet whose batch norms have random scales, offsets and running statistics.

    He's initialisation, so that the logits depend on the image.
    """
    torch.manual_seed(depth)
    model = ResNet(depth, num_classes, cifar)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 1.0, 2.0)
    return model
