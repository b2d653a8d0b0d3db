"""Takes every model folder through every search space: a few steps of training, an export, predictions from it.

    python -m benchmarks.model_folders FOLDER --data DATA [--only NAME …] [--spaces kobart …] [--also MODEL …] [--probe]

FOLDER holds one folder per model. DATA holds `sae4k/train.csv` (texts and their gist), `nsmc/ratings_train.txt`
(classes) and `korsts/sts-train.tsv` (pairs), as their authors publish them. Each run is one `train` of `ROWS` rows in a
process of its own, and has to end in one of two ways:

refused  before training, by a message with its three parts (problem, allowed, to do) that is not just the error of a
         library;
trained  `SCORED` dev rows have the same score in the trial and with the exported folder, and different texts get
         different answers from it.

Answers are compared by the logits that they are chosen from: of the classes, of the number, or of the first token that
is generated. A tiny model with random weights often writes one text for all sources after so few steps, but its logits
depend on the source if it reads it. `TEXTS` texts with the same number of words are read one by one, so that a
tokenizer that knows none of the words gives the same tokens, and therefore the same logits, for all. Nine in ten must
differ from each other by more than `NOISE` of their size. Logits of classes and numbers are computed in 64 bit, because
such a model makes large differences between texts small.

Prints a line per run with the seconds of loading and of the probe in a fresh process, then the tables of
docs/measurements.md §15; `--json FILE` writes them. `--probe` trains nothing. `--also` adds models of other places or
`scratch:base`. Exit code 1 if a run ends in any other way, or if a probe takes more than `LIMIT` seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.folder_runs.data import FILES, cut
from benchmarks.folder_runs.run import Result, Run

#: Most seconds of a probe beyond loading, and seconds after which a run is killed.
LIMIT, PATIENCE = 3.0, 300


def in_fresh_process(run: Run) -> Result:
    """Returns the result of a run in a forked process, which has imported everything and computed nothing."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, run))
    process.start()
    sender.close()
    try:
        if receiver.poll(PATIENCE):
            result: Result = receiver.recv()
            return result
        problem = f"not over after {PATIENCE} s"
    except EOFError:
        process.join()
        problem = f"its process ended with exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()
    return Result(Path(run.model).name, run.space, "fault", problem)


def _send(sender: Any, run: Run) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    sender.send(run.result())


def tables(results: Sequence[Result]) -> Iterator[str]:
    """Yields a table in Markdown, a row for models whose runs ended alike, and a list of why models were refused."""
    spaces = list(dict.fromkeys(result.space for result in results))
    endings: dict[tuple[str, ...], list[str]] = {}
    for model in dict.fromkeys(result.model for result in results):
        by_space = {result.space: result.ending for result in results if result.model == model}
        endings.setdefault(tuple(by_space[space] for space in spaces), []).append(model)
    yield f"| models | {' | '.join(f'`{space}`' for space in spaces)} | slowest probe |"
    yield "|" + " --- |" * (len(spaces) + 2)
    for cells, models in endings.items():
        seconds = [one.probe for one in results if one.model in models and one.probe is not None]
        yield f"| {', '.join(models)} | {' | '.join(cells)} | {f'{max(seconds):.2f} s' if seconds else ''} |"
    yield ""
    reasons: dict[str, dict[str, list[str]]] = {}
    for one in results:
        if one.ending == "refused":
            reason = one.text.replace(f" {one.model!r}", "")
            reasons.setdefault(reason, {}).setdefault(one.model, []).append(one.space)
    for reason, refused in reasons.items():
        runs = (f"{model} ({', '.join(names)})" for model, names in refused.items())
        yield f"- {', '.join(runs)}: {reason}"


def main() -> int:
    """Runs every model in every space; returns 1 if one of them shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--spaces", nargs="*", default=list(FILES), choices=list(FILES))
    parser.add_argument("--also", nargs="*", default=[], metavar="MODEL")
    parser.add_argument("--probe", action="store_true", help="check and probe, without training")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    models = [str(path.resolve()) for path in sorted(options.folder.iterdir()) if (path / "config.json").is_file()]
    models = [model for model in models if not options.only or Path(model).name in options.only] + options.also
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for space in options.spaces:
            cut(options.data, space, Path(scratch) / space)
        for model in models:
            for space in options.spaces:
                results.append(in_fresh_process(Run(model, space, Path(scratch) / space, options.probe)))
                print(results[-1].line(), flush=True)
    counts = Counter(result.ending for result in results)
    slowest = max((result.probe for result in results if result.probe is not None), default=0.0)
    print("", *tables(results), "", sep="\n")
    print(f"{len(results)} runs: {dict(counts)}; slowest probe {slowest:.2f} s beyond loading (limit {LIMIT:g} s)")
    if options.json:
        versions = {name: version(name) for name in ("torch", "transformers", "tokenizers")}
        report = {"versions": versions, "slowest_probe": slowest, "runs": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return int(counts["fault"] > 0 or slowest > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
