"""Quality flags the images that may be wrong."""

from enum import IntFlag

from kernels.device.shared import share_constants


class Quality(IntFlag):
    """Problems of an image, as bits."""

    GOOD = 0
    #: The relaxation of the probe particle did not converge in some pixel.
    NOT_CONVERGED = 1
    #: The probe particle is above its tip, further sideways than its bond is long, or past an atom.
    LEFT = 2
    #: The height map found no iso-surface under the image's tip.
    NO_ISO_SURFACE = 4
    #: A frequency shift is infinite or not a number.
    NOT_FINITE = 8


share_constants("quality", **{f"QUALITY_{flag.name}": int(flag) for flag in Quality})
