"""A texture that does not tile, made seamless with little change."""

from inputs import output_folder, write_plaster

import matshot

out = output_folder()
plaster = write_plaster(out)

tile = matshot.tile(plaster, output=out / "plaster_tile.png")
print(tile.wrap)

matshot.preview(plaster, out / "plaster_tile.png", view="tiled", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
