"""Holds every #include under src/ against the edges listed in tests/layers.txt."""

import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
SOURCES = {".h", ".cc", ".def"}

# Libraries that only one layer may know: replacing one must not be felt anywhere else.
CONFINED = {
    "sqlite3.h": {"sqlite"},
    "libpq-fe.h": {"postgres"},
    "curl/curl.h": {"env"},
    "openssl/evp.h": {"storage"},
    "sodium.h": {"codec"},
    "zstd.h": {"codec"},
    "archive.h": {"engine"},
    "archive_entry.h": {"engine"},
    "zlib.h": {"engine"},
    "CLI/CLI.hpp": {"cli"},
    "toml++/toml.h": {"service"},
}
ANGLED = re.compile(r"^\s*#\s*include\s*<([^>]+)>", re.MULTILINE)


def read_edges(text):
    """The folders that each folder may include. `*` stands for the files directly under src/."""
    edges = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            layer, _, targets = line.partition("->")
            edges[layer.strip()] = set(targets.split())
    return edges


def upward_edges(edges):
    """Edges to a folder that is listed later, or not at all: the list itself must run downward."""
    listed = list(edges)
    return [
        f"{layer} -> {target}"
        for layer in listed
        for target in edges[layer]
        if target not in listed[: listed.index(layer)]
    ]


def violations(src, edges):
    found = []
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in edges:
            found.append(f"src/{folder.name}/ is not listed in tests/layers.txt")
    for path in sorted(p for p in src.rglob("*") if p.suffix in SOURCES):
        name = path.relative_to(src)
        layer = name.parts[0] if len(name.parts) > 1 else "*"
        is_test = path.stem.endswith("_test")
        text = path.read_text(encoding="utf-8")
        for include in INCLUDE.findall(text):
            target = include.split("/")[0] if "/" in include else None
            if is_test and target == "tests":
                continue
            if target is None or not (src / include).is_file():
                found.append(f'src/{name}: "{include}" is not a path from src/')
            elif target != layer and target not in edges.get(layer, ()):
                found.append(f'src/{name}: {layer} may not include "{include}"')
        for include in ANGLED.findall(text):
            if not is_test and layer not in CONFINED.get(include, {layer}):
                found.append(f"src/{name}: {layer} may not include <{include}>")
    return found


class Layers(unittest.TestCase):
    def test_every_include_runs_along_a_listed_edge(self):
        edges = read_edges((ROOT / "tests" / "layers.txt").read_text(encoding="utf-8"))
        self.assertEqual([], violations(ROOT / "src", edges))

    def test_the_list_itself_runs_downward(self):
        edges = read_edges((ROOT / "tests" / "layers.txt").read_text(encoding="utf-8"))
        self.assertEqual([], upward_edges(edges))


class TheRuleItself(unittest.TestCase):
    EDGES = read_edges("base ->  # nothing\nsqlite -> base\nrepository -> base\n* -> base sqlite\n")

    def check(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            for name, text in {"base/a.h": "", "sqlite/b.h": "", **files}.items():
                (src / name).parent.mkdir(exist_ok=True)
                (src / name).write_text(text, encoding="utf-8")
            return violations(src, self.EDGES)

    def test_a_listed_edge_is_allowed(self):
        self.assertEqual([], self.check(**{"sqlite/c.cc": '#include "base/a.h"\n'}))

    def test_an_edge_within_a_layer_is_allowed(self):
        self.assertEqual([], self.check(**{"sqlite/c.cc": '#include "sqlite/b.h"\n'}))

    def test_an_unlisted_edge_is_refused(self):
        self.assertEqual(1, len(self.check(**{"repository/c.cc": '#include "sqlite/b.h"\n'})))

    def test_an_upward_edge_is_refused(self):
        self.assertEqual(1, len(self.check(**{"base/c.cc": '#  include "sqlite/b.h"\n'})))

    def test_an_unlisted_folder_is_refused(self):
        self.assertEqual(1, len(self.check(**{"extra/c.cc": ""})))

    def test_an_include_that_is_no_path_from_src_is_refused(self):
        self.assertEqual(1, len(self.check(**{"sqlite/c.cc": '#include "b.h"\n'})))

    def test_a_confined_library_is_refused_elsewhere(self):
        self.assertEqual(1, len(self.check(**{"repository/c.cc": "#include <sqlite3.h>\n"})))

    def test_a_cycle_in_the_list_is_refused(self):
        self.assertEqual(["a -> b"], upward_edges(read_edges("a -> b\nb -> a\n")))


if __name__ == "__main__":
    unittest.main()
