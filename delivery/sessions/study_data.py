"""The data files of a study when a session starts: the embedded sample, copies in a bucket, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping

from corpora.samples.registry import SAMPLES
from corpora.splits import SplitFile, Splits
from foundation.errors import UserError
from tuning import preparation
from tuning.display.live import View
from tuning.studies.study import Study


def write_embedded_sample(study: Study, view: View) -> Splits | None:
    """Writes the embedded sample into a study without data files, and returns its splits; None for other studies."""
    if not study.space.data.embedded:
        return None
    about = SAMPLES[study.space.sample].about
    view.say(f"no --train given: using the embedded sample, {about} that kotune generates")
    space = preparation.with_samples(study.space, study.paths.sample)
    study.publish(study.paths.sample)
    study.change_space(space)
    return preparation.read(study.space)


def copy_to_bucket(study: Study, view: View) -> Splits | None:
    """Copies the data files of a study to its bucket, so that any machine can resume it; None for other studies."""
    if not study.paths.bucket:
        return None
    space = preparation.with_copies(study.space, study.paths.copies)
    study.publish(study.paths.copies)
    study.change_space(space)
    view.say(f"data     copied to {study.paths.address(study.paths.copies)}")
    return preparation.read(study.space)


def check_unchanged(study: Study, recorded: Mapping[str, SplitFile], splits: Splits) -> None:
    """Checks that the splits are those of the study's earlier sessions, wherever their files are.

    Raises:
        UserError: A file has changed.
    """
    present = splits.described()
    files = {**recorded, **present}
    changed = [name for name in sorted(files) if _content(recorded.get(name)) != _content(present.get(name))]
    if changed:
        raise UserError(
            f"the data of study {study.name!r} has changed: "
            + ", ".join(f"{name} ({files[name].path})" for name in changed),
            "the same files, so that trials compare",
            "put the old files back, or start a new study",
        )


def _content(split: SplitFile | None) -> tuple[int, str] | None:
    return None if split is None else (split.rows, split.sha256)
