"""What an output is made of: it is continued only with the same input, model and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from corpora.fingerprint import file_sha256, fingerprint
from delivery.inference.options import ModelOptions
from foundation.partial_files import Origin
from trainables.tasks.prediction_format import PredictionFormat

_CARD = "README.md"  # does not change a prediction


def origin_of(
    folder: Path, sha256: str, names: Sequence[str], batch_size: int, form: PredictionFormat, options: ModelOptions
) -> Origin:
    """Returns what the predictions for a file are made of.

    Args:
        folder: The model's folder or hub id.
        sha256: Of the file.
        names: Of the columns of the output.
    """
    fields = {"columns": ",".join(names), "batch_size": batch_size, **asdict(form), **asdict(options)}
    words = " ".join(f"{name}={value}" for name, value in fields.items() if value not in (None, False, ()))
    return Origin(sha256, _model_hash(folder), words)


def _model_hash(folder: Path) -> str:
    """Returns the hash of all files of a folder, or the hub id with its revision."""
    if not folder.is_dir():
        config = try_to_load_from_cache(str(folder), "config.json")
        return f"{folder} {Path(config).parent.name}" if isinstance(config, str) else str(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _CARD)
    return fingerprint([[str(path.relative_to(folder)), file_sha256(path)] for path in paths])
