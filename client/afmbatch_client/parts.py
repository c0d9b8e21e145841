"""Large files are sent in parts, of which only one is sent again after a broken transfer."""

import os
from typing import BinaryIO

from afmbatch_client.connection import Connection

PARTS_FROM_BYTES = 64 << 20
PART_BYTES = 8 << 20


def send_in_parts(connection: Connection, field: str, name: str, file: BinaryIO) -> str:
    """Send a file in parts and return the id of the upload. field: the form field that the file is for.

    Raises ProblemError, ConnectionLost.
    """
    size = os.fstat(file.fileno()).st_size
    upload = connection.json("POST", "/v1/uploads", json={"name": name, "bytes": size, "field": field})["id"]
    offset = 0
    headers = {"Content-Type": "application/octet-stream"}
    while part := file.read(PART_BYTES):
        address = f"/v1/uploads/{upload}/{offset}"
        offset = connection.json("PUT", address, content=part, headers=headers)["received"]
    return str(upload)
