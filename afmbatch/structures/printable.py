"""Text from users made fit to be shown in error messages and names."""

MAX_CHARS = 80


def printable(text: bytes | str, max_chars: int = MAX_CHARS) -> str:
    """Return printable text of at most `max_chars` characters: other characters are escaped, the rest is cut off."""
    if isinstance(text, bytes):
        text = text[: 4 * max_chars].decode("utf-8", "backslashreplace")
    text = text[: max_chars + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= max_chars else safe[: max_chars - 1] + "…"
