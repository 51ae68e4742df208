"""What a proof prints: sections with a table each, and what failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Section:
    """One table. A row whose last cell is False has failed."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """Rows that failed."""
        return sum(row[-1] is False for row in self.rows)

    def as_text(self) -> str:
        """The table as Markdown, in columns that are aligned for the eye too."""
        cells = [self.columns, *(tuple(map(shown, row)) for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        left = [n == 0 or all(isinstance(row[n], str) for row in self.rows) for n in range(len(widths))]
        lines = [_line(row, widths, left) for row in cells]
        rule = "|".join(
            "-" * (width + 1) + ("-" if flush else ":") for width, flush in zip(widths, left, strict=True)
        )
        return "\n".join(
            [
                f"## {self.title}",
                "",
                lines[0],
                f"|{rule}|",
                *lines[1:],
                "",
                *(note + "\n" for note in self.notes),
            ]
        )

    def as_tree(self) -> dict[str, Any]:
        """The same for JSON."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes), "failed": self.failed}


def shown(cell: Cell) -> str:
    """A cell as it is printed: numbers to four digits, truth as `ok` or `FAILED`."""
    match cell:
        case bool():
            return "ok" if cell else "FAILED"
        case float():
            return f"{cell:.4g}"
        case _:
            return str(cell)


def _line(row: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    padded = (
        cell.ljust(width) if flush else cell.rjust(width)
        for cell, width, flush in zip(row, widths, left, strict=True)
    )
    return "| " + " | ".join(padded) + " |"
