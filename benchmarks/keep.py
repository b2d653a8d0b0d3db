"""Prints a study as one JSON object to store with the code: its summary and the curve of every trial.

    python -m benchmarks.keep runs/STUDY [--command "python cli.py tune …"] > benchmarks/results/STUDY.json

Absolute paths are cut to their last part, so that the file does not contain folders of the machine. The command is
stored as it is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tuning.studies.study import Study


def study_report(folder: Path, command: str = "") -> dict[str, Any]:
    """Returns summary, trials and machine of the study in `folder`.

    Raises:
        UserError: the folder holds no study.
    """
    study = Study.load(folder.parent, folder.name)
    summary = json.loads(study.paths.summary.read_text(encoding="utf-8"))
    trials = [
        {
            "trial": record.number,
            "status": record.status,
            "parameters": record.parameters,
            study.metric: [round(result.metrics[study.metric], 4) for result in record.results],
            "seconds": round(record.results[-1].seconds, 1) if record.results else None,
        }
        for record in study.records.values()
    ]
    machine = {"cpus": os.cpu_count(), "processor": platform.machine(), "system": platform.system()}
    report: dict[str, Any] = without_folders(
        {"command": command, **summary, "trial_curves": trials, "machine": machine}
    )
    return report


def without_folders(value: Any) -> Any:
    """Returns `value` with every absolute path in it cut to its last part."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and os.path.isabs(value) else value


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--command", default="")
    options = parser.parse_args()
    json.dump(study_report(options.study, options.command), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
