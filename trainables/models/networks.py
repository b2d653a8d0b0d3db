"""Small networks for text classification: an RNN and Kim's CNN, as transformers models.

This file imports nothing of kotune: transformers copies it into every saved folder, so that the folder loads without
kotune (`AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)`). If kotune is installed,
importing this module registers the classes, and a folder is loaded with them instead of its own copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
POOLINGS = ("last", "max", "mean")
_COUNT, _SHARE = "a whole number from 1 up", "a number from 0 to below 1"


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1


def _is_width_list(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]*(-[1-9][0-9]*)*", text) is not None


def _problems(config: PreTrainedConfig, names: Sequence[str], holds: Callable[[Any], bool], what: str) -> list[str]:
    return [f"{name} {value!r} is not {what}" for name in names if not holds(value := getattr(config, name))]


def _raise_problems(config: PreTrainedConfig, problems: list[str]) -> None:
    problems += _problems(config, ("num_labels",), _is_count, _COUNT)
    loss = "regression" if config.num_labels == 1 else "single_label_classification"
    if config.problem_type not in (None, loss):
        problems.append(f"problem_type {config.problem_type!r} is not {loss}, with num_labels {config.num_labels}")
    if problems:
        raise ValueError(f"{type(config).__name__}: {'; '.join(problems)}")


class RnnConfig(PreTrainedConfig):
    """A (bidirectional) LSTM or GRU over word embeddings.

    Args:
        dropout: dropout probability between the layers and before the classifier.
        token_dropout: probability that the whole embedding of a token is dropped (Gal & Ghahramani 2016,
            https://arxiv.org/abs/1512.05287), so that no single word decides.
        pooling: `last`, the final state of each direction; `max` or `mean`, over the outputs of the last layer.

    Raises:
        ValueError: invalid fields; all of them in one message.
    """

    model_type = "kotune_rnn"
    vocab_size: int = 8000
    embedding_size: int = 128
    hidden_size: int = 256
    num_layers: int = 4
    dropout: float = 0.3
    token_dropout: float = 0.0
    bidirectional: bool = True
    cell: str = "lstm"
    pooling: str = "last"
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        problems = [
            *_problems(self, ("vocab_size", "embedding_size", "hidden_size", "num_layers"), _is_count, _COUNT),
            *_problems(self, ("dropout", "token_dropout"), _is_share, _SHARE),
            *_problems(self, ("bidirectional",), (True, False).__contains__, "true or false"),
            *_problems(self, ("cell",), tuple(CELLS).__contains__, f"one of {', '.join(CELLS)}"),
            *_problems(self, ("pooling",), POOLINGS.__contains__, f"one of {', '.join(POOLINGS)}"),
        ]
        _raise_problems(self, problems)


class CnnConfig(PreTrainedConfig):
    """Convolutions over word embeddings, the maximum of each filter over the text, and a classifier.

    Args:
        num_filters: filters of each width.
        filter_sizes: widths in tokens, as "3-4-5" or [3, 4, 5]; stored as text, so that it can be a choice of a search.
        dropout: dropout probability of filters before the classifier.
        embedding_dropout: dropout probability of embedding units.
        token_dropout: probability that the whole embedding of a token is dropped (Gal & Ghahramani 2016,
            https://arxiv.org/abs/1512.05287), so that no single word decides.

    Raises:
        ValueError: invalid fields; all of them in one message.
    """

    model_type = "kotune_cnn"
    vocab_size: int = 8000
    embedding_size: int = 256
    num_filters: int = 100
    filter_sizes: str | Sequence[int] = "3-4-5"
    dropout: float = 0.3
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        sizes = self.filter_sizes
        self.filter_sizes = "-".join(map(str, sizes if isinstance(sizes, list | tuple) else [sizes]))
        problems = [
            *_problems(self, ("vocab_size", "embedding_size", "num_filters"), _is_count, _COUNT),
            *_problems(self, ("dropout", "embedding_dropout", "token_dropout"), _is_share, _SHARE),
            *_problems(self, ("filter_sizes",), _is_width_list, f"{_COUNT}, or several joined by hyphens, as 3-4-5"),
        ]
        _raise_problems(self, problems)

    @property
    def widths(self) -> list[int]:
        """Filter widths in tokens."""
        return [int(width) for width in str(self.filter_sizes).split("-")]


class _TextNetwork(PreTrainedModel):
    """Base class of both networks: the embedding, the initial weights, and the loss."""

    _input_embed_layer = "embedding"  # the attribute that transformers resizes with the vocabulary

    def __init__(self, config: RnnConfig | CnnConfig, features: int) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        self.token_dropout = nn.Dropout(config.token_dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(features, cast(int, config.num_labels))

    def _embed(self, input_ids: Tensor, attention_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns embeddings [rows, tokens, width], with each row's real tokens first and zeros after them, and the
        number of real tokens [rows].

        A row without tokens counts as one token of zeros.
        """
        if attention_mask is not None:
            real = attention_mask.bool()
        elif self.config.pad_token_id is not None:
            real = input_ids != self.config.pad_token_id
        else:
            real = torch.ones_like(input_ids, dtype=torch.bool)
        if input_ids.shape[1] == 0:
            input_ids, real = nn.functional.pad(input_ids, (0, 1)), nn.functional.pad(real, (0, 1))
        # The sort is stable, so that the text keeps its order whether padding is on the left, within or on the right.
        order = real.logical_not().to(torch.uint8).argsort(dim=1, stable=True)
        mask = self.token_dropout(real.gather(1, order).to(self.embedding.weight.dtype))  # [rows, tokens]
        return self.embedding(input_ids.gather(1, order)) * mask.unsqueeze(-1), real.sum(dim=1).clamp(min=1)

    def _classify(self, features: Tensor, labels: Tensor | None) -> SequenceClassifierOutput:
        logits = self.classifier(self.dropout(features))  # [rows, num_labels]
        return SequenceClassifierOutput(loss=None if labels is None else _loss(logits.float(), labels), logits=logits)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -0.25, 0.25)  # as in Kim 2014 for words without a pre-trained vector
            if module.padding_idx is not None:
                module.weight[module.padding_idx].zero_()
        elif isinstance(module, nn.Linear | nn.Conv1d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LSTM | nn.GRU):
            _initialise_rnn(module)


def _initialise_rnn(rnn: nn.LSTM | nn.GRU) -> None:
    """Sets Glorot weights for the input, orthogonal ones for the recurrence (Saxe et al. 2014,
    https://arxiv.org/abs/1312.6120), and a forget gate bias of 1 for an LSTM (Jozefowicz et al. 2015,
    https://proceedings.mlr.press/v37/jozefowicz15.html)."""
    for name, parameter in rnn.named_parameters():
        gates = parameter.view(-1, rnn.hidden_size, *parameter.shape[1:])  # input, forget, cell, output; GRU has 3
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih") and isinstance(rnn, nn.LSTM):
                gates[1].fill_(1)
        for gate in gates if name.startswith("weight") else []:
            (nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_)(gate)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean squared error for one label, and cross entropy without rows labelled -100 for more."""
    if logits.shape[-1] == 1:
        return nn.functional.mse_loss(logits.squeeze(-1), labels.to(logits.dtype).view(-1))
    return nn.functional.cross_entropy(logits, labels.view(-1))


class RnnForSequenceClassification(_TextNetwork):
    """A text classifier with an LSTM (Hochreiter & Schmidhuber 1997) or a GRU (Cho et al. 2014)."""

    config_class = RnnConfig

    def __init__(self, config: RnnConfig) -> None:
        super().__init__(config, features=config.hidden_size * (1 + config.bidirectional))
        self.rnn = CELLS[config.cell](
            config.embedding_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,  # torch applies it between layers only
            bidirectional=config.bidirectional,
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None, **ignored: Any
    ) -> SequenceClassifierOutput:
        """Returns logits [rows, num_labels], and the loss if there are `labels` [rows]; padding has no effect."""
        embedded, lengths = self._embed(input_ids, attention_mask)
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, state = self.rnn(packed)
        if self.config.pooling == "last":
            final = state[0] if isinstance(state, tuple) else state  # [layers * directions, rows, hidden]
            return self._classify(final[-(1 + self.config.bidirectional) :].transpose(0, 1).flatten(1), labels)
        if self.config.pooling == "max":
            # [rows, tokens, directions * hidden]
            steps, _ = pad_packed_sequence(outputs, batch_first=True, padding_value=float("-inf"))
            return self._classify(steps.amax(dim=1), labels)
        steps, _ = pad_packed_sequence(outputs, batch_first=True)
        return self._classify(steps.sum(dim=1) / lengths.unsqueeze(-1), labels)


class CnnForSequenceClassification(_TextNetwork):
    """The CNN of Kim 2014, https://aclanthology.org/D14-1181, with one channel of trained embeddings."""

    config_class = CnnConfig

    def __init__(self, config: CnnConfig) -> None:
        super().__init__(config, features=config.num_filters * len(config.widths))
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.embedding_size, config.num_filters, width) for width in config.widths
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None, **ignored: Any
    ) -> SequenceClassifierOutput:
        """Returns logits [rows, num_labels], and the loss if there are `labels` [rows]; padding has no effect.

        Every real token starts a window; windows beyond the last token are filled with zeros.
        """
        embedded, lengths = self._embed(input_ids, attention_mask)
        tokens = torch.arange(embedded.shape[1], device=lengths.device)
        beyond = (tokens >= lengths.unsqueeze(-1)).unsqueeze(1)  # [rows, 1, tokens]
        channels = self.embedding_dropout(embedded).transpose(1, 2)  # [rows, width, tokens]
        outputs = [
            convolution(nn.functional.pad(channels, (0, width - 1)))  # [rows, filters, tokens]
            for convolution, width in zip(self.convolutions, self.config.widths, strict=True)
        ]
        # `max`: the gradient of `amax` costs more. ReLU and maximum can be exchanged.
        maxima = [output.masked_fill_(beyond, float("-inf")).max(dim=-1).values.relu() for output in outputs]
        return self._classify(torch.cat(maxima, dim=-1), labels)


_NETWORKS: dict[type[PreTrainedConfig], type[PreTrainedModel]] = {
    RnnConfig: RnnForSequenceClassification,
    CnnConfig: CnnForSequenceClassification,
}
for _config, _network in _NETWORKS.items():
    _config.register_for_auto_class()
    _network.register_for_auto_class("AutoModelForSequenceClassification")
    if not __name__.startswith("transformers_modules."):  # the copy in a folder is used for that folder only
        AutoConfig.register(_config.model_type, _config, exist_ok=True)
        AutoModelForSequenceClassification.register(_config, _network, exist_ok=True)
