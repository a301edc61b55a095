"""A whole library through one tool. Run it again: what is done is skipped."""

from inputs import output_folder, write_textures

import matshot

out = output_folder()
textures = write_textures(out)

larger = []
for texture in sorted(textures.rglob("*.png"), reverse=True):
    target = out / "textures_2x" / texture.relative_to(textures)
    larger.append(target)
    if target.exists():
        continue
    try:
        matshot.upscale(texture, scale=2, look="detail", output=target)
    except matshot.MatshotError as error:
        print(f"Skipped {texture}: {error}")

matshot.preview(*larger, size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
