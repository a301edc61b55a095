"""Progress and cancelling from Python: a callback that is told how far the work is, and may stop it."""

import threading

from inputs import output_folder, write_wall

import matshot
from matshot.progress import CancelSwitch

out = output_folder()
wall = write_wall(out)


def show(fraction: float, stage: str) -> None:
    """Print progress; a dialog would move its bar."""
    print(f"{fraction:4.0%} {stage}")


matshot.upscale(wall, tile=32, output=out / "wall_4x.png", progress=show)


def stop_halfway(fraction: float, stage: str) -> None:
    """Raise ``Cancelled`` to stop."""
    if fraction > 0.5:
        raise matshot.Cancelled


try:
    matshot.upscale(wall, tile=32, output=out / "never.png", progress=stop_halfway)
except matshot.Cancelled:
    print("Cancelled. Is there a file?", (out / "never.png").exists())

# From another thread, such as that of a user interface:
switch = CancelSwitch(show)
threading.Timer(0.1, switch.cancel).start()
try:
    matshot.upscale(wall, scale=8, tile=32, progress=switch)
except matshot.Cancelled:
    print("Cancelled by the other thread.")

matshot.preview(wall, out / "wall_4x.png", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
