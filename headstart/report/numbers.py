"""How numbers are written: enough digits to compare, none to boast with."""

import math


def number(value: float | None) -> str:
    """Writes a number with three significant digits, thousands grouped; an em dash where there is none.

    Example:
        >>> [number(v) for v in (1234.5, 12.345, -0.01234, 0, float("inf"), None)]
        ['1,234', '12.3', '−0.0123', '0', '∞', '—']
    """
    if value is None or math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        text = f"{value:.2e}"
    elif size >= 100:
        text = f"{value:,.0f}"
    else:
        digits = 1 if size >= 10 else 2 if size >= 1 else 3
        text = f"{value:.{digits if size >= 0.1 or not size else 4}f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """Writes an interval."""
    return f"[{number(low)}, {number(high)}]"


def seconds(value: float | None) -> str:
    """Writes a duration as a person would say it."""
    if value is None:
        return "—"
    if value < 60:
        return f"{value:.0f} s" if value >= 1 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def listed(items: list[str]) -> str:
    """Joins words as in a sentence.

    Example:
        >>> listed(["1", "5", "20"])
        '1, 5 and 20'
    """
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""
