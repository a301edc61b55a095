"""``python -m matshot_export``: the same as ``matshot-export``."""

from .cli import main

if __name__ == "__main__":
    main()
