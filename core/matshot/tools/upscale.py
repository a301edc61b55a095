"""The upscale tool on files, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matshot_host.tools import UPSCALE

from ..errors import MatshotError
from ..image.reader import image_size
from ..image.types import Texture
from ..progress import Progress
from ..super_resolution import UpscaleOptions, upscale_all
from ..super_resolution.files import FileOptions, UpscaledFile, common_wrap
from .assets import painted_image
from .job import ToolOutput, ToolRequest, ToolResult
from .store import Reporter, make_folder, picture_of


class UpscaleFiles:
    """Enlarges images, folders, materials and UDIM sets in files."""

    def run(self, request: ToolRequest, parameters: Mapping[str, Any], folder: Path, progress: Progress) -> ToolResult:
        """Enlarge every input into a folder of its own, since files of one name may come from several places.

        Args:
            request: of which the inputs count.
            parameters: checked by the tool table.
            folder: that exists.
            progress: called with ``(fraction, stage)``.

        Raises:
            MatshotError: when no input could be enlarged.
            Cancelled: when ``progress`` raises it.
        """
        options, files, protect = _options(parameters)
        options = _with_common_wrap(request, options)
        outputs: list[ToolOutput] = []
        failures: list[str] = []
        inputs = request.named_inputs
        for index, one in enumerate(inputs):
            place = folder / str(index)
            make_folder(place)
            known: dict[str, Any] = {name: one[name] for name in ("kind", "normal") if one.get(name)}
            source = Path(one["path"])
            part = progress.part(index / len(inputs), (index + 1) / len(inputs), source.name)
            # A material is named for its folder, so it gets one of its own name.
            target = place / (source.resolve().name or "material") if source.is_dir() else place
            outcome = upscale_all([source], target, options, replace(files, **known), protect=protect, progress=part)
            failures += [error.sentence for _, error in outcome.failed]
            failures += outcome.left_out
            if not source.is_dir():
                outputs += [_image_output(done) for done in outcome.done]
            elif outcome.done:
                outputs.append(_folder_output(source, target, outcome.done))
        if not outputs:
            raise MatshotError(failures[0])
        return ToolResult(tuple(outputs), tuple(failures))

    def deliver(self, inputs: Sequence[str], output: Path, parameters: Mapping[str, Any], reporter: Reporter) -> bool:
        """Enlarge the inputs of a command line into a file or folder; whether all of them could be.

        Raises:
            MatshotError: when an input does not exist.
            Cancelled: when the reporter raises it.
        """
        options, files, protect = _options(parameters)
        outcome = upscale_all(
            inputs, output, options, files, protect=protect, progress=reporter.progress, report=reporter.report
        )
        reporter.summary(outcome)
        return not outcome.failed


UPSCALE_FILES = UpscaleFiles()


def _options(parameters: Mapping[str, Any]) -> tuple[UpscaleOptions, FileOptions, Texture | None]:
    """Options of the tool, and of its files, and the mask of what is only interpolated."""
    split = [{name: value for name, value in parameters.items() if kind.has(name)} for kind in _KINDS]
    options, files = UpscaleOptions(**split[0]), FileOptions(**split[1])
    protect = painted_image(options.protect, UPSCALE.parameter("protect").label) if options.protect else None
    return replace(options, protect=Path(options.protect).name), files, protect


_KINDS = (UpscaleOptions, FileOptions)


def _with_common_wrap(request: ToolRequest, options: UpscaleOptions) -> UpscaleOptions:
    """Options for maps of one size: enlarged together they are of one material, and tile alike."""
    first_color = sorted(request.named_inputs, key=lambda one: one.get("kind", "color") != "color")
    files = [Path(one["path"]) for one in first_color]
    if options.wrap != "auto" or len(files) < 2 or not all(file.is_file() for file in files):
        return options
    try:
        alike = len({image_size(file) for file in files}) == 1
    except MatshotError:
        return options
    return replace(options, wrap=common_wrap(files)) if alike else options  # type: ignore[arg-type]


def _image_output(done: UpscaledFile) -> ToolOutput:
    preview = picture_of(done.target, done.target)
    return ToolOutput("image", done.target, preview, done.width, done.height, done.wrap, str(done.source), done.notes)


def _folder_output(source: Path, folder: Path, done: Sequence[UpscaledFile]) -> ToolOutput:
    first = done[0]
    shown = next((one for one in done if any(note.startswith("basecolor of") for note in one.notes)), first)
    notes = tuple(dict.fromkeys(note for one in done for note in one.notes))
    preview = picture_of(shown.target, folder)
    return ToolOutput("material", folder, preview, first.width, first.height, first.wrap, str(source), notes)
