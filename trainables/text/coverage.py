"""How well a tokenizer reads texts: the share of unknown tokens, and of different texts with the same tokens."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from transformers import PreTrainedTokenizerBase

from corpora.tokenised import values
from foundation.errors import UserError
from trainables.text.encoding import BLANK_MARKS

#: From this share on, a study is refused: the model would learn from the length of the texts at most.
MOST = 0.5
#: From this share on, the user is warned.
MANY = 0.02
_REMEDY = "another --tokenizer may read them"
_TRAINED_REMEDY = "tokenizer_kind=bpe or a larger vocabulary reads more of them"


@dataclass(frozen=True)
class Coverage:
    """What a tokenizer makes of texts.

    Args:
        unknown: share of the tokens that are unknown; special tokens and blanks do not count.
        alike: share of the different texts whose tokens another one has too. Texts that differ only in blanks, case
            or Unicode form are not different.
    """

    unknown: float = 0.0
    alike: float = 0.0

    @property
    def worst(self) -> float:
        """The larger share."""
        return max(self.unknown, self.alike)


#: Role (`source`, `target`) -> coverage of its texts.
RoleCoverage = Mapping[str, Coverage]


def measure(
    texts: Sequence[str],
    tokens: Sequence[Sequence[int]],
    is_cut: Sequence[bool],
    tokenizer: PreTrainedTokenizerBase,
) -> Coverage:
    """Returns the coverage of texts.

    Args:
        tokens: the token ids of each text.
        is_cut: whether they were truncated; truncated texts may be alike for that reason, and are not compared.
    """
    readings: dict[tuple[int, ...], set[str]] = defaultdict(set)
    for text, row, cut in zip(texts, tokens, is_cut, strict=True):
        if not cut:
            readings[tuple(row)].add(_normalised(text))
    different = sum(map(len, readings.values()))
    alike = sum(len(reading) for reading in readings.values() if len(reading) > 1)
    return Coverage(_unknown_share(tokens, tokenizer), alike / max(different, 1))


def _unknown_share(tokens: Sequence[Sequence[int]], tokenizer: PreTrainedTokenizerBase) -> float:
    unknown = tokenizer.unk_token_id
    ends = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id)
    if unknown in ends:  # GPT-2's tokenizer reads bytes, and names its end token as the unknown one
        return 0.0
    counts = Counter(chain.from_iterable(tokens))
    blanks = (number for token, number in tokenizer.get_vocab().items() if not token.strip(BLANK_MARKS))
    for number in {*tokenizer.all_special_ids, *blanks} - {unknown}:
        counts.pop(number, None)
    return counts[unknown] / max(counts.total(), 1)


def measure_split(
    rows: Sequence[Mapping[str, str]], table: Any, tokenizer: PreTrainedTokenizerBase, *, targets: bool
) -> RoleCoverage:
    """Returns the coverage of a tokenised split.

    Args:
        table: its columns, from `Task.prepare`, or from `encode` and `encode_targets`.
        targets: whether the targets are texts, too.
    """
    sources = [f"{row['source']} {row.get('pair', '')}" for row in rows]
    coverage = {"source": measure(sources, values(table, "input_ids"), values(table, "cut_source"), tokenizer)}
    if targets:
        written = [row["target"] for row in rows]
        coverage["target"] = measure(written, values(table, "labels"), values(table, "cut_target"), tokenizer)
    return coverage


def _normalised(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def check_coverage(splits: Mapping[str, RoleCoverage], tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Checks that a tokenizer reads most of the texts.

    Args:
        name: hub id or folder of the tokenizer.

    Raises:
        UserError: most tokens of a split are unknown, or most of its texts have the tokens of another.
    """
    for split, roles in splits.items():
        for role, coverage in roles.items():
            if coverage.worst > MOST:
                raise UserError(
                    f"tokenizer {name!r}: {_complaint(split, role, coverage, tokenizer)}",
                    "a tokenizer that reads these texts",
                    "check its files (a cased Korean vocab.txt needs tokenizer_config.json with do_lower_case: false), "
                    "or name another tokenizer: --tokenizer",
                )


def coverage_lines(
    splits: Mapping[str, RoleCoverage], tokenizer: PreTrainedTokenizerBase, *, is_trained: bool
) -> list[str]:
    """Returns one line with the shares of all splits, and a warning for each role with a large share.

    Args:
        is_trained: whether the tokenizer is trained for the study.
    """
    unknown = ", ".join(f"{split} {roles['source'].unknown:.1%}" for split, roles in splits.items())
    alike = ", ".join(f"{split} {roles['source'].alike:.1%}" for split, roles in splits.items())
    lines = [f"unknown tokens: {unknown}; different texts with the same tokens: {alike}"]
    for role in next(iter(splits.values())):
        worst = max(splits, key=lambda split: splits[split][role].worst)
        if splits[worst][role].worst > MANY:
            complaint = _complaint(worst, role, splits[worst][role], tokenizer)
            lines.append(f"warning: {complaint}; {_TRAINED_REMEDY if is_trained else _REMEDY}")
    return lines


def _complaint(split: str, role: str, coverage: Coverage, tokenizer: PreTrainedTokenizerBase) -> str:
    if coverage.unknown >= coverage.alike:
        return f"{coverage.unknown:.1%} of the {role} tokens in {split} are unknown ({tokenizer.unk_token})"
    return f"{coverage.alike:.1%} of the {role} texts in {split} have the same tokens as a different text"
