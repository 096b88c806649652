# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-stub.py GIR ADDITIONS ERRORS OVERRIDE STUB: writes the type stub of Tbuf.

What is introspected comes from the GIR, what the override adds from ADDITIONS, and its exceptions from the table in
ERRORS.
"""

import ast
import sys
import xml.etree.ElementTree

CORE = "{http://www.gtk.org/introspection/core/1.0}"
C = "{http://www.gtk.org/introspection/c/1.0}"

BASIC_TYPES = {"none": "None", "gboolean": "bool", "utf8": "str", "filename": "str", "gfloat": "float", "gdouble": "float",
               "gpointer": "object", "GType": "type", "GLib.Quark": "int", "Gio.AsyncReadyCallback": "Callable[..., Any]"}
own_types = set()
INTEGERS = {"gint", "guint", "gsize", "gssize", "glong", "gulong", "guint8", "gint8", "gint16", "guint16", "gint32", "guint32",
            "gint64", "guint64"}


def find_all(element, *tags):
    return [child for child in element if child.tag in [CORE + tag for tag in tags]]


def is_shown(element):
    return element.get("introspectable", "1") == "1" and element.get("moved-to") is None and element.get("shadowed-by") is None


def python_name(element):
    return element.get("shadows") or element.get("name")


def type_of(element, is_result):
    """The type of a parameter or a result, without None."""
    array = element.find(CORE + "array")
    if array is not None:
        item = array.find(CORE + "type").get("name")
        if item in ("guint8", "gint8") and is_result:
            return "bytes"
        return f"{'list' if is_result else 'Sequence'}[{name_type(item)}]"
    return name_type(element.find(CORE + "type").get("name"))


def name_type(name):
    if name in INTEGERS:
        return "int"
    # What is left are types of callbacks and the like, which have no name in Python.
    return BASIC_TYPES.get(name, name if name in own_types or "." in name else "Any")


def nullable(element, text):
    absent = element.get("nullable") == "1" or (element.get("allow-none") == "1" and element.get("direction", "in") == "in")
    return f"{text} | None" if absent else text


class Callable:
    """A function, method or constructor of the GIR, as a stub has it."""

    def __init__(self, element):
        self.name = python_name(element)
        self.is_method = element.tag == CORE + "method"
        parameters = element.find(CORE + "parameters")
        parameters = [] if parameters is None else find_all(parameters, "parameter")
        result = element.find(CORE + "return-value")

        # The lengths of arrays and what belongs to a callback are not for Python.
        hidden = set()
        for item in [*parameters, result]:
            array = item.find(CORE + "array")
            if array is not None and array.get("length") is not None:
                hidden.add(int(array.get("length")))
        shown = [parameter for i, parameter in enumerate(parameters) if i not in hidden]

        ins = [p for p in shown if p.get("direction", "in") != "out" and p.find(CORE + "varargs") is None]
        outs = [p for p in shown if p.get("direction", "in") != "in"]
        self.parameters = self.make_parameters(ins)
        self.result = self.make_result(result, outs)

    def make_parameters(self, parameters):
        texts = []
        can_default = True
        for parameter in reversed(parameters):
            name = parameter.get("name")
            if name == "user_data":
                texts.append("*user_data: object")
                continue
            text = f"{name}: {nullable(parameter, type_of(parameter, False))}"
            can_default = can_default and text.endswith("| None")
            texts.append(f"{text} = ..." if can_default else text)
        return texts[::-1]

    def make_result(self, result, outs):
        values = [nullable(out, type_of(out, True)) for out in outs]
        own = nullable(result, type_of(result, True))
        if own != "None" or not values:
            values.insert(0, own)
        return values[0] if len(values) == 1 else f"tuple[{', '.join(values)}]"

    def write(self, in_class):
        parameters = (["self"] if self.is_method else []) + self.parameters
        line = f"def {self.name}({', '.join(parameters)}) -> {self.result}: ..."
        if in_class and not self.is_method:
            return f"@staticmethod\n{line}"
        return line


def indent(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def write_enumeration(element):
    name = element.get("name")
    text = f"class {name}(int):\n"
    for member in find_all(element, "member"):
        text += f"    {member.get('name').upper()}: {name}\n"
    if element.tag == CORE + "bitfield":
        for operator in "or", "and", "xor":
            text += f"    def __{operator}__(self, other: int) -> {name}: ...\n"
        text += f"    def __invert__(self) -> {name}: ...\n"
    for function in find_all(element, "function"):
        if is_shown(function):
            text += indent(Callable(function).write(True))
    return text


def write_class(element, additions, leaf):
    name = element.get("name")
    added = additions.pop(name, None)
    members = list(added.body) if added is not None else []
    base = element.get("parent")
    if added is not None:
        bases = [ast.unparse(node) for node in added.bases]
    else:
        bases = [base]
    if element.get(C + "type", "").startswith("Tbuf") and base == "View":
        own = {member.name for member in members}
        members += [member for member in leaf.body if member.name not in own]
    known = {member.name for member in members}
    body = "".join(indent(ast.unparse(member)) for member in members)
    for call in find_all(element, "constructor", "function", "method"):
        if is_shown(call) and python_name(call) not in known:
            body += indent(Callable(call).write(True))
    return f"class {name}({', '.join(bases)}):\n{body or '    ...'}"


def write_errors(errors):
    """The exceptions: those of the table, and those that are made one by one."""
    text = ""
    for node in errors.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ERRORS":
            for key, value in zip(node.value.keys, node.value.values):
                python_errors = value.elts[0]
                names = python_errors.elts if isinstance(python_errors, ast.Tuple) else [python_errors]
                bases = [f"builtins.{ast.unparse(name)}" for name in names if ast.unparse(name) != "RuntimeError"]
                text += f"class {key.value.title().replace('_', '')}Error({', '.join(['GLib.Error', *bases])}): ...\n"
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "make_class":
            own, python_error = (ast.unparse(base) for base in call.args[1].elts)
            text += f"class {call.args[0].value}({own}, builtins.{python_error}): ...\n"
    return text


def write_shortcuts(override):
    """What stands for a flag under a name of its own."""
    text = ""
    for node in override.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Tbuf.ArenaFlags."):
            text += f"{node.targets[0].id}: ArenaFlags\n"
    return text


def parse(path):
    with open(path, encoding="utf-8") as file:
        return ast.parse(file.read())


def main(gir, additions_path, errors_path, override_path, stub):
    namespace = xml.etree.ElementTree.parse(gir).getroot().find(CORE + "namespace")
    own_types.update(element.get("name") for element in find_all(namespace, "class", "enumeration", "bitfield"))
    tree = parse(additions_path)

    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    leaf = classes.pop("Leaf")
    head = [ast.unparse(node) for node in tree.body if not isinstance(node, ast.ClassDef)]
    parts = ["# Made from the GIR and the override of libtbuf.\n" + "\n".join(head) + "\n", write_errors(parse(errors_path)),
             write_shortcuts(parse(override_path))]

    constants = ""
    for constant in find_all(namespace, "constant"):
        constants += f"{constant.get('name')}: {type_of(constant, True)}\n"
    parts.append(constants)
    parts += [write_enumeration(element) for element in find_all(namespace, "enumeration", "bitfield")]
    parts += [write_class(element, classes, leaf) for element in find_all(namespace, "class")]
    parts += [ast.unparse(node) + "\n" for node in classes.values()]
    parts += [Callable(function).write(False) + "\n" for function in find_all(namespace, "function")
              if function.get("introspectable", "1") == "1"]

    with open(stub, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


main(*sys.argv[1:])
