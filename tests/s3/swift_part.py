"""Runs one server of OpenStack Swift with Debian's Python. Arguments: proxy, account, container or object; CONF.

It does what Debian's commands do, except that it reads swift.conf beside CONF instead of in /etc.
"""

import sys
from pathlib import Path

from swift.common import utils

part, conf = sys.argv[1:]
utils.SWIFT_CONF_FILE = str(Path(conf).with_name("swift.conf"))

from swift.common.wsgi import run_wsgi  # noqa: E402 - reads the file when it is imported

sys.exit(run_wsgi(conf, f"{part}-server"))
