"""Findings: conclusions about a file that its user is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """A single conclusion about a file."""

    #: What the finding is about, a stable word for programs: "end_point", "electron_count", …
    subject: str
    #: The conclusion for people: plain English with numbers and units.
    message: str
    #: The numbers behind the message, by name; a name ends with the unit where there is one.
    numbers: Mapping[str, float] = field(default_factory=dict)
    #: True if the user should look at this: the file was accepted, but something about it is unusual.
    warning: bool = False
