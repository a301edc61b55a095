"""What a tool is asked to do, and what it gives back: one shape for worker, farm, service and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MatshotError
from ..progress import Listener

if TYPE_CHECKING:
    from ..image.types import Unfinished
    from ..material.types import Material
    from .convert import ConvertOptions

#: Called with the path of a picture of unfinished work.
OnPreview = Callable[[Path], None]
#: Called with what makes a picture of unfinished work, such as an octave.
OnTexture = Callable[["Unfinished"], None]

#: Types of a request's fields as JSON.
_FIELDS = {"tool": str, "inputs": list, "parameters": dict, "folder": str, "output": str, "form": dict}


@dataclass(frozen=True)
class ToolRequest:
    """What a tool is asked to do.

    Attributes:
        tool: its name.
        inputs: paths in the order of the tool's inputs; those of a tool that works on files may be
            ``{"path", "kind", "normal"}`` instead, where the caller knows what a map holds.
        parameters: of the tool; what is left out has its default.
        folder: of this request alone, for its outputs and for temporary files.
        output: folder that the outputs are moved to; None leaves them in ``folder``.
        form: parameters of ``convert`` with which materials are written; empty for PNG with OpenGL normals.
    """

    tool: str
    inputs: Sequence[str | Mapping[str, str]]
    parameters: Mapping[str, Any]
    folder: Path
    output: Path | None = None
    form: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ToolRequest:
        """The request that a host sends.

        Raises:
            MatshotError: for a field that is missing or of another type.
        """
        known = {"parameters": {}, "output": "", "form": {}, **values}
        for name, kind in _FIELDS.items():
            if not isinstance(known.get(name), kind):
                raise MatshotError(f"The host's request has no valid {name}.", repr(values))
        output = Path(known["output"]) if known["output"] else None
        return cls(known["tool"], known["inputs"], known["parameters"], Path(known["folder"]), output, known["form"])

    @property
    def named_inputs(self) -> list[dict[str, str]]:
        """Every input as ``{"path", "kind", "normal"}``, without what is not known."""
        return [{"path": one} if isinstance(one, str) else dict(one) for one in self.inputs]

    @property
    def paths(self) -> list[Path]:
        """Paths of the inputs."""
        return [Path(one["path"]) for one in self.named_inputs]


@dataclass(frozen=True)
class ToolOutput:
    """One image or material that a tool wrote.

    Attributes:
        kind: ``image`` or ``material``.
        path: of the file, or the material's folder.
        preview: picture of at most 512 pixels per side; None where none could be made.
        width: in pixels.
        height: in pixels.
        wrap: axes on which it tiles.
        source: input that it was made of, empty if that is not one file.
        notes: sentences for the artist.
    """

    kind: str
    path: Path
    preview: Path | None
    width: int
    height: int
    wrap: str
    source: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The values as JSON can hold them."""
        return {**asdict(self), "path": str(self.path), "preview": str(self.preview or ""), "notes": list(self.notes)}


@dataclass(frozen=True)
class ToolResult:
    """What a tool gives back.

    Attributes:
        outputs: in the order they were written.
        failures: sentences about files that failed while others did not.
    """

    outputs: tuple[ToolOutput, ...]
    failures: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The values as JSON can hold them."""
        return {"results": [one.as_json() for one in self.outputs], "failures": list(self.failures)}


@dataclass(frozen=True)
class ToolWork:
    """Work of a tool whose inputs and parameters are read and checked, but not begun.

    Attributes:
        source: input that the outputs are named for.
        materials: does the work: called with a progress listener, and with what is shown of unfinished work or None,
            it yields one material for each ending. That of an image has a single map.
        image: whether outputs are images instead of material folders.
        name: of the outputs; empty for the name of each material.
        endings: added to the name, one for each output.
        suffix: of images; empty for that of the source, or PNG where that cannot be written.
        form: how material folders are written; None for PNG with OpenGL normals.
        in_place: whether the output may be the source itself.
        original: material that was read, of which the files of maps that are still the same are copied.
    """

    source: Path
    materials: Callable[[Listener, OnTexture | None], Iterator[Material]]
    image: bool = False
    name: str = ""
    endings: tuple[str, ...] = ("",)
    suffix: str = ""
    form: ConvertOptions | None = None
    in_place: bool = False
    original: Material | None = None
