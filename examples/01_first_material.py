"""A first material: one photograph, taken with flash, becomes a material folder."""

from inputs import output_folder, write_photographs

import matshot

out = output_folder()
flash, ambient = write_photographs(out)

wall = matshot.oneshot(flash, fov=60, output=out / "wall")
print(wall.width, wall.height, *wall.maps)

matshot.preview(out / "wall", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
