"""The wall with the look of rust."""

from inputs import output_folder, write_rust, write_wall

import matshot

out = output_folder()
wall = write_wall(out)
rust = write_rust(out)

matshot.style(wall, rust, strength=0.4, output=out / "rusty_wall.png")

matshot.preview(wall, rust, out / "rusty_wall.png", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
