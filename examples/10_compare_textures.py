"""Textures and materials on one sheet, each shown 3 x 3: seams show here before they show in a scene."""

from inputs import output_folder, write_bricks, write_plaster, write_rust, write_wall

import matshot

out = output_folder()
sources = [write_bricks(out), write_wall(out), write_plaster(out), write_rust(out)]

matshot.preview(*sources, view="tiled", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
