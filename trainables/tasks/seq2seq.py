"""Sequence to sequence: summaries, translations, and labels written as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Self

import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    GenerationConfig,
    PreTrainedTokenizerBase,
)

from corpora.references import targets_of
from corpora.tokenised import values
from foundation.errors import UserError
from search_spaces.choices import ReferenceScores, RougeTokenizer
from search_spaces.schema import Space
from trainables.tasks.confusion import ConfusionMatrix
from trainables.tasks.encoder_decoder import decoder_inputs, decoder_problem, encode_sources, generate
from trainables.tasks.evaluation import BatchResult, Evaluation
from trainables.tasks.labels import LabelCorrector, labels_of, labels_of_no_class
from trainables.tasks.metric import EVAL_SECONDS, LOSS, Metric
from trainables.tasks.padding import pad
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.rdass import SentenceEncoder
from trainables.tasks.task import Criterion, Limits, Row, TableRow, Task
from trainables.tasks.text_metrics import TEXT_METRICS, TextInputs
from trainables.text.encoding import TextDecoder, encode_with_ends, end_length, text_decoder, truncate
from trainables.text.rouge_tokenizers import TOKENIZERS, text_tokenizer

#: More different targets than this are taken for free text, not for labels.
_MAX_LABELS = 200


def token_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Returns the cross entropy in 32 bit, summed over all tokens whose label is not -100.

    Args:
        logits: [rows, tokens, vocabulary].
        labels: [rows, tokens].
        smoothing: the share of probability that is spread evenly over the vocabulary (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567), as `label_smoothing_factor` of transformers.
    """
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100, reduction="sum", label_smoothing=smoothing
    )


@dataclass(frozen=True)
class Seq2Seq(Task):
    """A text (`source`) and the text to generate from it (`target`).

    A prediction is the generated text. Labels are corrected when it is scored or written.

    Args:
        rouge_tokenizer: the tokenizer that counts ROUGE and BLEU.
        remove_tokens: tokens that are removed from generated text before it is scored and written.
        labels: the only possible targets; generated text is replaced by the nearest of them, and counted. Empty if
            targets are free text.
        rdass_encoder: hub id or folder of the sentence encoder of RDASS; None: RDASS is not computed.
        reference_scores: how ROUGE counts a row with several references (`ReferenceScores`).
        source_prefix: written before every source, such as T5's "summarize: ".
    """

    rouge_tokenizer: str = "kiwi"
    remove_tokens: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rdass_encoder: str | None = None
    reference_scores: str = ReferenceScores.MEAN.value
    source_prefix: str = ""

    name: ClassVar[str] = "seq2seq"
    metrics: ClassVar[tuple[Metric, ...]] = (*TEXT_METRICS, LOSS, EVAL_SECONDS)
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSeq2SeqLM
    is_generative: ClassVar[bool] = True
    tokenizer_roles: ClassVar[tuple[str, ...]] = ("source", "target")
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"class_weights": "none", "regression_loss": "mse"}
    pipeline_tag: ClassVar[str] = "text2text-generation"

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        labels = _labels(rows) if cls.has_classes(space) else ()
        setting = "rdass_encoder" if space.rdass_encoder else "correct_labels" if labels else ""
        if setting and len(space.columns.targets) > 1:
            problem = f"columns.target is a list, and {setting} is set"
            raise UserError(problem, "several references for ROUGE, BLEU and exact_match", f"remove {setting}")
        return cls(
            space.rouge_tokenizer,
            space.remove_tokens,
            labels,
            space.rdass_encoder,
            space.reference_scores.value,
            space.source_prefix or "",
        )

    @classmethod
    def of_model(cls, space: Space, config: Any) -> Self:
        if config.architectures and all(name.endswith("ForSequenceClassification") for name in config.architectures):
            problem = f"model {space.model!r} has a head for classes or numbers, and generates no text"
            raise UserError(problem, "an encoder-decoder such as BART or T5", "--task classification or regression")
        labels = sorted({*(space.data.labels or {}).values()})
        if space.correct_labels and not labels:
            problem = "correct_labels is set, and the labels are unknown: they are not learned from training rows"
            raise UserError(problem, "data.labels with all of them", '--set "data.labels={0: 부정, 1: 긍정}"')
        return cls.learn(space, {"train": [{"target": label} for label in labels]})

    @classmethod
    def split_by(cls, space: Space) -> tuple[str, ...]:
        # Without labels, equal targets are near duplicates: one sentence and its several translations.
        return super().split_by(space) if space.correct_labels else ("source", "target")

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        return space.correct_labels

    def target_problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return labels_of_no_class(split, rows, self.labels) if self.labels else []

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    def available_metrics(self) -> tuple[Metric, ...]:
        settings = {"": True, "rdass_encoder": bool(self.rdass_encoder), "correct_labels": bool(self.labels)}
        return tuple(metric for metric in self.metrics if settings[metric.requires])

    @property
    def metric_tokenizer(self) -> str:
        best = ", best reference" if self.reference_scores == ReferenceScores.BEST else ""
        return text_tokenizer(self.rouge_tokenizer).name + best

    # ---- rows and tokens

    def encode(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits
    ) -> Mapping[str, list[Any]]:
        sources = encode_with_ends([self.source_prefix + _source(row) for row in rows], tokenizer)
        ends = end_length(tokenizer)
        return {
            "input_ids": [truncate(tokens, limits.source, ends) for tokens in sources],
            "length": [min(len(tokens), limits.source) for tokens in sources],
            "cut_source": [len(tokens) > limits.source for tokens in sources],
        }

    def encode_targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits, *, scored: bool
    ) -> Mapping[str, list[Any]]:
        texts = [row["target"] for row in rows]
        targets, ends = encode_with_ends(texts, tokenizer, start=False), end_length(tokenizer)
        columns: dict[str, list[Any]] = {
            "labels": [truncate(tokens, limits.target, ends) for tokens in targets],
            "cut_target": [len(tokens) > limits.target for tokens in targets],
        }
        if not scored:
            return columns
        columns |= {"target": texts, "reference": self._references(texts)}
        if any("target_2" in row for row in rows):
            several = [targets_of(row) for row in rows]
            cut = iter(text_tokenizer(self.rouge_tokenizer).tokenize([text for row in several for text in row]))
            columns |= {"targets": several, "references": [list(islice(cut, len(row))) for row in several]}
        if self.rdass_encoder:
            encoder = _sentence_encoder(self.rdass_encoder)
            columns |= {
                "document_vector": encoder.encode([row["source"] for row in rows]).tolist(),
                "reference_vector": encoder.encode(texts).tolist(),
            }
        return columns

    def _references(self, texts: Sequence[str]) -> list[list[str]]:
        tokens = text_tokenizer(self.rouge_tokenizer).tokenize(texts)
        empty = sum(not row for row in tokens)
        if empty > len(tokens) / 2:
            problem = (
                f"rouge_tokenizer {self.rouge_tokenizer} returns no token for {empty:,} of {len(tokens):,} targets"
            )
            others = [name for name in TOKENIZERS if not name.startswith(RougeTokenizer.ROUGE_SCORE)]
            raise UserError(f"{problem}; rouge_score keeps only a–z and 0–9", ", ".join(others), "use kiwi for Korean")
        return tokens

    def text_decoder(self, tokenizer: PreTrainedTokenizerBase) -> TextDecoder:
        return text_decoder(tokenizer, self.remove_tokens)

    # ---- model

    def model_problem(self, config: Any) -> str:
        return decoder_problem(config)

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: Any) -> dict[str, torch.Tensor]:
        batch = pad(rows, {"input_ids": int(model.config.pad_token_id), "labels": -100})
        if "labels" in batch:
            # The loss removes the labels from the model's inputs, so that the model cannot shift them itself.
            batch["decoder_input_ids"] = decoder_inputs(model, batch["labels"])
        return batch

    def mask_labels(self, row: Mapping[str, Any]) -> TableRow:
        return {**row, "labels": [-100] * len(row["labels"])}

    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        return lambda outputs, labels: token_loss(outputs["logits"], labels, smoothing)

    def evaluate(
        self, model: Any, batch: Mapping[str, torch.Tensor], decode: TextDecoder, decoding: GenerationConfig | None
    ) -> BatchResult:
        encoded = encode_sources(model, batch)
        outputs = model(
            encoder_outputs=encoded,
            attention_mask=batch["attention_mask"],
            decoder_input_ids=batch["decoder_input_ids"],
        )
        generated = generate(model, batch, encoded, decoding)
        pad_token_id = int(model.config.pad_token_id)
        return BatchResult(
            loss=token_loss(outputs["logits"], batch["labels"]).item(),
            counted=(batch["labels"] != -100).sum().item(),
            predictions=decode(generated),
            # The first token is the decoder's start token, which is not generated.
            sizes=[sum(token != pad_token_id for token in sequence[1:]) for sequence in generated],
        )

    def predict(
        self, model: Any, batch: Mapping[str, torch.Tensor], decode: TextDecoder, decoding: GenerationConfig | None
    ) -> list[Any]:
        return decode(generate(model, batch, encode_sources(model, batch), decoding))

    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> TextInputs:
        texts, corrected = evaluation.predictions, 0.0
        if self.labels:
            texts, corrected = _corrector(self.labels).correct_all(texts)
        return TextInputs(
            evaluation,
            texts,
            targets=_all_of(table, "target"),
            references=_all_of(table, "reference"),
            tokenizer=text_tokenizer(self.rouge_tokenizer),
            best_reference=self.reference_scores == ReferenceScores.BEST,
            labels=self.labels,
            corrected=corrected,
            encoder=_sentence_encoder(self.rdass_encoder) if self.rdass_encoder else None,
            document_vectors=values(table, "document_vector") if self.rdass_encoder else None,
            reference_vectors=values(table, "reference_vector") if self.rdass_encoder else None,
        )

    def confusion(self, rows: Sequence[Row], predictions: Sequence[str]) -> ConfusionMatrix | None:
        if not self.labels:
            return None
        texts, _ = _corrector(self.labels).correct_all(predictions)
        number = {label: index for index, label in enumerate(self.labels)}
        return ConfusionMatrix.count(
            self.labels, [number[row["target"]] for row in rows], [number[text] for text in texts]
        )

    # ---- predictions as text

    def format_prediction(self, prediction: str, options: PredictionFormat) -> str:
        return _corrector(self.labels).correct(prediction)[0] if self.labels else prediction

    def output_line(self, prediction: str, text: str, options: PredictionFormat) -> str:
        """Returns the generated text alone."""
        return self.format_prediction(prediction, options)


def _source(row: Row) -> str:
    return f"{row['source']} {row['pair']}" if row.get("pair") else row["source"]


def _labels(rows: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    different = len({row["target"] for row in rows["train"]})
    if different > _MAX_LABELS:  # before `labels_of`, which would report each free text of dev as an unknown label
        raise UserError(
            f"correct_labels: the training rows have {different} different targets",
            f"2 to {_MAX_LABELS} labels",
            "remove correct_labels if the targets are free text",
        )
    return labels_of(rows)


def _all_of(table: Any, column: str) -> list[Any]:
    """Returns the targets, or their tokens, of each row; a table without several per row has one."""
    several = f"{column}s"
    names = table if isinstance(table, Mapping) else table.column_names
    return values(table, several) if several in names else [[one] for one in values(table, column)]


@cache
def _corrector(labels: tuple[str, ...]) -> LabelCorrector:
    return LabelCorrector(labels)


@cache
def _sentence_encoder(source: str) -> SentenceEncoder:
    return SentenceEncoder(source)
