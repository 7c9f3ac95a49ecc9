"""Finds what can be mutated in the headers, and writes headers that hold many mutants, one of them active."""

import os
import re
import subprocess
from dataclasses import dataclass, replace

from clang.cindex import CursorKind as Kind
from clang.cindex import Index

FOLDERS = ["kernel", "kv", "score", "visibility", "quant"]
SATURATING = {"simd/avx2.hpp": "store"}  # of another folder only these functions: they saturate

# What cannot change a result: asking for memory ahead of time, and for how much of it.
EXCLUDED_FILES = ["kernel/prefetch.hpp"]
EXCLUDED_SCOPES = ["RunAhead", "asked", "asked_keys", "asked_values", "asks_all", "output_blocks"]
EXCLUDED_CALLS = ["ask", "ask_for_rest"]

BINARY = {
    "<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"], "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"],
    "+": ["-", ""], "-": ["+", ""], "*": [""], "/": ["*"], "%": ["/"],
    "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"],
}  # fmt: skip
ASSIGNMENTS = {"+=": "-=", "-=": "+=", "*=": "=", "/=": "=", "|=": "=", "&=": "|=", "^=": "="}
CALLS = {"add": "sub", "sub": "add", "mul": "div", "div": "mul"}
TAKE_FIRST = ["add", "sub", "mul", "div", "max", "round", "bounded", "zero_if_hidden", "_mm256_min_ps", "_mm256_max_ps"]
WITHOUT_CODE = [
    Kind.STATIC_ASSERT, Kind.FIELD_DECL, Kind.PARM_DECL, Kind.TYPE_ALIAS_DECL, Kind.TYPE_ALIAS_TEMPLATE_DECL,
    Kind.TEMPLATE_NON_TYPE_PARAMETER, Kind.TEMPLATE_TYPE_PARAMETER, Kind.CONCEPT_DECL,
]  # fmt: skip
SCOPES = [
    Kind.STRUCT_DECL, Kind.CLASS_DECL, Kind.CLASS_TEMPLATE, Kind.FUNCTION_DECL, Kind.FUNCTION_TEMPLATE,
    Kind.CXX_METHOD, Kind.CONSTRUCTOR, Kind.DESTRUCTOR,
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    file: str  # below include/ifa
    scope: str
    start: int  # in the file, in bytes
    end: int
    mutated: str  # what stands there instead, on one line
    line: int
    last_line: int
    key: str  # names the mutant, wherever its line moves


def one_line(text):
    return re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", text)).strip()


class File:
    """The mutants of one header, collected while its syntax tree is walked."""

    def __init__(self, name, text):
        self.name, self.text, self.mutants, self.keys = name, text, [], set()

    def of(self, cursor):
        return self.text[cursor.extent.start.offset : cursor.extent.end.offset]

    def add(self, cursor, scope, mutated):
        start, end = cursor.extent.start.offset, cursor.extent.end.offset
        line_start, line_end = self.text.rfind("\n", 0, start) + 1, self.text.find("\n", end)
        original = one_line(self.text[start:end])
        before, after = one_line(self.text[line_start:start]), one_line(self.text[end:line_end])
        key = f"{self.name} {scope}: {before} [{original} -> {mutated or 'nothing'}] {after}".replace(" ]", "]").strip()
        while key in self.keys:
            key += " (again)"
        self.keys.add(key)
        lines = cursor.extent.start.line, cursor.extent.end.line
        self.mutants.append(Mutant(self.name, scope, start, end, mutated, *lines, key))

    def operator(self, left, right):
        return one_line(self.text[left.extent.end.offset : right.extent.start.offset])

    def add_all(self, cursor, scope, is_statement):
        """The mutants that replace one expression or statement as a whole."""
        children, text = list(cursor.get_children()), one_line(self.of(cursor))
        if not text:  # what a macro says
            return
        if cursor.kind == Kind.BINARY_OPERATOR:
            left, right = map(one_line, map(self.of, children))
            operator = self.operator(*children)
            for other in BINARY.get(operator, []):
                self.add(cursor, scope, f"{left} {other} {right}" if other else left)
            if operator == "=" and is_statement:
                self.add(cursor, scope, "")
        elif cursor.kind == Kind.COMPOUND_ASSIGNMENT_OPERATOR:
            left, right = map(one_line, map(self.of, children))
            other = ASSIGNMENTS.get(self.operator(*children))
            if other:
                self.add(cursor, scope, f"{left} {other} {right}")
            if is_statement:
                self.add(cursor, scope, "")
        elif cursor.kind == Kind.CONDITIONAL_OPERATOR:
            condition, then, otherwise = map(one_line, map(self.of, children))
            self.add(cursor, scope, f"{condition} ? {otherwise} : {then}")
        elif cursor.kind == Kind.UNARY_OPERATOR and text[0] in "!~-" and text[:2] != "--":
            self.add(cursor, scope, one_line(self.of(children[0])))
        elif cursor.kind == Kind.INTEGER_LITERAL:
            self.add(cursor, scope, f"{text} + 1")
        elif cursor.kind == Kind.FLOATING_LITERAL:
            self.add(cursor, scope, "1.f" if text in ("0.f", "0") else f"2 * {text}")
        elif cursor.kind == Kind.CXX_BOOL_LITERAL_EXPR:
            self.add(cursor, scope, "false" if text == "true" else "true")
        elif cursor.kind == Kind.CALL_EXPR:
            self.add_calls(cursor, scope, is_statement, children, text)

    def add_calls(self, cursor, scope, is_statement, children, text):
        if is_statement:
            self.add(cursor, scope, "")
        arguments = [one_line(self.of(argument)) for argument in children[1:]]
        name = re.match(r"[\w:]*?(\w+)\(", text)
        if not name or not arguments:
            return
        if name[1] in TAKE_FIRST:
            self.add(cursor, scope, arguments[0])
        if name[1] in CALLS and len(arguments) == 2:
            self.add(cursor, scope, f"simd::{CALLS[name[1]]}({', '.join(arguments)})")
        if name[1] == "fma" and len(arguments) == 3:
            self.add(cursor, scope, f"simd::mul({arguments[0]}, {arguments[1]})")
            self.add(cursor, scope, arguments[2])

    def walk(self, cursor, scope="", is_statement=False):
        text = self.of(cursor)
        if cursor.kind in WITHOUT_CODE or cursor.spelling in EXCLUDED_SCOPES + EXCLUDED_CALLS:
            return
        if cursor.kind == Kind.VAR_DECL and re.match(r"[^={(]*\bconstexpr\b", text):
            return
        if cursor.kind in SCOPES and cursor.spelling:
            if SATURATING.get(self.name) not in (None, cursor.spelling):
                return
            scope = cursor.spelling
        children = list(cursor.get_children())
        self.add_all(cursor, scope, is_statement)
        if cursor.kind == Kind.IF_STMT:
            if re.match(r"if\s+constexpr\b", text):
                children = children[1:]
            elif children[0].kind.is_expression():
                self.add(children[0], scope, f"!({one_line(self.of(children[0]))})")
        for i, child in enumerate(children):
            is_bound = cursor.kind == Kind.VAR_DECL and self.text[child.extent.start.offset - 1] == "["
            is_parameter = cursor.kind in (Kind.DECL_REF_EXPR, Kind.TYPE_REF, Kind.TEMPLATE_REF)
            if is_parameter or is_bound:  # constants, which cannot be chosen when the program runs
                continue
            body = cursor.kind == Kind.COMPOUND_STMT or (
                i == len(children) - 1 and cursor.kind in (Kind.FOR_STMT, Kind.WHILE_STMT, Kind.CXX_FOR_RANGE_STMT)
            )
            self.walk(child, scope, body or (cursor.kind == Kind.IF_STMT and i > 0))


def find(include, eigen, flags):
    """The mutants of all headers, in their order."""
    resources = subprocess.run(["clang++", "-print-resource-dir"], text=True, capture_output=True, check=True)
    arguments = ["-std=c++20", f"-I{include}", f"-isystem{eigen}", "-resource-dir", resources.stdout.strip(), *flags]
    unit = Index.create().parse("unit.cpp", arguments, [("unit.cpp", "#include <ifa/ifa.hpp>\n")])
    names = [path.relative_to(include / "ifa").as_posix() for path in sorted((include / "ifa").rglob("*.hpp"))]
    mutated = [n for n in names if n in SATURATING or (n.split("/")[0] in FOLDERS and n not in EXCLUDED_FILES)]
    files = {str(include / "ifa" / name): File(name, (include / "ifa" / name).read_text()) for name in mutated}
    visit(unit.cursor, files)
    return [mutant for file in files.values() for mutant in file.mutants]


def visit(cursor, files):
    """Walks every declaration of the files, below any namespaces."""
    for child in cursor.get_children():
        if child.kind in (Kind.NAMESPACE, Kind.LINKAGE_SPEC):
            visit(child, files)
        elif child.location.file and (file := files.get(os.path.normpath(child.location.file.name))):
            file.walk(child)


def written(text, mutants, numbers):
    """The text of a header with its mutants, each behind its number. Lines stay where they were."""
    result, at = "", 0
    pending = sorted(mutants, key=lambda m: (m.start, -m.end))
    while pending:
        outer = pending.pop(0)
        inner = [m for m in pending if m.end <= outer.end]
        pending = pending[len(inner) :]
        moved = [replace(m, start=m.start - outer.start, end=m.end - outer.start) for m in inner]
        kept = written(text[outer.start : outer.end], moved, numbers)
        mutated, original = (f"({outer.mutated})", f"({kept})") if outer.mutated else ("void()", f"void({kept})")
        result += text[at : outer.start] + f"(mutation::is({numbers[outer.key]}) ? {mutated} : {original})"
        at = outer.end
    return result + text[at:]
