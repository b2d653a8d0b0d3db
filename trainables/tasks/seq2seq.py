"""Sequence to sequence: summaries, translations, and labels written as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import torch
from transformers import AutoModelForSeq2SeqLM, GenerationConfig, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from corpora.tokenised import values
from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.tasks import class_metrics, metrics, text_metrics
from trainables.tasks.labels import learned_labels, unknown_labels
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.task import BatchResult, Criterion, Decode, Evaluation, Row, Task, pad
from trainables.text.decoding import reads_the_source
from trainables.text.encoding import cut, encode
from trainables.text.rouge_tokenizers import text_tokenizer

#: So many different targets are labels at most; more are texts.
_MOST_LABELS = 200


def token_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Summed cross entropy over all tokens whose label is not -100, in 32 bit.

    Args:
        logits: [rows, tokens, vocabulary].
        labels: [rows, tokens].
        smoothing: share of probability spread evenly over the vocabulary (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567), as `label_smoothing_factor` of transformers.
    """
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100, reduction="sum", label_smoothing=smoothing
    )


@dataclass(frozen=True)
class Seq2Seq(Task):
    """A text (`source`) and what is to be written of it (`target`).

    Args:
        labels: the only targets there are; what is written is corrected to the nearest of them, and counted.
        rdass_encoder: a sentence encoder for RDASS; None leaves that metric out.
    """

    rouge_tokenizer: str = "kiwi"
    remove_tokens: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rdass_encoder: str | None = None

    name: ClassVar[str] = "seq2seq"
    directions: ClassVar[Mapping[str, str]] = {
        "rouge_1": "max",
        "rouge_2": "max",
        "rouge_l": "max",
        "rouge_sum": "max",
        "bleu_1": "max",
        "bleu_2": "max",
        "bleu_3": "max",
        "bleu_4": "max",
        "exact_match": "max",
        "rdass": "max",  # with rdass_encoder
        "accuracy": "max",  # with correct_labels, as the next three
        "macro_f1": "max",
        "weighted_f1": "max",
        "corrected": "min",  # share of outputs that were no label
        "loss": "min",
        "gen_len": "min",
        "eval_seconds": "min",
    }
    usual_metric: ClassVar[str] = "rouge_sum"
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSeq2SeqLM
    is_generative: ClassVar[bool] = True
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"class_weights": "none", "regression_loss": "mse"}
    tag: ClassVar[str] = "text2text-generation"

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        labels = _labels(rows) if cls.has_classes(space) else ()
        return cls(space.rouge_tokenizer, space.remove_tokens, labels, space.rdass_encoder)

    @classmethod
    def split_by(cls, space: Space) -> tuple[str, ...]:
        return ("source",) if space.correct_labels else ("source", "target")  # a sentence has several translations

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        return space.correct_labels

    def problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return unknown_labels(split, rows, self.labels) if self.labels else []

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    def available_metrics(self) -> tuple[str, ...]:
        left_out = {"rdass"} if not self.rdass_encoder else set()
        left_out |= {"accuracy", "macro_f1", "weighted_f1", "corrected"} if not self.labels else set()
        return tuple(name for name in self.directions if name not in left_out)

    @property
    def scored_with(self) -> str:
        return text_tokenizer(self.rouge_tokenizer).name

    # ---- rows and tokens

    def encode(self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int) -> dict[str, list[Any]]:
        sources = encode([_source(row) for row in rows], tokenizer)
        return {
            "input_ids": [cut(tokens, limit) for tokens in sources],
            "length": [min(len(tokens), limit) for tokens in sources],
            "cut_source": [len(tokens) > limit for tokens in sources],
        }

    def targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int, *, scored: bool
    ) -> dict[str, list[Any]]:
        texts = [row["target"] for row in rows]
        targets = encode(texts, tokenizer, start=False)
        found: dict[str, list[Any]] = {
            "labels": [cut(tokens, limit) for tokens in targets],
            "cut_target": [len(tokens) > limit for tokens in targets],
        }
        if not scored:
            return found
        found |= {"target": texts, "reference": text_tokenizer(self.rouge_tokenizer).tokenize(texts)}
        if self.rdass_encoder:
            encoder = _sentence_encoder(self.rdass_encoder)
            found |= {
                "document_vector": encoder.encode([row["source"] for row in rows]).tolist(),
                "reference_vector": encoder.encode(texts).tolist(),
            }
        return found

    # ---- model

    def model_problem(self, config: Any) -> str:
        return "" if config.is_encoder_decoder else "which has no decoder that writes"

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: Any) -> dict[str, torch.Tensor]:
        batch = pad(rows, {"input_ids": int(model.config.pad_token_id), "labels": -100})
        if "labels" in batch:
            # The loss takes the labels away from the model, which then cannot shift them itself.
            batch["decoder_input_ids"] = model.prepare_decoder_input_ids_from_labels(labels=batch["labels"])
        return batch

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "labels": [-100] * len(row["labels"])}

    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        return lambda outputs, labels: token_loss(outputs["logits"], labels, smoothing)

    def evaluate(
        self, model: Any, batch: Mapping[str, torch.Tensor], decode: Decode, decoding: GenerationConfig | None
    ) -> BatchResult:
        encoded = _encoded(model, batch)
        outputs = model(
            encoder_outputs=encoded,
            attention_mask=batch["attention_mask"],
            decoder_input_ids=batch["decoder_input_ids"],
        )
        generated = _generated(model, batch, encoded, decoding)
        pad_token_id = int(model.config.pad_token_id)
        return BatchResult(
            loss=token_loss(outputs["logits"], batch["labels"]).item(),
            counted=(batch["labels"] != -100).sum().item(),
            predictions=decode(generated),
            # Without the decoder's own first token, which it was given.
            sizes=[sum(token != pad_token_id for token in sequence[1:]) for sequence in generated],
        )

    def predict(
        self, model: Any, batch: Mapping[str, torch.Tensor], decode: Decode, decoding: GenerationConfig | None
    ) -> list[Any]:
        """Texts as they were generated: labels are corrected where they are written or scored."""
        return decode(_generated(model, batch, _encoded(model, batch), decoding))

    # ---- scores

    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        texts, targets = evaluation.predictions, values(table, "target")
        found: dict[str, float] = {}
        if self.labels:
            texts, found["corrected"] = _corrector(self.labels).correct_all(texts)
            found |= self._scored_as_labels(texts, targets)
        tokens = text_tokenizer(self.rouge_tokenizer).tokenize(texts)
        references = values(table, "reference")
        found |= {
            **metrics.rouge(references, tokens),
            **text_metrics.bleu(references, tokens),
            "exact_match": text_metrics.exact_match(targets, texts),
        }
        if self.rdass_encoder:
            written = _sentence_encoder(self.rdass_encoder).encode(texts)
            documents, truths = (values(table, f"{name}_vector") for name in ("document", "reference"))
            found["rdass"] = text_metrics.rdass(documents, truths, written)
        return {
            **found,
            "loss": evaluation.loss,
            "gen_len": evaluation.generated_tokens,
            "eval_seconds": evaluation.seconds,
        }

    def written(self, prediction: str, wanted: PredictionFormat) -> str:
        return _corrector(self.labels).correct(prediction)[0] if self.labels else prediction

    def chosen(self, prediction: str) -> int:
        return self.labels.index(_corrector(self.labels).correct(prediction)[0])

    def _scored_as_labels(self, texts: Sequence[str], targets: Sequence[str]) -> dict[str, float]:
        number = {label: index for index, label in enumerate(self.labels)}
        chosen = [[float(label == text) for label in self.labels] for text in texts]
        return class_metrics.classification([number[target] for target in targets], chosen, self.labels)


def _source(row: Row) -> str:
    return f"{row['source']} {row['pair']}" if row.get("pair") else row["source"]


def _labels(rows: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    different = len({row["target"] for row in rows["train"]})
    if different > _MOST_LABELS:  # first, or a free text would be told as a label that train does not know
        raise UserError(
            f"correct_labels: the training rows have {different} different targets",
            f"2 to {_MOST_LABELS} labels",
            "take correct_labels out if the targets are free text",
        )
    return learned_labels(rows)


def _encoded(model: Any, batch: Mapping[str, torch.Tensor]) -> Any:
    """Encoded once, read twice: by the loss and by generation."""
    return model.get_encoder()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], return_dict=True)


def _generated(
    model: Any, batch: Mapping[str, torch.Tensor], encoded: Any, decoding: GenerationConfig | None
) -> list[list[int]]:
    decoding = decoding or model.generation_config
    source = (
        {"input_ids": batch["input_ids"]}
        if reads_the_source(decoding)
        else {"encoder_outputs": BaseModelOutput(last_hidden_state=encoded.last_hidden_state)}
    )
    generated = model.generate(**source, attention_mask=batch["attention_mask"], generation_config=decoding)
    sequences: list[list[int]] = generated[:: decoding.num_return_sequences or 1].tolist()
    return sequences


@cache
def _corrector(labels: tuple[str, ...]) -> text_metrics.LabelCorrector:
    return text_metrics.LabelCorrector(labels)


@cache
def _sentence_encoder(where: str) -> text_metrics.SentenceEncoder:
    return text_metrics.SentenceEncoder(where)
