"""Arithmetic on plugs with the utility nodes that every Maya and every renderer supports."""

from typing import Dict, Optional, Union

from maya import cmds

#: A plug (``node.attribute``) or a number.
Term = Union[str, float]

#: Of ``multiplyDivide.operation``.
_MULTIPLY = 1
_DIVIDE = 2
_POWER = 3
#: Of ``plusMinusAverage.operation``.
_SUM = 1
_SUBTRACT = 2


class Arithmetic:
    """Creates nodes and returns the plugs with their results; equal terms share a node.

    Args:
        prefix: of node names.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._outputs: Dict[str, str] = {}

    def product(self, first: Term, second: Term) -> str:
        """``first * second``."""
        return self._factors("product", _MULTIPLY, first, second)

    def quotient(self, first: Term, second: Term) -> str:
        """``first / second``."""
        return self._factors("quotient", _DIVIDE, first, second)

    def power(self, base: Term, exponent: Term) -> str:
        """``base ** exponent``."""
        return self._factors("power", _POWER, base, exponent)

    def sum(self, first: Term, second: Term) -> str:
        """``first + second``."""
        return self._terms("sum", _SUM, first, second)

    def difference(self, first: Term, second: Term) -> str:
        """``first - second``."""
        return self._terms("difference", _SUBTRACT, first, second)

    def _factors(self, word: str, operation: int, first: Term, second: Term) -> str:
        return self._node(word, "multiplyDivide", operation, {"input1X": first, "input2X": second}, "outputX")

    def _terms(self, word: str, operation: int, first: Term, second: Term) -> str:
        return self._node(word, "plusMinusAverage", operation, {"input1D[0]": first, "input1D[1]": second}, "output1D")

    def _node(self, word: str, kind: str, operation: int, inputs: Dict[str, Term], output: str) -> str:
        key = repr((kind, operation, sorted(inputs.items())))
        plug: Optional[str] = self._outputs.get(key)
        if plug is None:
            node = cmds.shadingNode(kind, asUtility=True, name="{}_{}".format(self._prefix, word))
            cmds.setAttr("{}.operation".format(node), operation)
            for name, value in inputs.items():
                target = "{}.{}".format(node, name)
                if isinstance(value, str):
                    cmds.connectAttr(value, target)
                else:
                    cmds.setAttr(target, value)
            plug = self._outputs[key] = "{}.{}".format(node, output)
        return plug
