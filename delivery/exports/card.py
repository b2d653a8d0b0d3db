"""The model card of an exported folder: scores, how to use the model, configuration, data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.results.scores import rouge_parts
from delivery.results.summary import Summary
from delivery.results.summary_lines import compare_default
from foundation.secrets import redact
from search_spaces.choices import ExportFormat, TokenizerKind
from trainables.tasks.task import Task
from trainables.text.encoding import adds_end_token
from trainables.text.word_tokenizers import CUT
from tuning.studies.study import Study

_CARD = """\
---
language: [ko]
library_name: transformers
tags: [{tag}, kotune]
---

# {study}

Found by kotune, trial `{trial}` of {trials}, epoch {epoch:g}.

| | |
|---|---|
| {metric} on dev | **{value:.4f}**{parts} |
{test}{scored}| {default_name} | {default} |
| search space | {space} |
| base model | {base} |
| weights | {weights} |

## Use

```python
{use}
```

{notes}
## Configuration

```json
{config}
```

## Data

{data}
"""

_USE_GENERATIVE = """\
from transformers import {auto_model}, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("{folder}"{trust})
model = {auto_model}.from_pretrained("{folder}"{trust})
inputs = tokenizer({template}, return_tensors="pt", return_token_type_ids=False, truncation=True, max_length={limit})
print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))"""

_USE_CLASSIFIER = """\
from transformers import {auto_model}, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("{folder}"{trust})
model = {auto_model}.from_pretrained("{folder}"{trust})
logits = model(**tokenizer({template}, return_tensors="pt", truncation=True, max_length={limit})).logits
print({answer})"""


def model_card(study: Study, summary: Summary, folder: Path, tokenizer: Any, task: Task, format_: ExportFormat) -> str:
    """Returns the text of the card."""
    best = summary.best
    assert best is not None  # a study without a model is not exported
    scored_with = summary.rouge_tokenizer
    text = _CARD.format(
        tag=task.pipeline_tag,
        study=study.name,
        trials=summary.trials.total,
        trial=best.trial,
        epoch=best.epoch,
        metric=summary.metric,
        value=best.value,
        parts=_parts(summary.metric, best.metrics),
        test=_test(summary),
        scored=f"| tokenizer of the score | {scored_with} |\n" if scored_with else "",
        default=compare_default(summary),
        default_name=summary.default.name if summary.default else "recipe default",
        space=study.space.name,
        base=study.space.model,
        weights=format_ if format_ is ExportFormat.FLOAT32 else f"{format_}; the scores are of float32",
        use=_use(study, folder, tokenizer, task),
        notes="".join(f"{note}\n" for note in _notes(tokenizer, task)),
        config=json.dumps(best.config, ensure_ascii=False, indent=2),
        data="\n".join(
            f"- {name}: {split.rows:,} rows, `{Path(split.path).name}`, sha256 `{split.sha256}`"
            for name, split in summary.data.items()
        ),
    )
    return redact(text)


def _test(summary: Summary) -> str:
    test, metric = summary.test, summary.metric
    if test is None or metric not in test.metrics:
        return ""
    value = f"**{test.metrics[metric]:.4f}**{_parts(metric, test.metrics)}"
    return f"| {metric} on test ({test.rows:,} rows, opened once) | {value} |\n"


def _parts(metric: str, metrics: Mapping[str, float]) -> str:
    parts = rouge_parts(metric, metrics)
    return f" ({parts})" if parts else ""


def _use(study: Study, folder: Path, tokenizer: Any, task: Task) -> str:
    limit, space = study.space.max_source_length, study.space
    own_code = space.trust_remote_code or space.architecture in ("rnn", "cnn")
    trust = ", trust_remote_code=True" if own_code else ""
    prefix = f"{space.source_prefix!r} + " if space.source_prefix else ""
    if task.is_generative:
        begin = "tokenizer.bos_token + " if tokenizer.bos_token is not None else ""
        template = f"{prefix}TEXT" if adds_end_token(tokenizer) else f"{begin}{prefix}TEXT + tokenizer.eos_token"
        return _USE_GENERATIVE.format(
            auto_model=task.auto_model.__name__, folder=folder.name, template=template, limit=limit, trust=trust
        )
    return _USE_CLASSIFIER.format(
        auto_model=task.auto_model.__name__,
        folder=folder.name,
        template=f"{prefix}TEXT, {prefix}SECOND_TEXT" if space.columns.pair else f"{prefix}TEXT",
        limit=limit,
        trust=trust,
        answer=task.logits_expression,
    )


def _notes(tokenizer: Any, task: Task) -> list[str]:
    notes = []
    if task.is_generative:
        notes.append("The best decoding parameters are in `generation_config.json`; `generate` reads them.")
        if not adds_end_token(tokenizer):
            notes.append("This tokenizer adds no special tokens; training added them, so inference must too.")
    if tokenizer.init_kwargs.get(CUT) == TokenizerKind.MORPHEMES:
        notes.append("Split TEXT into morphemes first (kiwipiepy), joined by spaces; `kotune predict` does that.")
    return notes
