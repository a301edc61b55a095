"""Matshot in Maya: dialogs, a panel of jobs, and shading networks, on top of ``matshot_host``."""
