"""Pages parts of which are written by tools, between two markers."""


def between(text: str, markers: tuple[str, str], made: str) -> str:
    """The text with something else between its markers.

    Raises:
        ValueError: it does not have the first of them once, and the second behind it.
    """
    begin, end = markers
    before, *rest = text.split(begin)
    if len(rest) != 1 or end not in rest[0]:
        raise ValueError(f"expected one {begin.strip()} with its end, found {len(rest)}")
    return before + begin + made + end + rest[0].partition(end)[2]
