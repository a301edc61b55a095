"""What every face of Matshot needs: standard library only, Python 3.7 syntax, packed into plug-ins as it is."""

__version__ = "0.1.0"
