"""The command's page, from the command itself: every sub-command with its arguments and options."""

from collections.abc import Iterator
from typing import Any, Final

from typer.main import get_command

from docs_site.markdown import code, joined, plain, table
from ordersaga import cli
from ordersaga.commands import build

_INTRODUCTION: Final = """# Command line

`ordersaga COMMAND --help` says the same in a terminal; this page is written from it. Options that an environment
variable gives as well name it; `eval "$(ordersaga env)"` sets those of the embedded stack.
"""
_HELP: Final = ("--help", "--install-completion", "--show-completion")
_TYPES: Final = {"str": "text", "int": "whole number", "float": "number", "Path": "file", "datetime": "time"}


def command_page() -> str:
    """The page."""
    group: Any = get_command(build([]))
    exits = (cli.__doc__ or "").partition("Exit codes:")[2].partition("\n\n")[0]
    sections = (_told(path, command) for path, command in commands(group))
    return joined(_INTRODUCTION, f"Exit codes: {' '.join(exits.split())}", *sections)


def commands(group: Any, path: str = "ordersaga") -> Iterator[tuple[str, Any]]:
    """Every command below a group, with what is typed for it; a group comes before its own."""
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            yield f"{path} {name}", command
            if hasattr(command, "commands"):
                yield from commands(command, f"{path} {name}")


def _told(path: str, command: Any) -> str:
    level = "##" if path.count(" ") == 1 else "###"
    about = plain(str(command.help or ""))
    shown = [each for each in command.params if not each.hidden and not set(each.opts) & set(_HELP)]
    if hasattr(command, "commands") and not shown:
        return joined(f"{level} {path}", about)
    usage = " ".join([path, *(_usage(each) for each in shown if each.param_type_name == "argument")])
    rows = [(_spelled(each), _type(each), _absent(each), str(each.help or "")) for each in shown]
    options = table(("", "takes", "when left out", "meaning"), rows) if rows else ""
    return joined(f"{level} {path}", about, f"```text\n{usage} [OPTIONS]\n```", options)


def _usage(argument: Any) -> str:
    name = argument.metavar or str(argument.name).upper()
    return f"{name if argument.required else f'[{name}]'}{'...' if argument.nargs == -1 else ''}"


def _spelled(each: Any) -> str:
    if each.param_type_name == "argument":
        return code(each.metavar or str(each.name).upper())
    names = ", ".join(map(code, [*each.opts, *each.secondary_opts]))
    return f"{names} ({code(each.envvar)})" if isinstance(each.envvar, str) else names


def _type(each: Any) -> str:
    if getattr(each, "is_flag", False):
        return ""
    annotation = each.type_descriptor.annotation
    many = ", repeatable" if getattr(each, "multiple", False) else ""
    return code(each.metavar) + many if each.metavar else f"{_named(annotation)}{many}"


def _named(annotation: Any) -> str:
    words = [
        name for kind in _parts(annotation) for name in [getattr(kind, "__name__", str(kind))] if name != "NoneType"
    ]
    return " or ".join(_TYPES.get(word, word) for word in words)


def _parts(annotation: Any) -> tuple[Any, ...]:
    inside = getattr(annotation, "__args__", None)
    members = getattr(annotation, "__members__", None)
    if members:
        return tuple(code(member.value) for member in members.values())
    return tuple(inner for part in inside for inner in _parts(part)) if inside else (annotation,)


def _absent(each: Any) -> str:
    if each.required:
        return "**required**"
    default = each.default
    return "" if callable(default) or default in (None, "", False, [], ()) else code(getattr(default, "value", default))
