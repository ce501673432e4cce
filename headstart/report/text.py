"""Values from files as harmless text and numbers. Escaping is done where the text is shown."""

import math
import unicodedata
from typing import Any


def clean(text: Any, limit: int = 400) -> str:
    """Makes any value one line of harmless text: no control or direction characters, not endless."""
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in str(text)[: 2 * limit])
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Lists a nested JSON object as (dotted name, text), in its own order; long lists of numbers are shortened."""
    if isinstance(value, dict) and value:
        return [
            row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list) and value and any(isinstance(item, dict) for item in value):
        return [row for i, inner in enumerate(value) for row in flatten(inner, f"{prefix}.{i}")]
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value[:12]) + (", …" if len(value) > 12 else "")
    return [(clean(prefix), clean(value))] if prefix else []


def finite(value: Any) -> float | None:
    """Returns a finite number as a float, anything else as None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
