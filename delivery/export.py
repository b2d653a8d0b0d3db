"""The best model as a Hugging Face folder that needs no code of ours: weights, tokenizer, winning decoding, card."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from delivery.generation import SETTINGS
from search_spaces.errors import UserError
from tuning import retention
from tuning.study import Study

_CARD = """\
---
language: [ko]
library_name: transformers
tags: [summarization, kotune]
---

# {study}

Found by kotune in {trials} trials: trial `{trial}`, epoch {epoch:g}.

| | |
|---|---|
| {metric} on dev | **{value:.4f}** |
| tokenizer of the score | {rouge_tokenizer} |
| recipe default | {default} |
| search space | {space} |
| base model | {base} |

## Use

```python
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("{folder}")
model = AutoModelForSeq2SeqLM.from_pretrained("{folder}")
inputs = tokenizer({template}, return_tensors="pt", return_token_type_ids=False, truncation=True, max_length={limit})
print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))
```

The decoding parameters that won are in `generation_config.json`; `generate` reads them.
{ends}
## Configuration

```json
{config}
```

## Data

{data}
"""


def export(study: Study, summary: dict[str, Any], target: Path | None = None) -> Path:
    """Write the best model of the study to `target` (default: `best_model` in the study folder).

    The folder appears whole or not at all. In the study folder an older export is replaced.

    Raises:
        UserError: no trial gave a model yet, or `target` is there already.
    """
    transformers_logging.disable_progress_bar()
    best = next(iter(retention.keepers(study)), None)
    point = retention.saved_model(study, best) if best else None
    if best is None or point is None:
        raise UserError(
            f"study {study.name!r} has no model yet",
            "a study with at least one evaluated trial that went on or completed",
            f"kotune resume {study.name}",
        )
    folder = target or study.paths.best_model
    if target is not None and target.exists():
        raise UserError(f"{target} is there already", "a new folder: nothing is overwritten", "choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(point.path)
    model.save_pretrained(staging)
    model.generation_config.save_pretrained(staging)
    tokenizer = AutoTokenizer.from_pretrained(study.paths.base_model)
    tokenizer.save_pretrained(staging)
    settings = {
        "study": study.name,
        "trial": best.trial_id,
        "task": study.space.task,
        "columns": dict(study.space.columns),
        "max_source_length": study.space.max_source_length,
        "remove_tokens": list(study.space.remove_tokens),
        "special_tokens": list(study.space.special_tokens),
        "summary": summary,
    }
    (staging / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=2), encoding="utf-8")
    (staging / "README.md").write_text(_card(study, summary, folder, tokenizer), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    staging.rename(folder)
    return folder


def read_settings(folder: Path) -> dict[str, Any]:
    """What `export` wrote beside the model.

    Raises:
        UserError: kotune did not export this folder.
    """
    try:
        settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{folder} holds no {SETTINGS}",
            "a folder written by kotune export, such as runs/STUDY/best_model",
            "check the path; kotune export STUDY writes one",
        ) from None
    return settings


def _card(study: Study, summary: dict[str, Any], folder: Path, tokenizer: Any) -> str:
    from trainables.tasks import ends_itself

    best, default = summary["best"], summary["default"]
    data = "\n".join(
        f"- {name}: {split['rows']:,} rows, `{Path(split['path']).name}`, sha256 `{split['sha256']}`"
        for name, split in summary["data"].items()
    )
    adds_ends = ends_itself(tokenizer)
    begin = "tokenizer.bos_token + " if tokenizer.bos_token is not None else ""
    return _CARD.format(
        study=study.name,
        trials=summary["trials"]["total"],
        trial=best["trial"],
        epoch=best["epoch"],
        metric=summary["metric"],
        value=best["value"],
        rouge_tokenizer=summary["rouge_tokenizer"],
        default="none" if not default or default["value"] is None else f"{default['value']:.4f}",
        space=study.space.name,
        base=study.space.model,
        folder=folder.name,
        template="TEXT" if adds_ends else f"{begin}TEXT + tokenizer.eos_token",
        limit=study.space.max_source_length,
        ends=""
        if adds_ends
        else "\nThis tokenizer adds no ends of its own; training put them, so inference must too.\n",
        config=json.dumps(best["config"], ensure_ascii=False, indent=2),
        data=data,
    )
