"""Run by Maya at startup; builds the shelf once the window exists."""

import sys

# Maya 2022 may run Python 2, in which this file must compile and do nothing.
if sys.version_info >= (3, 7):
    from maya import cmds

    if not cmds.about(batch=True):
        cmds.evalDeferred("import matshot_maya.shelf; matshot_maya.shelf.build_once()", lowestPriority=True)
