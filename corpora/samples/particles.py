"""Korean particles, chosen by the last syllable of the word they follow."""


def particle(word: str, pair: str) -> str:
    """Choose from `pair`, such as 은/는, the particle for `word`: the first form follows a final consonant.

    A final ㄹ takes 로, not 으로. Raises ValueError where `word` does not end in a Hangul syllable.
    """
    closed, open_ = pair.split("/")
    offset = ord(word[-1]) - ord("가") if word else -1
    if not 0 <= offset <= ord("힣") - ord("가"):
        raise ValueError(f"no Hangul syllable at the end of {word!r} to choose {pair} by")
    final = offset % 28  # position in Unicode's list of final consonants: 0 is none, 8 is ㄹ
    return open_ if final == 0 or (final == 8 and closed.startswith("으로")) else closed


class Word(str):
    """A value in a pattern; the format specification is the particle pair to attach, as in `{name:은/는}`."""

    def __format__(self, spec: str) -> str:
        return str(self) + (particle(self, spec) if spec else "")
