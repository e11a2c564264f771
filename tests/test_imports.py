"""How the modules hang together: no circle of imports, type checking included, and one name for one class."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


def imports_of_project(root: Path) -> dict[str, set[str]]:
    """Module to the modules of the project that it imports, wherever in the file."""
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for package in root.glob("*/__init__.py")
        for file in package.parent.rglob("*.py")
    }
    imports: dict[str, set[str]] = {}
    for module, file in files.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module}: a relative import is not followed here"
                within = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= within & files.keys() or {str(node.module)}
        imports[module] = named & files.keys() - {module}
    return imports


def circle(imports: dict[str, set[str]]) -> list[str]:
    """One circle of imports; empty when there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_imports() -> None:
    imports = imports_of_project(PROJECT)
    assert len(imports) > 200
    assert not circle(imports)


def test_no_two_classes_have_one_name() -> None:
    found: dict[str, list[str]] = {}
    for package in PROJECT.glob("*/__init__.py"):
        if package.parent.name != "tests":
            for file in package.parent.rglob("*.py"):
                for node in ast.parse(file.read_text()).body:
                    if isinstance(node, ast.ClassDef):
                        found.setdefault(node.name, []).append(str(file.relative_to(PROJECT)))
    assert not {name: files for name, files in found.items() if len(files) > 1}


@pytest.mark.parametrize("line", ["from house import roof", "def live():\n    import house.roof"])
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, line: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").write_text("")
    (house / "roof.py").write_text("from house.wall import height_m\n")
    (house / "wall.py").write_text(line + "\n")
    assert set(circle(imports_of_project(tmp_path))) == {"house.roof", "house.wall"}
