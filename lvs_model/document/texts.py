"""The texts of the cluster document: names, and words that go unquoted into daemons' configurations."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# IFNAMSIZ is 16 with the final NUL (linux/if.h). The kernel allows more characters than these, but
# names go unquoted into daemons' configurations.
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_WORD = r"[A-Za-z0-9/_.:?&=%+,;@*()-][A-Za-z0-9/_.:?&=%+,;@*()~-]{0,254}"
_TOKEN = re.compile(_WORD)
_PATH = re.compile(r"/[A-Za-z0-9/_.:?&=%+,;@*()~-]{0,254}")
_COMMAND = re.compile(rf"/{_WORD}( {_WORD})*")
# The same with two words in braces, which the toolkit replaces.
_CHECK_WORD = r"(\{address\}|\{port\}|[A-Za-z0-9/_.:?&=%+,;@*()-]|(?<=[^ ])~){1,255}"
_CHECK_COMMAND = re.compile(rf"/{_WORD}( {_CHECK_WORD})*")
_DOMAIN = re.compile(r"\.|([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
_HEX = re.compile(r"([0-9A-Fa-f]{2}){1,256}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_PASSWORD = re.compile(r"[A-Za-z0-9_.:+,@%=-]{1,8}")


def _plain_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 31 of a-z, 0-9, '_' and '-', and begins with a letter")
    return value


def _interface_name(value: str) -> str:
    if not _INTERFACE.fullmatch(value) or value in {".", "..", "lo"}:
        raise ValueError("an interface name is 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-', and not lo")
    return value


def _token(value: str) -> str:
    # These go into daemons' configurations, where other characters end a value or are expanded.
    if not _TOKEN.fullmatch(value):
        raise ValueError("use 1 to 255 of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, not beginning with '~'")
    return value


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("begin it with '/', and use up to 254 more of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-")
    return value


_COMMAND_RULE = (
    "write the absolute path of a program and its arguments, separated by one blank each, of "
    "A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, none beginning with '~'"
)


def _command(value: str) -> str:
    if not _COMMAND.fullmatch(value):
        raise ValueError(_COMMAND_RULE)
    return value


def _check_command(value: str) -> str:
    if not _CHECK_COMMAND.fullmatch(value):
        raise ValueError(f"{_COMMAND_RULE}; {{address}} and {{port}} may stand in the arguments")
    return value


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value) or len(value) > 253:
        raise ValueError("write a domain name: labels of A-Z, a-z, 0-9, '_' and '-' between dots, or '.'")
    return value


def _hexadecimal(value: str) -> str:
    if not _HEX.fullmatch(value):
        raise ValueError("write 1 to 256 bytes as pairs of hexadecimal digits, such as '0aff'")
    return value.lower()


def _md5(value: str) -> str:
    if not _MD5.fullmatch(value):
        raise ValueError("write the 32 hexadecimal digits that `genhash` prints")
    return value


def _parse_password(value: object) -> str:
    # No message may show it, whatever it is.
    if not isinstance(value, str) or not _PASSWORD.fullmatch(value):
        what, remedy = "this is no password for VRRP", "write a text of 1 to 8 of A-Z, a-z, 0-9 and _.:+,@%=-"
        raise PydanticCustomError("own", "{what}: {remedy}", {"what": what, "remedy": remedy})
    return value


def _line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("write one line of printable characters")
    return value


def _words(value: str) -> str:
    if not value or len(value) > 200 or not value.isprintable():
        raise ValueError("write 1 to 200 printable characters on one line")
    return value


def _text(pattern: re.Pattern[str]) -> WithJsonSchema:
    """What an editor checks of a text."""
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern.pattern})$"})


Name = Annotated[str, AfterValidator(_plain_name), _text(_NAME)]
# Ansible has its own rules for these, and a group that does not exist is an error anyway.
GroupName = Annotated[str, Field(min_length=1)]
HostName = Annotated[str, Field(min_length=1)]
InterfaceName = Annotated[str, AfterValidator(_interface_name), _text(_INTERFACE)]
Token = Annotated[str, AfterValidator(_token), _text(_TOKEN)]
Path = Annotated[str, AfterValidator(_path), _text(_PATH)]
Command = Annotated[str, AfterValidator(_command), _text(_COMMAND)]
CheckCommand = Annotated[str, AfterValidator(_check_command), _text(_CHECK_COMMAND)]
Domain = Annotated[str, AfterValidator(_domain), _text(_DOMAIN)]
Hexadecimal = Annotated[str, AfterValidator(_hexadecimal), _text(_HEX)]
Md5 = Annotated[str, AfterValidator(_md5), _text(_MD5)]
Password = Annotated[str, PlainValidator(_parse_password), _text(_PASSWORD)]
Words = Annotated[str, AfterValidator(_words)]
Line = Annotated[str, AfterValidator(_line)]
