"""Counts of what the service did, in the text format that Prometheus reads (version 0.0.4)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

#: Of the answer to ``/metrics``.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Upper ends of the classes of durations, in seconds.
_CLASSES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and durations; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helps: dict[str, str] = {}
        self._counts: dict[str, dict[_Labels, float]] = {}
        self._durations: dict[str, dict[_Labels, list[float]]] = {}

    def count(self, name: str, help_text: str, by: float = 1.0, **labels: str) -> None:
        """Add to a counter; labels have few values, none of which a stranger chooses."""
        with self._lock:
            self._helps[name] = help_text
            counts = self._counts.setdefault(name, {})
            key = tuple(sorted(labels.items()))
            counts[key] = counts.get(key, 0.0) + by

    def duration(self, name: str, help_text: str, seconds: float, **labels: str) -> None:
        """Put a duration into its class."""
        with self._lock:
            self._helps[name] = help_text
            kept = self._durations.setdefault(name, {}).setdefault(
                tuple(sorted(labels.items())), [0.0] * (len(_CLASSES) + 2)
            )
            place = next((place for place, top in enumerate(_CLASSES) if seconds <= top), len(_CLASSES))
            kept[place] += 1
            kept[-1] += seconds

    def text(self, gauges: Iterable[tuple[str, str, Mapping[_Labels, float]]]) -> str:
        """All of it.

        Args:
            gauges: name, help, and values by labels, of what is as it is now.
        """
        lines: list[str] = []
        for name, help_text, values in gauges:
            lines += _head(name, help_text, "gauge")
            lines += [f"{name}{_labeled(labels)} {value:g}" for labels, value in values.items()]
        with self._lock:
            for name, counts in self._counts.items():
                lines += _head(name, self._helps[name], "counter")
                lines += [f"{name}{_labeled(labels)} {value:.17g}" for labels, value in counts.items()]
            for name, durations in self._durations.items():
                lines += _head(name, self._helps[name], "histogram")
                for labels, kept in durations.items():
                    lines += _histogram(name, labels, kept)
        return "\n".join(lines) + "\n"


def _head(name: str, help_text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]


def _labeled(labels: _Labels) -> str:
    if not labels:
        return ""
    parts = []
    for name, value in labels:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        parts.append(f'{name}="{escaped}"')
    return f"{{{','.join(parts)}}}"


def _histogram(name: str, labels: _Labels, kept: list[float]) -> list[str]:
    lines, total = [], 0.0
    for place, top in enumerate((*_CLASSES, float("inf"))):
        total += kept[place]
        bound = "+Inf" if place == len(_CLASSES) else f"{top:g}"
        lines.append(f"{name}_bucket{_labeled((*labels, ('le', bound)))} {total:g}")
    return [*lines, f"{name}_sum{_labeled(labels)} {kept[-1]:.9g}", f"{name}_count{_labeled(labels)} {total:g}"]
