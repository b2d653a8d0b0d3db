"""Whether the code that comes with a study's model may run: the flag in `study.yaml` alone is not enough."""

from __future__ import annotations

from dataclasses import replace

from foundation.errors import UserError
from tuning.studies.study import Study


def trusted(study: Study, is_allowed: bool) -> Study:
    """Returns the study with `trust_remote_code` set to what the user said in this command.

    The folder may be from someone else, and with it the flag in `study.yaml`.

    Args:
        is_allowed: Whether this command has `--trust-remote-code`.

    Raises:
        UserError: The study would run such code, and this command does not allow it.
    """
    if study.space.trust_remote_code and not is_allowed:
        raise UserError(
            f"study {study.name!r} runs code that came with its model (trust_remote_code in {study.paths.space})",
            f"code that you have read and trust; it is in {study.paths.base_model()}",
            "if you trust it: the same command with --trust-remote-code",
        )
    study.change_space(replace(study.space, trust_remote_code=is_allowed), save=False)
    return study
