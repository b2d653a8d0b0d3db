"""Times `ray up` on three hosts made of namespaces, a search over all of them, the export, and `ray down`.

python -m benchmarks.three_hosts        # as root, three minutes; needs openssh-server, rsync, iproute2

Each host has its own files, address, processes and name (`tests/cluster/hosts.py`). Ray assumes two CPUs per host; all
hosts share the CPUs of this machine. Prints one JSON object on stdout, progress on stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.hosts import make_hosts, missing_requirements
from tests.cluster.launched import SHARED, Cluster, records

#: Time limit of the search, in seconds.
_PATIENCE = 1200.0


def main() -> int:
    """Runs the steps and prints their seconds; returns 1 if the search or the export failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--space", default="kobart")
    options = parser.parse_args()
    if reason := missing_requirements():
        sys.exit(reason)
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds[what] = round(time.monotonic() - began, 1)
        print(f"{what}: {seconds[what]} s", file=sys.stderr)

    with make_hosts(3) as hosts:
        cluster = Cluster(hosts)
        with timed("ray up"):
            cluster.ray("up", "--yes")
        with timed("until all machines had joined"):
            cluster.wait_for(len(hosts))
        study = f"--study first --storage {SHARED}"
        with timed("tune"):
            tune = cluster.kotune(
                f"tune {options.space} {study} --address auto --slots 4:6 --trials {options.trials} --json"
            )
            output, _ = tune.communicate(timeout=_PATIENCE)
        with timed("export"):
            export = cluster.kotune(f"export first --storage {SHARED} --out {SHARED / 'best'}")
            export.communicate(timeout=_PATIENCE)
        with timed("ray down"):
            cluster.ray("down", "--yes")
        report = {
            "seconds": seconds,
            "machines": json.loads((SHARED / "first" / "progress.json").read_text(encoding="utf-8"))["machines"],
            "trials": sorted(record["status"] for record in records("first").values()),
            "exported": sorted(path.name for path in (SHARED / "best").glob("*")),
        }
    summary = json.loads(output) if tune.returncode == 0 else {}
    print(json.dumps({**report, **{key: summary.get(key) for key in ("slots", "worker_groups_started")}}, indent=2))
    return int(tune.returncode != 0 or export.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
