"""One Ray for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def two_cpus() -> Iterator[None]:
    """A Ray of two CPUs, ended with the test run."""
    from tuning import search  # sets what Ray reads when it is imported

    search.connect(None, cpus=2)
    yield
    search.disconnect()
