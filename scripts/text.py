"""Small pieces of text that several messages share."""


def counted(count: int, thing: str) -> str:
    """Return a count with its noun, such as ``1 company`` or ``2,000 companies``."""
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else plural}"
