"""The mutations that are tried: plausible mistakes among cosmic-ray's, and two of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import parso
from cosmic_ray.operators.operator import Operator

__all__ = ["NAMES", "Provider"]

_SWAPS = (
    ("argmax", "argmin"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("any", "all"),
    ("mean", "sum"),
    ("floor", "ceil"),
    ("cummax", "cummin"),
)
_OTHER = {a: b for pair in _SWAPS for a, b in (pair, pair[::-1])}


class SwapName(Operator):
    """`argmax` for `argmin`, `maximum` for `minimum` and the like, where they are called."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The name of a call."""
        if node.type == "name" and node.value in _OTHER and _is_called(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The other name."""
        return parso.python.tree.Name(node.prefix + _OTHER[node.value], node.start_pos)

    @classmethod
    def examples(cls) -> tuple[()]:
        """None."""
        return ()


class DropKeyword(Operator):
    """A keyword argument that is not passed on."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The first that stands beside other arguments, then the next."""
        if node.type == "arglist" and node.parent.type == "trailer":
            for child in _keywords(node):
                yield child.start_pos, child.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Without that argument and the comma behind it."""
        dropped = _keywords(node)[index]
        at = node.children.index(dropped)
        first = at if at + 1 < len(node.children) else at - 1
        del node.children[first : first + 2]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """None."""
        return ()


def _is_called(name: Any) -> bool:
    behind = name.get_next_sibling()
    if name.parent.type == "trailer":
        behind = name.parent.get_next_sibling()
    return behind is not None and behind.type == "trailer" and behind.children[0].value == "("


def _keywords(arguments: Any) -> list[Any]:
    return [
        child
        for child in arguments.children
        if child.type == "argument" and child.children[1] == "="
    ]


class Provider:
    """Our operators, as cosmic-ray asks for them."""

    def __iter__(self) -> Iterator[str]:
        return iter(("SwapName", "DropKeyword"))

    def __getitem__(self, name: str) -> type[Operator]:
        return {"SwapName": SwapName, "DropKeyword": DropKeyword}[name]


def _binary(pairs: dict[str, tuple[str, ...]], kind: str) -> list[str]:
    return [f"core/{kind}_{a}_{b}" for a, others in pairs.items() for b in others]


NAMES = (
    "core/NumberReplacer",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/AddNot",
    "core/ZeroIterationForLoop",
    "core/ReplaceUnaryOperator_Delete_USub",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceUnaryOperator_Delete_Invert",
    *_binary(
        {
            "Add": ("Sub",),
            "Sub": ("Add",),
            "Mul": ("Div",),
            "Div": ("Mul",),
            "FloorDiv": ("Mul",),
            "Pow": ("Mul",),
            "Mod": ("FloorDiv",),
            "BitAnd": ("BitOr",),
            "BitOr": ("BitAnd",),
        },
        "ReplaceBinaryOperator",
    ),
    *_binary(
        {
            "Lt": ("LtE", "Gt"),
            "LtE": ("Lt", "Gt"),
            "Gt": ("GtE", "Lt"),
            "GtE": ("Gt", "Lt"),
            "Eq": ("NotEq",),
            "NotEq": ("Eq",),
            "Is": ("IsNot",),
            "IsNot": ("Is",),
        },
        "ReplaceComparisonOperator",
    ),
    "jal/SwapName",
    "jal/DropKeyword",
)
