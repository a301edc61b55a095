"""The double refuses what Maya would refuse; else the other tests would prove nothing."""

from __future__ import annotations

import threading

import pytest
from maya_double import stub_path


@pytest.fixture
def cmds(maya):
    from maya import cmds

    return cmds


@pytest.mark.skipif(not stub_path(), reason="types-maya is not installed, so flags are not checked")
@pytest.mark.parametrize(
    "call",
    [
        lambda cmds: cmds.shadingNode("file", asTextur=True),
        lambda cmds: cmds.shadingNode("file", asTexture=1),
        lambda cmds: cmds.undoInfo(openChunk="yes"),
        lambda cmds: cmds.shelfLayout("Matshot", query=True, noSuchThing=True),
        lambda cmds: cmds.scriptJob(event="quitApplication"),
        lambda cmds: cmds.fileDialog2(caption="x", fileMode="1", dialogStyle=2, okCaption="x", fileFilter="x"),
        lambda cmds: cmds.workspaceControl("x", edit=True, retain=True),
    ],
)
def test_flags_are_checked_by_name_mode_and_type(cmds, call):
    with pytest.raises(TypeError):
        call(cmds)


@pytest.mark.parametrize(
    "call",
    [
        lambda cmds: cmds.noSuchCommand(),
        lambda cmds: cmds.polyCube(),
        lambda cmds: cmds.shadingNode("noSuchNode", asUtility=True),
        lambda cmds: cmds.getAttr("lambert1.noSuchAttribute"),
        lambda cmds: cmds.setAttr("lambert1.color", 1.0, 1.0, 1.0),
        lambda cmds: cmds.setAttr("lambert1.color", 1.0, type="double3"),
        lambda cmds: cmds.setAttr("lambert1.outColor", 1.0, 1.0, 1.0, type="double3"),
        lambda cmds: cmds.connectAttr("lambert1.outColor", "initialShadingGroup.surfaceShader"),
        lambda cmds: cmds.connectAttr("lambert1.outColorR", "initialShadingGroup.volumeShader"),
        lambda cmds: cmds.connectAttr("initialShadingGroup.volumeShader", "lambert1.outColor"),
        lambda cmds: cmds.undoInfo(closeChunk=True),
        lambda cmds: cmds.undo(),
    ],
)
def test_what_maya_refuses_is_refused(cmds, call):
    with pytest.raises((AttributeError, RuntimeError, ValueError)):
        call(cmds)


def test_commands_off_the_main_thread_are_refused(cmds):
    caught = []

    def elsewhere():
        try:
            cmds.allNodeTypes()
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert caught == ["allNodeTypes off the main thread"]


def test_rules_choose_a_color_space_unless_they_are_ignored(maya, cmds):
    node = cmds.shadingNode("file", asTexture=True, isColorManaged=True)
    cmds.setAttr(node + ".fileTextureName", "a.exr", type="string")
    assert maya.get(node + ".colorSpace") == "scene-linear Rec.709-sRGB"
    cmds.setAttr(node + ".ignoreColorSpaceFileRules", True)
    cmds.setAttr(node + ".fileTextureName", "a.png", type="string")
    assert maya.get(node + ".colorSpace") == "scene-linear Rec.709-sRGB"


def test_a_chunk_is_one_step_of_undo(maya, cmds):
    before = set(maya.scene.nodes)
    cmds.undoInfo(openChunk=True, chunkName="both")
    cmds.shadingNode("bump2d", asUtility=True)
    cmds.shadingNode("bump2d", asUtility=True)
    cmds.undoInfo(closeChunk=True)
    cmds.undo()
    assert set(maya.scene.nodes) == before
