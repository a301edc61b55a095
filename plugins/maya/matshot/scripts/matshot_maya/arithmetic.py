"""Sums and products of plugs, by the utility nodes that every Maya and every renderer for it knows."""

from typing import Dict, Optional, Union

from maya import cmds

#: A plug (``node.attribute``) or a number.
Term = Union[str, float]

_MULTIPLY, _DIVIDE, _POWER = 1, 2, 3
_SUM, _SUBTRACT = 1, 2


class Arithmetic:
    """Makes nodes and gives back the plugs with their results; what was computed once is not computed again.

    Args:
        prefix: of the nodes' names.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._made: Dict[str, str] = {}

    def product(self, first: Term, second: Term) -> str:
        """``first * second``."""
        return self._factors("product", _MULTIPLY, first, second)

    def quotient(self, first: Term, second: Term) -> str:
        """``first / second``."""
        return self._factors("quotient", _DIVIDE, first, second)

    def power(self, base: Term, exponent: Term) -> str:
        """``base`` to the power of ``exponent``."""
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
        made: Optional[str] = self._made.get(key)
        if made is None:
            node = cmds.shadingNode(kind, asUtility=True, name="{}_{}".format(self._prefix, word))
            cmds.setAttr("{}.operation".format(node), operation)
            for name, value in inputs.items():
                plug = "{}.{}".format(node, name)
                if isinstance(value, str):
                    cmds.connectAttr(value, plug)
                else:
                    cmds.setAttr(plug, value)
            made = self._made[key] = "{}.{}".format(node, output)
        return made
