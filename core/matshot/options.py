"""Options of a tool, checked by its entry in the tool table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from matshot_host.tools import Tool


class ToolOptions:
    """Base of the dataclasses that hold a tool's parameters.

    Making one checks the values of all fields that the table has, and converts them to its types: a whole float becomes
    an integer, a list a tuple.

    Attributes:
        table: the tool's entry; what it does not have is left unchecked.
    """

    table: ClassVar[Tool]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            MatshotError: for a value that :meth:`matshot_host.tools.Tool.check` refuses.
        """
        for name, value in self.table.check(self.table.accepted(self._values())).items():
            object.__setattr__(self, name, value)

    @classmethod
    def has(cls, name: str) -> bool:
        """Whether an option of that name is among the fields."""
        return any(field.name == name for field in fields(cls))  # type: ignore[arg-type]

    def _values(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
