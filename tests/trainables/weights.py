"""What tests of models share."""

import torch
from transformers import PreTrainedModel

#: What a tokenizer of a few words is trained on.
TEXTS = ["#Person1#: 안녕하세요, 3시 20분에 봐요.", "#Person2#는 #Person1#에게 전화한다."] * 3


def same_weights(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    """Whether all parameters of two models of one shape are equal."""
    return all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))
