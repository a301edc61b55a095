"""An image four times larger, in both looks, beside plain interpolation."""

from inputs import output_folder, write_wall

import matshot

out = output_folder()
wall = write_wall(out)

matshot.upscale(wall, method="bicubic", output=out / "bicubic.png")
larger = matshot.upscale(wall, output=out / "fidelity.png")
matshot.upscale(wall, look="detail", output=out / "detail.png")
print(larger.width, larger.height, larger.wrap)

looks = [out / "bicubic.png", out / "fidelity.png", out / "detail.png"]
matshot.preview(*looks, size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
