"""docs/reference has a page for each file of stanzas, whose tables are what the file says, and nothing in them is unexplained.

`reference_pages.py ROOT --write` writes the tables anew, between their marks; the words around them are left alone.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

import sources

try:
    from google.protobuf import descriptor_pb2
except ImportError:
    descriptor_pb2 = None

PAGES = "docs/reference"
STANZAS = "proto/bimip/v1"
BEGIN, END = "<!-- What follows is written by tests/rules/reference_pages.py. -->", "<!-- What is above is written. -->"
WIDTH = 130
WORD = re.compile(r"\w+")
MESSAGE, ENUM, SERVICE = 4, 5, 6  # fields of a FileDescriptorProto, as source locations name them


def described(root):
    """The files of stanzas as protoc reads them, with their comments."""
    if descriptor_pb2 is None or not shutil.which("protoc"):
        raise sources.CannotLook("no protoc, or no protobuf for Python, here")
    files = sorted((root / STANZAS).glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "all"
        run = subprocess.run(["protoc", f"--proto_path={root / 'proto'}", "--include_source_info", f"--descriptor_set_out={out}",
                              *files], capture_output=True, text=True)
        if run.returncode != 0:
            raise sources.CannotLook(f"protoc: {run.stderr.strip()}")
        return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def stem(file):
    return pathlib.PurePath(file.name).stem


def one_line(place):
    return " ".join(f"{place.leading_comments} {place.trailing_comments}".split())


class Book:
    """All files: where each type is defined, and which body of the stanza it is."""

    def __init__(self, files):
        self.files = files
        self.page_of = {f".{file.package}.{one.name}": stem(file)
                        for file in files for one in (*file.message_type, *file.enum_type)}
        self.body_of = {field.type_name: field for file in files for message in file.message_type
                        if message.name == "Stanza" for field in message.field if field.HasField("oneof_index")}
        self.comment_of = {f".{file.package}.{message.name}": one_line(place) for file in files
                           for place in file.source_code_info.location if len(place.path) == 2 and place.path[0] == MESSAGE
                           for message in [file.message_type[place.path[1]]]}

    def first_sentence(self, type_name):
        return re.match(r"(.*?[.:;])(?: |$)|", self.comment_of.get(type_name, ""))[0].strip(" :;")


class Page:
    """What a file says, in Markdown; `unexplained` names what has no comment that explains it."""

    def __init__(self, book, file):
        self.book, self.file = book, file
        self.comments = {tuple(place.path): one_line(place) for place in file.source_code_info.location}
        self.unexplained = []

    def text(self):
        lines = []
        for number, service in enumerate(self.file.service):
            lines += self._service(service, (SERVICE, number))
        for number, message in enumerate(self.file.message_type):
            lines += self._message(message, (MESSAGE, number))
        for number, enum in enumerate(self.file.enum_type):
            lines += self._enum(enum, (ENUM, number))
        return "\n".join(lines).strip() + "\n"

    def _comment(self, path, name):
        comment = self.comments.get(path, "")
        known = {word.lower() for word in WORD.findall(name.replace("_", " ").replace(".", " "))}
        if not {word.lower() for word in WORD.findall(comment)} - known:
            self.unexplained.append(name)
        return comment.replace("|", "\\|").replace("<", "&lt;")

    def _service(self, service, path):
        yield from self._heading(service.name, self._comment(path, service.name))
        yield "| call | request | answer | meaning |\n| --- | --- | --- | --- |"
        for number, call in enumerate(service.method):
            comment = self._comment((*path, 2, number), f"{service.name}.{call.name}")
            asked = f"{'stream of ' if call.client_streaming else ''}{self._link(call.input_type)}"
            answered = f"{'stream of ' if call.server_streaming else ''}{self._link(call.output_type)}"
            yield f"| {call.name} | {asked} | {answered} | {comment} |"
        yield ""

    def _message(self, message, path):
        yield from self._heading(message.name, self._comment(path, message.name))
        body = self.book.body_of.get(f".{self.file.package}.{message.name}")
        if body is not None:
            yield f"A stanza of its own: `{body.json_name}`, number {body.number}.\n"
        if not message.field:
            yield "It has no fields.\n"
            return
        yield "| field | number | type | meaning |\n| --- | --- | --- | --- |"
        chosen = None
        for number, field in enumerate(message.field):
            group = field.oneof_index if field.HasField("oneof_index") and not field.proto3_optional else None
            if group is not None and group != chosen:
                comment = self.comments.get((*path, 8, group), "")
                yield f"| | | | *One of the following (`{message.oneof_decl[group].name}`).* {comment} |"
            elif group is None and chosen is not None:
                yield "| | | | *Beside it:* |"
            chosen = group
            yield self._field(message, field, (*path, 2, number))
        yield ""

    def _field(self, message, field, path):
        is_body = message.name == "Stanza" and field.HasField("oneof_index")
        comment = (self.book.first_sentence(field.type_name) if is_body else
                   self._comment(path, f"{message.name}.{field.name}"))
        label = "repeated " if field.label == field.LABEL_REPEATED else "optional " if field.proto3_optional else ""
        return f"| `{field.json_name}` | {field.number} | {label}{self._type(field)} | {comment} |"

    def _enum(self, enum, path):
        yield from self._heading(enum.name, self._comment(path, enum.name))
        yield "| value | number | meaning |\n| --- | --- | --- |"
        for number, value in enumerate(enum.value):
            place = (*path, 2, number)
            name = f"{enum.name}.{value.name}"
            comment = self._comment(place, name) if value.number else self.comments.get(place, "") or "Nothing is said."
            yield f"| `{value.name}` | {value.number} | {comment} |"
        yield ""

    @staticmethod
    def _heading(name, comment):
        yield f"### {name}\n"
        if comment:
            yield textwrap.fill(comment, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"

    def _type(self, field):
        if field.type_name:
            return self._link(field.type_name)
        return field.Type.Name(field.type).removeprefix("TYPE_").lower()

    def _link(self, type_name):
        page, name = self.book.page_of[type_name], type_name.rsplit(".", 1)[1]
        where = "" if page == stem(self.file) else f"{page}.md"
        return f"[{name}]({where}#{name.lower()})"


def written(text, tables):
    """The page with these tables between its marks; None when it has none."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return None
    return f"{text[:begin]}{BEGIN}\n\n{tables}\n{text[end:]}"


def breaches(root, *_):
    files = described(root)
    book = Book(files)
    for file in files:
        path = root / PAGES / f"{stem(file)}.md"
        page = Page(book, file)
        tables = page.text()
        for name in page.unexplained:
            yield f"{file.name}: {name} has no comment that explains it"
        if not path.is_file():
            yield f"{PAGES}/{path.name}: not there, and {file.name} is"
            continue
        text = path.read_text()
        wanted = written(text, tables)
        if wanted is None:
            yield f"{PAGES}/{path.name}: no place for the tables, between {BEGIN} and {END}"
        elif wanted != text:
            yield f"{PAGES}/{path.name}: not what {file.name} says: tests/rules/reference_pages.py . --write"
    index = root / PAGES / "README.md"
    listed = set(re.findall(r"\]\((\w+)\.md\)", index.read_text())) if index.is_file() else set()
    for name in sorted({stem(file) for file in files} - listed):
        yield f"{PAGES}/README.md: does not list {name}.md"


def write(root):
    files = described(root)
    book = Book(files)
    for file in files:
        path = root / PAGES / f"{stem(file)}.md"
        text = written(path.read_text(), Page(book, file).text())
        if text is None:
            sys.exit(f"{path}: no place for the tables")
        path.write_text(text)


if __name__ == "__main__":
    if sys.argv[2:] == ["--write"]:
        write(pathlib.Path(sys.argv[1]).resolve())
    else:
        sources.main(breaches)
