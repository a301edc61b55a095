"""Three walls like this one, each from another seed, all of them tileable."""

from inputs import SIZE, output_folder, write_wall

import matshot

out = output_folder()
wall = write_wall(out)

walls = []
for seed in range(3):
    walls.append(out / "walls" / f"wall_{seed}.png")
    matshot.multiply(wall, size=(SIZE, SIZE), seed=seed, tileable=True, variety=0.8, output=walls[-1])

matshot.preview(wall, *walls, size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
