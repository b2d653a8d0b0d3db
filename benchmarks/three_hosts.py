"""`ray up` on three hosts of namespaces, a search over all of them, export, `ray down`; and what each took.

python -m benchmarks.three_hosts        # as root, three minutes; needs openssh-server, rsync, iproute2

The hosts have files, addresses, processes and names of their own (`tests/cluster/hosts.py`), two CPUs each by what Ray
is told, and share those of this machine. Prints one JSON object; what is told meanwhile goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.hosts import made, missing
from tests.cluster.launched import SHARED, Cluster, records

#: Seconds of the search, at most.
_PATIENCE = 1200.0


def main() -> int:
    """Up, search, export, down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--space", default="kobart")
    given = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds[what] = round(time.monotonic() - began, 1)
        print(f"{what}: {seconds[what]} s", file=sys.stderr)

    with made(3) as hosts:
        cluster = Cluster(hosts)
        with timed("ray up"):
            cluster.ray("up", "--yes")
        with timed("until all machines were there"):
            cluster.wait_for(len(hosts))
        wanted = f"--study first --storage {SHARED}"
        with timed("tune"):
            tune = cluster.kotune(
                f"tune {given.space} {wanted} --address auto --slots 4:6 --trials {given.trials} --json"
            )
            said, _ = tune.communicate(timeout=_PATIENCE)
        with timed("export"):
            export = cluster.kotune(f"export first --storage {SHARED} --out {SHARED / 'best'}")
            export.communicate(timeout=_PATIENCE)
        with timed("ray down"):
            cluster.ray("down", "--yes")
        found = {
            "seconds": seconds,
            "machines": json.loads((SHARED / "first" / "progress.json").read_text(encoding="utf-8"))["machines"],
            "trials": sorted(record["status"] for record in records("first").values()),
            "exported": sorted(path.name for path in (SHARED / "best").glob("*")),
        }
    summary = json.loads(said) if tune.returncode == 0 else {}
    print(json.dumps({**found, **{key: summary.get(key) for key in ("slots", "worker_groups_started")}}, indent=2))
    return int(tune.returncode != 0 or export.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
