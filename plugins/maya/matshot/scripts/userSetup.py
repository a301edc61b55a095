"""Run by Maya when it starts; the shelf is built once its window is there."""

import sys

# Maya 2022 can also be started with Python 2, in which this file has to compile and do nothing.
if sys.version_info >= (3, 7):
    from maya import cmds

    if not cmds.about(batch=True):
        cmds.evalDeferred("import matshot_maya.shelf; matshot_maya.shelf.build()", lowestPriority=True)
