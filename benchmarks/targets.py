"""A table of what was measured against what is wanted, for the benchmarks to print."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Targets:
    """Rows of name, measured value and limit; a value that is not a number misses its limit."""

    rows: list[tuple[str, float, float, bool]] = field(default_factory=list)

    def at_most(self, name: str, measured: float, limit: float) -> None:
        """A value that must not exceed its limit."""
        self.rows.append((name, float(measured), limit, measured <= limit))

    def at_least(self, name: str, measured: float, limit: float) -> None:
        """A value that must reach its limit."""
        self.rows.append((name, float(measured), limit, measured >= limit))

    def print(self) -> None:
        """One line per row: measured, wanted, ok or missed."""
        width = max((len(name) for name, *_ in self.rows), default=0)
        for name, measured, limit, reached in self.rows:
            print(f"  {name:{width}}  measured {measured:7.3f}  wanted {limit:6.3f}  {'ok' if reached else 'missed'}")
