"""What waits in a program's top level where a page cannot: its loop runs already, but the program may ``await``."""

from __future__ import annotations

import ast
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)


class _Awaiting(ast.NodeTransformer):
    """Calls of ``asyncio.run`` as what awaits their argument, but for those in functions."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = node.func
        is_run = isinstance(called, ast.Attribute) and called.attr == "run" and isinstance(called.value, ast.Name)
        if not is_run or called.value.id != "asyncio" or len(node.args) != 1:  # type: ignore[attr-defined]  # a Name
            return node
        return ast.copy_location(ast.Await(node.args[0]), node)

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_GeneratorExp = _leave


def awaiting(tree: N) -> N:
    """A program in which ``asyncio.run`` waits, and gives what its coroutine gives.

    >>> ast.unparse(awaiting(ast.parse("found = asyncio.run(main(1), debug=True)")))
    'found = await main(1)'
    >>> ast.unparse(awaiting(ast.parse("lambda: asyncio.run(main())")))
    'lambda: asyncio.run(main())'
    """
    made: N = _Awaiting().visit(tree)
    return made
