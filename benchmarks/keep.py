"""What a study found, as one JSON object that can be kept beside the code: its summary and every trial's curve.

    python -m benchmarks.keep runs/STUDY [--command "python cli.py tune …"] > benchmarks/results/STUDY.json

Folders are left out of the study's paths, so that they do not tell where it was run; the command is kept as given.
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


def kept(folder: Path, command: str = "") -> dict[str, Any]:
    """Summary, trials and machine of the study in `folder`.

    Raises:
        UserError: there is no study.
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
    found: dict[str, Any] = without_folders({"command": command, **summary, "trials_told": trials, "machine": machine})
    return found


def without_folders(value: Any) -> Any:
    """`value` with every absolute path in it cut to its last part."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and os.path.isabs(value) else value


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--command", default="")
    given = parser.parse_args()
    json.dump(kept(given.study, given.command), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
