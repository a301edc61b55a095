"""Where the plug-ins of hosts lie: in this package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path


def plugin_files(host: str, folder: str) -> Path | None:
    """The folder that holds a host's plug-in; None where this installation has none.

    Args:
        host: such as ``blender``.
        folder: of the plug-in in it.
    """
    here = Path(__file__).resolve().parent
    places = (here / "plugins" / host, here.parents[1] / "plugins" / host)
    return next((place for place in places if (place / folder).is_dir()), None)
