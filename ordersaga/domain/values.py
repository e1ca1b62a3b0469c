"""The base of every value that travels between processes: immutable, strict about unknown fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Immutable value; an unknown field is an error, so a typing mistake never passes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(BaseModel):
    """A value on the wire between versions of this program: fields added later are ignored by older readers."""

    model_config = ConfigDict(frozen=True, extra="ignore")
