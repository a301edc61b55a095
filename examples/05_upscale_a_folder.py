"""A folder of textures, mirrored; names say which are normal maps and which hold data."""

from inputs import output_folder, write_textures

import matshot

out = output_folder()
textures = write_textures(out)

larger = []
for texture in [textures / "wall.png", textures / "concrete_rough.png", textures / "props" / "crate_n.png"]:
    larger.append(out / "textures_2x" / texture.relative_to(textures))
    matshot.upscale(texture, scale=2, output=larger[-1])

matshot.preview(*larger, size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
