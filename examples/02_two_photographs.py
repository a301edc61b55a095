"""Two photographs, with flash and without, become a material that tiles."""

from inputs import output_folder, write_photographs

import matshot

out = output_folder()
flash, ambient = write_photographs(out)

wall = matshot.twoshot(flash, ambient, fov=60, output=out / "wall")
print(wall.width, wall.height, wall.wrap)

matshot.preview(out / "wall", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
