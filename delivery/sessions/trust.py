"""Whether the code that comes with a study's model may be run: what `study.yaml` says is not enough."""

from __future__ import annotations

from dataclasses import replace

from foundation.errors import UserError
from tuning.studies.study import Study


def trusted(study: Study, given: bool) -> Study:
    """The study, if nothing of it runs code that comes with its model, or the user says it may.

    Args:
        given: whether the user said so in this command. The folder may be somebody else's, and so what it says.

    Raises:
        UserError: it would run such code, and nobody said it may.
    """
    if study.space.trust_remote_code and not given:
        raise UserError(
            f"study {study.name!r} runs code that came with its model (trust_remote_code in {study.paths.space})",
            f"code that you have read and trust; it lies in {study.paths.base_model()}",
            "if so: the same command with --trust-remote-code",
        )
    study.change_space(replace(study.space, trust_remote_code=given), save=False)
    return study
