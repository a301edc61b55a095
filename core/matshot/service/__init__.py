"""The tools as a web service; optional, ``pip install 'matshot[service]'``."""
