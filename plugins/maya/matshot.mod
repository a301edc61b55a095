+ MAYAVERSION:2022 matshot 0.1.0 ./matshot

+ MAYAVERSION:2023 matshot 0.1.0 ./matshot

+ MAYAVERSION:2024 matshot 0.1.0 ./matshot

+ MAYAVERSION:2025 matshot 0.1.0 ./matshot

+ MAYAVERSION:2026 matshot 0.1.0 ./matshot

+ MAYAVERSION:2027 matshot 0.1.0 ./matshot
