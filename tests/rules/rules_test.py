"""Proves that each rule can fail: rules_test.py RULE tries it on small trees, good and bad."""

import importlib
import json
import pathlib
import sys
import tempfile

import reference_pages
import sources

MUTATION_LIST = ("import dataclasses\n\n\n@dataclasses.dataclass\nclass M:\n    name: str\n    file: str\n    old: str\n    new: str\n\n\n"
                 "MUTATIONS = [M(str(i), 'engine/a.cc', 'text', 'other') for i in range(12)]\n")

ONE_STANZA = ('syntax = "proto3";\n\npackage bimip.v1;\n\n// Asks for a cup.\nmessage Ask {\n  string of = 1;  // What is in it.\n}\n')
ITS_TABLES = ("### Ask\n\nAsks for a cup.\n\n| field | number | type | meaning |\n| --- | --- | --- | --- |\n"
              "| `of` | 1 | string | What is in it. |\n")
ITS_PAGE = f"# Cups\n\n{reference_pages.BEGIN}\n\n{ITS_TABLES}\n{reference_pages.END}\n"


def reference(stanzas=ONE_STANZA, page=ITS_PAGE, index="[cup.md](cup.md)\n"):
    files = {"proto/bimip/v1/cup.proto": stanzas, "docs/reference/cup.md": page, "docs/reference/README.md": index}
    return {path: content for path, content in files.items() if content is not None}


# rule -> (files of a tree, a part of each breach to be found, in order). No breach: the tree is a good one.
TRIALS = {
    "include_directions": [
        ({"engine/base/a.h": "", "engine/device/b.h": '#include "engine/base/a.h"\n#include <vector>\n',
          "engine/store/s.cc": '#include "engine/device/b.h"\n', "engine/store/log.h": "",
          "engine/store/store.h": "", "frontend/node/n.cc": '#include "engine/store/store.h"\n',
          "frontend/session/s.cc": '#include "engine/store/log.h"\n#include <bimip/v1/stanza.pb.h>\n',
          "tools/bimip/t.cc": '#include "engine/store/store.h"\n'}, []),
        ({"engine/base/a.h": '#include "engine/device/b.h"\n', "engine/device/b.h": ""},
         ["engine/base/a.h:1: engine/base may not include engine/device/b.h"]),
        ({"engine/format/a.h": '#include "engine/device/b.h"\n', "engine/device/b.h": ""}, ["engine/format may not"]),
        ({"engine/segment/a.cc": '#include "engine/partition/p.h"\n', "engine/partition/p.h": ""},
         ["engine/segment may not"]),
        ({"engine/partition/a.cc": '#include "engine/store/log.h"\n', "engine/store/log.h": ""},
         ["engine/partition may not"]),
        ({"engine/store/a.cc": '#include <bimip/v1/stanza.pb.h>\n'}, ["engine/store may not"]),
        ({"engine/store/a.cc": '#include "tests/support/x.h"\n', "tests/support/x.h": ""}, ["engine/store may not"]),
        ({"frontend/session/a.cc": '#include "engine/store/store.h"\n', "engine/store/store.h": ""},
         ["frontend may not"]),
        ({"frontend/node/a.cc": '#include "engine/partition/partition.h"\n', "engine/partition/partition.h": ""},
         ["frontend/node may not"]),
        ({"frontend/session/a.cc": '#include "tools/bimip/x.h"\n', "tools/bimip/x.h": ""}, ["frontend may not"]),
        ({"engine/base/a.cc": '#include "b.h"\n', "engine/base/b.h": ""}, ["no file of ours by its path"]),
        ({"engine/base/a.cc": '#include <engine/base/b.h>\n', "engine/base/b.h": ""}, ["in angle brackets"]),
        ({"engine/cellar/a.cc": ""}, ["a folder that the rule does not know"]),
    ],
    "engine_seams": [
        ({"engine/device/posix.cc": "#include <fcntl.h>\n#include <sys/stat.h>\n", "engine/base/a.h": "#include <span>\n",
          "frontend/transport/t.cc": "#include <boost/asio.hpp>\n"}, []),
        ({"engine/store/a.cc": "#include <sys/stat.h>\n"}, ["sys/stat.h outside"]),
        ({"engine/segment/a.h": "#include <unistd.h>\n"}, ["unistd.h outside"]),
        ({"engine/base/a.h": " # include <liburing.h>\n"}, ["liburing.h outside"]),
        ({"engine/partition/a.cc": "#include <fstream>\n"}, ["fstream outside"]),
        ({"engine/device/a.cc": "#include <boost/asio.hpp>\n"}, ["the engine includes boost/asio.hpp"]),
        ({"engine/store/a.cc": "\n#include <google/protobuf/message.h>\n"}, ["engine/store/a.cc:2: the engine includes"]),
    ],
    "every_source_is_built": [
        ({"tests/engine/a_test.cc": "", "compile_commands.json": ["tests/engine/a_test.cc"]}, []),
        ({"tests/engine/a_test.cc": "", "tests/fuzz/fuzz_a.cc": "", "engine/base/a.cc": "",
          "compile_commands.json": ["engine/base/a.cc"]},
         ["tests/engine/a_test.cc: in no target", "tests/fuzz/fuzz_a.cc: in no target"]),
    ],
    "formatting": [
        ({".clang-format": "BasedOnStyle: Google\n", "engine/base/a.h": "int a = 1;\n"}, []),
        ({".clang-format": "BasedOnStyle: Google\n", "engine/base/a.h": "int a = 1;\n",
          "engine/base/b.cc": "int   b=1;\n"}, ["engine/base/b.cc: not formatted"]),
    ],
    "mutations_apply": [
        ({"tests/mutations/mutations.py": MUTATION_LIST, "engine/a.cc": "a text\n"}, []),
        ({"tests/mutations/mutations.py": MUTATION_LIST.replace("range(12)", "[1] * 12"), "engine/a.cc": "a text\n"},
         ["1: twice"]),
        ({"tests/mutations/mutations.py": MUTATION_LIST.replace("range(12)", "range(1)"), "engine/a.cc": "text, text\n"},
         ["only 1 mutations", "0: its text stands 2 times in engine/a.cc"]),
    ],
    "nothing_left_to_do": [
        ({"engine/base/a.h": "// Does it.\n", "build/junk.h": "// TO" + "DO\n"}, []),
        ({"engine/base/a.h": "int a;\n// TO" + "DO: more\n", "docs/design/x.md": "FIX" + "ME\n",
          "README.md": "HA" + "CK\n"}, ["README.md:1", "docs/design/x.md:1", "engine/base/a.h:2"]),
    ],
    "pages_exist": [
        ({"docs/design/x.md": "[y](y.md#part), [out](https://example.org/z.md)\n", "docs/design/y.md": "",
          "engine/base/a.h": "// See docs/design/x.md.\n"}, []),
        ({"docs/design/x.md": "\n[y](y.md)\n", "engine/base/a.h": "// See docs/design/z.md.\n",
          "README.md": "docs/guides/w.md\n"},
         ["README.md:1: there is no docs/guides/w.md", "docs/design/x.md:2: a link to y.md",
          "engine/base/a.h:1: there is no docs/design/z.md"]),
    ],
    "reference_pages": [
        (reference(), []),
        (reference(page=ITS_PAGE.replace("What is in it.", "Its colour.")), ["cup.md: not what bimip/v1/cup.proto says"]),
        (reference(stanzas=ONE_STANZA.replace("of = 1", "of = 2")), ["cup.md: not what bimip/v1/cup.proto says"]),
        (reference(page="# Cups\n"), ["cup.md: no place for the tables"]),
        (reference(page=None), ["cup.md: not there"]),
        (reference(index="# Reference\n"), ["README.md: does not list cup.md"]),
        (reference(stanzas=ONE_STANZA.replace("What is in it.", "Of."), page=ITS_PAGE.replace("What is in it.", "Of.")),
         ["Ask.of has no comment that explains it"]),
        (reference(stanzas=ONE_STANZA.replace("// Asks for a cup.\n", ""), page=ITS_PAGE.replace("Asks for a cup.\n\n", "")),
         ["Ask has no comment that explains it"]),
    ],
    "stanzas_lint": [
        ({"proto/bimip/v1/a.proto": 'syntax = "proto3";\n\npackage bimip.v1;\n\nenum Code {\n  CODE_UNSPECIFIED = 0;\n}\n'},
         []),
        ({"proto/bimip/v1/a.proto": 'syntax = "proto3";\n\npackage bimip.v1;\n\nenum Code {\n  FINE = 0;\n}\n'},
         ["CODE_", "_UNSPECIFIED"]),
        ({"proto/bimip/v1/a.proto": 'syntax = "proto3";\n\npackage bimip.v1;\n\nmessage A {\n'}, ["a.proto"]),
    ],
}


def try_rule(name, files, expected):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        arguments = []
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if path == "compile_commands.json":
                content = json.dumps([{"directory": str(root), "file": file} for file in content])
                arguments = [root / path]
            (root / path).write_text(content)
        found = list(importlib.import_module(name).breaches(root, *arguments))
        matches = len(found) == len(expected) and all(part in breach for part, breach in zip(expected, found))
        if not matches:
            print(f"{name} on {files}\n  must find {expected}\n  found     {found}")
        return matches


def main():
    name = sys.argv[1]
    try:
        results = [try_rule(name, files, expected) for files, expected in TRIALS[name]]
    except sources.CannotLook as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(sources.SKIPPED)
    print(f"{name}: {results.count(True)} of {len(results)} trials as expected")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
