"""The registry of sample data: name -> the function that writes it, and the format of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corpora.samples import dialogues, reviews, satisfaction, speech_levels


@dataclass(frozen=True)
class Sample:
    """One sample: `write(folder)` returns split -> file; `columns` maps role -> column name."""

    about: str
    write: Callable[[Path], dict[str, Path]]
    columns: Mapping[str, str]
    header: tuple[str, ...] = ()


SAMPLES: dict[str, Sample] = {
    "dialogues": Sample(
        "Korean dialogues",
        lambda folder: dialogues.write_samples(folder, train=2000),
        {"id": "fname", "source": "dialogue", "target": "summary"},
    ),
    "reviews": Sample(
        "Korean product reviews",
        reviews.write_samples,
        {"source": "text", "target": "label"},
        ("label", "text"),
    ),
    "satisfaction": Sample(
        "pairs of Korean messages of a customer, and how much more satisfied the second one is",
        satisfaction.write_samples,
        {"id": "id", "source": "sentence1", "pair": "sentence2", "target": "score"},
    ),
    "judged_speech_levels": Sample(
        "Korean sentences and their speech level, as a word",
        speech_levels.write_judged,
        {"source": "source", "target": "target"},
        ("source", "target"),
    ),
    "speech_levels": Sample(
        "casual Korean sentences and their polite form",
        speech_levels.write_samples,
        {"source": "source", "target": "target"},
        ("source", "target"),
    ),
}
