"""One server of OpenStack Swift, for Debian's Python, which has it: proxy, account, container or object, and CONF.

As Debian's commands, except that swift.conf is beside CONF instead of in /etc.
"""

import sys
from pathlib import Path

from swift.common import utils

part, conf = sys.argv[1:]
utils.SWIFT_CONF_FILE = str(Path(conf).with_name("swift.conf"))

from swift.common.wsgi import run_wsgi  # noqa: E402 - which reads it

sys.exit(run_wsgi(conf, f"{part}-server"))
