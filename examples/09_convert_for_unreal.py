"""A material as Unreal wants it: DirectX normals, occlusion, roughness and metallic in one map, TGA."""

from inputs import output_folder, write_bricks

import matshot

out = output_folder()
bricks = write_bricks(out)

converted = matshot.convert(bricks, normal="dx", pack="orm", format="tga", output=out / "bricks_unreal")
print(*converted.maps)

matshot.preview(out / "bricks_unreal", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
