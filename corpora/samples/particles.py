"""Korean particles, which depend on the last syllable of the word before them."""


def particle(word: str, pair: str) -> str:
    """Returns the particle of `pair`, such as 은/는, for `word`: the first form follows a final consonant.

    A final ㄹ takes 로, not 으로. Raises ValueError if `word` does not end in a Hangul syllable.
    """
    closed, open_ = pair.split("/")
    offset = ord(word[-1]) - ord("가") if word else -1
    if not 0 <= offset <= ord("힣") - ord("가"):
        raise ValueError(f"no Hangul syllable at the end of {word!r} to choose {pair} by")
    final = offset % 28  # position in Unicode's list of final consonants: 0 is none, 8 is ㄹ
    return open_ if final == 0 or (final == 8 and closed.startswith("으로")) else closed


class Word(str):
    """A value in a pattern; its format specification is the pair of particles to append, as in `{name:은/는}`."""

    def __format__(self, spec: str) -> str:
        return str(self) + (particle(self, spec) if spec else "")
