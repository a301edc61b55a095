"""A whole material twice as large: every map by its kind, all of them aligned."""

from inputs import output_folder, write_bricks

import matshot

out = output_folder()
bricks = write_bricks(out)

larger = matshot.upscale(bricks, scale=2, output=out / "bricks_2x")
print(larger.width, larger.height, *larger.maps)

matshot.preview(out / "bricks_2x", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
