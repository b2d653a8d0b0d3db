"""The short trial that benchmarks repeat: its data, its settings and a version written by hand.

64 rows in two optimizer steps, then loss, greedy summaries of 16 tokens and whitespace ROUGE on 16 rows: a few
tenths of a second of work on one thread, so that the overhead of a way of running trials is visible. This module
uses transformers but not Ray.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, load_from_disk
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)
from transformers.utils import logging as transformers_logging

from search_spaces.draft import from_dict
from search_spaces.schema import Space
from trainables.tasks.text_metrics import rouge
from trainables.text.rouge_tokenizers import WhitespaceTokenizer

TRAIN_ROWS, DEV_ROWS = 64, 16
NEW_TOKENS = 16  # of every generated summary, so that equal trials do equal work
RATES = (1e-4, 1e-3)  # range of learning rates, sampled on a logarithmic scale
SEED = 0
#: Settings of every trial, by the names of `Seq2SeqTrainingArguments`.
TRAINING: dict[str, Any] = {
    "num_train_epochs": 1,
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": DEV_ROWS,
}


@dataclass(frozen=True)
class Prepared:
    """Folders that every trial starts from."""

    base_model: str
    train: str
    dev: str

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Prepared:
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def short_space(data: Path, trials: int, slots: int) -> Space:
    """Returns the space of a study of short trials on the embedded sample, which is written to `data`."""
    from corpora.samples.dialogues import write_samples

    files = write_samples(data, train=TRAIN_ROWS, dev=DEV_ROWS, test=DEV_ROWS)
    low, high = RATES
    return from_dict(
        {
            "name": "short",
            "model": "scratch:tiny",
            "metric": "rouge_sum",
            "mode": "max",
            "rouge_tokenizer": "whitespace",
            "columns": {"id": "fname", "source": "dialogue", "target": "summary"},
            "max_source_length": 96,
            "max_target_length": 32,
            "fixed": {
                **TRAINING,
                "min_new_tokens": NEW_TOKENS,
                "max_new_tokens": NEW_TOKENS,
                "num_beams": 1,
                "group_by_length": False,
            },
            "search": {"learning_rate": {"log": [low, high]}},
            "scheduler": {"name": "none"},
            "sampler": {"name": "random"},
            "budget": {"trials": trials},
            "slots": {"count": slots, "gpus_per_worker": 0},
            "wandb": {"mode": "disabled"},
            "data": {"train": str(files["train"]), "dev": str(files["dev"])},
            "seed": SEED,
        },
        "the short trial",
    )


def prepare(folder: Path) -> Prepared:
    """Prepares base model and tokenised rows, with kotune's code, for the ways that have no preparation step."""
    from tuning import preparation  # imports Optuna, which the plain process does not need
    from tuning.studies.study import Study

    study = Study.create(short_space(folder / "data", trials=1, slots=1), folder, "prepared")
    material = preparation.prepare(study, preparation.read(study.space), lambda text: None)
    (tables,) = material.tables.values()
    return Prepared(str(study.paths.base_model()), tables["train"], tables["dev"])


def learning_rate(number: int) -> float:
    """Returns the learning rate of trial `number`, as a random search draws it."""
    low, high = RATES
    return float(low * (high / low) ** random.Random(f"{SEED} {number}").random())


@dataclass(frozen=True)
class Material:
    """Objects that a process loads once and uses for all its trials."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    train: Dataset  # input_ids, labels
    dev: Dataset

    @classmethod
    def load(cls, prepared: Prepared) -> Material:
        one_thread()
        columns = ["input_ids", "labels"]
        return cls(
            load_model(prepared.base_model),
            AutoTokenizer.from_pretrained(prepared.base_model),
            load_from_disk(prepared.train).select_columns(columns),
            load_from_disk(prepared.dev).select_columns(columns),
        )

    def fresh_model(self) -> PreTrainedModel:
        return copy.deepcopy(self.model)


def one_thread() -> None:
    """Limits torch to one thread and disables the log of transformers."""
    import torch

    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def load_model(folder: str) -> PreTrainedModel:
    """Loads the base model with the decoding settings of the short trial."""
    model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model.generation_config.min_new_tokens = model.generation_config.max_new_tokens = NEW_TOKENS
    model.generation_config.max_length = None
    model.generation_config.num_beams = 1
    return model


def make_trainer(
    material: Material, rate: float, folder: Path, model_init: Callable[[], PreTrainedModel] | None = None
) -> Seq2SeqTrainer:
    """Returns the trainer of one trial. Without `model_init`, it gets a copy of the model in memory."""
    arguments = Seq2SeqTrainingArguments(
        **TRAINING,
        output_dir=str(folder),
        learning_rate=rate,
        seed=SEED,
        eval_strategy="epoch",
        save_strategy="no",
        predict_with_generate=True,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    set_seed(SEED)
    model = None if model_init else material.fresh_model()
    return Seq2SeqTrainer(
        model=model,
        model_init=model_init,
        args=arguments,
        train_dataset=material.train,
        eval_dataset=material.dev,
        data_collator=DataCollatorForSeq2Seq(material.tokenizer, model=model or material.model),
        compute_metrics=scorer(material.tokenizer),
    )


def run_by_hand(material: Material, rate: float, folder: Path) -> dict[str, float]:
    """Trains and evaluates one trial; returns its metrics."""
    trainer = make_trainer(material, rate, folder)
    trainer.train()
    return evaluation(trainer)


def evaluation(trainer: Seq2SeqTrainer) -> dict[str, float]:
    """Returns the metrics of the trainer's last evaluation.

    Raises:
        RuntimeError: the number of steps is not that of the short trial.
    """
    metrics = next(entry for entry in reversed(trainer.state.log_history) if "eval_loss" in entry)
    steps = TRAIN_ROWS // TRAINING["per_device_train_batch_size"]
    if trainer.state.global_step != steps:
        raise RuntimeError(f"{trainer.state.global_step} steps instead of {steps}")
    return {name: float(value) for name, value in metrics.items() if name.startswith("eval_")}


def scorer(tokenizer: PreTrainedTokenizerBase) -> Callable[[EvalPrediction], dict[str, float]]:
    """Returns `compute_metrics` for `Seq2SeqTrainer`: ROUGE of whitespace tokens."""

    def score(prediction: EvalPrediction) -> dict[str, float]:
        texts, references = (_decode(tokenizer, ids) for ids in (prediction.predictions, prediction.label_ids))
        return rouge(references, texts)

    return score


def _decode(tokenizer: PreTrainedTokenizerBase, ids: Any) -> list[list[str]]:
    filled = np.where(ids != -100, ids, tokenizer.pad_token_id)
    return WhitespaceTokenizer().tokenize(tokenizer.batch_decode(filled, skip_special_tokens=True))
