"""Numbers that are known only between two bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, neither negative; equal if the number is known."""

    low: float
    high: float

    @classmethod
    def of(cls, number: float) -> Range:
        return cls(number, number)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        other = other if isinstance(other, Range) else Range.of(other)
        return Range(self.low * other.low, self.high * other.high)

    def __truediv__(self, other: Range | float) -> Range:
        """Raises ZeroDivisionError if `other` may be 0."""
        other = other if isinstance(other, Range) else Range.of(other)
        return Range(self.low / other.high, self.high / other.low)

    def less(self, number: float) -> Range:
        """`number` or fewer may be missing from it."""
        return Range(max(0.0, self.low - number), self.high)


NOTHING = Range(0.0, 0.0)
