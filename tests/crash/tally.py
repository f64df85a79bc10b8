"""What a crash run counted and what it found wrong."""

from dataclasses import dataclass, field

SHOWN = 20


@dataclass(slots=True)
class Tally:
    """Counts of a run; it is good when `wrong` is empty."""

    title: str
    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, what: str, number: int = 1) -> None:
        """Count something."""
        self.counts[what] = self.counts.get(what, 0) + number

    def table(self) -> str:
        """Return the summary to print."""
        rows = [*self.counts.items(), ("violations", len(self.wrong))]
        width = max(len(name) for name, _ in rows)
        lines = [self.title, "-" * len(self.title)]
        lines += [f"{name:<{width}}  {count:>9,}" for name, count in rows]
        lines += [f"  WRONG: {text}" for text in self.wrong[:SHOWN]]
        if len(self.wrong) > SHOWN:
            lines.append(f"  … and {len(self.wrong) - SHOWN} more")
        return "\n".join(lines)
