"""Files in a bucket, against local servers that implement S3 and Google Cloud Storage."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow.fs import GcsFileSystem

from benchmarks._programs import free_port, serving
from foundation import bucket_copies, buckets
from foundation.bucket_copies import local_copy
from foundation.durable import StorageLost, retry_on_storage_error
from foundation.errors import UserError

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def google() -> Iterator[str]:
    """The address of a local emulator of Google Cloud Storage."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", f"--port={port}"]
    with serving([*command, "--host=127.0.0.1"], port):
        yield f"127.0.0.1:{port}"


@pytest.fixture(params=["s3", "gs"])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new bucket, on S3 or on Google Cloud Storage."""
    if request.param == "s3":
        return str(request.getfixturevalue("bucket"))
    place, name = request.getfixturevalue("google"), f"b{uuid.uuid4().hex[:12]}"
    body, kind = json.dumps({"name": name}).encode(), {"Content-Type": "application/json"}
    request_ = urllib.request.Request(f"http://{place}/storage/v1/b?project=p", data=body, headers=kind)
    with urllib.request.urlopen(request_, timeout=30):
        system = GcsFileSystem(anonymous=True, endpoint_override=place, scheme="http")
    monkeypatch.setattr(
        buckets, "_filesystem", lambda bucket: system
    )  # else the environment names endpoint and credentials
    return f"gs://{name}"


def test_a_written_file_is_read_back(anywhere: str, tmp_path: Path) -> None:
    """In a bucket and on a disk; a missing file is None."""
    for place in (anywhere, str(tmp_path)):
        address = buckets.join(place, "runs", "a.json")
        assert buckets.read(address) is None
        buckets.write(address, "한국어".encode())
        assert buckets.read(address) == "한국어".encode()
        assert buckets.read_each([f"{address}.missing", address]) == [None, "한국어".encode()]
        buckets.remove(address)
        buckets.remove(address)
        assert buckets.read(address) is None


def test_folders_are_copied_completely(anywhere: str, tmp_path: Path) -> None:
    """Files at any depth; deleting one address leaves its neighbours."""
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "top").write_bytes(b"t" * 3)
    (tmp_path / "from" / "deep" / "low").write_bytes(os.urandom(6_000_000))  # more than one part of an upload
    place = buckets.join(anywhere, "runs", "s")
    buckets.upload(tmp_path / "from", place)
    assert buckets.sizes(place) == {"top": 3, "deep/low": 6_000_000}
    assert buckets.folders(buckets.join(anywhere, "runs")) == ["s"]
    buckets.download(place, tmp_path / "to")
    assert (tmp_path / "to" / "deep" / "low").read_bytes() == (tmp_path / "from" / "deep" / "low").read_bytes()
    buckets.upload(tmp_path / "from", f"{place}2", ["top"])
    buckets.remove(place)
    assert (buckets.sizes(place), buckets.sizes(f"{place}2")) == ({}, {"top": 3})


def test_a_copy_is_made_once_and_again_when_something_changed(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of a machine share the copy; a local folder is not copied."""
    monkeypatch.setattr(bucket_copies.tempfile, "gettempdir", lambda: str(tmp_path))
    buckets.write(buckets.join(bucket, "model", "weights"), b"1")
    first = local_copy(buckets.join(bucket, "model"))
    assert local_copy(buckets.join(bucket, "model")) == first
    buckets.write(buckets.join(bucket, "model", "weights"), b"22")
    second = local_copy(buckets.join(bucket, "model"))
    assert ((first / "weights").read_bytes(), (second / "weights").read_bytes()) == (b"1", b"22")
    os.utime(first, (0, 0))  # not used for years
    buckets.write(buckets.join(bucket, "model", "weights"), b"333")
    local_copy(buckets.join(bucket, "model"))
    assert (first.exists(), second.exists()) == (False, True)
    assert local_copy(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError):
        local_copy(buckets.join(bucket, "nothing"))


def test_a_name_that_leads_out_is_refused(anywhere: str, tmp_path: Path) -> None:
    """The bucket may belong to someone else."""
    with pytest.raises(UserError, match=r"\.\."):
        buckets.download(anywhere, tmp_path / "to", ["a/../../evil"])


def test_a_missing_bucket_is_reported(bucket: str) -> None:
    """With its address, and without a C++ traceback."""
    with pytest.raises(StorageLost, match=r"a file cannot be written: .*s3://not-there-at-all/a: .*bucket"):
        retry_on_storage_error(lambda: buckets.write("s3://not-there-at-all/a", b""), "a file", (0.1,))


def test_an_unresponsive_server_is_retried(s3: subprocess.Popen[bytes], bucket: str) -> None:
    """The write succeeds when the server responds again."""
    s3.send_signal(signal.SIGSTOP)
    back = threading.Timer(5.0, lambda: s3.send_signal(signal.SIGCONT))
    try:
        back.start()
        retry_on_storage_error(lambda: buckets.write(f"{bucket}/a", b"1"), "a file", (1.0, 2.0, 4.0))
        assert buckets.read(f"{bucket}/a") == b"1"
    finally:
        back.cancel()
        s3.send_signal(signal.SIGCONT)


def test_a_file_that_is_replaced_meanwhile_is_read_whole(bucket: str, tmp_path: Path) -> None:
    """The client asks for the size first, and cuts or pads a version of another size that appears in between."""
    address, stop = f"{bucket}/replaced/record.json", threading.Event()

    def content(number: int) -> bytes:  # of another size for each number, and recognisable
        return f"{number:06d}".encode() * (number * 7919 % 1009 + 1)

    def is_whole(read: bytes | None) -> bool:
        return read is not None and read == content(int(read[:6]))

    def replace() -> None:
        for number in itertools.takewhile(lambda _: not stop.is_set(), range(1, 1009)):
            buckets.write(address, content(number))

    buckets.write(address, content(0))
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(replace)
        try:
            for _ in range(60):
                assert is_whole(buckets.read(address))
                buckets.download(f"{bucket}/replaced", tmp_path, ["record.json"])
                assert is_whole((tmp_path / "record.json").read_bytes())
        finally:
            stop.set()
    assert writer.exception() is None
