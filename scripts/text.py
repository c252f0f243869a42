"""Small pieces of text that several messages share."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 company`` or ``2,000 companies``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
