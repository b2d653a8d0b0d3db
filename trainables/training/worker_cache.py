"""What a worker process keeps from trial to trial."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec.structs import replace
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from corpora.tokenised import open_table
from foundation.bucket_copies import local_copy
from foundation.durable import retry_on_storage_error
from trainables.models.base_models import BaseModels
from trainables.training.job import Job


class WorkerCache:
    """Base models, tokenizers, open tables, and local copies of what is in buckets."""

    def __init__(self) -> None:
        self.models = BaseModels()
        self._copies: dict[str, str] = {}
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._tables: dict[str, Any] = {}

    def localized(self, job: Job) -> Job:
        """Returns the job with local folders instead of bucket addresses, except for the trial's own folder."""
        return replace(
            job, base_model=self._local(job.base_model), train=self._local(job.train), dev=self._local(job.dev)
        )

    def _local(self, address: str) -> str:
        if address not in self._copies:
            self._copies[address] = str(retry_on_storage_error(partial(local_copy, address), address, verb="read"))
        return self._copies[address]

    def tokenizer(self, folder: str, *, trust: bool = False) -> PreTrainedTokenizerBase:
        """Returns the tokenizer in `folder`; only the last one is kept."""
        if folder not in self._tokenizers:
            self._tokenizers = {folder: AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)}
        return self._tokenizers[folder]

    def table(self, folder: str) -> Any:
        """Returns the tokenised table in `folder`."""
        if folder not in self._tables:
            self._tables[folder] = open_table(folder)
        return self._tables[folder]
